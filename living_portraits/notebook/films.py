"""Films for a notebook's page: made small, kept beside the notebook."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from IPython.display import Markdown

from living_portraits import video
from living_portraits.animator import load
from living_portraits.dancing import comes_along, dance
from living_portraits.engine import Frame
from living_portraits.result import Result

FOLDER = Path("outputs")

_LINES, _MOVED, _ABOUT = 90, 40, 25
"""Levels from which a drawing's pixel is a limb's, by which a pixel changes that moved; px about a limb."""


def place(name: str) -> Path:
    """Where a notebook's film goes: into `outputs/` beside the notebook."""
    FOLDER.mkdir(exist_ok=True)
    return FOLDER / name


def film(
    source: Path | str,
    driver: Path | str,
    engine: str = "puppet",
    *,
    seconds: float = 2.0,
    size: int = 256,
    **options: Any,
) -> Result:
    """The first seconds of a film, the head alone, small enough to be made while a class waits."""
    out = place(f"{engine}_{Path(source).stem}_{Path(driver).stem}.mp4")
    return load(engine, size=size).animate(source, driver, out, end=seconds, crop_only=True, **options)


def bundled_dancer(choreography: Path | str = "wave", *, seconds: float = 1.0) -> Result | Markdown:
    """The first second of the dancer that comes along, or a sentence where none does."""
    if not comes_along():
        return Markdown(  # type: ignore[no-untyped-call]
            "No dancer comes along with this copy. Teach one from a clip of a minute: "
            "`living-portraits dance train --target clip.mp4 --name anna`."
        )
    out = place(f"dancer_{Path(choreography).stem}.mp4")
    return dance(out, choreography=choreography, end=seconds, side_by_side=True)


def frames_of(path: Path, *, seconds: float | None = None) -> list[Frame]:
    """A clip's first frames, uint8 RGB."""
    return list(video.read_frames(path, end=seconds))


def on_the_limbs(film: Result | Markdown) -> float | None:
    """Of what moves in a film with its drawing beside it, the share about the limbs; None where there is no film."""
    if not isinstance(film, Result):
        return None
    side, frames = film.height, frames_of(film.path)
    drawings, painted = zip(*(np.hsplit(frame[:side, : 2 * side], 2) for frame in (frames[0], frames[-1])), strict=True)
    limbs = np.maximum(*drawings).max(axis=2) > _LINES
    about = cv2.dilate(limbs.astype(np.uint8), np.ones((_ABOUT, _ABOUT), np.uint8)) > 0
    moved = np.abs(painted[0].astype(int) - painted[1]).max(axis=2) > _MOVED
    return float((moved & about).sum() / max(moved.sum(), 1))
