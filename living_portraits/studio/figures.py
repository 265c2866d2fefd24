"""The report card of one film: the cheap figures, read off the film as it was delivered."""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from living_portraits import draw, motion_file, video
from living_portraits.align import Crop
from living_portraits.driver import MOTION_SUFFIX, motion_part
from living_portraits.engine import Frame
from living_portraits.film_options import Options
from living_portraits.metrics import motion
from living_portraits.metrics.identity import csim, mobilefacenet
from living_portraits.studio.filming import Shot
from living_portraits.studio.order import Order
from living_portraits.studio.placing import found_face, picture_of

FRAMES = 30
"""How many frames are read: the liveliest in a row speak for all, and nobody waits long for a card."""

SIDE, PROBES = 256, 4
IDENTITY_VARIABLE = "LIVING_PORTRAITS_IDENTITY_WEIGHTS"

View = UInt8[np.ndarray, "rows columns 3"]


@dataclass(frozen=True)
class Figures:
    """How a film came out; NaN where it could not be measured. See `metrics` for the formulas.

    Attributes:
        fps: frames made in a second, on this machine.
        motion: spread of the expression over the clip's.
        mouth: correlation of the lips' gap with the clip's.
        jitter: second differences of the points over the clip's.
        missing: share of frames without a face.
        identity: cosine of identity features to the portrait; needs the network that the environment variable
            LIVING_PORTRAITS_IDENTITY_WEIGHTS names.
    """

    fps: float
    motion: float
    mouth: float
    jitter: float
    missing: float
    identity: float

    def as_data(self) -> dict[str, float | None]:
        """For JSON, which knows no NaN."""
        return {name: None if math.isnan(value) else round(value, 3) for name, value in vars(self).items()}


def judge(shot: Shot, order: Order) -> Figures:
    """Reads film and clip where the clip is liveliest, frame by frame and unsmoothed. Raises MediaError."""
    from living_portraits.evaluate.watch import Tracker

    if _is_motion(shot.driver):
        shown = motion_part(shot.driver, Options(start=order.choices.start, end=order.choices.end or None))
        points, blendshapes, fps = shown.points, shown.blendshapes, shown.fps
    else:  # what the film kept of the clip
        points, blendshapes, fps = motion_file.load_motion(shot.out.with_suffix(MOTION_SUFFIX))
    first = _liveliest(blendshapes)
    part = slice(first, first + FRAMES)
    with Tracker() as find:
        film = _crops(_own_part(video.read_frames(shot.out), part, order), find)
        if not film:  # painted so that nobody sees a face in it
            return Figures(shot.fps, math.nan, math.nan, math.nan, 1.0, math.nan)
        result = _reading(film, find)
        if _is_motion(shot.driver):  # there is nothing to look at
            driver = motion.Reading.of(points[part], blendshapes[part])
        else:
            frames = video.read_frames(shot.driver, start=order.choices.start, end=order.choices.end or None, fps=fps)
            driver = _reading(_crops(islice(frames, part.start, part.stop), find), find)
    both = slice(min(len(result), len(driver)))  # a face may be found late in one of them, or a rate be rounded
    result, driver = result[both], driver[both]
    return Figures(
        fps=shot.fps,
        motion=motion.motion_gain(result, driver),
        mouth=motion.mouth_correlation(result, driver),
        jitter=motion.jitter_ratio(result, driver),
        missing=motion.missing(result) if len(result) else math.nan,
        identity=_likeness(film, result, order),
    )


def _is_motion(driver: Path) -> bool:
    return driver.suffix.lower() == MOTION_SUFFIX


def _liveliest(blendshapes: Float32[np.ndarray, "time 52"]) -> int:
    """Where the `FRAMES` frames begin whose expressions change most."""
    change = np.abs(np.diff(blendshapes, axis=0)).sum(axis=1)
    if len(change) <= FRAMES:
        return 0
    return int(np.convolve(change, np.ones(FRAMES - 1), "valid").argmax())


def _own_part(frames: Iterator[Frame], part: slice, order: Order) -> Iterator[Frame]:
    """Those frames of the film; where portrait and clip stand beside it, its own part of them."""
    shape = video.read_picture(order.source).rgb.shape[:2]
    if order.choices.framing == "head":
        face = found_face(order.source, order.choices.face)
        box = (0, 0, 1, 1)
        if face is not None:
            box = Crop.around(face.points, size=1024).window(shape[1], shape[0], face.points)
        shape = box[3] - box[1], box[2] - box[0]
    for frame in islice(frames, part.start, part.stop):
        if not order.choices.beside:
            yield frame
            continue
        width = draw.fitted_width(shape, height=frame.shape[0])
        yield np.ascontiguousarray(frame[:, -width:])


def _crops(frames: Iterator[Frame], find: "object") -> list[View]:
    """The squares around the face, as the first frame shows it."""
    assert callable(find)
    crop: Crop | None = None
    crops = []
    for frame in frames:
        if crop is None:
            face = find(frame)
            if face is None:
                continue
            crop = Crop.around(face.points, size=SIDE)
        crops.append(crop.take(frame))
    return crops


def _reading(crops: list[View], find: "object") -> motion.Reading:
    assert callable(find)
    points = np.full((len(crops), 478, 3), np.nan, np.float32)
    blendshapes = np.full((len(crops), 52), np.nan, np.float32)
    for number, crop in enumerate(crops):
        face = find(crop)
        if face is not None:
            points[number], blendshapes[number] = face.points, face.blendshapes
    return motion.Reading.of(points, blendshapes)


def _likeness(film: list[View], result: motion.Reading, order: Order) -> float:
    """Mean cosine of some frames with the portrait, seen at the same scale."""
    weights = os.environ.get(IDENTITY_VARIABLE)
    face = found_face(order.source, order.choices.face)
    found = np.flatnonzero(result.found) if len(film) else np.array([], int)
    if not weights or face is None or not len(found):
        return math.nan
    embed = mobilefacenet(Path(weights))
    crop = Crop.around(face.points, size=SIDE)
    portrait = embed(crop.take(picture_of(order.source)), crop.to_crop(face.points))
    probes = found[np.linspace(0, len(found) - 1, PROBES).astype(int)]
    features = np.stack([embed(film[number], result.points[number]) for number in probes])
    return float(csim(features, portrait[None]).mean())
