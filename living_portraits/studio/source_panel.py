"""Choosing a portrait: shelf, file, consent and the points of its face; and what is said of it once it was seen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from living_portraits import video
from living_portraits.errors import LivingPortraitsError, MediaError
from living_portraits.studio import components, views
from living_portraits.studio.components import items, points_of_face
from living_portraits.studio.order import COLLECTION, artwork
from living_portraits.studio.panels import heading
from living_portraits.studio.placing import found_face, guessed_places, lines, placed_face, places_of, sight
from living_portraits.studio.running import PRIVATE
from living_portraits.studio.trouble import Trouble
from living_portraits.studio.wording import Wording
from living_portraits.studio.words import say

_SHOWN = (".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")  # by browsers


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

    @property
    def inputs(self) -> dict[str, Any]:
        """What `take_order` reads of them, but for the points."""
        return {"source": self.source, "portraits": self.shelf, "consent": self.consent}

    @property
    def looked(self) -> list[Any]:
        """What `look` updates; without an editor, what `glance` does."""
        told = [self.shelf, self.consent, self.notes["source"]]
        return told if self.editor is None else [*told, self.notes["consent"], self.box, self.editor]

    def wire(self, look: Callable[..., list[Any]], inputs: Sequence[Any], language: Any, *also: Any) -> None:
        """Has `look` look at every portrait that is chosen, and again whenever one of the controls `also` changes.

        That takes a while with large pictures. What belongs to the one before, its consent above all, goes at once.
        """
        self.shelf.picked(pick_portrait, self.shelf, self.source, **PRIVATE)
        self.source.upload(visible_copy, self.source, self.source, **PRIVATE)
        gone = [self.consent, *self.notes.values(), *([] if self.editor is None else [self.box, self.editor])]

        def forget() -> list[Any]:
            points = [] if self.editor is None else [gr.update(visible=False), gr.update(value=None, picture="")]
            return [gr.update(visible=False, value=False), *[""] * len(self.notes), *points]

        for control in (self.source, *also):
            control.change(forget, None, gone, queue=False, **PRIVATE).then(
                look, list(inputs), self.looked, trigger_mode="always_last", **PRIVATE
            )
        # Who had agreed, and where points lie, does not depend on the language.
        language.change(lambda *given: look(*given)[2], list(inputs), self.notes["source"], **PRIVATE)


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
    path, consent = Path(source), gr.skip()
    try:
        if not video.is_still(path):
            raise MediaError("no picture")
        name = artwork(path)
        consent = gr.update(visible=name is None, value=False)
        face = found_face(path, int(which or 0))
        shown = points_of_face(face, path, language)
    except MediaError:
        note = views.message(say("source.unreadable", language), "trouble")
        return [[], gr.update(visible=False, value=False), note, "", gr.update(visible=False), gr.update(value=None)]
    except LivingPortraitsError as error:
        note = views.message(error.sentence(language) if isinstance(error, Trouble) else str(error), "trouble")
        return [gr.skip(), consent, note, "", gr.skip(), gr.skip()]
    shown["value"] |= {"source": source}
    count = len(sight(path).faces)
    note = ""
    if restored and restored.get("source") == source:
        placed = placed_face(path, int(which or 0), restored["places"])
        shown |= {
            "value": shown["value"] | {"places": restored["places"], "moved": True},
            "lines": lines(placed.points),
        }
    elif count and face is None:
        note = views.message(say("source.by_hand", language))
    elif not count:
        note = views.message(say("source.no_face", language), "trouble")
    elif count > 1:
        note = views.message(say("source.faces", language, count=count))
    return [
        [name] if name else [],
        consent,
        note,
        "",
        gr.update(visible=True, open=face is None),
        gr.update(**shown),
    ]


def glance(source: str | None, language: str) -> list[Any]:
    """As `look`, of shelf, consent and the source's note alone: where no points can be moved."""
    found = look(source, 0, language, None)[:3]
    if source and found[2] and say("source.no_face", language) in found[2]:
        found[2] = views.message(say("source.no_face.short", language), "trouble")
    return found


def pick_portrait(names: list[str]) -> str | None:
    """The file of the artwork that was picked."""
    return str(COLLECTION[names[0]]) if names and names[0] in COLLECTION else None


def visible_copy(source: str | None) -> Any:
    """A copy in PNG of a picture that browsers have no eyes for (HEIC of phones, TIFF); any other stays."""
    if not source or Path(source).suffix.lower() in _SHOWN:
        return gr.skip()
    path = Path(source).with_suffix(".png")
    try:
        seen = video.read_picture(Path(source))
    except MediaError:
        return gr.skip()  # `look` says so
    Image.fromarray(seen.rgb if seen.alpha is None else np.dstack([seen.rgb, seen.alpha])).save(path, compress_level=1)
    return str(path)


def correct(source: str | None, which: int | None, points: dict[str, Any] | None, language: str) -> list[Any]:
    """Updates of the editor and the source's note after a point was moved."""
    if not source or not points or points["source"] != source:
        return [gr.skip(), gr.skip()]
    try:
        placed = placed_face(Path(source), int(which or 0), points["places"])
    except Trouble as trouble:
        return [gr.skip(), views.message(trouble.sentence(language), "trouble")]
    return [gr.update(lines=lines(placed.points)), views.message(say("points.moved", language))]


def found_landmarks(source: str | None, which: int | None, points: dict[str, Any] | None) -> dict[str, Any]:
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
