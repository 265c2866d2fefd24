"""Films for a notebook's page: made small, kept beside the notebook."""

from pathlib import Path
from typing import Any

from living_portraits import video
from living_portraits.animator import load
from living_portraits.engine import Frame
from living_portraits.result import Result

FOLDER = Path("outputs")


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


def frames_of(path: Path, *, seconds: float | None = None) -> list[Frame]:
    """A clip's first frames, uint8 RGB."""
    return list(video.read_frames(path, end=seconds))
