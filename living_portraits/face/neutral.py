"""Which frame of a clip shows a face at rest."""

import numpy as np
from jaxtyping import Float32

from living_portraits import geometry
from living_portraits.face.model import FaceTrack

_GAZE = slice(11, 19)  # eyeLookDown ... eyeLookUp: where somebody looks is hardly an expression
_MOUTH_AND_LIDS = (9, 10, *range(23, 50))  # blinks, jaw and mouth: what shows most when taken as rest
_TURN = np.deg2rad(15)  # so far from the clip's mean pose counts as much as one shape at full strength


def neutral_frame(track: FaceTrack) -> int:
    """Index of the frame of least expression (mouth and lids above all) whose pose is near the clip's mean."""
    energy = _expression(track.blendshapes) if track.blendshapes.any() else np.zeros(len(track))
    poses = [geometry.fit_pose(points) for points in track.points]
    turns = np.stack([geometry.rotation_vector(pose.rotation) for pose in poses])
    off = np.linalg.norm(turns - np.median(turns, axis=0), axis=1) / _TURN
    return int(np.argmin(energy + off**2))


def _expression(blendshapes: Float32[np.ndarray, "time 52"]) -> Float32[np.ndarray, "time"]:
    weights = np.ones(52, dtype=np.float32)
    weights[0] = 0  # MediaPipe's own "neutral"
    weights[_GAZE] = 0.25
    weights[list(_MOUTH_AND_LIDS)] = 2
    return blendshapes**2 @ weights
