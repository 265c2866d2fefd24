"""Several pictures of one person: each frame's face is carried from the picture that looks most like it.

What is carried from one picture is that picture's mouth, lids and cheeks, stretched; another may show them as they are.
The first picture's dress, hair, place and light stay, and the others lend it their face. Which one does is chosen for
the film as a whole: changes cost something, and are faded over.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from living_portraits import geometry
from living_portraits.detail import Detail
from living_portraits.engine import Drive, Frame, Points, Track
from living_portraits.motion import AdaptedHead, SourceShape, measure
from living_portraits.variety import looks
from living_portraits.warp import polygon_mask

TURNING, RESTLESS = 2.0, 0.3
"""What turns count beside expressions, and, in the units of `looks`, what it costs to go from picture to picture, as
much as a 25th of a second in another picture."""

LIKE = 0.83
"""`likeness` from which a picture may lend its face: 66 pictures of six people, many of other days, had .84 to .99 with
the first of theirs; 30 pairs of different people at most .81, and of painted sitters .72."""

_FADE = 0.12  # seconds before and after a change, over which one face becomes the other
_USUAL_FPS = 25.0
_RIM = 0.02  # of the crop's side: how softly a lent face ends
_LIGHT, _COARSE = 0.1, 64  # light differs over as much of the crop's side, and is compared on as many px
_COMPARED = 256  # px a side at which likeness is judged
_GRAIN = 2.0  # of them: what is finer is not compared


@runtime_checkable
class Carrier(Protocol):
    """An engine that moves a picture to heads that are given as they are."""

    def encode_identity(self, source: Track) -> Any:
        """See `Engine`."""
        ...

    def follow(self, identity: Any, heads: Sequence[AdaptedHead]) -> Iterator[Frame]:
        """One frame per head."""
        ...


@dataclass(frozen=True, eq=False)
class Shot:
    """A picture of somebody, cut out; points in px of it."""

    frame: Frame
    points: Points


def lent(
    carrier: Carrier,
    first: Iterator[Frame],
    own: Shot,
    others: Sequence[Shot],
    asked: Sequence[Points],
    *,
    fps: float = _USUAL_FPS,
) -> Iterator[Frame]:
    """The film `first` with the faces that other pictures lend to it.

    Args:
        carrier: carries the others' faces.
        own: the picture that `first` is made of. asked: where the face's points are in its frames, px; `fps` a second.
        others: those that show somebody or something else on the face lend nothing.
    """
    numbers = looks(measure(_unread([own.points, *(shot.points for shot in others), *asked]), Drive()), turning=TURNING)
    frames, known = numbers[1 + len(others) :], dict[int, bool]()
    while True:  # only those who would lend are looked at, as that takes a tenth of a second each
        able = [0, *(number for number in range(1, 1 + len(others)) if known.get(number, True))]
        share = shares(numbers[able], frames, fps=fps)
        wanted = [able[column] for column in range(1, len(able)) if share[:, column].any()]
        if all(number in known for number in wanted):
            break
        known |= {n: likeness(carrier, own, others[n - 1]) >= LIKE for n in wanted if n not in known}
    near = Detail(own.frame, own.points)
    lenders = {
        column: brought(
            carrier,
            _found_again(near, others[number - 1]),
            [points for points, part in zip(asked, share, strict=True) if part[column]],
        )
        for column, number in enumerate(able)
        if number in wanted
    }
    for index, (frame, points, part) in enumerate(zip(first, asked, share, strict=True)):
        faces = [(float(part[column]), next(film)) for column, film in lenders.items() if part[column]]
        yield lend(frame, faces, points) if faces else frame
        for column in [column for column in lenders if not share[index + 1 :, column].any()]:
            lenders.pop(column).close()  # all it holds would stay until the film ends


def _found_again(near: Detail, shot: Shot) -> Shot:
    """The shot with its points on the very places that the film's own picture has them on."""
    points = shot.points.copy()
    points[: geometry.MESH_COUNT, :2] += near.missed(shot.frame, shot.points)
    return Shot(shot.frame, points)


def likeness(carrier: Carrier, one: Shot, other: Shot) -> float:
    """How alike two pictures' faces are, once one has been brought to the other's place: 1 is the same.

    Correlation of what is neither light nor grain. Says as well that a hand or a fringe lies over one of the faces.
    """
    [moved] = brought(carrier, other, [one.points])
    scale = _COMPARED / one.frame.shape[0]
    outline = (one.points[list(geometry.FACE_OVAL), :2] + 0.5) * np.float32(scale) - 0.5
    mask = polygon_mask(outline, (0, 0), (_COMPARED, _COMPARED), feather=_RIM * _COMPARED)
    drawn = []
    for frame in (one.frame, moved):
        sized = cv2.resize(frame, (_COMPARED, _COMPARED), interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(sized, cv2.COLOR_RGB2GRAY).astype(np.float32)
        detail = cv2.GaussianBlur(grey, (0, 0), _GRAIN) - _light(np.dstack([grey] * 3), mask)[..., 0]
        drawn.append(detail[mask > 0.5].astype(np.float64))
    a, b = drawn
    return float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-9))


def shares(
    pictures: Float64[np.ndarray, "pictures numbers"],
    frames: Float64[np.ndarray, "time numbers"],
    *,
    fps: float = _USUAL_FPS,
) -> Float32[np.ndarray, "time pictures"]:
    """How much of each frame's face each picture gives; every frame's shares sum to 1.

    The path through the pictures that costs least: how far each frame looks from its picture, and `RESTLESS` for every
    change (Viterbi's algorithm).
    """
    away = np.stack([np.linalg.norm(frames - picture, axis=1) for picture in pictures], axis=1)
    path, fade = _cheapest(away * (_USUAL_FPS / fps)), max(round(_FADE * fps), 1)
    # Each change is a ramp: a box over the frames around each, which the ends of the film are lengthened for.
    chosen = np.eye(len(pictures), dtype=np.float32)[np.pad(path, fade, mode="edge")]
    return np.lib.stride_tricks.sliding_window_view(chosen, 2 * fade + 1, axis=0).mean(axis=-1)


def _cheapest(costs: Float64[np.ndarray, "time choices"]) -> Int64[np.ndarray, "time"]:
    total = costs[0]
    stays: list[tuple[Bool[np.ndarray, "choices"], int]] = []
    for cost in costs[1:]:
        best = int(total.argmin())
        stay = total <= total[best] + RESTLESS
        stays.append((stay, best))
        total = np.where(stay, total, total[best] + RESTLESS) + cost
    path = [int(total.argmin())]
    for stay, best in reversed(stays):
        path.append(path[-1] if stay[path[-1]] else best)
    return np.array(path[::-1])


def lend(frame: Frame, faces: Sequence[tuple[float, Frame]], points: Points) -> Frame:
    """The frame with others' faces in it, each by its share, in the frame's own light."""
    side = frame.shape[0]
    mask = polygon_mask(points[list(geometry.FACE_OVAL), :2], (0, 0), (side, side), feather=_RIM * side)
    around = frame.astype(np.float32)
    change = np.zeros_like(around)
    for share, face in faces:
        other = face.astype(np.float32)
        change += np.float32(share) * (other + _light(around - other, mask) - around)
    return np.asarray(np.clip(np.rint(around + mask[..., None] * change), 0, 255), dtype=np.uint8)


def _light(
    difference: Float32[np.ndarray, "side side 3"], mask: Float32[np.ndarray, "side side"]
) -> Float32[np.ndarray, "side side 3"]:
    """What of a difference within the mask is smooth."""
    weighed = cv2.resize(
        np.dstack([difference * mask[..., None], mask]), (_COARSE, _COARSE), interpolation=cv2.INTER_AREA
    )
    smooth = cv2.GaussianBlur(weighed, (0, 0), _LIGHT * _COARSE)
    light = smooth[..., :3] / np.maximum(smooth[..., 3:], 1e-3)
    return np.asarray(cv2.resize(light, difference.shape[:2], interpolation=cv2.INTER_LINEAR))


def brought(carrier: Carrier, shot: Shot, asked: Sequence[Points]) -> Generator[Frame]:
    """A picture, moved until its points are where they are asked for, one after another."""
    yield from carrier.follow(carrier.encode_identity(_unread([shot.points], [shot.frame])), [_head(p) for p in asked])


def _head(points: Points) -> AdaptedHead:
    face = SourceShape.of(points)
    return AdaptedHead(face.pose, face.shape, points)


def _unread(points: Sequence[Points], crops: Sequence[Frame] = ()) -> Track:
    """A track whose blendshapes nobody asks for."""
    return Track(crops, np.stack(points), np.zeros((len(points), 52), np.float32))
