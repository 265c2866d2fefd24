"""Much work done by several processes."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice

import cv2

from living_portraits.errors import LivingPortraitsError

_AHEAD = 4  # jobs handed to each process before it asks

Job = Callable[[], None]


def do(jobs: Sequence[Job], *, workers: int) -> Iterator[None]:
    """Does all jobs, in about this order; yields as each is done. Jobs must pickle where there are several workers.

    Raises:
        LivingPortraitsError: a process died.
    """
    if workers == 1 or len(jobs) < 2:
        yield from (job() for job in jobs)
        return
    done = 0
    try:
        for _ in _in_processes(jobs, workers):
            done += 1
            yield
    except BrokenProcessPool:
        raise LivingPortraitsError(
            f"A process died when {done} of {len(jobs)} were done, for want of memory most likely; "
            "the same command goes on from there, with fewer workers if need be."
        ) from None


def _in_processes(jobs: Sequence[Job], workers: int) -> Iterator[None]:
    context = multiprocessing.get_context("spawn")  # the tracker's graphics libraries do not survive a fork
    pool = ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context, initializer=_start_worker)
    try:
        upcoming, running = iter(jobs), set[Future[None]]()
        while True:
            for job in islice(upcoming, _AHEAD * workers - len(running)):
                running.add(pool.submit(job))
            if not running:
                return
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which lets each finish its job
    cv2.setNumThreads(1)
    threading.Thread(target=die_with_parent, daemon=True).start()


def die_with_parent() -> None:
    """A parent that is killed cannot stop its processes: each watches it, with this in a thread."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
