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

_LINES, _MOVED, _ABOUT, _SEAM = 90, 40, 0.1, 8
"""Levels from which a drawing's pixel is a limb's, by which a pixel changes that moved; how far about a limb, of the
side, and px of the drawing into which the film beside it runs over."""


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
    """The first seconds of a film, the head alone, small enough to be made while a class waits.

    Among the options may be `identity`, which no widget chooses: `interact` asks for one for each argument by name.
    """
    out = place(f"{engine}_{Path(source).stem}_{Path(driver).stem}.mp4")
    animator = load(engine, size=size, identity=options.pop("identity", None))
    return animator.animate(source, driver, out, end=seconds, crop_only=True, **options)


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
    reach = round(_ABOUT * side)
    about = cv2.dilate(limbs.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
    moved = np.abs(painted[0].astype(int) - painted[1]).max(axis=2) > _MOVED
    return float((moved & about).sum() / max(moved.sum(), 1))


def worn(film: Result | Markdown) -> dict[str, tuple[int, int, int]]:
    """What colour is painted where the last drawing has its ends: hands (the dancer's own left and right), feet, chest.

    And at the stage's upper corners. Medians of a few pixels, red, green and blue; nothing where there is no film.
    """
    if not isinstance(film, Result):
        return {}
    last = frames_of(film.path)[-1][: film.height]
    drawing, painted = np.hsplit(last[:, : 2 * film.height], 2)
    limbs = drawing.max(axis=2) > _LINES
    limbs[:, -_SEAM:] = False
    y, x = np.nonzero(limbs)
    chest = np.abs(y - (0.7 * y.min() + 0.3 * y.max())) < 2
    ends = {"left hand": x >= x.max() - 4, "right hand": x <= x.min() + 4, "feet": y >= y.max() - 4}
    found = {name: painted[y[there], x[there]] for name, there in ends.items()}
    found["chest"] = painted[y[chest].min() : y[chest].max() + 1, round(float(x[chest].mean()))]
    found["stage"] = np.concatenate([painted[:20, :20], painted[:20, -20:]]).reshape(-1, 3)
    colours = {name: np.median(pixels, axis=0) for name, pixels in found.items()}
    return {name: (int(colour[0]), int(colour[1]), int(colour[2])) for name, colour in colours.items()}
