"""A dataset of drawn heads, a tracker that knows them again, and engines whose figures are known beforehand."""

import zlib
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from drawn import driver, picture

from living_portraits.engine import Frame, Spec, Track
from living_portraits.errors import WeightsError
from living_portraits.face.model import Face

SIZE = 64
MARKED = 8  # px: a frame's upper left corner tells the toy tracker which face to see
JAW_OPEN = 25  # of the blendshapes


@dataclass(frozen=True)
class Clip:
    id: str
    identity: str
    kind: str = "video"
    split: str = "val"
    size: int = SIZE
    frames: int = 12
    begins: int = 0  # at which frame of the swing; 0 is at rest
    quality: dict[str, float] = field(default_factory=dict)
    tags: tuple[str, ...] = ("made",)


class Shelf:
    """A dataset of drawn heads. Each frame carries its number, by which `find` knows the points again."""

    def __init__(self, *clips: Clip) -> None:
        self.clips = clips
        self.seen: dict[int, np.ndarray] = {0: np.full((478, 3), np.nan, np.float32)}

    def select(self, *, split=None, kind=None, size=None):
        return list(self.clips)

    def track(self, clip: Clip, *, frames: slice | None = None) -> Track:
        drawn = driver(SIZE, frames=clip.frames)
        drawn.blendshapes[:, JAW_OPEN] = np.sin(np.linspace(0, np.pi, clip.frames))
        points, blendshapes = (np.roll(values, -clip.begins, axis=0) for values in (drawn.points, drawn.blendshapes))
        seed = zlib.crc32(clip.identity.encode()) % 1000
        crops = [self.draw(face, seed=seed + number) for number, face in enumerate(points)]
        part = frames or slice(None)
        return Track(crops[part], points[part], blendshapes[part], drawn.fps)

    def draw(self, points: np.ndarray, *, seed: int) -> Frame:
        code = len(self.seen)
        self.seen[code] = points
        frame = picture(SIZE, SIZE, seed=seed)
        frame[:MARKED, :MARKED] = [code // 256, code % 256, 0]
        return frame

    def find(self, frame: Frame) -> Face | None:
        """Points at the 256 px that films are judged at."""
        code = int(frame[MARKED, MARKED, 0]) * 256 + int(frame[MARKED, MARKED, 1])
        points = self.seen[code] * (frame.shape[0] / SIZE)
        if np.isnan(points).any():
            return None
        return Face(points.astype(np.float32), np.zeros(52, np.float32), np.eye(4, dtype=np.float32), "toy")


class Copy:
    """Shows the driver itself: perfect in a self trial."""

    spec = Spec(name="copy", title="a copy", size=SIZE, reads_driver_pixels=True)

    def encode_identity(self, source):
        return source

    def encode_motion(self, driver, drive):
        return driver

    def generate(self, identity, motion):
        yield from motion.crops


class Faceless(Copy):
    """Shows no face in two frames of three."""

    spec = replace(Copy.spec, name="faceless")

    def generate(self, identity, motion):
        for number, crop in enumerate(motion.crops):
            frame = crop.copy()
            if number % 3:
                frame[:MARKED, :MARKED] = 0
            yield frame


PEOPLE = (
    *(Clip(f"a{i}", "ann") for i in range(6)),
    *(Clip(f"b{i}", "ben", quality={"mouth_spread": i / 10}) for i in range(3)),
    Clip("c0", "cem"),
    Clip("short", "dan", frames=3),
    Clip("elsewhere", "eve", split="train"),
    Clip("large", "fay", size=128),
    Clip("pair", "gus", kind="pair", frames=2, tags=("stills", "pairs")),
    Clip("still0", "painting", kind="still", frames=1, tags=("stills", "paintings")),
    Clip("still1", "painting", kind="still", frames=1, tags=("stills", "paintings")),
    Clip("still2", "made", kind="still", frames=1, tags=("stills", "generated")),
)


def spare_instruments(patch: pytest.MonkeyPatch) -> None:
    """No perceptual networks and no process of its own for the scale: both have tests of their own."""

    def absent(backbone: str):
        raise WeightsError("the weights are left out")

    patch.setattr("living_portraits.evaluate.Perceptual", absent)
    patch.setattr("living_portraits.evaluate.bench.peak_memory", lambda engine, *, size, source, driver: 12.5)
