"""Grain: what a surface of paint or skin has for itself, finer than shade. For what no painter painted.

What is made up between a portrait's lips is smooth, and in a painting of thick strokes or fine cracks that is seen. So
the plainest patch of the face lends its grain, l = log m - log blur(m, s). Windows of it at random, laid over each
other, make more of it than the patch has: sum(w l) / sqrt(sum(w^2)) keeps its contrast (Heitz and Neyret 2018,
High-Performance By-Example Noise using a Histogram-Preserving Blending Operator).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32

from living_portraits import geometry as geo
from living_portraits.engine import Frame, Points

_RIGHT = (50, 101, 36, 205, 118, 187, 108, 69)  # on the right cheek and the forehead above it
_SIDES = (234, 454)  # the face's, beside the ears
_NOSE = 4
_PATCH_CM, _SIGMA_CM = 1.0, 0.15  # half a patch's side, and s
_FINEST = 1.5  # px of s, below which nothing of grain is left
_BLACK = 8.0  # levels: what is darker has no grain to speak of
_DIM = 0.75  # of the usual light: below that it is hair or shadow
_MOST = 0.4  # of l
_WINDOW_CM = 0.45  # half a window's side: windows stand as far apart
_ROOM_CM = 4.0  # half the side of what is made

_DENSITY = 4  # texels in a pixel's side: with one, grain between two pixels is a third weaker, and flickers

Patch = Float32[np.ndarray, "_ _"]
"""Square; of lightness, or of grain."""


@dataclass(frozen=True, eq=False)
class Grain:
    """What lightness is to be multiplied by.

    Attributes:
        texture: `_DENSITY` texels to a pixel.
        place: from texels to pixels of the source's crop.
    """

    texture: Patch
    place: Float32[np.ndarray, "2 3"]

    def carried(self, carry: Float32[np.ndarray, "2 3"], shape: tuple[int, int]) -> Float32[np.ndarray, "height width"]:
        """In a box of a frame of this shape, as an affine map carries the crop into it; 1 where there is none."""
        matrix = carry @ np.vstack([self.place, [0, 0, 1]])
        grain = cv2.warpAffine(self.texture, matrix, shape[::-1], flags=cv2.INTER_LINEAR, borderValue=1.0)
        return np.asarray(grain, np.float32)


def grain_about(middle: Float32[np.ndarray, "2"], crop: Frame, points: Points, *, scale: float) -> Grain | None:
    """The face's own grain, for what is made up about a place in its crop (px).

    Args:
        points: of the face in the crop, px. scale: px a cm.

    None where the face is too small for grain, or so near the crop's edge that no patch of it is seen whole.
    """
    sigma = _SIGMA_CM * scale
    if sigma < _FINEST:
        return None
    patches = _patches(crop, points, half=round(_PATCH_CM * scale))
    if not patches:
        return None
    usual = float(np.median([patch.mean() for patch in patches]))
    pairs = [(patch, cv2.GaussianBlur(patch, (0, 0), sigma)) for patch in patches if patch.mean() >= _DIM * usual]
    # Shade and edges are what a blur leaves: the less of them, the plainer.
    patch, soft = min(pairs, key=lambda pair: float(np.std(np.log(pair[1] + _BLACK))))
    rim = int(sigma)  # there the blur does not know what comes next
    grain = np.log((patch + _BLACK) / (soft + _BLACK))[rim:-rim, rim:-rim]
    made = np.exp(np.clip(_more(grain, side=int(2 * _ROOM_CM * scale), half=round(_WINDOW_CM * scale)), -_MOST, _MOST))
    texture = cv2.resize(made, None, fx=_DENSITY, fy=_DENSITY, interpolation=cv2.INTER_LANCZOS4)
    first = np.rint(middle - len(made) / 2) + (1 / _DENSITY - 1) / 2  # of the first texel; centres at integers
    place = np.array([[1 / _DENSITY, 0, first[0]], [0, 1 / _DENSITY, first[1]]], np.float32)
    return Grain(np.asarray(texture, np.float32), place)


def _patches(crop: Frame, points: Points, *, half: int) -> list[Patch]:
    """Lightness of squares on the side of the face of which more is seen."""
    right, left = (float(np.linalg.norm(points[side, :2] - points[_NOSE, :2])) for side in _SIDES)
    middles = points[list(_RIGHT) if right > left else list(geo.MIRRORED[list(_RIGHT)]), :2]
    found = []
    for x, y in np.rint(middles).astype(int):
        if half <= x < crop.shape[1] - half and half <= y < crop.shape[0] - half:
            found.append(crop[y - half : y + half, x - half : x + half].astype(np.float32).mean(axis=2))
    return found


def _more(grain: Patch, *, side: int, half: int) -> Patch:
    """A larger square of the same grain, without seams; the same at every call."""
    random = np.random.default_rng(0)
    hill = 0.5 - 0.5 * np.cos(np.pi * (np.arange(2 * half) + 0.5) / half)
    weight = np.outer(hill, hill)
    count = side // half + 2
    total, squares = np.zeros((2, (count + 1) * half, (count + 1) * half))
    offsets = random.integers(0, len(grain) - 2 * half + 1, (count, count, 2))
    for row, column in np.ndindex(count, count):
        here = np.s_[row * half : (row + 2) * half, column * half : (column + 2) * half]
        y, x = offsets[row, column]
        total[here] += weight * (grain[y : y + 2 * half, x : x + 2 * half] - grain.mean())
        squares[here] += weight**2
    inner = np.s_[half : half + side, half : half + side]
    return np.asarray(total[inner] / np.sqrt(squares[inner]), np.float32)
