"""What is to be danced, and who is to be taught: checked, or refused with one sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from living_portraits import choreography, dancing, people, samples, video
from living_portraits.errors import BodyError, LivingPortraitsError, MediaError, OptionError, OutputError
from living_portraits.studio.shelf import Limits
from living_portraits.studio.trouble import Place, Trouble
from living_portraits.studio.words import say

BUNDLED = "(bundled)"
"""The dancer that comes along: nobody who is taught can be called so."""

AGREED = "Stated in the studio: the person in the clip has agreed to be learned and to films of them."
LESSONS: dict[str, float] = {"short": 3.0, "medium": 10.0, "long": 20.0}
"""Minutes, at most."""

SIZES = (128, 256)
MOST_TIMES = 10


@dataclass(frozen=True)
class DancerOrder:
    """A film of a dancer.

    Attributes:
        dancer: their name, or `BUNDLED`.
        steps: a clip or a `.dance` file.
        options: the fields of `dancing.Staging`.
    """

    dancer: str
    steps: Path
    options: Mapping[str, Any]

    @property
    def identity(self) -> str | None:
        """As `dancing.dance` takes it."""
        return None if self.dancer == BUNDLED else self.dancer

    @property
    def film(self) -> str:
        """The film's name."""
        return f"{'dancer' if self.dancer == BUNDLED else self.dancer}_{self.steps.stem}.mp4"


@dataclass(frozen=True)
class LessonOrder:
    """Somebody to be taught: from which clip, called what, for how long, and how large."""

    target: Path
    name: str
    minutes: float
    size: int


def dancer_names() -> list[str]:
    """Who can dance here: the one that comes along, then those who were taught."""
    return [*([BUNDLED] if dancing.comes_along() else []), *dancing.known_dancers()]


def dancer_choices(language: str) -> list[tuple[str, str]]:
    """(words, value) for those."""
    return [(say("dancer.bundled", language) if name == BUNDLED else name, name) for name in dancer_names()]


def take_dance(given: Mapping[str, Any], limits: Limits) -> DancerOrder:
    """From the controls' values, or a script's: dancer, choreography (names), clip (path), start, end, times, sound,
    beside. Raises Trouble."""
    known = dancer_names()
    dancer = given.get("dancer") or next(iter(known), None)
    if dancer is None:
        raise Trouble("dancer", "dancer.nobody")
    if dancer not in known:
        raise Trouble("dancer", "dancer.unknown", name=dancer, known=", ".join(known) or "–")
    steps = _steps(given)
    start, end = (_number(given, name) for name in ("start", "end"))
    if not (start >= 0 and end >= 0):
        raise Trouble("options", "option.seconds")
    if end and end <= start:
        raise Trouble("options", "option.order")
    times = _number(given, "times", first=1.0)
    if times != int(times) or not 1 <= times <= MOST_TIMES:
        raise Trouble("options", "dance.times.wrong", most=MOST_TIMES)
    _check_length(steps, "drivers", start, end, limits.seconds)
    sound = given.get("sound") or "choreography"
    if sound not in ("choreography", "none"):
        raise Trouble("options", "", detail=f"sound is choreography or none, not {sound!r}.")
    options = {"start": start, "end": end or None, "times": int(times), "sound": sound}
    return DancerOrder(dancer, steps, options | {"side_by_side": bool(given.get("beside"))})


def _steps(given: Mapping[str, Any]) -> Path:
    """A file of the user's own goes before the gallery's."""
    if given.get("clip"):
        return Path(given["clip"])
    names = given.get("choreography") or []
    if not names:
        raise Trouble("drivers", "dance.missing")
    if names[0] not in samples.DANCES:
        detail = f"There is no choreography {names[0]!r} in the collection; choose from {', '.join(samples.DANCES)}."
        raise Trouble("drivers", "", detail=detail)
    return samples.DANCES[names[0]]


def take_lesson(given: Mapping[str, Any], limits: Limits) -> LessonOrder:
    """From target (path), name, lesson (a key of `LESSONS`), size and consent. Raises Trouble."""
    if not given.get("target"):
        raise Trouble("target", "teach.missing")
    target = Path(given["target"])
    name = (given.get("name") or "").strip()
    if not people.is_name(name):
        raise Trouble("name", "teach.name", most=people.LONGEST)
    if name in dancing.known_dancers():
        raise Trouble("name", "teach.known", name=name)
    if not given.get("consent"):
        raise Trouble("consent", "teach.consent.missing")
    lesson, size = given.get("lesson") or "short", int(given.get("size") or SIZES[0])
    if lesson not in LESSONS or size not in SIZES:
        choices = f"lesson is one of {', '.join(LESSONS)}, and size one of {', '.join(map(str, SIZES))}."
        raise Trouble("target", "", detail=choices)
    if video.is_still(target):
        raise Trouble("target", "driver.unreadable", name=target.name)
    _check_length(target, "target", 0.0, 0.0, limits.target_seconds)
    return LessonOrder(target, name, min(LESSONS[lesson], limits.minutes), size)


def _check_length(path: Path, place: Place, start: float, end: float, most: float) -> None:
    if path.suffix.lower() == choreography.SUFFIX and place != "target":
        return
    try:
        duration = video.probe(path).duration
    except LivingPortraitsError:
        raise Trouble(place, "driver.unreadable", name=path.name) from None
    if min(end or duration, duration) - start > most:
        key = "driver.long" if place == "drivers" else "teach.long_clip"
        raise Trouble(place, key, name=path.name, length=round(duration), limit=round(most))


def _number(given: Mapping[str, Any], name: str, *, first: float = 0.0) -> float:
    try:
        return float(given.get(name) or first)
    except (TypeError, ValueError):
        raise Trouble("options", "", detail=f"{name} takes a number, not {given[name]!r}.") from None


def explained(error: LivingPortraitsError, file: Path, place: Place) -> Trouble:
    """Where an error of the library belongs; `place` is that of the clip, whose folder nobody is told."""
    if isinstance(error, Trouble):
        return error
    detail = str(error).replace(str(file), file.name).replace(f"{file.parent}/", "")
    if isinstance(error, OptionError):
        return Trouble("options" if place == "drivers" else place, "", detail=detail)
    about_the_clip = isinstance(error, BodyError | MediaError) and not isinstance(error, OutputError)
    return Trouble(place if about_the_clip else "run", "", detail=detail)
