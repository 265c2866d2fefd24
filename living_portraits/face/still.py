"""A face in a still as engines take it: cut out upright, with its points."""

from living_portraits.align import FRAMING, Crop
from living_portraits.engine import Frame, Track
from living_portraits.face.lips import on_their_line
from living_portraits.face.model import Face
from living_portraits.face.points_file import FOUND_BY


def as_source(picture: Frame, found: Face, *, size: int, scale: float = FRAMING) -> tuple[Crop, Track]:
    """The crop of `size` px, and a track of one frame.

    Closed lips lie on the line that is seen between them (`lips`), unless somebody placed the points by hand.
    """
    crop = Crop.around(found.points, size=size, scale=scale)
    taken, points = crop.take(picture), crop.to_crop(found.points)
    if found.found_by != FOUND_BY:
        points = on_their_line(taken, points)
    return crop, Track([taken], points[None], found.blendshapes[None])
