"""What went wrong, and beside which part of the page that is to be said."""

from pathlib import Path
from typing import Literal, TypeAlias

from living_portraits.errors import FaceError, LivingPortraitsError, MediaError, OptionError
from living_portraits.studio.library_words import retold
from living_portraits.studio.words import say

Place: TypeAlias = Literal["source", "consent", "drivers", "options", "run", "dancer", "person", "target", "name"]


class Trouble(LivingPortraitsError):
    """Something that the user can mend.

    Attributes:
        place: the part of the page that it belongs to.
    """

    def __init__(self, place: Place, key: str, **values: object) -> None:
        super().__init__(say(key, **values) if key else str(values["detail"]))
        self.place, self._key, self._values = place, key, values

    def sentence(self, language: str) -> str:
        """In that language where the studio has words for it, else in English."""
        detail = self._values.get("detail")
        told = None if detail is None else retold(str(detail), language)
        if told or not self._key:
            return told or str(detail)
        return say(self._key, language, **self._values) + (f" ({detail})" if detail else "")


def explain(error: LivingPortraitsError, *, source: Path, driver: Path, begun: bool) -> Trouble:
    """Where an error of the library belongs; `begun` if the driver was being read already."""
    if isinstance(error, Trouble):
        return error
    detail = str(error)
    for path in (source, driver):
        detail = detail.replace(str(path), path.name)
    if isinstance(error, OptionError):
        return Trouble("options", "", detail=detail)
    about_the_driver = begun or str(driver) in str(error)
    if isinstance(error, FaceError):
        if about_the_driver:
            return Trouble("drivers", "driver.no_face", name=driver.name, detail=detail)
        return Trouble("source", "", detail=detail)
    if isinstance(error, MediaError):
        return Trouble("drivers" if about_the_driver else "source", "", detail=detail)
    return Trouble("run", "", detail=detail)
