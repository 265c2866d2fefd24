"""What is made of one file waits in a folder of its own, a piece, until all are there; then pieces become shards.

A piece appears by renaming, so there is a whole one or none, and a run that was stopped goes on where it was. Shards
are packed in the order of the footage: neither the number of processes nor their pace shows in the result.
"""

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from living_portraits.data.dataset import SHARDS, Clip, read_manifest, write_manifest
from living_portraits.data.footage import Failure
from living_portraits.data.measure import Made
from living_portraits.video.reel import join_reels

MAKING = 2
"""Counts up when the way clips are made changes: older pieces are then made anew."""

SHARD_BYTES = 44_000_000
"""Most that the parts of a shard's film, or of its arrays, add up to; joined they stay below 45 MB."""

_CLIPS, _FAILURES = "clips.jsonl", "failures.json"


@dataclass(frozen=True)
class Piece:
    """Where the clips of one piece of footage, or of one person, are made, and found again."""

    folder: Path

    @classmethod
    def of(cls, *facts: object, pieces: Path) -> "Piece":
        """The piece that depends on these facts, whatever JSON can hold, and on nothing else."""
        return cls(pieces / hashlib.sha256(json.dumps([MAKING, *facts]).encode()).hexdigest()[:24])

    @property
    def name(self) -> str:
        """Tells everything that it depends on."""
        return self.folder.name

    @property
    def done(self) -> bool:
        return self.folder.is_dir()

    def make(self, clips_into: Callable[[Path], tuple[list[Made], list[Failure]]]) -> None:
        """Has its clips made in a folder; the piece is there afterwards, with clips, failures or both."""
        beside = self.folder.with_name(f"{self.name}.{os.getpid()}")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        try:
            made, failures = clips_into(beside)
            write_manifest(beside / _CLIPS, [dataclasses.replace(one.clip, shard=one.reel.stem) for one in made])
            (beside / _FAILURES).write_text(json.dumps([dataclasses.astuple(failure) for failure in failures]))
            os.replace(beside, self.folder)
        except BaseException as error:
            shutil.rmtree(beside, ignore_errors=True)
            if not (isinstance(error, OSError) and self.done):  # another run was quicker, to the same bytes
                raise

    def read(self) -> tuple[list[Made], list[Failure]]:
        """What it holds."""
        clips = read_manifest(self.folder / _CLIPS)
        failures = [Failure(*fields) for fields in json.loads((self.folder / _FAILURES).read_text())]
        made = [
            Made(
                dataclasses.replace(clip, shard=""),
                self.folder / f"{clip.shard}.mp4",
                self.folder / f"{clip.shard}.npz",
            )
            for clip in clips
        ]
        return made, failures


def pack(made: Sequence[Made], out: Path, *, prefix: str = "") -> Iterator[list[Clip]]:
    """Joins clips, in this order, into shards of one size each; yields the clips of each shard as it is there.

    A shard is called by the prefix, its size and its number; one that is there already is replaced.
    """
    (out / SHARDS).mkdir(exist_ok=True)
    for size in sorted({one.clip.size for one in made}):
        for number, group in enumerate(_groups([one for one in made if one.clip.size == size])):
            yield _pack(group, out / SHARDS, f"{prefix}{size}-{number:04d}")


def sweep(out: Path, clips: Sequence[Clip], *, prefix: str = "") -> None:
    """Removes the shards with that prefix in which none of the clips lies: those of an earlier dataset."""
    names = {clip.shard for clip in clips}
    for path in (out / SHARDS).iterdir():
        if path.stem.lstrip(".").startswith(prefix) and path.stem not in names:
            path.unlink()


def _groups(made: Sequence[Made]) -> Iterator[list[Made]]:
    """As many at a time as a shard holds."""
    group: list[Made] = []
    film = arrays = 0
    for one in made:
        film_bytes, array_bytes = one.reel.stat().st_size, one.arrays.stat().st_size
        if group and (film + film_bytes > SHARD_BYTES or arrays + array_bytes > SHARD_BYTES):
            yield group
            group, film, arrays = [], 0, 0
        group.append(one)
        film, arrays = film + film_bytes, arrays + array_bytes
    if group:
        yield group


def _pack(group: list[Made], shards: Path, name: str) -> list[Clip]:
    beside = shards / f".{name}.mp4", shards / f".{name}.npz"
    parts = [dict(np.load(one.arrays)) for one in group]
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    join_reels(beside[0], [one.reel for one in group])
    with beside[1].open("wb") as file:
        np.savez_compressed(file, **joined)  # type: ignore[arg-type]  # its stubs take no names
    os.replace(beside[0], shards / f"{name}.mp4")
    os.replace(beside[1], shards / f"{name}.npz")
    starts = np.cumsum([0, *(one.clip.frames for one in group)]).tolist()
    return [
        dataclasses.replace(one.clip, shard=name, start=start) for one, start in zip(group, starts[:-1], strict=True)
    ]
