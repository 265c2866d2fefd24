"""Lids that close: skin over a painted eye, wherever its paint lies, and the lashes along its edge.

A lid that a mesh pulls down is a few pixels of skin and a line of lashes drawn out into a smear, and where a tracker
that learned from photographs misses the eye's edge by a tenth of its width, some of the white is drawn down with it. So
a closed lid is made up: skin in the colours of what is about the eye, with the portrait's own grain, and along its edge
what is darker there in the source, which is lashes, as thick as they were painted.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from living_portraits import geometry as geo
from living_portraits.engine import Frame, Points
from living_portraits.grain import grain_about
from living_portraits.tone import LIGHTNESS
from living_portraits.warp import box_round, lay, polygon_mask, smoothstep

# Of the source's own opening: from the one on a lid is drawn, wholly at the other; and likewise lashes that hang.
_CLOSING, _SHUT = (0.6, 0.2), (0.4, 0.15)

# In widths of the eye:
_ROUND, _SOFT = 0.14, 0.05  # how far about the opening an eye may have been painted, and how softly a lid ends there
_NEAR = (0.04, 0.1, 0.25, 0.6)  # over which skin is averaged: over so much where nothing is seen any nearer
_LASHES, _RIM = (0.1, 0.2), (0.06, 0.14)  # below a shut lid's edge and above it, where lashes are, and are no more
_EDGE, _LASH = 0.01, 0.05  # how soft the lid's edge is, and how soft lashes are
_CORNERS, _ENDS = 0.3, 0.08  # from the corners, where lashes are shorter, and where they end
_SLIT = 0.1  # an opening that is less high is a shut eye's, and has its own lid
_FOLDED = -0.08  # how far the lid's edge may turn back: where a head is turned away farther, all is left as it is

_SHORT = 0.5  # of their length elsewhere, which lashes have at the corners
_SMALLEST = 8.0  # px: the width of an eye that shows its lid
_FARTHER = 0.02  # how much less skin counts for being farther away
_ABOVE = 3.0  # how much more skin above the eye counts than below
_SHADOW = 0.7  # of the usual light: darker is hair, brow, or no face
_BLACK = 8.0  # levels; how dark something is beside less than that hardly matters


@dataclass(frozen=True, eq=False)
class Lid:
    """What closes over one eye of a source; px of its crop.

    Attributes:
        crop: itself. skin: the crop, with skin over the eye and about it.
        share: in [0, 1], where that is.
        corners: of the eye. upper: `[9, 2]` the upper lid's edge, as `_in_eye` says it.
    """

    crop: Frame
    skin: Frame
    share: Float32[np.ndarray, "height width"]
    corners: Float32[np.ndarray, "2 2"]
    upper: Float[np.ndarray, "9 2"]

    @classmethod
    def of(cls, crop: Frame, points: Points, ring: tuple[int, ...], *, scale: float) -> "Lid | None":
        """From a crop, the points of its face, px, and which of them are round the eye.

        Args:
            scale: px a cm.

        None where the eye is too small, shut already or seen from the side, or no skin is seen about it.
        """
        polygon = points[list(ring), :2]
        corners, opening = polygon[[0, 8]], polygon_mask(polygon, (0, 0), crop.shape[:2], feather=0.0)
        width = float(np.linalg.norm(corners[1] - corners[0]))
        upper = _edge(_in_eye(polygon[:9], corners))
        gap = float((_in_eye(polygon[:8:-1], corners) - _in_eye(polygon[1:8], corners))[:, 1].max())
        if width < _SMALLEST or gap < _SLIT or upper is None:
            return None
        reach = 2 * round(_ROUND * width) + 1
        about = cv2.dilate(opening, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
        face = polygon_mask(points[list(geo.FACE_OVAL), :2], (0, 0), crop.shape[:2], feather=0.0)
        low, high = box_round(polygon, margin=_ROUND * width + 2 * _NEAR[-1] * width, shape=crop.shape)
        box, shape = np.s_[low[1] : high[1], low[0] : high[0]], (int(high[1] - low[1]), int(high[0] - low[0]))
        _, down = _in_eye_of_box(np.eye(2, 3, dtype=np.float32), low, high, corners)
        seen = (face[box] * (about[box] == 0) * np.where(down < 0, _ABOVE, 1)).astype(np.float32)
        if not seen.any():
            return None
        made = _skin(crop[box], seen, width)
        if (grain := grain_about(polygon.mean(axis=0), crop, points, scale=scale)) is not None:
            made = made * grain.carried(np.array([[1, 0, -low[0]], [0, 1, -low[1]]], np.float32), shape)[..., None]
        skin = crop.copy()
        skin[box] = np.rint(np.clip(made, 0, 255)).astype(np.uint8)
        share = cv2.GaussianBlur(about, (0, 0), max(_SOFT * width, 0.5))
        return cls(crop, skin, np.asarray(share, np.float32), corners, upper)

    def close(
        self, frame: Frame, ring: Float32[np.ndarray, "16 2"], back: Float32[np.ndarray, "2 3"], opened: float
    ) -> None:
        """Lays the lid over a frame, down to its edge there. In place.

        Args:
            ring: the eye's opening in the frame, px. back: from the frame to the crop.
            opened: how far the eye is open, of the source's own opening.
        """
        now = _edge(_in_eye(ring[:9] @ back[:, :2].T + back[:, 2], self.corners))
        width = float(np.linalg.norm(ring[8] - ring[0]))
        low, high = box_round(ring, margin=(2 * _ROUND + 3 * _SOFT + _LASHES[1]) * width, shape=frame.shape)
        amount, hanging = covered(opened), _ramp(opened, _SHUT)
        if amount == 0 or now is None or (high - low).min() < 2:
            return
        u, v = _in_eye_of_box(back, low, high, self.corners)
        edge = np.interp(u, *now.T)
        above, x, y = edge - v, *places_of_box(back, low, high)
        skin, share = _sampled(self.skin, x, y).astype(np.float32), _sampled(self.share, x, y)
        seen = smoothstep((above + _EDGE) / (2 * _EDGE))
        area = frame[low[1] : high[1], low[0] : high[0]]
        lay(area, skin, (amount * share * seen).astype(np.float32)[..., None])
        # Lashes stand up from an open eye, and hang down from a shut one.
        along, shift = self.corners[1] - self.corners[0], np.interp(u, *self.upper.T) - edge + 2 * np.minimum(above, 0)
        there = (x - shift * along[1]).astype(np.float32), (y + shift * along[0]).astype(np.float32)
        light = (_sampled(self.crop, *there) @ LIGHTNESS + _BLACK) / (skin @ LIGHTNESS + _BLACK)
        dark = cv2.GaussianBlur(1 - np.clip(light, 0, 1), (0, 0), max(_LASH * width, 0.5))
        length = _SHORT + (1 - _SHORT) * _between_corners(u, _CORNERS)
        lashes = np.interp(above / length, (-_LASHES[1], -_LASHES[0], 0, *_RIM), (0, hanging, 1, 1, 0))
        lashes = amount * lashes * dark * _between_corners(u, _ENDS)
        lay(area, np.zeros_like(skin), lashes.astype(np.float32)[..., None])


def _between_corners(u: Float[np.ndarray, "rows columns"], room: float) -> Float[np.ndarray, "rows columns"]:
    """0 at the corners and beyond, 1 so far from them."""
    return np.asarray(smoothstep(u / room) * smoothstep((1 - u) / room))


def covered(opened: float) -> float:
    """How much of what closes over an eye is seen, in [0, 1], where it is open so far, of the source's own opening."""
    return _ramp(opened, _CLOSING)


def _ramp(opened: float, limits: tuple[float, float]) -> float:
    """0 where an eye is open as far as the one limit, 1 from the other on."""
    start, end = limits
    return float(smoothstep(np.array((start - opened) / (start - end))))


def _in_eye(places: Float[np.ndarray, "*any 2"], corners: Float32[np.ndarray, "2 2"]) -> Float[np.ndarray, "*any 2"]:
    """Places in px as (u, v): from one corner (0) to the other (1), and down, in eye widths."""
    along = (corners[1] - corners[0]).astype(np.float64)
    return np.asarray((places - corners[0]) @ np.stack([along, [-along[1], along[0]]]).T / (along @ along))


def _in_eye_of_box(
    back: Float32[np.ndarray, "2 3"], low: np.ndarray, high: np.ndarray, corners: Float32[np.ndarray, "2 2"]
) -> tuple[Float[np.ndarray, "rows columns"], Float[np.ndarray, "rows columns"]]:
    """`_in_eye` of a box of a frame that `back` carries to the crop."""
    found = _in_eye(np.stack(places_of_box(back, low, high), axis=-1), corners)
    return found[..., 0], found[..., 1]


def places_of_box(
    back: Float32[np.ndarray, "2 3"], low: np.ndarray, high: np.ndarray
) -> tuple[Float32[np.ndarray, "rows columns"], Float32[np.ndarray, "rows columns"]]:
    """Where the pixels of a box of a frame come from, px of the crop: x and y."""
    across, down = np.arange(low[0], high[0]), np.arange(low[1], high[1])
    x, y = (row[0] * across[None] + row[1] * down[:, None] + row[2] for row in back)
    return x.astype(np.float32), y.astype(np.float32)


def _sampled(
    picture: np.ndarray, x: Float32[np.ndarray, "rows columns"], y: Float32[np.ndarray, "rows columns"]
) -> np.ndarray:
    return np.asarray(cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))


def _edge(lid: Float[np.ndarray, "9 2"]) -> Float[np.ndarray, "9 2"] | None:
    """A lid's edge from corner to corner, that never turns back; None where it does by much."""
    if np.diff(lid[:, 0]).min() < _FOLDED:
        return None
    return np.column_stack([np.maximum.accumulate(lid[:, 0]), lid[:, 1]])


def _skin(
    crop: UInt8[np.ndarray, "rows columns 3"], seen: Float32[np.ndarray, "rows columns"], width: float
) -> Float32[np.ndarray, "rows columns 3"]:
    """Smooth skin, everywhere in the colours of what is seen nearest."""
    light = crop.astype(np.float32).mean(axis=2)
    seen = seen * (light > _SHADOW * float(np.median(light[seen > 0])))
    total, count = np.zeros(crop.shape, np.float32), np.full(crop.shape[:2], 1e-12, np.float32)
    for step, near in enumerate(_NEAR):
        weight = np.float32(_FARTHER**step)
        total += weight * cv2.GaussianBlur(crop * seen[..., None], (0, 0), near * width)
        count += weight * cv2.GaussianBlur(seen, (0, 0), near * width)
    return total / count[..., None]
