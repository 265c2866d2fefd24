"""The ladder of looks at a picture, rung by rung."""

from collections.abc import Sequence
from itertools import islice

import numpy as np
from ipywidgets import Dropdown, interact

from living_portraits import draw
from living_portraits.align import Crop
from living_portraits.engine import Frame
from living_portraits.face.ladder import LADDER, Rung, climb, views
from living_portraits.face.landmarker import Landmarkers
from living_portraits.face.model import Face
from living_portraits.notebook.pictures import row

SHOWN = 6
"""Views of a rung that are shown; of tiles there are more."""

SMALL = 0.1
"""Of the picture's height; the landmarks of a smaller face cannot be seen."""


def rungs(pictures: dict[str, Frame], *, picture: str, rung: str) -> None:
    """What the detector is shown at each rung of the ladder, and whether that rung finds the face."""

    def look(picture: str, rung: Rung) -> None:
        seen = list(islice(views(pictures[picture], rung), SHOWN))
        if seen:
            row({f"look {number}": view.frame for number, view in enumerate(seen, 1)}, height=2.2)
        else:
            print("no look: the picture is too small for such tiles, they would show no more than the whole")
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
    return f"a face, with a confidence of {found[0].confidence:.2f}" if found else "no face"


def found_in(picture: Frame, found: Sequence[Face]) -> Frame:
    """The picture with the landmarks of its first face, if it has one; in a corner once more, where they are small."""
    if not found:
        return picture
    points = found[0].points
    whole, (height, width) = draw.landmarks(picture, points), picture.shape[:2]
    if np.ptp(points[:, 1]) < SMALL * height:
        crop = Crop.around(points, size=min(height, width) // 2)
        close = draw.landmarks(crop.take(picture), crop.to_crop(points))
        x, y = points[:, :2].mean(axis=0)
        rows = slice(-crop.size, None) if y < height / 2 else slice(crop.size)
        columns = slice(-crop.size, None) if x < width / 2 else slice(crop.size)
        whole[rows, columns] = close
    return whole
