"""Transparency through engines that know nothing of it: triangulation matting (Smith and Blinn, 1996).

A picture is shown over black and over white; whatever happens to both alike, the difference of the two
results still tells how opaque each pixel is.
"""

from typing import TypeAlias

import numpy as np
from jaxtyping import UInt8

from living_portraits.engine import Frame

Alpha: TypeAlias = UInt8[np.ndarray, "height width"]
Cutout: TypeAlias = UInt8[np.ndarray, "height width 4"]


def over_black(rgb: Frame, alpha: Alpha) -> Frame:
    """The picture in front of black; `rgb` is not multiplied by alpha."""
    return np.asarray((rgb.astype(np.uint32) * alpha[:, :, None] + 127) // 255, dtype=np.uint8)


def over_white(rgb: Frame, alpha: Alpha) -> Frame:
    """The picture in front of white: what it is over black, and white for the rest."""
    return np.asarray(over_black(rgb, alpha) + (255 - alpha[:, :, None]), dtype=np.uint8)


def cut_out(black: Frame, white: Frame) -> Cutout:
    """RGBA, not multiplied by alpha, from what one scene looks like over black and over white."""
    gap = np.clip(white.astype(np.int16) - black, 0, 255)
    alpha = 255 - np.rint(gap.mean(axis=2)).astype(np.uint8)
    colour = np.rint(black * (255.0 / np.maximum(alpha, 1))[:, :, None]).clip(0, 255).astype(np.uint8)
    return np.dstack([colour, alpha])
