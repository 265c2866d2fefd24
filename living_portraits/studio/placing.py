"""Where the face of a portrait is: found, and corrected by a person who moves a handful of places."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from living_portraits import draw, face, matting, video
from living_portraits.engine import Frame, Points
from living_portraits.errors import FaceError
from living_portraits.face.mesh_fit import bend, face_of, round_irises
from living_portraits.face.points_file import FOUND_BY, NAMES
from living_portraits.studio.trouble import Trouble

HANDLES = ("left_eye", "right_eye", "nose_tip", "mouth_left", "mouth_right", "chin")
"""The places that can be moved, named as the picture shows them."""

_GUESS = {  # of a face that nobody found: shares of the picture's shorter side, from its middle
    "left_eye": (-0.10, -0.08), "right_eye": (0.10, -0.08), "nose_tip": (0.0, 0.03),
    "mouth_left": (-0.07, 0.11), "mouth_right": (0.07, 0.11), "chin": (0.0, 0.23),
}  # fmt: skip

Places: TypeAlias = Mapping[str, Any]
"""Name -> x, y in px, as a person or a script gave them: unchecked."""


@dataclass(frozen=True)
class Sight:
    """What is known of a portrait.

    Attributes:
        width, height: of the picture, px.
        faces: those that were found, largest first.
    """

    width: int
    height: int
    faces: tuple[face.Face, ...]


def picture_of(source: Path) -> Frame:
    """The portrait as it looks in front of white. Raises MediaError."""
    picture = video.read_picture(source)
    return picture.rgb if picture.alpha is None else matting.over_white(picture.rgb, picture.alpha)


@lru_cache(maxsize=32)
def sight(source: Path) -> Sight:
    """Look at a portrait; uploaded files are never changed under their name. Raises MediaError."""
    picture = picture_of(source)
    height, width = picture.shape[:2]
    return Sight(width, height, tuple(face.find(picture)))


def found_face(source: Path, which: int) -> face.Face | None:
    """The face of that number; None where there is none at all, and for the number after the last: none of those found.

    Raises Trouble if there are fewer faces.
    """
    faces = sight(source).faces
    if faces and which > len(faces):
        raise Trouble("options", "source.no_such_face", face=which)
    return faces[which] if which < len(faces) else None


def placed_face(source: Path, which: int, places: Places) -> face.Face:
    """The face as corrected by hand: what was found, bent so that it meets `places` (px); else a mesh fitted to them.

    Raises:
        Trouble: they describe no possible face.
    """
    found = found_face(source, which)
    seen = sight(source)
    try:
        targets = {name: (float(places[name][0]), float(places[name][1])) for name in HANDLES if name in places}
        if found is None:
            return _fitted(targets, (seen.height, seen.width))
        return _bent(found, targets)
    except (FaceError, TypeError, ValueError, IndexError, KeyError, np.linalg.LinAlgError):
        raise Trouble("source", "points.impossible") from None


def places_of(points: Points) -> dict[str, list[float]]:
    """Where a face has its handles, px."""
    means = {name: points[list(NAMES[name]), :2].mean(axis=0) for name in HANDLES}
    return {name: [round(float(x), 1), round(float(y), 1)] for name, (x, y) in means.items()}


def guessed_places(source: Path) -> dict[str, list[float]]:
    """Handles for a picture in which no face was found: a face in its middle."""
    seen = sight(source)
    side = min(seen.width, seen.height)
    return {
        name: [round(seen.width / 2 + x * side, 1), round(seen.height / 2 + y * side, 1)]
        for name, (x, y) in _GUESS.items()
    }


def lines(points: Points) -> list[list[list[float]]]:
    """The face's features as lines of x, y in px, for drawing; closed ones end where they begin."""
    open_lines = [line for _, line in draw.OPEN_LINES]
    closed_lines = [(*line, line[0]) for _, line in draw.CLOSED_LINES]
    return [[[round(float(x), 1), round(float(y), 1)] for x, y in points[list(line), :2]]
            for line in (*open_lines, *closed_lines)]  # fmt: skip


def _bent(found: face.Face, targets: Mapping[str, tuple[float, float]]) -> face.Face:
    points = found.points.astype(np.float64)
    anchors = np.stack([points[list(NAMES[name])].mean(axis=0) for name in targets])
    offsets = np.array(list(targets.values()), np.float64) - anchors[:, :2]
    points[:, :2] += bend(anchors, offsets, points)
    round_irises(points)
    return face_of(points.astype(np.float32), found_by=FOUND_BY)


def _fitted(targets: Mapping[str, tuple[float, float]], shape: tuple[int, int]) -> face.Face:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(targets, file)
        file.flush()
        return face.read_points(Path(file.name), shape=shape)
