"""The ladder of looks at a picture, rung by rung."""

from collections.abc import Sequence
from itertools import islice

from ipywidgets import Dropdown, interact

from living_portraits import draw
from living_portraits.engine import Frame
from living_portraits.face.ladder import LADDER, Rung, climb, views
from living_portraits.face.landmarker import Landmarkers
from living_portraits.face.model import Face
from living_portraits.notebook.pictures import row

SHOWN = 6
"""Views of a rung that are shown; of tiles there are more."""


def rungs(pictures: dict[str, Frame], *, picture: str, rung: str) -> None:
    """What the detector is shown at each rung of the ladder, and whether that rung finds the face."""

    def look(picture: str, rung: Rung) -> None:
        seen = list(islice(views(pictures[picture], rung), SHOWN))
        row({f"look {number}": view.frame for number, view in enumerate(seen, 1)}, height=2.2)
        with Landmarkers() as landmarkers:
            print(verdict(climb(pictures[picture], rung, landmarkers)))

    first = next(one for one in LADDER if one.name == rung)
    interact(
        look,
        picture=Dropdown(options=list(pictures), value=picture),
        rung=Dropdown(options=[(one.name, one) for one in LADDER], value=first),
    )


def verdict(found: Sequence[Face]) -> str:
    """How a search ended, in words."""
    return f"a face, sure to {found[0].confidence:.2f}" if found else "no face"


def found_in(picture: Frame, found: Sequence[Face]) -> Frame:
    """The picture with the landmarks of its first face, if it has one."""
    return draw.landmarks(picture, found[0].points) if found else picture
