"""The window about the face, in whole pixels, so that cutting out and putting back loses nothing."""

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from living_portraits import skeleton

SHARE = 4
"""The window's side is the picture's, divided by this: EDN's 128 of 512, for dancers who fill the picture."""

_SHARES = (8, SHARE)
_ROOM = 2.2  # of what the face's points span: hair, chin, and how a head moves
_LEAST = 16  # px: halved once, it still shows something

Pictures = Float[Tensor, "batch channels height width"]
Corners = Int64[Tensor, "batch 2"]


def fitting(points: Float32[np.ndarray, "time 33 3"], *, size: int) -> int:
    """The share whose window holds the face with little else: instance norms and losses look at the face then.

    `points` in px of pictures of `size`.
    """
    faces = points[:, list(skeleton.FACE), :2]
    span = float(np.percentile(np.ptp(faces, axis=1).max(axis=1), 90))
    return next((share for share in _SHARES if size // share >= max(_ROOM * span, _LEAST)), SHARE)


def corners(points: Float[Tensor, "batch 33 3"], *, size: int, share: int) -> Corners:
    """Upper left corner (x, y) of each window, wholly in the picture, the face's points in its middle."""
    side = size // share
    middle = points[:, list(skeleton.FACE), :2].mean(dim=1)
    return (middle - side / 2).round().long().clamp(0, size - side)


def cut(pictures: Pictures, at: Corners, *, share: int) -> Float[Tensor, "batch channels side side"]:
    """The windows' pixels."""
    side = pictures.shape[-1] // share
    places = at.tolist()
    return torch.stack(
        [picture[:, y : y + side, x : x + side] for picture, (x, y) in zip(pictures, places, strict=True)]
    )


def put(pictures: Pictures, windows: Float[Tensor, "batch channels side side"], at: Corners) -> Pictures:
    """A copy of the pictures with the windows in their places."""
    copied = pictures.clone()
    side = windows.shape[-1]
    for number, (x, y) in enumerate(at.tolist()):
        copied[number, :, y : y + side, x : x + side] = windows[number]
    return copied
