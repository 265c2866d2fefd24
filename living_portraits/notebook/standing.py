"""Two people before two cameras, and three ways of putting the dance of one onto the floor of the other."""

import numpy as np
from jaxtyping import Float64

from living_portraits import choreography as dances
from living_portraits import samples, skeleton, stance
from living_portraits.choreography import Choreography
from living_portraits.stance import Points, Stance

SIZE = 512  # px, of the pictures
_FOCAL, _HORIZON = 500.0, 200.0  # px: of the camera, and where it looks level
_BODY, _FLOOR, _MIDDLE = 330.0, 450.0, 256.0  # of the bundled dances: height from ankles to nose, and where they stand
_ANKLES = [skeleton.LEFT_ANKLE, skeleton.RIGHT_ANKLE]

Heights = Float64[np.ndarray, "time"]


def seen_by_a_camera(
    name: str = "sunrise",
    *,
    body: float,
    camera: float = 1.4,
    nearest: float = 3.0,
    farthest: float = 6.0,
    ways: float = 1.0,
) -> Choreography:
    """Somebody `body` m from ankles to nose who dances on the way to the camera and back, `ways` times.

    Args:
        name: of a dance that comes along.
        camera: m above the floor; it looks level. nearest, farthest: m from it.
    """
    dance = dances.load(samples.DANCES[name])
    turns = np.linspace(0, 2 * np.pi * ways, len(dance))
    away = (farthest + nearest) / 2 + (farthest - nearest) / 2 * np.cos(turns)
    zoom = (_FOCAL * body / away / _BODY)[:, None, None].astype(np.float32)
    points = dance.points.copy()
    points[..., :2] = (points[..., :2] - np.array([_MIDDLE, _FLOOR], np.float32)) * zoom
    points[..., 0] += SIZE / 2
    points[..., 1] += (_HORIZON + _FOCAL * camera / away)[:, None]
    return Choreography(points.astype(np.float32), dance.fps)


def published(dance: Choreography, target: Stance) -> Choreography:
    """The dance on the target's floor as the published code puts it (data_prep/graph_posenorm.py of EDN's repository).

    Its sizes and floor lines are the formula's. But it scales about a point that does not move, where the lower foot
    stands in the first frame, and then shifts:

        y' = s y + (1 - s) y_0 + (m - f),   so that a foot at y = f comes to   m + (1 - s) (y_0 - f)

    and not to m. Its floor f is the lower ankle of the very frame: a jump is a step back.
    """
    source = stance.measure(dance.points, fps=dance.fps)
    foot = dance.points[:, _ANKLES, 1].max(axis=1).astype(np.float64)
    share = (foot - source.far) / max(source.near - source.far, 1e-6)
    far_scale, near_scale = target.far_height / source.far_height, target.near_height / source.near_height
    scale, floor = (far + share * (near - far) for far, near in ((far_scale, near_scale), (target.far, target.near)))
    fixed = np.array([SIZE / 2, foot[0]])
    moved = dance.points.astype(np.float64)
    moved[..., :2] = scale[:, None, None] * (moved[..., :2] - fixed) + fixed
    moved[..., 1] += (floor - foot)[:, None]
    return Choreography(moved.astype(np.float32), dance.fps)


def feet_of(dance: Choreography) -> Heights:
    """y of the lower ankle, px."""
    return dance.points[:, _ANKLES, 1].max(axis=1).astype(np.float64)


def under_the_floor(dance: Choreography, *, body: float, camera: float = 1.4) -> Heights:
    """How many px the feet are lower than those of somebody `body` m tall who looks as large to that camera.

    A level camera sees feet `camera / body` of a height below its horizon, near and far.
    """
    return np.asarray(feet_of(dance) - _HORIZON - stance.tall(dance.points) * camera / body, np.float64)


def without_an_ankle(points: Points, *, frames: slice) -> tuple[Points, Points]:
    """A clip whose left ankle is not to be seen in some frames, and is put into the picture's corner, as OpenPose does.

    Once as it is, and once as one reads it who asks the left ear whether the left ankle is to be seen.
    """
    hidden = points.copy()
    hidden[frames, skeleton.LEFT_ANKLE] = 0
    misread = hidden.copy()
    misread[frames, skeleton.LEFT_ANKLE, 2] = hidden[frames, skeleton.LEFT_EAR, 2]
    return hidden, misread
