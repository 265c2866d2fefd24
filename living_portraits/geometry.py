"""The face as a shape: MediaPipe's canonical mesh, its rings of points, and the pose that carries it to a picture.

Two frames of reference meet here. *Picture*: pixels, x right, y down, z smaller towards the viewer.
*Face*: centimetres, x to the picture's right, y up, z towards the viewer, origin inside the head between the ears.
The mesh (vertices, triangles, pose weights) is the one that comes with MediaPipe's face landmarker, Apache-2.0.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Int32, Int64

_mesh = np.load(Path(__file__).with_name("face_mesh.npz"))

POINT_COUNT = 478
MESH_COUNT = 468  # the mesh proper; the last ten points are the two irises
CANONICAL: Float32[np.ndarray, "468 3"] = _mesh["vertices"]
TRIANGLES: Int32[np.ndarray, "898 3"] = _mesh["triangles"]
POSE_WEIGHTS: Float32[np.ndarray, "468"] = _mesh["pose_weights"]

# Rings run clockwise as seen in the picture, from the corner at the picture's left; "right" is the person's right.
LIPS_INNER_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LIPS_INNER_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
LIPS_OUTER_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LIPS_OUTER_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
RIGHT_EYE_UPPER = (33, 246, 161, 160, 159, 158, 157, 173, 133)
RIGHT_EYE_LOWER = (33, 7, 163, 144, 145, 153, 154, 155, 133)
LEFT_EYE_UPPER = (362, 398, 384, 385, 386, 387, 388, 466, 263)
LEFT_EYE_LOWER = (362, 382, 381, 380, 374, 373, 390, 249, 263)
RIGHT_IRIS = (468, 469, 470, 471, 472)  # centre first
LEFT_IRIS = (473, 474, 475, 476, 477)
FACE_OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
CHIN, FOREHEAD, NOSE_TIP = 152, 10, 4


def ring(upper: tuple[int, ...], lower: tuple[int, ...]) -> tuple[int, ...]:
    """Closes two arcs that share their ends into one loop of point indices."""
    return upper + lower[-2:0:-1]


LIPS_INNER = ring(LIPS_INNER_UPPER, LIPS_INNER_LOWER)
LIPS_OUTER = ring(LIPS_OUTER_UPPER, LIPS_OUTER_LOWER)
RIGHT_EYE = ring(RIGHT_EYE_UPPER, RIGHT_EYE_LOWER)
LEFT_EYE = ring(LEFT_EYE_UPPER, LEFT_EYE_LOWER)
MIMIC = tuple(sorted({*LIPS_INNER, *LIPS_OUTER, *RIGHT_EYE, *LEFT_EYE}))
"""Lips and lids: the few points that speak."""


def _mirrored() -> Int64[np.ndarray, "478"]:
    across = CANONICAL * np.array((-1, 1, 1), np.float32)
    mesh = np.linalg.norm(across[:, None] - CANONICAL[None], axis=-1).argmin(axis=1)
    # Irises count centre, then right, above, left, below as seen in the picture.
    return np.concatenate([mesh, [473, 476, 475, 474, 477, 468, 471, 470, 469, 472]])


MIRRORED = _mirrored()
"""For each point the one that stands in for it in a mirrored picture: the other side's."""


def skin_triangles() -> Int32[np.ndarray, "triangles 3"]:
    """The mesh without the triangles that span the mouth and eye openings: those are holes with something behind."""
    spans = np.zeros(len(TRIANGLES), bool)
    for hole in (LIPS_INNER, RIGHT_EYE, LEFT_EYE):
        spans |= np.isin(TRIANGLES, hole).all(axis=1)
    return TRIANGLES[~spans]


@dataclass(frozen=True)
class Pose:
    """A similarity from the face frame to the picture frame, both with y up: `x = scale * rotation @ c + translation`.

    Attributes:
        scale: pixels per centimetre.
        rotation: `[3, 3]`, proper.
        translation: `[3]`, where the origin of the face frame lies; in pixels, y and z negated (y up).
    """

    scale: float
    rotation: Float[np.ndarray, "3 3"]
    translation: Float[np.ndarray, "3"]

    def to_face(self, points: Float[np.ndarray, "*any 3"]) -> Float[np.ndarray, "*any 3"]:
        """Picture points (px) as seen from the head: face frame, cm."""
        return (flip(points) - self.translation) @ self.rotation / self.scale

    def to_picture(self, shape: Float[np.ndarray, "*any 3"]) -> Float[np.ndarray, "*any 3"]:
        """Points of the face frame (cm) where this pose puts them in the picture (px)."""
        return flip(self.scale * shape @ self.rotation.T + self.translation)


def flip(points: Float[np.ndarray, "*any 3"]) -> Float[np.ndarray, "*any 3"]:
    """Turns (x right, y down, z away) into (x right, y up, z near) and back."""
    return points * np.array([1, -1, -1], points.dtype)


def fit_pose(points: Float[np.ndarray, "478 3"]) -> Pose:
    """The similarity that carries the canonical face onto these points (px), least squares.

    Weighted by how little a point takes part in expressions (MediaPipe's own weights: temples, nose bridge, eye
    corners).
    """
    return similarity(CANONICAL.astype(np.float64), points[:MESH_COUNT].astype(np.float64), POSE_WEIGHTS)


def similarity(
    model: Float[np.ndarray, "places 3"],
    picture: Float[np.ndarray, "places 3"],
    weights: Float[np.ndarray, "places"] | None = None,
) -> Pose:
    """The pose that carries places of the face frame (cm) onto places of a picture (px), weighted least squares.

    Method: Umeyama, "Least-squares estimation of transformation parameters between two point patterns", 1991,
    eq. 40-43.
    """
    share = np.ones(len(model)) if weights is None else weights.astype(np.float64)
    share = (share / share.sum())[:, None]
    target = flip(picture)
    target_mean, model_mean = (share * target).sum(0), (share * model).sum(0)
    target, model = target - target_mean, model - model_mean
    u, singular, vt = np.linalg.svd((share * target).T @ model)
    handedness = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * handedness) @ vt
    scale = float((singular * handedness).sum() / (share * model**2).sum())
    return Pose(scale, rotation, target_mean - scale * rotation @ model_mean)


_NEARLY_HALF_A_TURN = np.radians(179)


def rotation_vector(rotation: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3"]:
    """Axis times angle in radians (the logarithm of a rotation); angles are 180 degrees at most."""
    cosine = np.clip((np.trace(rotation) - 1) / 2, -1.0, 1.0)
    angle = float(np.arccos(cosine))
    axis = np.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]])
    if angle < 1e-6:
        return axis / 2
    if angle > _NEARLY_HALF_A_TURN:  # the sine is so small that `axis` tells hardly more than the sign
        square = (rotation + rotation.T) / 2 - cosine * np.eye(3)  # (1 - cosine) a a^T, of the unit axis a
        row = square[square.diagonal().argmax()]
        unit = np.copysign(1.0, row @ axis) * row / np.linalg.norm(row)
        return unit * np.arctan2(np.linalg.norm(axis) / 2, cosine)
    return axis * (angle / (2 * np.sin(angle)))


def rotation_matrix(vector: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3 3"]:
    """Rodrigues' formula: the rotation by |vector| radians about the vector."""
    angle = float(np.linalg.norm(vector))
    x, y, z = vector
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    if angle < 1e-9:
        return np.eye(3) + cross
    return np.eye(3) + np.sin(angle) / angle * cross + (1 - np.cos(angle)) / angle**2 * cross @ cross
