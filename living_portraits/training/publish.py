"""A snapshot of the recipe `guided`, made ready to be shipped: without nudges, and with the ranges that 8 bits need.

python -m living_portraits.training.publish SNAPSHOT DATASET OUT
"""

import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, runtime_checkable

import torch

from living_portraits import weights
from living_portraits.data.dataset import Dataset
from living_portraits.engine import Drive, Track
from living_portraits.engines.guided import Guided
from living_portraits.errors import OptionError
from living_portraits.mending.net import SIDE
from living_portraits.training.films import Portrait, gather, moved
from living_portraits.training.publishing import pathless, publishing

CLIPS, FRAMES = 24, 6
"""Films that ranges are measured on, each of another clip, and of how many frames."""

_MOMENTS, _STRENGTHS = 6, (1.0, 1.5)
"""Of each bundled driver on each bundled portrait; and how strong, so that no laugh is beyond what was measured."""


@runtime_checkable
class Films(Protocol):
    """What is asked of a dataset."""

    def select(self, *, split: str, kind: str, size: int) -> list[Any]: ...
    def track(self, clip: Any) -> Track: ...


def publish(snapshot: Path, dataset: Films, out: Path, *, portraits: Sequence[Portrait] | None = None) -> None:
    """Writes the snapshot's weights to `out` with ranges measured on films of people that were trained on, and of
    portraits; None: the bundled ones.

    The layer that nudges, if it was taught (see `GuidedConfig`), says nothing from here on.

    Raises OptionError where the dataset has no film to measure on, WeightsError for a file that is no snapshot.
    """
    config, state = weights.read(snapshot)
    clips = dataset.select(split="train", kind="video", size=SIDE)
    if not clips:
        raise OptionError(f"The dataset has no film of {SIDE} px to measure ranges on.")
    state = {name: torch.zeros_like(value) if name.startswith("net.nudge.") else value for name, value in state.items()}
    with TemporaryDirectory() as folder:
        tied = Path(folder) / snapshot.name
        weights.write(tied, config=config, state=state)
        engine = Guided(size=SIDE, file=tied, runtime="torch")
    films = [(*_film(dataset, clip), Drive()) for clip in clips[:: max(1, len(clips) // CLIPS)][:CLIPS]]
    portraits = gather("", size=SIDE) if portraits is None else portraits
    told = (
        (source, driver, Drive(neutral=len(driver) - 1, strength=strength))
        for source, driver in moved(portraits, moments=_MOMENTS)
        for strength in _STRENGTHS
    )
    found = engine.ranges(chain(films, told))
    weights.write(out, config=pathless(config) | {"ranges": found}, state=state)


def _film(dataset: Films, clip: Any) -> tuple[Track, Track]:
    """The clip's first frame, and frames spread over all of it."""
    whole = dataset.track(clip)
    every = slice(0, None, max(1, len(whole) // FRAMES))
    driver = Track(list(whole.crops)[every], whole.points[every], whole.blendshapes[every], whole.fps)
    return Track([whole.crops[0]], whole.points[:1], whole.blendshapes[:1]), driver


def main() -> int:
    """The command."""
    return publishing(
        "publish",
        ("snapshot", "dataset", "out"),
        lambda snapshot, dataset, out: publish(snapshot, Dataset(dataset), out),
    )


if __name__ == "__main__":
    sys.exit(main())
