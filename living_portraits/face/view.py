"""A picture seen through a similarity: turned, cut out, reduced; and the way back for what is found in it."""

import dataclasses
import math
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from jaxtyping import Float, Float64, UInt8

from living_portraits.engine import Frame
from living_portraits.face.landmarker import Landmarker
from living_portraits.face.model import Face

Matrix: TypeAlias = Float64[np.ndarray, "2 3"]
"""A similarity from pixels of a picture to pixels of a view; pixel centres at integers."""

Part: TypeAlias = UInt8[np.ndarray, "rows columns 3"]
"""A `Frame` made from another one of another size."""


@dataclass(frozen=True, eq=False)
class View:
    """What the landmarker is shown, and where it comes from."""

    frame: Frame
    matrix: Matrix

    def look(self, landmarker: Landmarker, *, found_by: str) -> list[Face]:
        """The faces in the view, in the pixels of the picture."""
        return [to_picture(face, self.matrix) for face in landmarker.detect(self.frame, found_by=found_by)]


def shown(picture: Frame, matrix: Matrix, size: tuple[int, int]) -> View:
    """The view of this width and height that `matrix` makes: reduced without moire, mean colour around the picture."""
    zoom = math.sqrt(abs(np.linalg.det(matrix[:, :2])))
    part, rest = _seen(picture, matrix, size)
    if zoom < 1:
        part, rest = _reduced(part, rest, float(int(1 / zoom)))
        part, rest = _reduced(part, rest, 1 / math.sqrt(abs(np.linalg.det(rest[:, :2]))))
    if size == (part.shape[1], part.shape[0]) and np.allclose(rest, np.eye(2, 3), atol=1e-6):
        return View(part, matrix)
    colour = cv2.mean(part)[:3]
    around = cv2.BORDER_CONSTANT
    frame = cv2.warpAffine(part, rest, size, flags=cv2.INTER_LINEAR, borderMode=around, borderValue=colour)
    return View(np.asarray(frame), matrix)


def _reduced(part: Frame, matrix: Matrix, factor: float) -> tuple[Part, Matrix]:
    """Both, the picture smaller by the factor, each pixel the mean of those it stands for; whole factors are quick."""
    if factor <= 1:
        return part, matrix
    if factor == int(factor):  # what is left over at the edge is less than a pixel of the view
        most = [max(side // int(factor), 1) * int(factor) for side in part.shape[:2]]
        part = part[: most[0], : most[1]]
    height, width = part.shape[:2]
    size = (max(round(width / factor), 1), max(round(height / factor), 1))
    stretch = np.array([width / size[0], height / size[1]])
    shift = matrix[:, 2] + matrix[:, :2] @ ((stretch - 1) / 2)
    smaller = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    return np.asarray(smaller), np.column_stack([matrix[:, :2] * stretch, shift])


def _seen(picture: Frame, matrix: Matrix, size: tuple[int, int]) -> tuple[Part, Matrix]:
    """The part of the picture that the view shows, and the matrix from its pixels."""
    width, height = size
    corners = moved(np.array([[0, 0], [width, 0], [0, height], [width, height]], dtype=np.float64), matrix, back=True)
    most = (picture.shape[1] - 1, picture.shape[0] - 1)
    left, top = np.clip(np.floor(corners.min(axis=0)) - 2, 0, most).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(axis=0)) + 2, 0, most).astype(int) + 1
    shift = matrix[:, 2] + matrix[:, :2] @ (float(left), float(top))
    return picture[top:bottom, left:right], np.column_stack([matrix[:, :2], shift])


def moved(places: Float[np.ndarray, "count 2"], matrix: Matrix, *, back: bool = False) -> Float[np.ndarray, "count 2"]:
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
