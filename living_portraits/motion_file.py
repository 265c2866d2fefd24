"""A clip's motion as a small file: tracked once, it drives any number of portraits, and shows nobody's face.

Points are stored as a pose a frame and a handful of shape components (principal components of the clip's own shapes),
quantised, differenced in time and compressed: a few kilobytes for some seconds.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64

from living_portraits import geometry as geo
from living_portraits.packed import Format, check_time, differences

SUFFIX = ".motion"
_FORMAT = Format(b"living-portraits motion 1\n", "motion file", "--save-motion")
_TOLERANCE_CM = 0.1  # largest error of any point; about twice the tracker's own noise
_MOST_COMPONENTS = 24
_MEAN_STEP_CM = 1 / 1024

BLENDSHAPES = 52

Points = Float32[np.ndarray, "time 478 3"]
Blendshapes = Float32[np.ndarray, "time 52"]


def save_motion(path: Path, points: Points, blendshapes: Blendshapes, fps: float) -> None:
    """Writes a clip's points (px), blendshapes and frame rate; raises OutputError where the place cannot be written."""
    poses = [geo.fit_pose(frame) for frame in points]
    shapes = np.stack([pose.to_face(frame.astype(np.float64)) for pose, frame in zip(poses, points, strict=True)])
    flat = shapes.reshape(len(shapes), -1)
    mean = np.rint(flat.mean(axis=0) / _MEAN_STEP_CM).astype(np.int16)
    basis, weights = _components(flat - mean * _MEAN_STEP_CM)
    step = np.maximum(np.abs(weights).max(axis=0, initial=0), 1e-6) / 32000
    pose_rows = [np.concatenate([geo.rotation_vector(pose.rotation), pose.translation, [pose.scale]]) for pose in poses]
    arrays = {
        "fps": np.float64(fps),
        "pose": np.asarray(pose_rows, np.float32),
        "mean": mean,
        "basis": np.rint(basis * 31).astype(np.int8),
        "weight_step": step,
        "weights": differences(np.rint(weights / step).astype(np.int32)),
        "blendshapes": differences(np.rint(blendshapes * 255).astype(np.int16)),
    }
    _FORMAT.write(path, {name: np.asarray(values) for name, values in arrays.items()})


def load_motion(path: Path) -> tuple[Points, Blendshapes, float]:
    """Reads what `save_motion` wrote: points (px), blendshapes, frames a second; raises MediaError."""
    return _FORMAT.read(path, _understood)


def _understood(data: Mapping[str, np.ndarray]) -> tuple[Points, Blendshapes, float]:
    weights = np.cumsum(data["weights"].astype(np.int64), axis=0) * data["weight_step"]
    shapes = data["mean"] * _MEAN_STEP_CM + weights @ (data["basis"] / 31.0)
    shapes = shapes.reshape(-1, geo.POINT_COUNT, 3)
    points = [
        geo.Pose(float(row[6]), geo.rotation_matrix(row[:3]), row[3:6]).to_picture(shape)
        for row, shape in zip(data["pose"].astype(np.float64), shapes, strict=True)
    ]
    blendshapes = np.cumsum(data["blendshapes"].astype(np.int64), axis=0).astype(np.float32) / 255
    found, fps = np.asarray(points, np.float32), float(data["fps"])
    if blendshapes.shape != (len(found), BLENDSHAPES) or not (data["pose"][:, 6] > 0).all():
        raise ValueError("no face moves like that")
    check_time(found, fps)
    return found, blendshapes, fps


def _components(
    residual: Float64[np.ndarray, "time values"],
) -> tuple[Float64[np.ndarray, "components values"], Float64[np.ndarray, "time components"]]:
    """As few principal components as bring every value within the tolerance; rows scaled to a maximum of 1."""
    u, singular, vt = np.linalg.svd(residual, full_matrices=False)
    most = min(_MOST_COMPONENTS, len(singular))
    count = most
    for count in range(1, most + 1):
        rest = residual - (u[:, :count] * singular[:count]) @ vt[:count]
        if np.abs(rest).max() < _TOLERANCE_CM:
            break
    peak = np.maximum(np.abs(vt[:count]).max(axis=1), 1e-9)
    return vt[:count] / peak[:, None], u[:, :count] * singular[:count] * peak
