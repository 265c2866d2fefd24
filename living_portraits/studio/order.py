"""From what the page's controls hold to what is to be filmed: checked, or refused with one sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from living_portraits import provenance, samples, video
from living_portraits.driver import MOTION_SUFFIX
from living_portraits.errors import LivingPortraitsError
from living_portraits.studio.choices import Choices, Settings
from living_portraits.studio.shelf import Limits
from living_portraits.studio.trouble import Trouble

COLLECTION: dict[str, Path] = {name: path for name, path in samples.PORTRAITS.items() if name != "astronaut"}
"""The artworks that come along. The photograph of a living person is not among them: nobody here can ask her."""

AGREED = "Stated in the studio: the person in the picture has agreed to this film, or it shows no living person."


@dataclass(frozen=True)
class Version:
    """One of several films of one clip: how, the word for it in the file's name, and its title or that text's key."""

    choices: Choices
    word: str
    title: str


@dataclass(frozen=True)
class Order:
    """What is to be filmed.

    Attributes:
        source: the portrait.
        drivers: one film each.
        choices: how.
        places: where the face is, by hand: name -> x, y in pixels; None if the tracker's word stands.
        consent: what the films' credentials say of it.
        sound: a file that is heard instead of the clips.
        by: several films of the first driver, instead of one of each.
    """

    source: Path
    drivers: tuple[Path, ...]
    choices: Choices
    places: Mapping[str, Any] | None
    consent: str
    sound: Path | None = None
    by: tuple[Version, ...] = ()

    def settings(self) -> Settings:
        """What is worth keeping in a file."""
        drivers = [path.stem for path in self.drivers if path in samples.DRIVERS.values()]
        own = [path.name for path in self.drivers if path not in samples.DRIVERS.values()]
        portrait = artwork(self.source)
        if portrait is None:
            own.insert(0, self.source.name)
        return Settings(self.choices, portrait, tuple(drivers), self.places, tuple(own))


def take_order(given: Mapping[str, Any], limits: Limits) -> Order:
    """The order that the page's controls, or a script's parameters, amount to. Raises Trouble.

    `given` holds the fields of `Choices` and
        source: a picture's path.
        portraits: names of the collection, one at most; where it names another artwork than `source`, it is newer.
        drivers: names of samples.
        clips: paths of further drivers; recording: one more. They go before the samples.
        points: {"places": {name: [x, y]}, "moved": bool}; the page's also name their source.
        consent: whether the sentence about it was ticked.
        sound_file: path.
    """
    chosen = chosen_portrait(given.get("source"), given.get("portraits"))
    source, name = portrait_of(chosen, bool(given.get("consent")), limits)
    choices = Choices.of(given)
    drivers = drivers_of(given, choices, limits)
    points = given.get("points")
    sound = given.get("sound_file")
    return Order(
        source=source,
        drivers=drivers,
        choices=choices,
        places=_places(points, chosen),
        consent=AGREED if name is None else f"Not needed: the artwork {name} of the project's own collection.",
        sound=None if sound is None else Path(sound),
    )


def chosen_portrait(source: str | None, names: Sequence[str] | None) -> str | None:
    """The picture that was chosen, by its path and by its name on the shelf, of which either may be missing.

    The page knows the name at the click, the path only when the server has answered: where both are artworks, the name
    holds, so that whoever is quick, or far away, gets what they see. Raises Trouble for a name that the shelf lacks.
    """
    if not names:
        return source
    if names[0] not in COLLECTION:
        detail = f"There is no portrait {names[0]!r} in the collection; choose from {', '.join(COLLECTION)}."
        raise Trouble("source", "", detail=detail)
    if source and artwork(Path(source)) in (None, names[0]):
        return source
    return str(COLLECTION[names[0]])


def portrait_of(path: str | None, consent: bool, limits: Limits) -> tuple[Path, str | None]:
    """A portrait that was chosen, and its name if it is the collection's. Raises Trouble, also where consent lacks."""
    source = _source(path, limits)
    name = artwork(source)
    if name is None and not consent:
        raise Trouble("consent", "consent.missing")
    return source, name


def _places(points: Any, source: Any) -> dict[str, Any] | None:
    """Those that were moved in this picture; whether they make a face is seen when it is made."""
    if not points:
        return None
    if not isinstance(points, dict) or not isinstance(points.get("places"), dict):
        raise Trouble("source", "points.impossible")
    moved = points.get("moved") and points.get("source") in (None, source)
    return dict(points["places"]) if moved else None


def artwork(source: Path) -> str | None:
    """The name of the collection's artwork that this file is a copy of."""
    length = _length(source)
    if all(path.stat().st_size != length for path in COLLECTION.values()):
        return None
    return _digests().get(provenance.Ingredient(source.name, source, "source").sha256)


@cache
def _digests() -> dict[str, str]:
    return {provenance.Ingredient(name, path, "source").sha256: name for name, path in COLLECTION.items()}


def _length(source: Path) -> int:
    try:
        return source.stat().st_size
    except OSError:  # swept away while the page stood open
        raise Trouble("source", "source.gone") from None


def _source(path: str | None, limits: Limits) -> Path:
    if not path:
        raise Trouble("source", "source.missing")
    source = Path(path)
    if _length(source) > limits.upload_mb * 1e6:
        raise Trouble("source", "source.large", limit=limits.upload_mb)
    if not video.is_still(source):
        raise Trouble("source", "source.unreadable")
    return source


def drivers_of(given: Mapping[str, Any], choices: Choices, limits: Limits) -> tuple[Path, ...]:
    """The clips of `take_order`: files first, then samples in the collection's order. Raises Trouble."""
    names = given.get("drivers") or []
    if unknown := [name for name in names if name not in samples.DRIVERS]:
        detail = f"There is no clip {unknown[0]!r} in the collection; choose from {', '.join(samples.DRIVERS)}."
        raise Trouble("drivers", "", detail=detail)
    files = [*(given.get("clips") or []), *([given["recording"]] if given.get("recording") else [])]
    drivers = [Path(file) for file in files] + [samples.DRIVERS[name] for name in samples.DRIVERS if name in names]
    if not drivers:
        raise Trouble("drivers", "driver.missing")
    if len(drivers) > limits.drivers:
        raise Trouble("drivers", "driver.many", limit=limits.drivers)
    for driver in drivers:
        _check_length(driver, choices, limits)
    return tuple(drivers)


def _check_length(driver: Path, choices: Choices, limits: Limits) -> None:
    if driver.suffix.lower() == MOTION_SUFFIX:
        return
    try:
        duration = video.probe(driver).duration
    except LivingPortraitsError:
        raise Trouble("drivers", "driver.unreadable", name=driver.name) from None
    used = min(choices.end or duration, duration) - choices.start
    if used > limits.seconds:
        raise Trouble("drivers", "driver.long", name=driver.name, length=round(duration), limit=round(limits.seconds))
