"""How everything round a head moves: shoulders that lean, hair that swings, a chair that stays.

A face's points say nothing of all that. The driver's pictures do: a coarse field, too smooth to hold anybody's
outline, tells how far each region has gone since the neutral frame, wherever the head itself does not lead
(`warp.HeadMesh.move`).
"""

from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from living_portraits.engine import Frame

CELLS = 16
"""Regions along a side of the crop."""

SEARCHED = 128
"""Pixels a side at which motion is searched."""

Field: TypeAlias = Float32[np.ndarray, "16 16 2"]
"""(x, y) that each region of the neutral frame has travelled, as a share of the crop's side."""

Sway: TypeAlias = Float32[np.ndarray, "time 16 16 2"]
"""One `Field` a frame."""


def measure(crops: Sequence[Frame], neutral: int) -> Sway:
    """Reads it from a driver's crops `[size, size, 3]`, in order, by optical flow from the neutral one.

    Dense inverse search (Kroeger et al. 2016), averaged over each region.
    """
    search = _search()
    rest, fields = _small(crops[neutral]), []
    for number, crop in enumerate(crops):
        flow = np.zeros((SEARCHED, SEARCHED, 2), np.float32)
        if number != neutral:
            flow = search.calc(rest, _small(crop), flow)
        fields.append(cv2.resize(flow, (CELLS, CELLS), interpolation=cv2.INTER_AREA) / np.float32(SEARCHED))
    return np.asarray(fields, np.float32)


def at(field: Field, places: Float32[np.ndarray, "points 2"], size: int) -> Float[np.ndarray, "points 2"]:
    """What a field says at places in a crop of `size`, both in px of it; smooth between the middles of regions."""
    cells = ((places + 0.5) * (CELLS / size) - 0.5).astype(np.float32)
    told = cv2.remap(field, cells[None], None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(told[0] * size, dtype=np.float64)


def _search() -> cv2.DISOpticalFlow:
    """Few patches, and no refinement: averaged over regions, both show in the time alone (1.7 against 4.4 ms)."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setPatchStride(5)
    search.setVariationalRefinementIterations(0)
    return search


def _small(crop: Frame) -> UInt8[np.ndarray, "128 128"]:
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (SEARCHED, SEARCHED), interpolation=cv2.INTER_AREA))
