"""Workers of a batch on a Ray cluster: actors, each on one core; another takes the place of one that dies."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from living_portraits.batch.crew import DIED, MAKER, TRIES, hired
from living_portraits.batch.jobs import Job
from living_portraits.batch.shelf import Outcome
from living_portraits.errors import LivingPortraitsError, OptionError


def make_all(
    jobs: Sequence[Job], place: str, *, address: str, workers: int | None = None, maker: str = MAKER
) -> Iterator[Outcome]:
    """Makes all films on the cluster at `address` ("local": one of its own on this machine).

    The list's files and `place` must be within reach of every node: a shared folder, or a URL.

    Raises:
        OptionError: Ray is not installed, or there is no cluster at that address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before the import: it would tell its makers of each use
    try:
        import ray
    except ImportError as error:
        raise OptionError(
            "A cluster needs Ray, which is not installed: pip install 'living-portraits[cluster]'."
        ) from error
    try:
        ray.init(address=address, ignore_reinit_error=True, include_dashboard=False, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise OptionError(f"There is no Ray cluster at {address}: {error}.") from error
    cores = int(ray.cluster_resources().get("CPU", 1))
    actor = ray.remote(num_cpus=1, max_restarts=0)(_Actor)
    # An actor that finds no free core would wait for ever with a job in its hands: each keeps its core for good.
    yield from _by_turns(ray, lambda: actor.remote(place, maker), min(workers or cores, cores, len(jobs)), jobs)


def _by_turns(ray: Any, hire: Callable[[], Any], workers: int, jobs: Sequence[Job]) -> Iterator[Outcome]:
    waiting, idle = deque((job, 1) for job in jobs), [hire() for _ in range(workers)]
    running: dict[Any, tuple[Any, Job, int]] = {}
    try:
        while waiting or running:
            while waiting and idle:
                worker, (job, tries) = idle.pop(), waiting.popleft()
                running[worker.make.remote(job)] = worker, job, tries
            finished, _ = ray.wait(list(running), num_returns=1)
            worker, job, tries = running.pop(finished[0])
            try:
                yield ray.get(finished[0])
                idle.append(worker)
            except ray.exceptions.RayActorError:
                idle.append(hire())
                if tries < TRIES:
                    waiting.append((job, tries + 1))
                else:
                    yield Outcome(job.id, job.row, job.film, "failed", DIED)
            except ray.exceptions.RayError as error:
                raise LivingPortraitsError(f"The cluster failed: {error}.") from error
    finally:
        for worker in [*idle, *(busy for busy, _, _ in running.values())]:
            ray.kill(worker)


class _Actor:
    """A maker on some node."""

    def __init__(self, place: str, maker: str) -> None:
        self._maker = hired(maker, place)

    def make(self, job: Job) -> Outcome:
        made: Outcome = self._maker.make(job)
        return made
