"""A choreography: one body's points through time, and its small file. It holds facts of motion and nobody's picture."""

import io
import lzma
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from living_portraits.errors import MediaError, OptionError, OutputError

SUFFIX = ".dance"
_MAGIC = b"living-portraits dance 1\n"
_LARGEST = 256 << 20  # bytes that a file may unpack to: hours of dance
_STEPS = 1024  # a body's height is so many steps: finer than any tracker
_SURE = 15  # steps of visibility


@dataclass(frozen=True, eq=False)
class Choreography:
    """One body through time.

    Attributes:
        points: `[T, 33, 3]`: x, y in px of the clip's frames (y down), visibility in [0, 1]; see `skeleton`.
        fps: frames a second.
        gaps: (first, one past the last) of frames in which nobody was found; their points lie between the neighbours'.
    """

    points: Float32[np.ndarray, "time 33 3"]
    fps: float
    gaps: tuple[tuple[int, int], ...] = ()

    def __len__(self) -> int:
        return len(self.points)

    @property
    def bridged(self) -> int:
        """Frames in which nobody was found."""
        return sum(stop - start for start, stop in self.gaps)


def resampled(dance: Choreography, *, fps: float) -> Choreography:
    """The same dance at another frame rate, points between frames on straight lines."""
    if abs(fps - dance.fps) < 1e-6:
        return dance
    count = max(round(len(dance) * fps / dance.fps), 1)
    places = np.clip(np.arange(count) * dance.fps / fps, 0, len(dance) - 1)
    low = np.floor(places).astype(int)
    high = np.minimum(low + 1, len(dance) - 1)
    share = (places - low)[:, None, None].astype(np.float32)
    return Choreography(dance.points[low] * (1 - share) + dance.points[high] * share, float(fps))


def part(dance: Choreography, *, start: float = 0.0, end: float | None = None) -> Choreography:
    """What lies between two times, seconds. Raises OptionError where that is nothing."""
    first = round(start * dance.fps)
    stop = len(dance) if end is None else min(round(end * dance.fps), len(dance))
    if not 0 <= first < stop:
        raise OptionError(
            f"The choreography lasts {len(dance) / dance.fps:.1f} s: there is nothing from {start:g} s to "
            f"{'its end' if end is None else f'{end:g} s'}."
        )
    gaps = tuple((max(a, first) - first, min(b, stop) - first) for a, b in dance.gaps if b > first and a < stop)
    return Choreography(dance.points[first:stop], dance.fps, gaps)


def repeated(dance: Choreography, times: int) -> Choreography:
    """The dance so many times, one after the other."""
    gaps = tuple((a + n * len(dance), b + n * len(dance)) for n in range(times) for a, b in dance.gaps)
    return Choreography(np.tile(dance.points, (times, 1, 1)), dance.fps, gaps)


def save(path: Path, dance: Choreography) -> None:
    """Writes the file; some kilobytes for some seconds. Raises OutputError where the place cannot be written."""
    tall = float(np.percentile(np.ptp(dance.points[..., 1], axis=1), 95))
    step = max(tall, 1e-6) / _STEPS
    store = io.BytesIO()
    np.savez(
        store,
        fps=np.float64(dance.fps),
        step=np.float64(step),
        places=_differences(np.rint(dance.points[..., :2] / step).astype(np.int32)).astype(np.int16),
        seen=_differences(np.rint(dance.points[..., 2] * _SURE).astype(np.int8)),
        gaps=np.array(dance.gaps, np.int32).reshape(-1, 2),
    )
    temporary = path.with_name(path.name + ".part")
    try:
        temporary.write_bytes(_MAGIC + lzma.compress(store.getvalue(), preset=9))
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"The choreography cannot be written to {path}: {error.strerror}.") from error
    finally:
        temporary.unlink(missing_ok=True)


def load(path: Path) -> Choreography:
    """Reads what `save` wrote; raises MediaError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MediaError(f"The choreography {path} cannot be read: {error.strerror}.") from error
    if not content.startswith(_MAGIC):
        raise MediaError(f"{path} is no choreography of this version; make one with --save-choreography.")
    try:
        unpacked = lzma.LZMADecompressor().decompress(content[len(_MAGIC) :], max_length=_LARGEST)
        data = np.load(io.BytesIO(unpacked), allow_pickle=False)
        places = np.cumsum(data["places"].astype(np.int64), axis=0) * float(data["step"])
        seen = np.cumsum(data["seen"].astype(np.int64), axis=0) / _SURE
        points = np.concatenate([places, seen[..., None]], axis=-1).astype(np.float32)
        gaps = tuple((int(first), int(last)) for first, last in data["gaps"])
        return Choreography(points, float(data["fps"]), gaps)
    except (lzma.LZMAError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise MediaError(f"The choreography {path} is damaged; make it again with --save-choreography.") from error


def _differences(rows: np.ndarray) -> np.ndarray:
    """First row, then the change from row to row: small numbers that compress well."""
    return np.diff(rows, axis=0, prepend=np.zeros_like(rows[:1]))
