"""The page: its tabs, its language and its look; and the server that shows it, on this machine alone."""

import os
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import gradio as gr
from gradio.themes.utils.fonts import LocalFont

from living_portraits import samples
from living_portraits.studio.check_tab import check_tab
from living_portraits.studio.compare_tab import compare_tab
from living_portraits.studio.components import ASSETS
from living_portraits.studio.dance_tab import dance_tab
from living_portraits.studio.engine_list import EngineList
from living_portraits.studio.live_tab import live_tab
from living_portraits.studio.megapixel_tab import megapixel_tab
from living_portraits.studio.person_tab import person_tab
from living_portraits.studio.portrait_tab import portrait_tab
from living_portraits.studio.running import PRIVATE, Studio
from living_portraits.studio.shelf import Limits, keep_swept, place_in
from living_portraits.studio.wording import Wording, preferred
from living_portraits.studio.words import LANGUAGES, say

TABS: tuple[Callable[[Studio, Wording, Any], None], ...] = (
    portrait_tab,
    person_tab,
    megapixel_tab,
    live_tab,
    dance_tab,
    compare_tab,
    check_tab,
)
"""In the order of the page. A further tab is a function here; it builds nothing where its engine cannot be used."""


REST_SECONDS = 0.05
"""How often Gradio looks for work. Its own thousand times a second keeps a fifth of a core busy with nothing."""


def build(folder: Path | None = None, *, limits: Limits | None = None, engine_list: EngineList | None = None) -> Any:
    """The studio as `gr.Blocks`, with users' files under `folder` (None: a new temporary one); `serve` opens it."""
    root = place_in(folder)
    os.environ["GRADIO_TEMP_DIR"] = str(root)  # where Gradio puts uploads: one place, swept as a whole
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    gr.set_static_paths([Path(samples.__file__).parent])
    studio = Studio(root, limits or Limits(), engine_list or EngineList())
    with gr.Blocks(title=say("title"), analytics_enabled=False) as page:
        wording = Wording()
        with gr.Row(elem_classes="lp-header"):
            with gr.Column(scale=5, min_width=260):
                wording.put(gr.HTML, {"value": _header}, apply_default_css=False)
            language = gr.Radio(
                [(name, code) for code, name in LANGUAGES.items()],
                value="en", show_label=False, container=False, label=say("language"), scale=1, min_width=200,
                elem_id="language", elem_classes="lp-language",
            )  # fmt: skip
        with gr.Tabs():
            for tab in TABS:
                tab(studio, wording, language)
        language.change(wording.updates, [language, wording.spoken], wording.controls, **PRIVATE)
        # Nothing else is touched: a tab that is opened just then would show its controls without their properties.
        page.load(_greet(wording), None, [language, *wording.live], **PRIVATE)
    page.queue(max_size=studio.limits.waiting, default_concurrency_limit=4)
    page._queue.sleep_when_free = REST_SECONDS
    page.studio = studio
    return page


def _header(language: str) -> str:
    return f"<h1>{say('title', language)}</h1><p>{say('subtitle', language)}</p>"


def _greet(wording: Wording) -> Callable[[gr.Request], list[Any]]:
    """The language that the browser prefers, which changes the page if it is not English; and what is known by now."""

    def greet(request: gr.Request) -> list[Any]:
        language = preferred(request.headers.get("accept-language"))
        return [language, *wording.greeting(language)]

    return greet


def serve(page: Any, *, address: str = "127.0.0.1", port: int | None = None, **more: Any) -> Any:
    """Opens the page's server: reachable from this machine alone unless another address is given; tells nobody else."""
    studio: Studio = page.studio
    page.swept = Event()
    keep_swept(studio.root, page.swept)
    return page.launch(
        server_name=address,
        server_port=port,
        theme=theme(),
        css_paths=[ASSETS / "studio.css"],
        footer_links=["api"],
        run_history=False,
        share=False,
        ssr_mode=False,
        max_file_size=f"{studio.limits.upload_mb}mb",
        **more,
    )


def theme() -> Any:
    """Paper and ink, one colour, fonts that come with Gradio."""
    paper = gr.themes.Color(
        c50="#faf9f7", c100="#f3f1ed", c200="#e6e2db", c300="#d3cdc3", c400="#a9a196", c500="#7d766c",
        c600="#5d574f", c700="#433f39", c800="#2a2724", c900="#1c1a18", c950="#131211", name="paper",
    )  # fmt: skip
    wine = gr.themes.Color(
        c50="#fbf3f2", c100="#f6e4e1", c200="#ecc9c4", c300="#dda39b", c400="#c8756a", c500="#a94f45",
        c600="#8f3d35", c700="#75312b", c800="#5e2924", c900="#4b221f", c950="#2b1210", name="wine",
    )  # fmt: skip
    base = gr.themes.Base(
        primary_hue=wine,
        secondary_hue=paper,
        neutral_hue=paper,
        radius_size=gr.themes.sizes.radius_md,
        font=[LocalFont("Source Sans Pro", weights=(400, 700)), "system-ui", "sans-serif"],
        font_mono=[LocalFont("IBM Plex Mono", weights=(400, 700)), "monospace"],
    )
    return base.set(
        body_text_color_subdued="*neutral_600",  # as dark as small print must be to be read
        body_text_color_subdued_dark="*neutral_400",
        block_title_text_color="*neutral_600",
        block_label_text_color="*neutral_600",
        link_text_color_dark="*primary_300",
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_500",
        button_primary_text_color="white",
    )
