"""A batch from its list to its summary."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from living_portraits.batch import cluster, crew
from living_portraits.batch.jobs import Job
from living_portraits.batch.shelf import Outcome, Shelf
from living_portraits.errors import OptionError


@dataclass(frozen=True)
class Summary:
    """What became of a batch: an outcome for each job, in the list's order."""

    outcomes: Sequence[Outcome]

    def count(self, state: str) -> int:
        """How many are "made", "kept" or "failed"."""
        return sum(outcome.state == state for outcome in self.outcomes)

    def __str__(self) -> str:
        made = self.count("made")
        films = f"{made} film{'' if made == 1 else 's'} made"
        lines = [f"{films}, {self.count('kept')} there before, {self.count('failed')} failed"]
        lines += [f"row {each.row}, {each.film}: {each.reason}" for each in self.outcomes if each.state == "failed"]
        return "\n".join(lines)


def run(
    jobs: Sequence[Job],
    place: str,
    *,
    workers: int | None = None,
    retry: bool = False,
    ray: str | None = None,
    progress: Callable[[Outcome], None] | None = None,
) -> Summary:
    """Makes the films that are not there yet.

    Args:
        jobs: see `read_jobs`.
        place: folder or URL for the films, see `Shelf`.
        workers: processes; None: one a core.
        retry: also make those that failed before.
        ray: address of a Ray cluster to use instead of this machine's cores; "local" starts one here.
        progress: told of every outcome as it is known.

    Raises:
        OutputError: the place cannot be written to. OptionError: numbers or addresses that make no sense.
    """
    if workers is not None and workers < 1:
        raise OptionError(f"A batch takes at least one worker, not {workers}.")
    shelf = Shelf(place)
    found: dict[str, Outcome] = {}

    def tell(outcome: Outcome) -> None:
        found[outcome.id] = outcome
        if progress:
            progress(outcome)

    wanted = []
    for job in jobs:
        before = shelf.noted(job.id)
        if before is None or (before.state == "failed" and retry):
            wanted.append(job)
        else:
            tell(replace(before, row=job.row, state="failed" if before.state == "failed" else "kept"))
    read = {path.resolve() for job in jobs for path in job.read()}
    for job in wanted:
        target = shelf.local(job.film)
        if target in read:
            raise OptionError(f"Row {job.row}: {target} is read to make the films and cannot be written; name another.")
    for outcome in _made(wanted, place, workers, ray):
        tell(outcome)
    return Summary([found[job.id] for job in jobs])


def _made(jobs: Sequence[Job], place: str, workers: int | None, ray: str | None) -> Iterator[Outcome]:
    if not jobs:
        return iter(())
    if ray is not None:
        return cluster.make_all(jobs, place, address=ray, workers=workers)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return crew.make_all(jobs, place, workers=workers or cores)
