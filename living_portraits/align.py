"""Cut a head out of a picture and put it back.

A `Crop` is the square an engine works in; a `Canvas` is the picture it came from, made ready to take
thousands of patches.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeAlias

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8

from living_portraits.engine import Frame, Points, Track

FRAMING = 2.3
"""Side of the crop in face heights (forehead to chin): hair, neck and the onset of the shoulders are inside."""

MARGIN = 0.08
"""Width of the band at the crop's border, as a share of its side, in which the matte rises from 0 to 1."""

MELT = 0.04
"""Share of the crop's side over which the picture melts away beyond its edges."""

STILL, MOVED = 2, 8
"""Change of a pixel, in levels of 255: up to STILL the picture's own pixel stays, from MOVED on the patch's counts."""

HEAD = 0.35
"""Of a face's width and height: how far beyond it the head may reach."""

_BARE = 0.05  # of a side's pixels
_COARSE = 4  # the melted picture is blurred at a fraction of its size, at a thirtieth of the time
_ALIASES = 0.75  # above this zoom plain interpolation shows no moire worth the averaging's time
_FOREHEAD, _CHIN, _CHEEKS = 10, 152, (234, 454)  # MediaPipe's numbering
_EYES, _MOUTH = ((33, 133), (362, 263)), (61, 291)

Patch: TypeAlias = UInt8[np.ndarray, "side side 3"]
Matte: TypeAlias = UInt8[np.ndarray, "side side"]
Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, right, bottom, px; the last two lie outside."""


@dataclass(frozen=True, eq=False)
class Crop:
    """A square window on a picture: upright face, generous framing.

    Attributes:
        matrix: similarity (scale, rotation, translation) from picture pixels to crop pixels, pixel centres at integers.
        size: side of the crop in pixels.
    """

    matrix: Float64[np.ndarray, "2 3"]
    size: int

    @classmethod
    def around(cls, points: Points, *, size: int, scale: float = FRAMING, roll: float | None = None) -> "Crop":
        """The crop that holds the head to which `points` belong, its eyes level.

        The side is `scale` times the face's height, which is measured in three dimensions so that a nod does not
        zoom. `roll` is the tilt in radians that the crop takes out, clockwise; None means the face's own.
        """
        angle = head_roll(points) if roll is None else roll
        height = float(np.linalg.norm(points[_FOREHEAD] - points[_CHIN]))
        centre = points[[_FOREHEAD, _CHIN, *_CHEEKS], :2].astype(np.float64).mean(axis=0)
        zoom = size / max(scale * height, 1.0)
        linear = zoom * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        shift = (size - 1) / 2 - linear @ centre
        return cls(np.column_stack([linear, shift]), size)

    @property
    def zoom(self) -> float:
        """Crop pixels per picture pixel."""
        return float(np.hypot(self.matrix[0, 0], self.matrix[1, 0]))

    @property
    def roll(self) -> float:
        """Tilt in radians, clockwise, that the crop takes out of the picture."""
        return float(np.arctan2(self.matrix[0, 1], self.matrix[0, 0]))

    def take(self, frame: Frame) -> Patch:
        """The crop's pixels `[size, size, 3]`: antialiased when shrinking.

        Beyond the picture's edges it goes on in the mirror, without strokes, and melts away into its last pixels: the
        more of it were mirrored, the more of a second face it would show.
        """
        shape = self.size, self.size
        taken = _warp(frame, self.matrix, shape, border=cv2.BORDER_REFLECT_101)
        beyond = _beyond(self, frame.shape[1], frame.shape[0])
        if beyond is None:
            return taken
        soft = _warp(frame, self.matrix, shape, border=cv2.BORDER_REPLICATE)
        soft = cv2.resize(soft, None, fx=1 / _COARSE, fy=1 / _COARSE, interpolation=cv2.INTER_AREA)
        soft = cv2.GaussianBlur(soft, (0, 0), MELT * self.size / _COARSE)
        soft = cv2.resize(soft, (self.size, self.size), interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.blendLinear(taken, soft, 1 - beyond, beyond), dtype=np.uint8)

    def inside(self, width: int, height: int, face: Points, *, room: float = HEAD) -> Box:
        """What of the crop a picture of that size fills: sides are cut off, the emptiest first, until none is empty.

        Nothing is cut off within `room` of the face (points in px of the crop), in its widths and heights: with
        `HEAD`, what is as near as hair and chin are.
        """
        box = [0, 0, self.size, self.size]
        low, high = face[:, :2].min(axis=0), face[:, :2].max(axis=0)
        kept = np.concatenate([low - room * (high - low), high + room * (high - low)])
        beyond = _beyond(self, width, height)
        while beyond is not None and box[0] < box[2] and box[1] < box[3]:
            left, top, right, bottom = box
            empty = beyond[top:bottom, left:right] > 0
            sides = [side.mean() for side in (empty[:, 0], empty[0], empty[:, -1], empty[-1])]
            free = [box[0] < kept[0], box[1] < kept[1], box[2] > kept[2], box[3] > kept[3]]
            worst = int(np.argmax(np.where(free, sides, 0)))
            if not free[worst] or sides[worst] < _BARE:
                break
            box[worst] += 1 if worst < 2 else -1
        left, top, right, bottom = box
        return left, top, right, bottom

    def window(self, width: int, height: int, points: Points) -> Box:
        """What a film of the head alone shows of a picture of that size, to whose face `points` (px of it) belong.

        There is nothing beyond the picture's edges, and no more than the face is kept from being cut off there.
        """
        return self.inside(width, height, self.to_crop(points), room=0.0)

    def paste(self, frame: Frame, patch: Patch) -> Frame:
        """`frame` with `patch` in this crop's place, as a new picture; see `Canvas`, which is quicker for films."""
        return Canvas(frame, self).paste(patch)

    def to_crop(self, points: Float32[np.ndarray, "*any 3"]) -> Float32[np.ndarray, "*any 3"]:
        """Points from picture pixels to crop pixels; z is scaled along."""
        return _move(points, self.matrix)

    def to_picture(self, points: Float32[np.ndarray, "*any 3"]) -> Float32[np.ndarray, "*any 3"]:
        """Points from crop pixels to picture pixels; z is scaled along."""
        return _move(points, _invert(self.matrix))

    @cached_property
    def matte(self) -> Matte:
        """How much of the patch counts: uint8 `[size, size]`, 255 inside, falling smoothly to 0 at the border."""
        inward = (np.minimum(np.arange(self.size), np.arange(self.size)[::-1])) / max(MARGIN * self.size, 1.0)
        ramp = np.clip(inward, 0.0, 1.0)
        ramp = ramp * ramp * (3 - 2 * ramp)
        return np.rint(255 * np.outer(ramp, ramp)).astype(np.uint8)


class Canvas:
    """A picture, ready to take any number of patches in the place of one crop.

    A patch counts where it differs from what the crop showed, within the soft matte. Everywhere else the picture
    keeps its own pixels, byte for byte: its grain is not resampled where nothing moves, and a patch that shows
    the untouched crop changes nothing. Several canvases may follow each other on one frame, even where they overlap.
    """

    def __init__(self, frame: Frame, crop: Crop) -> None:
        self.frame = frame
        self.crop = crop
        self._taken = crop.take(frame)
        reach = 2 * max(crop.size // 128, 1) + 1
        self._spread = np.ones((reach, reach), np.uint8)  # a square one is several times quicker than a disc
        levels = np.clip((np.arange(256) - STILL) / (MOVED - STILL), 0.0, 1.0)
        self._gate_of_change = np.rint(255 * levels).astype(np.uint8)

    def paste(self, patch: Patch, *, onto: Frame | None = None) -> Frame:
        """A new picture: `onto` (default: the canvas' own frame) with `patch` `[size, size, 3]` in the crop's place."""
        picture = self.frame if onto is None else onto
        if patch.shape != self._taken.shape or picture.shape != self.frame.shape:
            raise ValueError(
                f"patch {patch.shape} and picture {picture.shape} should be {self._taken.shape} and {self.frame.shape}"
            )
        result = picture.copy()
        gate = self._gate(patch)
        left, top, right, bottom = self._reach(gate)
        if left >= right or top >= bottom:
            return result
        to_box = _invert(self.crop.matrix) - np.array([[0, 0, left], [0, 0, top]])
        gated = cv2.insertChannel(gate, cv2.cvtColor(patch, cv2.COLOR_RGB2RGBA), 3)
        warped = _warp(gated, to_box, (right - left, bottom - top), border=cv2.BORDER_CONSTANT)
        box = result[top:bottom, left:right]
        box[:] = _blend(box, warped)
        return result

    def _gate(self, patch: Patch) -> Matte:
        """Where in the crop the patch counts: 0 where nothing moved nearby, never more than the matte.

        Judged at half the size: the gate is smooth in any case.
        """
        size = self.crop.size
        change = cv2.resize(cv2.absdiff(patch, self._taken), (size // 2, size // 2), interpolation=cv2.INTER_AREA)
        red, green, blue = cv2.split(change)
        gate = cv2.LUT(cv2.max(cv2.max(red, green), blue), self._gate_of_change)
        gate = cv2.blur(cv2.dilate(gate, self._spread), self._spread.shape)
        gate = cv2.resize(gate, (size, size), interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.multiply(gate, self.crop.matte, scale=1 / 255), dtype=np.uint8)

    def _reach(self, gate: Matte) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the picture's part that `gate` can change."""
        x, y, width, height = cv2.boundingRect(gate)
        if not width:
            return 0, 0, 0, 0
        corners = np.array([[i, j] for i in (x - 1, x + width) for j in (y - 1, y + height)], dtype=np.float64)
        inverse = _invert(self.crop.matrix)
        corners = corners @ inverse[:, :2].T + inverse[:, 2]
        rows, columns = self.frame.shape[:2]
        left, top = np.clip(np.floor(corners.min(axis=0)) - 1, 0, (columns, rows)).astype(int)
        right, bottom = np.clip(np.ceil(corners.max(axis=0)) + 2, 0, (columns, rows)).astype(int)
        return int(left), int(top), int(right), int(bottom)


@lru_cache(maxsize=8)
def _beyond(crop: Crop, width: int, height: int) -> Float32[np.ndarray, "size size"] | None:
    """How far beyond a picture's edges each pixel lies: 0 inside, rising to 1; None if all is inside."""
    inverse = _invert(crop.matrix)
    corners = np.array([[x, y, 1] for x in (0, crop.size - 1) for y in (0, crop.size - 1)]) @ inverse.T
    if corners.min() >= -0.5 and (corners.max(axis=0) <= np.array([width, height]) - 0.5).all():
        return None
    across = np.arange(crop.size, dtype=np.float64)
    x, y = np.meshgrid(across, across)
    columns = inverse[0, 0] * x + inverse[0, 1] * y + inverse[0, 2]
    rows = inverse[1, 0] * x + inverse[1, 1] * y + inverse[1, 2]
    aside = np.maximum(np.maximum(-columns, columns - (width - 1)), np.maximum(-rows, rows - (height - 1)))
    return np.clip(aside * crop.zoom / (MELT * crop.size), 0, 1).astype(np.float32)


def _blend(under: Frame, over: UInt8[np.ndarray, "height width 4"]) -> Frame:
    """`over` on `under` by its fourth channel; exact where that is 0 or 255 and where both agree.

    Saturating differences, upwards and downwards, in 8 bits: three times as quick as 16 bits or floats.
    """
    colour = cv2.cvtColor(over, cv2.COLOR_RGBA2RGB)
    share = cv2.cvtColor(cv2.extractChannel(over, 3), cv2.COLOR_GRAY2RGB)
    rise = cv2.multiply(cv2.subtract(colour, under), share, scale=1 / 255)
    fall = cv2.multiply(cv2.subtract(under, colour), share, scale=1 / 255)
    return np.asarray(cv2.subtract(cv2.add(under, rise), fall), dtype=np.uint8)


def head_roll(points: Points) -> float:
    """Tilt of the head in the picture, radians, clockwise positive; eyes and mouth vote together."""
    flat = points[:, :2].astype(np.float64)
    right_eye, left_eye = (flat[list(corners)].mean(axis=0) for corners in _EYES)
    down = flat[list(_MOUTH)].mean(axis=0) - (right_eye + left_eye) / 2
    across = (left_eye - right_eye) + np.array([down[1], -down[0]])
    return float(np.arctan2(across[1], across[0]))


def _invert(matrix: Float64[np.ndarray, "2 3"]) -> Float64[np.ndarray, "2 3"]:
    return np.asarray(cv2.invertAffineTransform(matrix), dtype=np.float64)


def _move(points: Float32[np.ndarray, "*any 3"], matrix: Float64[np.ndarray, "2 3"]) -> Float32[np.ndarray, "*any 3"]:
    zoom = np.hypot(matrix[0, 0], matrix[1, 0])
    flat = points[..., :2] @ matrix[:, :2].T + matrix[:, 2]
    return np.concatenate([flat, points[..., 2:] * zoom], axis=-1).astype(np.float32)


def _warp(
    image: UInt8[np.ndarray, "height width channels"],
    matrix: Float64[np.ndarray, "2 3"],
    shape: tuple[int, int],
    *,
    border: int,
) -> UInt8[np.ndarray, "rows columns channels"]:
    """`image` under `matrix` (from its pixels to the result's), cut to `shape` = (width, height).

    Only the part that is seen is touched. Shrinking averages areas first, so that nothing aliases.
    """
    part, matrix = _seen(image, matrix, shape)
    zoom = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if zoom < _ALIASES:
        rows, columns = part.shape[:2]
        small = max(round(columns * zoom), 1), max(round(rows * zoom), 1)
        part = cv2.resize(part, small, interpolation=cv2.INTER_AREA)
        stretch = np.array([columns / small[0], rows / small[1]])
        linear = matrix[:, :2] * stretch
        matrix = np.column_stack([linear, matrix[:, 2] + matrix[:, :2] @ ((stretch - 1) / 2)])
    smooth = cv2.INTER_LINEAR if border == cv2.BORDER_CONSTANT else cv2.INTER_CUBIC
    return np.asarray(cv2.warpAffine(part, matrix, shape, flags=smooth, borderMode=border), dtype=np.uint8)


def _seen(
    image: UInt8[np.ndarray, "height width channels"], matrix: Float64[np.ndarray, "2 3"], shape: tuple[int, int]
) -> tuple[UInt8[np.ndarray, "rows columns channels"], Float64[np.ndarray, "2 3"]]:
    """The part of `image` that `shape` shows, with the matrix from that part's pixels; all of it when none is seen."""
    inverse = _invert(matrix)
    corners = np.array([[x, y] for x in (-2, shape[0] + 1) for y in (-2, shape[1] + 1)], dtype=np.float64)
    corners = corners @ inverse[:, :2].T + inverse[:, 2]
    rows, columns = image.shape[:2]
    low = np.clip(np.floor(corners.min(axis=0)) - 4, 0, (columns, rows)).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 5, 0, (columns, rows)).astype(int)
    if (high - low).min() < 1:
        return image, matrix
    shifted = np.column_stack([matrix[:, :2], matrix[:, 2] + matrix[:, :2] @ low])
    return image[low[1] : high[1], low[0] : high[0]], shifted


def resized(track: Track, size: int) -> Track:
    """The track with crops of another size."""
    was = track.crops[0].shape[0]
    if was == size:
        return track
    smooth = cv2.INTER_AREA if size < was else cv2.INTER_CUBIC
    crops = [np.asarray(cv2.resize(crop, (size, size), interpolation=smooth), dtype=np.uint8) for crop in track.crops]
    scale = np.float32(size / was)
    points = track.points * scale
    points[..., :2] += (scale - 1) / 2  # pixel centres at integers
    return Track(crops, points, track.blendshapes, track.fps)
