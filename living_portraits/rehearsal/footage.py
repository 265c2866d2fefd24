"""A target clip, ready to be learned from: square frames, points in them, and the empty stage."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from living_portraits import body, skeleton, stance, video
from living_portraits.align import Crop
from living_portraits.choreography import Choreography
from living_portraits.engine import Frame
from living_portraits.errors import BodyError, MediaError
from living_portraits.notices import Notice, tell
from living_portraits.skeleton import BodyPoints

FPS = 25.0  # faster clips are thinned out: neighbours teach the same
ROOM_BYTES = 2 << 30  # of memory for the frames: seven minutes at 256 px, nearly two at 512
SHORTEST, SHORT = 3.0, 20.0  # seconds: refused, warned of
STIFF = 0.02  # of the body's height: joints that move less, on average, show one pose alone
ROOM = 1.15  # side of the square stage over what the dancer's points span
HELD_OUT = 0.1  # of the clip, at its end
PLATE_FRAMES = 72  # looked at for the empty stage
UNSTEADY = 3.5  # levels of 255 by which the empty stage changes: 0 to 1 from a tripod, 6 where the camera pans
_BODY = 0.16  # thickness, in heights, of what a skeleton's line hides
_NEVER = 0.12  # share of frames in which a pixel must be free to be known

Shots = UInt8[np.ndarray, "time size size 3"]


class ShortClipWarning(UserWarning):
    """The clip teaches little."""


class MovingCameraWarning(UserWarning):
    """The stage will come out blurred."""


@dataclass(frozen=True, eq=False)
class Footage:
    """One person, filmed by a camera that stands still.

    Attributes:
        frames: `[T, size, size, 3]`.
        dance: the person's points, px of these frames.
        plate: the stage without them.
        taught: frames before this index are for teaching; the clip's end is held out.
        tracked: the same dance in px of the clip itself.
    """

    frames: Shots
    dance: Choreography
    plate: Frame
    taught: int
    tracked: Choreography

    @property
    def size(self) -> int:
        return int(self.plate.shape[0])

    @property
    def taught_points(self) -> Float32[np.ndarray, "time 33 3"]:
        """Of the frames that are taught, px."""
        return self.dance.points[: self.taught]

    @property
    def stance(self) -> stance.Stance:
        """Of the frames that are taught."""
        return stance.measure(self.taught_points, fps=self.dance.fps)


def open_target(
    path: Path,
    *,
    size: int,
    tracked: Choreography | None = None,
    start: float = 0.0,
    end: float | None = None,
    on_frame: Callable[[int], None] | None = None,
) -> Footage:
    """The clip as footage of `size` px; `tracked` saves the tracking where it was done before.

    Raises:
        MediaError: no clip, or it cannot be read.
        BodyError: nobody, several people, too short, hardly a movement, or not the whole body.
    """
    fps = rate(path)
    clip = video.probe(path)
    seconds = min(end or clip.duration, clip.duration) - start
    if seconds < SHORTEST:
        raise BodyError(
            f"{path.name} shows {seconds:.1f} s: a dancer is learned from {SHORTEST:g} s at least, better a minute."
        )
    if tracked is None:
        frames = video.read_frames(path, start=start, end=end, fps=fps)
        tracked = body.follow(frames, fps=fps, on_frame=on_frame)
    check_moves(tracked)
    if seconds < SHORT:
        tell(
            ShortClipWarning(
                f"{path.name} shows {seconds:.1f} s: poses that it does not show will be guesses; a minute "
                "teaches more."
            )
        )
    crop = stage(tracked, size=size)
    taken = (crop.take(frame) for frame in video.read_frames(path, start=start, end=end, fps=fps))
    found = footage(taken, placed(tracked, crop), tracked, size=size)
    if len(tracked) > room(size):
        tell(
            Notice(
                f"Of {path.name} the first {room(size) / fps:.0f} s are learned: at {size} px there is no room for "
                "more; a smaller size has more, or choose another part."
            )
        )
    if unsteadiness(found.frames, found.dance.points, found.plate) > UNSTEADY:
        tell(
            MovingCameraWarning(
                f"In {path.name} what is behind the dancer changes, as where the camera moves: it will come out "
                "blurred; a camera that stands still teaches more."
            )
        )
    return found


def rate(path: Path) -> float:
    """Frames a second that a clip is learned at. Raises MediaError for a still."""
    if video.is_still(path):
        raise MediaError(f"{path} is a single picture, which teaches no dance; take a clip.")
    return min(video.probe(path).fps, FPS)


def room(size: int) -> int:
    """How many frames of `size` px are learned from, at most."""
    return ROOM_BYTES // (3 * size**2)


def footage(
    frames: Iterator[Frame] | Sequence[Frame], dance: Choreography, tracked: Choreography, *, size: int
) -> Footage:
    """Frames and points of one length; what is longer than there is room for is cut."""
    count = min(len(dance), room(size))
    store = np.empty((count, size, size, 3), np.uint8)
    filled = 0
    for filled, frame in enumerate(frames, 1):
        store[filled - 1] = frame
        if filled == count:
            break
    store = store[:filled]
    points = Choreography(dance.points[:filled], dance.fps, tuple(gap for gap in dance.gaps if gap[1] <= filled))
    taught = max(round(filled * (1 - HELD_OUT)), 2)
    return Footage(store, points, empty_stage(store[:taught], points.points[:taught]), taught, tracked)


def check_moves(dance: Choreography) -> None:
    """Raises BodyError where the dancer holds one pose: it would be all that is learned."""
    points = dance.points[..., :2].astype(np.float64)
    tall = max(float(np.median(np.ptp(points[..., 1], axis=1))), 1.0)
    spread = (points - points.mean(axis=1, keepdims=True)).std(axis=0).mean() / tall
    if spread < STIFF:
        raise BodyError(
            f"The dancer hardly moves (joints by {100 * spread:.1f} % of the body's height): "
            "take a clip that shows many poses."
        )


def stage(dance: Choreography, *, size: int) -> Crop:
    """The square that holds the dancer all the while, scaled to `size` px."""
    low = np.percentile(dance.points[..., :2], 1, axis=(0, 1))
    high = np.percentile(dance.points[..., :2], 99, axis=(0, 1))
    lowest, highest = dance.points[..., :2].min(axis=(0, 1)), dance.points[..., :2].max(axis=(0, 1))
    span = np.maximum(high, (high + highest) / 2) - np.minimum(low, (low + lowest) / 2)
    side = max(ROOM * float(span.max()), 8.0)
    centre = (np.minimum(low, (low + lowest) / 2) + np.maximum(high, (high + highest) / 2)) / 2
    zoom = size / side
    shift = (size - 1) / 2 - zoom * centre
    matrix: Float64[np.ndarray, "2 3"] = np.column_stack([zoom * np.eye(2), shift]).astype(np.float64)
    return Crop(matrix, size)


def placed(dance: Choreography, crop: Crop) -> Choreography:
    """The dance in px of the crop."""
    points = dance.points.copy()
    points[..., :2] = crop.zoom * points[..., :2] + crop.matrix[:, 2].astype(np.float32)
    return Choreography(points, dance.fps, dance.gaps)


# --- the empty stage --------------------------------------------------------------------------------------------------


def empty_stage(frames: Shots, points: np.ndarray) -> Frame:
    """The plate: of each pixel the median over the frames in which nobody hides it; what is never free is filled in."""
    some = _looked_at(len(frames))
    shots = frames[some].astype(np.float32)
    hidden = np.stack([hides(points[index], size=frames.shape[1]) for index in some])
    free = (~hidden).sum(axis=0)
    shots[hidden] = np.nan
    seldom = (free < max(_NEVER * len(some), 1)).astype(np.uint8)
    unknown = cv2.dilate(seldom, np.ones((5, 5), np.uint8)).astype(bool)  # loose cloth is wider than any guess
    shots[:, free == 0] = 0
    plate = np.rint(np.nanmedian(shots, axis=0)).astype(np.uint8)
    if not unknown.any():
        return plate
    if unknown.all():
        return np.median(frames[some], axis=0).astype(np.uint8)
    return filled(plate, unknown)


def unsteadiness(frames: Shots, points: np.ndarray, plate: Frame) -> float:
    """How far, in levels of 255, a pixel of the stage is from the plate as a rule, while nobody hides it."""
    some = _looked_at(len(frames))
    away = np.abs(frames[some].astype(np.float32) - plate).mean(axis=-1)
    away[np.stack([hides(points[index], size=frames.shape[1]) for index in some])] = np.nan
    known = ~np.isnan(away).all(axis=0)
    return float(np.median(np.nanmedian(away[:, known], axis=0))) if known.any() else 0.0


def _looked_at(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(PLATE_FRAMES, count)).astype(int))


def filled(picture: Frame, unknown: Bool[np.ndarray, "height width"]) -> Frame:
    """`picture` with its unknown pixels drawn smoothly from the known ones around, near before far."""
    known = (~unknown).astype(np.float32)[..., None]
    colours = picture * known
    sigma, reach = 1.0, float(max(picture.shape[:2]))
    done = picture.astype(np.float32)
    left = unknown.copy()
    while left.any() and sigma < 2 * reach:
        weight = cv2.GaussianBlur(known, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        blurred = cv2.GaussianBlur(colours, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        near = left & (weight > 0.02)
        done[near] = blurred[near] / weight[near, None]
        left &= ~near
        sigma *= 1.5
    soft = cv2.GaussianBlur(done, (0, 0), reach / 64)  # the rings of the steps above do not show
    return np.rint(np.where(unknown[..., None], soft, picture)).astype(np.uint8)


def hides(points: BodyPoints, *, size: int) -> Bool[np.ndarray, "size size"]:
    """Generously, which pixels the body covers: its lines as thick as loose clothes, and a disc about the head."""
    tall = float(np.ptp(points[:, 1]))
    mask = np.zeros((size, size), np.uint8)
    places = np.rint(np.clip(points[:, :2], -4 * size, 4 * size)).astype(np.int32)
    for _, course in skeleton.LIMBS:
        cv2.polylines(mask, [places[list(course)]], False, 255, max(round(_BODY * tall), 1))
    trunk = [skeleton.LEFT_SHOULDER, skeleton.RIGHT_SHOULDER, skeleton.RIGHT_HIP, skeleton.LEFT_HIP]
    cv2.fillPoly(mask, [places[trunk]], 255)
    cv2.circle(
        mask, (int(places[skeleton.NOSE, 0]), int(places[skeleton.NOSE, 1])), max(round(_BODY * tall), 1), 255, -1
    )
    return mask > 0
