"""The tab in which somebody is learned from a few pictures, and in which films are made of those who were."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import gradio as gr

from living_portraits.finetune import kept
from living_portraits.studio import components, panels, views
from living_portraits.studio.components import items
from living_portraits.studio.lessons import LessonPanel, Subject, buttons
from living_portraits.studio.order import COLLECTION
from living_portraits.studio.person_film import learn_person
from living_portraits.studio.person_order import LESSONS, person_names, take_learning, take_person
from living_portraits.studio.person_views import learning
from living_portraits.studio.running import PRIVATE, Runner, Studio
from living_portraits.studio.wording import Wording, options_of
from living_portraits.studio.words import say

PICTURE_TYPES = ["image", "video", ".mkv", ".avi"]
SECONDS = 3.0
"""How much of a clip is filmed unless more is asked for."""

ABOUT = (
    "A film of somebody who was learned; with before, also the same as they were drawn before that. Yields as animate "
    "does."
)
PERSON = Subject(
    take=take_learning,
    teach=learn_person,
    shown=learning,
    choices=lambda language: [(name, name) for name in person_names()],
    words={"stopped": "person.stopped", "refused": "teach.refused"},
    endpoint="learn",
    about="Learns somebody from 1 to 32 pictures or one clip and keeps them by name. Yields how far it is, with the "
    "errors of likeness and mimics at each look; ending it keeps the best so far.",
)


def person_tab(studio: Studio, wording: Wording, language: Any) -> None:
    """Builds the tab and its events, where the engine can be used."""
    if kept.ENGINE not in studio.engine_list.usable():
        return
    with wording.put(gr.Tab, {"label": "tab.person"}, id="person") as tab:
        wording.put(gr.Markdown, {"value": "person.help"}, elem_classes="lp-hint")
        with gr.Row(equal_height=False):
            with gr.Column(scale=6, min_width=320):
                person, nobody = _person_control(wording)
                lesson = _learn_panel(wording)
                drivers = panels.driver_panel(wording, name="person", multiple=False)
                part, note = _part_controls(wording)
            with gr.Column(scale=7, min_width=320, elem_classes="lp-right"):
                runner = Runner(
                    studio, wording, name="person", run_key="person.run", take=partial(take_person, root=studio.root)
                )
        clip = {"drivers": drivers.shelf, "clips": drivers.clips, "recording": drivers.recording}
        runner.wire(
            {"person": person, **clip, **part, "language": language},
            {"person": nobody, "source": nobody, "drivers": drivers.note, "options": note},
            endpoint="person", description=ABOUT,
        )  # fmt: skip
        lesson.wire(studio, wording, language, (person, nobody))
        for event in (tab.select, person.focus):
            event(lambda language: gr.update(choices=PERSON.choices(language)), language, person, **PRIVATE)
        names = gr.JSON(visible=False, label="people")
        gr.Button(visible=False).click(
            person_names, None, names, api_name="people", api_description="The names of those who were learned here."
        )


def _person_control(wording: Wording) -> tuple[Any, Any]:
    """Who is filmed, and the sentence where there is nobody."""
    panels.heading(wording, "person")
    names = person_names()
    control = wording.put(
        gr.Dropdown, {"label": "person.who", "choices": PERSON.choices}, live=True,
        value=names[0] if names else None, elem_id="person-who",
    )  # fmt: skip
    # Who was learned since the page was built is no stranger: `take_person` knows who there is.
    control.preprocess = lambda payload: payload
    note = wording.put(
        gr.HTML, {"value": lambda language: "" if person_names() else views.message(say("person.nobody", language))},
        live=True, apply_default_css=False, elem_classes="lp-room", elem_id="person-note",
    )  # fmt: skip
    return control, note


def _learn_panel(wording: Wording) -> LessonPanel:
    """The pictures, the name, the tick, and a lesson that can be watched and stopped; folded away."""
    with wording.put(gr.Accordion, {"label": "person.learn"}, open=not person_names(), elem_id="learn"):
        wording.put(gr.Markdown, {"value": "person.learn.help"}, elem_classes="lp-hint")
        pictures = wording.put(
            gr.File, {"label": "person.pictures"}, file_count="multiple", file_types=PICTURE_TYPES, height=140,
            elem_id="learn-pictures",
        )  # fmt: skip
        with wording.put(gr.Accordion, {"label": "person.artwork"}, open=False, elem_id="learn-artwork"):
            shelf = components.picker(COLLECTION, multiple=False, legend=say("portraits"), elem_id="learn-portraits")
        wording.remember(
            shelf,
            items=lambda language: items(COLLECTION, language),
            legend=lambda language: say("portraits", language),
        )
        notes = {"target": components.note(elem_id="learn-pictures-note")}
        name = wording.put(gr.Textbox, {"label": "teach.as"}, max_lines=1, max_length=40, elem_id="learn-name")
        notes["name"] = components.note(elem_id="learn-name-note")
        lengths = options_of(*((f"person.{lesson}", lesson) for lesson in LESSONS))
        lesson = wording.put(gr.Radio, {"label": "teach.lesson", "choices": lengths}, value="medium")
        consent = wording.put(gr.Checkbox, {"label": "person.consent"}, value=False, elem_id="learn-consent")
        notes["consent"] = components.note(elem_id="learn-consent-note")
        run, stop, stage = buttons(wording, name="learn", run_key="person.learn.run")
    inputs = {"pictures": pictures, "portraits": shelf, "name": name, "lesson": lesson, "consent": consent}
    return LessonPanel(PERSON, inputs, notes, run, stop, stage)


def _part_controls(wording: Wording) -> tuple[Mapping[str, Any], Any]:
    """Which part of the clip, and whether the person as they were before stands beside; and the note."""
    part = panels.part_of_clip(wording, name="person", end=SECONDS)
    before = wording.put(gr.Checkbox, {"label": "person.before.film"}, value=True, elem_id="person-before")
    return {**part, "before": before}, components.note(elem_id="person-options-note")
