"""The source, opened: a picture, and the faces in it that are to move."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from jaxtyping import UInt8

from living_portraits import face, matting, video
from living_portraits.engine import Frame
from living_portraits.errors import FaceError, MediaError, OptionError
from living_portraits.film_options import Options
from living_portraits.notices import Notice, tell

Resized: TypeAlias = UInt8[np.ndarray, "rows columns 3"]
"""A `Frame` of another size than one that it is made from."""

SEARCH_SECONDS, SEARCH_FPS = 10.0, 5.0
"""How much of a filmed source is searched for a face, and how many frames a second of it."""


@dataclass(frozen=True)
class Portrait:
    """A source.

    Attributes:
        path: where it was read from.
        picture: its pixels, not multiplied by alpha.
        faces: those that are to move, at least one.
    """

    path: Path
    picture: video.Picture
    faces: Sequence[face.Face]

    @property
    def opaque(self) -> Frame:
        """The picture as it looks in front of white."""
        picture = self.picture
        return picture.rgb if picture.alpha is None else matting.over_white(picture.rgb, picture.alpha)

    def within(self, largest: int) -> "Portrait":
        """The same with no side longer than `largest` px."""
        rgb, alpha = self.picture.rgb, self.picture.alpha
        height, width = rgb.shape[:2]
        zoom = largest / max(height, width)
        if zoom >= 1:
            return self
        size = (max(round(width * zoom), 1), max(round(height * zoom), 1))

        if alpha is None:
            picture = video.Picture(_resized(rgb, size))
        else:  # what is transparent lends nothing of its colour to what stands beside it
            black, white = (_resized(over(rgb, alpha), size) for over in (matting.over_black, matting.over_white))
            cutout = matting.cut_out(black, white)
            picture = video.Picture(cutout[..., :3], cutout[..., 3])
        faces = [replace(found, points=found.points * np.float32(zoom)) for found in self.faces]
        return Portrait(self.path, picture, faces)


def _resized(scene: Frame, size: tuple[int, int]) -> Resized:
    return np.asarray(cv2.resize(scene, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def open_portrait(path: Path, options: Options) -> Portrait:
    """Read a source and find its faces; of a film, the first frame with a face.

    Raises:
        MediaError: it cannot be read.
        FaceError: there is no face in it, or not the one that was asked for.
        OptionError: its transparency was to be kept and there is none.
    """
    for picture in _pictures(path):
        if options.alpha and picture.alpha is None:
            raise OptionError(f"{path} has no transparency that alpha could keep; leave that option out.")
        faces = _find(Portrait(path, picture, ()).opaque, options)
        if faces:
            chosen = _choose(faces, path, options)
            if picture.alpha is not None and not options.alpha:
                _say(f"The transparent parts of {path} are shown white; the option alpha keeps them.")
            return Portrait(path, picture, chosen)
    raise FaceError(
        f"There is no face to be found in {path}; take a picture in which it is larger or less turned away, "
        "or place its landmarks by hand (option points)."
    )


def _pictures(path: Path) -> Iterator[video.Picture]:
    """The one picture of a still, or some frames from a film's beginning."""
    if video.is_still(path):
        yield video.read_picture(path)
        return
    first = f"{path} is a film; its first frame with a face is taken."
    shown = False
    try:
        for frame in video.read_frames(path, end=SEARCH_SECONDS, fps=SEARCH_FPS):
            if not shown:
                _say(first)
                shown = True
            yield video.Picture(frame)
    except MediaError:
        if shown or not video.named_as_picture(path):
            raise
        picture = video.read_picture(path)  # says what is wrong with it as a picture
        _say(first)  # one that moves, of a kind that can be read as a picture alone: animated WebP
        yield picture


def _find(shown: Frame, options: Options) -> list[face.Face]:
    if options.points:
        height, width = shown.shape[:2]
        return [face.read_points(options.points, shape=(height, width))]
    return face.find(shown, backend=options.backend)


def _choose(faces: Sequence[face.Face], path: Path, options: Options) -> Sequence[face.Face]:
    if options.all_faces:
        return faces
    if options.face >= len(faces):
        there = "one face, number 0" if len(faces) == 1 else f"{len(faces)} faces, numbers 0 to {len(faces) - 1}"
        raise FaceError(f"There is no face number {options.face} in {path}: it has {there}, the largest first.")
    if len(faces) > 1 and not options.face:
        _say(
            f"There are {len(faces)} faces in {path} and the largest moves; the option face takes another "
            f"({_numbers(len(faces) - 1)}), all_faces all of them."
        )
    return [faces[options.face]]


def _numbers(last: int) -> str:
    return "1" if last == 1 else f"1 to {last}"


def _say(sentence: str) -> None:
    tell(Notice(sentence), stacklevel=3)
