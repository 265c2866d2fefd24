"""How a head looks, as numbers that can be compared, and rows of such numbers that are as unlike as they come."""

import numpy as np
from jaxtyping import Float64

from living_portraits.motion import HeadMotion


def spread(features: Float64[np.ndarray, "frames values"], count: int, *, first: int) -> list[int]:
    """`count` rows that lie far from each other, beginning with `first`: each the farthest from those before.

    No row is farther from the nearest of them than twice what the best choice of `count` rows would leave (Gonzalez
    1985, "Clustering to minimize the maximum intercluster distance").
    """
    chosen = [first]
    nearest = np.linalg.norm(features - features[first], axis=1)
    while len(chosen) < min(count, len(features)):
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(features - features[chosen[-1]], axis=1))
    return chosen


def apart(motion: HeadMotion, count: int) -> list[int]:
    """Numbers of `count` frames (or all) that differ in expression, lids and pose; the least moved is the first."""
    features = looks(motion)
    return spread(features, count, first=int(np.linalg.norm(features, axis=1).argmin())) if count else []


def looks(motion: HeadMotion, *, turning: float = 1.0) -> Float64[np.ndarray, "time numbers"]:
    """What is compared: expression, lids and turn of each frame, on scales on which they count alike.

    Turns count `turning` times as much.
    """
    turns = motion.rotation.reshape(len(motion), 9) - np.eye(3, dtype=np.float32).reshape(9)
    parts = (motion.expression.reshape(len(motion), -1) / 10, motion.lids - 1, turning * turns)
    return np.concatenate(parts, axis=1).astype(np.float64)
