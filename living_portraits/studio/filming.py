"""Making the films of an order, one after the other, in a way that can be watched and stopped."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8

from living_portraits import engines, face
from living_portraits.animator import Animator, Progress
from living_portraits.driver import MOTION_SUFFIX
from living_portraits.errors import FaceError, LivingPortraitsError
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


def plan(order: Order, folder: Path, *, by: tuple[str, ...] = ()) -> tuple[Shot, ...]:
    """One film for each driver, or for each of the engines `by` with the first driver."""
    suffix = order.choices.suffix
    if by:
        driver = order.drivers[0]
        return tuple(Shot(name, driver, folder / f"{order.source.stem}_{name}{suffix}") for name in by)
    shots = []
    for number, driver in enumerate(order.drivers):
        twin = any(other.stem == driver.stem for other in order.drivers[:number])
        name = f"{order.source.stem}_{driver.stem}" + (f"_{number + 1}" if twin else "")
        shots.append(Shot(order.choices.engine, driver, folder / f"{name}{suffix}"))
    return tuple(shots)


def shoot(
    order: Order, shots: tuple[Shot, ...], animator: Callable[[str, int], Animator]
) -> Iterator[tuple[Shot, ...]]:
    """Makes the films; yields how far they all are several times a second. Closing it stops the work.

    `animator` gives the one of an engine and a size. Where several engines make a film each, one locked to other
    portraits is left out.

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


def _one(order: Order, shot: Shot, points: Path | None, animator: Callable[[str, int], Animator]) -> Iterator[Shot]:
    options = order.choices.options(sound=order.sound) | {"consent": order.consent}
    if points is not None:
        options |= {"points": points, "face": 0}
    if shot.driver.suffix.lower() != MOTION_SUFFIX:
        options["save_motion"] = shot.out.with_suffix(MOTION_SUFFIX)

    def work(report: Callable[[Any], None]) -> float:
        chosen = animator(shot.engine, order.choices.size)
        return chosen.animate(order.source, shot.driver, shot.out, progress=report, **options).speed

    yield from watched(shot, work)


def watched(shot: Shot, work: Callable[[Callable[[Any], None]], float]) -> Iterator[Shot]:
    """How far `work` is, which makes one film, reports `Progress` and returns frames a second. Closing it stops it."""
    clock: list[tuple[float, int]] = []  # when painting was first heard of, and how many frames there were then
    making = follow(work)
    try:
        while True:
            progress: Progress = next(making)
            left = None
            if progress.stage == "generate":
                clock = clock or [(time.perf_counter(), progress.done)]
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
        yield replace(shot, stage="done", done=shot.total, frame=None, fps=float(end.value))
    finally:
        making.close()


def _left(since: float, first: int, progress: Progress) -> float | None:
    """Seconds for the frames that are missing, at the pace of those made since painting was first heard of."""
    made = progress.done - first
    if made < 3:
        return None
    return (time.perf_counter() - since) / made * (progress.total - progress.done)


def _points_file(order: Order, folder: Path) -> Path | None:
    """The corrected landmarks, written for the animator."""
    if order.places is None:
        return None
    placed = placed_face(order.source, order.choices.face, order.places)
    path = folder / "points.json"
    face.write_points(path, placed)
    return path
