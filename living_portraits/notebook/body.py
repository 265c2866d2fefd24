"""A body's points by number: all of them, and those that lie close together once more, larger."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes

from living_portraits import skeleton
from living_portraits.engine import Frame
from living_portraits.notebook.pictures import finish
from living_portraits.skeleton import BodyPoints

_SIDE, _LARGE = 512, 4  # px of the bundled dances' picture, and how many times as large it is drawn for a close look
_ROOM, _MARGIN = 0.3, 0.08  # free space on each side, of the extent of a few points and of the whole body
_LEFT_FOOT = (skeleton.LEFT_ANKLE, skeleton.LEFT_HEEL, skeleton.LEFT_TOE)
_CLOSE = {*skeleton.FACE[1:], *skeleton.LEFT_HAND[1:], *skeleton.RIGHT_HAND[1:], *range(29, skeleton.COUNT)}
"""Points whose numbers would lie on one another where the whole body is seen."""


def points_of_a_body(pose: BodyPoints, *, height: float = 2.5) -> None:
    """The drawing of a pose with its 33 points and their numbers; head, left hand and left foot once more, larger.

    Args:
        pose: px of a picture 512 px wide. height: of the figure, inches.
    """
    large = (pose * np.array([_LARGE, _LARGE, 1])).astype(np.float32)
    drawing = skeleton.draw_skeleton(large, size=_LARGE * _SIDE)
    figure, places = plt.subplots(1, 4, figsize=(4 * height, height + 0.3), layout="constrained")
    shown = {
        "33 points": range(skeleton.COUNT),
        "the head": skeleton.FACE,
        "the left hand": skeleton.LEFT_HAND,
        "the left foot": _LEFT_FOOT,
    }
    for place, (title, chosen) in zip(places, shown.items(), strict=True):
        _numbered(place, drawing, large, chosen)
        place.set_title(title, fontsize=10)
    finish(figure)


def _numbered(place: Axes, drawing: Frame, points: BodyPoints, chosen: Sequence[int]) -> None:
    """Some points on the drawing, the view about them; their numbers, if few are shown or this one has room."""
    few, some = len(chosen) < skeleton.COUNT, points[list(chosen), :2]
    outlined = [patheffects.withStroke(linewidth=2, foreground="black")]
    place.imshow(drawing)
    place.scatter(some[:, 0], some[:, 1], s=24 if few else 5, color="#ffd166", edgecolors="black", linewidths=0.5)
    for number, (x, y) in zip(chosen, some, strict=True):
        if few or number not in _CLOSE:
            place.annotate(
                str(number), (x, y), fontsize=9 if few else 7, color="white", path_effects=outlined,
                xytext=(3, 3), textcoords="offset points",
            )  # fmt: skip
    middle, reach = (
        (some.max(axis=0) + some.min(axis=0)) / 2,
        np.ptp(some, axis=0).max() * (0.5 + (_ROOM if few else _MARGIN)),
    )
    place.set(xlim=(middle[0] - reach, middle[0] + reach), ylim=(middle[1] + reach, middle[1] - reach))
    place.axis("off")
