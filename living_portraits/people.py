"""People whom an engine has learned, kept by name: a file each, in one folder; a few come along."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from living_portraits import samples, weights
from living_portraits.errors import OptionError

FOLDER_VARIABLE = "LIVING_PORTRAITS_PEOPLE"

LONGEST = 100
"""Letters of a name."""

_ROOM = 200  # bytes of it; a file's name has at most 255, and other things are added to it


@dataclass(frozen=True)
class People:
    """One kind of them.

    Attributes:
        noun: what one is called.
        suffix: of their files.
        command: the words that say how one is made.
        shelf: those that come along are the model files whose names begin with it.
    """

    noun: str
    suffix: str
    command: str
    shelf: str | None = None

    def place(self, name: str) -> Path:
        """Where the one called `name` is kept. Raises OptionError for a name that cannot be a file's."""
        if not is_name(name):
            raise OptionError(
                f"A {self.noun}'s name has up to {LONGEST} letters, digits, spaces, - and _ in it, "
                f"and {name!r} is no such name."
            )
        return folder() / f"{name}{self.suffix}"

    def known(self) -> tuple[str, ...]:
        """The names of those who are kept, and of those who come along."""
        return tuple(sorted({*(path.stem for path in folder().glob(f"*{self.suffix}")), *self._bundled()}))

    def _bundled(self) -> dict[str, str]:
        """Model files by the name of whom they hold."""
        if self.shelf is None:
            return {}
        return {name.removeprefix(self.shelf): name for name in weights.FILES if name.startswith(self.shelf)}

    def find(self, name: str) -> Path:
        """The file of the one called `name`, or at that path. Raises OptionError, with those there are."""
        if os.path.isfile(name):  # Path's own would raise OSError for a name too long to be a file's
            return Path(name)
        path = self.place(name)
        if not path.is_file() and name in self._bundled():
            return weights.path(self._bundled()[name])
        if not path.is_file():
            known = ", ".join(self.known())
            choice = f"choose from {known}, or {self.command}." if known else f"{self.command}."
            raise OptionError(f"There is no {self.noun} called {name!r}; {choice}")
        return path


def folder() -> Path:
    """Where people are kept: `$LIVING_PORTRAITS_PEOPLE`, or ~/.local/share/living-portraits/people."""
    return Path(os.environ.get(FOLDER_VARIABLE) or Path.home() / ".local" / "share" / "living-portraits" / "people")


def is_name(name: str) -> bool:
    """Whether somebody can be kept under it, as a file's name."""
    return re.fullmatch(rf"\w[\w -]{{0,{LONGEST - 1}}}", name) is not None and len(os.fsencode(name)) <= _ROOM


def first_picture(file: Path, folder: Path) -> Path | None:
    """What a film of somebody begins with that is given no other picture: of a sample who comes along the whole one,
    else a copy, in `folder`, of what their file holds. None where it holds none."""
    if file.stem in samples.PORTRAITS and file.is_relative_to(weights.folder()):
        return samples.PORTRAITS[file.stem]
    config, state = weights.read(file)
    if (picture := state.get("picture")) is None:
        return None
    copy = folder / f"{file.stem}.png"
    shown = Image.fromarray(picture.numpy())
    shown.crop(tuple(config.get("inside", (0, 0, *shown.size)))).save(copy)  # without what melts away beyond its edges
    return copy
