"""The base model's other parts: E_app, G3D, G2D, and what is read from pixels about a head's motion."""

from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from living_portraits import geometry
from living_portraits.engines.megaportraits import pose as poses
from living_portraits.engines.megaportraits.blocks import ResBlock, ResidualNetwork, group_norm, rescaled
from living_portraits.engines.megaportraits.config import Config
from living_portraits.engines.megaportraits.pose import Pose

Pictures = Float[Tensor, "batch 3 size size"]
Volume = Float[Tensor, "batch channels depth side side"]
Way = Float[Tensor, "batch 2 _ _"]
"""From each place of a driven picture back to where it was in the source, (x, y) in halves of the side."""
BLENDSHAPES = 52

FACE_SPAN = 0.62
"""Half the side of what the expression network sees, for a head of median size: forehead to chin with some room."""
_FACE_MIDDLE = (0.0, 0.03, -0.3)  # of the face, canonical frame: the nose
_MOVES = 0.015  # about how far lips and lids move, canonical frame
_SHOWS = 0.2  # and how strong blendshapes usually are
_FACE_DEPTH = -0.2  # of a face's surface, about


class Appearance(NamedTuple):
    """What E_app sees in a source: a volume in the source's own pose, and numbers that say who it is."""

    volume: Volume
    descriptor: Float[Tensor, "batch code"]


class AppearanceEncoder(nn.Module):
    """E_app: a picture in [-1, 1] -> volume v_s and descriptor e_s."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.depth, self.look = config.depth, config.look
        wide = config.stem
        self.enter = nn.Conv2d(3, wide[0], 7, padding=3)  # [B, w0, H, W]
        self.downs = nn.ModuleList([ResBlock(2, a, b, shortcut=config.shortcut) for a, b in pairwise(wide)])
        self.norm = group_norm(wide[-1])
        self.lift = nn.Conv2d(wide[-1], config.channels * config.depth, 1)
        self.space = nn.ModuleList([ResBlock(3, config.channels, config.channels) for _ in range(config.volume_blocks)])
        self.describe = ResidualNetwork(config.descriptor, config.code, blocks=config.descriptor_blocks)

    def forward(self, picture: Pictures) -> Appearance:
        x = self.enter(picture)
        for down in self.downs:
            x = F.avg_pool2d(down(x), 2)  # [B, w, H/2, W/2], ...
        x = self.lift(F.relu(self.norm(x)))  # [B, C D, h, w]
        x = x.unflatten(1, (-1, self.depth))  # [B, C, D, h, w]
        for block in self.space:
            x = block(x)
        return Appearance(x, self.describe(shrunk(picture, self.look)))


class CanonicalNet(nn.Module):
    """G3D: a U-Net over the volume in its canonical pose."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        wide = (config.channels, *config.canonical)
        self.scales, self.residual = config.canonical_scales, config.residual
        kernel = config.shortcut
        self.downs = nn.ModuleList([ResBlock(3, a, b, shortcut=kernel) for a, b in pairwise(wide)])
        self.inner = ResBlock(3, wide[-1], wide[-1])
        self.ups = nn.ModuleList([ResBlock(3, b, a, shortcut=kernel) for a, b in pairwise(wide)])
        self.skips = nn.ModuleList([ResBlock(3, a, a) for a in wide[1:-1]])
        self.norm = group_norm(wide[0])
        self.leave = nn.Conv3d(wide[0], wide[0], 3, padding=1)
        if self.residual:
            nn.init.zeros_(self.leave.weight)
            nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, volume: Volume) -> Volume:
        x, levels = volume, []
        for block, scale in zip(self.downs, self.scales, strict=True):
            x = block(rescaled(x, scale))  # [B, 2 C, D, h/2, w/2], ...
            levels.append(x)
        x = self.inner(x)
        for number in reversed(range(len(self.ups))):
            x = rescaled(self.ups[number](x), [1 / factor for factor in self.scales[number]])
            if number:
                x = x + self.skips[number - 1](levels[number - 1])
        x = self.leave(F.relu(self.norm(x)))
        return volume + x if self.residual else x


class Surface(nn.Module):
    """How deep in the driven volume lies what is seen. Not the paper's, which copies nothing."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.reach = config.reach
        self.enter = nn.Conv2d(config.channels * config.depth, 32, 1)
        self.leave = nn.Conv2d(32, 1, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.constant_(self.leave.bias, _FACE_DEPTH / config.reach)  # type: ignore[arg-type]

    def forward(self, volume: Volume) -> Float[Tensor, "batch side side"]:
        """Depth in halves of the crop's side, as poses count it."""
        return self.reach * self.leave(F.relu(self.enter(volume.flatten(1, 2)))).float().tanh()[:, 0]


class Painted(NamedTuple):
    """What G2D paints.

    Attributes:
        picture: in [-1, 1]. matte: in [0, 1], where it is the person.
        share: in [0, 1], how much of each place is carried over from the source instead; None where nothing is.
    """

    picture: Pictures
    matte: Float[Tensor, "batch 1 size size"]
    share: Float[Tensor, "batch 1 size size"] | None

    def over(self, carried: Pictures) -> Pictures:
        """The picture with its share of these pixels."""
        assert self.share is not None
        return self.picture + self.share * (carried - self.picture)

    def part(self, part: slice) -> "Painted":
        """Of the batch."""
        return Painted(self.picture[part], self.matte[part], None if self.share is None else self.share[part])


class Decoder(nn.Module):
    """G2D: the driven volume, its depth folded into channels (P, the orthographic projection) -> picture and matte.

    The matte is ours: the paper takes MODNet's. It says where the picture is the person; the rest is the plate's.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        plane, self.copies = config.plane, config.copies
        self.project = nn.Conv2d(config.channels * config.depth, plane, 1)
        self.blocks = nn.ModuleList([ResBlock(2, plane, plane) for _ in range(config.plane_blocks)])
        wide = (plane, *config.ups)
        self.ups = nn.ModuleList([ResBlock(2, a, b, shortcut=config.shortcut) for a, b in pairwise(wide)])
        self.see = nn.ModuleList([nn.Conv2d(3, a, 3, padding=1) for a in wide[:-1] if config.copies])
        self.norm = group_norm(wide[-1])
        self.leave = nn.Conv2d(wide[-1], 5 if config.copies else 4, 3, padding=1)
        if config.copies:
            nn.init.constant_(self.leave.bias[4:], 2.0)  # type: ignore[index]  # at first what is seen is mostly copied

    def forward(self, volume: Volume, carried: Pictures | None = None) -> Painted:
        """`carried`: the source's pixels where the driven surface has them; needed by a decoder that copies."""
        x = self.project(volume.flatten(1, 2))  # [B, C D, h, w] -> [B, plane, h, w]
        for block in self.blocks:
            x = block(x)
        for number, block in enumerate(self.ups):
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")  # [B, ., 2 h, 2 w], ...
            if carried is not None:
                x = x + self.see[number](shrunk(carried, int(x.shape[-1])))
            x = block(x)
        x = self.leave(F.relu(self.norm(x))).float().sigmoid()
        return Painted(2 * x[:, :3] - 1, x[:, 3:4], x[:, 4:] if self.copies else None)


class PoseNet(nn.Module):
    """The first half of E_mtn: a picture -> its head's pose. The tracker's pose teaches it."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.look = config.look
        self.net = ResidualNetwork(config.motion, poses.NUMBERS)
        nn.init.normal_(self.net.leave.weight, std=1e-3)
        nn.init.zeros_(self.net.leave.bias)

    def forward(self, picture: Pictures) -> Pose:
        return poses.from_numbers(self.net(shrunk(picture, self.look)))


class ExpressionNet(nn.Module):
    """The second half of E_mtn: an upright, centred face -> z, of mean 0 and length sqrt(N).

    The blendshapes that can be read from z teach it; of free length, z would run away from them under L_cos.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.net = ResidualNetwork(config.motion, config.code)
        self.read = nn.Linear(config.code, BLENDSHAPES)

    def forward(self, face: Float[Tensor, "batch 3 look look"]) -> Float[Tensor, "batch code"]:
        z = self.net(face).float()
        return F.layer_norm(z, z.shape[1:])

    def blendshapes(self, z: Float[Tensor, "batch code"]) -> Float[Tensor, "batch 52"]:
        """What z says of the 52 shapes, about [0, 1]."""
        return self.read(z).float()


class ToldExpression(nn.Module):
    """z from the tracker's word: blendshapes, and where lips, lids and irises lie in the canonical frame.

    Linear: of whose face it is a difference of two codes knows nothing. What it hears counts from a face at rest, in
    units that expressions vary by: in others their part would take hundreds of steps to be heard at all.
    """

    rest: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.points = (*geometry.MIMIC, geometry.RIGHT_IRIS[0], geometry.LEFT_IRIS[0])
        rest = poses.canonical_points(torch.zeros(()))[:, :2]
        centres = [rest[list(eye)].mean(dim=0) for eye in (geometry.RIGHT_EYE, geometry.LEFT_EYE)]
        self.register_buffer("rest", torch.stack([*rest[list(geometry.MIMIC)], *centres]), persistent=False)  # [P, 2]
        self.hear = nn.Linear(BLENDSHAPES + 2 * len(self.points), config.code)

    def forward(
        self, places: Float[Tensor, "batch 478 3"], blendshapes: Float[Tensor, "batch 52"]
    ) -> Float[Tensor, "batch code"]:
        """`places`: canonical ones."""
        moved = (places[:, self.points, :2].float() - self.rest) / _MOVES
        return self.hear(torch.cat([blendshapes.float() / _SHOWS, moved.flatten(1)], dim=1)).float()


def carried_along(
    way: Way, picture: Float[Tensor, "batch channels size size"]
) -> Float[Tensor, "batch channels size size"]:
    """The pixels that lie where the way leads, at the picture's size, in single precision.

    Enlarged as a way, not as places: beyond the outermost cells' middles it goes on as it is there.
    """
    size = picture.shape[-1]
    grid = cut_out_grid(size, way) + enlarged(way, size).movedim(1, -1)
    return F.grid_sample(picture.float(), grid, padding_mode="border", align_corners=False)


def shrunk(picture: Float[Tensor, "batch channels _ _"], side: int) -> Float[Tensor, "batch channels _ _"]:
    """The picture no larger than `side`, by means of pixels."""
    size = picture.shape[-1]
    return picture if size <= side else F.interpolate(picture, size=(side, side), mode="area")


def enlarged(field: Float[Tensor, "batch channels _ _"], side: int) -> Float[Tensor, "batch channels side side"]:
    """The same where it is as large already; between its pixels linearly."""
    if field.shape[-1] == side:
        return field
    return F.interpolate(field, size=(side, side), mode="bilinear", align_corners=False)


def face_of(
    picture: Pictures, pose: Pose, *, side: int, inside: Float[Tensor, "batch side side 2"] | None = None
) -> Float[Tensor, "batch 3 side side"]:
    """The face, upright and centred, cut out by its pose; no gradient into the pose. `inside`: see `face_places`."""
    places = face_places(pose, side=side, inside=inside)
    return F.grid_sample(picture.float(), places, padding_mode="border", align_corners=False)


def face_places(
    pose: Pose, *, side: int, inside: Float[Tensor, "batch side side 2"] | None = None
) -> Float[Tensor, "batch side side 2"]:
    """Where in the picture the pixels of a face's cut-out lie, as `grid_sample` counts.

    `inside` says which place of the cut-out, in [-1, 1], each pixel is to show; None: its own.
    """
    pose = pose.detach()
    middle = pose.to_picture(pose.place.new_tensor(_FACE_MIDDLE).expand(len(pose.place), 1, 3))[:, :, :2]
    # The roll is the turn of the head's upright axis in the picture.
    down = F.normalize(pose.rotation[:, :2, 1], dim=1)  # [B, 2]
    right = torch.stack([down[:, 1], -down[:, 0]], dim=1)
    at = cut_out_grid(side, down)[None] if inside is None else inside
    offsets = at[..., :1] * right[:, None, None] + at[..., 1:] * down[:, None, None]
    return middle[:, None] + FACE_SPAN * pose.size.view(-1, 1, 1, 1) * offsets


def cut_out_grid(side: int, like: Tensor) -> Float[Tensor, "side side 2"]:
    """The places (x, y) of a picture's own pixels, as `grid_sample` counts."""
    axis = (2 * torch.arange(side, device=like.device, dtype=torch.float32) + 1) / side - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x, y], dim=-1)
