"""The last few of what was costly to make."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

from living_portraits.notices import gather, tell

Made = TypeVar("Made")


@dataclass(frozen=True)
class _Kept(Generic[Made]):
    made: Made
    notices: tuple[UserWarning, ...]


class Recent(Generic[Made]):
    """Keeps the `room` things that were used last; with no room it makes everything anew.

    Threads may share it: what one of them is making, another that asks for it waits for. What was told while a thing
    was made is told again to whoever is given it later.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._kept: OrderedDict[Hashable, Future[_Kept[Made]]] = OrderedDict()
        self._lock = Lock()

    def of(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What was kept under `key`, or else what `make` gives. Raises what `make` raises, and keeps nothing then."""
        while True:
            with self._lock:
                mine = key not in self._kept
                promise = self._kept.setdefault(key, Future())
                self._kept.move_to_end(key)
                while len(self._kept) > self._room:
                    self._kept.popitem(last=False)
            if mine:
                return self._make(key, promise, make)
            if promise.exception() is None:  # else whoever was making it had reasons of their own to stop
                kept = promise.result()
                for notice in kept.notices:
                    tell(notice)
                return kept.made

    def _make(self, key: Hashable, promise: "Future[_Kept[Made]]", make: Callable[[], Made]) -> Made:
        try:
            with gather() as notices:
                made = make()
        except BaseException as error:
            with self._lock:
                if self._kept.get(key) is promise:
                    del self._kept[key]
            promise.set_exception(error)
            raise
        promise.set_result(_Kept(made, tuple(notices)))
        return made


def version_of(path: Path) -> tuple[str, int, int]:
    """A key that changes when the file does, or any in the folder; or that no file has where there is none."""
    try:
        states = [path.stat(), *(entry.stat() for entry in (path.iterdir() if path.is_dir() else ()))]
    except OSError:
        return str(path.absolute()), -1, -1
    return str(path.absolute()), max(each.st_mtime_ns for each in states), sum(each.st_size for each in states)
