"""Engines and a tracker of a few lines, so that the path around them is tested alone and in milliseconds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from drawn import driver, face

from living_portraits import face as tracker
from living_portraits.engine import Spec
from living_portraits.face import Face, FaceTrack
from living_portraits.people import People

SIZE = 64


class Toy:
    """Shows the source at the neutral frame and paints it over evenly, by the frame's number, at all others."""

    spec = Spec(name="toy", title="a toy", size=SIZE)

    def __init__(self, *, size: int = SIZE) -> None:
        self.spec = replace(self.spec, size=size)
        self.made = 0
        self.drives = []
        self.tracks = []

    def encode_identity(self, source):
        return source.crops[0]

    def encode_motion(self, driver, drive):
        self.drives.append(drive)
        self.tracks.append(driver)
        return len(driver), drive

    def generate(self, identity, motion):
        frames, drive = motion
        for number in range(frames):
            self.made += 1
            level = np.uint8(10 * (number - drive.neutral) % 256)
            yield identity.copy() if number == drive.neutral else np.full_like(identity, level)


class Pupil(Toy):
    """Knows whom it was taught."""

    spec = Spec(name="pupil", title="a toy that is taught people", size=SIZE, teachable=True)
    people = People("pupil", ".pupil", "teach one")

    def __init__(self, *, size: int = SIZE, person: Path | None = None) -> None:
        super().__init__(size=size)
        self.person = person


class Mirror(Toy):
    """Shows the driver's own crops."""

    spec = Spec(name="mirror", title="a mirror", size=SIZE, reads_driver_pixels=True, weights=("none",))

    def encode_motion(self, driver, drive):
        self.tracks.append(driver)
        return driver.crops

    def generate(self, identity, motion):
        yield from motion


def found(centre=(60.0, 70.0), *, zoom: float = 2.0, roll: float = 0.0) -> Face:
    points = face(centre, zoom=zoom, roll=roll)
    return Face(points, np.zeros(52, np.float32), np.eye(4, dtype=np.float32), "toy")


def track_toys(monkeypatch, *faces: Face) -> list[int]:
    """Replace the tracker: `faces` are found in any picture; a clip has one swinging head. Returns lengths followed."""
    followed: list[int] = []

    def follow(frames, *, fps, smoothing=0.5, on_frame=None):
        count = 0
        for count, _ in enumerate(frames, 1):
            if on_frame:
                on_frame(count)
        followed.append(count)
        clip = driver(96, frames=count)
        heads = np.tile(np.eye(4, dtype=np.float32), (count, 1, 1))
        return FaceTrack(clip.points, clip.blendshapes, heads, fps)

    monkeypatch.setattr(tracker, "find", lambda picture, *, backend="mediapipe": list(faces))
    monkeypatch.setattr(tracker, "follow", follow)
    monkeypatch.setattr(tracker, "neutral_frame", lambda track: len(track) // 2)
    return followed
