"""Engines side by side: their films, what a tracker reads off them, and a report card from the bundled samples."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from IPython.display import Markdown, display
from jaxtyping import Float

from living_portraits import engines, samples
from living_portraits.engine import Drive, Frame, Track
from living_portraits.evaluate import Card, evaluate
from living_portraits.evaluate.contest import make_take
from living_portraits.evaluate.watch import Tracker, Watcher
from living_portraits.metrics.motion import Reading
from living_portraits.notebook.faces import driver_track, source_track
from living_portraits.notebook.portrayed import head_of
from living_portraits.report import markdown

SIZE = 256  # px, at which the card is made
SECONDS = 1.0  # of each driver on the card
BEGIN = {"surprise": 1.5}  # s; where a driver's clip begins on the card, for its jaw to fall in time


def take(engine: str, source: Track, driver: Track) -> list[Frame]:
    """The film that an engine makes of a source and a driver, both cut out at a size that it takes."""
    made = engines.create(engine, size=source.crops[0].shape[0])
    return make_take(made, source, driver, drive=Drive()).frames


def take_drawn(source: Track, driver: Track, *, identity: str) -> list[Frame]:
    """The film of somebody whom the talking head of the paper's form was taught, which draws every pixel."""
    made = head_of(identity, carries=False)
    return make_take(made, source, driver, drive=Drive()).frames


def read(frames: Sequence[Frame]) -> Reading:
    """What the tracker sees in a film, each frame looked at afresh and nothing smoothed."""
    with Tracker() as tracker:
        return Watcher(tracker).read(frames)


def unrest(reading: Reading | Track) -> Float[np.ndarray, "time"]:
    """How far the points are, frame by frame, from the middle between the frames before and after: mean, px."""
    away = np.diff(reading.points[..., :2], n=2, axis=0) / 2
    return np.asarray(np.linalg.norm(away, axis=-1).mean(axis=1), np.float64)


def band(value: float, limits: Mapping[str, float], beyond: str) -> str:
    """The first name whose limit a value does not reach; `beyond` where it reaches them all."""
    return next((name for name, limit in limits.items() if value < limit), beyond)


def card(*names: str, pairs: int = 2) -> Card:
    """A report card of these engines, always with `still` and `puppet`, on portraits and clips of the package."""
    return evaluate(
        names or ("puppet",), Shelf(), size=SIZE, clips=1, pairs=pairs, frames=int(25 * SECONDS), backbones=()
    )


def table(found: Card) -> None:
    """The card's tables on the notebook's page."""
    display(Markdown(markdown(found)))  # type: ignore[no-untyped-call]


# --- the bundled samples as a dataset ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Sample:
    """A bundled portrait or driver, as a prepared dataset's clips are described; see `data.Clip`."""

    id: str
    identity: str
    kind: str
    frames: int
    split: str = "val"
    size: int = SIZE
    quality: dict[str, float] = field(default_factory=dict)
    tags: tuple[str, ...] = ("samples",)


ALIKE = {"laugh": "the woman", "sorrow": "the woman"}
"""Who is in the driver clips; all others show one man."""


class Shelf:
    """The bundled samples, cut out when they are asked for."""

    clips = (
        *(Sample(name, name, "still", 1) for name in ("astronaut", "rembrandt", "young_woman")),
        *(Sample(name, ALIKE.get(name, "the man"), "video", int(25 * SECONDS)) for name in ("laugh", "surprise")),
    )

    def select(self, *, split: str | None = None, kind: str | None = None, size: int | None = None) -> list[Sample]:
        """The clips of that kind; all are of one split and size."""
        return [clip for clip in self.clips if kind in (None, clip.kind)]

    def track(self, clip: Sample, *, frames: slice | None = None) -> Track:
        """A clip's frames, cut out and measured."""
        whole, part = _cut_out(clip), frames or slice(None)
        return Track(whole.crops[part], whole.points[part], whole.blendshapes[part], whole.fps)


@functools.cache
def _cut_out(clip: Sample) -> Track:
    if clip.kind == "still":
        return source_track(samples.PORTRAITS[clip.id], size=clip.size)
    begin = BEGIN.get(clip.id, 0.0)
    whole = driver_track(samples.DRIVERS[clip.id], seconds=begin + SECONDS, size=clip.size)
    part = slice(round(begin * whole.fps), None)
    return Track(list(whole.crops)[part], whole.points[part], whole.blendshapes[part], whole.fps)
