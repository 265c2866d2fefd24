"""One painting, three drivers, three personalities: what to look at first."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from living_portraits import draw, provenance, samples, video
from living_portraits.align import Crop
from living_portraits.animator import Animator, Progress, load
from living_portraits.engine import Frame
from living_portraits.errors import OutputError
from living_portraits.film_options import Options
from living_portraits.portrait import Portrait, open_portrait
from living_portraits.result import Result

SOURCE = samples.mona_lisa
DRIVERS = ("laugh", "sing", "sorrow")
MOMENTS = 6  # of each film on the contact sheet
FOOT = 0.09  # height of the sheet's foot, as a share of its shorter side
CLOSE_UP = 320  # side of the head on the contact sheet, px

Bar = Callable[[str], AbstractContextManager[Callable[[Progress], None]]]


def run_demo(folder: Path, *, engine: str, bar: Bar) -> Iterator[str]:
    """Make the films and their contact sheet in `folder`, and tell of each as it is done; `bar` shows progress."""
    animator = load(engine)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be made ({error.strerror}); choose another.") from error
    portrait = open_portrait(SOURCE, Options())
    strips, results = [], []
    for name in DRIVERS:
        with bar(f"{SOURCE.stem} + {name}") as progress:
            result, strip = _film(animator, portrait, name, folder / f"{SOURCE.stem}_{name}.mp4", progress)
        strips.append(strip)
        results.append(result)
        yield str(result)
    sheet = folder / f"{SOURCE.stem}_sheet.png"
    Image.fromarray(_signed(draw.contact_sheet(portrait.opaque, strips))).save(sheet)
    yield f"{sheet}: source, driver over result"
    frames, seconds = sum(result.frames for result in results), sum(result.seconds for result in results)
    yield f"{len(results)} films, {frames} frames in {seconds:.1f} s, {frames / seconds:.1f} frames a second"


def _film(
    animator: Animator, portrait: Portrait, name: str, out: Path, progress: Callable[[Progress], None]
) -> tuple[Result, draw.Strip]:
    """One film, and what of it goes onto the contact sheet."""
    driver = samples.DRIVERS[name]
    close_up = Crop.around(portrait.faces[0].points, size=CLOSE_UP)
    shown: dict[int, Frame] = {}

    def keep(step: Progress) -> None:
        if step.frame is not None and step.done - 1 in _moments(step.total):
            shown[step.done - 1] = close_up.take(step.frame)
        progress(step)

    result = animator.animate(portrait.path, driver, out, progress=keep)
    driving = [frame for number, frame in enumerate(video.read_frames(driver)) if number in shown]
    return result, draw.Strip(name, driving, list(shown.values()))


def _signed(sheet: Frame) -> draw.Drawing:
    """The sheet with the mark on a foot of its own, where it hides no picture."""
    foot = np.full((round(FOOT * min(sheet.shape[:2])), *sheet.shape[1:]), draw.PAPER, np.uint8)
    return provenance.mark(np.vstack([sheet, foot]))


def _moments(frames: int) -> list[Any]:
    """Which of a film's frames are shown, from the first to the last."""
    return np.linspace(0, frames - 1, MOMENTS).round().astype(int).tolist()
