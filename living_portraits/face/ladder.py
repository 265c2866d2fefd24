"""Stills: every face in a picture, looked for in ever less likely ways.

Photographs give up their faces at once. Brush strokes, hatching, tight framing, tilted heads and crowds do not: so
the picture is looked at again, smoothed, with a margin, turned and in tiles, until a rung of this ladder finds a
face. The less a rung demands, the more it also sees in the folds of a curtain; so whatever a rung proposes is cut
out upright and looked at a second time, and counts only if both looks agree.

The rung that finds a face need not find them all: in a group the detector sees each face small. So where the faces
found leave room for others, these are painted over and the rest of the picture is looked at through windows.
"""

import dataclasses
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from living_portraits.align import Crop
from living_portraits.engine import Frame
from living_portraits.face.landmarker import Landmarker, Landmarkers
from living_portraits.face.model import Face, distance, overlap
from living_portraits.face.view import Matrix, View, shown


@dataclass(frozen=True)
class Rung:
    """One way to look at a picture.

    Attributes:
        name: ends up in `Face.found_by`.
        confidence: what the networks must reach, in (0, 1).
        side: the picture's longer side is reduced to this many pixels (never enlarged): brushwork and hatching
            vanish, faces stay.
        margin: border in the picture's mean colour, as a share of its longer side. A reflected border finds fewer
            faces, and shows a face that touches the edge a second nose.
        turns: degrees, clockwise.
        tiles: looks at this many tiles along each side, which overlap by half.
        gamma: brightens below 1, darkens above.
        trust: least `Face.confidence` that counts; a rung that sees more ghosts is trusted less.
    """

    name: str
    confidence: float
    side: int
    margin: float = 0.0
    turns: tuple[float, ...] = (0.0,)
    tiles: int = 1
    gamma: float = 1.0
    trust: float = 0.0


LADDER = (
    Rung("plain", 0.5, side=1024),
    Rung("smooth", 0.5, side=256, margin=0.25),
    Rung("smoother", 0.5, side=128, margin=0.25),
    Rung("turned", 0.5, side=512, turns=(90.0, -90.0, 180.0)),
    Rung("faint", 0.3, side=384, margin=0.25, trust=0.25),
    Rung("faint and smoother", 0.3, side=128, margin=0.25, trust=0.25),
    Rung("brighter", 0.3, side=256, margin=0.25, gamma=0.5, trust=0.25),
    Rung("darker", 0.3, side=256, margin=0.25, gamma=1.8, trust=0.25),
    Rung("tilted", 0.3, side=160, margin=0.5, turns=(-20.0, 20.0), trust=0.25),
    Rung("tilted further", 0.3, side=256, margin=0.5, turns=(-60.0, 60.0), trust=0.25),
    Rung("tiles", 0.5, side=1536, tiles=3, trust=0.5),
    Rung("small tiles", 0.5, side=3072, tiles=6, trust=0.5),
    Rung("smallest tiles", 0.5, side=4096, tiles=10, trust=0.7),
)

LEAST_FACE = 24  # px; a smaller face has no expression to animate
LEAST_TILE = 192  # px; in a smaller tile there is no face that the whole picture does not show as well
AGREEMENT = 0.2  # extents; looks whose points lie farther apart than this on average are not of one face
SECOND_LOOK = 0.3  # confidence; the agreement is what is asked for
WINDOW, ROOM = 384, 2.0  # px, and heights of the face: the window of the second look

CLOSE = 0.45  # of the picture's longer side; beside a face this long there is no room for another
PANES = (1.0, 0.5)  # of the picture's shorter side: the windows through which others are looked for
PANE_SIDE = 256  # px; what a window is reduced to, for the sake of brushwork
LEAST_PANE = 96  # px; in a smaller window a face of `LEAST_FACE` is no longer small
OTHERS_TRUST = 0.6  # confidence; the ghosts of windows reach 0.55, faces 0.7


def find_faces(picture: Frame) -> list[Face]:
    """Every face, largest first: those of the first rung that finds any, and the others around them."""
    with Landmarkers() as landmarkers:
        faces = search(picture, landmarkers, LADDER)
        if faces and roomy(faces[0], picture):
            faces += others(picture, faces, landmarkers)
        return sorted(faces, key=lambda face: -face.area)


def search(picture: Frame, landmarkers: Landmarkers, rungs: Iterable[Rung]) -> list[Face]:
    """The faces of the first of these rungs that finds any, largest first."""
    for rung in rungs:
        faces = climb(picture, rung, landmarkers)
        if faces:
            return faces
    return []


def climb(picture: Frame, rung: Rung, landmarkers: Landmarkers) -> list[Face]:
    """The faces that one rung finds and a second look confirms, largest first."""
    proposals = [
        face
        for view in views(picture, rung)
        for face in view.look(landmarkers.at(rung.confidence), found_by=rung.name)
        if plausible(face, picture)
    ]
    seen = [confirmed(picture, face, landmarkers.at(SECOND_LOOK)) for face in proposals]
    faces = distinct([face for face in seen if face is not None and face.confidence >= rung.trust])
    return sorted(faces, key=lambda face: -face.area)


def views(picture: Frame, rung: Rung) -> Iterator[View]:
    """The picture as this rung looks at it, one view after the other."""
    height, width = picture.shape[:2]
    zoom = min(rung.side / max(height, width), 1.0)
    if rung.gamma != 1:
        levels = np.rint(255 * (np.arange(256) / 255) ** rung.gamma).astype(np.uint8)
        picture = np.asarray(cv2.LUT(picture, levels))
    for left, top, tile_width, tile_height in _tiles(width, height, rung.tiles):
        if rung.tiles > 1 and zoom * max(tile_width, tile_height) < LEAST_TILE:
            return
        margin = rung.margin * max(tile_width, tile_height)
        for degrees in rung.turns:
            matrix, size = _turned(tile_width, tile_height, margin, zoom, degrees)
            matrix[:, 2] -= matrix[:, :2] @ (left, top)
            yield shown(picture, matrix, size)


def _tiles(width: int, height: int, count: int) -> Iterator[tuple[float, float, float, float]]:
    """Left, top, width and height of `count` by `count` tiles that overlap by half."""
    across, down = 2 * width / (count + 1), 2 * height / (count + 1)
    yield from ((across * i / 2, down * j / 2, across, down) for j in range(count) for i in range(count))


def _turned(width: float, height: float, margin: float, zoom: float, degrees: float) -> tuple[Matrix, tuple[int, int]]:
    """The similarity that turns a box (its corner at the origin, with a margin) clockwise, and the size it then has."""
    angle = np.deg2rad(degrees)
    linear = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    quarters = degrees % 180 == 90
    sides = zoom * (np.array([height, width] if quarters else [width, height]) + 2 * margin)
    size = (max(round(sides[0]), 1), max(round(sides[1]), 1))
    shift = (np.array(size) - 1) / 2 - linear @ ((width - 1) / 2, (height - 1) / 2)
    return np.column_stack([linear, shift]), size


def roomy(face: Face, picture: Frame) -> bool:
    """Whether the face leaves room for others: no close portrait, whose picture need not be searched further."""
    left, top, right, bottom = face.box
    return max(right - left, bottom - top) < CLOSE * max(picture.shape[:2])


def others(picture: Frame, faces: list[Face], landmarkers: Landmarkers) -> list[Face]:
    """The faces that windows show beside these, in no order; a window vouches for less than a rung, so trust more."""
    rest, found = picture.copy(), list(faces)
    for face in faces:
        _paint_over(rest, face)
    for matrix, side in panes(picture):
        for proposal in shown(rest, matrix, (side, side)).look(landmarkers.at(0.5), found_by="window"):
            if not plausible(proposal, picture) or not beside(proposal, found):
                continue
            other = confirmed(picture, proposal, landmarkers.at(SECOND_LOOK))
            if other is not None and other.confidence >= OTHERS_TRUST and beside(other, found):
                found.append(other)
                _paint_over(rest, other)
    return found[len(faces) :]


def panes(picture: Frame) -> Iterator[tuple[Matrix, int]]:
    """Square windows, larger ones first, that overlap by half and cover the picture: matrix, and pixels a side."""
    height, width = picture.shape[:2]
    for share in PANES:
        side = share * min(height, width)
        if side < LEAST_PANE:
            return
        seen = min(round(side), PANE_SIDE)
        zoom = seen / side
        for top in _steps(height, side):
            for left in _steps(width, side):
                # the corner of the first pixel, half a pixel before its centre, stays a corner
                shift = (zoom - 1) / 2 - zoom * np.array([left, top])
                yield np.column_stack([zoom * np.eye(2), shift]), seen


def _steps(length: int, side: float) -> list[float]:
    """Where windows of this side start that overlap by half at least and cover the length."""
    count = math.ceil(2 * (length - side) / side) + 1
    return [float(start) for start in np.linspace(0, length - side, count)]


def beside(face: Face, others: Iterable[Face]) -> bool:
    """Whether the face and each of the others have their centres outside each other."""
    return not any(_covers(face, other) or _covers(other, face) for other in others)


def _covers(face: Face, other: Face) -> bool:
    """Whether the centre of the other lies in the face's box."""
    left, top, right, bottom = face.box
    x, y = (other.box[0] + other.box[2]) / 2, (other.box[1] + other.box[3]) / 2
    return left <= x <= right and top <= y <= bottom


def _paint_over(picture: Frame, face: Face) -> None:
    """Fills the face's box, in place, with the picture's mean colour."""
    left, top, right, bottom = (max(round(side), 0) for side in face.box)
    picture[top:bottom, left:right] = np.rint(cv2.mean(picture)[:3])


def plausible(face: Face, picture: Frame) -> bool:
    """Whether the face is large enough, and its centre lies in the picture."""
    left, top, right, bottom = face.box
    height, width = picture.shape[:2]
    inside = 0 <= (left + right) / 2 < width and 0 <= (top + bottom) / 2 < height
    return inside and min(right - left, bottom - top) >= LEAST_FACE


def confirmed(picture: Frame, face: Face, landmarker: Landmarker) -> Face | None:
    """The face as an upright second look sees it, with its confidence; None where the two do not agree."""
    seen = shown(picture, upright(face, WINDOW), (WINDOW, WINDOW)).look(landmarker, found_by=face.found_by)
    if not seen:
        return None
    again = min(seen, key=lambda other: distance(face.points, other.points))
    agreement = 1 - distance(face.points, again.points) / AGREEMENT
    if agreement <= 0 or not plausible(again, picture):
        return None
    return dataclasses.replace(again, confidence=agreement)


def upright(face: Face, size: int) -> Matrix:
    """Cuts the face out upright, with as much room around it as the landmarker likes, `size` pixels a side."""
    return Crop.around(face.points, size=size, scale=ROOM).matrix


def distinct(faces: list[Face]) -> list[Face]:
    """Without repeats of one face; the more confident of two stays."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.confidence):
        if all(overlap(face.points, other.points) < 0.3 for other in kept):
            kept.append(face)
    return kept
