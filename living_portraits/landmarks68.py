"""The 68-point layout of iBUG 300-W, which older face tools speak, read off MediaPipe's 478 points."""

import numpy as np
from jaxtyping import Float32

from living_portraits.engine import Points

# As seen in the picture: every group runs from the picture's left to its right, lips and eyes clockwise.
JAW = (127, 234, 93, 132, 58, 172, 150, 176, 152, 400, 379, 397, 288, 361, 323, 454, 356)
BROW_LEFT = (70, 63, 105, 66, 107)
BROW_RIGHT = (336, 296, 334, 293, 300)
NOSE = (168, 197, 5, 4, 98, 97, 2, 326, 327)
EYE_LEFT = (33, 160, 158, 133, 153, 144)
EYE_RIGHT = (362, 385, 387, 263, 373, 380)
LIPS_OUTER = (61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181)
LIPS_INNER = (78, 81, 13, 311, 308, 402, 14, 178)

SIXTY_EIGHT: tuple[int, ...] = (
    *JAW, *BROW_LEFT, *BROW_RIGHT, *NOSE, *EYE_LEFT, *EYE_RIGHT, *LIPS_OUTER, *LIPS_INNER,
)  # fmt: skip
"""For each of the 68 points, the index of MediaPipe's point that lies there."""


def to_68(points: Points) -> Float32[np.ndarray, "68 2"]:
    """The 68 points (x, y), in the pixels of the 478."""
    return points[list(SIXTY_EIGHT), :2]
