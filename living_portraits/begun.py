"""What a face already says where its motion begins.

Expression is counted from a driver's neutral frame, and that is often in the middle of a word or a laugh. Nobody can
tell from one frame how a stranger's brows look at rest; but lips at rest meet. So lips that are parted, and the laugh
that parts them, belong to the motion: a portrait opens its mouth as wide as the driver does, not as much wider as the
driver's first frame had it. A smile with closed lips may be the face's own, and counts as rest. And a portrait that
laughs already laughs no more.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Float64

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

Shape = Float[np.ndarray, "_ 3"]
Shapes = Float[np.ndarray, "*frames _ 3"]


def expressed(shapes: Shapes) -> Float64[np.ndarray, "*frames 2"]:
    """How far lips are parted, cm, and how much a face smiles, in [0, 1]; meshes in the face frame, cm."""
    gap = np.maximum(shapes[..., _UPPER, 1] - shapes[..., _LOWER, 1], 0)
    return np.stack([gap, np.clip(smile(shapes), 0, 1)], axis=-1).astype(np.float64)


def smile(shapes: Shapes) -> Float64[np.ndarray, "*frames"]:
    """How much a face smiles: 0 not at all, 1 fully, and beyond both. Between faces it differs by how they are made."""
    corners = (shapes[..., _RIGHT, :] + shapes[..., _LEFT, :]) / 2
    width = shapes[..., _LEFT, 0] - shapes[..., _RIGHT, 0]
    high, before = corners[..., 1] - shapes[..., _NOSE, 1], corners[..., 2] - shapes[..., _UPPER, 2]
    return np.asarray(np.stack([width, high, before], axis=-1) @ _SMILE - _NO_SMILE, np.float64)


def corrected(
    expression: Float32[np.ndarray, "*frames 468 3"], neutral: Shape, source: Shape, *, strength: float = 1.0
) -> Float32[np.ndarray, "*frames 468 3"]:
    """A driver's expressions since the neutral frame, as a source is to wear them: displacements of the mesh, cm.

    With e what a face expresses, of the driver's neutral frame n, of its frames t and of the source s, and C `CHANGES`:

        x' = x + C (max(e_n - e_s, 0) - max(e_s + e_t - e_n - 1, 0))

    What a source expresses as well it keeps, and the frames of one face stay as they are. The second term concerns the
    smile alone: nobody laughs more than fully. `strength` is what the expressions were scaled with.
    """
    rest, own = expressed(neutral), expressed(source)
    begun = rest * [1, np.interp(rest[0], PARTED, (0, 1))]
    more = np.maximum(begun - own, 0)
    wanted = strength * more**3 / (more**2 + _NOISE**2)
    smiling = expressed(neutral[: expression.shape[-2]] + expression)[..., 1:]
    overdone = np.maximum(own[1] + smiling - rest[1] - 1, 0)
    change = np.tensordot(wanted, CHANGES, axes=1) - overdone[..., None] * CHANGES[1]
    return np.asarray(expression + change, dtype=np.float32)
