"""What engines are tried on: which clips, which pairs, always the same ones for the same dataset."""

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

from living_portraits.engine import Track
from living_portraits.errors import OptionError

Kind: TypeAlias = Literal["self", "cross"]

PAIR_SHARE = 6  # one self trial in so many is a pair of photographs: a rest and an expression, nothing between
SHORTEST = 8  # frames; a shorter film says too little about motion


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


def choose_trials(dataset: Clips, *, split: str, size: int, clips: int, pairs: int) -> list[Trial]:
    """`clips` self trials and `pairs` cross trials, or fewer where there is less footage.

    People take turns, so that nobody is judged more often than another. Self: videos, and one pair of photographs
    for every five. Cross: the portraits are stills of every folder and first frames of videos in turn, the drivers
    are videos of other people, those with the liveliest mouths first.

    Raises:
        OptionError: that split has no video of that size.
    """
    found = [clip for clip in dataset.clips if clip.split == split and clip.size == size]
    videos = [clip for clip in found if clip.kind == "video" and clip.frames >= SHORTEST]
    if not videos:
        there = sorted({f"{clip.split} at {clip.size}" for clip in dataset.clips if clip.kind == "video"})
        raise OptionError(
            f"The dataset has no video in the split {split} at size {size}; it has {', '.join(there) or 'none'}."
        )
    twice = [clip for clip in found if clip.kind == "pair" and clip.frames > 1]
    photographs = _in_turn(twice, by=_person, count=clips // PAIR_SHARE)
    filmed = _in_turn(videos, by=_person, count=clips - len(photographs))
    return [Trial("self", clip, clip) for clip in filmed + photographs] + _cross(found, videos, pairs)


def _cross(found: Sequence[Clip], videos: Sequence[Clip], count: int) -> list[Trial]:
    lively = sorted(videos, key=lambda clip: -clip.quality.get("mouth_spread", 0.0))
    drivers = _in_turn(lively, by=_person, count=count, shuffle=False)
    people = _in_turn(found, by=_person_of_kind, count=len(found))
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
