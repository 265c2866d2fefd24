"""What happens to a film after it has left the house."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from living_portraits import video
from living_portraits.engine import Frame
from living_portraits.notebook.films import place


def changed(film: Path) -> Path:
    """A copy in which one bit of the pictures is another."""
    copy = Path(shutil.copy(film, place(f"changed_{film.name}")))
    content = bytearray(copy.read_bytes())
    content[content.index(b"mdat") + 2000] ^= 1
    copy.write_bytes(content)
    return copy


def copied(film: Path) -> Path:
    """A copy as a social network or a screen recorder makes it: decoded, and written anew by another program."""
    frames = list(video.read_frames(film))
    height, width = frames[0].shape[:2]
    path = place(f"copied_{film.name}")
    with video.Film(path, width=width, height=height, fps=video.probe(film).fps) as anew:
        for frame in frames:
            anew.write(frame)
    return path


def recompressed(frame: Frame, *, quality: int = 60) -> Frame:
    """A frame as a messenger hands it on: JPEG."""
    jpeg = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])


def shrunk(frame: Frame, *, side: int = 144) -> Frame:
    """A frame that was made smaller once, and larger again."""
    small = cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, frame.shape[1::-1], interpolation=cv2.INTER_LINEAR))


def each(change: Callable[[Frame], Frame], *films: Sequence[Frame]) -> tuple[list[Frame], ...]:
    """Films in which every frame is changed."""
    return tuple([change(frame) for frame in frames] for frames in films)
