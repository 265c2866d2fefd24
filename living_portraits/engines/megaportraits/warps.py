"""Warps of the volume: what a face's motion does to it, undone (source to canonical) and done (canonical to driver).

A warp says for each place of the new volume where in the old one to look. So what removes the source's pose looks up
places *with* it, and what applies the driver's looks up places with its inverse:
    source:  v_c(c) = v_s( pose_s( c + f_s(c) ) )
    driver:  v_d(p) = v_c( q + f_d(q) ),  q = pose_d^-1(p)
with f the expression's field over the canonical frame. Each is one sampling of the features: twice sampled is blurred.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from living_portraits.engines.megaportraits.blocks import ResBlock, group_norm
from living_portraits.engines.megaportraits.config import Config
from living_portraits.engines.megaportraits.pose import Pose

Volume = Float[Tensor, "batch channels depth height width"]
Places = Float[Tensor, "batch *any 3"]
_STRONGEST = 0.5  # the longest way that an expression moves anything along an axis, halves of the crop's side


class Shape(NamedTuple):
    """Of a volume: its sides, and half its depth in halves of the crop's side."""

    depth: int
    height: int
    width: int
    reach: float


def lattice(shape: Shape, like: Tensor) -> Float[Tensor, "depth height width 3"]:
    """The middles of a volume's cells, (x, y, z) in halves of the crop's side."""
    axes = [middles(side, like) for side in (shape.depth, shape.height, shape.width)]
    z, y, x = torch.meshgrid(*axes, indexing="ij")
    return torch.stack([x, y, z * shape.reach], dim=-1)


def middles(side: int, like: Tensor) -> Float[Tensor, "side"]:
    """Those of as many cells along an axis, which runs from -1 to 1."""
    return (2 * torch.arange(side, device=like.device, dtype=torch.float32) + 1) / side - 1


def look_up(volume: Volume, places: Places, *, reach: float) -> Float[Tensor, "batch channels *any"]:
    """The volume at these places, between cells linearly, beyond its edges as at them. In float32."""
    grid = places.float() / places.new_tensor((1.0, 1.0, reach), dtype=torch.float32)
    flat = grid.flatten(1, -2)[:, None, None]  # [B, 1, 1, N, 3]
    cube = grid if grid.ndim == 5 else flat
    seen = F.grid_sample(volume.float(), cube, padding_mode="border", align_corners=False)
    return seen.view(*volume.shape[:2], *places.shape[1:-1])


def displaced(places: Places, field: Float[Tensor, "batch 3 _ _ _"], *, reach: float) -> Places:
    """`c + f(c)`."""
    return places + look_up(field, places, reach=reach).movedim(1, -1)


def source_places(field: Float[Tensor, "batch 3 _ _ _"], pose: Pose, canonical: Places, *, reach: float) -> Places:
    """Where in the source's picture canonical places come from: `pose_s(c + f_s(c))`."""
    return pose.to_picture(displaced(canonical, field, reach=reach))


def driver_places(field: Float[Tensor, "batch 3 _ _ _"], pose: Pose, picture: Places, *, reach: float) -> Places:
    """Where in the canonical frame places of the driven picture come from: `q + f_d(q)`, `q = pose_d^-1(p)`."""
    return displaced(pose.to_canonical(picture), field, reach=reach)


class WarpGenerator(nn.Module):
    """W_{s->} and W_{->d}: a code (z + e) -> the expression's field over the canonical frame, coarse and smooth.

    The paper's layers: a seed of 4 x 4 x 4, residual blocks with adaptive norms between doublings, tanh at the end. A
    linear layer makes the seed. The last convolution begins at zero: no expression until one is learned.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        widths, self.deeper, self.spread = config.warp, config.warp_depth, config.spread
        self.seed = nn.Linear(config.code, widths[0] * 64)
        self.blocks = nn.ModuleList(
            [ResBlock(3, a, b, code=config.code, shortcut=config.shortcut) for a, b in pairwise(widths)]
        )
        self.norm = group_norm(widths[-1])
        self.leave = nn.Conv3d(widths[-1], 3, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, code: Float[Tensor, "batch code"]) -> Float[Tensor, "batch 3 _ _ _"]:
        x = self.seed(code).view(len(code), -1, 4, 4, 4)
        for number, block in enumerate(self.blocks):
            x = block(x, code)
            deep = 2.0 if number < self.deeper else 1.0
            x = F.interpolate(x, scale_factor=(deep, 2.0, 2.0), mode="nearest")  # 8^3, 16^3, 16 x 32^2, ...
        field = _STRONGEST * self.leave(F.relu(self.norm(x))).float().tanh()
        return field * near_face(field, self.spread) if self.spread else field


def near_face(field: Float[Tensor, "batch 3 _ _ _"], spread: float) -> Float[Tensor, "height width"]:
    """1 about the middle of the canonical face, 0 from `spread` on."""
    y, x = (middles(side, field) for side in field.shape[-2:])
    away = (y[:, None].square() + x[None].square()).sqrt()  # hypot is nothing that OpenVINO knows
    return ((spread - away) / (0.3 * spread)).clamp(0.0, 1.0)
