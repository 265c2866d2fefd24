"""The tab in which a portrait moves as whoever sits before the browser's camera."""

from pathlib import Path
from typing import Any

import gradio as gr

from living_portraits import engines
from living_portraits.errors import LivingPortraitsError
from living_portraits.live import Avatar, open_avatar
from living_portraits.studio import components, views
from living_portraits.studio.live_seats import Seats
from living_portraits.studio.order import COLLECTION, chosen_portrait, portrait_of
from living_portraits.studio.running import PRIVATE, Studio
from living_portraits.studio.source_panel import glance, source_panel
from living_portraits.studio.trouble import Trouble, explain
from living_portraits.studio.wording import Wording
from living_portraits.studio.words import say

ABOUT_START = "A seat for a portrait that is to move live: its key, which live_frame takes."
ABOUT_FRAME = (
    "What the portrait does at a frame: picture is a JPEG as a data URL, rest takes the neutral face anew, leave frees "
    "the seat; gives picture and state (searching, resting, live, ended)."
)


def live_tab(studio: Studio, wording: Wording, language: Any) -> None:
    """Builds the tab and its events."""
    seats = Seats()
    with wording.put(gr.Tab, {"label": "tab.live"}, id="live") as tab:
        wording.put(gr.Markdown, {"value": "live.help"}, elem_classes="lp-hint")
        with gr.Row(equal_height=False):
            with gr.Column(scale=5, min_width=320):
                chosen = source_panel(wording, name="live")
            with gr.Column(scale=8, min_width=320, elem_classes="lp-right"):
                start = wording.put(gr.Button, {"value": "live.run"}, variant="primary", size="lg", elem_id="live-run")
                stop = wording.put(
                    gr.Button, {"value": "stop"}, variant="stop", size="lg", visible=False, elem_id="live-stop"
                )
                notes = {**chosen.notes, "run": components.note(elem_id="live-note")}
                stage = _stage(wording, seats)
    chosen.wire(glance, [chosen.source, language], language)

    def begin(portraits: list[str], source: str | None, consent: bool, language: str) -> dict[Any, Any]:
        quiet = {note: "" for place, note in notes.items() if place != "source"}
        try:
            seat = seats.take(_avatar(studio, chosen_portrait(source, portraits), consent))
        except Trouble as trouble:
            beside = notes.get(trouble.place, notes["run"])
            return {**quiet, beside: views.message(trouble.sentence(language), "trouble")}
        return {**quiet, stage: {"seat": seat}, start: gr.update(visible=False), stop: gr.update(visible=True)}

    def end(value: dict[str, Any] | None, language: str, event: gr.EventData) -> list[Any]:
        seats.leave((value or {}).get("seat"))
        why = "live.camera" if (event._data or {}).get("why") == "camera" else "live.ended"
        return [*stopped(), views.message(say(why, language), "trouble")]

    def stopped() -> list[Any]:
        return [None, gr.update(visible=True), gr.update(visible=False)]

    start.click(
        begin, [chosen.shelf, chosen.source, chosen.consent, language], [stage, start, stop, *notes.values()],
        api_visibility="private", show_progress="full", show_progress_on=[stage],
    )  # fmt: skip

    def changed(value: dict[str, Any] | None, language: str) -> list[Any]:
        if not (value or {}).get("seat"):
            return [gr.skip()] * 4
        return [*stopped(), views.message(say("live.changed", language))]

    chosen.source.change(changed, [stage, language], [stage, start, stop, notes["run"]], queue=False, **PRIVATE)
    # The page frees the seat itself, once none of its frames are on their way.
    stop.click(stopped, None, [stage, start, stop], queue=False, **PRIVATE)
    stage.ended(end, [stage, language], [stage, start, stop, notes["run"]], queue=False, **PRIVATE)
    language.change(lambda: ["", ""], None, [notes["run"], notes["consent"]], queue=False, **PRIVATE)
    with tab:
        _endpoints(studio, seats, {**chosen.inputs, "language": language})


def _endpoints(studio: Studio, seats: Seats, inputs: dict[str, Any]) -> None:
    """The same for scripts."""

    def start(portraits: list[str], consent: bool, language: str, source: str | None = None) -> str:
        try:
            return seats.take(_avatar(studio, chosen_portrait(source, portraits), consent))
        except Trouble as trouble:
            raise gr.Error(trouble.sentence(language), print_exception=False) from trouble

    def frame(seat: str, picture: str, rest: bool = False, leave: bool = False) -> dict[str, Any]:
        answer = seats.frame({"seat": seat, "picture": picture, "rest": rest})
        if leave:
            seats.leave(seat)
        return answer

    seat, picture = (gr.Textbox(visible=False, label=label) for label in ("seat", "picture"))
    rest, leave = (gr.Checkbox(visible=False, label=label) for label in ("rest", "leave"))
    shown = gr.JSON(visible=False, label="shown")
    gr.Button(visible=False).click(
        start, inputs_kwargs=inputs, outputs=seat, api_name="live_start", api_description=ABOUT_START
    )
    gr.Button(visible=False).click(
        frame, inputs_kwargs={"seat": seat, "picture": picture, "rest": rest, "leave": leave}, outputs=shown,
        api_name="live_frame", api_description=ABOUT_FRAME, concurrency_limit=None,
    )  # fmt: skip


def _stage(wording: Wording, seats: Seats) -> Any:
    """Where the portrait is seen; its value is {"seat": key} while it is live."""

    def frame(told: Any) -> dict[str, Any]:
        return seats.frame(told)

    def leave(key: Any) -> None:
        seats.leave(key)

    stage = gr.HTML(
        value=None,
        html_template=components.asset("live.html"),
        js_on_load=components.asset("live.js"),
        words=_words("en"),
        server_functions=[frame, leave],
        apply_default_css=False,
        elem_id="live-stage",
    )
    return wording.remember(stage, words=_words)


def _words(language: str) -> dict[str, str]:
    """What the stage says by itself."""
    keys = (
        "live.empty", "live.opening", "live.searching", "live.resting", "live.live", "live.figures", "live.rest",
        "live.picture",
    )  # fmt: skip
    return {key.removeprefix("live."): say(key, language) for key in keys}


def _avatar(studio: Studio, source: str | None, consent: bool) -> Avatar:
    """Raises Trouble."""
    path, name = portrait_of(source, consent, studio.limits)
    try:
        return open_avatar(
            path if name is None else COLLECTION[name],
            lambda engine: studio.engine_list.animator(engine, engines.spec(engine).size).engine,
        )
    except LivingPortraitsError as error:
        raise explain(error, source=path, driver=Path("-"), begun=False) from error
