"""The window about the body: with an empty stage to lay the person over, the networks need look nowhere else.

A standing person takes up less than half of a square stage, and a network's time goes by area.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

STEP = 32  # px; sides are multiples of it, as the networks halve up to five times
_MARGIN = 0.14  # of what the body spans: hair, clothes, hands, and the shadow at the feet

Pictures = Float[Tensor, "batch channels height width"]


class Window(NamedTuple):
    """A rectangle of whole pixels within a square picture."""

    left: int
    top: int
    width: int
    height: int

    def cut(self, pictures: Float[Tensor, "*any height width"]) -> Float[Tensor, "*any rows columns"]:
        """Its pixels."""
        return pictures[..., self.top : self.top + self.height, self.left : self.left + self.width]

    def put(self, pictures: Pictures, part: Float[Tensor, "batch channels rows columns"]) -> Pictures:
        """A copy of the pictures with `part` in its place."""
        copied = pictures.clone()
        copied[..., self.top : self.top + self.height, self.left : self.left + self.width] = part
        return copied

    def put_alone(self, part: Float[Tensor, "batch channels rows columns"], *, size: int) -> Pictures:
        """`part` in its place in pictures that are 0 elsewhere."""
        return self.put(torch.zeros(*part.shape[:2], size, size, dtype=part.dtype, device=part.device), part)


def about(
    points: Float[np.ndarray, "*poses 33 3"],
    *,
    size: int,
    least: tuple[int, int] = (0, 0),
    at: tuple[float, float] = (0.5, 0.5),
) -> Window:
    """The smallest window of whole steps that holds all these poses with their margin; all of it where they do not fit.

    Args:
        points: px. size: of the picture.
        least: width and height at least, px.
        at: where in the room that the steps leave, 0 to 1 each: 0 has the body at the right, at the bottom.
    """
    flat = points[..., :2].reshape(-1, 2).astype(np.float64)
    low, high = flat.min(axis=0), flat.max(axis=0)
    margin = _MARGIN * float((high - low).max())
    low, high = np.clip(low - margin, 0, size), np.clip(high + margin, 0, size)
    sides = np.minimum(np.ceil(np.maximum(high - low, least) / STEP).clip(1) * STEP, size)
    first, last = np.maximum(high - sides, 0), np.minimum(low, size - sides)
    left, top = (round(float(a + share * (b - a))) for a, b, share in zip(first, last, at, strict=True))
    return Window(left, top, int(sides[0]), int(sides[1]))


def whole(size: int) -> Window:
    """All of the picture, for networks that paint the stage too."""
    return Window(0, 0, size, size)
