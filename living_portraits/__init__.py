"""Brings a portrait to life with the motion of a driver clip.

    import living_portraits as lp
    lp.load("puppet").animate(lp.samples.mona_lisa, lp.samples.smile, "mona.mp4")

Names and modules are loaded when they are first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from living_portraits import (
        align,
        draw,
        engines,
        face,
        geometry,
        landmarks68,
        metrics,
        motion,
        notebook,
        provenance,
        samples,
        smoothing,
        video,
    )
    from living_portraits.align import Crop
    from living_portraits.animator import Animator, Progress, load
    from living_portraits.engine import Drive, Engine, Spec, Track
    from living_portraits.errors import LivingPortraitsError
    from living_portraits.film_options import Options
    from living_portraits.result import Result

__all__ = [
    "Animator",
    "Crop",
    "Drive",
    "Engine",
    "LivingPortraitsError",
    "Options",
    "Progress",
    "Result",
    "Spec",
    "Track",
    "align",
    "draw",
    "engines",
    "face",
    "geometry",
    "landmarks68",
    "load",
    "metrics",
    "motion",
    "notebook",
    "provenance",
    "samples",
    "smoothing",
    "video",
]

_HOMES = {
    "Animator": "animator",
    "Crop": "align",
    "Drive": "engine",
    "Engine": "engine",
    "LivingPortraitsError": "errors",
    "Options": "film_options",
    "Progress": "animator",
    "Result": "result",
    "Spec": "engine",
    "Track": "engine",
    "load": "animator",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(f"{__name__}.{_HOMES.get(name, name)}")
    value = getattr(home, name) if name in _HOMES else home
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
