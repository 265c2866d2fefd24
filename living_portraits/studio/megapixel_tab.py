"""The tab that makes a film of a thousand pixels a side, beside one of the usual size."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from living_portraits import samples, video
from living_portraits.align import Crop
from living_portraits.errors import LivingPortraitsError
from living_portraits.studio import components, panels, views
from living_portraits.studio.choices import USUAL, Choices
from living_portraits.studio.megapixel_views import closer
from living_portraits.studio.order import Order, Version, take_order
from living_portraits.studio.placing import found_face
from living_portraits.studio.running import PRIVATE, Runner, Studio
from living_portraits.studio.shelf import Limits
from living_portraits.studio.source_panel import glance, source_panel
from living_portraits.studio.wording import Wording
from living_portraits.studio.words import say

LARGE = 1024
SECONDS = 2.0
"""How much of a clip is filmed unless more is asked for: a large film takes its time."""

ABOUT = "A film of a portrait's head at 512 px, and the same at 1024; yields as animate does."


def megapixel_tab(studio: Studio, wording: Wording, language: Any) -> None:
    """Builds the tab and its events."""
    with wording.put(gr.Tab, {"label": "tab.megapixel"}, id="megapixel") as tab:
        wording.put(gr.Markdown, {"value": "megapixel.help"}, elem_classes="lp-hint")
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=320):
                chosen = source_panel(wording, name="megapixel")
                drivers = panels.driver_panel(wording, name="megapixel", multiple=False)
                part = panels.part_of_clip(wording, name="megapixel", end=SECONDS)
                note = components.note(elem_id="megapixel-note")
            with gr.Column(scale=8, min_width=320, elem_classes="lp-right"):
                expected = components.note(elem_id="megapixel-expected")
                runner = Runner(
                    studio, wording, name="megapixel", run_key="megapixel.run", take=take_both,
                    closer=closer,
                )  # fmt: skip
        clip = {"drivers": drivers.shelf, "clips": drivers.clips, "recording": drivers.recording}
        runner.wire(
            {**chosen.inputs, **clip, **part, "language": language},
            {**chosen.notes, "drivers": drivers.note, "options": note}, endpoint="megapixel", description=ABOUT,
        )  # fmt: skip
    chosen.wire(glance_at_head, [chosen.source, language], language)
    told = [drivers.clips, part["start"], part["end"], language]
    for event in (tab.select, drivers.shelf.picked, *(each.change for each in told)):
        event(_expected(studio), [drivers.shelf, *told], expected, **PRIVATE)


def take_both(given: Mapping[str, Any], limits: Limits) -> Order:
    """As `take_order`, of the head alone, at the usual size and the large one. Raises Trouble."""
    order = take_order({**given, "framing": "head"}, limits)
    sizes = (order.choices.size or USUAL, LARGE)
    return replace(
        order, by=tuple(Version(replace(order.choices, size=size), str(size), f"{size} px") for size in sizes)
    )


def glance_at_head(source: str | None, language: str) -> list[Any]:
    """Updates of shelf, consent and the source's note, which says whether the picture is large enough."""
    found = glance(source, language)
    if source and found[2] == "" and (face := found_face(Path(source), 0)) is not None:
        side = round(LARGE / Crop.around(face.points, size=LARGE).zoom)
        key = "megapixel.enough" if side >= LARGE else "megapixel.small"
        found[2] = views.message(say(key, language, side=side))
    return found


def _expected(studio: Studio) -> Callable[..., str]:
    """A sentence that says how long both films take here, roughly."""

    def expected(
        names: Sequence[str], clips: Sequence[str] | None, start: float | None, end: float | None, language: str
    ) -> str:
        driver = Path(clips[0]) if clips else samples.DRIVERS.get(names[0]) if names else None
        try:
            info = video.probe(driver or samples.smile)
        except LivingPortraitsError:  # a motion file; what else is wrong is said when it is to be filmed
            info = video.probe(samples.smile)
        seconds = min(end or info.duration, info.duration) - (start or 0)
        frames = max(round(seconds * info.fps), 1)
        engine = Choices().engine
        took = sum(studio.engine_list.seconds(engine, size, frames) for size in (USUAL, LARGE))
        return views.message(say("megapixel.expected", language, frames=frames, seconds=max(round(took), 1)))

    return expected
