"""The parts that several tabs share: choosing a portrait, choosing a clip, options."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from living_portraits import samples, video
from living_portraits.engine import MOST_DEGREES
from living_portraits.errors import LivingPortraitsError, MediaError
from living_portraits.studio import components, views
from living_portraits.studio.choices import FITTED, MOST_STRENGTH, SIZES, Choices
from living_portraits.studio.components import items, points_of_face
from living_portraits.studio.engine_list import EngineList
from living_portraits.studio.order import COLLECTION, artwork
from living_portraits.studio.placing import found_face, guessed_places, lines, placed_face, places_of, sight
from living_portraits.studio.trouble import Trouble
from living_portraits.studio.wording import Wording, options_of
from living_portraits.studio.words import say

FIRST = Choices()
CLIP_TYPES = ["video", ".motion", ".gif", ".mkv", ".avi"]


@dataclass(frozen=True)
class SourcePanel:
    """Controls for the portrait."""

    shelf: Any
    source: Any
    consent: Any
    notes: dict[str, Any]
    editor: Any = None
    reset: Any = None
    box: Any = None


def heading(wording: Wording, key: str) -> Any:
    """A step's title."""
    return wording.put(gr.Markdown, {"value": lambda language: f"## {say(key, language)}"}, elem_classes="lp-step")


def source_panel(wording: Wording, *, name: str, editable: bool = False) -> SourcePanel:
    """A portrait from the collection, or one's own with the sentence about consent; its landmarks if `editable`."""
    heading(wording, "source")
    shelf = components.picker(COLLECTION, multiple=False, legend=say("portraits"), elem_id=f"{name}-portraits")
    wording.remember(
        shelf, items=lambda language: items(COLLECTION, language), legend=lambda language: say("portraits", language)
    )
    source = wording.put(
        components.source, {"label": "own_picture"}, image_mode=None, height=200, elem_id=f"{name}-source",
    )  # fmt: skip
    notes = {"source": components.note(elem_id=f"{name}-source-note")}
    consent = wording.put(gr.Checkbox, {"label": "consent"}, value=False, visible=False, elem_id=f"{name}-consent")
    notes["consent"] = components.note(elem_id=f"{name}-consent-note")
    if not editable:
        return SourcePanel(shelf, source, consent, notes)
    with wording.put(gr.Accordion, {"label": "points"}, open=False, visible=False, elem_id=f"{name}-points-box") as box:
        editor = components.points_editor(elem_id=f"{name}-points")
        wording.put(gr.Markdown, {"value": "points.help"}, elem_classes="lp-hint")
        reset = wording.put(gr.Button, {"value": "points.reset"}, size="sm", elem_id=f"{name}-points-reset")
    return SourcePanel(shelf, source, consent, notes, editor, reset, box)


def look(source: str | None, which: int | None, language: str, restored: dict[str, Any] | None) -> list[Any]:
    """Updates of shelf, consent, source's and consent's note, points' box and editor for a portrait that was chosen."""
    if not source:
        return [[], gr.update(visible=False, value=False), "", "", gr.update(visible=False), gr.update(value=None)]
    path = Path(source)
    try:
        if not video.is_still(path):
            raise MediaError("no picture")
        name = artwork(path)
        face = found_face(path, int(which or 0))
        shown = points_of_face(face, path, language)
    except MediaError:
        note = views.message(say("source.unreadable", language), "trouble")
        return [[], gr.update(visible=False, value=False), note, "", gr.update(visible=False), gr.update(value=None)]
    except LivingPortraitsError as error:
        note = views.message(error.sentence(language) if isinstance(error, Trouble) else str(error), "trouble")
        return [gr.skip(), gr.skip(), note, "", gr.skip(), gr.skip()]
    count = len(sight(path).faces)
    note = ""
    if restored and restored.get("source") == source:
        placed = placed_face(path, int(which or 0), restored["places"])
        shown |= {"value": {"places": restored["places"], "moved": True}, "lines": lines(placed.points)}
    elif not count:
        note = views.message(say("source.no_face", language), "trouble")
    elif count > 1:
        note = views.message(say("source.faces", language, count=count))
    return [
        [name] if name else [],
        gr.update(visible=name is None, value=False),
        note,
        "",
        gr.update(visible=True, open=not count),
        gr.update(**shown),
    ]


def correct(source: str | None, which: int | None, points: dict[str, Any] | None, language: str) -> list[Any]:
    """Updates of the editor and the source's note after a point was moved."""
    if not source or not points:
        return [gr.skip(), gr.skip()]
    try:
        placed = placed_face(Path(source), int(which or 0), points["places"])
    except Trouble as trouble:
        return [gr.skip(), views.message(trouble.sentence(language), "trouble")]
    return [gr.update(lines=lines(placed.points)), views.message(say("points.moved", language))]


def landmarks(source: str | None, which: int | None, points: dict[str, Any] | None) -> dict[str, Any]:
    """How many faces there are, and the chosen one's places and lines, corrected if `points` says so."""
    if not source:
        raise Trouble("source", "source.missing")
    path = Path(source)
    if not video.is_still(path):
        raise Trouble("source", "source.unreadable")
    found = found_face(path, int(which or 0))
    if points and points.get("moved"):
        found = placed_face(path, int(which or 0), points["places"])
    places = guessed_places(path) if found is None else places_of(found.points)
    return {"faces": len(sight(path).faces), "places": places, "lines": [] if found is None else lines(found.points)}


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
    return DriverPanel(shelf, clips, recording, note)


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
    with gr.Row():
        start = wording.put(number, {"label": "start"}, value=FIRST.start, minimum=0, step=0.1, min_width=110,
                            elem_id="start")  # fmt: skip
        end = wording.put(number, {"label": "end"}, value=FIRST.end, minimum=0, step=0.1, min_width=110, elem_id="end")
        face = wording.put(number, {"label": "face"}, value=FIRST.face, minimum=0, precision=0, min_width=110)
    with gr.Row():
        size = wording.put(gr.Dropdown, {"label": "size", "choices": sizes}, value=FIRST.size, min_width=110)
        neutral = wording.put(
            gr.Dropdown,
            {"label": "neutral", "choices": options_of(("neutral.first", "first"), ("neutral.auto", "auto"))},
            value=FIRST.neutral,
            min_width=110,
        )
        sound = wording.put(
            gr.Dropdown,
            {"label": "sound", "choices": options_of(("sound.driver", "driver"), ("sound.none", "none"))},
            value=FIRST.sound,
            min_width=110,
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
        with gr.Row():
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
    with gr.Row():
        first = wording.put(components.number, {"label": "start"}, value=0, **number)
        last = wording.put(components.number, {"label": "end"}, value=end, **number, elem_id=f"{name}-end")
    return {"start": first, "end": last}
