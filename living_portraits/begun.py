"""What a face already says where its motion begins.

Expression is counted from a driver's neutral frame, and that is often in the middle of a word or a laugh. Nobody can
tell from one frame how a stranger's brows look at rest; but lips at rest meet. So lips that are parted, and the laugh
that parts them, belong to the motion: a portrait opens its mouth as wide as the driver does, not as much wider as the
driver's first frame had it. A smile with closed lips may be the face's own, and counts as rest.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64

CHANGES: Float32[np.ndarray, "2 468 3"] = np.load(Path(__file__).with_name("begun.npy")).astype(np.float32)
"""How a face changes with each cm between its lips, and with a full laugh, cm; `training.begun` fitted it."""

_UPPER, _LOWER, _RIGHT, _LEFT, _NOSE = 13, 14, 61, 291, 2  # middles of the inner lips, corners of the mouth, its base
# Of the mouth's width, how high its corners are and how far before the lips, cm. Fitted to MediaPipe's blendshapes of
# 300 people, moved and still; of 144 others the correlation is .93, and where they do not smile nine in ten have < .13.
_SMILE = np.array([0.136, 0.359, -0.569])
_NO_SMILE = 0.523
_NOISE = np.array([0.12, 0.08])  # what differs by this much is the tracker's, or how faces differ
PARTED = (0.15, 0.5)
"""cm between lips: up to the one a smile may be the face's own, from the other on it is a laugh."""

Shape = Float32[np.ndarray, "_ 3"]


def expressed(shape: Shape) -> Float64[np.ndarray, "2"]:
    """How far lips are parted, cm, and how much a face smiles, in [0, 1]; its mesh in the face frame, cm."""
    corners = (shape[_RIGHT] + shape[_LEFT]) / 2
    width = shape[_LEFT, 0] - shape[_RIGHT, 0]
    measures = np.array([width, corners[1] - shape[_NOSE, 1], corners[2] - shape[_UPPER, 2]])
    smile = np.clip(_SMILE @ measures - _NO_SMILE, 0, 1)
    return np.array([max(float(shape[_UPPER, 1] - shape[_LOWER, 1]), 0.0), smile])


def beyond(driver: Shape, source: Shape) -> Float32[np.ndarray, "468 3"]:
    """What a driver's neutral shape says that the source's own does not, as displacements of the mesh, cm.

    A source that is parted, or laughs, as much keeps what it has; and the frame of a face says nothing beyond itself.
    """
    begun = expressed(driver)
    begun[1] *= np.interp(begun[0], PARTED, (0, 1))
    more = np.maximum(begun - expressed(source), 0)
    return np.tensordot(more**3 / (more**2 + _NOISE**2), CHANGES, axes=1).astype(np.float32)
