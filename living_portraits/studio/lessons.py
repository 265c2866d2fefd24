"""Lessons of any kind on the page: run, watched, stopped with the best so far; and the endpoint for scripts."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from living_portraits.studio.running import PRIVATE, Studio, refused, wire_run_and_stop
from living_portraits.studio.shelf import Limits
from living_portraits.studio.trouble import Trouble
from living_portraits.studio.wording import Spoken, Wording

ONE_LESSON: dict[str, Any] = {"concurrency_id": "lesson", "concurrency_limit": 1}
"""Lessons wait for each other, and no film waits for them."""


@dataclass(frozen=True)
class Subject:
    """What is taught.

    Attributes:
        take: from the controls' values to an order with a `name`; raises Trouble.
        teach: from that to states, which have a `report` for scripts; closing it keeps the best so far.
        shown: a state as HTML, in a language.
        choices: who was taught, in a language.
        words: "stopped" and "refused": keys of those sentences.
        endpoint, about: for scripts.
    """

    take: Callable[[Mapping[str, Any], Limits], Any]
    teach: Callable[[Any], Iterator[Any]]
    shown: Callable[[Any, str], str]
    choices: Callable[[str], list[tuple[str, str]]]
    words: Mapping[str, str]
    endpoint: str
    about: str


@dataclass(frozen=True)
class LessonPanel:
    """Its controls: what `take` reads, the notes beside them by `Trouble`'s places, the buttons and the stage."""

    subject: Subject
    inputs: Mapping[str, Any]
    notes: Mapping[str, Any]
    run: Any
    stop: Any
    stage: Any

    def wire(self, studio: Studio, wording: Wording, language: Any, taught: tuple[Any, Any]) -> None:
        """The events, and the endpoint for scripts.

        Args:
            taught: the control and the note that are told who was taught once the lesson is over.
        """
        run, stop, stage, subject = self.run, self.stop, self.stage, self.subject

        def lesson(spoken: Spoken, **given: Any) -> Iterator[dict[Any, Any]]:
            quiet = dict.fromkeys(self.notes.values(), "")
            try:
                order = subject.take(given, studio.limits)
                yield quiet
                for state in subject.teach(order):
                    yield {stage: subject.shown(state, spoken.language)}
                choices = subject.choices(spoken.language)
                yield {taught[0]: gr.update(choices=choices, value=order.name), taught[1]: ""}
            except Trouble as trouble:
                yield quiet | refused(trouble, spoken.language, self.notes, stage, subject.words["refused"])

        inputs = {**self.inputs, "language": language}
        wire_run_and_stop(
            run, stop, stage, work=lesson, inputs=inputs, spoken=wording.spoken,
            outputs=[*taught, *self.notes.values()],
            stopped=subject.words["stopped"], turn=ONE_LESSON,
        )  # fmt: skip
        said = list(self.notes.values())
        language.change(lambda: [""] * len(said), None, said, queue=False, **PRIVATE)
        self._endpoint(studio, inputs)

    def _endpoint(self, studio: Studio, inputs: Mapping[str, Any]) -> None:
        report = gr.JSON(visible=False, label="report")
        subject = self.subject

        # A file may be left out by a script, and must have its default here; all else has one in its control.
        def work(pictures: Any = None, **given: Any) -> Iterator[dict[str, Any]]:
            given |= {"pictures": pictures} if "pictures" in inputs else {}
            try:
                for state in subject.teach(subject.take(given, studio.limits)):
                    yield state.report()
            except Trouble as trouble:
                raise gr.Error(trouble.sentence(given["language"]), print_exception=False) from trouble

        gr.Button(visible=False).click(
            work, inputs_kwargs=dict(inputs), outputs=report, api_name=subject.endpoint, api_description=subject.about,
            **ONE_LESSON,
        )  # fmt: skip


def buttons(wording: Wording, *, name: str, run_key: str) -> tuple[Any, Any, Any]:
    """Run, Stop and the stage of a lesson."""
    with gr.Row():
        run = wording.put(gr.Button, {"value": run_key}, variant="secondary", elem_id=f"{name}-run", scale=3)
        stop = wording.put(gr.Button, {"value": "stop"}, variant="stop", visible=False, elem_id=f"{name}-stop", scale=1)
    return run, stop, gr.HTML(apply_default_css=False, elem_id=f"{name}-stage")
