"""Workers of a batch on this machine: processes, each on one core, any of which may die without harm to the others."""

import multiprocessing
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from importlib import import_module
from multiprocessing.connection import Connection, wait
from typing import Any

from living_portraits.batch.jobs import Job
from living_portraits.batch.shelf import Outcome
from living_portraits.processes import die_with_parent

TRIES = 2
"""How often a job may take its process with it before it is given up."""

STOPPED = 143  # as of a process that SIGTERM ended

DIED = "The process that made it died each time, for want of memory most likely; try fewer workers."


MAKER = "living_portraits.batch.maker:Maker"
"""Module and class of what makes films: it is made with the place in each process, and its `make` takes a job."""


def make_all(jobs: Sequence[Job], place: str, *, workers: int, maker: str = MAKER) -> Iterator[Outcome]:
    """Makes all films with so many processes; yields what became of each as it is known, in no order."""
    context = multiprocessing.get_context("spawn")  # the tracker's graphics libraries do not survive a fork
    waiting = deque((job, 1) for job in jobs)
    crew: list[_Worker] = []
    try:
        while waiting or any(worker.busy for worker in crew):
            crew = [worker for worker in crew if worker.alive]
            while waiting and len(crew) < workers and len(crew) < len(waiting) + sum(w.busy is not None for w in crew):
                crew.append(_Worker(context, place, maker))
            for worker in crew:
                if waiting and worker.busy is None:
                    worker.give(*waiting.popleft())
            for worker in _heard(crew):
                job, tries = worker.finish()
                outcome = worker.answer()
                if outcome is not None:
                    yield outcome
                elif tries < TRIES:
                    waiting.append((job, tries + 1))
                else:
                    yield Outcome(job.id, job.row, job.film, "failed", DIED)
    finally:
        for worker in crew:
            worker.stop()


def _heard(crew: Sequence["_Worker"]) -> list["_Worker"]:
    """Workers that have answered, or died, with a job; waits for the first."""
    busy = {worker.pipe: worker for worker in crew if worker.busy is not None}
    return [busy[pipe] for pipe in wait(list(busy)) if isinstance(pipe, Connection)]


class _Worker:
    """A process that makes films, and the pipe to it."""

    def __init__(self, context: Any, place: str, maker: str) -> None:
        self.pipe, theirs = context.Pipe()
        self.busy: tuple[Job, int] | None = None
        self.alive = True
        self._process = context.Process(target=_work, args=(theirs, place, maker), daemon=True)
        self._process.start()
        theirs.close()  # or its death would not be heard

    def give(self, job: Job, tries: int) -> None:
        self.busy = job, tries
        try:
            self.pipe.send(job)
        except OSError:  # it is dead: that is heard when it is asked for its answer
            self.alive = False

    def finish(self) -> tuple[Job, int]:
        """The job that it had, and at which try."""
        assert self.busy is not None
        done, self.busy = self.busy, None
        return done

    def answer(self) -> Outcome | None:
        """What became of the job; None: the process died over it."""
        try:
            outcome: Outcome = self.pipe.recv()
        except (EOFError, OSError):
            self.alive = False
            return None
        return outcome

    def stop(self) -> None:
        """Whatever it is doing; a film half made leaves nothing on the shelf."""
        self.pipe.close()
        if self.busy is not None:  # who waits for work ends by itself; a signal in the midst of that would be an error
            self._process.terminate()
        self._process.join()


def _work(pipe: Connection, place: str, name: str) -> None:
    """A worker's life: jobs come through the pipe, outcomes go back, until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(STOPPED))  # so that a film half made is cleared away
    threading.Thread(target=die_with_parent, daemon=True).start()
    maker = hired(name, place)
    while True:
        try:
            pipe.send(maker.make(pipe.recv()))
        except (EOFError, OSError):
            return


def hired(name: str, place: str) -> Any:
    """A maker, on one core: several films at once serve all cores better than one film does."""
    import cv2
    import torch

    from living_portraits.nn import process

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    process.makes_films_alone()
    module, class_name = name.split(":")
    return getattr(import_module(module), class_name)(place)
