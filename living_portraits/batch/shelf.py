"""Where a batch's films go: a folder, or whatever fsspec reaches by its URL; and what became of each."""

import json
import posixpath
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import fsspec
from fsspec.implementations.local import LocalFileSystem

from living_portraits.errors import OutputError

_NOTES = ".batch"  # a note for each job beside the films: written after its film, so that it never tells of none


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        id, row, film: the job's.
        state: "made" now, "kept" from an earlier run, or "failed".
        reason: of a failure, one sentence.
        frames, seconds: of a film that was made.
    """

    id: str
    row: int
    film: str
    state: Literal["made", "kept", "failed"]
    reason: str = ""
    frames: int = 0
    seconds: float = 0.0


class Shelf:
    """A place for films.

    Args:
        place: a folder, or a URL such as s3://bucket/films whose fsspec package is installed.

    Raises OutputError where it cannot be reached.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        try:
            self._files, self._root = fsspec.core.url_to_fs(place)
            self._files.makedirs(self._path(_NOTES), exist_ok=True)
        except (OSError, ImportError, ValueError) as error:
            raise OutputError(f"Films cannot be put into {place}: {error}.") from error

    def local(self, film: str) -> Path | None:
        """The file that a film of that name becomes, resolved; None where that is not on this machine's disks."""
        return Path(self._path(film)).resolve() if isinstance(self._files, LocalFileSystem) else None

    def put(self, film: Path, outcome: Outcome) -> None:
        """Adds a finished film under the outcome's name, whole or not at all, then its note."""
        target = self._path(outcome.film)
        beside = f"{posixpath.dirname(target)}/.{outcome.id}{posixpath.splitext(target)[1]}"
        try:
            self._files.makedirs(posixpath.dirname(target), exist_ok=True)
            self._files.put_file(str(film), beside)
            self._files.mv(beside, target)
        except OSError as error:
            raise OutputError(f"The film {outcome.film} cannot be put into {self.place}: {error}.") from error
        self.note(outcome)

    def note(self, outcome: Outcome) -> None:
        """Writes down what became of a job."""
        path = self._path(_NOTES, f"{outcome.id}.json")
        try:
            with self._files.open(f"{path}.part", "w") as file:
                file.write(json.dumps(asdict(outcome)))
            self._files.mv(f"{path}.part", path)
        except OSError as error:
            raise OutputError(f"{self.place} takes no more files: {error}.") from error

    def noted(self, job_id: str) -> Outcome | None:
        """What became of a job in an earlier run; None: nothing, or its film is gone."""
        try:
            with self._files.open(self._path(_NOTES, f"{job_id}.json"), "r") as file:
                outcome = Outcome(**json.loads(file.read()))
        except (OSError, ValueError, TypeError):
            return None
        if outcome.state != "failed" and not self._files.exists(self._path(outcome.film)):
            return None
        return outcome

    def _path(self, *parts: str) -> str:
        return posixpath.join(self._root, *parts)
