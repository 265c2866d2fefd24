"""Where something is to be written: never over what is read, known to be possible before the long work, and by one
command at a time."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from living_portraits.errors import OptionError, OutputError


def spare(target: Path, read: Iterable[object], *, work: str = "make the film") -> None:
    """Raises OptionError if `target` is one of those files that are `read`, or a folder that holds one.

    What is no path is passed over.
    """
    # Resolved: the same file may be spelled in two ways, or be reached through a link.
    place = target.resolve()
    for path in (each.resolve() for each in read if isinstance(each, Path)):
        if place == path:
            raise OptionError(f"{target} is read to {work} and cannot be written; choose another name.")
        if place in path.parents:
            raise OptionError(
                f"{path.name} in the folder {target} is read to {work}, so that cannot be replaced; "
                "choose another name."
            )


def check_writable(target: Path) -> None:
    """Raises OutputError if no file can be written there."""
    folder = target.absolute().parent
    if not folder.is_dir():
        raise OutputError(f"There is no folder {target.parent} for {target.name}; make it first or write elsewhere.")
    if target.is_dir() or not os.access(folder, os.W_OK):
        what = "is a folder" if target.is_dir() else "cannot be written to"
        raise OutputError(f"{target} {what}; choose another name.")


def make_room(target: Path) -> None:
    """Makes the folder that a file is to be written into. Raises OutputError if it, or a file there, cannot be made."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{target.parent} cannot be made: {error.strerror or error}.") from error
    check_writable(target)


def preview_of(file: Path) -> Path:
    """The picture beside what was learned: under a name that no picture of the user's has."""
    return file.with_name(f"{file.stem}.preview.png")


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Holds a folder that is written in many steps; two commands in it would undo each other's work.

    Made if need be. The system lets go of it when the process ends, however it ends; the file `.lock` stays.

    Raises:
        OptionError: another process holds it.
        OutputError: the folder cannot be made or written.
    """
    lock = filelock.FileLock(folder / ".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except filelock.Timeout as error:
        raise OptionError(f"Another command is at work in {folder}; wait until it ends, or name another.") from error
    except OSError as error:
        raise OutputError(f"{folder} cannot be made, or not be written ({error.strerror}); choose another.") from error
    try:
        yield
    finally:
        lock.release()
