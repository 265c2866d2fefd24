"""Pictures against pictures: error, structure, sharpness, and the parts of a head they are taken over.

Frames are uint8 RGB `[height, width, 3]`; masks are bool `[height, width]`.
"""

from typing import TypeAlias

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float64

from living_portraits.engine import Frame, Points

Mask: TypeAlias = Bool[np.ndarray, "height width"]

WHITE = 255.0
ROUNDING = 1 / 12
"""Mean squared error, in levels, that rounding to 8 bits makes anyway; below it `psnr` does not go on to infinity."""

SSIM_SIGMA, SSIM_RADIUS = 1.5, 5  # px: the 11 x 11 Gaussian window of the paper
SSIM_K1, SSIM_K2 = 0.01, 0.03
HEAD = 1.7  # hulls of the face, grown by this, hold hair and ears too


def psnr(result: Frame, truth: Frame) -> float:
    """Peak signal-to-noise ratio in dB: `10 log10(255^2 / max(MSE, 1/12))` over all pixels and channels.

    Equal pictures score 58.9 dB.
    """
    error = np.mean((result.astype(np.float64) - truth) ** 2)
    return float(10 * np.log10(WHITE**2 / max(error, ROUNDING)))


def ssim(result: Frame, truth: Frame) -> float:
    """Structural similarity in [-1, 1] of the two pictures' luma; 1 is equal.

    `(2 m_a m_b + C1)(2 s_ab + C2) / ((m_a^2 + m_b^2 + C1)(s_a^2 + s_b^2 + C2))` with Gaussian-weighted means m and
    (co)variances s, C1 = (0.01 * 255)^2, C2 = (0.03 * 255)^2, averaged over all places at which the 11 x 11 window
    lies inside the picture. Wang et al., "Image quality assessment", 2004, eq. 13 and section III-C.
    """
    a, b = _luma(result), _luma(truth)
    mean_a, mean_b = _window(a), _window(b)
    variances = _window(a * a) - mean_a**2 + _window(b * b) - mean_b**2
    covariance = _window(a * b) - mean_a * mean_b
    c1, c2 = (SSIM_K1 * WHITE) ** 2, (SSIM_K2 * WHITE) ** 2
    similarity = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    similarity /= (mean_a**2 + mean_b**2 + c1) * (variances + c2)
    return float(similarity.mean())


def l1(result: Frame, truth: Frame, mask: Mask) -> float:
    """Mean absolute difference inside the mask, in shares of white: in [0, 1]; NaN where the mask is empty."""
    if not mask.any():
        return float("nan")
    return float(cv2.absdiff(result, truth)[mask].mean() / WHITE)


def laplacian_energy(frame: Frame, mask: Mask) -> float:
    """Mean square of the luma's Laplacian (four neighbours) inside the mask: how much fine detail there is.

    Sharpness is the ratio of two of these; NaN where the mask is empty.
    """
    if not mask.any():
        return float("nan")
    detail = cv2.Laplacian(_luma(frame), cv2.CV_64F, ksize=1)
    return float(np.mean(detail[mask] ** 2))


def face_mask(points: Points, size: int, *, grow: float = 1.0) -> Mask:
    """The convex hull of a face's points (px of a square picture of side `size`), grown about its centre."""
    flat = points[:, :2].astype(np.float64)
    centre = (flat.min(axis=0) + flat.max(axis=0)) / 2
    return _filled(cv2.convexHull((centre + grow * (flat - centre)).astype(np.float32))[:, 0], size)


def background_mask(faces: Float[np.ndarray, "heads 478 3"], size: int) -> Mask:
    """What belongs to no head, hair, neck or shoulder in any of these places of one face (px).

    Outside every hull grown by 1.7, and above the lowest chin: below it a body may follow the head.
    """
    mask = np.ones((size, size), bool)
    for points in faces:
        mask &= ~face_mask(points.astype(np.float32), size, grow=HEAD)
    chin = int(np.clip(np.floor(faces[:, :, 1].max()), 0, size))
    mask[chin:] = False
    return mask


def _filled(polygon: Float[np.ndarray, "corners 2"], size: int) -> Mask:
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.rint(polygon).astype(np.int32)], 1)
    return mask.astype(bool)


def _luma(frame: Frame) -> Float64[np.ndarray, "height width"]:
    """ITU-R BT.601, not rounded."""
    return frame.astype(np.float64) @ np.array([0.299, 0.587, 0.114])


def _window(values: Float64[np.ndarray, "height width"]) -> Float64[np.ndarray, "rows columns"]:
    side = 2 * SSIM_RADIUS + 1
    blurred = np.asarray(cv2.GaussianBlur(values, (side, side), SSIM_SIGMA), dtype=np.float64)
    return blurred[SSIM_RADIUS:-SSIM_RADIUS, SSIM_RADIUS:-SSIM_RADIUS]
