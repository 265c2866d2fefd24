"""A picture seen through a similarity: turned, cut out, reduced; and the way back for what is found in it."""

import dataclasses
import math
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from jaxtyping import Float, Float64

from living_portraits.engine import Frame
from living_portraits.face.landmarker import Landmarker
from living_portraits.face.model import Face

Matrix: TypeAlias = Float64[np.ndarray, "2 3"]
"""A similarity from pixels of a picture to pixels of a view; pixel centres at integers."""


@dataclass(frozen=True, eq=False)
class View:
    """What the landmarker is shown, and where it comes from."""

    frame: Frame
    matrix: Matrix

    def look(self, landmarker: Landmarker, *, found_by: str) -> list[Face]:
        """The faces in the view, in the pixels of the picture."""
        return [to_picture(face, self.matrix) for face in landmarker.detect(self.frame, found_by=found_by)]


def shown(picture: Frame, matrix: Matrix, size: tuple[int, int]) -> View:
    """The view of width and height `size` that `matrix` makes; reduced without moire, mean colour around the picture."""
    height, width = picture.shape[:2]
    zoom = math.sqrt(abs(np.linalg.det(matrix[:, :2])))
    small, rest = picture, matrix
    if zoom < 1:
        reduced = (max(round(width * zoom), 1), max(round(height * zoom), 1))
        small = np.asarray(cv2.resize(picture, reduced, interpolation=cv2.INTER_AREA))
        stretch = np.array([width / reduced[0], height / reduced[1]])
        rest = np.column_stack([matrix[:, :2] * stretch, matrix[:, 2] + matrix[:, :2] @ ((stretch - 1) / 2)])
    if size == (small.shape[1], small.shape[0]) and np.allclose(rest, np.eye(2, 3), atol=1e-6):
        return View(small, matrix)
    colour = tuple(float(level) for level in small.mean(axis=(0, 1)))
    frame = cv2.warpAffine(small, rest, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=colour)
    return View(np.asarray(frame), matrix)


def moved(
    places: Float[np.ndarray, "count 2"], matrix: Matrix, *, back: bool = False
) -> Float[np.ndarray, "count 2"]:
    """Places of the picture in the view, or `back`: places of the view in the picture."""
    if not back:
        return places @ matrix[:, :2].T + matrix[:, 2]
    return (places - matrix[:, 2]) @ matrix[:, :2] / np.linalg.det(matrix[:, :2])


def to_picture(face: Face, matrix: Matrix) -> Face:
    """A face found in a view, back in the picture that `matrix` made the view from."""
    scale = math.sqrt(abs(np.linalg.det(matrix[:, :2])))
    flat = moved(face.points[:, :2], matrix, back=True)
    head = face.head.copy()
    # The view shows the head turned clockwise by the matrix's angle; seen with y up, this very turn undoes it.
    head[:2] = matrix[:, :2] / scale @ face.head[:2]
    points = np.column_stack([flat, face.points[:, 2] / scale]).astype(np.float32)
    return dataclasses.replace(face, points=points, head=head)
