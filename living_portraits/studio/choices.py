"""The options of a film as the page offers them, and the file that keeps them."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from living_portraits import engines, samples
from living_portraits.engine import MOST_DEGREES
from living_portraits.errors import OptionError
from living_portraits.film_options import Options
from living_portraits.studio.trouble import Trouble

FORMAT = "living-portraits-studio"
FITTED, USUAL = 0, 512
"""Sizes of the face, px: as large as the picture bears, from the usual one up; and the usual one."""

SIZES = (FITTED, 256, USUAL, 768, 1024)
MOST_STRENGTH = 2.0
"""Factor on motion and expression."""


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What the page's controls are set to; their names and first values.

    Attributes:
        engine, size: how the face is made, and at how many pixels; see `FITTED`.
        head: "portrait" keeps the portrait's own pose, "frontal" turns it to the viewer first, "clip" takes that of who
            is in the clip.
        stay: whether the head keeps its place and size. roll, pitch, yaw: degrees on top, see `Drive`.
        start, end: seconds of the clip; an end of 0 is the clip's own.
        neutral: which frame of the clip counts as no expression, "first" or "auto".
        sound: "driver" or "none".
        framing: "picture", "head" or "alpha".
        beside: whether portrait and clip are shown in the film itself.
        identity: who the engine was taught in person; empty: nobody.
    """

    engine: str = engines.DEFAULT
    size: int = FITTED
    head: str = "portrait"
    strength: float = 1.0
    smoothing: float = 0.5
    start: float = 0.0
    end: float = 0.0
    neutral: str = "first"
    face: int = 0
    sound: str = "driver"
    framing: str = "picture"
    beside: bool = False
    expression: float = 1.0
    stay: bool = False
    roll: float = 0.0
    pitch: float = 0.0
    yaw: float = 0.0
    identity: str = ""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Choices":
        """From the values of the page's controls; what is empty keeps its first value. Raises Trouble."""
        values = {}
        for known in dataclasses.fields(cls):
            value = given.get(known.name)
            if value is None:
                continue
            kind: type = type(getattr(cls, known.name))
            try:
                values[known.name] = kind(value)
                if kind is int and values[known.name] != float(value):
                    raise ValueError
            except (TypeError, ValueError, OverflowError):
                told = {"name": known.name, "kind": kind.__name__, "value": repr(value)}
                raise Trouble("options", "option.kind", **told) from None
        chosen = cls(**values)
        for name, (low, high, key) in _RANGES.items():
            if not low <= getattr(chosen, name) <= high:
                raise Trouble("options", key, high=f"{high:g}")
        if chosen.end and chosen.end <= chosen.start:
            raise Trouble("options", "option.order")
        for name, allowed in _ALLOWED.items():
            if getattr(chosen, name) not in allowed:
                detail = f"{name} is one of {', '.join(allowed)}, not {getattr(chosen, name)!r}."
                raise Trouble("options", "", detail=detail)
        try:
            engines.spec(chosen.engine)
        except OptionError as error:
            raise Trouble("options", "", detail=str(error)) from error
        return chosen

    def options(self, *, sound: Path | None = None) -> dict[str, Any]:
        """As `Animator.animate` takes them; `sound` is a file that replaces the clip's. Raises OptionError."""
        options: dict[str, Any] = {
            "relative": self.head != "clip",
            "frontal": self.head == "frontal",
            "strength": self.strength,
            "expression": self.expression,
            "stay": self.stay,
            "roll": self.roll,
            "pitch": self.pitch,
            "yaw": self.yaw,
            "smoothing": self.smoothing,
            "start": self.start,
            "end": self.end or None,
            "neutral_frame": "auto" if self.neutral == "auto" else 0,
            "face": self.face,
            "sound": self.sound if sound is None else sound,
            "crop_only": self.framing == "head",
            "alpha": self.framing == "alpha",
            "side_by_side": self.beside,
        }
        Options.of(options)
        return options

    @property
    def suffix(self) -> str:
        """Of the film's file: mp4 knows no transparency."""
        return ".webm" if self.framing == "alpha" else ".mp4"


_RANGES = {
    "start": (0, math.inf, "option.seconds"),
    "end": (0, math.inf, "option.seconds"),
    "face": (0, math.inf, "option.face"),
    "strength": (0, MOST_STRENGTH, "option.factor"),
    "expression": (0, MOST_STRENGTH, "option.factor"),
    "smoothing": (0, 1, "option.smoothing"),
    **dict.fromkeys(("roll", "pitch", "yaw"), (-MOST_DEGREES, MOST_DEGREES, "option.degrees")),
}
"""Lowest and highest values, and the sentence for others."""

_ALLOWED = {
    "head": ("portrait", "frontal", "clip"),
    "neutral": ("first", "auto"),
    "sound": ("driver", "none"),
    "framing": ("picture", "head", "alpha"),
}


@dataclass(frozen=True)
class Settings:
    """What a settings file holds: the choices, the samples and the corrected points; of other files the names alone."""

    choices: Choices
    portrait: str | None = None
    drivers: tuple[str, ...] = ()
    places: Mapping[str, Sequence[float]] | None = None
    own_files: tuple[str, ...] = ()


def write_settings(path: Path, settings: Settings) -> None:
    """As JSON."""
    data = {"format": FORMAT, **dataclasses.asdict(settings)}
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_settings(path: Path) -> Settings:
    """Raises Trouble if the file is none of ours or names what does not exist."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data.pop("format") != FORMAT:
            raise ValueError
        places = data["places"]
        settings = Settings(
            choices=Choices.of(dict(data["choices"])),
            portrait=data["portrait"] if data["portrait"] in samples.PORTRAITS else None,
            drivers=tuple(name for name in data["drivers"] if name in samples.DRIVERS),
            places=None if places is None else {str(k): [float(v) for v in place] for k, place in places.items()},
            own_files=tuple(map(str, data["own_files"])),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Trouble("options", "restore.foreign") from None
    return settings
