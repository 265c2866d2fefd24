"""Clips: one face from the first frame to the last, without holes and without trembling."""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import TypeAlias

import cv2
import numpy as np
from jaxtyping import UInt8

from living_portraits.engine import Frame
from living_portraits.errors import FaceError, OptionError
from living_portraits.face.ladder import LADDER, plausible, search, upright
from living_portraits.face.landmarker import Landmarker, Landmarkers
from living_portraits.face.model import Face, FaceTrack, apart, distance
from living_portraits.face.steady import bridged, steadied_track
from living_portraits.face.view import Matrix, View, moved, shown
from living_portraits.pipeline import ahead

WINDOW = 256  # px; a larger one shows the networks no more
STRAY = 0.1  # of the window: how far a corner of it may be from where it should be before it is laid anew
REACH = 1.0  # extents, half a face; a face farther from where the last one was is somebody else's, unless after a cut
ROVING = 2.5  # extents a second by which that reach grows while the face is not to be seen
CUT = 0.12  # mean change of brightness between two frames, as a share of white, that only a cut makes
SEARCH = 2.0  # seconds between two thorough searches of a clip that has shown no face yet
SETTLING = 2  # looks through a new window before one counts
AHEAD = 2  # frames that are decoded and cut out beside the one that is looked at

Thumbnail: TypeAlias = UInt8[np.ndarray, "32 32"]


@dataclass(frozen=True, eq=False)
class _Sight:
    """A frame, and what is made of it before it is known where the face was in the frame before.

    Attributes:
        thumbnail: a few pixels of it, which tell a cut.
        view: what the follower's window showed of it; of use if the window has not moved since, as it seldom does.
    """

    frame: Frame
    thumbnail: Thumbnail
    view: View | None


@dataclass(frozen=True, eq=False)
class _Glimpse:
    """The faces that a window showed which lay there."""

    matrix: Matrix
    faces: list[Face]


def follow(
    frames: Iterable[Frame],
    *,
    fps: float,
    smoothing: float = 0.5,
    which: int = 0,
    max_gap: float = 0.5,
    on_frame: Callable[[int], None] | None = None,
) -> FaceTrack:
    """One face through a clip, read as a stream: only numbers are kept.

    Args:
        frames: uint8 RGB, all of one size.
        fps: frames a second.
        smoothing: strength in [0, 1]; 0 leaves every measurement as it is. The pose is calmed more than the
            expression, neither lags.
        which: the face to stay with, by size in the first frame that shows one; 0 is the largest.
        max_gap: seconds without a detection that are filled in by interpolation.
        on_frame: told the number of frames seen so far, after each.

    Raises:
        FaceError: no face at all, fewer than `which` asks for, or lost for longer than `max_gap`.
        OptionError: `smoothing`, `which` or `max_gap` out of range.
    """
    _check(fps, smoothing, which, max_gap)
    seen: list[Face | None] = []
    missing = 0
    with closing(_looked_for(frames, which, fps)) as faces:
        for number, face in enumerate(faces):
            first = face is not None and missing == len(seen)
            missing = 0 if face is not None else missing + 1
            seen.append(face)
            if first and number > max_gap * fps:
                raise FaceError(
                    f"The clip's first face appears at {timecode(number / fps)}: "
                    f"start there, or choose a clip that shows a face from the beginning."
                )
            if missing > max_gap * fps and missing < len(seen):
                raise FaceError(
                    f"The face is lost at {timecode((number + 1 - missing) / fps)} for longer than {max_gap:g} s: "
                    "cut the clip before or after, or choose another."
                )
            if on_frame is not None:
                on_frame(number + 1)
    if all(face is None for face in seen):
        raise FaceError(f"The clip shows no face in its {len(seen) / fps:.1f} s: choose one that does.")
    return steadied_track(bridged(seen, fps), smoothing)


def _looked_for(frames: Iterable[Frame], which: int, fps: float) -> Generator[Face | None, None, None]:
    """The followed face in each frame. The next frames are decoded and cut out while two are looked at.

    Two at a time, by two landmarkers: each begins where the face was two frames before.
    """
    with Landmarkers() as own, Landmarkers() as others, ThreadPoolExecutor(1) as beside:
        follower = _Follower(_Eye(own), which, fps, other=_Eye(others))
        with closing(ahead(map(follower.prepared, frames), depth=AHEAD)) as sights:
            number = 0
            for sight, following in _by_twos(sights):
                glimpse = None
                if following is not None and follower.matrix is not None:
                    follower.other.opened(follower.confidence)  # here: it hushes the process while it loads
                    glimpse = beside.submit(follower.glimpsed, following, follower.matrix)
                yield follower.look(sight, number)
                if following is not None:
                    yield follower.look(following, number + 1, None if glimpse is None else glimpse.result())
                number += 2


def _by_twos(sights: Iterator[_Sight]) -> Iterator[tuple[_Sight, _Sight | None]]:
    """Each with the one that follows; what goes wrong there comes after the one before."""
    for sight in sights:
        try:
            following = next(sights, None)
        except BaseException:
            yield sight, None
            raise
        yield sight, following


def _check(fps: float, smoothing: float, which: int, max_gap: float) -> None:
    if not 0 <= smoothing <= 1:
        raise OptionError(f"smoothing is {smoothing:g}, but must lie between 0 (off) and 1 (strongest).")
    if which < 0:
        raise OptionError(f"Face number {which} does not exist: faces are counted from 0, the largest.")
    if max_gap < 0 or fps <= 0:
        raise OptionError(f"max_gap is {max_gap:g} s at {fps:g} frames a second, but neither may be negative or none.")


def timecode(seconds: float) -> str:
    """Minutes, seconds and tenths: "01:02.5"."""
    tenths = round(seconds * 10)
    return f"{tenths // 600:02d}:{tenths % 600 // 10:02d}.{tenths % 10}"


@dataclass(eq=False)
class _Eye:
    """Landmarkers, and the window that the one that follows is used to."""

    landmarkers: Landmarkers
    window: Matrix | None = None

    def opened(self, confidence: float) -> Landmarker:
        """The landmarker that follows."""
        return self.landmarkers.at(confidence, video=True)

    def look(self, view: View, confidence: float) -> list[Face]:
        """The face where it was before.

        A window that is new is looked through a few times: at first points are off by up to a hundredth of the face,
        as the landmarker goes by where it saw them last.
        """
        landmarker = self.opened(confidence)
        for _ in range(0 if self.window is view.matrix else SETTLING):
            view.look(landmarker, found_by="window")
        self.window = view.matrix
        return view.look(landmarker, found_by="window")


@dataclass
class _Follower:
    """Finds the face of the frame before in each new frame.

    The face is looked at through an upright window that stays where it is until the face strays: this costs the same
    for 4K as for a webcam, and holds small faces, tilted heads and one face among several.
    """

    eye: _Eye
    which: int
    fps: float
    other: _Eye = field(repr=False)  # for what is looked at meanwhile
    last: Face | None = None
    missed: int = 0  # frames since `last`
    matrix: Matrix | None = field(default=None, repr=False)  # of the window
    confidence: float = 0.5  # what the window demands: no more than the rung did that found the first face
    thumbnail: Thumbnail | None = field(default=None, repr=False)

    def prepared(self, frame: Frame) -> _Sight:
        """What `look` needs of a frame; may be called a few frames ahead, from another thread."""
        matrix = self.matrix
        return _Sight(frame, _thumbnail(frame), None if matrix is None else shown(frame, matrix, (WINDOW, WINDOW)))

    def glimpsed(self, sight: _Sight, matrix: Matrix) -> _Glimpse:
        """What `look` may find in a frame, if the window is then still at `matrix`; from another thread."""
        return _Glimpse(matrix, self.other.look(self._view(sight, matrix), self.confidence))

    def look(self, sight: _Sight, number: int, glimpse: _Glimpse | None = None) -> Face | None:
        """The followed face in this frame, if it is to be seen."""
        before, self.thumbnail = self.thumbnail, sight.thumbnail
        cut = before is not None and float(cv2.absdiff(before, sight.thumbnail).mean()) > CUT * 255
        face = self._first(sight.frame, number) if self.last is None else self._next(sight, self.last, cut, glimpse)
        if face is None:
            self.missed += 1
            return None
        self.last, self.missed = face, 0
        return face

    def _first(self, frame: Frame, number: int) -> Face | None:
        rungs = LADDER if number % max(round(SEARCH * self.fps), 1) == 0 else LADDER[:2]
        faces = search(frame, self.eye.landmarkers, rungs)
        if not faces:
            return None
        if self.which >= len(faces):
            raise FaceError(
                f"Face number {self.which} does not exist: where the clip first shows a face, it shows "
                f"{'one, number 0' if len(faces) == 1 else f'{len(faces)}, numbers 0 to {len(faces) - 1}'}."
            )
        chosen = faces[self.which]
        self.confidence = next(rung.confidence for rung in LADDER if rung.name == chosen.found_by)
        return chosen

    def _next(self, sight: _Sight, last: Face, cut: bool, glimpse: _Glimpse | None) -> Face | None:
        if not cut:
            face = self._through_window(sight, last, glimpse)
            if face is not None:
                return face
        faces = search(sight.frame, self.eye.landmarkers, LADDER[:2])
        near = self._nearest(faces, last)
        return faces[0] if near is None and faces and cut else near

    def _through_window(self, sight: _Sight, last: Face, glimpse: _Glimpse | None) -> Face | None:
        wanted = upright(last, WINDOW)
        if self.matrix is None or _strayed(self.matrix, wanted):
            self.matrix = wanted
        view = self._view(sight, self.matrix)
        near = self._nearest(self._plausible(self._followed(sight, view, glimpse), sight), last)
        if near is not None:
            return near
        afresh = view.look(self.eye.landmarkers.at(self.confidence), found_by="window")
        return self._nearest(self._plausible(afresh, sight), last)  # the quick one may hold on to a neighbour

    def _followed(self, sight: _Sight, view: View, glimpse: _Glimpse | None) -> list[Face]:
        """Whom the eye whose turn it is sees."""
        if glimpse is None:
            return self.eye.look(view, self.confidence)
        return (glimpse if glimpse.matrix is view.matrix else self.glimpsed(sight, view.matrix)).faces

    @staticmethod
    def _plausible(faces: list[Face], sight: _Sight) -> list[Face]:
        return [face for face in faces if plausible(face, sight.frame)]

    @staticmethod
    def _view(sight: _Sight, matrix: Matrix) -> View:
        """What the window shows there."""
        view = sight.view
        return view if view is not None and view.matrix is matrix else shown(sight.frame, matrix, (WINDOW, WINDOW))

    def _nearest(self, faces: list[Face], last: Face) -> Face | None:
        """Of these faces the one nearest to the last, if it is near enough to be the same."""
        reach = REACH + ROVING * self.missed / self.fps
        close = [face for face in faces if apart(last.points, face.points) < reach]
        return min(close, key=lambda face: distance(last.points, face.points), default=None)


class Watcher:
    """Follows the face of whoever is before a camera, frame by frame as they come; use it in a `with` block.

    Nothing is smoothed or bridged: what is to come is not known. A face that was lost is found again wherever it is.
    """

    def __init__(self, fps: float = 25.0) -> None:
        self._landmarkers = Landmarkers()
        eye = _Eye(self._landmarkers)
        self._follower = _Follower(eye, 0, fps, other=eye)

    def __enter__(self) -> "Watcher":
        self._landmarkers.__enter__()
        return self

    def __exit__(self, *failure: object) -> None:
        self._landmarkers.__exit__(None, None, None)

    def look(self, frame: Frame) -> Face | None:
        """The face in the newest frame, if there is one."""
        # Number 1: a camera that sees nobody yet is not searched as thoroughly, and slowly, as a clip's first frame.
        return self._follower.look(self._follower.prepared(frame), 1)


def _thumbnail(frame: Frame) -> Thumbnail:
    step = max(min(frame.shape[:2]) // 64, 1)
    small = cv2.resize(np.ascontiguousarray(frame[::step, ::step]), (32, 32), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))


def _strayed(window: Matrix, wanted: Matrix) -> bool:
    """Whether a window lies so far from where it should that a corner is off by more than `STRAY`."""
    corners = np.array([[0, 0], [WINDOW, 0], [WINDOW, WINDOW], [0, WINDOW]], dtype=np.float64)
    off = moved(moved(corners, window, back=True), wanted) - corners
    return bool(np.linalg.norm(off, axis=1).max() > STRAY * WINDOW)
