"""Pictures and curves, drawn by matplotlib in the notebooks' one style."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from living_portraits.engine import Frame

COLOURS = ("#3a6ea5", "#c8553d", "#588157", "#8d6a9f", "#b08968", "#6c757d", "#e0a526", "#22223b")
MANY = 3  # curves, beyond which their names would lie on them
LETTER = 0.009  # inches that a letter of a title takes, for each point of its size
WIDEST = 10.0  # inches of a row: what a page has to make smaller has titles that nobody can read


def row(pictures: Mapping[str, Any], *, height: float = 3.0) -> None:
    """Pictures in a row, each under its name and in its own proportions: uint8 RGB or grey.

    `height` in inches; less where the row would be wider than a page.
    """
    widths = [picture.shape[1] / picture.shape[0] for picture in pictures.values()]
    height = min(height, WIDEST / sum(widths))
    rooms = [height * width / max(len(title), 1) for title, width in zip(pictures, widths, strict=True)]
    size = min(10.0, min(rooms) / LETTER)
    figure, axes = plt.subplots(
        1, len(pictures), figsize=(height * sum(widths), height + 0.3), width_ratios=widths, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for place, (title, picture) in zip(axes[0], pictures.items(), strict=True):
        place.imshow(picture, cmap="gray", interpolation="nearest" if picture.shape[0] < 100 else None)
        place.set_title(title, fontsize=size)
        place.axis("off")
    finish(figure)


def lines(
    curves: Mapping[str, Sequence[float] | Float[np.ndarray, "time"]],
    *,
    ylabel: str,
    fps: float | None = None,
    xlabel: str | None = None,
    at: Sequence[float] | None = None,
    height: float = 2.6,
) -> None:
    """Curves over time in seconds, over the frame's number where `fps` is None, or over `at`."""
    figure, axes = plt.subplots(figsize=(8, height), layout="constrained")
    for number, (title, values) in enumerate(curves.items()):
        x = at if at is not None else np.arange(len(values)) / (fps or 1.0)
        axes.plot(x, values, label=title, color=COLOURS[number % len(COLOURS)], linewidth=1.6)
    label(axes, xlabel or ("seconds" if fps else "frame"), ylabel)
    if len(curves) > MANY:
        axes.legend(frameon=False, fontsize=9, bbox_to_anchor=(1, 1), loc="upper left")
    else:
        axes.legend(frameon=False, fontsize=9)
    finish(figure)


def bars(values: Mapping[str, float], *, xlabel: str, limit: float | None = None) -> None:
    """One bar for each name, the first at the top."""
    figure, axes = plt.subplots(figsize=(7, 0.4 + 0.26 * len(values)), layout="constrained")
    axes.barh(list(values)[::-1], list(values.values())[::-1], color=COLOURS[0])
    axes.set_xlim(0, limit)
    label(axes, xlabel, "")
    finish(figure)


def points_on(
    picture: Any, places: Float[np.ndarray, "points axes"], *, names: bool = False, size: float = 5.0, dot: float = 12.0
) -> None:
    """Points on a picture, with their numbers where `names` is set."""
    figure, axes = plt.subplots(figsize=(size, size * picture.shape[0] / picture.shape[1]), layout="constrained")
    axes.imshow(picture)
    axes.scatter(places[:, 0], places[:, 1], s=dot, color="#ffd166", edgecolors="black", linewidths=0.5)
    for number, (x, y) in enumerate(places[:, :2] if names else ()):
        name = axes.annotate(str(number), (x, y), fontsize=7, color="white", xytext=(2, 2), textcoords="offset points")
        name.set_path_effects([withStroke(linewidth=2, foreground="black")])
    axes.axis("off")
    finish(figure)


def apart(a: Frame, b: Frame) -> float:
    """Mean absolute difference of two frames, in shares of white."""
    return float(np.abs(a.astype(np.float64) - b).mean() / 255)


def label(axes: Axes, xlabel: str, ylabel: str) -> None:
    """Names the axes; no frame above and at the right."""
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.spines[["top", "right"]].set_visible(False)


def finish(figure: Any) -> None:
    """Shows the figure now, also inside a widget, and forgets it."""
    plt.show()
    plt.close(figure)
