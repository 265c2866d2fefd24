"""From one file to clips: its shots, the face in each, the crop that holds it, and what can be measured there."""

import dataclasses
import math
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float32

from living_portraits import face, geometry, matting, video
from living_portraits.align import Crop
from living_portraits.data.dataset import Clip, point_steps
from living_portraits.data.footage import Failure, Footage
from living_portraits.data.mattes import face_matte, looked_at, person_mattes, seen_matte
from living_portraits.data.quality import frame_quality, motion_quality
from living_portraits.engine import Frame, Points
from living_portraits.errors import FaceError, LivingPortraitsError, MediaError
from living_portraits.video.reel import Reel

LONGEST = 12.0  # seconds of a clip; longer shots become several clips, so that each crop fits its clip
SHORTEST = 0.4  # seconds; less shows no motion
CUT = 0.12  # mean change of brightness from frame to frame, as a share of white, that only a cut makes
JUMP = 0.35  # face heights from one frame to the next; faster moves a different face
LEAST_FACE = 48  # px from forehead to chin in the footage
ENLARGED = 1.25  # most by which a size above the smallest may enlarge the footage
FRAMINGS = (2.3, 2.15, 2.0, 1.85, 1.7, 1.6)
"""Sides of the crop in face heights, the usual first: tightly framed footage gets a tighter crop, which shows less of
what lies beyond its edges."""
WIDER = (2.65, 3.0, 3.5)  # for a face that travels
BEYOND = 0.2  # share of the crop that may lie beyond the footage's edges before a tighter framing is tried
MARGIN = 0.02  # of the crop's side, which the points must keep from its border
MEMORY = 200_000_000  # bytes of decoded frames that are kept instead of decoded anew
CUT_OFF = 0.1  # share of the face that may lie beyond the footage's edge


class UnfitError(LivingPortraitsError):
    """Footage that can be read and shows a face, but would teach wrong things.

    Attributes:
        cause: a few words, the same for all footage unfit in the same way.
    """

    def __init__(self, cause: str, sentence: str) -> None:
        super().__init__(sentence)
        self.cause = cause


@dataclass(frozen=True, eq=False)
class Shot:
    """A face through consecutive frames of a file.

    Attributes:
        start: number of the first frame in the file. fps: frames a second.
        points: px of the footage. blendshapes: in [0, 1].
        detected: False where a frame's points were interpolated.
    """

    start: int
    fps: float
    points: Float32[np.ndarray, "time 478 3"]
    blendshapes: Float32[np.ndarray, "time 52"]
    detected: Bool[np.ndarray, "time"]

    def __len__(self) -> int:
        return len(self.points)


@dataclass(frozen=True)
class Made:
    """A clip before it has a place in a shard: `reel` and `arrays` are files, `clip` says shard "" and start 0."""

    clip: Clip
    reel: Path
    arrays: Path


def measure(folder: Path, footage: Footage, *, sizes: tuple[int, ...], into: Path) -> tuple[list[Made], list[Failure]]:
    """Makes the clips of one piece of footage, as files in `into`, and says what could not be made."""
    made: list[Made] = []
    failures: list[Failure] = []
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", video.TruncatedClip)
            pictures = _Pictures(folder, footage)
            shots = _film_shots(pictures, footage, failures) if footage.kind == "video" else _still_shots(pictures)
            frames, done = iter(pictures), 0
            for number, shot in enumerate(shots):
                name = footage.id if len(shots) == 1 else f"{footage.id}#{number:02d}"
                try:
                    made += make(footage, name, shot, islice(frames, shot.start - done, None), sizes, into)
                    done = shot.start + len(shot)
                except UnfitError as error:
                    failures.append(Failure(_place(footage, shot.start, shot.fps), str(error), error.cause))
                    frames, done = iter(pictures), 0
            failures += [
                Failure(footage.files[0], text, "breaks off") for text in sorted({str(one.message) for one in said})
            ]
    except LivingPortraitsError as error:
        failures.append(Failure(footage.files[0], str(error), cause(error)))
    except OSError:
        raise  # a full disk is nothing that this file did
    except Exception as error:  # one odd file must not end a long run; it is listed, with what happened
        failures.append(Failure(footage.files[0], f"It could not be measured ({error!r}).", "unexpected"))
    return made, failures


def cause(error: BaseException) -> str:
    """A few words for the sort of failure that an error is."""
    if isinstance(error, UnfitError):
        return error.cause
    if isinstance(error, FaceError):
        return "no face followed"
    return "unreadable" if isinstance(error, MediaError) else "unexpected"


class _Pictures:
    """The frames of a piece of footage, to be gone through several times; kept in memory where they are few."""

    def __init__(self, folder: Path, footage: Footage) -> None:
        self.footage = footage
        self._paths = [folder / file for file in footage.files]
        self._kept: list[Frame] = []
        self.fps = 1.0
        if footage.kind != "video":
            self._kept = [_still(path) for path in self._paths]
            return
        info = video.probe(self._paths[0])
        self.fps = info.fps
        if info.width * info.height * 3 * info.frames < MEMORY:
            self._kept = list(video.read_frames(self._paths[0]))

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._kept) if self._kept else video.read_frames(self._paths[0])


def _still(path: Path) -> Frame:
    picture = video.read_picture(path)
    return picture.rgb if picture.alpha is None else matting.over_white(picture.rgb, picture.alpha)


def _place(footage: Footage, start: int, fps: float) -> str:
    """The file, and the time in it where there is one."""
    return footage.files[0] if not start else f"{footage.files[0]} from {start / fps:.1f} s"


def _still_shots(pictures: _Pictures) -> list[Shot]:
    """All pictures of a still or a pair as one shot. Raises FaceError and UnfitError."""
    footage, faces = pictures.footage, []
    if footage.kind == "pair" and len(footage.files) < 2:
        raise UnfitError("incomplete pair", f"There is one picture of {footage.identity}, and a pair takes two.")
    for file, picture in zip(footage.files, pictures, strict=True):
        found = face.find(picture)
        if not found:
            raise FaceError(f"There is no face to be found in {file}.")
        faces.append(found[0])
    if len({picture.shape for picture in pictures}) > 1:
        raise UnfitError("unequal pair", f"The pictures of {footage.identity} are not of one size.")
    points, blendshapes = (np.stack([getattr(one, name) for one in faces]) for name in ("points", "blendshapes"))
    return [Shot(0, 1.0, points, blendshapes, np.ones(len(faces), bool))]


def _film_shots(pictures: _Pictures, footage: Footage, failures: list[Failure]) -> list[Shot]:
    """The shots in which a face can be followed; the others are added to `failures`."""
    fps, frames, found = pictures.fps, iter(pictures), []
    for start, count in find_shots(iter(pictures), fps=fps):
        part = islice(frames, count)
        try:
            if count < 2:
                raise UnfitError("too short", "The shot is a single frame, and a clip takes several.")
            if count < SHORTEST * fps:
                raise UnfitError("too short", f"The shot lasts {count / fps:.2f} s, and a clip takes {SHORTEST:g} s.")
            track = face.follow(part, fps=fps)
            _check_jumps(track.points, fps)
        except (FaceError, UnfitError) as error:
            failures.append(Failure(_place(footage, start, fps), str(error), cause(error)))
        else:
            found.append(Shot(start, fps, track.points, track.blendshapes, track.detected))
        for _ in part:  # what a lost face left unread
            pass
    return found


def find_shots(frames: Iterator[Frame], *, fps: float) -> list[tuple[int, int]]:
    """Where a film is cut, and where long shots are divided evenly: (first frame, count) of each part."""
    cuts, before, number = [0], None, -1
    for number, frame in enumerate(frames):
        grey = cv2.cvtColor(cv2.resize(frame, (32, 32), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        if before is not None and float(cv2.absdiff(before, grey).mean()) > CUT * 255:
            cuts.append(number)
        before = grey
    shots = []
    for start, stop in zip(cuts, [*cuts[1:], number + 1], strict=True):
        parts = max(math.ceil((stop - start) / (LONGEST * fps)), 1)
        edges = np.linspace(start, stop, parts + 1).round().astype(int).tolist()
        shots += [(low, high - low) for low, high in pairwise(edges)]
    return shots


def _check_jumps(points: Float32[np.ndarray, "time 478 3"], fps: float) -> None:
    heights = np.linalg.norm(points[:, geometry.FOREHEAD] - points[:, geometry.CHIN], axis=-1)
    travel = np.linalg.norm(np.diff(points[..., :2].mean(axis=1), axis=0), axis=-1) / heights[1:]
    if len(travel) and travel.max() > JUMP:
        when = (int(travel.argmax()) + 1) / fps
        raise UnfitError("another face", f"At {when:.1f} s the face is suddenly elsewhere: another one, most likely.")


def make(
    footage: Footage, name: str, shot: Shot, frames: Iterator[Frame], sizes: tuple[int, ...], into: Path
) -> list[Made]:
    """Writes one shot at every size that the footage has, as files in `into`; raises UnfitError."""
    first = next(frames)
    picture = (first.shape[1], first.shape[0])
    crops = _crops(shot.points, sizes, picture)
    stem = f"{int(shot.start):06d}"
    looked, smallest = set(looked_at(len(shot))), crops[0]
    kept: dict[int, Frame] = {}
    with ExitStack() as stack:
        reels = [stack.enter_context(Reel(into / f"{stem}-{crop.size}.mp4", size=crop.size)) for crop in crops]
        for number in range(len(shot)):
            frame = first if not number else next(frames)
            patches = [crop.take(frame) for crop in crops]
            for reel, patch in zip(reels, patches, strict=True):
                reel.write(patch)
            if number in looked:
                kept[number] = patches[0]
    places = smallest.to_crop(shot.points)
    person, cut = person_mattes(kept, places)
    person = np.minimum(person, seen_matte(smallest.matrix, picture, size=smallest.size))
    sharpness, brightness = np.median([frame_quality(kept[number], places[number]) for number in kept], axis=0)
    made = []
    for crop in crops:
        points = crop.to_crop(shot.points)
        quality = {
            **_framing_quality(shot.points, crop, picture),
            "sharpness": float(sharpness),
            "brightness": float(brightness),
            "missed": float((~shot.detected).sum()),
            "person": cut,
            **motion_quality(points, size=crop.size),
        }
        arrays = into / f"{stem}-{crop.size}.npz"
        np.savez_compressed(
            arrays,
            points=point_steps(points),
            blendshapes=np.rint(255 * shot.blendshapes.clip(0, 1)).astype(np.uint8),
            person=person,
            detected=shot.detected,
        )
        clip = _clip(footage, name, shot, crop, picture, quality, plain=crop.size == sizes[0])
        made.append(Made(clip, into / f"{stem}-{crop.size}.mp4", arrays))
    return made


def _crops(points: Float32[np.ndarray, "time 478 3"], sizes: tuple[int, ...], picture: tuple[int, int]) -> list[Crop]:
    """The same window at every size that the footage has, the smallest first. Raises UnfitError."""
    middle = np.median(points, axis=0)
    height = float(np.linalg.norm(middle[geometry.FOREHEAD] - middle[geometry.CHIN]))
    if height < LEAST_FACE:
        raise UnfitError("small face", f"The face is {height:.0f} px high, and {LEAST_FACE} are needed.")
    framing = _framing(points, middle, picture)
    smallest = Crop.around(middle, size=sizes[0], scale=framing)
    seen = seen_matte(smallest.matrix, picture, size=sizes[0]) > 127
    hidden = []
    for frame in smallest.to_crop(points[looked_at(len(points))]):
        area = face_matte(frame, size=sizes[0]) > 127
        hidden.append(float((area & ~seen).sum() / max(area.sum(), 1)))
    if np.median(hidden) > CUT_OFF:
        raise UnfitError("face cut off", f"The picture's edge cuts off {np.median(hidden):.0%} of the face.")
    larger = [Crop.around(middle, size=size, scale=framing) for size in sizes[1:]]
    return [smallest, *(crop for crop in larger if crop.zoom <= ENLARGED)]


def _framing(points: Float32[np.ndarray, "time 478 3"], middle: Points, picture: tuple[int, int]) -> float:
    """How many face heights the crop's side measures: the usual, or less where the footage is tight."""

    def crop(framing: float) -> Crop:
        return Crop.around(middle, size=256, scale=framing)

    def holds(framing: float) -> bool:
        placed = crop(framing).to_crop(points)[..., :2]
        return bool(placed.min() >= MARGIN * 256 and placed.max() <= (1 - MARGIN) * 256 - 1)

    usual = [framing for framing in FRAMINGS if holds(framing)]
    wider = [framing for framing in WIDER if holds(framing)]
    if not usual and not wider:
        raise UnfitError("face leaves the crop", "The face travels out of any crop that would still show it well.")
    if not usual:
        return wider[0]
    return next((framing for framing in usual if _beyond(crop(framing), picture) <= BEYOND), usual[-1])


def _beyond(crop: Crop, picture: tuple[int, int]) -> float:
    """Share of the crop that lies beyond the footage's edges."""
    return 1 - float(seen_matte(crop.matrix, picture, size=crop.size).mean() / 255)


def _framing_quality(
    points: Float32[np.ndarray, "time 478 3"], crop: Crop, picture: tuple[int, int]
) -> dict[str, float]:
    height = float(np.median(np.linalg.norm(points[:, geometry.FOREHEAD] - points[:, geometry.CHIN], axis=-1)))
    return {
        "face_px": height,
        "zoom": crop.zoom,
        "framing": crop.size / crop.zoom / height,
        "outside": _beyond(crop, picture),
    }


def _clip(
    footage: Footage,
    name: str,
    shot: Shot,
    crop: Crop,
    picture: tuple[int, int],
    quality: dict[str, float],
    *,
    plain: bool,
) -> Clip:
    shared = {key: value for key, value in dataclasses.asdict(footage).items() if key != "files"}
    return Clip(
        **shared,
        id=name if plain else f"{name}@{crop.size}",
        size=crop.size,
        frames=len(shot),
        fps=round(shot.fps, 4),
        shard="",
        start=0,
        quality={key: round(value, 4) for key, value in quality.items()},
        tags=footage.tags,
        crop=tuple(round(float(value), 6) for value in crop.matrix.ravel()),
        picture=picture,
    )
