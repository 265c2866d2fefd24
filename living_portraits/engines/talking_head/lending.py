"""Several pictures of one person: each frame's face is carried from the picture that looks most like it.

What is carried from one picture is that picture's mouth, lids and cheeks, stretched; another may show them as they are.
The first picture's dress, hair, place and light stay, and the others lend it their face. Which one does is chosen for
the film as a whole: changes cost something, and are faded over.
"""

from collections.abc import Generator, Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from living_portraits.engine import Drive, Engine, Frame, Points, Track
from living_portraits.geometry import FACE_OVAL
from living_portraits.motion import measure
from living_portraits.variety import looks
from living_portraits.warp import polygon_mask

TURNING, RESTLESS = 2.0, 0.3
"""What turns count beside expressions, and, in the units of `looks`, what it costs to go from picture to picture."""

_FADE = 3  # frames before and after a change, over which one face becomes the other
_RIM = 0.02  # of the crop's side: how softly a lent face ends
_LIGHT, _COARSE = 0.1, 64  # light differs over as much of the crop's side, and is compared on as many px


def lent(
    carrier: Engine[Any, Any], first: Iterator[Frame], others: Track, face: Points, asked: Sequence[Points]
) -> Iterator[Frame]:
    """The film `first` with the faces that other pictures lend to it.

    Args:
        carrier: carries the others' faces. others: the pictures; their points in px of them.
        face: the person's points in the picture that `first` is made of. asked: where they are in its frames, px.
    """
    numbers = looks(measure(_unread([face, *others.points, *asked]), Drive()), turning=TURNING)
    kept = 1 + len(others)
    share = shares(numbers[:kept], numbers[kept:])
    lenders = {
        number: brought(
            carrier,
            others.crops[number - 1],
            others.points[number - 1],
            [points for points, part in zip(asked, share, strict=True) if part[number]],
        )
        for number in range(1, kept)
        if share[:, number].any()
    }
    for index, (frame, points, part) in enumerate(zip(first, asked, share, strict=True)):
        faces = [(float(part[number]), next(film)) for number, film in lenders.items() if part[number]]
        yield lend(frame, faces, points) if faces else frame
        for number in [number for number in lenders if not share[index + 1 :, number].any()]:
            lenders.pop(number).close()  # all it holds would stay until the film ends


def shares(
    pictures: Float64[np.ndarray, "pictures numbers"], frames: Float64[np.ndarray, "time numbers"]
) -> Float32[np.ndarray, "time pictures"]:
    """How much of each frame's face each picture gives; every frame's shares sum to 1.

    The path through the pictures that costs least: how far each frame looks from its picture, and `RESTLESS` for every
    change (Viterbi's algorithm).
    """
    path = _cheapest(np.stack([np.linalg.norm(frames - picture, axis=1) for picture in pictures], axis=1))
    # Each change is a ramp: a box over the frames around each, which the ends of the film are lengthened for.
    chosen = np.eye(len(pictures), dtype=np.float32)[np.pad(path, _FADE, mode="edge")]
    return np.lib.stride_tricks.sliding_window_view(chosen, 2 * _FADE + 1, axis=0).mean(axis=-1)


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
    mask = polygon_mask(points[list(FACE_OVAL), :2], (0, 0), (side, side), feather=_RIM * side)
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


def brought(engine: Engine[Any, Any], picture: Frame, own: Points, asked: Sequence[Points]) -> Generator[Frame]:
    """A picture, with its `own` points, as the engine moves it to the points that are asked for, one after another."""
    identity = engine.encode_identity(_unread([own], [picture]))
    film = engine.generate(identity, engine.encode_motion(_unread([own, *asked]), Drive()))
    next(film)  # the picture itself
    yield from film


def _unread(points: Sequence[Points], crops: Sequence[Frame] = ()) -> Track:
    """A track whose blendshapes nobody asks for."""
    return Track(crops, np.stack(points), np.zeros((len(points), 52), np.float32))
