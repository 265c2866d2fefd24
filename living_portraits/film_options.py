"""Every option of a film, once: name, default, range and words, for Python, the command line and manifests."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from living_portraits.engine import MOST_DEGREES
from living_portraits.errors import OptionError

Parse = Callable[[Any], Any]

LARGEST, SMALLEST = 2560, 64
"""px of a film's longest side: unless more is asked for, as what is larger hardly plays anywhere; and at least."""


def _says(explanation: str, *, takes: str = "True or False", parse: Parse = bool, flag: str = "") -> dict[str, Any]:
    """What is known of a field of `Options`.

    Args:
        explanation: one line for the command line's help.
        takes: which values it takes, in words that follow "takes".
        parse: from what a person wrote to the value; raises ValueError or TypeError when it is not one.
        flag: its name on the command line, where that is not the field's own.
    """
    return {"help": explanation, "takes": takes, "parse": parse, "flag": flag}


def _between(low: float, high: float) -> Parse:
    def number(value: Any) -> float:
        if not low <= float(value) <= high:
            raise ValueError
        return float(value)

    return number


def _whole(value: Any) -> int:
    if int(value) != float(value) or int(value) < 0:
        raise ValueError
    return int(value)


def _side(value: Any) -> int:
    if _whole(value) < SMALLEST:
        raise ValueError
    return _whole(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value


def _path(value: Any) -> Path:
    return Path(value).expanduser()


def _frame_or_auto(value: Any) -> int | str:
    return "auto" if value == "auto" else _whole(value)


def _sound(value: Any) -> str | Path:
    return str(value) if value in ("driver", "none") else _path(value)


def _degrees(way: str) -> dict[str, Any]:
    most = MOST_DEGREES
    return _says(
        f"degrees that the head is turned {way} on top of its motion, -{most:g} to {most:g}",
        takes=f"a number from -{most:g} to {most:g}",
        parse=_between(-most, most),
    )


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a film is to be made; build it with `Options.of`, which checks what it is given. Times are in seconds."""

    relative: bool = field(
        default=True, metadata=_says("give the source the driver's very pose instead of its change", flag="absolute")
    )
    neutral_frame: int | Literal["auto"] = field(
        default=0,
        metadata=_says(
            "driver frame that counts as no expression (parted lips still do): its number, or auto for the calmest",
            takes="a frame's number or auto",
            parse=_frame_or_auto,
        ),
    )
    strength: float = field(
        default=1.0,
        metadata=_says(
            "factor on all motion, 0 (still; facing the viewer with absolute) to 3",
            takes="a number from 0 to 3",
            parse=_between(0.0, 3.0),
        ),
    )
    expression: float = field(
        default=1.0,
        metadata=_says(
            "factor on mouth, lids and gaze, 0 to 2", takes="a number from 0 to 2", parse=_between(0.0, 2.0)
        ),
    )
    stay: bool = field(default=False, metadata=_says("keep the head at the source's own place and size"))
    frontal: bool = field(default=False, metadata=_says("as if the portrait had been painted facing the viewer"))
    roll: float = field(default=0.0, metadata=_degrees("clockwise"))
    pitch: float = field(default=0.0, metadata=_degrees("up"))
    yaw: float = field(default=0.0, metadata=_degrees("to the picture's right"))
    start: float = field(
        default=0.0,
        metadata=_says("second of the driver to begin at", takes="seconds, 0 or more", parse=_between(0.0, 1e6)),
    )
    end: float | None = field(
        default=None,
        metadata=_says("second of the driver to end at", takes="seconds, more than 0", parse=_between(0.0, 1e6)),
    )
    fps: float | None = field(
        default=None,
        metadata=_says(
            "frames a second, instead of the driver's, 0.01 to 240",
            takes="a number from 0.01 to 240",
            parse=_between(0.01, 240.0),
        ),
    )
    face: int = field(
        default=0,
        metadata=_says(
            "which face of the source, counted from 0, the largest", takes="a whole number from 0", parse=_whole
        ),
    )
    all_faces: bool = field(default=False, metadata=_says("move all faces of the source"))
    crop_only: bool = field(
        default=False, metadata=_says("film the square around the face, as far as the picture goes, not all of it")
    )
    largest: int = field(
        default=LARGEST,
        metadata=_says(
            "longest side of the film in px: a larger one is made smaller, so that it plays everywhere",
            takes=f"a whole number from {SMALLEST}",
            parse=_side,
        ),
    )
    side_by_side: bool = field(default=False, metadata=_says("show source, driver and result next to each other"))
    sound: str | Path = field(
        default="driver", metadata=_says("driver, none, or a file", takes="driver, none or a file", parse=_sound)
    )
    alpha: bool = field(default=False, metadata=_says("keep the source's transparency (webm or a folder of PNG)"))
    seed: int = field(
        default=0, metadata=_says("for engines that draw random numbers", takes="a whole number from 0", parse=_whole)
    )
    smoothing: float = field(
        default=0.5,
        metadata=_says("how much to calm the tracker, 0 to 1", takes="a number from 0 to 1", parse=_between(0.0, 1.0)),
    )
    backend: str = field(
        default="mediapipe", metadata=_says("what finds the source's face", takes="a backend's name", parse=_text)
    )
    points: Path | None = field(
        default=None,
        metadata=_says("JSON file with landmarks of the source placed by hand", takes="a file", parse=_path),
    )
    save_motion: Path | None = field(
        default=None,
        metadata=_says("also save the driver's motion, to be used as a driver", takes="a file", parse=_path),
    )
    manifest: Path | None = field(
        default=None,
        metadata=_says("also write a JSON file from which the film can be made again", takes="a file", parse=_path),
    )
    mark: bool = field(
        default=True, metadata=_says("leave out the visible mark; the film's credential records it", flag="no-mark")
    )
    consent: str | None = field(
        default=None,
        metadata=_says("who agreed to this film; kept in its credential", takes="a few words", parse=_text),
    )
    certificate: Path | None = field(
        default=None,
        metadata=_says(
            "PEM file of the certificate to sign with, instead of the test certificate", takes="a file", parse=_path
        ),
    )
    key: Path | None = field(
        default=None, metadata=_says("PEM file of that certificate's private key", takes="a file", parse=_path)
    )

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Options":
        """Checked options from names and values, values also as text; raises OptionError for what makes no sense."""
        fields = {known.name: known for known in dataclasses.fields(cls)}
        checked: dict[str, Any] = {}
        for name, value in given.items():
            if name not in fields:
                raise OptionError(f"There is no option {name!r}; choose from {', '.join(fields)}.")
            if value is not None or fields[name].default is not None:
                checked[name] = _checked(fields[name], value)
        options = cls(**checked)
        options._agree()
        return options

    def _agree(self) -> None:
        """Raises OptionError where two options contradict each other."""
        if self.end is not None and self.end <= self.start:
            raise OptionError(f"The end ({self.end:g} s) must come after the start ({self.start:g} s).")
        for one, other in (
            ("all_faces", "face"),
            ("all_faces", "points"),
            ("all_faces", "crop_only"),
            ("points", "face"),
            ("alpha", "side_by_side"),
        ):
            if getattr(self, one) and getattr(self, other):
                raise OptionError(f"The options {one} and {other} exclude each other; leave one out.")
        if self.frontal and not self.relative:
            raise OptionError("With the driver's very pose the head begins nowhere of its own; leave frontal out.")
        if (self.certificate is None) != (self.key is None):
            raise OptionError("A certificate and its key go together: give both, or neither for the test certificate.")

    def as_data(self) -> dict[str, Any]:
        """Names and values as JSON can hold them; paths as text."""
        values = {known.name: getattr(self, known.name) for known in dataclasses.fields(self)}
        return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}


def _checked(known: "dataclasses.Field[Any]", value: Any) -> Any:
    try:
        if known.metadata["parse"] is bool and not isinstance(value, bool):
            raise ValueError
        parsed = known.metadata["parse"](value)
        if isinstance(parsed, float) and not math.isfinite(parsed):
            raise ValueError
        return parsed
    except (TypeError, ValueError, OverflowError):
        raise OptionError(f"The option {known.name} takes {known.metadata['takes']}, not {value!r}.") from None
