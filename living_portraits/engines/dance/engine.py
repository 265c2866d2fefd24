"""The engine: a dancer who was learned, and anybody's choreography on their body."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from living_portraits import stance, weights
from living_portraits.choreography import Choreography, resampled
from living_portraits.engine import Drive, Frame, Spec
from living_portraits.engines.dance import body_window, face_window
from living_portraits.engines.dance import dancer as dancers
from living_portraits.engines.dance.dancer import Dancer
from living_portraits.engines.dance.networks import Generator
from living_portraits.nn import runtime as runtimes
from living_portraits.nn.pixels import to_frames, to_tensor
from living_portraits.skeleton import BodyPoints, draw_skeleton

WEIGHTS = "dancer"


class Frames(NamedTuple):
    """Painted frames and the person's mattes, 0 outside the window about the body."""

    frame: Float[Tensor, "batch 3 size size"]
    matte: Float[Tensor, "batch 1 size size"]


class Dance:
    """Engine of region "body": identity is a dancer's file, motion is a choreography.

    It keeps to the three steps of `engine.Engine` with a body's values in place of a face's: who is a `Dancer` (their
    look is in the weights), how they move a `Choreography` (33 points a frame), and what it looks like one square
    frame for each of them, painted after the one before.

    Args:
        size: side of the frames, px; the dancer's own.
        file: a dancer's file; None: the one that comes with the project.
        runtime: where the body's generator runs; None: see `runtime.choose`.

    Raises WeightsError, and OptionError for a runtime that cannot be had.
    """

    spec = Spec(
        name="dance",
        title="makes a person who was learned from a clip dance as another one does",
        size=512,
        sizes=(512,),
        region="body",
        weights=(WEIGHTS,),
        runtimes=("torch", "openvino"),
    )

    def __init__(self, *, size: int | None = None, file: Path | None = None, runtime: str | None = None) -> None:
        self.runtime = runtimes.choose(runtime, among=Dance.spec.runtimes)
        self.file = file or weights.path(WEIGHTS)
        self.dancer = dancers.read(self.file)
        if size not in (None, self.dancer.size):
            raise ValueError(f"The dancer was learned at {self.dancer.size} px, not {size}.")
        self.spec = replace(Dance.spec, size=self.dancer.size, sizes=(self.dancer.size,))

    def encode_identity(self, source: Dancer | None = None) -> Dancer:
        """Who: the engine's own dancer, or another of the same kind."""
        return source or self.dancer

    def encode_motion(self, driver: Choreography, drive: Drive | None = None) -> Choreography:
        """How they move: as it is. `drive` has no meaning for bodies: the pose is taken over whole, not its change."""
        return driver

    def generate(self, identity: Dancer, motion: Choreography) -> Iterator[Frame]:
        """One uint8 `[size, size, 3]` frame a pose, the choreography brought to the dancer's floor and height.

        A choreography of few frames a second is painted with frames in between, which nobody sees: after a leap, the
        previous output's arms would stay where they were.
        """
        fitted = stance.normalised(motion, identity.stance, size=identity.size)
        between = max(round(identity.fps / motion.fps), 1)
        steps = resampled(fitted, fps=motion.fps * between)
        return islice(perform(identity, steps, runtime=self.runtime), 0, None, between)


def perform(dancer: Dancer, dance: Choreography, *, runtime: str = "torch") -> Iterator[Frame]:
    """Frames of a choreography that is in px of the dancer's stage already.

    EDN gives the first frame black for a predecessor (section 4.2), and its face suffers; here the first pose is held
    for a frame that is not shown.
    """
    run = None if runtime == "torch" else _elsewhere(dancer, runtime)
    plate, temporal = to_tensor([dancer.plate]), dancer.generator.shape.temporal
    previous = torch.zeros_like(plate)
    for number, points in enumerate(dance.points):
        drawing = to_tensor([draw_skeleton(points, size=dancer.size)])
        with torch.inference_mode():
            if temporal and number == 0:
                previous = paint(dancer.generator, drawing, previous, plate, points, run=run).frame
            painted = paint(dancer.generator, drawing, previous, plate, points, run=run)
            if temporal:
                previous = painted.frame
            frame = painted.frame
            if dancer.face is not None:
                frame = refined(dancer, drawing, painted.frame, painted.matte, torch.from_numpy(points)[None])
        yield to_frames(frame)[0]


def paint(
    generator: Generator,
    drawing: Float[Tensor, "1 3 size size"],
    previous: Float[Tensor, "1 3 size size"],
    plate: Float[Tensor, "1 3 size size"],
    points: BodyPoints,
    *,
    coarse: bool = False,
    run: runtimes.Function | None = None,
) -> Frames:
    """The frame and its matte, painted about the body alone where there is a plate.

    `coarse`: at half size. `run`: what computes as the generator does, where that is to be quicker.
    """
    size = drawing.shape[-1]
    window = body_window.about(points, size=size) if generator.shape.plate else body_window.whole(size)
    seen = [window.cut(pictures) for pictures in (drawing, previous, plate)]
    painted = generator.sketch(*seen) if coarse else (run or generator)(*seen)
    parts: list[Tensor] = list(painted[:2])  # frame and matte
    if coarse:
        parts = [F.interpolate(part, scale_factor=2.0, mode="bilinear") for part in parts]
    return Frames(window.put(plate, parts[0]), window.put_alone(parts[1], size=size))


class _Painting(nn.Module):
    """A generator that gives frame and matte alone, as runtimes want it."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, drawing: Tensor, previous: Tensor, plate: Tensor) -> tuple[Tensor, ...]:
        painted = self.generator(drawing, previous, plate)
        return painted.frame, painted.matte


def _elsewhere(dancer: Dancer, runtime: str) -> runtimes.Function:
    """The body's generator in another runtime than PyTorch: windows about the body differ from frame to frame."""
    example = [torch.zeros(1, 3, dancer.size, dancer.size) for _ in range(3)]
    return runtimes.compiled(_Painting(dancer.generator), example, runtime=runtime, any_side=True)


def refined(
    dancer: Dancer,
    drawing: Float[Tensor, "batch 3 height width"],
    frame: Float[Tensor, "batch 3 height width"],
    matte: Float[Tensor, "batch 1 height width"],
    points: Float[Tensor, "batch 33 3"],
) -> Float[Tensor, "batch 3 height width"]:
    """The frame with its face gone over (EDN section 4.3)."""
    assert dancer.face is not None
    share = dancer.generator.shape.face_share
    at = face_window.corners(points, size=dancer.size, share=share)
    face = dancer.face(*(face_window.cut(part, at, share=share) for part in (drawing, frame, matte)))
    return face_window.put(frame, face, at)
