"""Making the films of an order, one after the other, in a way that can be watched and stopped."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8

from living_portraits import engines, face
from living_portraits.animator import Animator, Progress
from living_portraits.driver import MOTION_SUFFIX
from living_portraits.errors import FaceError, LivingPortraitsError
from living_portraits.notices import gather
from living_portraits.studio.choices import Choices
from living_portraits.studio.job import follow
from living_portraits.studio.order import Order
from living_portraits.studio.placing import placed_face
from living_portraits.studio.trouble import explain

Pixels = UInt8[np.ndarray, "height width channels"]


@dataclass(frozen=True)
class Shot:
    """One film, planned, in the making or done.

    Attributes:
        engine, driver: what makes it move.
        out: the film's file.
        stage: how far it is.
        done, total: frames of this stage.
        frame: the newest.
        seconds_left: estimated; None where there is nothing to go by yet.
        fps: frames made in a second, tracking and encoding included; once it is done.
        ms: what a frame takes to paint and encode; once it is done, None of a single frame.
        size: of the face, px; 0 where there is no choice.
        title: what it is called where one clip gives several films, or that text's key; empty: as the clip.
        identity: who the engine was taught in person; empty: nobody.
        notices: what else there is to say of the film, once it is done; sentences of the library's.
    """

    engine: str
    driver: Path
    out: Path
    stage: Literal["waiting", "track", "generate", "done"] = "waiting"
    done: int = 0
    total: int = 0
    frame: Pixels | None = None
    seconds_left: float | None = None
    fps: float = 0.0
    ms: float | None = None
    size: int = 0
    title: str = ""
    identity: str = ""
    notices: tuple[str, ...] = ()


def plan(order: Order, folder: Path) -> tuple[Shot, ...]:
    """One film for each driver, or one for each version with the first driver."""
    if order.by:
        return tuple(_planned(one.choices, order, order.drivers[0], folder, one.word, one.title) for one in order.by)
    words: list[str] = []
    for driver in order.drivers:
        word, count = driver.stem, 1
        while word in words:
            count += 1
            word = f"{driver.stem}_{count}"
        words.append(word)
    return tuple(
        _planned(order.choices, order, driver, folder, word) for driver, word in zip(order.drivers, words, strict=True)
    )


def _planned(choices: Choices, order: Order, driver: Path, folder: Path, word: str, title: str = "") -> Shot:
    sizes = engines.spec(choices.engine).sizes
    size = sizes[0] if len(sizes) == 1 else choices.size  # where there is one alone, nobody need ask for it
    out = folder / f"{order.source.stem}_{word}{order.choices.suffix}"
    return Shot(choices.engine, driver, out, size=size, title=title, identity=choices.identity)


def shoot(
    order: Order, shots: tuple[Shot, ...], animator: Callable[[str, int, str], Animator]
) -> Iterator[tuple[Shot, ...]]:
    """Makes the films; yields how far they all are several times a second. Closing it stops the work.

    `animator` gives the one of an engine, a size and an identity. Where several engines make a film each, one
    locked to other portraits is left out.

    Raises:
        Trouble: something the user can mend; films that were done by then stay.
    """
    yield shots
    points = _points_file(order, shots[0].out.parent)
    done: tuple[Shot, ...] = ()
    for number, shot in enumerate(shots):
        after = shots[number + 1 :]
        try:
            for state in _one(order, shot, points, animator):
                shot = state
                yield (*done, shot, *after)
        except LivingPortraitsError as error:
            if isinstance(error, FaceError) and engines.spec(shot.engine).locked and len(shots) > 1:
                continue
            begun = shot.stage != "waiting"
            raise explain(error, source=order.source, driver=shot.driver, begun=begun) from error
        done = (*done, shot)
        yield (*done, *after)


def _one(
    order: Order, shot: Shot, points: Path | None, animator: Callable[[str, int, str], Animator]
) -> Iterator[Shot]:
    options = order.choices.options(sound=order.sound) | {"consent": order.consent}
    if points is not None:
        options |= {"points": points, "face": 0}
    if shot.driver.suffix.lower() != MOTION_SUFFIX:
        options["save_motion"] = shot.out.with_suffix(MOTION_SUFFIX)

    def work(report: Callable[[Any], None]) -> float:
        chosen = animator(shot.engine, shot.size, shot.identity)
        return chosen.animate(order.source, shot.driver, shot.out, progress=report, **options).speed

    yield from watched(shot, work, order.source, shot.driver)


def watched(shot: Shot, work: Callable[[Callable[[Any], None]], float], *read: Path) -> Iterator[Shot]:
    """How far `work` is, which makes one film, reports `Progress` and returns frames a second. Closing it stops it.

    `read`: the files that it reads, whose folders are nobody's business.
    """
    notices: list[UserWarning] = []
    clock: list[tuple[float, int]] = []  # when the first and the newest frames were painted, and how many by then

    def timed(report: Callable[[Any], None]) -> float:
        def hear(progress: Progress) -> None:
            if progress.stage == "generate":
                clock[1:] = [(time.perf_counter(), progress.done)]
            report(progress)

        with gather(notices):
            return work(hear)

    making = follow(timed)
    try:
        while True:
            progress: Progress = next(making)
            left = None
            if progress.stage == "generate":
                left = _left(*clock[0], progress)
            yield replace(
                shot,
                stage=progress.stage,
                done=progress.done,
                total=progress.total,
                frame=progress.frame,
                seconds_left=left,
            )
            shot = replace(shot, stage=progress.stage, total=progress.total)
    except StopIteration as end:
        told = sentences(notices, *read)
        done = replace(shot, stage="done", done=shot.total, frame=None, fps=float(end.value), ms=_each(clock))
        yield replace(done, notices=told)
    finally:
        making.close()


def sentences(notices: Sequence[UserWarning], *read: Path) -> tuple[str, ...]:
    """What the library told, as the page shows it: files by their names alone."""
    told = [str(notice) for notice in notices]
    for path in read:
        told = [sentence.replace(str(path), path.name) for sentence in told]
    return tuple(told)


def _left(since: float, first: int, progress: Progress) -> float | None:
    """Seconds for the frames that are missing, at the pace of those made since painting was first heard of."""
    made = progress.done - first
    if made < 3:
        return None
    return (time.perf_counter() - since) / made * (progress.total - progress.done)


def _each(clock: list[tuple[float, int]]) -> float | None:
    """Milliseconds a frame, from the first that was painted to the last."""
    if len(clock) < 2:
        return None
    (since, first), (until, last) = clock
    return 1000 * (until - since) / (last - first)


def _points_file(order: Order, folder: Path) -> Path | None:
    """The corrected landmarks, written for the animator."""
    if order.places is None:
        return None
    placed = placed_face(order.source, order.choices.face, order.places)
    path = folder / "points.json"
    face.write_points(path, placed)
    return path
