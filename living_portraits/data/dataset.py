"""A prepared dataset on disk, read clip by clip.

    manifest.jsonl            one JSON object a clip: the fields of `Clip`
    failures.jsonl            what did not become a clip: file, reason, cause
    summary.json              figures of the whole, and what it was made from
    shards/256-0000.mp4       the crops of many clips one after another, H.264
    shards/256-0000.npz       for the same frames: points, blendshapes, person, detected
    shards/pseudo-...         what `augment` added, in the same way

What follows from the points is not kept but computed: 68 points (`landmarks68`), head pose (`geometry.fit_pose`), gaze
(`motion.iris_places`), the face's matte (`mattes.face_matte`).
"""

import dataclasses
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int16, UInt8

from living_portraits.data.mattes import face_matte, seen_matte
from living_portraits.engine import Track
from living_portraits.errors import MediaError
from living_portraits.video.reel import read_reel

MANIFEST, FAILURES, SUMMARY, SHARDS = "manifest.jsonl", "failures.jsonl", "summary.json", "shards"

POINT_UNIT = 1 / 32
"""Pixels of the crop to one step of a stored point: fine enough for second differences, which float16 is not."""

OPEN_SHARDS = 16
"""Shards whose arrays stay in memory, up to about 100 MB each."""

Arrays = Mapping[str, np.ndarray]
"""Of a shard, by name: points int16 `[N, 478, 3]`, blendshapes uint8 `[N, 52]`, person uint8 `[N, 64, 64]`, detected
bool `[N]`, False where a frame's points were interpolated; in shards of pseudo-films valid uint8 `[N, 64, 64]`."""


@dataclass(frozen=True)
class Clip:
    """One person through a few seconds, or one picture of them.

    Attributes:
        id: unique in the dataset.
        kind: "video", "still", or "pair": two pictures of one person, at rest and with an expression. What `augment`
            adds: "pseudo", a still and what the puppet makes of it; "edits", a person who does not exist, and the same
            picture with other mouths, lids and gaze. The first frame of both is as it was, the others in no order.
        identity: who it is. split: "train" or "val", the same for all clips of an identity.
        size: side of the crops, px.
        frames: how many. fps: of them a second; 1.0 for pictures.
        source, licence: where the footage comes from and on what terms, in words.
        shard: name of the files that hold it. start: number of its first frame there.
        quality: figures, see `QUALITY`.
        tags: the folders that the footage lay in, outermost first.
        crop: the similarity [a, b, c, d, e, f] from pixels of the footage to pixels of the crop: x' = a x + b y + c,
            y' = d x + e y + f. One for all frames: the head moves in the crop as it does in the footage.
        picture: width and height of the footage, px.
    """

    id: str
    kind: str
    identity: str
    split: str
    size: int
    frames: int
    fps: float
    source: str
    licence: str
    shard: str
    start: int
    quality: Mapping[str, float]
    tags: tuple[str, ...]
    crop: tuple[float, ...]
    picture: tuple[int, int]


QUALITY: Mapping[str, str] = {
    "face_px": "height of the face in the footage, px",
    "zoom": "crop pixels per pixel of the footage; above 1 the crop is enlarged",
    "framing": "side of the crop in face heights: 2.3 as in the animator, less where the footage is tight",
    "outside": "share of the crop that lies beyond the footage's edges and shows its reflection",
    "sharpness": "median variance of the Laplacian of the face's luma, levels of 255",
    "brightness": "median luma of the face, 0 to 1",
    "missed": "frames without a detection, filled in",
    "person": "share of the person's mattes that GrabCut made; the rest follow the head's geometry",
    "jitter_px": "mean second difference of the points, px at 256",
    "yaw_degrees": "median turn of the head to the side",
    "turn_degrees": "largest turn of the head since the first frame",
    "mouth_spread": "largest less smallest gap between the lips, face heights",
}
"""What each figure of a clip's quality means."""


@dataclass(frozen=True)
class Mattes:
    """What each pixel of a clip is, uint8 0 to 255 at 64 x 64, coarse.

    Attributes:
        face: `[T, 64, 64]` the face within its outline.
        person: `[T, 64, 64]` face, hair, neck and shoulders; an estimate.
        seen: `[64, 64]` where the crop shows footage, not its reflection beyond the edges.
    """

    face: UInt8[np.ndarray, "time 64 64"]
    person: UInt8[np.ndarray, "time 64 64"]
    seen: UInt8[np.ndarray, "64 64"]


class Dataset:
    """A dataset that `prepare` made. Opening it reads the manifest alone.

    Raises:
        MediaError: there is no dataset in that folder, or a damaged one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clips: tuple[Clip, ...] = tuple(read_manifest(folder / MANIFEST))
        self._arrays = lru_cache(maxsize=OPEN_SHARDS)(_arrays)

    def __len__(self) -> int:
        return len(self.clips)

    def select(
        self, *, split: str | None = None, kind: str | None = None, size: int | None = None, tag: str | None = None
    ) -> list[Clip]:
        """The clips that are all that is asked for, in the dataset's order."""
        wanted = {"split": split, "kind": kind, "size": size}
        return [
            clip
            for clip in self.clips
            if all(value is None or getattr(clip, name) == value for name, value in wanted.items())
            and (tag is None or tag in clip.tags)
        ]

    def track(self, clip: Clip, *, frames: slice | None = None) -> Track:
        """The clip's crops and points, or those of some of its frames. Raises MediaError where a shard is damaged."""
        stored = self._stored(clip)
        chosen = frames or slice(None)
        return Track(
            list(self.frames(clip, frames=chosen)),
            stored_points(stored["points"])[chosen],
            (stored["blendshapes"].astype(np.float32) / 255)[chosen],
            clip.fps,
        )

    def frames(self, clip: Clip, *, frames: slice | None = None) -> UInt8[np.ndarray, "time size size 3"]:
        """The clip's crops as one array, uint8 RGB. Raises MediaError where a shard is damaged."""
        wanted = range(clip.frames)[frames or slice(None)]
        if not wanted:
            return np.empty((0, clip.size, clip.size, 3), np.uint8)
        low, high = min(wanted), max(wanted)
        path = self.folder / SHARDS / f"{clip.shard}.mp4"
        read = read_reel(path, start=clip.start + low, count=high - low + 1)
        return read if len(wanted) == len(read) and wanted.step == 1 else read[[number - low for number in wanted]]

    def points(self, clip: Clip) -> Float32[np.ndarray, "time 478 3"]:
        """The clip's points, px of the crop, without decoding a picture."""
        return stored_points(self._stored(clip)["points"])

    def blendshapes(self, clip: Clip) -> Float32[np.ndarray, "time 52"]:
        """The clip's blendshapes in [0, 1], without decoding a picture."""
        return self._stored(clip)["blendshapes"].astype(np.float32) / 255

    def detected(self, clip: Clip) -> Bool[np.ndarray, "time"]:
        """Whether each frame's points were measured there (True) or interpolated."""
        return self._stored(clip)["detected"]

    def mattes(self, clip: Clip) -> Mattes:
        """Face, person, and what was seen."""
        points = self.points(clip)
        return Mattes(
            face=np.stack([face_matte(frame, size=clip.size) for frame in points]),
            person=self._stored(clip)["person"],
            seen=seen_matte(np.array(clip.crop).reshape(2, 3), clip.picture, size=clip.size),
        )

    def valid(self, clip: Clip) -> UInt8[np.ndarray, "time 64 64"]:
        """How much of each cell of the crops a loss may believe, 0 to 255.

        Of pseudo-films what is the still's own, see `pseudo_films`; of all else what was seen, see `Mattes`.
        """
        stored = self._stored(clip)
        if "valid" in stored:
            return stored["valid"]
        seen = seen_matte(np.array(clip.crop).reshape(2, 3), clip.picture, size=clip.size)
        return np.repeat(seen[None], clip.frames, axis=0)

    def _stored(self, clip: Clip) -> Arrays:
        arrays = self._arrays(self.folder / SHARDS / f"{clip.shard}.npz")
        return {name: array[clip.start : clip.start + clip.frames] for name, array in arrays.items()}


def stored_points(steps: Int16[np.ndarray, "time 478 3"]) -> Float32[np.ndarray, "time 478 3"]:
    """Points in px from the steps that are stored."""
    return steps.astype(np.float32) * np.float32(POINT_UNIT)


def point_steps(points: Float32[np.ndarray, "time 478 3"]) -> Int16[np.ndarray, "time 478 3"]:
    """Points in px as the steps that are stored."""
    return np.rint(points / POINT_UNIT).clip(-32768, 32767).astype(np.int16)


def _arrays(path: Path) -> Arrays:
    """All arrays of a shard."""
    try:
        with path.open("rb") as file, np.load(file) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise MediaError(f"{path} is missing; prepare the dataset anew.") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise MediaError(f"{path} is damaged ({error}); prepare the dataset anew.") from error


def read_manifest(path: Path) -> list[Clip]:
    """The clips that a manifest lists. Raises MediaError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise MediaError(
            f"{path.parent} holds no dataset: it has no {path.name}; "
            f"make one with `living-portraits prepare --videos FOLDER --out {path.parent}`."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise MediaError(f"{path} cannot be read ({error}).") from error
    clips = []
    for number, line in enumerate(lines, 1):
        try:
            clips.append(_clip(json.loads(line)))
        except (ValueError, TypeError, KeyError) as error:
            raise MediaError(f"Line {number} of {path} describes no clip; prepare the dataset anew.") from error
    return clips


def write_manifest(path: Path, clips: list[Clip]) -> None:
    """One JSON object a clip; the same clips give the same bytes."""
    lines = [json.dumps(dataclasses.asdict(clip), ensure_ascii=False) for clip in clips]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _clip(fields: dict[str, Any]) -> Clip:
    width, height = fields["picture"]
    return Clip(
        **{
            **fields,
            "tags": tuple(fields["tags"]),
            "crop": tuple(float(value) for value in fields["crop"]),
            "picture": (int(width), int(height)),
        }
    )
