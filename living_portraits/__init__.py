"""Brings a portrait to life with the motion of a driver clip, and makes one person dance as another does.

    import living_portraits as lp
    lp.load("puppet").animate(lp.samples.mona_lisa, lp.samples.smile, "mona.mp4")
    lp.dance("anna.mp4", identity="anna", choreography=lp.samples.wave)

Names and modules are loaded when they are first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from living_portraits import (
        align,
        body,
        choreography,
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
        skeleton,
        smoothing,
        stance,
        video,
    )
    from living_portraits.align import Crop
    from living_portraits.animator import Animator, Progress, load
    from living_portraits.choreography import Choreography
    from living_portraits.dancing import dance
    from living_portraits.engine import Drive, Engine, Spec, Track
    from living_portraits.errors import LivingPortraitsError
    from living_portraits.film_options import Options
    from living_portraits.result import Result

__all__ = [
    "Animator",
    "Choreography",
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
    "body",
    "choreography",
    "dance",
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
    "skeleton",
    "smoothing",
    "stance",
    "video",
]

_HOMES = {
    "Animator": "animator",
    "Choreography": "choreography",
    "Crop": "align",
    "Drive": "engine",
    "Engine": "engine",
    "LivingPortraitsError": "errors",
    "Options": "film_options",
    "Progress": "animator",
    "Result": "result",
    "Spec": "engine",
    "Track": "engine",
    "dance": "dancing",
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
