"""Pictures and faces made from numbers, for tests that need no tracker."""

import cv2
import numpy as np

from living_portraits import geometry
from living_portraits.engine import Track


def picture(height: int = 240, width: int = 200, *, seed: int = 0) -> np.ndarray:
    """A grainy picture, smooth enough to be resampled."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 1.5), None, 0, 255, cv2.NORM_MINMAX)


def face(centre: tuple[float, float] = (100, 110), *, zoom: float = 4.0, roll: float = 0.0) -> np.ndarray:
    """The canonical face in picture pixels, tilted clockwise by `roll` radians."""
    irises = geometry.CANONICAL[[*geometry.RIGHT_EYE_UPPER[:5], *geometry.LEFT_EYE_UPPER[:5]]]
    shape = np.concatenate([geometry.CANONICAL, irises]) * [1, -1, -1] * zoom
    turn = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return (shape @ turn.T + [*centre, 0]).astype(np.float32)


def driver(size: int = 128, *, frames: int = 6, fps: float = 25.0) -> Track:
    """A head that opens its mouth, nods and comes back; frame 0 is at rest."""
    swing = np.sin(np.linspace(0, np.pi, frames))
    points = np.stack([face((size / 2, size / 2), zoom=size / 45, roll=0.15 * s) for s in swing])
    points[:, list(geometry.LIPS_INNER_LOWER[1:-1]), 1] += (0.05 * size * swing)[:, None]
    crops = [picture(size, size, seed=9) for _ in range(frames)]
    return Track(crops, points.astype(np.float32), np.zeros((frames, 52), np.float32), fps)


def source(size: int = 128) -> Track:
    """One photograph of the same kind of head."""
    points = face((size / 2 - 0.5, size / 2 - 0.5), zoom=size / 45)
    return Track([picture(size, size)], points[None], np.zeros((1, 52), np.float32))
