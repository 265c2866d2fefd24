"""From pictures to a person who is kept by name, watched at every step: what `finetune` and the studio do."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from living_portraits import places, samples, weights
from living_portraits.align import resized
from living_portraits.engine import Frame, Track
from living_portraits.engines.guided import Guided
from living_portraits.engines.talking_head import person as persons
from living_portraits.engines.talking_head.engine import WEIGHTS, TalkingHead, read_networks
from living_portraits.errors import OptionError
from living_portraits.face.landmarker import Landmarker
from living_portraits.finetune import sources
from living_portraits.finetune.tune import Lesson, Material, Report, TuneConfig, Tuned, steps_for, tune
from living_portraits.finetune.views import View, crossed, own, posed
from living_portraits.finetune.watch import Check

VIEWS, POSED = 192, 4
"""Views made of the pictures, and pictures that views are made of: more teach no more."""

SOURCES = 8
"""Pictures that others are carried from; for one picture alone, three times as many views of it."""

FINER = 2
"""How much larger pictures are kept than they are learned from: films carry them at their own size."""

MOST = 32
"""Pictures of one person."""


@dataclass(frozen=True, eq=False)
class Heard:
    """How far a lesson is.

    Attributes:
        stage: "read" while pictures and drivers are measured, then "learn". share: of this stage.
        losses: means since the last look, by name. check: the newest look. best: whether it is the best so far.
        preview: a row of frames: a picture, the same as it is drawn now, positions that are never taught.
    """

    stage: Literal["read", "learn"]
    share: float
    losses: dict[str, float] = field(default_factory=dict)
    check: Check | None = None
    best: bool = False
    preview: Frame | None = None


Hear = Callable[[Heard], None]


def learn(
    pictures: Sequence[Path],
    *,
    name: str,
    config: TuneConfig,
    count: int = 8,
    consent: str | None = None,
    out: Path | None = None,
    base: Path | None = None,
    hear: Hear | None = None,
) -> Tuned:
    """Learns one person and keeps them as `name`.

    Args:
        pictures: 1 to 32 of one person, or one clip, of which `count` frames that differ are taken, 32 at most.
        consent: who agreed to be learned; kept in the person's file.
        out: where to write instead of among the named people.
        base: a talking head instead of the one that comes along.
        hear: told of every look, and of what is read before. If it raises KeyboardInterrupt, the best so far is kept;
            before the first look there is nothing to keep, and KeyboardInterrupt goes on.

    Raises:
        LivingPortraitsError: whatever the caller can mend, in one sentence.
    """
    if (asked := max(len(pictures), count)) > MOST:
        raise OptionError(f"A person is learned from at most {MOST} pictures, not from {asked}.")
    place, base = out or persons.PERSONS.place(name), base or weights.path(WEIGHTS)
    head, discriminator = read_networks(base)
    places.make_room(place)
    tell = hear or (lambda heard: None)
    tell(Heard("read", 0.0))
    large, inside = sources.open_sources(pictures, size=FINER * TalkingHead.SIDE, count=count)
    track = resized(large, TalkingHead.SIDE)
    material = taught(track, tell)
    lesson = Lesson(head, discriminator, track, material, config)
    known = lesson.content.face
    names = [path.name for path in pictures]
    sources.warn_of_strangers(track, known.embed if known else None, names)
    sources.warn_of_unlike(track, Guided(size=TalkingHead.SIDE), names)
    tuned = learned(lesson, tell)
    about = {**tuned.person.about, "name": name, "sources": [path.name for path in pictures], "consent": consent}
    about["inside"] = inside
    tuned = replace(tuned, person=replace(tuned.person, about=about).holding(large))
    persons.write(place, tuned.person, base=base)
    return tuned


def taught(track: Track, tell: Hear) -> Material:
    """Views of the pictures, posed by the bundled drivers, and the pictures carried from each other."""
    some = range(0, len(track), max(-(-len(track) // POSED), 1))
    steps = len(samples.DRIVERS) + len(some)
    clips: dict[str, Track] = {}
    for name in samples.DRIVERS:
        clips[name] = _bundled(name)
        tell(Heard("read", len(clips) / steps))
    painter, pictures = Guided(size=TalkingHead.SIDE), own(track)
    views, asked = list[View](), list[View]()
    for turn, number in enumerate(some):
        more, left = posed(painter, pictures[number], list(clips.values()), count=VIEWS // len(some))
        views, asked = views + more, asked or left
        tell(Heard("read", (len(samples.DRIVERS) + turn + 1) / steps))
    sources = pictures[:SOURCES] if len(pictures) > 1 else views[:: max(len(views) // (3 * SOURCES), 1)][: 3 * SOURCES]
    return Material(views, asked, crossed(painter, sources, pictures))


@functools.cache
def _bundled(name: str) -> Track:
    """How the bundled driver of that name moves."""
    return sources.clips([samples.DRIVERS[name]])[0]


def learned(lesson: Lesson, tell: Hear) -> Tuned:
    """The lesson from its first step to its end."""
    steps = lesson.config.steps or steps_for(len(lesson.pictures), batch=lesson.config.batch)

    def told(report: Report) -> None:
        share = min(report.check.step / steps, 1.0)
        tell(Heard("learn", share, report.losses, report.check, report.best, report.preview))

    with Landmarker() as landmarker:

        def find(frame: Frame) -> Any:
            faces = landmarker.detect(frame)
            return faces[0].points if faces else None

        return tune(lesson, find, on_check=told)
