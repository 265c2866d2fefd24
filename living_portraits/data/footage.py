"""What there is to prepare: the files of a folder, who is in them, and which side of the split they belong to."""

import csv
import hashlib
import mimetypes
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from living_portraits import video
from living_portraits.errors import MediaError

TABLE = "clips.csv"
"""Name of the table that a folder may bring along."""

KINDS = ("video", "still", "pair")
SPLITS = ("train", "val")
VAL_SHARE = 0.1  # of identities, where no table decides
_COLUMNS = ("file", "kind", "identity", "split")
_OTHER_FILMS = {".mkv", ".webm", ".avi", ".mov", ".mp4", ".m4v", ".mpg", ".gif", ".webp"}  # unknown to some systems


@dataclass(frozen=True)
class Footage:
    """What one clip is made from, or several where a film has cuts.

    Attributes:
        files: paths below the folder, "/" between; one, or the stills of a pair in the order of their names.
        kind: "video", "still" or "pair": one person at rest and with an expression.
        identity: who is seen, unique in the dataset.
        split: "train" or "val".
        source, licence: where it comes from and on what terms, in words.
    """

    files: tuple[str, ...]
    kind: str
    identity: str
    split: str
    source: str = ""
    licence: str = ""

    @property
    def id(self) -> str:
        """Unique in the dataset: the first file without its extension; a pair's identity instead."""
        first = Path(self.files[0])
        return (first.parent / self.identity if self.kind == "pair" else first.with_suffix("")).as_posix()

    @property
    def tags(self) -> tuple[str, ...]:
        """The folders that it lies in, outermost first."""
        return Path(self.files[0]).parent.parts


@dataclass(frozen=True)
class Failure:
    """A file, or a part of one, that did not become a clip.

    Attributes:
        file: path below the folder.
        reason: one sentence.
        cause: a few words, the same for all failures of one sort.
    """

    file: str
    reason: str
    cause: str


def list_footage(
    folder: Path, *, table: Path | None = None, apart: Path | None = None
) -> tuple[list[Footage], list[Failure]]:
    """All footage of a folder in a fixed order, and what its table lists in vain.

    With a table (`table`, or clips.csv in the folder) its rows count and nothing else. Without one every clip and
    picture in the folder does: identity is the sub-folder it lies in, else its own name, and about a tenth of the
    identities, chosen by the hash of their names, are for validation. What lies in `apart` is none of it: a dataset
    may be made beside its footage.

    Raises:
        MediaError: there is no such folder, nothing in it, or the table is not as it should be.
    """
    if not folder.is_dir():
        raise MediaError(f"There is no folder {folder} to prepare clips from.")
    if table is None and (folder / TABLE).is_file():
        table = folder / TABLE
    found, failures = _from_folder(folder, apart) if table is None else _from_table(folder, table)
    if not found and not failures:
        raise MediaError(f"There are no clips and no pictures in {folder}.")
    return sorted(found, key=lambda footage: footage.files), failures


def _from_folder(folder: Path, apart: Path | None) -> tuple[list[Footage], list[Failure]]:
    names = sorted(
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.is_file() and _is_media(path) and not _is_hidden(path.relative_to(folder))
        if apart is None or apart.resolve() not in path.resolve().parents
    )
    identities = {name: name.parts[0] if len(name.parts) > 1 else name.stem for name in names}
    split = split_by_hash(identities.values())
    return _unique(
        Footage(
            files=(name.as_posix(),),
            # GIF and WebP hold either: the content decides. A damaged picture stays one, to be told as such.
            kind="still" if _is_picture(name) or video.is_still(folder / name) else "video",
            identity=identities[name],
            split=split[identities[name]],
        )
        for name in names
    )


def _is_hidden(name: Path) -> bool:
    return any(part.startswith(".") for part in name.parts)


def _is_media(path: Path) -> bool:
    return _is_picture(path) or path.suffix.lower() in _OTHER_FILMS or _type(path) == "video"


def _is_picture(path: Path) -> bool:
    return _type(path) == "image" and path.suffix.lower() not in _OTHER_FILMS


def _type(path: Path) -> str:
    return (mimetypes.guess_type(path.name)[0] or "").split("/")[0]


def split_by_hash(identities: Iterable[str]) -> dict[str, str]:
    """A side for each identity by the hash of its name alone, unless that puts all of several on one side.

    Then, in small folders, the one with the lowest hash is for validation and the others train: there somebody may
    change sides when others join. In large ones nobody does.
    """
    places = {name: int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) / 2**32 for name in set(identities)}
    sides = {name: "val" if place < VAL_SHARE else "train" for name, place in places.items()}
    if len(sides) > 1 and len(set(sides.values())) == 1:
        lowest = min(places, key=lambda name: (places[name], name))
        sides = {name: "val" if name == lowest else "train" for name in places}
    return sides


def _from_table(folder: Path, table: Path) -> tuple[list[Footage], list[Failure]]:
    rows = _read_table(table)
    groups = _groups(rows)
    found: list[Footage] = []
    failures: list[Failure] = []
    pairs: dict[tuple[str, str], list[Mapping[str, str]]] = defaultdict(list)
    for row in rows:
        file = row["file"]
        if row["kind"] not in KINDS:
            failures.append(Failure(file, f"It is of kind {row['kind']!r}, not {', '.join(KINDS)}.", "another kind"))
        elif not (folder / file).is_file():
            failures.append(Failure(file, "The table lists it, but there is no such file.", "missing"))
        elif row["kind"] == "pair":
            pairs[row["identity"], row["split"]].append(row)  # what is on one side never joins what is on the other
        else:
            found.append(_footage([row], groups))
    found += [_footage(sorted(members, key=lambda row: row["file"]), groups) for members in pairs.values()]
    unique, twins = _unique(found)
    return unique, failures + twins


def _footage(rows: list[Mapping[str, str]], groups: set[str]) -> Footage:
    first = rows[0]
    identity = first["identity"]
    if identity in groups:
        identity = f"{identity}/{Path(first['file']).stem}"
    return Footage(
        files=tuple(row["file"] for row in rows),
        kind=first["kind"],
        identity=identity,
        split=first["split"],
        source=first.get("source") or "",
        licence=first.get("licence") or "",
    )


def _groups(rows: list[Mapping[str, str]]) -> set[str]:
    """Identities that the table puts on both sides: they name a kind of people, so each file is one of its own."""
    sides: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        sides[row["identity"]].add(row["split"])
    return {identity for identity, splits in sides.items() if len(splits) > 1}


def _read_table(table: Path) -> list[Mapping[str, str]]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            rows: list[Mapping[str, str]] = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MediaError(f"The table {table} cannot be read ({error}).") from error
    if missing:
        raise MediaError(
            f"The table {table} lacks the column {missing[0]}; it needs {', '.join(_COLUMNS)}, "
            "and source and licence may be added."
        )
    for line, row in enumerate(rows, 2):
        if not row["file"] or not row["identity"] or row["split"] not in SPLITS:
            raise MediaError(
                f"Line {line} of the table {table} is incomplete: it needs a file, an identity "
                f"and a split, which is {' or '.join(SPLITS)}."
            )
    return rows


def _unique(found: Iterable[Footage]) -> tuple[list[Footage], list[Failure]]:
    """The first of those that would become clips of one id, and the others as failures."""
    kept: dict[str, Footage] = {}
    twins = []
    for footage in sorted(found, key=lambda footage: footage.files):
        if footage.id in kept:
            reason = f"It has the name of {kept[footage.id].files[0]} but for the extension; rename one of them."
            twins.append(Failure(footage.files[0], reason, "same name"))
        else:
            kept[footage.id] = footage
    return list(kept.values()), twins
