"""Digests of files, and of the frames in a folder."""

import hashlib
from collections.abc import Sequence
from pathlib import Path


def digest(path: Path) -> str:
    """Hex digest of a file's content. Raises OSError."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digests(paths: Sequence[Path]) -> dict[str, str]:
    """File's name -> hex digest. Raises OSError."""
    return {path.name: digest(path) for path in paths}


def frames_of(folder: Path) -> list[Path]:
    """The PNG frames of a folder, in order."""
    return sorted(folder.glob("*.png"))
