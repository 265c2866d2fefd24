"""The driving loop: capture, look, paint and show side by side, each with the newest that the one before it has."""

import gc
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from threading import Thread
from typing import Any, Protocol, TypeVar, runtime_checkable

from living_portraits.engine import Frame
from living_portraits.live.meter import Meter
from living_portraits.live.newest import Newest
from living_portraits.live.session import Sight
from living_portraits.live.sinks import Sink
from living_portraits.live.source import Shot, Source
from living_portraits.live.wishes import Wishes

Given = TypeVar("Given")
Made = TypeVar("Made")

_POLL = 0.1  # s; how soon it is heard that somebody wants to stop


@runtime_checkable
class Puppeteer(Protocol):
    """What `Session` does."""

    def take_rest(self) -> None: ...

    def look(self, shot: Shot) -> Sight: ...

    def paint(self, sight: Sight) -> Frame: ...


def drive(
    source: Source,
    session: Puppeteer,
    sink: Sink,
    meter: Meter,
    *,
    wishes: Wishes | None = None,
    seconds: float | None = None,
) -> None:
    """Shows until the source ends, somebody wants to stop or the time is over; what it cost is in `meter`.

    The sink is used in the caller's thread, as windows want it. Errors of any stage are raised here.
    """
    wishes = wishes or Wishes()
    shots: Newest[Shot] = Newest()
    sights: Newest[Sight] = Newest()
    pictures: Newest[tuple[Frame, float]] = Newest()

    def look(shot: Shot) -> Sight:
        if wishes.rest.is_set():
            wishes.rest.clear()
            session.take_rest()
        return session.look(shot)

    def paint(sight: Sight) -> tuple[Frame, float]:
        return session.paint(sight), sight.at

    stages = (
        Thread(target=_capture, args=(source, shots, meter), daemon=True),
        Thread(target=_stage, args=(shots, look, sights), daemon=True),
        Thread(target=_stage, args=(sights, paint, pictures), daemon=True),
    )
    deadline = math.inf if seconds is None else time.perf_counter() + seconds
    with _at_work(stages, (pictures, sights, shots)):
        while not (pictures.ended or wishes.stop.is_set() or time.perf_counter() > deadline):
            picture = pictures.take(timeout=_POLL)
            if picture is not None:
                sink.show(picture[0])
                meter.note(picture[1])
        pictures.take(timeout=0.0)  # raises what ended it


@contextmanager
def _at_work(stages: Sequence[Thread], places: Sequence[Newest[Any]]) -> Iterator[None]:
    """The stages run while in this block, and end with it."""
    gc.freeze()  # what is there stays: to look through it for garbage would take a tenth of a second each time
    try:
        for stage in stages:
            stage.start()
        yield
    finally:
        gc.unfreeze()
        for place in places:
            place.close()
        for stage in stages:
            stage.join()


def _capture(source: Source, shots: Newest[Shot], meter: Meter) -> None:
    try:
        with closing(source.shots()) as taken:  # type: ignore[type-var]
            for shot in taken:
                if not shots.put(shot):
                    return
                meter.captured += 1
    except BaseException as error:
        shots.close(error)
    else:
        shots.close()


def _stage(given: Newest[Given], work: Callable[[Given], Made], made: Newest[Made]) -> None:
    """Works on the newest that is given until there is no more, or nobody wants what is made."""
    try:
        while (item := given.take()) is not None:
            if not made.put(work(item)):
                return
    except BaseException as error:
        made.close(error)
    else:
        made.close()
