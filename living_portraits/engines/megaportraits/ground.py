"""What surrounds the person: it goes along with the head that is close to it, and stands still further off.

The paper puts the person before a plate whose hole a large network has filled. Here a plate is a guess, and pixels that
are carried from the source are none: so it shows only where they would show the person a second time.
"""

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from living_portraits.engines.megaportraits.networks import cut_out_grid, enlarged, shrunk

Way = Float[Tensor, "batch 2 _ _"]
Share = Float[Tensor, "batch 1 side side"]

# Of the side: how far about the person all goes along, and half of how far less and less.
_REACH, _SOFT = 1 / 9, 1 / 18
# By how much the person may be larger than their mattes, in the source and in the frame.
_EDGE, _DOUBT = 1 / 128, 1 / 21


class Ground(NamedTuple):
    """A way that ends where the ground stands still.

    Attributes:
        way: back to where each place was, halves of the side.
        bare: in [0, 1], where it leads to the person though they are there no more.
    """

    way: Way
    bare: Share


def grounded(way: Way, matte: Share, person: Share) -> Ground:
    """The way as it is on the person and close about them, none far from them, and in between less and less of it.

        m = max(matte, person(x + way));  way' = near(m) way;  bare = edge(person)(x + way') (1 - doubt(m))

    Args:
        way: of a driven frame.
        matte: where the network paints the person. Where it misses them, they still are wherever the way leads to them.
        person: the same of the source itself.
    """
    side = matte.shape[-1]
    matte = torch.maximum(matte, carried_along(_at(way, side), person))
    near = _grown(matte, round(_REACH * side))
    for _ in range(2):
        soft = max(round(_SOFT * side), 1)
        near = F.avg_pool2d(near, 2 * soft + 1, stride=1, padding=soft, count_include_pad=False)
    way = way * _at(near, way.shape[-1])
    there = carried_along(_at(way, side), _grown(person, max(round(_EDGE * side), 1)))
    return Ground(way, there * (1 - _grown(matte, round(_DOUBT * side))))


def carried_along(
    way: Way, picture: Float[Tensor, "batch channels size size"], *, mode: Literal["bilinear", "bicubic"] = "bilinear"
) -> Float[Tensor, "batch channels size size"]:
    """The pixels that lie where the way leads, at the picture's size.

    Enlarged as a way, not as places: beyond the outermost cells' middles it goes on as it is there.
    """
    size = picture.shape[-1]
    grid = cut_out_grid(size, way) + enlarged(way, size).movedim(1, -1)
    return F.grid_sample(picture.float(), grid, mode=mode, padding_mode="border", align_corners=False)


def _at(field: Float[Tensor, "batch channels _ _"], side: int) -> Float[Tensor, "batch channels _ _"]:
    return shrunk(field, side) if field.shape[-1] > side else enlarged(field, side)


def _grown(share: Share, reach: int) -> Share:
    """The largest of each place's square."""
    for y, x in ((reach, 0), (0, reach)):  # one after the other: a square's pixels would all be looked at for each
        share = F.max_pool2d(share, (2 * y + 1, 2 * x + 1), stride=1, padding=(y, x))
    return share
