"""One painting as several drivers move it: by the network that was fine-tuned on it, and by the one that was not."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from living_portraits.engine import Drive, Frame, Points, Track
from living_portraits.engines.talking_head.engine import TalkingHead
from living_portraits.engines.talking_head.person import PERSONS
from living_portraits.face.landmarker import Landmarker
from living_portraits.finetune.watch import mimics_error
from living_portraits.motion import adapt, neutral_frame
from living_portraits.restraint import restrain

SIZE = 256  # px


@dataclass(frozen=True, eq=False)
class Portrayed:
    """A source with a driver's motion.

    Attributes:
        frames: as they were drawn.
        asked: `[time, 478, 3]`, where the face's points were asked to be, px.
    """

    frames: list[Frame]
    asked: Float32[np.ndarray, "time 478 3"]


def portrayed(source: Track, drivers: Mapping[str, Track], *, identity: str | None = None) -> dict[str, Portrayed]:
    """What the talking head draws of a source for each driver, all of one length.

    Args:
        identity: who the network was fine-tuned on; None: it is fed forward, with the source as its only picture.
    """
    engine = TalkingHead(size=SIZE, person=PERSONS.find(identity) if identity else None)
    who, found = engine.encode_identity(source), {}
    count = min(len(driver) for driver in drivers.values())
    for name, driver in drivers.items():
        drive = Drive(neutral=neutral_frame(driver.points, driver.blendshapes))
        motion = engine.encode_motion(driver, drive)
        bearable = restrain(motion, who.face.pose)
        asked = np.stack([adapt(who.face, bearable, number).points for number in range(count)])
        found[name] = Portrayed(list(engine.generate(who, motion))[:count], asked)
    return found


def obeyed(drawn: Mapping[str, Portrayed]) -> dict[str, dict[str, float]]:
    """How far lips and lids of each film are from where each driver wants them: mean, px; see `finetune.watch`."""
    with Landmarker() as landmarker:
        seen = {name: [landmarker.detect(frame) for frame in film.frames] for name, film in drawn.items()}

    def error(film: str, driver: str) -> float:
        points = iter([faces[0].points if faces else None for faces in seen[film]])

        def read(frame: Frame) -> Points | None:
            return next(points)

        return mimics_error(drawn[film].frames, drawn[driver].asked, read)

    return {film: {driver: error(film, driver) for driver in drawn} for film in drawn}
