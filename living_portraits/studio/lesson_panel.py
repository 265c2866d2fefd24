"""Teaching a dancer: the clip, the name, the tick, and a lesson that can be watched and stopped."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from living_portraits.studio import components, views
from living_portraits.studio.dance_film import teach
from living_portraits.studio.dance_order import LESSONS, SIZES, dancer_choices, take_lesson
from living_portraits.studio.dance_views import schooling
from living_portraits.studio.running import Studio
from living_portraits.studio.trouble import Trouble
from living_portraits.studio.wording import Wording, options_of
from living_portraits.studio.words import say

PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
ONE_LESSON: dict[str, Any] = {"concurrency_id": "lesson", "concurrency_limit": 1}
"""Lessons wait for each other, and no film waits for them."""

ABOUT = (
    "Teaches a dancer from a clip and keeps them by name. Yields how far the lesson is, with the error on held-out "
    "frames at each look; ending it keeps the best so far."
)


@dataclass(frozen=True)
class LessonPanel:
    """Its controls: what `take_lesson` reads, the notes beside them, the buttons and the stage."""

    inputs: Mapping[str, Any]
    notes: Mapping[str, Any]
    run: Any
    stop: Any
    stage: Any

    def wire(self, studio: Studio, language: Any, dancers: tuple[Any, Any]) -> None:
        """The events, and the endpoint for scripts; `dancers` is told who can dance once the lesson is over."""
        run, stop, stage = self.run, self.stop, self.stage

        def lesson(**given: Any) -> Iterator[dict[Any, Any]]:
            said = given["language"]
            quiet = dict.fromkeys(self.notes.values(), "")
            try:
                order = take_lesson(given, studio.limits)
                yield quiet
                for state in teach(order):
                    yield {stage: schooling(state, said)}
                yield {dancers[0]: gr.update(choices=dancer_choices(said), value=order.name), dancers[1]: ""}
            except Trouble as trouble:
                yield quiet | self._refused(trouble, said)
            yield self._idle()

        inputs = {**self.inputs, "language": language}
        running = run.click(
            lambda: [gr.update(interactive=False), gr.update(visible=True)], None, [run, stop], queue=False, **PRIVATE
        ).then(
            lesson, inputs_kwargs=inputs, outputs=[run, stop, stage, *dancers, *self.notes.values()],
            show_progress="full", show_progress_on=[stage], api_visibility="private", **ONE_LESSON,
        )  # fmt: skip
        stop.click(
            lambda language: {stage: views.message(say("teach.stopped", language)), **self._idle()},
            language, [stage, run, stop], cancels=[running], queue=False, **PRIVATE,
        )  # fmt: skip
        self._endpoint(studio, inputs)

    def _idle(self) -> dict[Any, Any]:
        return {self.run: gr.update(interactive=True), self.stop: gr.update(visible=False)}

    def _refused(self, trouble: Trouble, language: str) -> dict[Any, Any]:
        sentence = trouble.sentence(language)
        beside = self.notes.get(trouble.place)
        told = {} if beside is None else {beside: views.message(sentence, "trouble")}
        return told | {self.stage: views.message(say("teach.refused", language, sentence=sentence), "trouble")}

    @staticmethod
    def _endpoint(studio: Studio, inputs: Mapping[str, Any]) -> None:
        report = gr.JSON(visible=False, label="report")

        def work(**given: Any) -> Iterator[dict[str, Any]]:
            try:
                for state in teach(take_lesson(given, studio.limits)):
                    yield state.report()
            except Trouble as trouble:
                raise gr.Error(trouble.sentence(given["language"]), print_exception=False) from trouble

        gr.Button(visible=False).click(
            work, inputs_kwargs=dict(inputs), outputs=report, api_name="teach", api_description=ABOUT, **ONE_LESSON
        )


def lesson_panel(wording: Wording) -> LessonPanel:
    """Builds the controls, folded away."""
    with wording.put(gr.Accordion, {"label": "teach"}, open=False, elem_id="teach"):
        wording.put(gr.Markdown, {"value": "teach.help"}, elem_classes="lp-hint")
        target = wording.put(
            gr.File, {"label": "teach.clip"}, file_types=["video", ".mkv", ".avi"], height=140, elem_id="teach-clip"
        )
        notes = {"target": components.note(elem_id="teach-clip-note")}
        name = wording.put(gr.Textbox, {"label": "teach.as"}, max_lines=1, max_length=40, elem_id="teach-name")
        notes["name"] = components.note(elem_id="teach-name-note")
        with gr.Row():
            lengths = options_of(*((f"teach.{lesson}", lesson) for lesson in LESSONS))
            lesson = wording.put(gr.Radio, {"label": "teach.lesson", "choices": lengths}, value="medium", min_width=200)
            size = wording.put(
                gr.Radio, {"label": "teach.size"}, choices=list(SIZES), value=SIZES[-1], min_width=120,
                elem_id="teach-size",
            )  # fmt: skip
        consent = wording.put(gr.Checkbox, {"label": "teach.consent"}, value=False, elem_id="teach-consent")
        notes["consent"] = components.note(elem_id="teach-consent-note")
        with gr.Row():
            run = wording.put(gr.Button, {"value": "teach.run"}, variant="secondary", elem_id="teach-run", scale=3)
            stop = wording.put(
                gr.Button, {"value": "stop"}, variant="stop", visible=False, elem_id="teach-stop", scale=1
            )
        stage = gr.HTML(apply_default_css=False, elem_id="teach-stage")
    inputs = {"target": target, "name": name, "lesson": lesson, "size": size, "consent": consent}
    return LessonPanel(inputs, notes, run, stop, stage)
