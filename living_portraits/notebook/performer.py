"""Somebody drawn instead of filmed: clothes on a skeleton, before a wall."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float64

from living_portraits import choreography as dances
from living_portraits import samples, skeleton
from living_portraits.choreography import Choreography
from living_portraits.engine import Frame
from living_portraits.rehearsal import footage as footages
from living_portraits.rehearsal.footage import Footage
from living_portraits.skeleton import BodyPoints

SIDE = 64  # px, of what the network sees and paints
_PAPER = 512  # px, of the picture that the bundled dances are in
_FINE = 4  # times as large is drawn, then made smaller: edges are soft, as a camera's are

Colour = tuple[int, int, int]
SKIN, HAIR, SHIRT, SHOE = (222, 168, 136), (64, 44, 36), (232, 226, 214), (30, 28, 32)
LEFT_SLEEVE, RIGHT_SLEEVE, LEFT_LEG, RIGHT_LEG = (206, 98, 52), (58, 122, 128), (66, 76, 128), (92, 66, 110)

_PARTS: tuple[tuple[tuple[int, ...], Colour, float], ...] = (
    ((24, 26, 28), RIGHT_LEG, 0.075),
    ((23, 25, 27), LEFT_LEG, 0.075),
    ((28, 30, 32), SHOE, 0.045),
    ((27, 29, 31), SHOE, 0.045),
    ((11, 12, 24, 23, 11), SHIRT, 0.1),
    ((12, 14, 16), RIGHT_SLEEVE, 0.055),
    ((11, 13, 15), LEFT_SLEEVE, 0.055),
    ((16, 18, 20), SKIN, 0.045),
    ((15, 17, 19), SKIN, 0.045),
)
"""Course, colour and thickness in heights of each part, the later ones over the earlier; left is the person's own."""


def steps_of(name: str, *, size: int = SIDE) -> Choreography:
    """A dance that comes along, in px of a picture `size` px wide."""
    dance = dances.load(samples.DANCES[name])
    return Choreography(dance.points * np.array([size / _PAPER, size / _PAPER, 1], np.float32), dance.fps, dance.gaps)


def performance(*names: str, size: int = SIDE) -> Footage:
    """The performer in dances that come along, as `dance train` opens a clip: frames, points and the empty stage."""
    parts = [steps_of(name, size=size) for name in names]
    steps = Choreography(np.concatenate([part.points for part in parts]), parts[0].fps)
    return footages.footage([dressed(pose, size=size) for pose in steps.points], steps, steps, size=size)


def dressed(points: BodyPoints, *, size: int = SIDE) -> Frame:
    """One pose, clothed, on the stage; points in px of the picture."""
    large = np.asarray(cv2.resize(stage_of(size), None, fx=_FINE, fy=_FINE, interpolation=cv2.INTER_LINEAR), np.uint8)
    places = _FINE * (points[:, :2].astype(np.float64) + 0.5)
    nose, neck, feet = places[skeleton.NOSE], places[[11, 12]].mean(axis=0), places[[27, 28]].mean(axis=0)
    tall = float(np.linalg.norm(nose - feet))
    for course, colour, thick in _PARTS:
        _line(large, places[list(course)], colour, thick * tall)
        if len(course) > 3:
            cv2.fillPoly(large, [np.rint(places[list(course)]).astype(np.int32)], colour, cv2.LINE_AA)
    _line(large, np.stack([neck, nose]), SKIN, 0.055 * tall)
    _disc(large, nose + 0.25 * (nose - neck), 0.075 * tall, HAIR)
    _disc(large, nose + 0.02 * (neck - nose), 0.06 * tall, SKIN)
    return np.asarray(cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def stage_of(size: int = SIDE) -> Frame:
    """The empty stage: a wall that is lighter in the middle, and a floor."""
    across = np.abs(np.linspace(-1, 1, size))
    wall = np.stack([205 - 55 * across, 200 - 60 * across, 190 - 60 * across], axis=-1)
    picture = np.repeat(wall[None], size, axis=0)
    picture[round(0.8 * size) :] *= (0.68, 0.62, 0.56)
    return picture.astype(np.uint8)


def _line(picture: Frame, course: Float64[np.ndarray, "points 2"], colour: Sequence[int], thick: float) -> None:
    cv2.polylines(picture, [np.rint(course).astype(np.int32)], False, colour, max(round(thick), 1), cv2.LINE_AA)


def _disc(picture: Frame, middle: Float64[np.ndarray, "2"], radius: float, colour: Sequence[int]) -> None:
    x, y = (round(float(value)) for value in middle)
    cv2.circle(picture, (x, y), max(round(radius), 1), colour, -1, cv2.LINE_AA)
