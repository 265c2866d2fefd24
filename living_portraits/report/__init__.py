"""A report card on paper: JSON for programs, Markdown for notes, one HTML page that needs nothing else."""

import json
from pathlib import Path

from living_portraits import places
from living_portraits.errors import OutputError
from living_portraits.evaluate.card import Card
from living_portraits.report.markdown import markdown
from living_portraits.report.page import page

__all__ = ["make_room", "markdown", "page", "write"]

JSON, MARKDOWN, HTML = "card.json", "card.md", "card.html"


def make_room(folder: Path) -> None:
    """Makes the folder of a card that is to be written. Raises OutputError if that, or its files, cannot be made."""
    for name in (JSON, MARKDOWN, HTML):
        places.make_room(folder / name)


def write(card: Card, folder: Path) -> tuple[Path, ...]:
    """Writes card.json, card.md and card.html into `folder`, which is made if need be, and returns their paths.

    Raises OutputError where that cannot be done.
    """
    data = json.dumps(card.as_data(), indent=1, ensure_ascii=False, allow_nan=False)
    texts = {JSON: data + "\n", MARKDOWN: markdown(card), HTML: page(card)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"The card cannot be written to {folder}: {error.strerror or error}.") from error
    return tuple(folder / name for name in texts)
