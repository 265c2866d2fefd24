"""The parts that several tabs share: choosing a clip, options."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from living_portraits import samples
from living_portraits.engine import MOST_DEGREES
from living_portraits.studio import components
from living_portraits.studio.choices import FITTED, MOST_STRENGTH, SIZES, Choices
from living_portraits.studio.components import items
from living_portraits.studio.engine_list import EngineList
from living_portraits.studio.running import PRIVATE
from living_portraits.studio.wording import Wording, options_of
from living_portraits.studio.words import say

FIRST = Choices()
CLIP_TYPES = ["video", ".motion", ".gif", ".mkv", ".avi"]


def heading(wording: Wording, key: str) -> Any:
    """A step's title."""
    return wording.put(gr.Markdown, {"value": lambda language: f"## {say(key, language)}"}, elem_classes="lp-step")


@dataclass(frozen=True)
class DriverPanel:
    """Controls for the clips."""

    shelf: Any
    clips: Any
    recording: Any
    note: Any


def driver_panel(wording: Wording, *, name: str, multiple: bool) -> DriverPanel:
    """Clips from the collection, files, or a recording."""
    heading(wording, "drivers")
    key = "clips" if multiple else "clip"
    shelf = components.picker(samples.DRIVERS, multiple=multiple, legend=say(key), elem_id=f"{name}-drivers")
    wording.remember(
        shelf, items=lambda language: items(samples.DRIVERS, language), legend=lambda language: say(key, language)
    )
    with wording.put(gr.Accordion, {"label": "own_clips"}, open=False):
        clips = gr.File(
            show_label=False, file_count="multiple", file_types=CLIP_TYPES, height=110, elem_id=f"{name}-clips"
        )
        recording = wording.put(
            components.recording, {"label": "webcam"}, height=220, elem_id=f"{name}-recording",
        )  # fmt: skip
    note = components.note(elem_id=f"{name}-drivers-note")
    if not multiple:
        _keep_one(shelf, clips, recording)
    return DriverPanel(shelf, clips, recording, note)


def _keep_one(shelf: Any, clips: Any, recording: Any) -> None:
    """Where one clip is filmed, the one that was chosen last stands alone: what is seen is what is taken."""
    own = [clips, recording]
    for each in own:
        others = [other for other in own if other is not each]
        each.change(
            lambda file: [[], None] if file else [gr.skip(), gr.skip()], each, [shelf, *others], queue=False, **PRIVATE
        )
    shelf.picked(lambda names: [None, None] if names else [gr.skip(), gr.skip()], shelf, own, queue=False, **PRIVATE)


def engine_control(wording: Wording, engine_list: EngineList) -> Any:
    """The engines that can be used, and why others cannot."""
    control = wording.put(
        gr.Radio, {"label": "engine", "choices": engine_list.choices}, live=True, value=FIRST.engine, elem_id="engine"
    )
    if excuses := engine_list.excuses("en"):
        wording.put(
            gr.Markdown,
            {"value": lambda language: "\n".join(f"- {line}" for line in engine_list.excuses(language))},
            elem_classes="lp-hint",
            visible=bool(excuses),
        )
    return control


def option_controls(wording: Wording) -> dict[str, Any]:
    """One control for each field of `Choices` but the engine, and a file of sound."""
    radio, number, slider = gr.Radio, components.number, components.slider
    with gr.Row():
        head = wording.put(
            radio,
            {
                "label": "relative",
                "choices": options_of(
                    ("relative.yes", "portrait"), ("relative.frontal", "frontal"), ("relative.no", "clip")
                ),
            },
            value=FIRST.head, min_width=220,
        )  # fmt: skip
        framing = wording.put(
            radio,
            {
                "label": "framing",
                "choices": options_of(
                    ("framing.picture", "picture"), ("framing.head", "head"), ("framing.alpha", "alpha")
                ),
            },
            value=FIRST.framing,
            min_width=220,
        )
    with gr.Row():
        strength = wording.put(slider, {"label": "strength"}, value=FIRST.strength, minimum=0, maximum=MOST_STRENGTH,
                               step=0.05, min_width=180)  # fmt: skip
        smoothing = wording.put(slider, {"label": "smoothing"}, value=FIRST.smoothing, minimum=0, maximum=1,
                                step=0.05, min_width=180)  # fmt: skip
    turns = _turn_controls(wording)
    with gr.Row(elem_classes="lp-fields"):
        start = wording.put(number, {"label": "start"}, value=FIRST.start, minimum=0, step=0.1, min_width=110,
                            elem_id="start")  # fmt: skip
        end = wording.put(number, {"label": "end"}, value=FIRST.end, minimum=0, step=0.1, min_width=110, elem_id="end")
        face = wording.put(number, {"label": "face"}, value=FIRST.face, minimum=0, precision=0, min_width=110)
    with gr.Row(elem_classes="lp-fields"):
        size = wording.put(gr.Dropdown, {"label": "size", "choices": sizes}, value=FIRST.size, min_width=230)
        neutral = wording.put(
            gr.Dropdown,
            {"label": "neutral", "choices": options_of(("neutral.first", "first"), ("neutral.auto", "auto"))},
            value=FIRST.neutral,
            min_width=170,
        )
        sound = wording.put(
            gr.Dropdown,
            {"label": "sound", "choices": options_of(("sound.driver", "driver"), ("sound.none", "none"))},
            value=FIRST.sound,
            min_width=170,
        )
    sound_file = wording.put(gr.File, {"label": "sound.file"}, file_types=["audio", "video"], height=120)
    beside = wording.put(gr.Checkbox, {"label": "beside"}, value=FIRST.beside)
    return {
        "size": size, "head": head, "strength": strength, "smoothing": smoothing, "start": start, "end": end,
        "neutral": neutral, "face": face, "sound": sound, "framing": framing, "beside": beside,
        "sound_file": sound_file,
    } | turns  # fmt: skip


def sizes(language: str) -> list[tuple[str, int]]:
    """Of the face, to choose from."""
    return [(say("size.fitted", language) if size == FITTED else str(size), size) for size in SIZES]


def _turn_controls(wording: Wording) -> dict[str, Any]:
    """What is done to the head on top of the clip's motion, by name; folded away."""
    with wording.put(gr.Accordion, {"label": "turns"}, open=False, elem_id="turns"):
        with gr.Row(elem_classes="lp-fields"):
            degrees = {
                name: wording.put(
                    components.number, {"label": f"turns.{name}"}, value=getattr(FIRST, name), minimum=-MOST_DEGREES,
                    maximum=MOST_DEGREES, step=1, min_width=90, elem_id=f"turn-{name}",
                )
                for name in ("yaw", "pitch", "roll")
            }  # fmt: skip
        with gr.Row():
            expression = wording.put(components.slider, {"label": "expression"}, value=FIRST.expression, minimum=0,
                                     maximum=MOST_STRENGTH, step=0.05, min_width=180)  # fmt: skip
            stay = wording.put(gr.Checkbox, {"label": "stay"}, value=FIRST.stay, min_width=180)
    return {**degrees, "expression": expression, "stay": stay}


def part_of_clip(wording: Wording, *, name: str, end: float = 0) -> dict[str, Any]:
    """From which second of the clip to which it is filmed, by name; 0 is its own end."""
    number: dict[str, Any] = {"minimum": 0, "step": 0.1, "min_width": 110}
    with gr.Row(elem_classes="lp-fields"):
        first = wording.put(components.number, {"label": "start"}, value=0, **number)
        last = wording.put(components.number, {"label": "end"}, value=end, **number, elem_id=f"{name}-end")
    return {"start": first, "end": last}
