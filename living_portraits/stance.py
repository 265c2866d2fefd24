"""Global pose normalisation: a dancer of another size, at another distance, stands on the target's floor in their size.

EDN = Everybody Dance Now, Chan et al. 2019 (arXiv 1808.07371), section 4 and its code. Of every clip four numbers are
taken: how low the feet are when the person is nearest and farthest, and how tall the person is there.

With f the floor line of a frame (see `floor`), near/far that line where the person is nearest and farthest, and H the
person's height on those lines:

    share   p = (f_source - far_source) / (near_source - far_source)
    floor   m = far_target + p (near_target - far_target)
    scale   s = s_far + p (s_near - s_far),   s_near = H_target(near) / H_source(near), s_far likewise
    point   y' = m + s (y - f_source),        x' = c_target + k s (g - c_source) + s (x - g)

where g is the middle between the feet and c the middle of its travel. Where the source walks a shorter way (in the
target's measure) than the target did, the target's range is narrowed about its middle to that way, as in EDN.

Three things differ from the published code, on purpose:
- it tests the left ear's confidence where it means the left ankle's; here a point is tested by its own;
- it scales about a point that does not move and then shifts: whom it enlarges sinks into the floor on coming nearer
  than in the first frame, and is lifted off it on going farther away; here the feet are the centre;
- a jump moves its feet up, which it takes for a step back; here the floor line is where the feet rest around that time.
k, at most 1, shortens the way to the side where the dancer would leave the picture.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, Float64

from living_portraits import skeleton
from living_portraits.choreography import Choreography
from living_portraits.errors import BodyError

SEEN = 0.4  # visibility from which a point is believed
REST = 0.8  # seconds, about a frame, in which feet rest on the floor at least once
CALM = 0.2  # seconds over which the floor line is smoothed
BESIDE = 0.05  # of the range of floor lines: frames so near its ends tell the heights there, as in EDN
HORIZON = 0.5  # EDN: the far line lies at most this share of (near - median) beyond the median
LEAST = 0.05  # of a height: a shorter range of floor lines is no walk
MARGIN = 0.06  # of the picture's width that stays free beside the dancer's feet

Points = Float32[np.ndarray, "time 33 3"]
Line = Float64[np.ndarray, "time"]

_ANKLES = (skeleton.LEFT_ANKLE, skeleton.RIGHT_ANKLE)
_EARS = (skeleton.LEFT_EAR, skeleton.RIGHT_EAR)


@dataclass(frozen=True)
class Stance:
    """Where and how tall a person stands in a clip, px of its frames.

    Attributes:
        near, far: floor lines (y of the feet) when nearest and farthest; near >= far.
        near_height, far_height: from the ankles to the head on these lines.
        middle: x, the middle of the way that the feet take to the side.
        reach: half the length of that way.
    """

    near: float
    far: float
    near_height: float
    far_height: float
    middle: float
    reach: float

    def height(self, line: float) -> float:
        """How tall the person is with the feet on `line`."""
        if self.near - self.far < 1e-6:
            return self.near_height
        share = (line - self.far) / (self.near - self.far)
        return self.far_height + share * (self.near_height - self.far_height)


def measure(points: Points, *, fps: float) -> Stance:
    """The stance of a clip's dancer.

    Raises:
        BodyError: feet and head are never to be seen together.
    """
    lines, heights = floor(points, fps=fps), tall(points)
    near = float(np.percentile(lines, 99))
    median = float(np.median(lines))
    candidates = lines[(lines <= median) & (lines >= median - HORIZON * (near - median))]
    far = float(candidates.min()) if len(candidates) else median
    slack = max(BESIDE * (near - far), 0.5)
    upright = [float(heights[np.abs(lines - line) <= slack].max(initial=0.0)) for line in (near, far)]
    most = float(heights.max())
    upright = [height or most for height in upright]
    if near - far < LEAST * most:  # no walk: one height, the upright one
        upright = [most, most]
    side = feet(points)[:, 0]
    low, high = np.percentile(side, [1, 99])
    return Stance(near, far, upright[0], upright[1], float(low + high) / 2, float(high - low) / 2)


def normalised(dance: Choreography, target: Stance, *, size: int) -> Choreography:
    """The dance as the target's body would stand, px of the target's square picture of `size`; see the module.

    Raises BodyError as `measure` does.
    """
    source = measure(dance.points, fps=dance.fps)
    lines, middles = floor(dance.points, fps=dance.fps), feet(dance.points)[:, 0]
    near, far = _range(source, target)
    way = source.near - source.far
    # A source that stays where it is stands in the middle of the target's (narrowed) range.
    share = (lines - source.far) / way if way > LEAST * source.near_height else np.full(len(lines), 0.5)
    near_scale = target.height(near) / source.near_height
    far_scale = target.height(far) / source.far_height
    scale = np.clip(far_scale + share * (near_scale - far_scale), 0.2 * far_scale, 5 * near_scale)
    ground = far + share * (near - far)
    offset = scale * (middles - source.middle)
    room = max(min(target.middle, size - 1 - target.middle) - MARGIN * size, 0.0)
    most = float(np.percentile(np.abs(offset), 99))
    keep = min(1.0, room / most) if most > 0 else 1.0
    moved = dance.points.astype(np.float64)
    moved[..., 0] = (target.middle + keep * offset)[:, None] + scale[:, None] * (moved[..., 0] - middles[:, None])
    moved[..., 1] = ground[:, None] + scale[:, None] * (moved[..., 1] - lines[:, None])
    return Choreography(moved.astype(np.float32), dance.fps, dance.gaps)


def _range(source: Stance, target: Stance) -> tuple[float, float]:
    """The target's floor lines that the source's range is spread over."""
    zoom = (target.near_height + target.far_height) / (source.near_height + source.far_height)
    way = zoom * (source.near - source.far)
    if way >= target.near - target.far:
        return target.near, target.far
    middle = (target.near + target.far) / 2
    return middle + way / 2, middle - way / 2


# --- feet, floor and height -------------------------------------------------------------------------------------------


def feet(points: Points) -> Float64[np.ndarray, "time 2"]:
    """The middle between the feet, through one calm filter; where they are hidden it stays where it was."""
    ankles = points[:, _ANKLES, :2].astype(np.float64).mean(axis=1)
    return _held(ankles, _both(points, _ANKLES))


def floor(points: Points, *, fps: float) -> Line:
    """Where the floor is under the dancer, y in px: the lower ankle, as low as it gets around each moment.

    A foot in the air is no floor, so the line is the running maximum over `REST` seconds, smoothed.
    """
    lower = _held(points[:, _ANKLES, 1].max(axis=1).astype(np.float64)[:, None], _both(points, _ANKLES))[:, 0]
    width = max(round(REST * fps), 1)
    half = width // 2
    padded = np.pad(lower, half, mode="edge")
    highest = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1).max(axis=1)
    row = np.ascontiguousarray(highest[None])
    return np.asarray(cv2.GaussianBlur(row, (0, 0), max(CALM * fps, 0.5), borderType=cv2.BORDER_REPLICATE))[0]


def tall(points: Points) -> Line:
    """|head - middle of the ankles| (EDN), px; the head is the nose or else the ears; 0 where they are hidden."""
    nose_seen, ears_seen = points[:, skeleton.NOSE, 2] > SEEN, _both(points, _EARS)
    head = np.where(nose_seen[:, None], points[:, skeleton.NOSE, :2], points[:, _EARS, :2].mean(axis=1))
    length = np.linalg.norm(head - points[:, _ANKLES, :2].mean(axis=1), axis=1)
    heights = np.where((nose_seen | ears_seen) & _both(points, _ANKLES), length, 0.0).astype(np.float64)
    if not heights.any():
        raise BodyError("Feet and head are never to be seen at once: choose a clip that shows the whole body.")
    return heights


def _both(points: Points, pair: tuple[int, int]) -> np.ndarray:
    """Whether both points are to be seen, each by its own visibility."""
    return np.asarray((points[:, pair, 2] > SEEN).all(axis=1))


def _held(values: Float64[np.ndarray, "time axes"], known: np.ndarray) -> Float64[np.ndarray, "time axes"]:
    """`values`, the last known one repeated where they are not known (at the start, the first)."""
    if not known.any():
        raise BodyError("The feet are never to be seen: choose a clip that shows the whole body.")
    last = np.maximum.accumulate(np.where(known, np.arange(len(known)), -1))
    return values[np.where(last < 0, int(np.argmax(known)), last)]
