"""The page's own controls: a shelf of samples to choose from, and a face whose points can be moved."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from living_portraits import align, choreography, draw, face, samples, skeleton, video
from living_portraits.engine import Frame
from living_portraits.studio import views
from living_portraits.studio.placing import HANDLES, guessed_places, lines, picture_of, places_of, sight
from living_portraits.studio.words import say

ASSETS = Path(__file__).parent / "assets"


# The methods that differ are set on the object: Gradio writes a file beside the source of every subclass.


def source(**more: Any) -> Any:
    """A picture as the file that it came as: what it is worth is for the library to say, in one sentence."""
    return _unopened(gr.Image(sources=["upload", "clipboard", "webcam"], type="filepath", **_CAMERA, **more))


def recording(**more: Any) -> Any:
    """A webcam's recording as the file that the browser made."""
    return _unopened(gr.Video(sources=["webcam"], include_audio=True, **_CAMERA, **more))


_CAMERA: dict[str, Any] = {"webcam_options": gr.WebcamOptions(mirror=False), "buttons": []}


def number(**more: Any) -> Any:
    """A number as it was typed: whether it makes sense is for an order to say, beside it and in the page's language."""
    return _unchecked(gr.Number(**more))


def slider(**more: Any) -> Any:
    """The same, with a handle."""
    return _unchecked(gr.Slider(**more))


def _unchecked(control: Any) -> Any:
    control.preprocess = lambda payload: payload
    return control


def _unopened(control: Any) -> Any:
    control.preprocess = lambda payload: None if payload is None else str(payload.path)
    return control


def _described(control: Any, schema: dict[str, Any], example: Any) -> Any:
    """For the endpoints' own documentation: the value's JSON schema, and an example."""
    control.api_info = lambda: schema
    control.example_payload = control.example_value = lambda: example
    return control


def picker(shelf: Mapping[str, Path], *, multiple: bool, legend: str, **more: Any) -> Any:
    """A shelf of samples; its value is the list of the names chosen, also where only one can be."""
    control = gr.HTML(
        value=[],
        html_template=asset("picker.html"),
        js_on_load=asset("picker.js"),
        items=items(shelf, "en"),
        multiple=multiple,
        legend=legend,
        apply_default_css=False,
        **more,
    )
    description = f"names of samples: {', '.join(shelf)}"
    schema = {"type": "array", "items": {"type": "string"}, "description": description}
    return _described(control, schema, [next(iter(shelf))])


def items(shelf: Mapping[str, Path], language: str) -> list[dict[str, str]]:
    """What a picker shows of samples: small pictures inline, clips by address."""
    return [
        {
            "name": name,
            "title": say(f"sample.{name}", language).replace('"', "&quot;"),
            "about": samples.TITLES[name].replace('"', "&quot;"),
            "picture": _thumbnail(path),
            "clip": "" if path.suffix == choreography.SUFFIX or video.is_still(path) else views.url(path),
        }
        for name, path in shelf.items()
    ]


@cache
def _thumbnail(path: Path) -> str:
    """Of a portrait its face and shoulders, of a clip or dance the frame that is least like its first."""
    if path.suffix == choreography.SUFFIX:
        frame = _drawn(choreography.load(path))
    elif video.is_still(path):
        frame = video.read_picture(path).rgb
        if faces := face.find(frame):
            frame = align.Crop.around(faces[0].points, size=2 * views.THUMBNAIL_HEIGHT).take(frame)
    else:
        first, *others = (draw.fit(frame, height=2 * views.THUMBNAIL_HEIGHT) for frame in video.read_frames(path))
        frame = max(others, key=lambda other: float(np.abs(other.astype(np.int16) - first).mean()))
    return views.picture_data(frame, height=2 * views.THUMBNAIL_HEIGHT, quality=78)


def _drawn(dance: choreography.Choreography) -> Frame:
    """A dance's most remarkable pose, whole, on black."""
    away = np.abs(dance.points[..., :2] - dance.points[:1, :, :2]).mean(axis=(1, 2))
    points, size = dance.points[int(away.argmax())].copy(), 2 * views.THUMBNAIL_HEIGHT
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    points[:, :2] = (points[:, :2] - (low + high) / 2) * (0.86 * size / (high - low).max()) + (size - 1) / 2
    return skeleton.draw_skeleton(points, size=size)


def points_editor(**more: Any) -> Any:
    """A face with handles, none yet; its value is {"places": {name: [x, y]}, "moved": bool}, in px of the picture."""
    control = gr.HTML(
        value=None,
        html_template=asset("points.html"),
        js_on_load=asset("points.js"),
        picture="",
        box=[0, 0, 1, 1],
        lines=[],
        names={name: say(f"point.{name}") for name in HANDLES},
        legend=say("points"),
        apply_default_css=False,
        **more,
    )
    description = f"places: x, y in px of {', '.join(HANDLES)}; moved: true to use them"
    return _described(control, {"type": "object", "description": description}, None)


def note(**more: Any) -> gr.HTML:
    """Room for a sentence beside what it is about; takes none while it is empty."""
    return gr.HTML(apply_default_css=False, elem_classes="lp-room", **more)


def stage(**more: Any) -> gr.HTML:
    """Where films are made and shown; `empty` is what stands there before."""
    return gr.HTML(
        value="",
        html_template="${value || empty}",
        js_on_load=asset("films.js"),
        empty=views.empty("en"),
        apply_default_css=False,
        **more,
    )


def points_of_face(found: face.Face | None, source: Path, language: str) -> dict[str, Any]:
    """What the editor shows of a face: of none, handles to begin with."""
    places = guessed_places(source) if found is None else places_of(found.points)
    drawn = [] if found is None else lines(found.points)
    return {
        "value": {"places": places, "moved": False},
        "lines": drawn,
        **_around(source, None if found is None else found.box),
        "names": {name: say(f"point.{name}", language) for name in HANDLES},
        "legend": say("points", language),
    }


def _around(source: Path, face_box: Sequence[float] | None) -> dict[str, Any]:
    """The part of the picture that the editor shows: the face and as much again, or all of it."""
    frame = picture_of(source)
    seen = sight(source)
    left, top, right, bottom = 0, 0, seen.width, seen.height
    if face_box is not None:
        margin = 0.5 * max(face_box[2] - face_box[0], face_box[3] - face_box[1])
        left, top = max(int(face_box[0] - margin), 0), max(int(face_box[1] - margin), 0)
        right, bottom = min(int(face_box[2] + margin), right), min(int(face_box[3] + margin), bottom)
    part = frame[top:bottom, left:right]
    data = views.picture_data(part, height=views.EDITOR_HEIGHT)
    return {"picture": data, "box": [left, top, right - left, bottom - top]}


def asset(name: str) -> str:
    """The text of one of the page's own files."""
    return (ASSETS / name).read_text(encoding="utf-8").strip()
