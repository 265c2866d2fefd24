"""Looking at pictures through trackers and networks, each picture once."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeAlias, TypeVar

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from living_portraits.engine import Frame
from living_portraits.face.landmarker import Landmarker
from living_portraits.face.model import Face
from living_portraits.metrics import identity
from living_portraits.metrics.motion import Reading

Find: TypeAlias = Callable[[Frame], Face | None]
"""The face of a picture, in its pixels; None where there is none."""

CONFIDENCES = (0.5, 0.3)  # what the tracker demands at the first look, and at a second one where that found nothing
Seen = TypeVar("Seen")


class Tracker:
    """The largest face of each frame, every frame afresh and unsmoothed. Use it in a `with` block."""

    name = "MediaPipe face landmarker"

    def __init__(self) -> None:
        self._landmarkers = [Landmarker(confidence) for confidence in CONFIDENCES]

    def __enter__(self) -> "Tracker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for landmarker in self._landmarkers:
            landmarker.__exit__(kind, error, trace)

    def __call__(self, frame: Frame) -> Face | None:
        for landmarker in self._landmarkers:
            faces = landmarker.detect(frame)
            if faces:
                return max(faces, key=lambda face: face.area)
        return None


class Watcher:
    """Reads films; a picture seen before, as in a film that stands still, costs nothing.

    Args:
        find: the tracker.
        embed: what tells people apart, if anything.
    """

    def __init__(self, find: Find, embed: identity.Embed | None = None) -> None:
        self._find, self._embed = find, embed
        self._faces: dict[bytes, Face | None] = {}
        self._embeddings: dict[bytes, Float32[np.ndarray, "features"] | None] = {}

    def read(self, frames: Sequence[Frame]) -> Reading:
        """What the tracker sees in each frame."""
        points = np.full((len(frames), 478, 3), np.nan, np.float32)
        blendshapes = np.full((len(frames), 52), np.nan, np.float32)
        for number, frame in enumerate(frames):
            face = self._face(frame)
            if face is not None:
                points[number], blendshapes[number] = face.points, face.blendshapes
        return Reading.of(points, blendshapes)

    @property
    def knows_people(self) -> bool:
        """Whether it can tell people apart."""
        return self._embed is not None

    def embeddings(self, frames: Sequence[Frame]) -> Float32[np.ndarray, "time features"] | None:
        """Whose face each frame shows, NaN where there is none; None without an embedding or without any face."""
        if self._embed is None:
            return None
        found = [once(self._embeddings, frame, self._embedding) for frame in frames]
        length = next((len(one) for one in found if one is not None), None)
        if length is None:
            return None
        return np.stack([np.full(length, np.nan, np.float32) if one is None else one for one in found])

    def _face(self, frame: Frame) -> Face | None:
        return once(self._faces, frame, self._find)

    def _embedding(self, frame: Frame) -> Float32[np.ndarray, "features"] | None:
        face = self._face(frame)
        if face is None or self._embed is None:
            return None
        return self._embed(frame, face.points)


def once(known: dict[bytes, Seen], frame: Frame, look: Callable[[Frame], Seen]) -> Seen:
    """What `look` says of a frame; it is asked only for pictures that are not `known`."""
    key = hashlib.blake2b(np.ascontiguousarray(frame).tobytes(), digest_size=16).digest()
    if key not in known:
        known[key] = look(frame)
    return known[key]


def resized(frame: Frame, side: int) -> UInt8[np.ndarray, "side side 3"]:
    """A square frame at that side; areas are averaged when it shrinks."""
    if frame.shape[0] == side:
        return frame
    method = cv2.INTER_AREA if frame.shape[0] > side else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(frame, (side, side), interpolation=method), dtype=np.uint8)


def load_embedding(path: Path | None) -> identity.Embed | None:
    """The identity network of that file; None without one. Raises WeightsError."""
    return None if path is None else identity.mobilefacenet(path)
