"""Those whom the engine `talking-head` was taught: who there are, who agreed, and what a film of them begins with."""

from pathlib import Path

from living_portraits import people, weights
from living_portraits.engines.talking_head.person import PERSONS, Person, read
from living_portraits.errors import OptionError

ENGINE = "talking-head"


def known() -> tuple[str, ...]:
    """The names of those who are kept, and of those who come along."""
    return PERSONS.known()


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
    _read(name)  # refused here rather than when the film is begun
    picture = people.first_picture(PERSONS.find(name), folder)
    if picture is None:
        raise OptionError(f"The file of {name} holds no picture: they were learned by an earlier version; do it again.")
    return picture


def _read(name: str) -> Person:
    return read(PERSONS.find(name), base=weights.path(ENGINE))
