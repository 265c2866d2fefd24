"""Small files of numbers: arrays under a name each, compressed, behind a line that says what they are."""

import io
import lzma
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from living_portraits.errors import MediaError, OutputError

_LARGEST = 256 << 20  # bytes that a file may unpack to: hours of motion

Found = TypeVar("Found")


@dataclass(frozen=True)
class Format:
    """One kind of such files.

    Attributes:
        magic: how they begin.
        noun: what people call one.
        option: of the command line, which makes one.
    """

    magic: bytes
    noun: str
    option: str

    def write(self, path: Path, arrays: Mapping[str, np.ndarray]) -> None:
        """Writes the file, whole or not at all; raises OutputError where the place cannot be written."""
        store = io.BytesIO()
        np.savez(store, **arrays)  # type: ignore[arg-type]
        temporary = path.with_name(path.name + ".part")
        try:
            temporary.write_bytes(self.magic + lzma.compress(store.getvalue()))
            temporary.replace(path)
        except OSError as error:
            raise OutputError(f"The {self.noun} cannot be written to {path}: {error.strerror}.") from error
        finally:
            temporary.unlink(missing_ok=True)

    def read(self, path: Path, understand: Callable[[Mapping[str, np.ndarray]], Found]) -> Found:
        """What `understand` makes of a file's arrays; raises MediaError where it cannot be read, or not be understood.

        `understand` raises ValueError for what makes no sense; so do arrays that are missing or of other shapes.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise MediaError(f"The {self.noun} {path} cannot be read: {error.strerror}.") from error
        if not content.startswith(self.magic):
            raise MediaError(f"{path} is not a {self.noun} of this version; make one with {self.option}.")
        try:
            unpacked = lzma.LZMADecompressor().decompress(content[len(self.magic) :], max_length=_LARGEST)
            return understand(np.load(io.BytesIO(unpacked), allow_pickle=False))
        except (lzma.LZMAError, ValueError, LookupError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise MediaError(f"The {self.noun} {path} is damaged; make it again with {self.option}.") from error


def differences(rows: np.ndarray) -> np.ndarray:
    """First row, then the change from row to row: small numbers that compress well."""
    return np.diff(rows, axis=0, prepend=np.zeros_like(rows[:1]))


def check_time(rows: np.ndarray, fps: float) -> None:
    """Raises ValueError unless there are rows, of numbers, at a rate that a film can have."""
    if not (len(rows) and np.isfinite(rows).all() and 0 < fps <= 1000):
        raise ValueError("no motion")
