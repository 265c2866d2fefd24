"""A film's recipe as a JSON file: everything needed to make it again."""

import json
import os
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from living_portraits.errors import MediaError, OutputError
from living_portraits.film_options import Options
from living_portraits.provenance import GENERATOR, Ingredient

FORMAT = "living-portraits-film"
_FILES = ("sound", "points", "certificate", "key")  # options that name files to be read
_WRITTEN = ("manifest", "save_motion")  # options that name files to be written: each run's own affair


@dataclass(frozen=True)
class Manifest:
    """Who made what from what.

    Attributes:
        engine, size, runtime, identity: what `load` takes.
        source, driver, out: what `Animator.animate` takes.
        options: its keywords.
    """

    engine: str
    size: int
    source: Path
    driver: Path
    out: Path
    options: Mapping[str, Any]
    runtime: str = "auto"
    identity: str | None = None


def write_manifest(path: Path, film: Manifest) -> None:
    """Write the recipe; files are named as seen from the manifest's folder, with their digests. Raises OutputError."""
    folder = path.absolute().parent
    chosen = Options.of(film.options)
    options = {name: value for name, value in chosen.as_data().items() if name not in _WRITTEN}
    for name in _FILES:
        if isinstance(file := getattr(chosen, name), Path):
            options[name] = _relative(file, folder)
    data = {
        "format": FORMAT,
        "made_with": GENERATOR,
        "engine": film.engine,
        "size": film.size,
        "runtime": film.runtime,
        "identity": film.identity,
        "source": _relative(film.source, folder),
        "driver": _relative(film.driver, folder),
        "out": _relative(film.out, folder),
        "options": options,
        "sha256": {role: Ingredient(role, getattr(film, role), role).sha256 for role in ("source", "driver")},
    }
    _write(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def read_manifest(path: Path, *, replaced: Collection[str] = ()) -> Manifest:
    """Read a recipe. Raises MediaError if it is none, or if source or driver are no longer the same files.

    `replaced` are those of the two that the film takes from elsewhere: they may be gone, or be others.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))  # some editors begin a file with a mark
        if data["format"] != FORMAT:
            raise ValueError
        folder = path.absolute().parent
        options = dict(data["options"])
        for name in _FILES:
            if isinstance(options.get(name), str) and options[name] not in ("driver", "none"):
                options[name] = folder / options[name]
        film = Manifest(
            engine=str(data["engine"]),
            size=int(data["size"]),
            source=folder / data["source"],
            driver=folder / data["driver"],
            out=folder / data["out"],
            options=options,
            runtime=str(data.get("runtime", "auto")),
            identity=data.get("identity"),
        )
        digests = dict(data["sha256"])
    except OSError as error:
        raise MediaError(f"The manifest {path} cannot be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise MediaError(f"{path} is not the manifest of a film; write one with the option manifest.") from error
    for role in (each for each in ("source", "driver") if each not in replaced):
        file: Path = getattr(film, role)
        if not file.exists():
            raise MediaError(f"{file} is gone, which is the {role} of {path}; name the file where it lies now.")
        if Ingredient(role, file, role).sha256 != digests.get(role):
            raise MediaError(f"{file} is not the {role} that {path} was written for: its content differs.")
    return film


def _relative(path: Path, folder: Path) -> str:
    """`path` as seen from `folder`, so that both can move together; absolute where there is no way between them."""
    try:
        return Path(os.path.relpath(path.absolute(), folder)).as_posix()
    except ValueError:  # two drives
        return path.absolute().as_posix()


def _write(path: Path, text: str) -> None:
    beside = None
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.absolute().parent, delete=False) as file:
            beside = Path(file.name)
            file.write(text)
        beside.chmod(0o644)
        beside.replace(path)
    except OSError as error:
        raise OutputError(f"The manifest {path} cannot be written ({error.strerror}).") from error
    finally:
        if beside is not None:
            beside.unlink(missing_ok=True)
