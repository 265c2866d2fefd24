"""Widgets: a portrait, a driver, a frame of a film."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ipywidgets import Dropdown, IntSlider, interact

from living_portraits import samples
from living_portraits.engine import Frame
from living_portraits.notebook.pictures import row

_LABEL = "80px"  # as wide as that of the sliders that `interact` makes


def portraits(first: Path = samples.mona_lisa) -> Dropdown:
    """Chooses one of the bundled portraits; `first` is chosen already."""
    return choice({_title(path): path for path in samples.PORTRAITS.values()}, first, label="source")


def drivers(first: Path = samples.smile) -> Dropdown:
    """Chooses one of the bundled driver clips."""
    return choice({_title(path): path for path in samples.DRIVERS.values()}, first, label="driver")


def choice(options: Mapping[str, Any] | Sequence[Any], first: Any = None, *, label: str = "") -> Dropdown:
    """Chooses one of several things, by their names."""
    listed = list(options.items()) if isinstance(options, Mapping) else [(str(one), one) for one in options]
    value = listed[0][1] if first is None else first
    return Dropdown(
        options=listed, value=value, description=label, layout={"width": "42em"}, style={"description_width": _LABEL}
    )


def scrub(films: Mapping[str, Sequence[Frame]], *, height: float = 3.0, start: int = 0) -> None:
    """Films side by side, as long as the shortest, with a slider for the frame."""
    last = min(len(frames) for frames in films.values()) - 1
    slider = IntSlider(value=min(start, last), min=0, max=last, description="frame", layout={"width": "36em"})

    def show(number: int) -> None:
        row({title: frames[number] for title, frames in films.items()}, height=height)

    interact(show, number=slider)


def _title(path: Path) -> str:
    return samples.TITLES[path.stem]
