"""The card as one HTML page: tables, plots and contact sheets, with no request to anywhere."""

import base64
from html import escape
from pathlib import Path

import cv2

from living_portraits.engine import Frame
from living_portraits.evaluate.card import Card
from living_portraits.evaluate.figures import Figure
from living_portraits.evaluate.trials import Kind
from living_portraits.report.plots import colour, curves, strip
from living_portraits.report.words import CAUTION, TITLES, circumstances, counted, goal, value

STYLE = Path(__file__).with_name("style.css")
QUALITY = 88  # of the contact sheets' JPEG


def page(card: Card) -> str:
    """The whole page."""
    title = "Report card: " + ", ".join(card.engines)
    parts = [
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>{escape(title)}</title><style>\n{STYLE.read_text(encoding='utf-8')}</style></head><body>",
        f"<h1>{escape(title)}</h1><p>{escape(CAUTION)}</p>",
        "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in circumstances(card)) + "</ul>",
        *(_kind(card, kind) for kind, names in card.trials.items() if names),
    ]
    return '<!DOCTYPE html>\n<html lang="en"><head>' + "\n".join(parts) + "</body></html>\n"


def _kind(card: Card, kind: Kind) -> str:
    plots = [(figure, strip(card, kind, figure)) for figure in card.figures(kind)]
    legend = "".join(f'<span class="key {colour(i)}">{escape(name)}</span>' for i, name in enumerate(card.engines))
    parts = [
        f"<h2>{escape(TITLES[kind])}</h2>",
        f'<div class="table">{_table(card, kind)}</div>',
        f"<h3>Trial by trial</h3><p>{legend}</p>",
        '<div class="plots">',
        *(_figure(figure, plot) for figure, plot in plots if plot),
        "</div>",
    ]
    if kind == "cross" and card.curves:
        parts.append("<h3>Lips over time</h3>")
        parts.append('<p class="soft">The gap between the lips in cm; the driver\'s is the wide line.</p>')
        parts += [f"<figure>{curves(found, card.engines, title=name)}</figure>" for name, found in card.curves.items()]
    if kind in card.sheets:
        parts.append("<h3>Contact sheet</h3>")
        parts.append('<p class="soft">Each film at the moment its driver is furthest from its neutral frame.</p>')
        parts.append(f'<img alt="Contact sheet, {kind}" src="{_inline(card.sheets[kind])}">')
    return "\n".join(parts)


def _figure(figure: Figure, plot: str) -> str:
    caption = f'<figcaption title="{escape(figure.meaning, quote=True)}">{escape(_title(figure))}</figcaption>'
    return f"<figure>{caption}{plot}</figure>"


def _table(card: Card, kind: Kind) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in ("Figure", "Goal", *card.engines, "Measured with"))
    rows = []
    for figure in card.figures(kind):
        cells = "".join(f'<td class="number">{escape(value(card, kind, name, figure))}</td>' for name in card.engines)
        rows.append(
            f"<tr><td>{escape(_title(figure))}<small>{escape(figure.meaning)}</small></td>"
            f"<td>{escape(goal(figure))}</td>{cells}<td>{escape(counted(card, kind, figure))}</td></tr>"
        )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _title(figure: Figure) -> str:
    return f"{figure.title}, {figure.unit}" if figure.unit else figure.title


def _inline(picture: Frame) -> str:
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()
