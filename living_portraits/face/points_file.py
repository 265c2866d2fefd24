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


def read_points(path: Path, *, shape: tuple[int, int] | None = None) -> Face:
    """The face that a points file describes (see the module's words for its forms).

    Args:
        path: the file.
        shape: height and width of the picture that the points are for, in pixels; None: not known.

    Raises:
        FaceError: the file cannot be read, is no JSON, has another number of points or an unknown name,
            describes no possible face, or one that lies mostly outside a picture of this shape.
    """
    face = _described(path)
    if shape is not None and _share_inside(face, shape) < 0.5:
        raise FaceError(
            f"The points of {path} lie outside the picture ({shape[1]} x {shape[0]}); "
            "were they placed on a copy of another size?"
        )
    return face


def _described(path: Path) -> Face:
    """The face of a points file, wherever it lies."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FaceError(f"The points file {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise FaceError(f"The points file {path} is not JSON: {error}.") from error
    except RecursionError as error:
        raise FaceError(f"The points file {path} is nested too deeply: it must hold lists of numbers.") from error
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


def _share_inside(face: Face, shape: tuple[int, int]) -> float:
    """How much of the face's box lies in a picture of this height and width, in [0, 1]."""
    left, top, right, bottom = face.box
    width, height = min(right, shape[1]) - max(left, 0), min(bottom, shape[0]) - max(top, 0)
    return max(width, 0) * max(height, 0) / face.area


def _listed(rows: object, path: Path) -> Face:
    places = _numbers(rows, path)
    if places.ndim != 2 or len(places) not in (geo.POINT_COUNT, len(SIXTY_EIGHT)) or places.shape[1] not in (2, 3):
        raise FaceError(
            f"The points file {path} holds numbers of shape {' x '.join(map(str, places.shape))}: "
            "give 478 points (MediaPipe) or 68 (iBUG) of two or three numbers each, or named ones."
        )
    mesh, flat = canonical_478(), places[:, :2]
    if len(places) == len(SIXTY_EIGHT):
        return _fitted(mesh[list(SIXTY_EIGHT)], flat, path)
    _check(mesh, flat, path)
    if places.shape[1] == 3:
        return face_of(places.astype(np.float32), found_by=FOUND_BY)
    points = fit_mesh(mesh[: geo.MESH_COUNT], flat[: geo.MESH_COUNT])
    points[:, :2] = flat
    return face_of(points, found_by=FOUND_BY)


def _named(places: Mapping[str, object], path: Path) -> Face:
    unknown = sorted(set(places) - set(NAMES))
    if unknown:
        raise FaceError(f"The points file {path} names {', '.join(unknown)}: it may name {', '.join(NAMES)}.")
    if not {"left_eye", "right_eye"} < set(places):
        raise FaceError(f"The points file {path} must name left_eye, right_eye and at least one more place.")
    targets = _numbers(list(places.values()), path)
    if targets.ndim != 2 or targets.shape[1] not in (2, 3):
        raise FaceError(f"The points file {path} must give two numbers, x and y, for each name.")
    mesh = canonical_478()
    return _fitted(np.stack([mesh[list(NAMES[name])].mean(axis=0) for name in places]), targets[:, :2], path)


def _fitted(anchors: Float64[np.ndarray, "places 3"], targets: Float64[np.ndarray, "places 2"], path: Path) -> Face:
    _check(anchors, targets, path)
    return fitted_face(anchors, targets, found_by=FOUND_BY)


def _numbers(rows: object, path: Path) -> Float64[np.ndarray, "*any"]:
    try:
        places = np.array(rows, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise FaceError(f"The points file {path} must hold lists of numbers, all of one length.") from error
    if not np.isfinite(places).all():
        raise FaceError(f"The points file {path} holds numbers that are not finite.")
    return places


def _check(anchors: Float64[np.ndarray, "places 3"], targets: Float64[np.ndarray, "places 2"], path: Path) -> None:
    """Refuses a face without extent and one that only a mirror shows."""
    model, seen = anchors[:, :2] * [1, -1], targets - targets.mean(axis=0)
    spread = np.linalg.svd(seen, compute_uv=False)
    if spread[1] < max(0.01 * spread[0], 1.0):
        raise FaceError(
            f"The points of {path} lie in one place or on one line: a face has width and height, in pixels."
        )
    if np.linalg.det(np.linalg.lstsq(model - model.mean(axis=0), seen, rcond=None)[0]) < 0:
        raise FaceError(
            f"The points of {path} show a mirrored face: left and right are those of the picture, y grows down."
        )
