"""What surrounds the person: it goes along with the head that is close to it, and stands still further off.

The paper puts the person before a plate whose hole a large network has filled. Here a plate is a guess, and pixels that
are carried from the source are none: so it shows only where they would show the person a second time.
"""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32

from living_portraits.mending.view import shrunk
from living_portraits.warp import pixel_grid

Travel = Float32[np.ndarray, "rows rows 2"]
Share = Float32[np.ndarray, "side side"]

# Of the side: how far about the person all goes along, and half of how far less and less.
_REACH, _SOFT = 1 / 9, 1 / 18
# By how much the person may be larger than their mattes, in the source and in the frame.
_EDGE, _DOUBT = 1 / 128, 1 / 21


class Ground(NamedTuple):
    """A way that ends where the ground stands still.

    Attributes:
        way: back to where each place was, halves of the side.
        bare: in [0, 1], where it leads to the person though they are there no more.
    """

    way: Travel
    bare: Share


def grounded(way: Travel, matte: Share, person: Share) -> Ground:
    """The way as it is on the person and close about them, none far from them, and in between less and less of it.

        m = max(matte, person(x + way));  way' = near(m) way;  bare = edge(person)(x + way') (1 - doubt(m))

    Args:
        way: of a driven frame, halves of the side.
        matte: where the network paints the person. Where it misses them, they still are wherever the way leads to them.
        person: the same of the source itself.
    """
    side = len(matte)
    matte = np.maximum(matte, _carried(way, person))
    near = _grown(matte, round(_REACH * side))
    for _ in range(2):
        near = _softened(near, max(round(_SOFT * side), 1))
    way = way * shrunk(near, len(way))[..., None]
    there = _carried(way, _grown(person, max(round(_EDGE * side), 1)))
    return Ground(way, there * (1 - _grown(matte, round(_DOUBT * side))))


def _carried(way: Travel, share: Share) -> Share:
    """What lies where the way leads."""
    side = len(share)
    places = shrunk(way, side) * np.float32(side / 2) + pixel_grid(side)
    return np.asarray(cv2.remap(share, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _softened(share: Share, reach: int) -> Share:
    """The mean of each place's square, as far as it lies in the frame."""
    square = (2 * reach + 1, 2 * reach + 1)
    total, places = (
        cv2.boxFilter(each, -1, square, normalize=False, borderType=cv2.BORDER_CONSTANT)
        for each in (share, np.ones_like(share))
    )
    return np.asarray(total / places)


def _grown(share: Share, reach: int) -> Share:
    """The largest of each place's square."""
    return np.asarray(cv2.dilate(share, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)))
