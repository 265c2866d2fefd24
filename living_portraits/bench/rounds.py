"""Engines by turns, each in a process of its own, so that a machine that slows down slows all of them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, TypeVar

import numpy as np

from living_portraits import engines
from living_portraits.bench.figures import Figures, Machine, cost, middle
from living_portraits.errors import LivingPortraitsError, OptionError

Asked = TypeVar("Asked")

STILL = "still"
"""What the others are compared with: everything but an engine."""

_SIDE, _BYTES = 1024, 1 << 26


def bench(
    names: Sequence[str] = (),
    *,
    sizes: Sequence[int] = (512,),
    runtimes: Sequence[str] = (engines.AUTO,),
    seconds: float = 2.0,
    rounds: int = 3,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Machine, list[tuple[Figures, float]]]:
    """Measures engines beside `still`, which is always among them.

    Args:
        names: of engines; none: all.
        sizes: of the crops, px; an engine that has no such size and was not asked for is measured at the nearest, as
            `still` then is, too.
        runtimes: each engine in each of these that it has; one that was not asked for and has none runs as it is.
        seconds: of the bundled driver that is used.
        rounds: each figure is the median of as many.
        progress: told after each film: how many of how many.

    Returns:
        The machine, and each engine's figures with its `cost`: the median of the rounds' ratios, because what slows
        the machine down for a while slows both sides of a ratio.

    Raises:
        OptionError: an unknown engine, a size or runtime that it does not take, or numbers that make no sense.
    """
    if not (rounds >= 1 and seconds > 0):
        raise OptionError(
            f"A benchmark takes at least one round and some of the driver, not {rounds} and {seconds:g} s."
        )
    names, sizes, runtimes = _once(names), _once(sizes), _once(runtimes)
    asked = [name for name in names or engines.available() if name != STILL]
    ways = [(name, way) for name in asked for way in _runtimes(name, runtimes, bool(names))]
    films = [(name, size if names else _nearest(name, size), way) for size in sizes for name, way in ways]
    sides = _once([*sizes, *(side for _, side, _ in films)])
    # Each size begins with `still`: a ratio between two sizes would say nothing.
    jobs = _once([job for side in sides for job in ((STILL, side, engines.AUTO), *films) if job[1] == side])
    runs: dict[tuple[str, int, str], list[Figures]] = {job: [] for job in jobs}
    machines = []
    for number in range(rounds):
        machines.append(_machine())
        for place, (name, size, way) in enumerate(jobs):
            runs[name, size, way].append(_measured(name, size, seconds, way))
            if progress:
                progress(number * len(jobs) + place + 1, rounds * len(jobs))
    found = []
    for name, size, way in jobs:
        pairs = zip(runs[name, size, way], runs[STILL, size, engines.AUTO], strict=True)
        found.append((middle(runs[name, size, way]), median(cost(*pair) for pair in pairs)))
    peak = Machine(machines[0].cores, *(max(getattr(one, what) for one in machines) for what in ("matmul", "copy")))
    return peak, found


def _once(given: Sequence[Asked]) -> list[Asked]:
    return list(dict.fromkeys(given))


def _runtimes(name: str, asked: Sequence[str], by_name: bool) -> list[str]:
    """Those of an engine; one that was not asked for by its name runs as it is where it has nothing to choose."""
    if not by_name:
        return [way for way in asked if way in (engines.AUTO, *engines.spec(name).runtimes)] or [engines.AUTO]
    for way in asked:
        engines.check_runtime(name, way)
    return list(asked)


def _nearest(name: str, size: int) -> int:
    """That size, or of an engine that works at some sizes alone the nearest."""
    return min(engines.spec(name).sizes or (size,), key=lambda own: abs(own - size))


def _measured(name: str, size: int, seconds: float, runtime: str) -> Figures:
    job = json.dumps({"engine": name, "size": size, "seconds": seconds, "runtime": runtime})
    done = subprocess.run(
        [sys.executable, "-m", "living_portraits.bench.probe", job], capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = (done.stderr.strip() or "it was killed").splitlines()[-1]
        raise LivingPortraitsError(f"The engine {name} could not be measured at {size} px: {reason}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return Figures(**told)


def _machine() -> Machine:
    a = np.ones((_SIDE, _SIDE), np.float32)
    source, target = np.ones(_BYTES, np.uint8), np.zeros(_BYTES, np.uint8)
    product = _best(lambda: a @ a)
    copied = _best(lambda: np.copyto(target, source))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(cores, 2 * _SIDE**3 / product / 1e9, _BYTES / copied / 1e9)


def _best(work: Callable[[], object], *, times: int = 5) -> float:
    """Seconds of the quickest of a few runs."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return min(taken)
