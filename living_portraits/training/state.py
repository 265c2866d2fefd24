"""Files that a training must not lose: written beside, renamed into place, the one before kept; in parts if need be."""

import hashlib
import io
import json
import os
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from living_portraits.errors import OutputError
from living_portraits.training.recipe import TrainingError

PART_BYTES = 15_000_000
"""Length of a part, at most."""

_INDEX = ".parts.json"


def write_bytes(path: Path, data: bytes, *, previous: Path | None = None) -> None:
    """Puts `data` in place of `path` in one step; what lay there becomes `previous`.

    Whenever this is killed, `path` or `previous` holds a whole file; the next write uses the same place beside it.

    Raises:
        OutputError: the folder cannot be written to, or the disk is full.
    """
    beside = path.with_name(f".{path.name}.new")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if previous is not None and path.exists():
            os.replace(path, previous)
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from error


def write_state(path: Path, state: Mapping[str, Any]) -> int:
    """Writes tensors and plain values to `path`, keeping the state before it; returns the length in bytes."""
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    data = buffer.getvalue()
    write_bytes(path, data, previous=previous_of(path))
    return len(data)


def read_state(path: Path, *, device: torch.device) -> tuple[dict[str, Any], str | None]:
    """The last whole state, and what to tell the user if it is not simply that of `path`.

    Tries `path`, its parts unless the state before it is newer than they, then that.

    Raises:
        TrainingError: none of them can be read.
    """
    reasons = []
    for place in (path, previous_of(path)):
        if not place.is_file() and _parts_are_newest(place):
            join(place)
        if not place.is_file():
            reasons.append(f"{place.name} is missing")
            continue
        try:
            state = torch.load(place, map_location=device, weights_only=True)
        except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, OSError, zipfile.BadZipFile):
            reasons.append(f"{place.name} is damaged")
            continue
        return state, f"{', '.join(reasons)}: resumed from {place.name}" if reasons else None
    raise TrainingError(f"There is nothing to resume from in {path.parent}: {', '.join(reasons)}.")


def _parts_are_newest(path: Path) -> bool:
    """Whether `path` lies there in parts that are no older than the state before it."""
    index, previous = index_of(path), previous_of(path)
    if not index.is_file():
        return False
    return not previous.is_file() or index.stat().st_mtime_ns >= previous.stat().st_mtime_ns


def previous_of(path: Path) -> Path:
    """Where the state before `path` is kept."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def index_of(path: Path) -> Path:
    """The file that lists the parts of `path`."""
    return path.with_name(path.name + _INDEX)


def split(path: Path, *, limit: int = PART_BYTES) -> list[Path]:
    """Writes `path` again as parts of at most `limit` bytes beside it, and their index last; returns them all.

    Raises:
        OutputError: `path` is missing, or the folder cannot be written to.
    """
    parts: list[dict[str, str | int]] = []
    whole = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while data := file.read(limit):
                part = path.with_name(f"{path.name}.part{len(parts):03d}")
                write_bytes(part, data)
                whole.update(data)
                parts.append({"name": part.name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()})
    except OSError as error:
        raise OutputError(f"{path} cannot be split: {error.strerror or error}.") from error
    index = {"file": path.name, "sha256": whole.hexdigest(), "parts": parts}
    write_bytes(index_of(path), (json.dumps(index, indent=1) + "\n").encode())
    for old in sorted(path.parent.glob(f"{path.name}.part[0-9][0-9][0-9]"))[len(parts) :]:
        old.unlink()
    return [*(path.with_name(str(part["name"])) for part in parts), index_of(path)]


def join(path: Path) -> Path:
    """Puts `path` together from its parts, every one checked.

    Raises:
        TrainingError: the index or a part is missing or damaged.
    """
    again = "copy all parts again, with their index"
    try:
        index = json.loads(index_of(path).read_text(encoding="utf-8"))
        data = b"".join(path.with_name(part["name"]).read_bytes() for part in index["parts"])
        expected = index["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{path.name} cannot be joined in {path.parent} ({error}): {again}.") from error
    if hashlib.sha256(data).hexdigest() != expected:
        raise TrainingError(f"A part of {path.name} in {path.parent} is damaged: {again}.")
    write_bytes(path, data)
    return path
