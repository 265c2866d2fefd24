"""The tab in which somebody who was learned dances a choreography, and in which somebody is learned."""

from collections.abc import Iterator, Mapping
from typing import Any

import gradio as gr

from living_portraits import samples
from living_portraits.studio import components, panels, views
from living_portraits.studio.components import items
from living_portraits.studio.dance_film import dance, files_of
from living_portraits.studio.dance_order import (
    MOST_TIMES,
    dancer_choices,
    dancer_names,
    take_dance,
)
from living_portraits.studio.lesson_panel import lesson_panel
from living_portraits.studio.running import ONE_AT_A_TIME, PRIVATE, Studio, refused, wire_run_and_stop
from living_portraits.studio.trouble import Trouble
from living_portraits.studio.wording import Spoken, Wording, options_of
from living_portraits.studio.words import say

CLIP_TYPES = ["video", ".dance", ".gif", ".mkv", ".avi"]
ABOUT = (
    "A film of a dancer who dances a choreography. Yields how far it is; in the end the film, and the choreography as "
    "a file if it was read off a clip."
)


def dance_tab(studio: Studio, wording: Wording, language: Any) -> None:
    """Builds the tab and its events."""
    with wording.put(gr.Tab, {"label": "tab.dance"}, id="dance") as tab:
        wording.put(gr.Markdown, {"value": "dance.help"}, elem_classes="lp-hint")
        with gr.Row(equal_height=False):
            with gr.Column(scale=6, min_width=320):
                dancer, nobody = _dancer_control(wording)
                lesson = lesson_panel(wording)
                inputs, notes = _choreography_controls(wording)
            with gr.Column(scale=7, min_width=320, elem_classes="lp-right"):
                shown = _film_controls(wording)
        inputs = {"dancer": dancer, **inputs, "language": language}
        _wire(studio, wording, inputs, {"dancer": nobody, **notes}, shown)
        lesson.wire(studio, wording, language, (dancer, nobody))
        for event in (tab.select, dancer.focus):
            event(lambda language: gr.update(choices=dancer_choices(language)), language, dancer, **PRIVATE)
        names = gr.JSON(visible=False, label="dancers")
        gr.Button(visible=False).click(
            dancer_names, None, names, api_name="dancers", api_description="The names of those who can dance here."
        )


def _dancer_control(wording: Wording) -> tuple[Any, Any]:
    """Who dances, and the sentence where there is nobody."""
    panels.heading(wording, "dancer")
    names = dancer_names()
    control = wording.put(
        gr.Dropdown, {"label": "dancer.who", "choices": dancer_choices}, live=True,
        value=names[0] if names else None, elem_id="dancer",
    )  # fmt: skip
    # Who was taught since the page was built is no stranger: `take_dance` knows who there is.
    control.preprocess = lambda payload: payload
    note = wording.put(
        gr.HTML, {"value": lambda language: "" if dancer_names() else views.message(say("dancer.nobody", language))},
        live=True, apply_default_css=False, elem_classes="lp-room", elem_id="dancer-note",
    )  # fmt: skip
    return control, note


def _choreography_controls(wording: Wording) -> tuple[dict[str, Any], dict[str, Any]]:
    """The gallery, a clip of one's own and the options, by name; and the notes beside them."""
    panels.heading(wording, "dance.steps")
    shelf = components.picker(samples.DANCES, multiple=False, legend=say("clip"), elem_id="dance-choreographies")
    wording.remember(
        shelf, items=lambda language: items(samples.DANCES, language), legend=lambda language: say("clip", language)
    )
    clip = wording.put(gr.File, {"label": "dance.clip"}, file_types=CLIP_TYPES, height=140, elem_id="dance-clip")
    notes = {"drivers": components.note(elem_id="dance-choreography-note")}
    with wording.put(gr.Accordion, {"label": "options"}, open=False, elem_id="dance-options"):
        with gr.Row(elem_classes="lp-fields"):
            times = wording.put(components.number, {"label": "dance.times"}, value=1, minimum=1, maximum=MOST_TIMES,
                                precision=0, min_width=110, elem_id="dance-times")  # fmt: skip
            start = wording.put(components.number, {"label": "start"}, value=0, minimum=0, step=0.1, min_width=110)
            end = wording.put(components.number, {"label": "end"}, value=0, minimum=0, step=0.1, min_width=110,
                              elem_id="dance-end")  # fmt: skip
        sound = wording.put(
            gr.Dropdown,
            {"label": "sound", "choices": options_of(("sound.choreography", "choreography"), ("sound.none", "none"))},
            value="choreography",
        )
        beside = wording.put(gr.Checkbox, {"label": "dance.beside"}, value=False, elem_id="dance-beside")
    notes["options"] = components.note(elem_id="dance-options-note")
    inputs = {"choreography": shelf, "clip": clip, "times": times, "start": start, "end": end, "sound": sound}
    return inputs | {"beside": beside}, notes


def _film_controls(wording: Wording) -> dict[str, Any]:
    """Run, Stop, the note below them, the stage and the files, by name."""
    with gr.Row():
        run = wording.put(gr.Button, {"value": "dance.run"}, variant="primary", size="lg", elem_id="dance-run", scale=3)
        stop = wording.put(
            gr.Button, {"value": "stop"}, variant="stop", size="lg", visible=False, elem_id="dance-stop", scale=1
        )
    note = components.note(elem_id="dance-run-note")
    stage = wording.remember(components.stage(elem_id="dance-stage"), empty=views.empty)
    files = wording.put(
        gr.File,
        {"label": "dance.files"},
        file_count="multiple",
        interactive=False,
        visible=False,
        elem_id="dance-files",
    )
    return {"run": run, "stop": stop, "note": note, "stage": stage, "files": files}


def _wire(
    studio: Studio, wording: Wording, inputs: Mapping[str, Any], notes: Mapping[str, Any], shown: Mapping[str, Any]
) -> None:
    """The events of Run and Stop, and the endpoint for scripts."""
    run, stop, note, stage, files = (shown[name] for name in ("run", "stop", "note", "stage", "files"))

    made = gr.State(None)

    def film(spoken: Spoken, **given: Any) -> Iterator[dict[Any, Any]]:
        quiet = dict.fromkeys([note, *notes.values()], "")
        try:
            order = take_dance(given, studio.limits)
        except Trouble as trouble:  # the film of before stays
            yield quiet | refused(trouble, spoken.language, notes, note, "stage.refused")
            return
        yield quiet | {files: gr.update(visible=False), made: None}
        try:
            for shot in dance(order, studio.root):
                yield {stage: views.stage([shot], spoken.language)}
            there = gr.update(value=[str(file) for file in files_of(shot)], visible=True)
            yield {stage: views.films([shot], None, spoken.language), files: there, made: shot}
        except Trouble as trouble:
            yield refused(trouble, spoken.language, notes, stage, "stage.refused")

    wire_run_and_stop(
        run, stop, stage, work=film, inputs=inputs, spoken=wording.spoken, outputs=[note, files, made, *notes.values()],
        stopped="stage.stopped", turn=ONE_AT_A_TIME,
    )  # fmt: skip
    inputs["language"].change(
        lambda shot, language: ["" if shot is None else views.films([shot], None, language), "", "", ""],
        [made, inputs["language"]], [stage, note, notes["drivers"], notes["options"]], **PRIVATE,
    )  # fmt: skip
    _endpoint(studio, inputs)


def _endpoint(studio: Studio, inputs: Mapping[str, Any]) -> None:
    made = gr.File(visible=False, file_count="multiple", label="files")
    report = gr.JSON(visible=False, label="report")

    def work(clip: Any = None, **given: Any) -> Iterator[tuple[list[str], dict[str, Any]]]:
        try:
            for shot in dance(take_dance(given | {"clip": clip}, studio.limits), studio.root):
                about = {"stage": shot.stage, "done": shot.done, "total": shot.total, "fps": shot.fps}
                yield [str(file) for file in files_of(shot)] if shot.stage == "done" else [], about
        except Trouble as trouble:
            raise gr.Error(trouble.sentence(given["language"]), print_exception=False) from trouble

    gr.Button(visible=False).click(
        work, inputs_kwargs=dict(inputs), outputs=[made, report], api_name="dance", api_description=ABOUT,
        **ONE_AT_A_TIME,
    )  # fmt: skip
