"""Clips and stills in, a dataset out: made by several processes, in any order, to the same bytes."""

import dataclasses
import json
import multiprocessing
import os
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2

from living_portraits.data.dataset import FAILURES, MANIFEST, SHARDS, SUMMARY, Clip, read_manifest, write_manifest
from living_portraits.data.footage import Failure, Footage, list_footage
from living_portraits.data.measure import Made
from living_portraits.data.pieces import Piece, pack
from living_portraits.errors import LivingPortraitsError, MediaError, OptionError, OutputError

SIZES = (256, 512)
"""Sides of the crops, px: the first for all footage, the others for what shows the face that large."""

PIECES = ".pieces"
_AHEAD = 4  # jobs handed to each process before it asks

Progress = Callable[[str, int, int], None]
"""Told a stage's name, how much of it is done, and of how much."""


@dataclass(frozen=True)
class Summary:
    """What a dataset holds. Counts of clips and frames by "split kind size", failures by cause."""

    out: Path
    clips: Mapping[str, int]
    frames: Mapping[str, int]
    identities: Mapping[str, int]
    failures: Mapping[str, int]
    megabytes: float

    def __str__(self) -> str:
        rows = [f"{self.out}: {sum(self.clips.values())} clips, {self.megabytes:.0f} MB"]
        rows += [f"  {name}: {count} clips, {self.frames[name]} frames" for name, count in self.clips.items()]
        rows += [f"  {split}: {count} identities" for split, count in self.identities.items()]
        rows += [f"  left out, {cause}: {count}" for cause, count in self.failures.items()]
        return "\n".join([*rows, f"  reasons: {self.out / FAILURES}"])


def prepare(
    videos: Path,
    out: Path,
    *,
    table: Path | None = None,
    workers: int | None = None,
    sizes: tuple[int, ...] = SIZES,
    progress: Progress | None = None,
) -> Summary:
    """Make a dataset of all clips and pictures in a folder.

    A run that was stopped goes on where it was; one over unchanged footage changes nothing. What does not become a
    clip stands in failures.jsonl with its reason.

    Args:
        videos: the folder; see `footage.list_footage` for who counts as whom.
        out: where the dataset goes; made if need be.
        table: CSV with the columns file, kind, identity, split and, if known, source and licence.
            Default: clips.csv in the folder, if there is one.
        workers: processes; default: as many as there are processors. The result does not depend on it.
        sizes: sides of the crops, px, ascending.
        progress: told how far it is.

    Raises:
        MediaError: nothing there to prepare, an unreadable table, or not one clip in the end.
        OptionError: sizes or workers out of range.
        OutputError: `out` cannot be written.
    """
    _check(sizes, workers)
    footage, failures = list_footage(videos, table=table)
    _make_folder(out / PIECES)
    jobs = [(one, Piece.of(videos, one, sizes=sizes, pieces=out / PIECES)) for one in footage]
    fingerprint = [piece.name for _, piece in jobs]
    if _is_done(out, fingerprint):
        shutil.rmtree(out / PIECES, ignore_errors=True)
        return _summary(out, read_manifest(out / MANIFEST), _read_failures(out))
    tell = progress or (lambda stage, done, total: None)
    with _disk_errors(out):
        _measure_all(videos, jobs, sizes, workers or os.cpu_count() or 1, tell)
        made: list[Made] = []
        for _, piece in jobs:
            clips, lost = piece.read()
            made += clips
            failures += lost
        return _finish(out, made, failures, fingerprint, tell)


def _check(sizes: tuple[int, ...], workers: int | None) -> None:
    if not sizes or list(sizes) != sorted(set(sizes)) or any(size % 16 or not 64 <= size <= 2048 for size in sizes):
        raise OptionError("The sizes must ascend, each a multiple of 16 between 64 and 2048; 256 and 512 are usual.")
    if workers is not None and workers < 1:
        raise OptionError(f"To prepare clips takes 1 worker or more, not {workers}.")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be made ({error.strerror}); choose another.") from error


@contextmanager
def _disk_errors(out: Path) -> Iterator[None]:
    """What the system says about a full or unwritable disk, as one sentence."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{out} could not be written ({error.strerror or error}); make room there or choose another place; "
            "what is done so far is kept."
        ) from error


def _measure_all(
    videos: Path, jobs: Sequence[tuple[Footage, Piece]], sizes: tuple[int, ...], workers: int, tell: Progress
) -> None:
    """Makes all pieces that are not there yet, in the order of their names: stills and long films mix, so that the
    first minutes tell how long the rest takes."""
    waiting = sorted([job for job in jobs if not job[1].done], key=lambda job: job[1].name)
    done = len(jobs) - len(waiting)
    tell("measuring", done, len(jobs))
    if workers == 1 or len(waiting) < 2:
        finished = _one_by_one(videos, waiting, sizes)
    else:
        finished = _in_processes(videos, waiting, sizes, workers)
    try:
        for _ in finished:
            done += 1
            tell("measuring", done, len(jobs))
    except BrokenProcessPool:
        raise LivingPortraitsError(
            f"A process died after {done} of {len(jobs)} files, for want of memory most likely; "
            "the same command goes on from there, with fewer workers if need be."
        ) from None


def _one_by_one(videos: Path, waiting: Sequence[tuple[Footage, Piece]], sizes: tuple[int, ...]) -> Iterator[None]:
    """Makes pieces here; yields as each is there."""
    for footage, piece in waiting:
        piece.make(videos, footage, sizes=sizes)
        yield


def _in_processes(
    videos: Path, waiting: Sequence[tuple[Footage, Piece]], sizes: tuple[int, ...], workers: int
) -> Iterator[None]:
    """Makes pieces in several processes; yields as each is there."""
    context = multiprocessing.get_context("spawn")  # the tracker's graphics libraries do not survive a fork
    pool = ProcessPoolExecutor(min(workers, len(waiting)), mp_context=context, initializer=_start_worker)
    try:
        upcoming, running = iter(waiting), set[Future[None]]()
        while True:
            for footage, piece in islice(upcoming, _AHEAD * workers - len(running)):
                running.add(pool.submit(piece.make, videos, footage, sizes=sizes))
            if not running:
                return
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which lets each finish its file
    cv2.setNumThreads(1)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """A parent that is killed cannot stop its processes: each watches it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _finish(out: Path, made: list[Made], failures: list[Failure], fingerprint: list[str], tell: Progress) -> Summary:
    """Shards, then the lists; the manifest last, by renaming: with it the dataset is there."""
    if not made:
        _write(out / FAILURES, _lines(failures))
        raise MediaError(f"Not one clip could be prepared; {out / FAILURES} has the reasons.")
    (out / MANIFEST).unlink(missing_ok=True)
    clips: list[Clip] = []
    for group in pack(made, out):
        clips += group
        tell("packing", len(clips), len(made))
    failures = sorted(failures, key=lambda failure: (failure.file, failure.reason))
    _write(out / FAILURES, _lines(failures))
    summary = _summary(out, clips, failures)
    facts = {name: value for name, value in dataclasses.asdict(summary).items() if name != "out"}
    facts["fingerprint"] = fingerprint
    _write(out / SUMMARY, json.dumps(facts, ensure_ascii=False, indent=1) + "\n")
    write_manifest(out / f".{MANIFEST}", clips)
    os.replace(out / f".{MANIFEST}", out / MANIFEST)
    shutil.rmtree(out / PIECES, ignore_errors=True)
    return summary


def _is_done(out: Path, fingerprint: list[str]) -> bool:
    try:
        return (out / MANIFEST).is_file() and json.loads((out / SUMMARY).read_text())["fingerprint"] == fingerprint
    except (OSError, ValueError, KeyError):
        return False


def _summary(out: Path, clips: Sequence[Clip], failures: Sequence[Failure]) -> Summary:
    names = [f"{clip.split} {clip.kind} {clip.size}" for clip in clips]
    frames: Counter[str] = Counter()
    for name, clip in zip(names, clips, strict=True):
        frames[name] += clip.frames
    people = {(clip.split, clip.identity) for clip in clips}
    return Summary(
        out,
        clips=dict(sorted(Counter(names).items())),
        frames=dict(sorted(frames.items())),
        identities=dict(sorted(Counter(split for split, _ in people).items())),
        failures=dict(sorted(Counter(failure.cause for failure in failures).items())),
        megabytes=round(sum(path.stat().st_size for path in (out / SHARDS).iterdir()) / 1e6, 1),
    )


def _lines(failures: Sequence[Failure]) -> str:
    return "".join(f"{json.dumps(dataclasses.asdict(failure), ensure_ascii=False)}\n" for failure in failures)


def _read_failures(out: Path) -> list[Failure]:
    return [Failure(**json.loads(line)) for line in (out / FAILURES).read_text(encoding="utf-8").splitlines()]


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)
