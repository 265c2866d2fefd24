"""Figures that tell good footage from bad, and lively from still; all plain numbers."""

import cv2
import numpy as np
from jaxtyping import Float32

from living_portraits import geometry
from living_portraits.data.mattes import face_matte
from living_portraits.engine import Frame, Points

_LIPS = (13, 14)


def frame_quality(crop: Frame, points: Points) -> tuple[float, float]:
    """Sharpness and brightness of the face in one crop; its points in px of the crop.

    Sharpness is the variance of the Laplacian of the luma in levels of 255, brightness the mean luma in [0, 1].
    """
    size = crop.shape[0]
    face = cv2.resize(face_matte(points, size=size), (size, size), interpolation=cv2.INTER_NEAREST) > 127
    luma = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    if not face.any():
        return 0.0, float(luma.mean() / 255)
    edges = cv2.Laplacian(luma, cv2.CV_32F)
    return float(edges[face].var()), float(luma[face].mean() / 255)


def motion_quality(points: Float32[np.ndarray, "time 478 3"], *, size: int) -> dict[str, float]:
    """How a clip moves; points in px of crops with side `size`.

    jitter_px: mean length of the points' second difference, in px of a crop of 256. yaw_degrees: median turn to the
    side. turn_degrees: largest angle to the first frame's head. mouth_spread: largest less smallest gap between
    the lips, in face heights.
    """
    poses = [geometry.fit_pose(frame) for frame in points]
    first = poses[0].rotation
    yaws = [np.degrees(np.arctan2(pose.rotation[0, 2], pose.rotation[2, 2])) for pose in poses]
    turns = [np.degrees(np.linalg.norm(geometry.rotation_vector(pose.rotation @ first.T))) for pose in poses]
    heights = np.linalg.norm(points[:, geometry.FOREHEAD] - points[:, geometry.CHIN], axis=-1)
    gaps = np.linalg.norm(points[:, _LIPS[0]] - points[:, _LIPS[1]], axis=-1) / heights
    jitter = 0.0
    if len(points) > 2:
        second = np.diff(points[..., :2].astype(np.float64), n=2, axis=0)
        jitter = float(np.linalg.norm(second, axis=-1).mean() * 256 / size)
    return {
        "jitter_px": jitter,
        "yaw_degrees": float(np.median(yaws)),
        "turn_degrees": float(np.max(turns)),
        "mouth_spread": float(np.ptp(gaps)),
    }
