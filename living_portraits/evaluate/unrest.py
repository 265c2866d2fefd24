"""Whether a portrait can be read at all: a tracker may find a painted face and yet see another one at every look.

What it reads off films of such a portrait is its own noise, and figures of motion would judge that.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from living_portraits.engine import Frame
from living_portraits.metrics import motion
from living_portraits.metrics.motion import Reading

NUDGES = (
    (0.0, 0.0, 0.0, 1.00), (2.0, 1.0, 0.0, 1.00), (-2.0, 0.0, 1.5, 1.00), (0.0, -2.0, 1.0, 1.02),
    (1.0, 2.0, -2.0, 0.98), (-1.0, -1.0, -1.0, 1.01), (3.0, 0.5, 0.5, 0.99), (-3.0, -0.5, 2.0, 1.01),
)  # fmt: skip
"""Degrees, px at 256 to the right and down, and zoom: as little as heads move between two frames of a calm film."""

SHAKY = 0.1
"""cm. Photographs and films read 0.01 to 0.03, most paintings 0.03 to 0.07; drivers' expressions move 0.1 to 0.25."""


def unrest(portrait: Frame, read: Callable[[Sequence[Frame]], Reading]) -> float:
    """How far, in cm, the pose-free expressive points are on average from their mean place over nudged copies.

    NaN where there is no face in any of them.
    """
    side = portrait.shape[0]
    copies = []
    for degrees, right, down, zoom in NUDGES:
        matrix = cv2.getRotationMatrix2D((side / 2, side / 2), degrees, zoom)
        matrix[:, 2] += np.array([right, down]) * side / 256
        copies.append(
            cv2.warpAffine(portrait, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        )
    reading = read(copies)
    if not reading.found.any():
        return motion.NAN
    places = reading.shapes[reading.found][:, motion.EXPRESSIVE, :2]
    return float(np.linalg.norm(places - places.mean(axis=0), axis=-1).mean())
