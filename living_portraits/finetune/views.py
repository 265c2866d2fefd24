"""What there is to learn a person from: their pictures, and views of them that another engine makes.

One painting shows one expression from one side. An engine that moves the painting's own paint shows it in others, with
the mouth, the lids and the far cheek that it has learned to paint.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64

from living_portraits.engine import Drive, Engine, Frame, Points, Track
from living_portraits.motion import HeadMotion, SourceShape, adapt, measure, neutral_frame
from living_portraits.restraint import restrain
from living_portraits.variety import spread


@dataclass(frozen=True, eq=False)
class View:
    """A picture to learn from.

    Attributes:
        frame: `[size, size, 3]`. points: px of it.
    """

    frame: Frame
    points: Points


def own(pictures: Track) -> list[View]:
    """The pictures themselves."""
    return [View(frame, points) for frame, points in zip(pictures.crops, pictures.points, strict=True)]


def posed(engine: Engine[Any, Any], frame: Frame, points: Points, clips: Sequence[Track], *, count: int) -> list[View]:
    """`count` views of one picture, shared out over the clips, as far from each other as they come.

    The engine works at the picture's size. Each clip is made whole, as engines may look back; their points suffice.
    """
    one = Track([frame], points[None], np.zeros((1, 52), np.float32))
    face, identity = SourceShape.of(points), engine.encode_identity(one)
    found = []
    for index, clip in enumerate(clips):
        drive = _drive(clip)
        bearable = restrain(measure(clip, drive), face.pose)
        chosen = set(apart(bearable, _share(index, count, len(clips))))
        for number, moved in enumerate(engine.generate(identity, engine.encode_motion(clip, drive))):
            if number in chosen:
                found.append(View(moved, adapt(face, bearable, number).points))
    return found


def probes(points: Points, clips: Sequence[Track], *, count: int) -> Float32[np.ndarray, "clips 478 3"]:
    """Where the face's points go in one frame of each clip: the one that would be the next of `count` views, px."""
    face, found = SourceShape.of(points), []
    for index, clip in enumerate(clips):
        bearable = restrain(motion_of(clip), face.pose)
        order = apart(bearable, _share(index, count, len(clips)) + 1)
        found.append(adapt(face, bearable, order[-1]).points)
    return np.stack(found)


def _share(index: int, count: int, parts: int) -> int:
    return len(range(index, count, parts))


def apart(motion: HeadMotion, count: int) -> list[int]:
    """Numbers of `count` frames (or all) that differ in expression, lids and pose; the least moved is the first."""
    features = looks(motion)
    return spread(features, count, first=int(np.linalg.norm(features, axis=1).argmin())) if count else []


def looks(motion: HeadMotion) -> Float64[np.ndarray, "time numbers"]:
    """What is compared: expression, lids and turn of each frame, on scales on which they count alike."""
    turns = motion.rotation.reshape(len(motion), 9) - np.eye(3, dtype=np.float32).reshape(9)
    parts = (motion.expression.reshape(len(motion), -1) / 10, motion.lids - 1, turns)
    return np.concatenate(parts, axis=1).astype(np.float64)


def motion_of(clip: Track) -> HeadMotion:
    """A driver's motion from its least expressive frame."""
    return measure(clip, _drive(clip))


def _drive(clip: Track) -> Drive:
    return Drive(neutral=neutral_frame(clip.points, clip.blendshapes))
