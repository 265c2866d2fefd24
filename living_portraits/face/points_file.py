"""Points placed by hand: a JSON file that says where a face is when no tracker can.

Three forms, all in pixels of the picture, x to the right and y down:

    {"points": [[x, y, z], ... 478 of them]}      MediaPipe's points, as `write_points` writes them; z may be left out
    {"points": [[x, y], ... 68 of them]}          the iBUG 300-W layout
    {"left_eye": [x, y], "right_eye": [x, y], "nose_tip": [x, y], "mouth_left": [x, y], "mouth_right": [x, y]}

The list may also stand alone. Of the names, both eyes and one more place are needed; `NAMES` lists them all. Left and
right are those of the picture, not of the person in it.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from living_portraits import geometry as geo
from living_portraits.errors import FaceError, OutputError
from living_portraits.face.mesh_fit import canonical_478, face_of, fit_mesh, fitted_face
from living_portraits.face.model import Face
from living_portraits.landmarks68 import SIXTY_EIGHT

NAMES: Mapping[str, tuple[int, ...]] = {
    "left_eye": geo.RIGHT_EYE,
    "right_eye": geo.LEFT_EYE,
    "nose_tip": (geo.NOSE_TIP,),
    "mouth_left": (61,),
    "mouth_right": (291,),
    "chin": (geo.CHIN,),
    "forehead": (geo.FOREHEAD,),
    "left_cheek": (234,),
    "right_cheek": (454,),
}
"""What a place may be called -> MediaPipe's points whose mean it is; the picture's left is the person's right."""

FOUND_BY = "points file"


def read_points(path: Path) -> Face:
    """The face that a points file describes (see the module's words for its forms).

    Raises:
        FaceError: the file cannot be read, is no JSON, has another number of points or an unknown name, or
            describes no possible face.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FaceError(f"The points file {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise FaceError(f"The points file {path} is not JSON: {error}.") from error
    if isinstance(content, dict) and "points" not in content:
        return _named(content, path)
    return _listed(content["points"] if isinstance(content, dict) else content, path)


def write_points(path: Path, face: Face) -> None:
    """Writes a face's 478 points, so that a person can start from what the tracker found.

    Raises:
        OutputError: the file cannot be written.
    """
    rows = ",\n".join(json.dumps([round(float(value), 2) for value in point]) for point in face.points)
    text = f'{{"layout": "mediapipe 478: x, y, z in pixels, x right, y down, z away", "points": [\n{rows}\n]}}\n'
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"The points file {path} cannot be written: {error.strerror}.") from error


def _listed(rows: object, path: Path) -> Face:
    places = _numbers(rows, path, "a list of [x, y] or [x, y, z]")
    if places.ndim != 2 or len(places) not in (geo.POINT_COUNT, len(SIXTY_EIGHT)) or places.shape[1] not in (2, 3):
        raise FaceError(
            f"The points file {path} has {_shape(places)}: "
            "give 478 (MediaPipe) or 68 (iBUG) points of two or three numbers, or named ones."
        )
    _check_upright(places, path)
    if places.shape == (geo.POINT_COUNT, 3):
        return face_of(places.astype(np.float32), found_by=FOUND_BY)
    mesh = canonical_478()
    indices = list(SIXTY_EIGHT) if len(places) == len(SIXTY_EIGHT) else slice(geo.MESH_COUNT)
    if len(places) == len(SIXTY_EIGHT):
        return fitted_face(mesh[indices], places[:, :2], found_by=FOUND_BY)
    points = fit_mesh(mesh[indices], places[indices])
    points[:, :2] = places
    return face_of(points, found_by=FOUND_BY)
