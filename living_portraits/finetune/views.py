"""What there is to learn a person from: their pictures, and views of them that the doll makes.

One painting shows one expression from one side. The doll moves its own paint as drivers move; what it makes up (mouth,
lids, uncovered cheeks) is marked, so that it teaches nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8

from living_portraits.data.mattes import SIDE, person_mattes
from living_portraits.data.pseudo_films import Marionette, spread
from living_portraits.engine import Drive, Frame, Points, Track
from living_portraits.motion import HeadMotion, SourceShape, adapt, measure, neutral_frame
from living_portraits.restraint import restrain

_ALL = 255


@dataclass(frozen=True, eq=False)
class View:
    """A picture to learn from.

    Attributes:
        frame: `[size, size, 3]`. points: px of it.
        valid: 64 x 64, 255 where it is true, 0 where it was made up.
    """

    frame: Frame
    points: Points
    valid: UInt8[np.ndarray, "64 64"]


def own(pictures: Track) -> list[View]:
    """The pictures themselves, all of them true."""
    whole = np.full((SIDE, SIDE), _ALL, np.uint8)
    return [View(frame, points, whole) for frame, points in zip(pictures.crops, pictures.points, strict=True)]


def posed(frame: Frame, points: Points, motions: Sequence[HeadMotion], *, count: int) -> list[View]:
    """`count` views of one picture, shared out over the motions, as far from each other as they come."""
    person, _ = person_mattes({0: frame}, points[None])
    seen = np.full((SIDE, SIDE), _ALL, np.uint8)
    doll = Marionette(frame, points, person=person[0], seen=seen)
    found = []
    for index, motion in enumerate(motions):
        bearable = restrain(motion, doll.mesh.source.pose)
        share = len(range(index, count, len(motions)))
        for number in apart(bearable, share):
            moved, head, sampling = doll.pose(bearable, number)
            valid = 255 * doll.valid(head, sampling).astype(np.uint8)
            small = np.asarray(cv2.resize(valid, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
            found.append(View(moved, head.points, small))
    return found


def probes(points: Points, motion: HeadMotion, *, count: int) -> Float32[np.ndarray, "count 478 3"]:
    """Where the face's points go in `count` frames of a motion that lie far from each other, px."""
    face = SourceShape.of(points)
    bearable = restrain(motion, face.pose)
    return np.stack([adapt(face, bearable, number).points for number in apart(bearable, count)])


def apart(motion: HeadMotion, count: int) -> list[int]:
    """Numbers of `count` frames (or all) that differ in expression, lids and pose; the least moved is the first."""
    features = looks(motion)
    return spread(features, count, first=int(np.linalg.norm(features, axis=1).argmin())) if count else []


def looks(motion: HeadMotion) -> Float64[np.ndarray, "time numbers"]:
    """What is compared: expression, lids and turn of each frame, on scales on which they count alike."""
    turns = motion.rotation.reshape(len(motion), 9) - np.eye(3, dtype=np.float32).reshape(9)
    parts = (motion.expression.reshape(len(motion), -1) / 10, motion.lids - 1, turns)
    return np.concatenate(parts, axis=1).astype(np.float64)


def motion_of(track: Track) -> HeadMotion:
    """A driver's motion from its least expressive frame."""
    return measure(track, Drive(neutral=neutral_frame(track.points, track.blendshapes)))
