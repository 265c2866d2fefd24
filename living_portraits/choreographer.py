"""Dances made by hand: angles at some moments, moved between them, on a body of ordinary proportions.

The bundled choreographies are what `make` gives for `DANCES`; nobody was filmed for them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float64

from living_portraits import skeleton
from living_portraits.choreography import Choreography

FPS = 25.0
HEIGHT, MIDDLE, FLOOR = 330.0, 256.0, 450.0  # from the ankles to the nose, and where they stand: px of 512 x 512

# In heights, from the middle between the ankles, x to the person's left, y up: a person who faces the camera.
_HIPS, _HIP, _SHOULDERS, _SHOULDER = 0.51, 0.066, 0.34, 0.112
_UPPER_ARM, _FOREARM, _THIGH, _SHIN, _ANKLE = 0.18, 0.155, 0.265, 0.245, 0.058
_HEAD = {
    0: (0.0, 0.15), 1: (0.014, 0.172), 2: (0.022, 0.172), 3: (0.029, 0.171), 4: (-0.014, 0.172), 5: (-0.022, 0.172),
    6: (-0.029, 0.171), 7: (0.042, 0.158), 8: (-0.042, 0.158), 9: (0.017, 0.124), 10: (-0.017, 0.124),
}  # fmt: skip
"""Points of the head above the middle of the shoulders."""
_HAND = ((0.062, 0.012), (0.06, -0.008), (0.04, -0.016))  # little finger, index, thumb: along the forearm, and aside
_FOOT = ((-0.008, -0.02), (0.006, -0.077))  # heel and toe, from the ankle

Place = Float64[np.ndarray, "2"]


@dataclass(frozen=True)
class Moment:
    """A pose at a time; angles in degrees, lengths in heights, left and right the dancer's own.

    Attributes:
        at: seconds.
        left, right: of the upper arm, 0 hanging, 90 sideways, 180 up. left_fore, right_fore: of the forearm, likewise.
        lean: of the trunk to the left. tilt: of the head to the left.
        sway: of the hips to the left. dip: of the hips downwards.
        left_step, right_step: of the feet outwards. left_lift, right_lift: upwards;
            below 0 it waits on the floor.
    """

    at: float
    left: float = 8.0
    left_fore: float = 4.0
    right: float = 8.0
    right_fore: float = 4.0
    lean: float = 0.0
    tilt: float = 0.0
    sway: float = 0.0
    dip: float = 0.0
    left_step: float = 0.0
    right_step: float = 0.0
    left_lift: float = 0.0
    right_lift: float = 0.0


def make(moments: Sequence[Moment]) -> Choreography:
    """The dance through these moments, from 0 to the last one's time, which is left out: a loop ends as it begins."""
    times = np.arange(round(moments[-1].at * FPS)) / FPS
    marks = np.array([moment.at for moment in moments])
    index = np.clip(np.searchsorted(marks, times, side="right") - 1, 0, len(marks) - 2)
    share = (times - marks[index]) / (marks[index + 1] - marks[index])
    share = (1 - np.cos(np.pi * share)) / 2  # slow, quick, slow: between two rests
    names = [field.name for field in fields(Moment) if field.name != "at"]
    values = {name: np.array([getattr(moment, name) for moment in moments]) for name in names}
    moving = {name: value[index] * (1 - share) + value[index + 1] * share for name, value in values.items()}
    poses = [pose({name: float(value[frame]) for name, value in moving.items()}) for frame in range(len(times))]
    return Choreography(np.stack(poses), FPS)


def pose(angles: Mapping[str, float]) -> skeleton.BodyPoints:
    """The 33 points of one pose, px of a picture of 512 x 512; all of them are seen."""
    places = np.zeros((skeleton.COUNT, 2))
    hips = np.array([angles["sway"], _HIPS - angles["dip"]])
    up = _turned(np.array([0.0, 1.0]), -angles["lean"])
    shoulders = hips + _SHOULDERS * up
    left = np.array([up[1], -up[0]])  # across the trunk
    for side, name, joints in ((1, "left", (11, 13, 15, 23, 25, 27, 29)), (-1, "right", (12, 14, 16, 24, 26, 28, 30))):
        shoulder, elbow, wrist, hip, knee, ankle, heel = joints
        places[shoulder] = shoulders + side * _SHOULDER * left
        places[elbow] = places[shoulder] + _UPPER_ARM * _arm(angles[name], side)
        along = _arm(angles[f"{name}_fore"], side)
        places[wrist] = places[elbow] + _FOREARM * along
        aside = np.array([along[1], -along[0]]) * side
        for finger, (far, off) in zip(range(wrist + 2, wrist + 7, 2), _HAND, strict=True):
            places[finger] = places[wrist] + far * along + off * aside
        places[hip] = hips + np.array([side * _HIP, 0.0])
        places[ankle] = side * (_ANKLE + angles[f"{name}_step"]), max(angles[f"{name}_lift"], 0.0)
        places[knee] = _knee(places[hip], places[ankle], side)
        for point, (out, above) in zip((heel, heel + 2), _FOOT, strict=True):
            places[point] = places[ankle] + np.array([side * out, above])
    for point, (out, above) in _HEAD.items():
        places[point] = shoulders + _turned(np.array([out, above]), -(angles["lean"] + angles["tilt"]))
    # The dancer's left is the picture's right, and a picture's y goes down.
    return np.column_stack(
        [MIDDLE + HEIGHT * places[:, 0], FLOOR - HEIGHT * places[:, 1], np.ones(skeleton.COUNT)]
    ).astype(np.float32)


def _arm(angle: float, side: int) -> Place:
    """Where an arm at `angle` from hanging points."""
    return np.array([side * np.sin(np.radians(angle)), -np.cos(np.radians(angle))])


def _turned(place: Place, degrees: float) -> Place:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([cos * place[0] - sin * place[1], sin * place[0] + cos * place[1]])


def _knee(hip: Place, ankle: Place, side: int) -> Place:
    """Where thigh and shin meet; the knee goes a little outwards, and for the rest towards the camera."""
    share = _SHIN / (_THIGH + _SHIN)
    straight = ankle + share * (hip - ankle)
    slack = max((_THIGH + _SHIN) ** 2 - float(np.sum((hip - ankle) ** 2)), 0.0) ** 0.5
    return straight + np.array([side * 0.15 * slack, 0.0])


def _side(at: float, way: int) -> Moment:
    """A swing to the left (1) or right (-1)."""
    free, low = (55.0, 70.0), (35.0, -25.0)
    left, right = (free, low) if way > 0 else (low, free)
    return Moment(
        at, *left, *right, lean=4.0 * way, tilt=5.0 * way, sway=0.035 * way, dip=0.015,
        left_step=0.005, right_step=0.005, left_lift=-0.02 * way, right_lift=0.02 * way,
    )  # fmt: skip


_REST = Moment(0.0)
DANCES: dict[str, tuple[Moment, ...]] = {
    "side_to_side": tuple(_side(0.8 * beat, 1 if beat % 2 == 0 else -1) for beat in range(9)),
    "wave": (
        _REST,
        Moment(0.8, 90.0, 90.0, 90.0, 90.0),
        Moment(1.3, 100.0, 100.0, 75.0, 105.0, lean=-2.0),
        Moment(1.7, 88.0, 90.0, 108.0, 72.0, lean=-5.0, tilt=-6.0),
        Moment(2.1, 92.0, 84.0, 92.0, 108.0, lean=0.0, sway=0.02),
        Moment(2.5, 112.0, 72.0, 86.0, 92.0, lean=5.0, tilt=6.0, sway=0.0),
        Moment(2.9, 76.0, 112.0, 92.0, 86.0, lean=2.0),
        Moment(3.3, 92.0, 86.0, 78.0, 108.0, lean=-2.0),
        Moment(3.7, 86.0, 92.0, 112.0, 72.0, lean=-5.0, tilt=-6.0),
        Moment(4.1, 106.0, 76.0, 88.0, 96.0, lean=4.0, tilt=4.0),
        Moment(4.5, 90.0, 90.0, 90.0, 90.0),
        Moment(5.2, 150.0, 165.0, 150.0, 165.0),
        Moment(6.0),
        Moment(6.4),
    ),
    "sunrise": (
        _REST,
        Moment(1.6, 90.0, 92.0, 90.0, 92.0),
        Moment(2.8, 160.0, 172.0, 160.0, 172.0),
        Moment(4.0, 165.0, 176.0, 150.0, 160.0, lean=14.0, tilt=6.0, sway=-0.02),
        Moment(5.0, 160.0, 172.0, 160.0, 172.0),
        Moment(6.2, 150.0, 160.0, 165.0, 176.0, lean=-14.0, tilt=-6.0, sway=0.02),
        Moment(7.2, 160.0, 172.0, 160.0, 172.0),
        Moment(8.6, 85.0, 80.0, 85.0, 80.0, dip=0.03, left_step=0.02, right_step=0.02),
        Moment(9.6),
        Moment(10.0),
    ),
}
"""The bundled dances; `side_to_side` is a loop."""
