"""The tab that brings a portrait to life: one film for each clip."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from living_portraits import samples
from living_portraits.errors import LivingPortraitsError
from living_portraits.studio import components, panels, views
from living_portraits.studio.ahead import Ahead
from living_portraits.studio.choices import Choices, Settings, read_settings
from living_portraits.studio.converting import FORMS, Form, convert
from living_portraits.studio.order import COLLECTION, drivers_of
from living_portraits.studio.production import Production
from living_portraits.studio.running import ONE_AT_A_TIME, PRIVATE, Runner, Studio
from living_portraits.studio.source_panel import SourcePanel, correct, found_landmarks, look, source_panel
from living_portraits.studio.trouble import Trouble
from living_portraits.studio.wording import Wording
from living_portraits.studio.words import say

ABOUT = (
    "Films of a portrait, one for each clip. Yields how far they are; in the end the films, their motion and the "
    "settings as files, and a report with figures."
)


def portrait_tab(studio: Studio, wording: Wording, language: Any) -> None:
    """Builds the tab and its events."""
    with wording.put(gr.Tab, {"label": "tab.portrait"}, id="portrait"):
        with gr.Row(equal_height=False):
            with gr.Column(scale=6, min_width=320):
                chosen = source_panel(wording, name="portrait", editable=True)
                drivers = panels.driver_panel(wording, name="portrait", multiple=True)
                options, options_note = _options(studio, wording)
            with gr.Column(scale=7, min_width=320, elem_classes="lp-right"):
                runner = Runner(studio, wording, name="portrait", run_key="run")
                _also_buttons(wording, runner, language)
        inputs = {
            **chosen.inputs, "drivers": drivers.shelf, "clips": drivers.clips, "recording": drivers.recording,
            "points": chosen.editor, **options, "language": language,
        }  # fmt: skip
        restore = inputs.pop("restore")
        notes = {**chosen.notes, "drivers": drivers.note, "options": options_note}
        runner.wire(inputs, notes, endpoint="animate", description=ABOUT)
        _landmarks_endpoint(chosen, options["face"])
        _follow_ahead(studio, inputs)
        restored = gr.State(None)
    looked = [chosen.source, options["face"], language, restored]
    _source_events(chosen, options["face"], language, restored, looked)
    controls = {name: options[name] for name in options if name not in ("sound_file", "restore")}
    restore.upload(
        _restorer(tuple(controls)), [restore, language],
        [chosen.source, chosen.shelf, drivers.shelf, restored, options_note, *controls.values()], **PRIVATE,
    ).success(look, looked, chosen.looked, **PRIVATE)  # fmt: skip


def _options(studio: Studio, wording: Wording) -> tuple[dict[str, Any], Any]:
    """Engine, options and the button "restore", by name; and the note beside them."""
    engine = panels.engine_control(wording, studio.engine_list)
    with wording.put(gr.Accordion, {"label": "options"}, open=False, elem_id="options"):
        options = panels.option_controls(wording)
        restore = wording.put(gr.UploadButton, {"label": "restore"}, file_types=[".json"], size="sm", elem_id="restore")
    return {"engine": engine, **options, "restore": restore}, components.note(elem_id="options-note")


def _follow_ahead(studio: Studio, inputs: dict[str, Any]) -> None:
    """Whenever another clip, part of it or engine is chosen, the clips are followed for the film to come."""
    ahead = Ahead()
    names = ("drivers", "clips", "recording", "engine", "size", "smoothing", "start", "end")
    controls = {name: inputs[name] for name in names}

    def picked(**given: Any) -> None:
        try:
            choices = Choices.of(given)
            drivers = drivers_of(given, choices, studio.limits)
        except Trouble:
            return
        ahead.wish(partial(_follow, studio, choices, drivers))

    for control in controls.values():
        control.change(picked, inputs_kwargs=controls, queue=False, **PRIVATE)


def _follow(studio: Studio, choices: Choices, drivers: tuple[Path, ...], check: Callable[[Any], None]) -> None:
    animator = studio.engine_list.animator(choices.engine, choices.size)
    for driver in drivers:
        animator.follow(driver, progress=check, **choices.options())


def _landmarks_endpoint(chosen: SourcePanel, face: Any) -> None:
    """What the tracker sees in a portrait, and what corrected points make of it, for scripts."""

    def landmarks(source: str | None, face: int | None, points: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            return found_landmarks(source, face, points)
        except LivingPortraitsError as error:
            raise gr.Error(str(error).replace(str(source), Path(str(source)).name), print_exception=False) from error

    found = gr.JSON(visible=False, label="found")
    gr.Button(visible=False).click(
        landmarks, inputs_kwargs={"source": chosen.source, "face": face, "points": chosen.editor}, outputs=found,
        api_name="landmarks", api_description="faces: how many; places: points that can be corrected; lines: the face.",
    )  # fmt: skip


def _source_events(chosen: SourcePanel, face: Any, language: Any, restored: Any, looked: list[Any]) -> None:
    """What happens when a portrait is chosen, and when its points are moved."""
    chosen.wire(look, looked, language, face)
    chosen.editor.moved(
        correct, [chosen.source, face, chosen.editor, language], [chosen.editor, chosen.notes["source"]],
        **PRIVATE,
    )  # fmt: skip
    chosen.reset.click(lambda: None, None, restored, **PRIVATE).then(look, looked, chosen.looked, **PRIVATE)


def _also_buttons(wording: Wording, runner: Runner, language: Any) -> None:
    """Films in other forms, once they are made."""
    with runner.results, gr.Row():
        buttons = {
            form: wording.put(gr.Button, {"value": f"make.{form}"}, size="sm", elem_id=f"make-{form}") for form in FORMS
        }
    with runner.results:
        note = components.note(elem_id="files-note")
    for form, button in buttons.items():
        button.click(
            _converter(form), [runner.made, runner.files, language], [runner.files, note],
            api_visibility="private", **ONE_AT_A_TIME,
        )  # fmt: skip


def _converter(form: Form) -> Callable[[Production | None, list[str] | None, str], list[Any]]:
    def make(made: Production | None, files: list[str] | None, language: str) -> list[Any]:
        if made is None:
            return [gr.skip(), views.message(say("make.first", language), "trouble")]
        try:
            more = [str(convert(shot, made.order, form)) for shot in made.shots]
        except LivingPortraitsError as error:
            return [gr.skip(), views.message(str(error).replace(str(made.shots[0].out.parent), ""), "trouble")]
        known = [*map(str, made.files), *(file for file in files or [] if Path(file).suffix in (".gif", ".zip"))]
        names = {Path(file).name for file in more}
        return [[*(file for file in known if Path(file).name not in names), *more], ""]

    return make


def _restorer(names: tuple[str, ...]) -> Callable[[str, str], list[Any]]:
    """Updates of portrait, its shelf, clips, remembered points, the note and the controls called `names`."""

    def restore(file: str, language: str) -> list[Any]:
        try:
            settings = read_settings(Path(file))
        except Trouble as trouble:
            return [*[gr.skip()] * 4, views.message(trouble.sentence(language), "trouble"), *[gr.skip()] * len(names)]
        source = None if settings.portrait is None else str(samples.PORTRAITS[settings.portrait])
        restored = None if source is None or settings.places is None else {"source": source, "places": settings.places}
        values = [getattr(settings.choices, name) for name in names]
        on_shelf = [settings.portrait] if settings.portrait in COLLECTION else []
        return [source, on_shelf, list(settings.drivers), restored, _restored_note(settings, language), *values]

    return restore


def _restored_note(settings: Settings, language: str) -> str:
    if settings.own_files:
        return views.message(say("restored.but", language, names=", ".join(settings.own_files)))
    return views.message(say("restored", language))
