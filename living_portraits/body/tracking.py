"""Clips: one body from the first frame to the last, without holes and without trembling."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from jaxtyping import Float32

from living_portraits import skeleton
from living_portraits.body.landmarker import Body, BodyLandmarker
from living_portraits.choreography import Choreography
from living_portraits.engine import Frame
from living_portraits.errors import BodyError, OptionError
from living_portraits.face.tracking import timecode
from living_portraits.skeleton import BodyPoints
from living_portraits.smoothing import steadied
from living_portraits.stance import SEEN

CROWD_SECONDS = 1.0  # between two looks at whether there is anybody else
CROWD_CONFIDENCE = 0.3  # the detector overlooks the second of two people rather than inventing one
CROWD = 0.5  # share of those looks that must show somebody else before the clip counts as one of several people
RIVAL = 0.5  # of the first one's height: smaller ones are bystanders in the background
APART = 0.3  # of a height: two bodies nearer than that are one, found twice
CUT_OFF = 0.5  # share of frames in which knees or feet may be out of the picture

# One Euro filters at strength 0.5, in body heights a second: hands are quick, so they are held lightly.
REST, GAIN, PATIENCE = 1.5, 12.0, 4.0
SEEN_REST, SEEN_GAIN = 2.0, 4.0

_FEET = (skeleton.LEFT_ANKLE, skeleton.RIGHT_ANKLE)
_KNEES = (skeleton.LEFT_KNEE, skeleton.RIGHT_KNEE)


def find(picture: Frame) -> list[Body]:
    """People in a picture, the tallest first; empty where there is nobody."""
    with BodyLandmarker() as landmarker:
        return distinct(landmarker.detect(picture))


def follow(
    frames: Iterable[Frame],
    *,
    fps: float,
    smoothing: float = 0.5,
    max_gap: float = 1.0,
    on_frame: Callable[[int], None] | None = None,
) -> Choreography:
    """One body through a clip, read as a stream: only numbers are kept.

    Args:
        frames: uint8 RGB, all of one size.
        fps: frames a second.
        smoothing: strength in [0, 1]; 0 leaves every measurement as it is.
        max_gap: seconds without a person that are filled in by interpolation, and counted.
        on_frame: told the number of frames seen so far, after each.

    Raises:
        BodyError: nobody, several people, lost for longer than `max_gap`, or cut off at the knees.
        OptionError: `smoothing`, `fps` or `max_gap` out of range.
    """
    if not 0 <= smoothing <= 1:
        raise OptionError(f"smoothing is {smoothing:g}, but must lie between 0 (off) and 1 (strongest).")
    if max_gap < 0 or fps <= 0:
        raise OptionError(f"max_gap is {max_gap:g} s at {fps:g} frames a second, but neither may be negative or none.")
    seen: list[Body | None] = []
    looks: list[int] = []
    shape = (0, 0)
    with BodyLandmarker(CROWD_CONFIDENCE) as everybody, BodyLandmarker(video=True) as one:
        for number, frame in enumerate(frames):
            shape = frame.shape[:2]
            if number % max(round(CROWD_SECONDS * fps), 1) == 0:
                looks.append(len(rivals(everybody.detect(frame))))
            found = one.detect(frame)
            seen.append(found[0] if found else None)
            if on_frame is not None:
                on_frame(number + 1)
    dance = whole(seen, fps=fps, max_gap=max_gap)
    several = sum(count > 1 for count in looks)
    if several > CROWD * len(looks):
        often = "at every look" if several == len(looks) else f"at {several} of {len(looks)} looks"
        raise BodyError(f"The clip shows {max(looks)} people ({often}): cut it to one dancer, or choose another.")
    check_whole_body(dance, height=shape[0])
    return steadied_dance(dance, smoothing)


def distinct(bodies: Sequence[Body]) -> list[Body]:
    """Each person once, the tallest first: the tracker now and then finds one twice."""
    kept: list[Body] = []
    for body in bodies:
        away = (np.linalg.norm((body.points - other.points)[:, :2].mean(axis=0)) for other in kept)
        if all(distance > APART * body.height for distance in away):
            kept.append(body)
    return kept


def rivals(bodies: Sequence[Body]) -> list[Body]:
    """Those who could be the dancer: not much smaller than the tallest."""
    people = distinct(bodies)
    return [body for body in people if body.height > RIVAL * people[0].height]


def whole(seen: Sequence[Body | None], *, fps: float, max_gap: float) -> Choreography:
    """A dance without holes: frames without a person lie on the straight line between their neighbours.

    Raises BodyError where nobody is seen at all, or for longer than `max_gap` seconds.
    """
    known = np.array([index for index, body in enumerate(seen) if body is not None])
    if not len(known):
        raise BodyError(f"The clip shows nobody in its {timecode(len(seen) / fps)}: choose one that shows a person.")
    gaps = _gaps(seen)
    for first, stop in gaps:
        if stop - first > max(max_gap * fps, 1):
            when = timecode(first / fps)
            raise BodyError(
                f"From {when} on nobody is to be seen for {(stop - first) / fps:.1f} s: "
                "cut the clip before or after, or choose another."
            )
    points = np.stack([body.points for body in seen if body is not None])
    every = np.arange(len(seen))
    flat = [np.interp(every, known, column) for column in points.reshape(len(known), -1).T]
    between = np.stack(flat, axis=1).reshape(len(seen), skeleton.COUNT, 3).astype(np.float32)
    return Choreography(between, float(fps), gaps)


def check_whole_body(dance: Choreography, *, height: int) -> None:
    """Raises BodyError where knees or feet are mostly out of a picture `height` px high."""
    for joints, name in ((_KNEES, "knees"), (_FEET, "feet")):
        places = dance.points[:, joints]
        # One foot may be behind the other; both must not be out.
        out = ((places[..., 1] > height - 1) | (places[..., 2] < SEEN)).all(axis=1)
        if out.mean() > CUT_OFF:
            raise BodyError(
                f"The dancer's {name} are out of the picture in {100 * out.mean():.0f} % of the clip: "
                "choose one that shows the whole body, down to the feet."
            )


def steadied_dance(dance: Choreography, strength: float) -> Choreography:
    """The dance without trembling; `strength` as in `follow`. Works in body heights: a clip's size does not matter."""
    if strength == 0 or len(dance) < 2:
        return dance
    calmer = 2.0 ** (6 * (0.5 - strength))
    tall = max(float(np.percentile(np.ptp(dance.points[..., 1], axis=1), 90)), 1.0)

    def calm(signal: np.ndarray, rest: float, gain: float) -> np.ndarray:
        return steadied(signal, fps=dance.fps, rest=rest * calmer, gain=gain, patience=PATIENCE)

    places = tall * calm(dance.points[..., :2].astype(np.float64) / tall, REST, GAIN)
    seen = calm(dance.points[..., 2:].astype(np.float64), SEEN_REST, SEEN_GAIN)
    points: Float32[np.ndarray, "time 33 3"] = np.concatenate([places, seen.clip(0, 1)], axis=-1).astype(np.float32)
    return Choreography(points, dance.fps, dance.gaps)


def pose_distance(one: BodyPoints, other: BodyPoints) -> float:
    """Mean distance of the points that both are sure of, px; nan where there are none (EDN's pose distance)."""
    sure = (one[:, 2] > SEEN) & (other[:, 2] > SEEN)
    apart = np.linalg.norm((one - other)[sure, :2], axis=1)
    return float(apart.mean()) if len(apart) else float("nan")


def _gaps(seen: Sequence[Body | None]) -> tuple[tuple[int, int], ...]:
    """Runs of frames without a body, as (first, one past the last)."""
    missing = np.array([body is None for body in seen], dtype=np.int8)
    edges = np.flatnonzero(np.diff(missing, prepend=0, append=0))
    return tuple((int(first), int(stop)) for first, stop in edges.reshape(-1, 2))
