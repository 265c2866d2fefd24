"""What a benchmark finds, as numbers and as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

STAGES = ("decode", "track", "generate", "paste", "mark", "encode")
"""What every frame of a film goes through, in order."""


@dataclass(frozen=True)
class Machine:
    """What this machine can do at all, measured in the same run.

    Attributes:
        cores: that this process may use.
        matmul: billions of single-precision operations a second in a matrix product.
        copy: gigabytes a second from memory to memory.
    """

    cores: int
    matmul: float
    copy: float


@dataclass(frozen=True)
class Figures:
    """One engine at one size, one film.

    Attributes:
        engine, size, runtime: what was measured; `runtime` is "" for an engine without a network.
        load: seconds to import the engine and read its weights.
        first_frame: seconds from the call to the first finished frame, everything warm.
        fps: frames a second, from the call to the finished film.
        cpu: milliseconds of processor time a frame, on all cores together, from the call to the finished film; over
            the milliseconds that a frame takes, this is how many cores were busy.
        stages: milliseconds a frame of each of `STAGES`, each by itself.
        work: billions of floating-point operations of the networks in a frame; 0 for an engine without any.
        memory: peak of the process, MB.
        frames: in the film.
    """

    engine: str
    size: int
    runtime: str
    load: float
    first_frame: float
    fps: float
    cpu: float
    stages: Mapping[str, float]
    work: float
    memory: float
    frames: int


def middle(runs: Sequence[Figures]) -> Figures:
    """The median of each figure over several runs of the same engine."""
    one = runs[0]
    return Figures(
        engine=one.engine,
        size=one.size,
        runtime=one.runtime,
        load=median(run.load for run in runs),
        first_frame=median(run.first_frame for run in runs),
        fps=median(run.fps for run in runs),
        cpu=median(run.cpu for run in runs),
        stages={name: median(run.stages[name] for run in runs) for name in STAGES},
        work=one.work,
        memory=median(run.memory for run in runs),
        frames=one.frames,
    )


def share(run: Figures, machine: Machine) -> float:
    """How much of what the machine can do in a matrix product the stage "generate" does with it, 0 to 1.

    Whatever else an engine does in that stage counts as time: this is how far the whole of it is from the peak. Above 1
    where a GPU, or 8 bits, do what the processor cannot in single precision.
    """
    return run.work / (run.stages["generate"] / 1000) / machine.matmul


def cost(run: Figures, still: Figures) -> float:
    """How many times the time of `still`, which has no engine to speak of, this engine's film takes."""
    return still.fps / run.fps


def table(machine: Machine, found: Sequence[tuple[Figures, float]]) -> str:
    """Markdown: a line for each engine, with its `cost`."""
    titles = ("engine", "size", "runtime", *(f"{name}, ms" for name in STAGES), "all cores, ms")
    titles += ("generate, % of peak", "frames/s", "x still", "first frame, s", "load, s", "memory, MB")
    rows = [
        (
            run.engine,
            str(run.size),
            run.runtime or "-",
            *(f"{run.stages[name]:.1f}" for name in STAGES),
            f"{run.cpu:.1f}",
            f"{100 * share(run, machine):.0f}" if run.work else "-",
            f"{run.fps:.1f}",
            f"{times:.2f}",
            f"{run.first_frame:.2f}",
            f"{run.load:.2f}",
            f"{run.memory:.0f}",
        )
        for run, times in found
    ]
    lines = ["| " + " | ".join(row) + " |" for row in (titles, *rows)]
    lines.insert(1, "|" + "-|" * len(titles))
    peak = f"{machine.cores} cores: {machine.matmul:.0f} GFLOP/s in a matrix product, {machine.copy:.1f} GB/s copied"
    return "\n".join([peak, "", *lines])


def as_data(machine: Machine, found: Sequence[tuple[Figures, float]]) -> dict[str, Any]:
    """For JSON."""
    runs = [
        {**vars(run), "stages": dict(run.stages), "times_still": times, "share": share(run, machine)}
        for run, times in found
    ]
    return {"machine": vars(machine), "runs": runs}
