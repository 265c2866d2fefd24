"""The tab that reads what a film says of itself."""

from pathlib import Path
from typing import Any

import gradio as gr

from living_portraits.errors import LivingPortraitsError
from living_portraits.studio import views
from living_portraits.studio.checking import check
from living_portraits.studio.library_words import retold
from living_portraits.studio.running import PRIVATE, Studio
from living_portraits.studio.wording import Wording

ABOUT = "What a film or picture says of its making: made_here, intact, signer, sentence and claim."


def check_tab(studio: Studio, wording: Wording, language: Any) -> None:
    """Builds the tab and its events."""
    with wording.put(gr.Tab, {"label": "tab.check"}, id="check"), gr.Column(elem_classes="lp-narrow"):
        wording.put(gr.Markdown, {"value": "check.help"}, elem_classes="lp-hint")
        file = wording.put(gr.File, {"label": "check.file"}, elem_id="check-file", height=150)
        found = gr.HTML(elem_id="check-found", apply_default_css=False)
        data = gr.JSON(visible=False, label="finding")
        for control in (file, language):
            control.change(_page, [file, language], found, **PRIVATE)
        gr.Button(visible=False).click(
            _data, inputs_kwargs={"file": file}, outputs=data, api_name="check_film", api_description=ABOUT
        )


def _page(file: str | None, language: str) -> str:
    if not file:
        return ""
    try:
        return views.finding(check(Path(file), language))
    except LivingPortraitsError as error:
        told = _short(error, file)
        return views.message(retold(told, language) or told, "trouble")


def _data(file: str | None) -> dict[str, Any]:
    if not file:
        raise gr.Error("Give a file to check.", print_exception=False)
    try:
        return check(Path(file), "en").data
    except LivingPortraitsError as error:
        raise gr.Error(_short(error, file), print_exception=False) from error


def _short(error: LivingPortraitsError, file: str) -> str:
    return str(error).replace(file, Path(file).name)
