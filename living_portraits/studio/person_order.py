"""Who is to be learned from a few pictures, and which film of somebody is wanted: checked, or refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from living_portraits import people, samples, video
from living_portraits.errors import FaceError, LivingPortraitsError, MediaError, OptionError, OutputError
from living_portraits.finetune import kept
from living_portraits.finetune.learning import MOST
from living_portraits.studio.choices import Choices
from living_portraits.studio.order import COLLECTION, Order, Version, artwork, take_order
from living_portraits.studio.shelf import Limits, new_folder
from living_portraits.studio.trouble import Trouble

AGREED = "Stated in the studio: the person in the pictures has agreed to be learned and to films of them."
ARTWORK = "Not needed: artworks of the project's own collection."
LESSONS: dict[str, float] = {"short": 2.5, "medium": 5.0, "long": 15.0}
"""Minutes, at most."""


@dataclass(frozen=True)
class LearnOrder:
    """Somebody to be learned: from which pictures or which clip, called what, for how long, and who agreed."""

    pictures: tuple[Path, ...]
    name: str
    minutes: float
    consent: str


def person_names() -> list[str]:
    """Who was learned."""
    return list(kept.known())


def take_person(given: Mapping[str, Any], limits: Limits, root: Path) -> Order:
    """As `take_order`, but from person (a name; None: the first) instead of a portrait, and before: whether the same
    film as they were before they were learned stands beside it. Raises Trouble."""
    names = person_names()
    name = given.get("person") or next(iter(names), None)
    if name is None:
        raise Trouble("person", "person.nobody")
    if name not in names:
        raise Trouble("person", "person.unknown", name=name, known=", ".join(names) or "–")
    try:
        source, agreed = kept.picture_of(name, new_folder(root)), kept.consent_of(name)
    except LivingPortraitsError as error:
        folder = str(people.folder())
        raise Trouble("person", "", detail=str(error).replace(f" in {folder}", "").replace(f"{folder}/", "")) from error
    drawn = {"source": str(source), "consent": True, "engine": kept.ENGINE, "identity": name}
    order = take_order({**given, **drawn}, limits)
    order = replace(order, consent=agreed or order.consent if artwork(source) else agreed or f"Not stated for {name}.")
    if not given.get("before"):
        return order
    untaught = replace(order.choices, identity="")
    return replace(order, by=(_version(untaught, "before"), _version(order.choices, "after")))


def _version(choices: Choices, word: str) -> Version:
    return Version(choices, word, f"person.{word}")


def take_learning(given: Mapping[str, Any], limits: Limits) -> LearnOrder:
    """From pictures (paths), portraits (names of the collection's; files go first), name, lesson (a key of `LESSONS`)
    and consent. Raises Trouble."""
    pictures = _pictures(given, limits)
    name = (given.get("name") or "").strip()
    if not people.is_name(name):
        raise Trouble("name", "teach.name", most=people.LONGEST)
    if name in kept.known():
        raise Trouble("name", "person.known", name=name)
    artworks = all(path.suffix != "" and video.is_still(path) and artwork(path) for path in pictures)
    if not artworks and not given.get("consent"):
        raise Trouble("consent", "teach.consent.missing")
    lesson = given.get("lesson") or "short"
    if lesson not in LESSONS:
        raise Trouble("target", "", detail=f"lesson is one of {', '.join(LESSONS)}.")
    return LearnOrder(pictures, name, min(LESSONS[lesson], limits.minutes), ARTWORK if artworks else AGREED)


def _pictures(given: Mapping[str, Any], limits: Limits) -> tuple[Path, ...]:
    """Files of the user's own go before the collection's."""
    names = given.get("portraits") or []
    if unknown := [name for name in names if name not in COLLECTION]:
        detail = f"There is no portrait {unknown[0]!r} in the collection; choose from {', '.join(COLLECTION)}."
        raise Trouble("target", "", detail=detail)
    paths = tuple(map(Path, given.get("pictures") or [])) or tuple(samples.PORTRAITS[name] for name in names)
    if not paths:
        raise Trouble("target", "person.missing")
    if len(paths) > MOST:
        raise Trouble("target", "person.many", most=MOST)
    clips = [path for path in paths if not video.is_still(path)]
    for clip in clips:
        try:
            duration = video.probe(clip).duration
        except LivingPortraitsError:
            raise Trouble("target", "person.unreadable", name=clip.name) from None
        if len(paths) > 1:
            raise Trouble("target", "person.mixed", name=clip.name)
        if duration > limits.target_seconds:
            values = {"name": clip.name, "length": round(duration), "limit": round(limits.target_seconds)}
            raise Trouble("target", "person.long_clip", **values)
    return paths


def explained(error: LivingPortraitsError, pictures: Sequence[Path]) -> Trouble:
    """Where an error of the library belongs; nobody is told the folders of the pictures."""
    if isinstance(error, Trouble):
        return error
    detail = str(error)
    for path in pictures:
        detail = detail.replace(str(path), path.name)
    about_them = isinstance(error, FaceError | MediaError | OptionError) and not isinstance(error, OutputError)
    return Trouble("target" if about_them else "run", "", detail=detail)
