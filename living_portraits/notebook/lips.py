"""Closed lips as the tracker has them, and on the line that is painted between them."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from living_portraits import face, geometry, samples
from living_portraits.engine import Frame, Points
from living_portraits.notebook.faces import find_one
from living_portraits.notebook.pictures import row

_SIDE = 512  # px of the crop
_WIDE, _HIGH = 480, 270  # px of the mouth's picture
_MIDDLE = geometry.LIPS_INNER_UPPER[5]


@dataclass(frozen=True)
class Lips:
    """One portrait's mouth.

    Attributes:
        crop: `[512, 512, 3]` its face. tracked, moved: its points, px of the crop, before and after.
    """

    crop: Frame
    tracked: Points
    moved: Points

    @classmethod
    def of(cls, path: Path) -> "Lips":
        """Of the largest face in a picture. Raises FaceError where there is none."""
        picture, found = find_one(path)
        crop, source = face.as_source(picture, found, size=_SIDE)
        return cls(source.crops[0], crop.to_crop(found.points), source.points[0])

    @property
    def higher(self) -> float:
        """How much higher the painted line lies in the middle, mm of a usual face."""
        down = (self.moved - self.tracked)[_MIDDLE, 1]
        return float(-10 * down / geometry.fit_pose(self.tracked).scale)

    def drawn(self, points: Points | None = None) -> UInt8[np.ndarray, "270 480 3"]:
        """The mouth, enlarged, and the line where its lips meet, if points are given."""
        ring = self.tracked[list(geometry.LIPS_OUTER), :2]
        zoom = 0.6 * _WIDE / float(np.ptp(ring[:, 0]))
        shift = np.array([_WIDE, _HIGH]) / 2 - zoom * ring.mean(axis=0)
        matrix = np.column_stack([zoom * np.eye(2), shift])
        mouth = cv2.warpAffine(self.crop, matrix, (_WIDE, _HIGH), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        if points is None:
            return np.asarray(mouth)
        line = points[list(geometry.LIPS_INNER_UPPER), :2] * zoom + shift
        return np.asarray(cv2.polylines(mouth, [np.rint(line).astype(np.int32)], False, (255, 255, 0), 2, cv2.LINE_AA))


def lips_on_their_line(portrait: str = "mona_lisa") -> None:
    """A bundled portrait's mouth, with the tracker's line and the painted one."""
    lips = Lips.of(samples.PORTRAITS[portrait])
    lines = {"the tracker's line": lips.drawn(lips.tracked), "the painted one": lips.drawn(lips.moved)}
    row({"the mouth": lips.drawn()} | lines, height=2.2)
