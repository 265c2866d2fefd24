"""The generator: skeleton and previous output in, frame out. Coarse to fine, as in pix2pixHD, with a background plate.

pix2pixHD = Wang et al. 2018 (arXiv 1711.11585), section 3.2 and its appendix; EDN = Chan et al. 2019 (arXiv
1808.07371). The global generator works at half size (c7s1-w, d2w, d4w ..., residual blocks, up again); the local
enhancer works at full size, and adds the global one's last features to its own before its residual blocks.

What is not in the papers: both end in a person layer and its matte, laid over a fixed plate of the empty stage,
`x^ = a r + (1 - a) b`. A stage that stands still need not be learned and cannot flicker.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from living_portraits.engines.dance import face_window
from living_portraits.nn.blocks import InstanceNorm

INPUTS = 6
"""The drawing of the pose and the previous output, RGB each."""


@dataclass(frozen=True)
class Shape:
    """How large the networks are; the default is for 256 px and two cores, about 4 GFLOP a frame.

    Attributes:
        width: channels of the global generator at its full size. downs: how often it halves. blocks: residual blocks.
        local_blocks: residual blocks of the local enhancer; 0: there is none, and the global one works at full size.
        face_width, face_blocks: of the face's residual generator. face_share: see `face_window`; a lesson finds it.
        plate: lay a person over the plate (True), or paint whole frames as the papers do.
        temporal: each frame is told the one before, and the critic sees two (EDN); else each stands alone.
    """

    width: int = 24
    downs: int = 2
    blocks: int = 6
    local_blocks: int = 3
    face_width: int = 24
    face_blocks: int = 3
    face_share: int = face_window.SHARE
    plate: bool = True
    temporal: bool = True

    @classmethod
    def of(cls, numbers: Mapping[str, Any]) -> "Shape":
        """From what `asdict` made of one."""
        return cls(**{name: numbers[name] for name in asdict(cls()) if name in numbers})


PAPER = Shape(width=64, downs=4, blocks=9, local_blocks=3, face_width=64, face_blocks=5, plate=False)
"""The sizes of pix2pixHD and EDN, for 512 or 1024 px and a large GPU."""

SMALL = Shape()


def shape_for(size: int) -> Shape:
    """The default for a size, px.

    Of a large picture the innermost layers must see as much as of a small one, and its face has features to be drawn.
    """
    return replace(SMALL, downs=3, face_width=48, face_blocks=5) if size >= 512 else SMALL


Pictures = Float[Tensor, "batch 3 height width"]


class Painted(NamedTuple):
    """The frame, the person layer's matte in [0, 1]; for a finer one, features and what became colour and matte."""

    frame: Float[Tensor, "batch 3 height width"]
    matte: Float[Tensor, "batch 1 height width"]
    features: Float[Tensor, "batch channels rows columns"]
    said: Float[Tensor, "batch numbers height width"]


class _Block(nn.Module):
    """`x + norm(conv(relu(norm(conv(x)))))`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _conv(channels, channels), InstanceNorm(channels), nn.ReLU(), _conv(channels, channels),
            InstanceNorm(channels),
        )  # fmt: skip

    def forward(self, x: Float[Tensor, "batch channels h w"]) -> Float[Tensor, "batch channels h w"]:
        return x + self.body(x)


def _conv(channels: int, to: int, *, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    conv = nn.Conv2d(channels, to, kernel, stride, kernel // 2)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    return conv


def _down(channels: int, to: int) -> nn.Sequential:
    return nn.Sequential(_conv(channels, to, stride=2), InstanceNorm(to), nn.ReLU())


def _up(channels: int, to: int) -> nn.Sequential:
    """Doubles by repetition: a transposed convolution leaves a chequerboard."""
    return nn.Sequential(nn.Upsample(scale_factor=2.0), _conv(channels, to), InstanceNorm(to), nn.ReLU())


class _Head(nn.Module):
    """Features to a frame `finer` times their size: colours in [-1, 1], and with a plate their matte.

    Both begin near nothing: grey, the matte half open, so that both layers learn. With a `base`, what is said is a
    change to it, at first none at all.
    """

    def __init__(self, channels: int, *, plate: bool, finer: int = 1) -> None:
        super().__init__()
        self.plate, self.finer = plate, finer
        self.conv = _conv(channels, (4 if plate else 3) * finer**2, kernel=5)
        with torch.no_grad():
            self.conv.weight.mul_(0.1 if finer == 1 else 0.0)

    def forward(
        self,
        features: Float[Tensor, "batch channels h w"],
        plate: Float[Tensor, "#batch 3 height width"],
        base: Float[Tensor, "batch said h w"] | None = None,
    ) -> Painted:
        said = F.pixel_shuffle(self.conv(features), self.finer)
        if base is not None:
            said = said + F.interpolate(base, scale_factor=float(self.finer), mode="bilinear")
        colour = torch.tanh(said[:, :3])
        if not self.plate:
            return Painted(colour, torch.ones_like(said[:, :1]), features, said)
        matte = torch.sigmoid(said[:, 3:])
        return Painted(plate + matte * (colour - plate), matte, features, said)


class Global(nn.Module):
    """The coarse generator."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        widths = [shape.width * 2**level for level in range(shape.downs + 1)]
        self.stem = nn.Sequential(_conv(INPUTS, widths[0], kernel=5), InstanceNorm(widths[0]), nn.ReLU())
        self.down = nn.ModuleList([_down(a, b) for a, b in pairwise(widths)])
        self.blocks = nn.Sequential(*(_Block(widths[-1]) for _ in range(shape.blocks)))
        self.up = nn.ModuleList([_up(b, a) for a, b in pairwise(widths)][::-1])
        self.head = _Head(widths[0], plate=shape.plate)

    def forward(
        self, x: Float[Tensor, "batch 6 height width"], plate: Float[Tensor, "#batch 3 height width"]
    ) -> Painted:
        x = self.stem(x)
        seen = [x]
        for down in self.down:
            seen.append(down(seen[-1]))
        x = self.blocks(seen[-1])
        for up, before in zip(self.up, reversed(seen[:-1]), strict=True):
            x = up(x) + before  # the papers have no such bridges; thin limbs are learned sooner with them
        painted: Painted = self.head(x, plate)
        return painted


class Local(nn.Module):
    """The enhancer at twice the global generator's size: what it says is a change to what that one says.

    Its layers see four pixels as one, each with its own channels. pix2pixHD convolves at the full size, where a
    processor spends most of its time for little, and begins anew there, which takes more than a few minutes to learn.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.stem = nn.Sequential(_conv(4 * INPUTS, width), InstanceNorm(width), nn.ReLU())
        self.blocks = nn.Sequential(*(_Block(width) for _ in range(shape.local_blocks)))
        self.head = _Head(width, plate=shape.plate, finer=2)

    def forward(
        self,
        x: Float[Tensor, "batch 6 height width"],
        coarse: Painted,
        plate: Float[Tensor, "#batch 3 height width"],
    ) -> Painted:
        y = self.blocks(self.stem(F.pixel_unshuffle(x, 2)) + coarse.features)
        painted: Painted = self.head(y, plate, coarse.said)
        return painted


class Generator(nn.Module):
    """Pose drawing and previous output to a frame: `G(x_t, G(x_{t-1}))`; zeros stand for no previous output."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.coarse = Global(shape)
        self.fine = Local(shape) if shape.local_blocks else None

    def sketch(self, drawing: Pictures, previous: Pictures, plate: Float[Tensor, "#batch 3 height width"]) -> Painted:
        """The global generator's frame, at half the drawing's size: its first stage of training."""
        pair = torch.cat([drawing, previous], dim=1)
        painted: Painted = self.coarse(_halved(pair), _halved(plate))
        return painted

    def forward(self, drawing: Pictures, previous: Pictures, plate: Float[Tensor, "#batch 3 height width"]) -> Painted:
        pair = torch.cat([drawing, previous], dim=1)
        if self.fine is None:
            whole: Painted = self.coarse(pair, plate)
            return whole
        coarse = self.coarse(_halved(pair), _halved(plate))
        painted: Painted = self.fine(pair, coarse, plate)
        return painted


class FaceResidual(nn.Module):
    """EDN section 4.3: `r = G_f(x_F, G(x)_F)`, what is added to the face that the body's generator made."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.face_width
        self.body = nn.Sequential(
            _conv(INPUTS, width), InstanceNorm(width), nn.ReLU(),
            _down(width, 2 * width),
            *(_Block(2 * width) for _ in range(shape.face_blocks)),
            _up(2 * width, width),
        )  # fmt: skip
        self.head = _conv(width, 3)
        nn.init.zeros_(self.head.weight)  # begins as no change

    def forward(self, drawing: Pictures, face: Pictures, matte: Float[Tensor, "batch 1 height width"]) -> Pictures:
        """The finer face: the change reaches as far as the person's matte does."""
        change = torch.tanh(self.head(self.body(torch.cat([drawing, face], dim=1))))
        return (face + matte * change).clamp(-1, 1)


def _halved(pictures: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch channels rows columns"]:
    return F.avg_pool2d(pictures, 2)
