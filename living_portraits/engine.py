"""The contract between the animator and whatever brings a portrait to life.

An engine sees crops and points, never files; it gives back frames, never films.
Its three methods are the three steps of every system here: who (identity), how they move (motion),
and what that looks like (generation).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8

Frame: TypeAlias = UInt8[np.ndarray, "height width 3"]
"""A picture as engines and callers exchange it: uint8 RGB, pixel values in [0, 255]."""

Points: TypeAlias = Float32[np.ndarray, "478 3"]
"""MediaPipe's face points: (x, y) in pixels of the picture they belong to, x to the right and y down;
z in the same unit, smaller towards the viewer."""

MOST_DEGREES = 15.0
"""How far a head may be turned on top of its motion."""

Region: TypeAlias = Literal["face", "body"]
"""What of a person an engine moves."""


@dataclass(frozen=True)
class Spec:
    """What an engine is and needs, as data, so that nobody ever asks for its name.

    Attributes:
        name: the registry's key.
        title: one line for people who choose: what it does well.
        size: side of the square crop in pixels that it works at unless told otherwise.
        sizes: the sides it accepts; empty means any multiple of 16 from 64 to 2048.
        region: what the crop holds.
        reads_driver_pixels: whether `encode_motion` looks at the driver's crops or at its points alone;
            the animator decodes the driver a second time only where it is needed.
        driver_size: side of the driver's crops, px; None: as the source's. Small ones are quicker to cut out.
        weights: names of the files in the weights registry that must be there.
        locked: whether it knows a few portraits alone and refuses every other face with a `FaceError`.
        teachable: whether it can be taught somebody in person; its class then takes `person`, their file, and has
            `people`, a `people.People`, that finds it by name.
        runtimes: where its network can run (`nn.runtime`), the usual one first; empty: there is nothing to choose.
    """

    name: str
    title: str
    size: int = 512
    sizes: tuple[int, ...] = ()
    region: Region = "face"
    reads_driver_pixels: bool = False
    driver_size: int | None = None
    weights: tuple[str, ...] = ()
    locked: bool = False
    teachable: bool = False
    runtimes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drive:
    """How the driver's motion is to be taken.

    Attributes:
        relative: apply the change since the neutral frame to the source's own pose (True), or give the
            source the driver's very pose (False). Expressions are measured from the neutral frame in both; lips that
            are parted there still count.
        strength: factor on all motion; 1 is the driver's own range, 0 a still picture, which faces the viewer where
            its own pose is not to count (not `relative`, or `frontal`).
        neutral: index of the driver's frame that counts as "no expression".
        seed: for engines that draw random numbers.
        stay: the head keeps the source's own place and size (MegaPortraits, Fig. 13).
        frontal: turns begin from a head that faces the viewer, not from the source's own pose (its Fig. 14).
        roll, pitch, yaw: degrees on top of all motion, each within `MOST_DEGREES`: clockwise, up, to the picture's
            right (its Fig. 15). `strength` does not scale them.
        expression: factor on mouth, lids and gaze alone, on top of `strength`.
    """

    relative: bool = True
    strength: float = 1.0
    neutral: int = 0
    seed: int = 0
    stay: bool = False
    frontal: bool = False
    roll: float = 0.0
    pitch: float = 0.0
    yaw: float = 0.0
    expression: float = 1.0

    @property
    def travel(self) -> float:
        """Factor on what moves about in the picture."""
        return 0.0 if self.stay else self.strength


@dataclass(frozen=True)
class Track:
    """One face through time, cut out and measured.

    Attributes:
        crops: T square frames, uint8 RGB `[size, size, 3]`. May be read lazily from disk: iterate in order.
            Empty when the motion came from a motion file and there are no pictures.
        points: float32 `[T, 478, 3]`, in pixels of the crop (see `Points`).
        blendshapes: float32 `[T, 52]` in [0, 1], ARKit order as MediaPipe gives it.
        fps: frames a second; 1.0 for a still.
        gapless: whether each frame follows the one before it in the film, so that neighbours tell of each other.
    """

    crops: Sequence[Frame]
    points: Float32[np.ndarray, "time 478 3"]
    blendshapes: Float32[np.ndarray, "time 52"]
    fps: float = 1.0
    gapless: bool = False

    def __len__(self) -> int:
        return len(self.points)

    def pick(self, numbers: Sequence[int]) -> "Track":
        """Some of the frames, in any order."""
        chosen, crops = list(numbers), list(self.crops)
        kept = [crops[number] for number in chosen] if crops else []
        return Track(kept, self.points[chosen], self.blendshapes[chosen], self.fps)


Identity = TypeVar("Identity")
Motion = TypeVar("Motion")


@runtime_checkable
class Engine(Protocol, Generic[Identity, Motion]):
    """Brings a portrait to life in three steps."""

    spec: Spec

    def encode_identity(self, source: Track) -> Identity:
        """Who: once per painting, or once per T photographs of one person."""
        ...

    def encode_motion(self, driver: Track, drive: Drive) -> Motion:
        """How they move: once per clip; knows nothing of the source."""
        ...

    def generate(self, identity: Identity, motion: Motion) -> Iterator[Frame]:
        """What it looks like: one uint8 `[size, size, 3]` frame per driver frame, streamed."""
        ...
