"""A way that is led: what volumes say roughly, the tracker's points say exactly where they are.

Not the paper's, whose warps see faces alone: of half an hour's learning, lips part a little. Points of the driven face
know where they came from, and so do the pixels between them; a mesh hung on them, and the driver's pictures, know the
rest better as well than what few people's films have taught. What a volume alone knows, G2D paints.

In training, where the mesh of every source would take longer than the step, some of the points lead what is near them.
They pull through each other where a turn hides one side of a nose behind the other, which a mesh does not.
"""

from typing import NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from living_portraits import geometry
from living_portraits.engines.megaportraits.networks import Way, enlarged
from living_portraits.engines.megaportraits.student_motion import SPOKEN
from living_portraits.engines.megaportraits.warps import middles
from living_portraits.motion import AdaptedHead
from living_portraits.warp import Seen, smoothstep

NEAR = 0.028
"""How far about a point it leads, halves of the side: no further than from one lip to the other."""

_FAR = 0.15  # the weight against all points together
_GRID = 64  # pixels a side at which it is told how far each place is from the face
_HELD_CM, _LEFT_CM = 1.0, 3.0  # so far from the face it is known by points, and over so much less and less
_EDGE = 0.004  # halves of the side: how sharply the lids' two sides are told apart
_EYES = (
    (geometry.RIGHT_EYE_UPPER, geometry.RIGHT_EYE_LOWER),
    (geometry.LEFT_EYE_UPPER, geometry.LEFT_EYE_LOWER),
)
_LIDS = tuple(pair for lids in _EYES for pair in zip(*(lid[1:-1] for lid in lids), strict=True))  # above each other


class Lead(NamedTuple):
    """Points of the driven picture, and where each is in the source: (x, y) in halves of the side.

    A lid leads on its own side alone: `side` is 1 for a point that leads upwards of `middle`, its height in the driven
    picture, -1 downwards, 0 for all others. Where lids meet, upper and lower come from apart, and their mean would show
    the eye that they cover; what lies between lids that are open is drawn last anyway.
    """

    start: Float[Tensor, "batch points 2"]
    goal: Float[Tensor, "batch points 2"]
    side: Float[Tensor, "points"] | None = None
    middle: Float[Tensor, "batch points"] | None = None

    @classmethod
    def of(cls, driven: Float[Tensor, "batch 478 3"], source: Float[Tensor, "batch 478 3"]) -> "Lead":
        """From all places of both faces: lips and lids, and every sixth of the rest."""
        side, middle = driven.new_zeros(driven.shape[1]), driven[..., 1].clone()
        for upper, lower in _LIDS:
            side[upper], side[lower] = 1.0, -1.0
            middle[:, upper] = middle[:, lower] = driven[:, [upper, lower], 1].mean(dim=1)
        points = list(SPOKEN)
        return cls(
            driven[:, points, :2].float(), source[:, points, :2].float(), side[points], middle[:, points].float()
        )


class Told(NamedTuple):
    """What is known of a part of a way.

    Attributes:
        way: back to where each place was, halves of the side. share: of it in the whole way, in [0, 1].
    """

    way: Float[Tensor, "batch 2 regions regions"]
    share: Float[Tensor, "batch 1 _ _"]

    def beside(self, way: Way) -> Way:
        """The way with its share of this one, at the finer of both sizes."""
        side = max(way.shape[-1], self.way.shape[-1])
        other, own, share = (enlarged(each, side) for each in (way, *self))
        return torch.lerp(other, own, share)


def by_mesh(seen: Seen) -> Way:
    """Of everything, as the tracker's mesh has it: its nearer triangles hide those behind them, hair goes along with
    the head, and what surrounds it as the driver's pictures say, as far as they are trusted."""
    way = seen.travel * np.float32(2 / seen.mesh.size)
    return torch.from_numpy(way).movedim(-1, 0)[None]


def of_face(seen: Seen, head: AdaptedHead) -> Told:
    """The mesh's word on the face and what is close about it."""
    share = 1 - smoothstep((_away(head, seen.mesh.size) - _HELD_CM) / _LEFT_CM)
    return Told(by_mesh(seen), torch.from_numpy(share.astype(np.float32))[None, None])


def _away(head: AdaptedHead, size: int) -> Float[np.ndarray, "grid grid"]:
    """How far each place is from the face, cm; 0 inside."""
    outline = (head.points[list(geometry.FACE_OVAL), :2] + 0.5) * (_GRID / size) - 0.5  # pixel centres at integers
    face = np.ones((_GRID, _GRID), np.uint8)
    cv2.fillPoly(face, [np.rint(outline).astype(np.int32)], 0)
    return cv2.distanceTransform(face, cv2.DIST_L2, 5) * (size / _GRID / head.pose.scale)


def led(way: Way, lead: Lead, *, near: float = NEAR) -> Way:
    """The way with what it misses at the points taken back about them, by Gaussians (Nadaraya 1964, Watson 1964)."""
    said = F.grid_sample(way, lead.start[:, None], padding_mode="border", align_corners=False)[:, :, 0]  # [B, 2, P]
    missed = (lead.goal - lead.start).mT - said
    cells = middles(way.shape[-1], way)
    x, y = (torch.exp(-(((cells - lead.start[..., i, None]) / near) ** 2) / 2) for i in (0, 1))  # [B, P, side]
    if lead.side is not None and lead.middle is not None:
        above = torch.sigmoid(lead.side[:, None] * (lead.middle[..., None] - cells) / _EDGE)  # [B, P, side]
        y = torch.where(lead.side[:, None] == 0, y, y * above)
    with torch.autocast(way.device.type, enabled=False):  # eight bits would be off by a sixth of a pixel
        told = torch.einsum("bcp,bpy,bpx->bcyx", missed, y, x)
        weight = torch.einsum("bpy,bpx->byx", y, x) + _FAR
    return way + told / weight[:, None]
