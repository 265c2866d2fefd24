"""The window about the face, in whole pixels, so that cutting out and putting back loses nothing."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from living_portraits import skeleton

SHARE = 4
"""The window's side is the picture's, divided by this: EDN's 128 of 512."""

Pictures = Float[Tensor, "batch channels height width"]
Corners = Int64[Tensor, "batch 2"]


def corners(points: Float[Tensor, "batch 33 3"], *, size: int) -> Corners:
    """Upper left corner (x, y) of each window, wholly in the picture, the face's points in its middle."""
    side = size // SHARE
    middle = points[:, list(skeleton.FACE), :2].mean(dim=1)
    return (middle - side / 2).round().long().clamp(0, size - side)


def cut(pictures: Pictures, at: Corners) -> Float[Tensor, "batch channels side side"]:
    """The windows' pixels."""
    side = pictures.shape[-1] // SHARE
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
