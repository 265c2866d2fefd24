"""Which control shows which text, so that the page can change its language as a whole."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import gradio as gr

from living_portraits.studio.words import LANGUAGES, say

Text: TypeAlias = str | Callable[[str], Any]
"""A key of the table, or what makes a value from a language."""


@dataclass
class Spoken:
    """The language that a visitor's page has now; what runs for them looks here whenever it has something to say."""

    language: str = "en"


class Wording:
    """The texts of a page under construction.

    Attributes:
        spoken: the state that holds a visitor's `Spoken`.
    """

    def __init__(self) -> None:
        self.spoken = gr.State(Spoken())
        self._texts: list[tuple[Any, dict[str, Text]]] = []
        self._live: list[Any] = []

    def put(self, make: Callable[..., Any], texts: dict[str, Text], *, live: bool = False, **more: Any) -> Any:
        """A control made with its English texts, and remembered for the others; `live` if they change by themselves."""
        control = self.remember(make(**_resolved(texts, "en"), **more), **texts)
        if live:
            self._live.append(control)
        return control

    def remember(self, control: Any, **texts: Text) -> Any:
        """A control that exists, and those of its properties that are texts."""
        self._texts.append((control, texts))
        return control

    @property
    def controls(self) -> list[Any]:
        """All that have texts, in the order of `updates`."""
        return [control for control, _ in self._texts]

    def updates(self, language: str, spoken: Spoken) -> list[Any]:
        """What each control needs to change to that language."""
        spoken.language = language
        return [gr.update(**_resolved(texts, language)) for _, texts in self._texts]

    @property
    def live(self) -> list[Any]:
        """Those that change by themselves, in the order of `greeting`."""
        return [control for control, _ in self._texts if control in self._live]

    def greeting(self, language: str) -> list[Any]:
        """What those need on a new page, which is as old as the server."""
        return [gr.update(**_resolved(texts, language)) for control, texts in self._texts if control in self._live]


def _resolved(texts: dict[str, Text], language: str) -> dict[str, Any]:
    return {name: say(text, language) if isinstance(text, str) else text(language) for name, text in texts.items()}


def options_of(*pairs: tuple[str, str]) -> Callable[[str], list[tuple[str, str]]]:
    """Choices of a radio or dropdown: (key of the text, value)."""
    return lambda language: [(say(key, language), value) for key, value in pairs]


def preferred(accept_language: str | None) -> str:
    """The first language of a browser's list that the studio speaks, English otherwise."""
    for wish in (accept_language or "").split(","):
        code = wish.strip()[:2].lower()
        if code in LANGUAGES:
            return code
    return "en"
