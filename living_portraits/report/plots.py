"""Plots as inline SVG, drawn in the page's own colours."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from living_portraits.evaluate.card import Card
from living_portraits.evaluate.figures import Figure
from living_portraits.evaluate.trials import Kind

WIDTH, LANE, LEFT, RIGHT, FOOT = 340, 24, 76, 14, 20  # px
CURVE_HEIGHT = 120
UNPLOTTED = ("missing", "frechet_vgg", "fps", "memory")  # nothing to see, trial by trial
COLOURS = 6  # in the style sheet; a seventh engine takes the first one's


def strip(card: Card, kind: Kind, figure: Figure) -> str:
    """Each engine's trials as dots on one line, their mean as a bar; "" where there is nothing to show."""
    if figure.key in UNPLOTTED:
        return ""
    values = {
        engine: [one.value for one in card.samples[kind][engine].get(figure.key, ()) if math.isfinite(one.value)]
        for engine in card.engines
    }
    every = [value for found in values.values() for value in found]
    if not every:
        return ""
    low, high = min(0.0, *every), max(*every, 1e-9)
    if figure.best.isdigit():
        low, high = min(low, float(figure.best)), max(high, float(figure.best))
    if figure.key in ("psnr", "csim_truth", "csim_source", "csim_people", "ssim"):
        low = min(every)
    span = (high - low) or 1.0

    def x(value: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (value - low) / span, 1)

    height = LANE * len(values) + FOOT
    parts = []
    if figure.best.isdigit():
        at = x(float(figure.best))
        parts.append(f'<line class="goal" x1="{at}" x2="{at}" y1="2" y2="{height - FOOT}"/>')
    for lane, (engine, found) in enumerate(values.items()):
        y = LANE * lane + LANE / 2
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{escape(_short(engine))}</text>')
        parts.append(f'<line class="lane" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts += [f'<circle class="{colour(lane)}" cx="{x(value)}" cy="{y}" r="3"/>' for value in found]
        if found:
            mean = x(sum(found) / len(found))
            parts.append(f'<line class="mean {colour(lane)}" x1="{mean}" x2="{mean}" y1="{y - 8}" y2="{y + 8}"/>')
    for value, anchor in ((low, "start"), (high, "end")):
        parts.append(f'<text class="tick" x="{x(value)}" y="{height - 5}" text-anchor="{anchor}">{value:.3g}</text>')
    return _svg(parts, WIDTH, height, f"{figure.title}: one dot a trial, a bar for the mean")


def curves(found: Mapping[str, Sequence[float]], engines: Sequence[str], *, title: str) -> str:
    """The lips' gap over time: the driver's in grey, each engine's in its colour."""
    width, height = 2 * WIDTH, CURVE_HEIGHT + FOOT
    known = [value for values in found.values() for value in values if math.isfinite(value)]
    if not known:
        return ""
    low, high = min(known), max(max(known), min(known) + 0.1)

    def points(values: Sequence[float]) -> str:
        step = (width - 60) / max(len(values) - 1, 1)
        places = (
            f"{50 + step * i:.1f},{6 + (CURVE_HEIGHT - 12) * (1 - (value - low) / (high - low)):.1f}"
            for i, value in enumerate(values)
            if math.isfinite(value)
        )
        return " ".join(places)

    parts = []
    for who, values in found.items():
        name = "driver" if who == "driver" else colour(list(engines).index(who))
        parts.append(f'<polyline class="curve {name}" points="{points(values)}"/>')
    parts += [
        f'<text class="tick" x="44" y="{y}" text-anchor="end">{value:.1f}</text>'
        for y, value in ((12, high), (CURVE_HEIGHT, low))
    ]
    parts.append(f'<text class="tick" x="50" y="{height - 5}">{escape(title)}</text>')
    return _svg(parts, width, height, f"Gap between the lips over time, {title}")


def colour(engine: int) -> str:
    """The style sheet's class for the engine of that number."""
    return f"e{engine % COLOURS}"


def _short(name: str) -> str:
    return name if len(name) <= 11 else name[:10] + "…"


def _svg(parts: Sequence[str], width: int, height: int, label: str) -> str:
    head = f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"'
    return f'{head} aria-label="{escape(label, quote=True)}">{"".join(parts)}</svg>'
