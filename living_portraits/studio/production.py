"""From an order to films, files and figures: what the tabs and the scripts' endpoints share."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from living_portraits import video
from living_portraits.driver import MOTION_SUFFIX
from living_portraits.errors import LivingPortraitsError
from living_portraits.studio.choices import write_settings
from living_portraits.studio.engine_list import EngineList
from living_portraits.studio.figures import Figures, judge
from living_portraits.studio.filming import Shot, plan, shoot
from living_portraits.studio.job import follow
from living_portraits.studio.order import Order
from living_portraits.studio.shelf import new_folder

SETTINGS = "settings.json"
USUAL_SIDE = 1600
"""px; a larger film says nothing of how fast its engine is with others."""


@dataclass(frozen=True)
class Production:
    """How far an order is.

    Attributes:
        order: what was asked for.
        shots: its films.
        files: what can be downloaded; empty until all films are done.
        figures: one for each film; empty until they are measured.
    """

    order: Order
    shots: tuple[Shot, ...]
    files: tuple[Path, ...] = ()
    figures: tuple[Figures, ...] = ()

    def report(self) -> dict[str, Any]:
        """For scripts: how far each film is, and its figures in the end."""
        films = []
        for number, shot in enumerate(self.shots):
            about: dict[str, Any] = {"film": shot.out.name, "engine": shot.engine, "driver": shot.driver.name}
            about |= {"size": shot.size, "stage": shot.stage, "done": shot.done, "total": shot.total}
            about |= {} if shot.ms is None else {"ms": round(shot.ms, 1)}
            about |= {} if not shot.title else {"version": shot.title.rsplit(".", 1)[-1]}
            films.append(about | (self.figures[number].as_data() if self.figures else {}))
        return {"films": films}


def produce(order: Order, root: Path, engine_list: EngineList) -> Iterator[Production]:
    """Makes an order's films in a folder of their own. Closing it stops the work.

    Raises:
        Trouble: something the user can mend.
    """
    with engine_list.at_work():
        yield from _produce(order, root, engine_list)


def _produce(order: Order, root: Path, engine_list: EngineList) -> Iterator[Production]:
    folder = new_folder(root)
    shots = plan(order, folder)
    for shots in shoot(order, shots, engine_list.animator):  # noqa: B020 (the newest state of the same films)
        yield Production(order, shots)
    for shot in shots:
        if is_usual(shot.out):
            engine_list.note(shot.engine, shot.fps, size=shot.size)
    write_settings(folder / SETTINGS, order.settings())
    motions = [shot.out.with_suffix(MOTION_SUFFIX) for shot in shots]
    files = (*(shot.out for shot in shots), *(file for file in motions if file.exists()), folder / SETTINGS)
    yield Production(order, shots, files)
    try:
        figures = yield from follow(lambda report: tuple(judge(shot, order) for shot in shots))
    except LivingPortraitsError:  # a film that cannot be read back has no figures, but it is what was asked for
        return
    yield Production(order, shots, files, figures)


def is_usual(film: Path) -> bool:
    """Whether its speed holds for other films: it is no larger than most, and painted once, not twice to be clear."""
    info = video.probe(film)
    return film.suffix == ".mp4" and max(info.width, info.height) <= USUAL_SIDE
