"""A whole face from few places: the canonical mesh, posed and bent until it meets them."""

import numpy as np
from jaxtyping import Float64

from living_portraits import geometry as geo
from living_portraits.engine import Points
from living_portraits.face.model import Face

IRIS_RADIUS = 0.59  # cm; nearly the same in everybody
_ROUNDS = 200  # of the pose: each guesses the depths that a picture does not show from the pose before


def canonical_478() -> Float64[np.ndarray, "478 3"]:
    """The canonical mesh (face frame, cm) with an iris in the middle of each eye."""
    mesh = geo.CANONICAL.astype(np.float64)
    return np.concatenate([mesh, *(_iris(mesh[list(ring)].mean(axis=0)) for ring in (geo.RIGHT_EYE, geo.LEFT_EYE))])


def _iris(centre: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "5 3"]:
    """Centre, then the picture's right, top, left and bottom, y up."""
    return centre + IRIS_RADIUS * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]])


def fit_mesh(anchors: Float64[np.ndarray, "places 3"], targets: Float64[np.ndarray, "places 2"]) -> Points:
    """The 478 points that carry each anchor (face frame, cm) exactly onto its target (px), smooth in between.

    First a head pose, then a displacement in the picture plane by radial basis functions of the distance on the
    face, `sum_i w_i |c - c_i| + constant`: it meets every target and fades to a mere shift far from all. Depth is
    the pose's own. Three places or more, not all on one line.
    """
    pose = _fit_pose(anchors, targets)
    shape = canonical_478()
    points = pose.to_picture(shape)
    points[:, :2] += bend(anchors, targets - pose.to_picture(anchors)[:, :2], shape)
    round_irises(points)
    return points.astype(np.float32)


def _fit_pose(anchors: Float64[np.ndarray, "places 3"], targets: Float64[np.ndarray, "places 2"]) -> geo.Pose:
    """The similarity whose projection along z comes nearest to the targets, starting from a face seen head-on."""
    target = np.column_stack([targets, np.zeros(len(targets))])
    pose = geo.similarity(anchors * [1, 1, 0], target)
    for _ in range(_ROUNDS):
        target[:, 2] = pose.to_picture(anchors)[:, 2]
        pose = geo.similarity(anchors, target)
    return pose


def bend(
    anchors: Float64[np.ndarray, "places 3"],
    offsets: Float64[np.ndarray, "places 2"],
    shape: Float64[np.ndarray, "points 3"],
) -> Float64[np.ndarray, "points 2"]:
    """How far each point of `shape` moves where the anchors (in its frame) move by `offsets`; see `fit_mesh`."""
    count = len(anchors)
    system = np.ones((count + 1, count + 1))
    system[:count, :count] = np.linalg.norm(anchors[:, None] - anchors[None], axis=-1)
    system[count, count] = 0
    weights = np.linalg.solve(system, np.vstack([offsets, np.zeros((1, 2))]))
    return np.linalg.norm(shape[:, None] - anchors[None], axis=-1) @ weights[:count] + weights[count]


def round_irises(points: Float64[np.ndarray, "478 3"]) -> None:
    """Puts each iris, round, back into the middle of its eye: bending may have squeezed it."""
    for ring, iris in ((geo.RIGHT_EYE, geo.RIGHT_IRIS), (geo.LEFT_EYE, geo.LEFT_IRIS)):
        centre = points[list(ring)].mean(axis=0)
        across = points[ring[8]] - points[ring[0]]
        radius = IRIS_RADIUS * float(np.linalg.norm(across)) / _EYE_WIDTH
        along = across[:2] / max(float(np.linalg.norm(across[:2])), 1e-9)
        up = np.array([along[1], -along[0]])
        points[list(iris), :2] = centre[:2] + radius * np.array([0 * along, along, up, -along, -up])
        points[list(iris), 2] = centre[2]


_EYE_WIDTH = float(np.linalg.norm(geo.CANONICAL[geo.RIGHT_EYE[8]] - geo.CANONICAL[geo.RIGHT_EYE[0]]))  # cm


def fitted_face(
    anchors: Float64[np.ndarray, "places 3"], targets: Float64[np.ndarray, "places 2"], *, found_by: str
) -> Face:
    """The face whose mesh meets these targets; it has a head's rotation, but no blendshapes."""
    return face_of(fit_mesh(anchors, targets), found_by=found_by)


def face_of(points: Points, *, found_by: str) -> Face:
    """A face of which the points alone are known."""
    head = np.eye(4, dtype=np.float32)
    head[:3, :3] = geo.fit_pose(points).rotation
    return Face(points=points, blendshapes=np.zeros(52, np.float32), head=head, found_by=found_by)
