"""Stills: every face in a picture, looked for in ever less likely ways.

Photographs give up their faces at once. Brush strokes, hatching, tight framing, tilted heads and crowds do not: so
the picture is looked at again, smoothed, with a margin, turned and in tiles, until a rung of this ladder finds a
face. The lower a rung's demands, the more it also sees in the folds of a curtain; so whatever a rung proposes is cut
out upright and looked at a second time, and counts only if both looks agree.
"""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float64

from living_portraits import geometry
from living_portraits.align import Crop
from living_portraits.engine import Frame, Points
from living_portraits.face.landmarker import Landmarker
from living_portraits.face.model import Face, extent, overlap

Looker = Callable[[float], Landmarker]
"""confidence -> the landmarker that demands it, loaded on first use."""


@dataclass(frozen=True)
class Rung:
    """One way to look at a picture.

    Attributes:
        name: ends up in `Face.found_by`.
        confidence: what the networks must reach, in (0, 1).
        side: the picture's longer side is reduced to this many pixels (never enlarged); brushwork and hatching
            vanish, faces stay.
        margin: reflected border, as a share of the longer side.
        turns: degrees, counter-clockwise.
        tiles: looks at this many overlapping tiles along each side.
        gamma: brightens below 1, darkens above.
    """

    name: str
    confidence: float
    side: int = 1024
    margin: float = 0.0
    turns: tuple[float, ...] = (0.0,)
    tiles: int = 1
    gamma: float = 1.0


LADDER = (
    Rung("plain", 0.5),
    Rung("smooth", 0.5, side=256),
    Rung("margin", 0.5, side=256, margin=0.5),
    Rung("fainter", 0.3),
    Rung("smooth fainter", 0.3, side=256, margin=0.25),
    Rung("smoother", 0.3, side=128, margin=0.5),
    Rung("brighter", 0.3, side=256, margin=0.25, gamma=0.5),
    Rung("tilted", 0.5, side=256, margin=0.5, turns=(-35.0, 35.0)),
    Rung("turned", 0.5, side=512, margin=0.25, turns=(90.0, -90.0, 180.0)),
    Rung("tiles", 0.5, side=2048, tiles=3),
    Rung("small tiles", 0.5, side=4096, tiles=6),
    Rung("tilted fainter", 0.3, side=256, margin=0.5, turns=(-35.0, 35.0)),
)

LEAST_SIDE = 24  # px; a smaller face has no expression to animate
SECOND_LOOK = 320  # px, the crop's side
AGREEMENT = 0.12  # largest mean distance between two looks at one face, in extents


def find_faces(picture: Frame) -> list[Face]:
    """Every face of the first rung that finds any, largest first; empty when none does."""
    with lookers() as looker:
        for rung in LADDER:
            proposals = _distinct([face for view in views(picture, rung) for face in view.look(looker, rung)])
            faces = [face for face in (_confirmed(picture, face, looker) for face in proposals) if face is not None]
            if faces:
                return sorted(_distinct(faces), key=lambda face: -face.area)
    return []


@contextlib.contextmanager
def lookers() -> Iterator[Looker]:
    """Landmarkers by confidence, each loaded when first asked for and closed in the end."""
    with contextlib.ExitStack() as stack:
        loaded: dict[float, Landmarker] = {}

        def at(confidence: float) -> Landmarker:
            if confidence not in loaded:
                loaded[confidence] = stack.enter_context(Landmarker(confidence))
            return loaded[confidence]

        yield at


@dataclass(frozen=True)
class View:
    """A picture as a rung shows it, and the way back: `matrix` maps pixels of the picture to pixels of the view."""

    frame: Frame
    matrix: Float64[np.ndarray, "2 3"]

    def look(self, looker: Looker, rung: Rung) -> list[Face]:
        return [
            self.to_picture(face) for face in looker(rung.confidence).detect(self.frame, found_by=rung.name)
        ]

    def to_picture(self, face: Face) -> Face:
        return moved(face, self.matrix)


def moved(face: Face, matrix: Float64[np.ndarray, "2 3"]) -> Face:
    """A face found in a view, in the pixels of the picture that `matrix` (a similarity) made the view from."""
    scale = math.sqrt(abs(np.linalg.det(matrix[:, :2])))
    back = matrix[:, :2].T / scale**2
    points = np.empty_like(face.points)
    points[:, :2] = (face.points[:, :2] - matrix[:, 2]) @ back.T
    points[:, 2] = face.points[:, 2] / scale
    head = face.head.copy()
    head[:3] = _roll(math.atan2(matrix[1, 0], matrix[0, 0])) @ face.head[:3]
    return dataclasses.replace(face, points=points, head=head)


def _roll(angle: float) -> Float64[np.ndarray, "3 3"]:
    """Turns about the viewing axis, y up, by the radians that the view was turned clockwise by."""
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def views(picture: Frame, rung: Rung) -> Iterator[View]:
    """The picture as this rung looks at it, one view after the other."""
    height, width = picture.shape[:2]
    scale = min(rung.side / max(height, width), 1.0)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if scale < 1 else picture
    if rung.gamma != 1:
        small = cv2.LUT(small, np.rint(255 * (np.arange(256) / 255) ** rung.gamma).astype(np.uint8))
    shrink = np.array([[size[0] / width, 0, 0], [0, size[1] / height, 0]])
    for left, top, right, bottom in _tiles(size, rung.tiles):
        tile = small[top:bottom, left:right]
        margin = round(rung.margin * max(tile.shape[:2]))
        framed = cv2.copyMakeBorder(tile, margin, margin, margin, margin, cv2.BORDER_REFLECT) if margin else tile
        placed = shrink + [[0, 0, margin - left], [0, 0, margin - top]]
        for degrees in rung.turns:
            yield _turned(framed, placed, degrees)


def _turned(frame: Frame, matrix: Float64[np.ndarray, "2 3"], degrees: float) -> View:
    """The view of a frame that `matrix` leads to, turned about its middle onto a canvas that holds it all."""
    if not degrees:
        return View(np.asarray(frame), matrix)
    height, width = frame.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    canvas = np.abs(turn[:, :2]) @ (width, height) if degrees % 90 == 0 else np.array([width, height])
    turn[:, 2] += (canvas - (width, height)) / 2
    side = (round(canvas[0]), round(canvas[1]))
    turned = cv2.warpAffine(frame, turn, side, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return View(np.asarray(turned), turn @ np.vstack([matrix, [0, 0, 1]]))


def _tiles(size: tuple[int, int], count: int) -> Iterator[tuple[int, int, int, int]]:
    """Left, top, right, bottom of `count` by `count` tiles that overlap by half."""
    if count == 1:
        yield 0, 0, *size
        return
    spans = []
    for length in size:
        span = 2 * length / (count + 1)
        spans.append([(round(span * i / 2), round(span * (i / 2 + 1))) for i in range(count)])
    yield from ((left, top, right, bottom) for top, bottom in spans[1] for left, right in spans[0])


def _confirmed(picture: Frame, face: Face, looker: Looker) -> Face | None:
    """The face with its confidence, if it is in the picture and a second, upright look sees the same one."""
    if not plausible(face, picture):
        return None
    again = second_look(picture, face, looker)
    if again is None:
        return face if face.found_by == LADDER[0].name else None
    return again


def plausible(face: Face, picture: Frame) -> bool:
    """Whether the face is large enough and its centre lies in the picture rather than in a reflected margin."""
    left, top, right, bottom = face.box
    height, width = picture.shape[:2]
    inside = 0 <= (left + right) / 2 < width and 0 <= (top + bottom) / 2 < height
    return inside and min(right - left, bottom - top) >= LEAST_SIDE


def distance(a: Points, b: Points) -> float:
    """Mean distance of two sets of points in the picture plane, in extents of the first."""
    return float(np.linalg.norm(a[:, :2] - b[:, :2], axis=1).mean()) / extent(a)


def second_look(picture: Frame, face: Face, looker: Looker, confidence: float = 0.5) -> Face | None:
    crop = Crop.around(face.points, size=SECOND_LOOK)
    seen = looker(confidence).detect(crop.take(picture), found_by=face.found_by)
    again = [moved(other, crop.matrix) for other in seen]
    if not again:
        return None
    return min(again, key=lambda other: distance(face.points, other.points))


def _distinct(faces: list[Face]) -> list[Face]:
    """Without repeats of one face; the more confident of two stays."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.confidence):
        if all(overlap(face.points, other.points) < 0.4 for other in kept):
            kept.append(face)
    return kept
