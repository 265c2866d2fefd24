"""The tab that shows what every engine makes of one portrait and one clip."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import gradio as gr

from living_portraits.studio import components, panels
from living_portraits.studio.order import Order, Version, take_order
from living_portraits.studio.running import Runner, Studio
from living_portraits.studio.shelf import Limits
from living_portraits.studio.source_panel import glance, source_panel
from living_portraits.studio.wording import Wording

ABOUT = "One film of a portrait and a clip with every engine that can be used here; yields as animate does."


def compare_tab(studio: Studio, wording: Wording, language: Any) -> None:
    """Builds the tab and its events."""

    def take_all(given: Mapping[str, Any], limits: Limits) -> Order:
        order, names = take_order(given, limits), studio.engine_list.usable()
        return replace(order, by=tuple(Version(replace(order.choices, engine=name), name, name) for name in names))

    with wording.put(gr.Tab, {"label": "tab.compare"}, id="compare"):
        wording.put(gr.Markdown, {"value": "compare.help"}, elem_classes="lp-hint")
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=320):
                chosen = source_panel(wording, name="compare")
                drivers = panels.driver_panel(wording, name="compare", multiple=False)
                part = panels.part_of_clip(wording, name="compare")
                note = components.note(elem_id="compare-note")
            with gr.Column(scale=8, min_width=320, elem_classes="lp-right"):
                runner = Runner(studio, wording, name="compare", run_key="run.compare", take=take_all)
        inputs = {
            **chosen.inputs, "drivers": drivers.shelf, "clips": drivers.clips, "recording": drivers.recording,
            **part, "language": language,
        }  # fmt: skip
        runner.wire(
            inputs, {**chosen.notes, "drivers": drivers.note, "options": note}, endpoint="compare", description=ABOUT
        )
    chosen.wire(glance, [chosen.source, language], language)
