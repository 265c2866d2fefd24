"""The driver: a clip of one person, measured once, or a motion file that was measured before."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import overload

import numpy as np
from jaxtyping import Float32

from living_portraits import choreography, draw, face, motion_file, video
from living_portraits.align import Crop
from living_portraits.engine import Frame
from living_portraits.errors import MediaError, OptionError
from living_portraits.film_options import Options
from living_portraits.motion import expressed, forgotten
from living_portraits.notices import Notice, tell
from living_portraits.pipeline import ahead

MOTION_SUFFIX = motion_file.SUFFIX
_RESTLESS = 2.0  # `forgotten` in the middle of an expression; at rest, or about to speak, it is less than 1
SKETCH = 512  # side of the drawing that stands for a driver without pictures, px


class Driver:
    """What moves the portrait. Opening it reads the header alone; `follow` does the work.

    Attributes:
        path: a clip, a folder of pictures, or a motion file.
        info: what the clip holds; None for a motion file.
        fps: frames a second that the film will have.

    Raises:
        MediaError: it cannot be read, or is a single picture.
    """

    def __init__(self, path: Path, options: Options) -> None:
        self.path = path
        self.info: video.VideoInfo | None = None
        self._options = options
        self._saved: face.FaceTrack | None = None
        if path.suffix.lower() == MOTION_SUFFIX:
            self._saved = motion_part(path, options)
            self.fps = self._saved.fps
            return
        if path.suffix.lower() == choreography.SUFFIX:
            raise MediaError(
                f"{path} is the motion of a body, which the command dance takes; a portrait needs a face's."
            )
        if video.is_still(path):
            raise MediaError(f"{path} is a single picture and moves nobody; take a clip or a {MOTION_SUFFIX} file.")
        self.info = video.probe(path)
        self.fps = options.fps or self.info.fps

    @property
    def sound(self) -> video.Sound | None:
        """Its sound, cut as its frames are."""
        if self.info is None or self.info.sound is None:
            return None
        return video.Sound(self.path, self._options.start, self._options.end)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of what `pictures` gives."""
        return (SKETCH, SKETCH) if self.info is None else (self.info.height, self.info.width)

    @property
    def expected(self) -> int:
        """About how many frames there are to follow."""
        if self.info is None:
            return len(self._saved or ())
        # A folder's pictures last as long as the rate says that they are shown at.
        length = self.info.frames / self.fps if self.path.is_dir() else self.info.duration
        end = min(self._options.end or length, length)
        return max(round((end - self._options.start) * self.fps), 1)

    def frames(self) -> Iterator[Frame]:
        """The clip's frames that count, decoded as they are asked for."""
        return video.read_frames(self.path, start=self._options.start, end=self._options.end, fps=self._options.fps)

    def follow(self, on_frame: Callable[[int], None] | None = None) -> face.FaceTrack:
        """Its face through time; `on_frame` hears of every frame. Raises FaceError if the face is lost for long."""
        if self._saved is not None:
            return self._saved
        return face.follow(self.frames(), fps=self.fps, smoothing=self._options.smoothing, on_frame=on_frame)

    def pictures(self, track: face.FaceTrack) -> Iterator[Frame]:
        """What to show of it beside the result: its frames, or a drawing of its motion."""
        if self.info is not None:
            return self.frames()
        crop = Crop.around(track.points[0], size=SKETCH)
        return (draw.portrait_of(crop.to_crop(points), size=SKETCH) for points in track.points)


class DriverCrops(Sequence[Frame]):
    """The driver's face, cut out of frames that are decoded anew at each pass; made for going through in order."""

    def __init__(self, driver: Driver, crop: Crop, length: int) -> None:
        self._driver, self._crop, self._length = driver, crop, length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Frame]:
        return ahead(self._taken(range(self._length)))

    @overload
    def __getitem__(self, index: int) -> Frame: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Frame]: ...

    def __getitem__(self, index: int | slice) -> Frame | Sequence[Frame]:
        """One frame or several; decodes the clip from its start up to there."""
        wanted = range(self._length)[index]
        if isinstance(wanted, int):
            return next(self._taken(range(wanted, wanted + 1)))
        taken = dict(zip(sorted(wanted), self._taken(wanted), strict=False))  # shorter if the clip breaks off
        return [taken[number] for number in wanted]

    def _taken(self, wanted: range) -> Iterator[Frame]:
        """The crops of these frames, in the clip's order."""
        frames = enumerate(islice(self._driver.frames(), max(wanted, default=-1) + 1))
        return (self._crop.take(frame) for number, frame in frames if number in wanted)


def neutral_index(track: face.FaceTrack, options: Options) -> int:
    """The frame that counts as no expression. Raises OptionError if the driver has no such frame."""
    if options.neutral_frame == "auto":
        return face.neutral_frame(track)
    index = int(options.neutral_frame)
    if index >= len(track):
        raise OptionError(
            f"The driver has no frame {index} to be the neutral one; choose from 0 to {len(track) - 1}, or auto."
        )
    return index


def tell_if_restless(track: face.FaceTrack, options: Options) -> None:
    """Says so where the neutral frame, which nobody chose, is in the middle of an expression that would be lost."""
    if options.neutral_frame != Options.neutral_frame:
        return
    if forgotten(track.points[:1], track.blendshapes[:1])[0] < _RESTLESS:
        return
    moved = expressed(track.points, track.blendshapes)
    calmest = int(moved.argmin())
    if moved[calmest] < moved[0] / 2:
        tell(
            Notice(
                "The driver's first frame, in the middle of an expression, counts as none, so that is lost; "
                "neutral_frame auto takes the calmest instead."
            )
        )
    elif options.start:
        tell(
            Notice(
                "The driver's part begins in the middle of an expression, which counts as none and is lost; "
                "start where the face is at rest."
            )
        )


def motion_part(path: Path, options: Options) -> face.FaceTrack:
    """The part of a motion file that a film shows. Raises MediaError where it is over before the start."""
    return _resampled(_load(path), path, options)


def _load(path: Path) -> face.FaceTrack:
    points, blendshapes, fps = motion_file.load_motion(path)
    heads = np.tile(np.eye(4, dtype=np.float32), (len(points), 1, 1))
    return face.FaceTrack(points, blendshapes, heads, fps)


def _resampled(track: face.FaceTrack, path: Path, options: Options) -> face.FaceTrack:
    """The part from start to end, at the rate asked for, as it would be cut from a clip."""
    duration = len(track) / track.fps
    if options.start >= duration:
        raise MediaError(f"{path} is over after {duration:.2f} s, so it cannot start at {options.start:g} s.")
    fps = options.fps or track.fps
    end = min(options.end or duration, duration)
    count = max(round((end - options.start) * fps), 1)
    places = np.clip((options.start + np.arange(count) / fps) * track.fps, 0, len(track) - 1)
    return face.FaceTrack(
        _between(track.points, places), _between(track.blendshapes, places), _between(track.heads, places), fps
    )


def _between(values: Float32[np.ndarray, "time *rest"], places: np.ndarray) -> Float32[np.ndarray, "places *rest"]:
    """`values` at fractional indices, interpolated linearly."""
    low = np.floor(places).astype(int)
    high = np.minimum(low + 1, len(values) - 1)
    share = (places - low).reshape(-1, *[1] * (values.ndim - 1)).astype(np.float32)
    return values[low] * (1 - share) + values[high] * share
