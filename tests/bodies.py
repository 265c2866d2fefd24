"""Bodies made from numbers, for tests that need no tracker; and somebody small to be learned."""

import dataclasses

import cv2
import numpy as np
import pytest

from living_portraits import body, choreographer, skeleton
from living_portraits.choreography import Choreography
from living_portraits.engines.dance.networks import Shape
from living_portraits.rehearsal import footage as footages
from living_portraits.rehearsal.footage import Footage
from living_portraits.rehearsal.lesson import DanceConfig, Lesson

SIZE = 64
TINY = Shape(width=8, downs=1, blocks=1, local_blocks=1, face_width=4, face_blocks=1)
QUICK = DanceConfig(steps=6, critic_width=4, check_seconds=0.0, patience=99, minutes=9.0, stale=0.0)

REST = choreographer.make(choreographer.DANCES["sunrise"]).points[0]


def person(*, height: float = 330.0, foot: tuple[float, float] = (256.0, 450.0), seen: float = 1.0) -> np.ndarray:
    """A standing person, `height` px from ankles to nose, the middle of the feet at `foot`."""
    points = REST.copy()
    zoom = height / choreographer.HEIGHT
    points[:, :2] = (points[:, :2] - (choreographer.MIDDLE, choreographer.FLOOR)) * zoom + foot
    points[:, 2] = seen
    return points.astype(np.float32)


def dance(size: int = SIZE) -> Choreography:
    made = choreographer.make(choreographer.DANCES["wave"])
    points = made.points[::4] * np.array([size / 512, size / 512, 1], np.float32)
    return Choreography(points.astype(np.float32), 25.0)


def studio(size: int = SIZE) -> np.ndarray:
    """Grey, getting lighter to the right."""
    return np.repeat(np.linspace(60, 160, size).astype(np.uint8)[None, :, None], size, 0).repeat(3, 2)


def filmed(steps: Choreography, size: int = SIZE) -> np.ndarray:
    """Somebody all in red, thickly drawn, before the studio."""
    frames = []
    for points in steps.points:
        frame = studio(size)
        for _, course in skeleton.LIMBS:
            line = np.rint(points[list(course), :2]).astype(np.int32)
            cv2.polylines(frame, [line], False, (230, 30, 30), max(size // 20, 1))
        frames.append(frame)
    return np.stack(frames)


def material() -> Footage:
    steps = dance()
    return footages.footage(list(filmed(steps)), steps, steps, size=SIZE)


def lesson(*, shape: Shape = TINY, **changes) -> Lesson:
    return Lesson(material(), shape, dataclasses.replace(QUICK, **changes), look=None)


def see_somebody_wave(monkeypatch: pytest.MonkeyPatch) -> None:
    """A toy tracker: whatever a clip's frames show, somebody waves in them."""
    steps = choreographer.make(choreographer.DANCES["wave"]).points

    def follow(frames, *, fps, smoothing=0.5, on_frame=None):
        count = 0
        for count, _ in enumerate(frames, 1):
            if on_frame:
                on_frame(count)
        return Choreography(steps[:count], float(fps))

    monkeypatch.setattr(body, "follow", follow)
