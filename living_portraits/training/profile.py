"""How fast it goes: the device's measured peak, the work of a step, and where the time went."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch.utils.flop_counter import FlopCounterMode

from living_portraits.nn.precision import bfloat16_is_fast
from living_portraits.training.place import Place

_SIDE = {"cuda": 8192, "cpu": 1536}  # of the square matrices whose product tells the peak


@dataclass
class Clock:
    """Seconds since the last figures, and how many of them went by waiting for samples."""

    since: float = field(default_factory=time.perf_counter)
    waited: float = 0.0
    steps: int = 0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.waited += time.perf_counter() - start

    def read(self) -> tuple[float, float]:
        """(steps a second, share of the time spent waiting for samples) since the last reading."""
        now = time.perf_counter()
        seconds = max(now - self.since, 1e-9)
        result = self.steps / seconds, self.waited / seconds
        self.since, self.waited, self.steps = now, 0.0, 0
        return result


def matmul_peak(place: Place, *, seconds: float = 1.0) -> float:
    """Floating-point operations a second of a large matrix product, in what trainings run in there."""
    side = _SIDE[place.device.type]
    dtype = torch.bfloat16 if bfloat16_is_fast(place.device) else torch.float32
    a, b = (torch.randn(side, side, device=place.device, dtype=dtype) for _ in range(2))
    for _ in range(3):
        a @ b
    place.sync()
    best, until = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        start = time.perf_counter()
        for _ in range(4):
            a @ b
        place.sync()
        best = max(best, 4 * 2 * side**3 / (time.perf_counter() - start))
    return best


def count_flops(work: Callable[[], object]) -> int:
    """Floating-point operations of the products and convolutions in `work`, forward and backward."""
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())
