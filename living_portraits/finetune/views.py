"""What there is to learn a person from: their pictures, and views of them that another engine makes.

One painting shows one expression from one side. An engine that moves the painting's own paint shows it in others, with
the mouth, the lids and the far cheek that it has learned to paint.

A generator that carries learns what to draw where one picture has been brought into the pose of another: there the
truth is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from living_portraits.engine import Drive, Engine, Frame, Points, Track
from living_portraits.engines.talking_head.lending import Carrier, Shot, brought, lend
from living_portraits.motion import HeadMotion, SourceShape, adapt, measure, neutral_frame
from living_portraits.restraint import restrain
from living_portraits.variety import apart


@dataclass(frozen=True, eq=False)
class View:
    """A picture to learn from.

    Attributes:
        frame: `[size, size, 3]`. points: px of it.
        carried: what a generator that carries is shown of this pose: another picture, brought into it; or, where it is
            to learn to leave well alone, the frame itself.
    """

    frame: Frame
    points: Points
    carried: Frame


def own(pictures: Track) -> list[View]:
    """The pictures themselves."""
    return [View(frame, points, frame) for frame, points in zip(pictures.crops, pictures.points, strict=True)]


def posed(engine: Engine[Any, Any], view: View, clips: Sequence[Track], *, count: int) -> tuple[list[View], list[View]]:
    """Views of one picture, `count` to learn from and one of each clip that is never taught.

    They are shared out over the clips, as far from each other as they come; those never taught would be the next. The
    engine works at the picture's size. Each clip is made whole, as engines may look back; their points suffice.
    """
    face, identity = SourceShape.of(view.points), engine.encode_identity(_alone(view))
    taught, asked = list[View](), list[View]()
    for index, clip in enumerate(clips):
        drive = _drive(clip)
        bearable = restrain(measure(clip, drive), face.pose)
        *chosen, last = apart(bearable, _share(index, count, len(clips)) + 1)
        for number, moved in enumerate(engine.generate(identity, engine.encode_motion(clip, drive))):
            if number in chosen or number == last:
                seen = View(moved, adapt(face, bearable, number).points, moved)
                (asked if number == last else taught).append(seen)
    return taught, asked


def crossed(carrier: Carrier, sources: Sequence[View], targets: Sequence[View]) -> list[View]:
    """Every target as it is carried from every source but itself, all of one person; the first source's come first.

    Pictures of different days differ in light, dress and place, which no source tells of: only the target's face is
    taken, in the light of the source.
    """
    found = []
    for source in sources:
        others = [target for target in targets if target is not source]
        film = brought(carrier, Shot(source.frame, source.points), [target.points for target in others])
        for target, carried in zip(others, film, strict=True):
            found.append(View(lend(carried, [(1.0, target.frame)], target.points), target.points, carried))
    return found


def _alone(view: View) -> Track:
    return Track([view.frame], view.points[None], np.zeros((1, 52), np.float32))


def _share(index: int, count: int, parts: int) -> int:
    return len(range(index, count, parts))


def motion_of(clip: Track) -> HeadMotion:
    """A driver's motion from its least expressive frame."""
    return measure(clip, _drive(clip))


def _drive(clip: Track) -> Drive:
    return Drive(neutral=neutral_frame(clip.points, clip.blendshapes))
