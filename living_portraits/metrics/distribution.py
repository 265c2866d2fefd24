"""Two heaps of features: how far apart they lie as wholes."""

import numpy as np
from jaxtyping import Float, Float64


def frechet_distance(a: Float[np.ndarray, "n features"], b: Float[np.ndarray, "m features"]) -> float:
    """Squared Frechet (2-Wasserstein) distance of the Gaussians fitted to two sets of features; at least two of each.

    `|m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2))`, Dowson and Landau 1982. The last trace is the nuclear norm
    of `A B^T`, with A and B the centred features over the root of n - 1, so no covariance is ever formed.
    Depends on the features and grows as n falls: meaningless without the names and numbers of both.
    """
    mean_a, spread_a = _centred(a)
    mean_b, spread_b = _centred(b)
    shared = float(np.linalg.svd(spread_a @ spread_b.T, compute_uv=False).sum())
    traces = float((spread_a**2).sum() + (spread_b**2).sum())
    return max(float(((mean_a - mean_b) ** 2).sum()) + traces - 2 * shared, 0.0)


def _centred(
    features: Float[np.ndarray, "n features"],
) -> tuple[Float64[np.ndarray, "features"], Float64[np.ndarray, "n features"]]:
    mean = features.astype(np.float64).mean(axis=0)
    return mean, (features - mean) / np.sqrt(len(features) - 1)
