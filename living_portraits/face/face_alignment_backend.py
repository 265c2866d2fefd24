"""The second tracker: face-alignment's 68 points, on which the whole mesh is then laid."""

import os
import urllib.error
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from living_portraits.engine import Frame
from living_portraits.errors import OptionError, WeightsError
from living_portraits.face.mesh_fit import canonical_478, fitted_face
from living_portraits.face.model import Face
from living_portraits.landmarks68 import SIXTY_EIGHT

NAME = "face-alignment"
FILES = ("s3fd-619a316812.pth", "2DFAN4-11f355bf06.pth.tar")
"""What the package fetches on first use: its detector and its landmark network."""


def find_faces(picture: Frame) -> list[Face]:
    """Every face that face-alignment finds, largest first; the 478 points are fitted to its 68.

    Raises:
        OptionError: the package is not installed.
        WeightsError: its networks are not there and cannot be fetched.
    """
    landmarks: list[Float64[np.ndarray, "68 2"]] | None = _tracker().get_landmarks_from_image(picture)
    anchors = canonical_478()[list(SIXTY_EIGHT)]
    faces = [
        fitted_face(anchors, np.asarray(places, dtype=np.float64)[:, :2], found_by=NAME) for places in landmarks or []
    ]
    return sorted(faces, key=lambda face: -face.area)


def checkpoints() -> Path:
    """The folder where torch keeps what packages fetch: `$TORCH_HOME/hub/checkpoints`."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "torch"
    return Path(os.environ.get("TORCH_HOME", str(cache))).expanduser() / "hub" / "checkpoints"


def _tracker() -> Any:
    try:
        import face_alignment
    except ModuleNotFoundError as error:
        raise OptionError(
            "The face-alignment backend is not installed: install it with "
            "`pip install 'living-portraits[face-alignment]'`, or use the backend mediapipe."
        ) from error
    try:
        return face_alignment.FaceAlignment(face_alignment.LandmarksType.TWO_D, device="cpu", compile=False)
    except (urllib.error.URLError, OSError) as error:
        missing = [file for file in FILES if not (checkpoints() / file).is_file()]
        if not missing:
            raise
        raise WeightsError(
            f"The face-alignment backend lacks {' and '.join(missing)}, which could not be fetched: "
            f"put {'it' if len(missing) == 1 else 'them'} into {checkpoints()}, or use the backend mediapipe."
        ) from error
