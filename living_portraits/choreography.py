"""A choreography: one body's points through time, and its small file. It holds facts of motion and nobody's picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from living_portraits.errors import OptionError
from living_portraits.packed import Format, check_time, differences

SUFFIX = ".dance"
_FORMAT = Format(b"living-portraits dance 1\n", "choreography", "--save-choreography")
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
    places = differences(np.rint(dance.points[..., :2] / step).astype(np.int32))  # large of somebody small, far off
    arrays = {
        "fps": np.float64(dance.fps),
        "step": np.float64(step),
        "places": places.astype(np.int16 if np.abs(places).max(initial=0) < 1 << 15 else np.int32),
        "seen": differences(np.rint(dance.points[..., 2] * _SURE).astype(np.int8)),
        "gaps": np.array(dance.gaps, np.int32).reshape(-1, 2),
    }
    _FORMAT.write(path, {name: np.asarray(values) for name, values in arrays.items()})


def load(path: Path) -> Choreography:
    """Reads what `save` wrote; raises MediaError."""
    return _FORMAT.read(path, _understood)


def _understood(data: Mapping[str, np.ndarray]) -> Choreography:
    places = np.cumsum(data["places"].astype(np.int64), axis=0) * float(data["step"])
    seen = np.cumsum(data["seen"].astype(np.int64), axis=0) / _SURE
    points = np.concatenate([places, seen[..., None]], axis=-1).astype(np.float32)
    gaps = tuple((int(first), int(last)) for first, last in data["gaps"])
    check_time(points, fps := float(data["fps"]))
    return Choreography(points, fps, gaps)
