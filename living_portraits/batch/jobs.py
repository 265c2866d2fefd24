"""The list of films to make: one row of a CSV file each."""

import csv
import dataclasses
import functools
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path, PurePath
from typing import Any

from living_portraits import engines, samples, video
from living_portraits.errors import MediaError, OptionError
from living_portraits.film_options import Options

COLUMNS = ("source", "driver", "out", "engine", "size", "runtime")
"""Beside these, every option of a film may be a column; an empty cell is its default."""

_SWITCHES = {"true": True, "yes": True, "false": False, "no": False}
_FILES = ("sound", "points", "certificate", "key")  # options that may name files
_NOT_HERE = ("manifest", "save_motion")  # each film of a batch is in its own place; these would fall on each other


_OPPOSITES = {
    option.metadata["flag"].replace("-", "_"): option.name
    for option in dataclasses.fields(Options)
    if option.metadata["parse"] is bool and option.metadata["flag"]
}
"""What the command line calls options that are on unless somebody says so: absolute (not relative), no_mark."""

_YES_OR_NO = {option.name for option in dataclasses.fields(Options) if option.metadata["parse"] is bool}


@dataclass(frozen=True)
class Job:
    """One film.

    Attributes:
        row: of the list, the first film's is 2, as spreadsheets count.
        source, driver: files.
        film: name of the film in the folder that the batch goes to.
        engine, size: as `load` takes them.
        options: of the film, only those that were given.
        runtime: as `load` takes it.
    """

    row: int
    source: Path
    driver: Path
    film: str
    engine: str
    size: int | None
    options: Mapping[str, Any]
    runtime: str = engines.AUTO

    def read(self) -> list[Path]:
        """The files that it needs."""
        return [self.source, self.driver, *(value for value in self.options.values() if isinstance(value, Path))]

    @functools.cached_property
    def id(self) -> str:
        """The same for the same film of the same files, wherever they lie."""
        files = {
            name: _digest(Path(value)) for name, value in self.options.items() if name in _FILES and _is_file(value)
        }
        told = {
            "source": _digest(self.source),
            "driver": _digest(self.driver),
            "film": self.film,
            "engine": self.engine,
            "size": self.size,
            "options": {name: str(value) for name, value in sorted(self.options.items())} | files,
        }
        if self.runtime != engines.AUTO:  # lists that were begun before there was a choice go on
            told["runtime"] = self.runtime
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:24]


def read_jobs(path: Path, *, runtime: str = engines.AUTO) -> list[Job]:
    """The rows of a list, checked; files are named as seen from the list's folder.

    `runtime` is that of rows which name none.

    Raises:
        MediaError: the list, or a file that it names, is not there.
        OptionError: a column that is none, an option or engine that does not exist, or two films of one name.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            jobs = list(_jobs(_rows(file.read()), path, runtime))
    except UnicodeDecodeError as error:
        raise MediaError(f"The list {path} cannot be read as CSV: it is not in UTF-8; save it so.") from error
    except (OSError, csv.Error) as error:
        raise MediaError(f"The list {path} cannot be read as CSV: {error}.") from error
    if not jobs:
        raise OptionError(f"The list {path} holds no films: each is a row with at least a source and a driver.")
    rows: dict[str, int] = {}
    for job in jobs:
        if job.film in rows:
            raise OptionError(
                f"{path.name}, row {job.row}: the film {job.film} is that of row {rows[job.film]} too; "
                "name one of them otherwise in the column out."
            )
        rows[job.film] = job.row
    return jobs


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that hold something, each with its number in the file; the first names the columns.

    It also shows what stands between cells: the spreadsheets of half of Europe write semicolons.
    """
    header = text.lstrip("\r\n").partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count), skipinitialspace=True)
    for row in reader:
        cells = [cell.strip() for cell in row]
        if any(cells):
            yield reader.line_num, cells


def _jobs(rows: Iterator[tuple[int, list[str]]], path: Path, runtime: str) -> Iterator[Job]:
    known = {*COLUMNS, *(name for name in Options().as_data() if name not in _NOT_HERE)}
    _, names = next(rows, (1, []))
    for number, name in enumerate(names):
        if name and name not in known and name not in _OPPOSITES:
            choices = ", ".join(sorted({*known, *_OPPOSITES}))
            raise OptionError(f"{path.name} has a column {name!r}; choose from {choices}.")
        if name and name in names[:number]:
            raise OptionError(f"{path.name} has two columns {name!r}; leave one out.")
    for line, cells in rows:
        filled = [(name, text) for name, text in zip_longest(names, cells, fillvalue="") if text]
        if not all(name for name, _ in filled):
            raise OptionError(f"{path.name}, row {line}: there are more cells than columns.")
        yield _job({"runtime": runtime, **dict(filled)}, line, path)


def _job(cells: Mapping[str, str], row: int, path: Path) -> Job:
    where = f"{path.name}, row {row}"
    for name in ("source", "driver"):
        if name not in cells:
            raise OptionError(f"{where}: the column {name} is empty.")
    source, driver = (_file(samples.place(cells[name], beside=path.parent), where) for name in ("source", "driver"))
    engine = cells.get("engine", engines.DEFAULT)
    options: dict[str, Any] = {}
    for name, text in cells.items():
        if name in _OPPOSITES:
            options[_OPPOSITES[name]] = not _truth(text, name, where)
        elif name not in COLUMNS:
            options[name] = _SWITCHES.get(text.lower(), text) if name in _YES_OR_NO else text
    for name in _FILES:
        if name in options and options[name] not in ("driver", "none"):
            options[name] = _file(path.parent / str(options[name]), where)
    try:
        engines.check_runtime(engine, cells["runtime"])
        size = int(cells["size"]) if "size" in cells else None
        Options.of(options)
    except ValueError:
        raise OptionError(f"{where}: size takes a whole number of pixels, not {cells['size']!r}.") from None
    except OptionError as error:
        raise OptionError(f"{where}: {error}") from error
    return Job(row, source, driver, _film(cells, source, driver, where), engine, size, options, cells["runtime"])


def _film(cells: Mapping[str, str], source: Path, driver: Path, where: str) -> str:
    film = PurePath(cells.get("out", f"{source.stem}_{driver.stem}.mp4"))
    if film.is_absolute() or ".." in film.parts:
        raise OptionError(f"{where}: {film} leaves the batch's folder; give a name within it.")
    if film.suffix.lower() not in video.FORMATS:
        raise OptionError(f"{where}: a film's name ends in {', '.join(video.FORMATS)}, not as {film.name} does.")
    return film.as_posix()


def _file(path: Path, where: str) -> Path:
    if not path.exists():
        raise MediaError(f"{where}: there is no file {path}.")
    return path


def _truth(text: str, name: str, where: str) -> bool:
    """As people and spreadsheets write it."""
    if text.lower() not in _SWITCHES:
        raise OptionError(f"{where}: {name} takes yes or no, not {text!r}.")
    return _SWITCHES[text.lower()]


def _is_file(value: Any) -> bool:
    return isinstance(value, Path) and value.is_file()


@functools.lru_cache(maxsize=4096)
def _digest_of(path: Path, version: tuple[int, int]) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(path: Path) -> str:
    if path.is_dir():  # a film as a folder of numbered pictures
        return hashlib.sha256("".join(_digest(each) for each in sorted(path.iterdir())).encode()).hexdigest()
    state = path.stat()
    return _digest_of(path, (state.st_mtime_ns, state.st_size))
