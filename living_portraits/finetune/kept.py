"""Those whom the engine `talking-head` was taught: who there are, who agreed, and what a film of them begins with."""

from pathlib import Path

from PIL import Image

from living_portraits import people, samples, weights
from living_portraits.engines.talking_head.person import PERSONS, Person, read
from living_portraits.errors import OptionError

ENGINE = "talking-head"


def known() -> tuple[str, ...]:
    """The names of those who are kept, and of those who come along."""
    return PERSONS.known()


def comes_along(name: str) -> bool:
    """Whether the one called `name` is part of this copy, and nobody whom its user taught."""
    return not PERSONS.find(name).is_relative_to(people.folder())


def consent_of(name: str) -> str | None:
    """Who agreed that they be learned, as their file says. Raises OptionError or WeightsError."""
    said = _read(name).about.get("consent")
    return None if said is None else str(said)


def picture_of(name: str, folder: Path) -> Path:
    """What a film of them begins with: a sample's whole picture, else the face that their file holds, in `folder`.

    Raises:
        OptionError: nobody is called so, or their file holds no picture.
        WeightsError: it is damaged, or was made from other weights.
    """
    picture = _read(name).picture
    if name in samples.PORTRAITS and comes_along(name):
        return samples.PORTRAITS[name]
    if picture is None:
        raise OptionError(f"The file of {name} holds no picture: they were learned by an earlier version; do it again.")
    place = folder / f"{name}.png"
    Image.fromarray(picture).save(place)
    return place


def _read(name: str) -> Person:
    return read(PERSONS.find(name), base=weights.path(ENGINE))
