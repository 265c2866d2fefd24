"""One worker of a batch: makes films one after the other and remembers what it has seen."""

import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path

from living_portraits import engines
from living_portraits.animator import Animator
from living_portraits.batch.jobs import Job
from living_portraits.batch.shelf import Outcome, Shelf
from living_portraits.errors import LivingPortraitsError

REMEMBERED = 16
"""Sources, and drivers, that a worker keeps: lists often cross a few portraits with a few drivers."""


class Maker:
    """Makes films for a shelf. One in each process."""

    def __init__(self, place: str) -> None:
        self._shelf = Shelf(place)
        self._animators: dict[tuple[str, int | None, str], Animator] = {}

    def make(self, job: Job) -> Outcome:
        """The job's film, put on the shelf, or why there is none; never raises for what one film's files cause.

        A job whose film a worker finished just before it died is not made again.
        """
        if (before := self._shelf.noted(job.id)) is not None and before.state == "made":
            return before
        begun = time.perf_counter()
        outcome = Outcome(job.id, job.row, job.film, "made")
        try:
            with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a list's films have nobody who reads advice while they are made
                out = Path(folder) / Path(job.film).name
                result = self._animator(job).animate(job.source, job.driver, out, **dict(job.options))
                outcome = replace(outcome, frames=result.frames, seconds=time.perf_counter() - begun)
                self._shelf.put(out, outcome)
        except LivingPortraitsError as error:
            outcome = replace(outcome, state="failed", reason=str(error))
        except MemoryError:
            outcome = replace(outcome, state="failed", reason="There was not enough memory for this film.")
        except Exception as error:  # a fault of ours in one film must not cost the others
            outcome = replace(outcome, state="failed", reason=f"{type(error).__name__}: {error}")
        if outcome.state == "failed":
            self._shelf.note(outcome)
        return outcome

    def _animator(self, job: Job) -> Animator:
        wanted = job.engine, job.size, job.runtime
        if wanted not in self._animators:
            engine = engines.create(job.engine, size=job.size, runtime=job.runtime)
            self._animators[wanted] = Animator(engine, remember=REMEMBERED, fits=job.size is None)
        return self._animators[wanted]
