"""What the repairing network sees of a posed doll, the same in training and in use."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float16, UInt8

from living_portraits import draw
from living_portraits.engine import Frame, Points
from living_portraits.mending.net import SIDE
from living_portraits.motion import AdaptedHead
from living_portraits.warp import SamplingMap, density, pixel_grid


@dataclass(frozen=True)
class View:
    """One frame of a doll, of any size, as `RepairNet.forward` takes it once bytes are in [-1, 1].

    Attributes:
        posed: the doll's frame.
        drawing: the landmarks of the head in it.
        stretch: 255 where the source's pixels lie as close as in the source or closer, 0 where they are torn apart.
        places: where in the source the middle of each cell comes from, (x, y) in [-1, 1].
    """

    posed: UInt8[np.ndarray, "256 256 3"]
    drawing: UInt8[np.ndarray, "128 128 3"]
    stretch: UInt8[np.ndarray, "128 128 1"]
    places: Float16[np.ndarray, "64 64 2"]


def view(posed: Frame, head: AdaptedHead, sampling: SamplingMap) -> View:
    """Looks at what `Doll.pose` gave; the map, whose places are px of that frame, may be coarser."""
    size = posed.shape[0]
    coarse = shrunk(sampling, SIDE // 2)
    middles = (2 * shrunk(sampling, SIDE // 4) + 1) / size - 1
    return View(
        posed=shrunk(posed, SIDE),
        drawing=drawing(head.points, size=size),
        stretch=stretch(coarse * (SIDE // 2 / size))[..., None],
        places=middles.astype(np.float16),
    )


def drawing(points: Points, *, size: int) -> UInt8[np.ndarray, "128 128 3"]:
    """Landmarks, given in px of a crop of `size`, at the size that the network looks at."""
    scale = np.float32(SIDE // 2 / size)
    scaled = points * scale
    scaled[:, :2] += (scale - 1) / 2  # pixel centres at integers
    return draw.portrait_of(scaled, size=SIDE // 2)


def found_places(
    posed: UInt8[np.ndarray, "256 256 3"], truth: UInt8[np.ndarray, "256 256 3"]
) -> Float16[np.ndarray, "64 64 2"]:
    """Where in the doll's frame each cell of the true frame is found, (x, y) in [-1, 1], by optical flow.

    Dense inverse search (Kroeger et al. 2016), which finds motions of many pixels in a few milliseconds.
    """
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    there, here = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (truth, posed))
    flow = shrunk(search.calc(there, here, np.zeros((SIDE, SIDE, 2), np.float32)), SIDE // 4)
    middles = shrunk(pixel_grid(SIDE), SIDE // 4)
    return ((2 * (middles + flow) + 1) / SIDE - 1).astype(np.float16)


def shrunk(picture: np.ndarray, side: int) -> np.ndarray:
    """A square picture or field at `side` pixels."""
    if picture.shape[0] == side:
        return picture
    smooth = cv2.INTER_AREA if side < picture.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (side, side), interpolation=smooth), dtype=picture.dtype)


def stretch(sampling: SamplingMap) -> UInt8[np.ndarray, "size size"]:
    """255 times the map's `density`, held within [0, 1]."""
    return np.asarray(255 * np.minimum(density(sampling), 1), dtype=np.uint8)
