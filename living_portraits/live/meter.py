"""What live driving costs: frames shown and left out, and how old they are when they are seen."""

import os
import time
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

_BIN = 0.0005  # s
_BINS = 20_000  # ten seconds; whatever is older counts as that
_RECENT = 1.0  # s


class Latencies:
    """A histogram: hours of frames in the memory of a minute, to half a millisecond."""

    def __init__(self) -> None:
        self._counts = np.zeros(_BINS, np.int64)

    def add(self, seconds: float) -> None:
        self._counts[min(max(int(seconds / _BIN), 0), _BINS - 1)] += 1

    def at(self, share: float) -> float:
        """Milliseconds that this share of the frames does not exceed; 0 where there are none."""
        total = int(self._counts.sum())
        place = int(np.searchsorted(np.cumsum(self._counts), max(share * total, 1)))
        return 1000 * _BIN * (place + 0.5) if total else 0.0


class Meter:
    """Counts, from any thread.

    Attributes:
        captured: frames that the source gave.
        shown: frames that were seen.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._begun = time.perf_counter()
        self._all, self._minute, self._recent = Latencies(), Latencies(), Latencies()
        self._minutes: list[dict[str, float]] = []
        self._minute_shown = self._recent_shown = 0
        self._recent_since = self._begun
        self._now: dict[str, float] = {"latency_ms": 0.0, "fps": 0.0}
        self.captured = self.shown = 0

    def note(self, captured_at: float) -> None:
        """A frame is seen now; `captured_at` is by `time.perf_counter`."""
        now = time.perf_counter()
        with self._lock:
            self.shown += 1
            self._minute_shown += 1
            self._recent_shown += 1
            for each in (self._all, self._minute, self._recent):
                each.add(now - captured_at)
            if now - self._recent_since >= _RECENT:
                self._now = {
                    "latency_ms": round(self._recent.at(0.5), 1),
                    "fps": round(self._recent_shown / (now - self._recent_since), 1),
                }
                self._recent, self._recent_shown, self._recent_since = Latencies(), 0, now
            if now - self._begun >= 60 * (len(self._minutes) + 1):
                self._end_minute()

    def now(self) -> dict[str, float]:
        """Median latency, ms, and frames a second, of the last second."""
        return self._now

    def report(self) -> dict[str, Any]:
        """All figures so far, for JSON; latencies in ms, memory in MB, `minutes` with the same for each full one."""
        with self._lock:
            seconds = time.perf_counter() - self._begun
            return {
                "seconds": round(seconds, 2),
                "captured": self.captured,
                "shown": self.shown,
                "dropped": max(self.captured - self.shown, 0),
                "fps": round(self.shown / seconds, 2),
                "latency_median_ms": round(self._all.at(0.5), 1),
                "latency_95_ms": round(self._all.at(0.95), 1),
                "memory_mb": round(resident_memory(), 1),
                "minutes": list(self._minutes),
            }

    def __str__(self) -> str:
        told = self.report()
        return (
            f"{told['shown']} frames shown in {told['seconds']:.0f} s ({told['fps']:.1f} a second), "
            f"{told['dropped']} left out; from camera to view {told['latency_median_ms']:.0f} ms in the median, "
            f"{told['latency_95_ms']:.0f} ms for 95 of 100"
        )

    def _end_minute(self) -> None:
        self._minutes.append(
            {
                "shown": self._minute_shown,
                "latency_median_ms": round(self._minute.at(0.5), 1),
                "latency_95_ms": round(self._minute.at(0.95), 1),
                "memory_mb": round(resident_memory(), 1),
            }
        )
        self._minute, self._minute_shown = Latencies(), 0


def resident_memory() -> float:
    """MB that this process holds now; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
