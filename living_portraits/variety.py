"""Rows that are as unlike each other as they come."""

import numpy as np
from jaxtyping import Float64


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
