"""Faces: where they are in a still, and how one of them moves through a clip.

`find` looks at a still, `follow` at a clip; both answer with MediaPipe's 478 points in pixels of the full picture.
`read_points` takes a face that a person has placed; `as_source` cuts one out for an engine.
"""

from living_portraits.engine import Frame
from living_portraits.errors import OptionError
from living_portraits.face.model import Face, FaceTrack
from living_portraits.face.neutral import neutral_frame
from living_portraits.face.points_file import read_points, write_points
from living_portraits.face.still import as_source
from living_portraits.face.tracking import Watcher, follow

BACKENDS = ("mediapipe", "face-alignment")

__all__ = [
    "BACKENDS",
    "Face",
    "FaceTrack",
    "Watcher",
    "as_source",
    "find",
    "follow",
    "neutral_frame",
    "read_points",
    "write_points",
]


def find(picture: Frame, *, backend: str = "mediapipe") -> list[Face]:
    """Every face in a still, largest first; empty when there is none.

    "mediapipe" (478 measured points, blendshapes, head matrix) looks again, in other ways, until it finds a face;
    "face-alignment" measures 68 points, to which the 478 are fitted.

    Raises:
        OptionError: an unknown backend, or one that is not installed.
        SystemLibraryError: the system lacks libraries that MediaPipe needs.
        WeightsError: the backend's model files are missing.
    """
    if backend == "mediapipe":
        from living_portraits.face.ladder import find_faces
    elif backend == "face-alignment":
        from living_portraits.face.face_alignment_backend import find_faces
    else:
        raise OptionError(f"There is no face backend {backend!r}: choose one of {', '.join(BACKENDS)}.")
    return find_faces(picture)
