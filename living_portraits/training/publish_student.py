"""A snapshot of the recipe `student`, made ready to be shipped: with the ranges that 8 bits need, and without paths.

Tells how near it comes to its teacher.

python -m living_portraits.training.publish_student SNAPSHOT DATASET OUT
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from living_portraits import weights
from living_portraits.data.dataset import Dataset
from living_portraits.engine import Drive, Engine, Frame, Track
from living_portraits.engines.megaportraits.student_engine import StudentEngine
from living_portraits.errors import OptionError
from living_portraits.metrics.pixels import psnr
from living_portraits.nn.perceptual import LPIPS
from living_portraits.nn.pixels import to_tensor
from living_portraits.training.drivers import Drivers
from living_portraits.training.films import SIDE, Portrait, gather, moved, teacher
from living_portraits.training.publishing import publishing
from living_portraits.training.student import bare

CLIPS, FRAMES = 2, 5
"""Films of each held-out person, and frames of each."""

MOMENTS = 24  # of each bundled driver, over which ranges are measured


@dataclass(frozen=True)
class Figures:
    """Of frames, against the teacher's: means."""

    psnr: float
    lpips_alex: float
    lpips_vgg: float

    def __str__(self) -> str:
        return f"PSNR {self.psnr:.2f} dB, LPIPS {self.lpips_alex:.4f} (Alex), {self.lpips_vgg:.4f} (VGG)"


def judged(
    student: Engine[Any, Any], master: Engine[Any, Any], portraits: Sequence[Portrait], drivers: Iterable[Track]
) -> tuple[Figures, Figures]:
    """How near a student comes to its teacher, and how near a picture that stands still does.

    Each driver, whose last frame is at rest, moves one portrait, taken in turn.
    """
    shown, still = [], []
    nets: list[Callable[[Tensor, Tensor], Tensor]] = [LPIPS.load("alexnet"), LPIPS.load("vgg16")]
    for number, driver in enumerate(drivers):
        portrait = portraits[number % len(portraits)]
        truths, given = (_film(engine, portrait, driver) for engine in (master, student))
        for truth, frame in zip(truths, given, strict=True):
            shown.append(_compared(frame, truth, nets))
            still.append(_compared(portrait.crop, truth, nets))
    if not shown:
        raise OptionError("There are no drivers to judge the student on.")
    return Figures(*np.mean(shown, axis=0).tolist()), Figures(*np.mean(still, axis=0).tolist())


def _film(engine: Engine[Any, Any], portrait: Portrait, driver: Track) -> list[Frame]:
    """All frames but that at rest."""
    identity = engine.encode_identity(Track([portrait.crop], portrait.points[None], portrait.blendshapes[None]))
    drive = Drive(neutral=len(driver) - 1)
    return list(engine.generate(identity, engine.encode_motion(driver, drive)))[:-1]


def _compared(frame: Frame, truth: Frame, nets: Sequence[Callable[[Tensor, Tensor], Tensor]]) -> list[float]:
    pair = to_tensor([frame]), to_tensor([truth])
    return [float(psnr(frame, truth)), *(float(net(*pair)) for net in nets)]


def held_out(dataset: Drivers) -> Iterator[Track]:
    """A few films of each person whom no training saw."""
    clips = [clip for clip in dataset.clips if clip.split == "val" and clip.kind == "video" and clip.size == SIDE]
    for person in sorted({clip.identity for clip in clips}):
        theirs = [clip for clip in clips if clip.identity == person]
        for clip in theirs[:: max(1, len(theirs) // CLIPS)][:CLIPS]:
            yield dataset.track(clip)


def publish(snapshot: Path, dataset: Path, out: Path) -> None:
    """Writes the snapshot with its ranges and without paths; prints what the model card needs to know."""
    config, state = weights.read(snapshot)
    engine, train = StudentEngine(size=SIDE, file=snapshot), config["train"]
    portraits = gather(train["avatars"], size=SIDE)
    drivers = held_out(Drivers(Dataset(dataset), frames=FRAMES, bundled=0))
    shown, still = judged(engine, teacher(train["teacher"]), portraits, drivers)
    weights.write(out, config=bare(config) | {"ranges": engine.ranges(moved(portraits, moments=MOMENTS))}, state=state)
    print(f"to the teacher on drivers that no training saw: {shown}\na picture that stands still: {still}")


def main() -> int:
    """The command."""
    return publishing("publish_student", ("snapshot", "dataset", "out"), publish)


if __name__ == "__main__":
    sys.exit(main())
