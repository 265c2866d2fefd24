"""Films for a notebook's page: made small, kept beside the notebook."""

from pathlib import Path
from typing import Any

from IPython.display import Markdown

from living_portraits import video
from living_portraits.animator import load
from living_portraits.dancing import comes_along, dance
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
