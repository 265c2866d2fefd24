"""What engines are tried on: which clips, which pairs, always the same ones for the same dataset."""

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

from living_portraits.engine import Drive, Track
from living_portraits.errors import OptionError
from living_portraits.motion import neutral_frame

Kind: TypeAlias = Literal["self", "cross"]

FOOTAGE = ("video", "still", "pair")
"""Kinds of clips that were filmed, photographed or painted; what a program has set in motion is for teaching alone."""

PAIR_SHARE = 6  # one self trial in so many is a pair of photographs: a rest and an expression, nothing between
SHORTEST = 8  # frames; a shorter film says too little about motion
MADE_UP = 0.6
"""Largest share of a source's crop that may lie beyond the footage's edges, where the crop shows smeared reflections.

Paintings cut close to the face have 0.3 to 0.7, films and photographs with hair and shoulders less than 0.25. Above
0.6 little but the face itself is a picture, and engines would be judged by how they move smears.
"""


@runtime_checkable
class Clip(Protocol):
    """What is asked of a dataset's clip; `data.Clip` has it."""

    @property
    def id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def identity(self) -> str: ...
    @property
    def frames(self) -> int: ...
    @property
    def quality(self) -> Mapping[str, float]: ...
    @property
    def tags(self) -> tuple[str, ...]: ...


@runtime_checkable
class Clips(Protocol):
    """What is asked of a dataset; `data.Dataset` has it."""

    @property
    def clips(self) -> Sequence[Any]: ...
    def select(self, *, split: str | None = None, kind: str | None = None, size: int | None = None) -> list[Any]: ...
    def track(self, clip: Any, *, frames: slice | None = None) -> Track: ...


@dataclass(frozen=True)
class Trial:
    """One film to make.

    Attributes:
        kind: "self" has the driver's first frame for its source, so the driver is the truth.
        source, driver: clips; the source's first frame is the portrait.
    """

    kind: Kind
    source: Clip
    driver: Clip

    @property
    def name(self) -> str:
        """For tables: the clip, or source and driver."""
        return self.driver.id if self.kind == "self" else f"{self.source.id} x {self.driver.id}"

    def tracks(self, dataset: Clips, *, frames: int) -> tuple[Track, Track]:
        """Source (one frame) and driver (at most so many frames, from its first)."""
        driver = dataset.track(self.driver, frames=slice(0, frames))
        if self.kind == "self":
            return Track([driver.crops[0]], driver.points[:1], driver.blendshapes[:1]), driver
        return dataset.track(self.source, frames=slice(0, 1)), driver

    def drive(self, driver: Track) -> Drive:
        """What motion is measured from: the source's own frame in a self trial, else the driver's calmest."""
        return Drive(neutral=0 if self.kind == "self" else neutral_frame(driver.points, driver.blendshapes))


def choose_trials(dataset: Clips, *, split: str, size: int, clips: int, pairs: int) -> list[Trial]:
    """`clips` self trials and `pairs` cross trials, or fewer where there is less footage.

    People take turns, so that nobody is judged more often than another. Self: videos, and one pair of photographs
    for every five. Cross: the portraits are stills of every folder and first frames of videos in turn, the drivers
    are videos of other people, those with the liveliest mouths first. Nothing that is mostly made up beyond the
    footage's edges (`MADE_UP`) is a source.

    Raises:
        OptionError: that split has no video of that size.
    """
    found = [clip for clip in dataset.clips if clip.split == split and clip.size == size and clip.kind in FOOTAGE]
    drivers = [clip for clip in found if _is_film(clip)]
    if not drivers:
        there = sorted({f"{clip.split} at {clip.size}" for clip in dataset.clips if clip.kind == "video"})
        raise OptionError(
            f"The dataset has no video in the split {split} at size {size}; it has {', '.join(there) or 'none'}."
        )
    portraits = [clip for clip in found if clip.quality.get("outside", 0.0) <= MADE_UP]
    twice = [clip for clip in portraits if clip.kind == "pair" and clip.frames > 1]
    photographs = _in_turn(twice, by=_person, count=clips // PAIR_SHARE)
    films = [clip for clip in portraits if _is_film(clip)]
    filmed = _in_turn(films, by=_person, count=clips - len(photographs))
    return [Trial("self", clip, clip) for clip in filmed + photographs] + _cross(portraits, drivers, pairs)


def _is_film(clip: Clip) -> bool:
    return clip.kind == "video" and clip.frames >= SHORTEST


def _cross(portraits: Sequence[Clip], films: Sequence[Clip], count: int) -> list[Trial]:
    lively = sorted(films, key=lambda clip: -clip.quality.get("mouth_spread", 0.0))
    drivers = _in_turn(lively, by=_person, count=count, shuffle=False)
    people = _in_turn(portraits, by=_person_of_kind, count=len(portraits))
    sources = _in_turn(people, by=lambda clip: clip.kind if clip.kind == "video" else clip.tags, count=len(people))
    trials: list[Trial] = []
    while drivers and sources and len(trials) < count:
        driver = drivers[len(trials) % len(drivers)]
        source = next((clip for clip in sources if clip.identity != driver.identity), None)
        if source is None:
            break
        sources.remove(source)
        trials.append(Trial("cross", source, driver))
    return trials


def _person(clip: Clip) -> str:
    """Stills are of different people, whatever they are filed under."""
    return clip.id if clip.kind == "still" else clip.identity


def _person_of_kind(clip: Clip) -> tuple[str, str]:
    return clip.kind, _person(clip)


AnyClip = TypeVar("AnyClip", bound=Clip)


def _in_turn(
    clips: Sequence[AnyClip], *, by: Callable[[AnyClip], Hashable], count: int, shuffle: bool = True
) -> list[AnyClip]:
    """The first of every group, then the second of every group, and so on; `shuffle`d, but always in the same way."""
    ordered = sorted(clips, key=lambda clip: hashlib.sha256(clip.id.encode()).digest()) if shuffle else clips
    seen: dict[Hashable, int] = {}
    ranked: list[tuple[int, int, AnyClip]] = []
    for clip in ordered:
        group = by(clip)
        ranked.append((seen.get(group, 0), len(ranked), clip))
        seen[group] = seen.get(group, 0) + 1
    return [clip for _, _, clip in sorted(ranked, key=lambda item: item[:2])][:count]
