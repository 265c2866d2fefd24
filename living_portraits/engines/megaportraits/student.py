"""The student (MP, section 3.4): a small image-to-image network that is locked to the portraits it was taught.

It sees a driver's frame beside the same driver at rest, so that it can move a portrait by the difference; the paper's
sees the frame alone and takes the driver's pose. Who is shown lies in tensors that belong to one portrait each: there
is no way to give it another face.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

Avatars = Int64[Tensor, "batch"]
FACE = 24
"""Side of the thumbnail by which a portrait is known again, px."""


@dataclass(frozen=True, kw_only=True)
class StudentConfig:
    """Widths of the student.

    Attributes:
        size: side of what it draws, px. look: of what it sees.
        trunk: channels of the stages that read the driver, each half as large as the one before it.
        blocks: channels of the blocks that draw. ups: which of them double the side.
        side: of the portraits' own tensors, at most.
        fold: each place of the last block becomes fold x fold pixels.
    """

    size: int = 256
    look: int = 128
    trunk: tuple[int, ...] = (32, 64, 128)
    blocks: tuple[int, ...] = (192, 192, 192, 128, 64)
    ups: tuple[bool, ...] = (False, False, True, True, True)
    side: int = 32
    fold: int = 2

    @classmethod
    def at(cls, size: int) -> "StudentConfig":
        """The student that draws at `size`: what it costs is the same at 256 and 512."""
        return cls(size=size, fold=size // 128)


class Spade(nn.Module):
    """`norm(x) (1 + gamma_i) + beta_i` with maps that are portrait i's own parameters, enlarged to x.

    Park et al. 2019 (arXiv 1903.07291), eq. 1, with the maps stored instead of made. The norm is over the batch: for
    one portrait it folds into a convolution, and small integers bear it, which they do not bear an instance norm.
    """

    def __init__(self, channels: int, avatars: int, side: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.maps = nn.Parameter(torch.zeros(avatars, 2 * channels, side, side))

    def forward(
        self, x: Float[Tensor, "batch channels height width"], avatar: Avatars
    ) -> Float[Tensor, "batch channels height width"]:
        maps = F.interpolate(self.maps[avatar], size=x.shape[-2:], mode="bilinear", align_corners=False)
        scale, shift = maps.chunk(2, dim=1)
        return self.norm(x) * (1 + scale) + shift


class SpadeBlock(nn.Module):
    """[up] conv, SPADE, ReLU, conv, SPADE; a 1 x 1 convolution on the shortcut where channels change (MP, Fig. 11)."""

    def __init__(self, channels: int, to: int, *, avatars: int, side: int, up: bool) -> None:
        super().__init__()
        self.up = up
        self.conv1, self.conv2 = nn.Conv2d(channels, to, 3, padding=1), nn.Conv2d(to, to, 3, padding=1)
        self.spade1, self.spade2 = Spade(to, avatars, side), Spade(to, avatars, side)
        self.shortcut = nn.Conv2d(channels, to, 1) if channels != to else nn.Identity()

    def forward(self, x: Float[Tensor, "batch _ _ _"], avatar: Avatars) -> Float[Tensor, "batch _ _ _"]:
        if self.up:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        y = F.relu(self.spade1(self.conv1(x), avatar))
        return self.shortcut(x) + self.spade2(self.conv2(y), avatar)


class Residual(nn.Module):
    """A ResNet's basic block with stride 2."""

    def __init__(self, channels: int, to: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(channels, to, 3, 2, 1), nn.Conv2d(to, to, 3, padding=1)
        self.norm1, self.norm2 = nn.BatchNorm2d(to), nn.BatchNorm2d(to)
        # Pooled first, as ResNet-D has it: the backward pass of a 1 x 1 convolution with stride 2 corrupts memory in
        # the CPU build of torch 2.13.
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(channels, to, 1))

    def forward(self, x: Float[Tensor, "batch _ _ _"]) -> Float[Tensor, "batch _ _ _"]:
        return F.relu(self.shortcut(x) + self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x))))))


class Student(nn.Module):
    """A driver's frame and the driver at rest -> one of the portraits it knows, moved.

    `faces` are thumbnails of these portraits, `names` their names in bytes.
    """

    faces: UInt8[Tensor, "avatars 24 24 3"]
    names: UInt8[Tensor, "avatars letters"]

    def __init__(self, config: StudentConfig, *, avatars: int) -> None:
        super().__init__()
        self.config = config
        trunk = (6, *config.trunk)
        self.trunk = nn.Sequential(*(Residual(a, b) for a, b in pairwise(trunk)))
        wide, blocks, side = (trunk[-1], *config.blocks), [], config.look >> len(config.trunk)
        for number, up in enumerate(config.ups):
            side = 2 * side if up else side
            tensors = min(side, config.side)
            blocks.append(SpadeBlock(wide[number], wide[number + 1], avatars=avatars, side=tensors, up=up))
        if side * config.fold != config.size:
            raise ValueError(f"The blocks end at {side} px, and {config.fold} times that is not {config.size}.")
        self.blocks = nn.ModuleList(blocks)
        self.leave = nn.Conv2d(wide[-1], 3 * config.fold**2, 3, padding=1)
        self.register_buffer("faces", torch.zeros(avatars, FACE, FACE, 3, dtype=torch.uint8))
        self.register_buffer("names", torch.zeros(avatars, 64, dtype=torch.uint8))

    def forward(
        self, now: Float[Tensor, "batch 3 look look"], rest: Float[Tensor, "batch 3 look look"], avatar: Avatars
    ) -> Float[Tensor, "batch 3 size size"]:
        """All in [-1, 1]."""
        x = self.trunk(torch.cat([now, rest], dim=1))  # [B, 128, 16, 16] at a look of 128
        for block in self.blocks:
            x = block(x, avatar)  # [B, 192, 16, 16], ... [B, 64, 128, 128]
        return F.pixel_shuffle(self.leave(F.relu(x)), self.config.fold).float().tanh()

    @torch.no_grad()
    def grown(self, more: int) -> "Student":
        """The same with `more` portraits, whose tensors begin as the mean of those known: to be taught alone."""
        known = len(self.faces)
        student = Student(self.config, avatars=known + more)
        state = {}
        for name, value in self.state_dict().items():
            if name.endswith(".maps") or name in ("faces", "names"):
                begin = (
                    value.float().mean(dim=0, keepdim=True).to(value.dtype) if name.endswith("maps") else value[:1] * 0
                )
                value = torch.cat([value, begin.expand(more, *value.shape[1:])])
            state[name] = value
        student.load_state_dict(state)
        return student

    @torch.no_grad()
    def only(self, chosen: Sequence[int]) -> "Student":
        """The same with some of its portraits, numbered anew."""
        student = Student(self.config, avatars=len(chosen))
        own = {"faces", "names"}
        state = {
            name: value[list(chosen)] if name.endswith(".maps") or name in own else value
            for name, value in self.state_dict().items()
        }
        student.load_state_dict(state)
        return student


def thumbnail(picture: Float[Tensor, "1 3 size size"]) -> UInt8[Tensor, "24 24 3"]:
    """By which a portrait's crop, in [-1, 1], is known again."""
    small = F.interpolate(picture, size=(FACE, FACE), mode="area")[0].movedim(0, -1)
    return ((small.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def likeness(face: UInt8[Tensor, "24 24 3"], faces: UInt8[Tensor, "avatars FACE FACE 3"]) -> Float[Tensor, "avatars"]:
    """Correlation of a thumbnail with each of others, in [-1, 1]."""
    flat = torch.cat([face[None], faces]).flatten(1).float()
    flat = F.normalize(flat - flat.mean(dim=1, keepdim=True), dim=1)
    return flat[1:] @ flat[0]


def letters(name: str) -> UInt8[Tensor, "64"]:
    """A name in bytes, cut where it is too long."""
    raw = name.encode("utf-8")[:64]
    return torch.tensor(list(raw) + [0] * (64 - len(raw)), dtype=torch.uint8)


def word(raw: UInt8[Tensor, "letters"]) -> str:
    """The name that `letters` made bytes of."""
    return bytes(raw.tolist()).rstrip(b"\0").decode("utf-8", errors="ignore")
