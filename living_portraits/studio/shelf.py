"""Where users' files lie: folders whose names cannot be guessed, emptied after a day."""

import os
import secrets
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

DAY_SECONDS = 86_400.0
SWEEP_SECONDS = 3_600.0


@dataclass(frozen=True)
class Limits:
    """What one user may ask for.

    Attributes:
        upload_mb: size of an uploaded file.
        seconds: length of the part of a clip that is used.
        drivers: clips at a time.
        waiting: runs in the queue, of all users together.
        target_seconds: length of a clip that a dancer is taught from. minutes: longest lesson.
    """

    upload_mb: int = 200
    seconds: float = 60.0
    drivers: int = 4
    waiting: int = 32
    target_seconds: float = 180.0
    minutes: float = 20.0


def place_in(folder: Path | None) -> Path:
    """Where users' files lie in a folder, or in the system's for what is temporary: a place of our own, for whatever
    lies there for a day is deleted."""
    return Path(tempfile.mkdtemp(prefix="living-portraits-")) if folder is None else folder / "living-portraits-studio"


def new_folder(root: Path) -> Path:
    """An empty folder for one run. Its name is the key to it: nothing lists it, and only its user is told."""
    folder = root / secrets.token_urlsafe(18)
    folder.mkdir(parents=True)
    return folder


def sweep(root: Path, *, older_than: float = DAY_SECONDS) -> int:
    """Deletes files under `root` that were written longer ago than that, then empty folders; says how many files."""
    oldest, gone = time.time() - older_than, 0
    for folder, folders, files in os.walk(root, topdown=False):
        for name in files:
            path = Path(folder, name)
            try:
                if path.stat().st_mtime < oldest:
                    path.unlink()
                    gone += 1
            except OSError:  # somebody else was quicker, or holds it: the next sweep is in an hour
                continue
        for name in folders:
            path = Path(folder, name)
            with suppress(OSError):
                if path.stat().st_mtime < oldest and not any(path.iterdir()):
                    path.rmdir()
    return gone


def keep_swept(root: Path, until: Event) -> Thread:
    """Sweeps now and every hour, in a thread that ends with the process or when `until` is set."""

    def work() -> None:
        sweep(root)
        while not until.wait(SWEEP_SECONDS):
            sweep(root)

    thread = Thread(target=work, daemon=True)
    thread.start()
    return thread
