"""Clips and stills in, a dataset out: made by several processes, in any order, to the same bytes."""

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from living_portraits.data.dataset import FAILURES, MANIFEST, Clip, read_manifest, write_manifest
from living_portraits.data.footage import Failure, Footage, list_footage
from living_portraits.data.measure import Made, measure
from living_portraits.data.pieces import Piece, pack, sweep
from living_portraits.data.summary import (
    Summary,
    read_failures,
    read_fingerprint,
    summarise,
    write_failures,
    write_summary,
)
from living_portraits.errors import MediaError, OptionError, OutputError
from living_portraits.places import alone_in
from living_portraits.processes import do

SIZES = (256, 512)
"""Sides of the crops, px: the first for all footage, the others for what shows the face that large."""

PIECES = ".pieces"

Progress = Callable[[str, int, int], None]
"""Told a stage's name, how much of it is done, and of how much."""


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
    check(sizes, workers)
    footage, failures = list_footage(videos, table=table, apart=out)
    with alone_in(out):
        return _prepared(videos, out, footage, failures, sizes, workers, progress or (lambda stage, done, total: None))


def _prepared(
    videos: Path,
    out: Path,
    footage: Sequence[Footage],
    failures: list[Failure],
    sizes: tuple[int, ...],
    workers: int | None,
    tell: Progress,
) -> Summary:
    """What `prepare` does once it has the folder to itself."""
    (out / PIECES).mkdir(exist_ok=True)
    jobs = [(one, _piece(videos, one, sizes, out / PIECES)) for one in footage]
    fingerprint = [piece.name for _, piece in jobs]
    if (out / MANIFEST).is_file() and read_fingerprint(out) == fingerprint:
        shutil.rmtree(out / PIECES, ignore_errors=True)
        return summarise(out, read_manifest(out / MANIFEST), read_failures(out))
    with disk_errors(out):
        work = [(piece, partial(_measured, videos, one, sizes)) for one, piece in jobs]
        # In the order of their names stills and long films mix: the first minutes tell how long the rest takes.
        make_pieces("measuring", sorted(work, key=lambda one: one[0].name), workers=workers, tell=tell)
        made: list[Made] = []
        for _, piece in jobs:
            clips, lost = piece.read()
            made += clips
            failures += lost
        return _finish(out, made, failures, fingerprint, tell)


def _piece(videos: Path, footage: Footage, sizes: tuple[int, ...], pieces: Path) -> Piece:
    """The piece for this footage as its files are now."""
    stats = [(videos / file).stat() for file in footage.files]
    facts = sizes, dataclasses.astuple(footage), [(stat.st_size, stat.st_mtime_ns) for stat in stats]
    return Piece.of(*facts, pieces=pieces)


def _measured(videos: Path, footage: Footage, sizes: tuple[int, ...], into: Path) -> tuple[list[Made], list[Failure]]:
    return measure(videos, footage, sizes=sizes, into=into)


def check(sizes: tuple[int, ...], workers: int | None) -> None:
    """Raises OptionError."""
    if not sizes or list(sizes) != sorted(set(sizes)) or any(size % 16 or not 64 <= size <= 2048 for size in sizes):
        raise OptionError("The sizes must ascend, each a multiple of 16 between 64 and 2048; 256 and 512 are usual.")
    if workers is not None and workers < 1:
        raise OptionError(f"To prepare clips takes 1 worker or more, not {workers}.")


@contextmanager
def disk_errors(out: Path) -> Iterator[None]:
    """What the system says about a full or unwritable disk, as one sentence."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{out} could not be written ({error.strerror or error}); make room there or choose another place; "
            "what is done so far is kept."
        ) from error


def make_pieces(
    stage: str,
    work: Sequence[tuple[Piece, Callable[[Path], tuple[list[Made], list[Failure]]]]],
    *,
    workers: int | None,
    tell: Progress,
) -> None:
    """Makes all pieces that are not there yet, in this order."""
    waiting = [one for one in work if not one[0].done]
    done = len(work) - len(waiting)
    tell(stage, done, len(work))
    for _ in do([partial(piece.make, make) for piece, make in waiting], workers=workers or os.cpu_count() or 1):
        done += 1
        tell(stage, done, len(work))


def _finish(out: Path, made: list[Made], failures: list[Failure], fingerprint: list[str], tell: Progress) -> Summary:
    """Shards, then the lists; the manifest last, by renaming: with it the dataset is there."""
    if not made:
        write_failures(out, failures)
        raise MediaError(f"Not one clip could be prepared; {out / FAILURES} has the reasons.")
    (out / MANIFEST).unlink(missing_ok=True)
    clips: list[Clip] = []
    for group in pack(made, out):
        clips += group
        tell("packing", len(clips), len(made))
    sweep(out, clips)
    failures = sorted(failures, key=lambda failure: (failure.file, failure.reason))
    write_failures(out, failures)
    summary = summarise(out, clips, failures)
    write_summary(summary, fingerprint)
    write_manifest(out / f".{MANIFEST}", clips)
    os.replace(out / f".{MANIFEST}", out / MANIFEST)
    shutil.rmtree(out / PIECES, ignore_errors=True)
    return summary
