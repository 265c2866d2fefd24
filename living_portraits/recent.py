"""The last few of what was costly to make."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Recent(Generic[Made]):
    """Keeps the `room` things that were used last; with no room it makes everything anew."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._kept: OrderedDict[Hashable, Made] = OrderedDict()

    def of(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What was kept under `key`, or else what `make` gives."""
        if key not in self._kept:
            made = make()
            self._kept[key] = made
        else:
            made = self._kept[key]
        self._kept.move_to_end(key)
        while len(self._kept) > self._room:
            self._kept.popitem(last=False)
        return made


def version_of(path: Path) -> tuple[str, int, int]:
    """A key that changes when the file does, or that no file has where there is none."""
    try:
        state = path.stat()
    except OSError:
        return str(path.absolute()), -1, -1
    return str(path.absolute()), state.st_mtime_ns, state.st_size
