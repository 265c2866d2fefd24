"""The high-resolution step: a picture at twice its size (MP, section 3.3).

MP redraws each frame of its 512 px film at 1024, with the base frozen. Here a film's pixels are the source's own,
carried along at the film's size: so the source is redrawn, once, where it holds less than the film has room for. Every
frame shows the detail that came of it, the same in all, and none costs more than before.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from living_portraits import weights
from living_portraits.engines.megaportraits.networks import shrunk
from living_portraits.errors import WeightsError

COARSEST = 64
"""Pixels a side below which nothing is shrunk to be redrawn: a face of twenty pixels is anybody's."""

_PLAIN = 0.45
"""Pictures are as rich at one scale as at the next: halving loses .5 to 1.4 of what halving again does, in photographs
and paintings. What was enlarged to its size loses .2 to .4."""

_ROUNDED = 0.004
"""Of pictures in [-1, 1]: rounding to bytes leaves less than that where there is nothing; real ones lose .012."""


@dataclass(frozen=True)
class EnhancerConfig:
    """`width`: channels. `blocks`: residual blocks of two convolutions each."""

    width: int = 32
    blocks: int = 6


class Enhancer(nn.Module):
    """Cubic enlargement, and what it lacks: residual blocks at the small size, then four pixels for each (sub-pixel
    convolution, Shi et al. 2016, arXiv 1609.05158). Without norms, which would even out contrasts (Lim et al. 2017,
    arXiv 1707.02921). A network that has learned nothing enlarges cubically."""

    def __init__(self, config: EnhancerConfig) -> None:
        super().__init__()
        self.config = config
        self.enter = _conv(3, config.width)
        self.blocks = nn.ModuleList([_Block(config.width) for _ in range(config.blocks)])
        self.leave = _conv(config.width, 12)
        for layer in (self.leave.weight, self.leave.bias):
            nn.init.zeros_(layer)  # type: ignore[arg-type]

    def forward(self, picture: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 3 _ _"]:
        """In [-1, 1], of any size; twice as large, not held within."""
        x = self.enter(picture)  # [B, w, H, W]
        for block in self.blocks:
            x = block(x)
        return doubled(picture) + F.pixel_shuffle(self.leave(x), 2)


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = _conv(width, width), _conv(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(x)))


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    """Beyond its edges a picture goes on as it ends: black there would show as a rim."""
    return nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="replicate")


def doubled(picture: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 3 _ _"]:
    """Twice as large, between the pixels by cubics."""
    return F.interpolate(picture, scale_factor=2, mode="bicubic", align_corners=False)


def redrawn(net: Enhancer, picture: Float[Tensor, "1 3 size size"]) -> Float[Tensor, "1 3 size size"]:
    """The picture as it is where it holds what it has room for, else made of what it holds, by doubling."""
    half = picture.shape[-1] // 2
    if half < COARSEST or not coarse(picture):
        return picture
    return net(redrawn(net, shrunk(picture, half))).clamp(-1, 1)


def coarse(picture: Float[Tensor, "1 3 size size"]) -> bool:
    """Whether half the size would hold as much, about the middle, where the face is."""
    half = _detail(shrunk(picture, picture.shape[-1] // 2))
    return _detail(picture) < max(_PLAIN * half, _ROUNDED)


def _detail(picture: Float[Tensor, "1 3 size size"]) -> float:
    """What half the size would lose of the middle, on average."""
    size = picture.shape[-1]
    lost = (picture - doubled(shrunk(picture, size // 2))).abs()
    middle = slice(size // 4, size - size // 4)
    return float(lost[..., middle, middle].mean())


def read_enhancer(file: Path) -> Enhancer:
    """The network of a snapshot of the recipe `enhancer`, ready for use. Raises WeightsError."""
    config, state = weights.read(file)
    if config.get("recipe") != "enhancer" or "train" not in config:
        raise WeightsError(f"The model file {file.name} is no snapshot of the recipe enhancer.")
    net = Enhancer(EnhancerConfig(width=config["train"]["width"], blocks=config["train"]["blocks"]))
    try:
        net.load_state_dict({name.removeprefix("enhancer."): value.float() for name, value in state.items()})
    except RuntimeError as error:
        raise WeightsError(f"The model file {file.name} was written by another version: train it anew.") from error
    return net.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
