"""Where closed lips meet: moved from where the tracker guesses it to the line that is painted there.

A tracker that learned from photographs misses painted lips by a millimetre or two, and ends short of their corners.
Nobody minds while they are closed; but when they part beside their own line, the line stays behind like a whisker.

The line is the darkest valley that leads from one corner to the other, found by dynamic programming over a strip about
the tracker's own; what is near the lips goes along with them.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int

from living_portraits import geometry as geo
from living_portraits.engine import Frame, Points

_PARTED_CM = 0.15  # lips that are farther apart have no line
_LEAST = 1.5  # px a cm: less shows no line either
_BEYOND, _ALONG = 0.22, 73  # of the mouth's width beyond its corners, and places along all that
_REACH_CM, _ACROSS = 0.3, 31  # across the tracker's line to either side, and places
_SMOOTH_CM, _SIDE_CM = 0.03, 0.12  # over which colours are looked at; how far off a line's sides are
_STRAY, _BEND, _STEEPEST = 0.35, 0.12, 2  # what it costs to be at the strip's edge, to leave by a place; most places
_SEEN = 0.4  # of the line's usual depth: what is as deep belongs to it
_GOES_ON = (0.3, 0.5)  # likewise, beyond the corners: doubted, and believed
_SURE_SHARE, _SURE_DEPTH = (0.7, 0.9), (3.0, 6.0)  # of its length that is seen, and grey levels: doubted, and believed
_CORNERS, _FARTHEST_CM = 0.8, 0.3  # of the way that it goes beyond the corners; the shadow there goes on into cheeks
_NEAR_CM = 1.2  # about the lips, what goes along

_UPPER, _LOWER = list(geo.LIPS_INNER_UPPER), list(geo.LIPS_INNER_LOWER)


@dataclass(frozen=True)
class _Strip:
    """A strip along a mouth: u from corner (0) to corner (1) and beyond, h across it, px, downwards.

    Attributes:
        corner, along, down: where h and u are 0, px of the picture; the way that u = 1 goes; a pixel across.
        u, h: `[_ALONG]` places, and where the tracker has the line there.
        cm: px of a centimetre.
    """

    corner: Float[np.ndarray, "2"]
    along: Float[np.ndarray, "2"]
    down: Float[np.ndarray, "2"]
    u: Float[np.ndarray, "places"]
    h: Float[np.ndarray, "places"]
    cm: float

    @classmethod
    def of(cls, points: Points, cm: float) -> "_Strip":
        middle = (points[_UPPER, :2] + points[_LOWER, :2]).astype(np.float64) / 2
        along = middle[-1] - middle[0]
        down = np.array([-along[1], along[0]]) / np.linalg.norm(along)
        u = np.linspace(-_BEYOND, 1 + _BEYOND, _ALONG)
        own_u, own_h = (middle - middle[0]) @ along / (along @ along), (middle - middle[0]) @ down
        own_u = np.maximum.accumulate(own_u)  # in a profile the far lip folds back
        return cls(middle[0], along, down, u, np.interp(u, own_u, own_h), cm)

    def grey(self, picture: Frame) -> Float32[np.ndarray, "places across"]:
        """The picture's lightness, 0 to 255."""
        at = self.corner + self.u[:, None] * self.along + self.h[:, None] * self.down
        places = at[:, None] + self.offsets[:, None] * self.down
        low = np.maximum(np.floor(places.min(axis=(0, 1))).astype(int) - 4, 0)
        high = np.ceil(places.max(axis=(0, 1))).astype(int) + 5
        box = cv2.cvtColor(np.ascontiguousarray(picture[low[1] : high[1], low[0] : high[0]]), cv2.COLOR_RGB2GRAY)
        smooth = cv2.GaussianBlur(box.astype(np.float32), (0, 0), max(_SMOOTH_CM * self.cm, 0.6))
        x, y = np.moveaxis(places - low, -1, 0).astype(np.float32)
        return np.asarray(cv2.remap(smooth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))

    @property
    def offsets(self) -> Float[np.ndarray, "across"]:
        """Of the places across, px from the tracker's line."""
        return np.linspace(-_REACH_CM, _REACH_CM, _ACROSS) * self.cm


def on_their_line(picture: Frame, points: Points) -> Points:
    """The points, px of the picture, with closed lips on the line that is painted between them.

    They stay as they are where lips are parted, or no line is to be seen.
    """
    cm = geo.fit_pose(points).scale
    gap = np.linalg.norm(points[_UPPER, :2] - points[_LOWER, :2], axis=1).max()
    if cm < _LEAST or gap > _PARTED_CM * cm:
        return points
    strip = _Strip.of(points, cm)
    if not _within(strip, picture):
        return points
    grey = strip.grey(picture)
    depth = _depth(grey)
    path = _valley(depth / max(float(grey.std()), 4.0))
    found = depth[np.arange(_ALONG), path]
    inside = (strip.u >= 0.05) & (strip.u <= 0.95)
    usual = float(np.median(found[inside]))
    seen = found > _SEEN * usual
    sure = _ramp(float(seen[inside].mean()), *_SURE_SHARE) * _ramp(usual, *_SURE_DEPTH)
    if sure == 0:
        return points
    goes_on = _ramp(found / usual, *_GOES_ON)
    beyond = np.array([np.cumprod(goes_on[strip.u < 0][::-1]).sum(), np.cumprod(goes_on[strip.u > 1]).sum()])
    width = float(np.linalg.norm(strip.along))
    ends = sure * np.minimum(_CORNERS * beyond * np.diff(strip.u)[0], _FARTHEST_CM * cm / width)
    return _carried(points, strip, sure * _calm(strip.offsets[path]), ends)


def _within(strip: _Strip, picture: Frame) -> bool:
    """Whether the whole mouth is in the picture."""
    height, width = picture.shape[:2]
    at = strip.corner + np.outer(np.clip(strip.u, 0, 1), strip.along) + strip.h[:, None] * strip.down
    return bool((at >= 0).all() and (at <= [width - 1, height - 1]).all())


def _depth(grey: Float32[np.ndarray, "places across"]) -> Float32[np.ndarray, "places across"]:
    """How much darker each place is than what is on either side of it, grey levels; below 0 where it is not."""
    side = round(_SIDE_CM / (2 * _REACH_CM / (_ACROSS - 1)))
    wide = np.pad(grey, ((0, 0), (side, side)), mode="edge")
    return np.minimum(wide[:, : -2 * side], wide[:, 2 * side :]) - grey


def _valley(depth: Float32[np.ndarray, "places across"]) -> Int[np.ndarray, "places"]:
    """The path from end to end that costs least: by its depth, how far it strays, and how steep it is."""
    cost = _STRAY * np.linspace(-1, 1, depth.shape[1]) ** 2 - depth
    steps = np.arange(-_STEEPEST, _STEEPEST + 1)
    total, came = cost[0], np.zeros(cost.shape, int)
    for place in range(1, len(cost)):
        wide = np.pad(total, _STEEPEST, constant_values=np.inf)
        ways = np.stack([wide[_STEEPEST + step : len(wide) - _STEEPEST + step] + _BEND * step**2 for step in steps])
        came[place] = steps[ways.argmin(axis=0)]
        total = cost[place] + ways.min(axis=0)
    path = [int(total.argmin())]
    for place in range(len(cost) - 1, 0, -1):
        path.append(path[-1] + int(came[place, path[-1]]))
    return np.array(path[::-1])


def _calm(offsets: Float[np.ndarray, "places"]) -> Float[np.ndarray, "places"]:
    """Without the steps between places across."""
    window = np.hanning(9) / np.hanning(9).sum()
    return np.convolve(np.pad(offsets, 4, mode="edge"), window, "valid")


def _carried(
    points: Points, strip: _Strip, offsets: Float[np.ndarray, "places"], ends: Float[np.ndarray, "2"]
) -> Points:
    """The mesh with its lips there: `offsets` px across, and the corners `ends` mouths' widths farther out."""
    places = points[: geo.MESH_COUNT, :2].astype(np.float64) - strip.corner
    u = places @ strip.along / (strip.along @ strip.along)
    own = np.interp(u, strip.u, strip.h)
    outwards = ends[1] * _ramp(u, 0.75, 1.0) - ends[0] * (1 - _ramp(u, 0.0, 0.25))
    across = np.interp(u + outwards, strip.u, offsets + strip.h) - own
    result = points.copy()
    way = outwards[:, None] * strip.along + across[:, None] * strip.down
    result[: geo.MESH_COUNT, :2] += (_NEAR[:, None] * way).astype(np.float32)
    return result


def _ramp(value: np.ndarray | float, low: float, high: float) -> np.ndarray:
    """From 0 at `low` to 1 at `high`, smoothly."""
    share = np.clip((np.asarray(value, np.float64) - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share))


def _nearness() -> Float[np.ndarray, "468"]:
    """1 on the lips' line of a face at rest, 0 from so far on."""
    away = np.linalg.norm(geo.CANONICAL[:, None] - geo.CANONICAL[None, list(geo.LIPS_INNER)], axis=-1).min(axis=1)
    return 1 - _ramp(away, 0.0, _NEAR_CM)


_NEAR = _nearness()
