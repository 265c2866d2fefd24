"""One painting as several drivers move it: by the network that was fine-tuned on it, and by the one that was not."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from jaxtyping import Float32

from living_portraits import weights
from living_portraits.engine import Drive, Frame, Points, Track
from living_portraits.engines.talking_head.engine import DRAWN, TalkingHead
from living_portraits.engines.talking_head.person import PERSONS
from living_portraits.face.landmarker import Landmarker
from living_portraits.finetune.watch import mimics_error
from living_portraits.motion import adapt, neutral_frame
from living_portraits.nn.pixels import to_frames
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


def portrayed(
    source: Track, drivers: Mapping[str, Track], *, identity: str | None = None, carries: bool = False
) -> dict[str, Portrayed]:
    """What a talking head draws of a source for each driver, all of one length.

    Args:
        identity: who the network was fine-tuned on; None: it is fed forward, with the source as its only picture.
        carries: by the network that is shown a carried picture, which is the engine's own; else by that of the paper's
            form.
    """
    engine = head_of(identity, carries=carries)
    who, found = engine.encode_identity(source), {}
    count = min(len(driver) for driver in drivers.values())
    for name, driver in drivers.items():
        drive = Drive(neutral=neutral_frame(driver.points, driver.blendshapes))
        motion = engine.encode_motion(driver, drive)
        bearable = restrain(motion.head, who.face.pose)
        asked = np.stack([adapt(who.face, bearable, number).points for number in range(count)])
        found[name] = Portrayed(list(engine.generate(who, motion))[:count], asked)
    return found


def composed(source: Track, driver: Track, *, number: int) -> dict[str, Frame]:
    """One frame, and what it is made of: what is carried, what is drawn anew, and the mask between the two."""
    engine = head_of(None, carries=True)
    drive = Drive(neutral=neutral_frame(driver.points, driver.blendshapes))
    film = engine.layers(engine.encode_identity(source), engine.encode_motion(driver, drive))
    for layers in islice(film, number, None):
        assert layers.carried is not None
        mixed = torch.lerp(layers.carried, layers.colour, layers.mask)
        seen = {"w, carried": layers.carried, "h, drawn": layers.colour, "m, the mask": 2 * layers.mask - 1}
        seen |= {"(1 - m) w + m h": mixed}
        return {name: to_frames(picture.expand(1, 3, SIZE, SIZE))[0] for name, picture in seen.items()}
    raise IndexError(f"the driver has {len(driver)} frames, and number {number} was asked for")


def head_of(identity: str | None, *, carries: bool) -> TalkingHead:
    """The engine, of either form, and whom it was taught; see `portrayed`."""
    if carries:
        return TalkingHead(size=SIZE, person=PERSONS.find(identity) if identity else None, runtime="torch")
    person = weights.path(f"{DRAWN}/{identity}") if identity else None
    return TalkingHead(size=SIZE, file=weights.path(DRAWN), person=person)


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
