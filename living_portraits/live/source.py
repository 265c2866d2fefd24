"""Where frames come from: a camera, or a clip that is played as if it were one."""

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from living_portraits import video
from living_portraits.engine import Frame
from living_portraits.errors import MediaError, OptionError

WEBCAM = "webcam"
WIDTH, HEIGHT = 640, 480
"""What a camera is asked for: enough for a face, and quick to look at."""

USUAL_FPS = 25.0
_PATIENCE = 5.0  # s without a picture, after which a camera counts as gone


@dataclass(frozen=True, eq=False)
class Shot:
    """A frame, and when it was taken, by `time.perf_counter`."""

    frame: Frame
    at: float


@dataclass(frozen=True)
class Source:
    """What is to be driven from.

    Attributes:
        name: for people.
        fps: frames a second that it gives.
        shots: opens it anew; frames come when they are taken, not sooner.
        path: of a clip.
    """

    name: str
    fps: float
    shots: Callable[[], Iterator[Shot]]
    path: Path | None = None


def open_source(told: str, *, loop: bool = False) -> Source:
    """The camera `webcam` (or `webcam:1`, the second), or a clip's path. Raises OptionError, MediaError."""
    name, _, number = told.partition(":")
    if name == WEBCAM:
        if not (number or "0").isdigit():
            raise OptionError(f"A camera is called {WEBCAM}, or {WEBCAM}:1 for the second, not {told!r}.")
        return _camera(int(number or 0))
    path = Path(told)
    if path.exists() and video.is_still(path):
        raise MediaError(f"{path} is a single picture and moves nobody; take a clip or a camera ({WEBCAM}).")
    fps = video.probe(path).fps
    return Source(path.name, fps, lambda: paced(lambda: video.read_frames(path), fps, loop=loop), path)


def paced(frames: Callable[[], Iterator[Frame]], fps: float, *, loop: bool) -> Iterator[Shot]:
    """Each frame when it is due, again from the start if `loop`; one that is late counts as taken when it is there."""
    due = time.perf_counter()
    while True:
        for frame in frames():
            time.sleep(max(due - time.perf_counter(), 0.0))
            now = time.perf_counter()
            yield Shot(frame, now)
            due += (1 + max(int((now - due) * fps), 0)) / fps  # what was lost is not made up for
        if not loop:
            return
        gc.collect()  # a decoder is freed by this alone, and so little else happens here that they would gather


def _camera(number: int) -> Source:
    # OpenCV has ten lines to say of a camera that is not there.
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        camera = cv2.VideoCapture(number)
    finally:
        cv2.utils.logging.setLogLevel(before)
    if not camera.isOpened():
        raise MediaError(f"There is no camera number {number} to be opened here; a clip can stand in: --from FILE.")
    camera.set(cv2.CAP_PROP_FRAME_WIDTH, WIDTH)
    camera.set(cv2.CAP_PROP_FRAME_HEIGHT, HEIGHT)
    camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # frames that wait in a queue are old frames
    fps = float(camera.get(cv2.CAP_PROP_FPS))
    known = np.isfinite(fps) and 1 <= fps <= 240
    return Source(f"camera {number}", fps if known else USUAL_FPS, lambda: _filmed(camera, number))


def _filmed(camera: Any, number: int) -> Iterator[Shot]:
    last = time.perf_counter()
    try:
        while True:
            there, picture = camera.read()
            now = time.perf_counter()
            if there:
                last = now
                yield Shot(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)), now)
            elif now - last > _PATIENCE:
                raise MediaError(f"Camera number {number} has given no picture for {_PATIENCE:g} s; is it still there?")
            else:
                time.sleep(0.01)
    finally:
        camera.release()  # so that its light goes out
