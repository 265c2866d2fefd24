"""Residual blocks in the plane and in space, as MegaPortraits draws them (Fig. 10 c): all norms are group norms."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

Code = Float[Tensor, "batch components"]


def standardised(weight: Tensor, gain: Tensor) -> Tensor:
    """Weight standardisation (Qiao et al., arXiv 1903.10520): each filter with mean 0 and length `gain`."""
    flat = weight.float().flatten(1)
    flat = flat - flat.mean(dim=1, keepdim=True)
    flat = flat * (gain[:, None] * (flat.square().sum(dim=1, keepdim=True) + 1e-6).rsqrt())
    return flat.view_as(weight)


class Conv2d(nn.Conv2d):
    """A padded convolution with standardised weights."""

    def __init__(self, channels: int, to: int, kernel: int = 3) -> None:
        super().__init__(channels, to, kernel, padding=kernel // 2)
        self.gain, self.folded = nn.Parameter(torch.ones(to)), False

    def forward(self, x: Float[Tensor, "batch _ height width"]) -> Float[Tensor, "batch _ height width"]:
        weight = self.weight if self.folded else standardised(self.weight, self.gain)
        return self._conv_forward(x, weight, self.bias)


class Conv3d(nn.Conv3d):
    """The same in space."""

    def __init__(self, channels: int, to: int, kernel: int = 3) -> None:
        super().__init__(channels, to, kernel, padding=kernel // 2)
        self.gain, self.folded = nn.Parameter(torch.ones(to)), False

    def forward(self, x: Float[Tensor, "batch _ depth height width"]) -> Float[Tensor, "batch _ depth height width"]:
        weight = self.weight if self.folded else standardised(self.weight, self.gain)
        return self._conv_forward(x, weight, self.bias)


@torch.no_grad()
def fold(net: nn.Module) -> None:
    """Standardises the weights of every convolution in `net` once and for all: for inference."""
    for module in net.modules():
        if isinstance(module, Conv2d | Conv3d) and not module.folded:
            module.weight.copy_(standardised(module.weight, module.gain))
            module.folded = True


def group_norm(channels: int, *, affine: bool = True) -> nn.GroupNorm:
    """Eight channels a group, where they divide so."""
    return nn.GroupNorm(channels // 8 if channels % 8 == 0 else 1, channels, affine=affine)


class AdaptiveNorm(nn.Module):
    """Group norm whose scale and shift are learned matrices times a code: `y = norm(x) (1 + A c) + B c`."""

    def __init__(self, channels: int, code: int) -> None:
        super().__init__()
        self.norm = group_norm(channels, affine=False)
        self.affine = nn.Linear(code, 2 * channels)
        nn.init.normal_(self.affine.weight, std=0.02)
        nn.init.zeros_(self.affine.bias)

    def forward(self, x: Float[Tensor, "batch channels *space"], code: Code) -> Float[Tensor, "batch channels *space"]:
        everywhere = (..., *[None] * (x.ndim - 2))
        scale, shift = (part[everywhere] for part in self.affine(code).chunk(2, dim=1))
        return self.norm(x) * (1 + scale) + shift


class ResBlock(nn.Module):
    """`x + conv(relu(norm(conv(relu(norm(x))))))`; a convolution on the shortcut where channels change.

    Args:
        space: dimensions, 2 or 3.
        code: length of the code that the norms adapt to; 0: plain group norm.
        shortcut: kernel of the shortcut's convolution.
    """

    def __init__(self, space: int, channels: int, to: int, *, code: int = 0, shortcut: int = 1) -> None:
        super().__init__()
        conv: Any = Conv3d if space == 3 else Conv2d
        self.norm1 = AdaptiveNorm(channels, code) if code else group_norm(channels)
        self.norm2 = AdaptiveNorm(to, code) if code else group_norm(to)
        self.conv1, self.conv2 = conv(channels, to), conv(to, to)
        self.shortcut = conv(channels, to, shortcut) if channels != to else nn.Identity()
        self.adaptive = code > 0

    def forward(self, x: Float[Tensor, "batch _ *space"], code: Code | None = None) -> Float[Tensor, "batch _ *space"]:
        y = self.conv1(F.relu(self.norm1(x, code) if self.adaptive else self.norm1(x)))
        y = self.conv2(F.relu(self.norm2(y, code) if self.adaptive else self.norm2(y)))
        return self.shortcut(x) + y


def rescaled(
    x: Float[Tensor, "batch channels depth height width"], scales: Sequence[float]
) -> Float[Tensor, "batch channels _ _ _"]:
    """The volume with each side times its factor: means where it shrinks, repeated where it grows."""
    if any(scale < 1 for scale in scales):
        x = F.avg_pool3d(x, [max(round(1 / scale), 1) for scale in scales])
    if any(scale > 1 for scale in scales):
        x = F.interpolate(x, scale_factor=tuple(max(float(scale), 1.0) for scale in scales), mode="nearest")
    return x


class ResidualNetwork(nn.Module):
    """A ResNet (He et al. 2016) with group norms: picture -> numbers. Two blocks a stage are a ResNet-18."""

    def __init__(self, width: int, to: int, *, blocks: Sequence[int] = (2, 2, 2, 2), channels: int = 3) -> None:
        super().__init__()
        # 6 x 6 pixels for ResNet's 7 x 7 with stride 2, which crashes in PyTorch 2.13's oneDNN with AVX-512.
        self.enter = nn.Conv2d(4 * channels, width, 3, padding=1)  # [B, w, H/2, W/2]
        self.norm = group_norm(width)
        stages, was = [], width
        for level, count in enumerate(blocks):
            wide = width << level
            stages.append(nn.Sequential(*(ResBlock(2, was if i == 0 else wide, wide) for i in range(count))))
            was = wide
        self.stages = nn.ModuleList(stages)
        self.last, self.leave = group_norm(was), nn.Linear(was, to)

    def forward(self, picture: Float[Tensor, "batch _ height width"]) -> Float[Tensor, "batch _"]:
        x = F.max_pool2d(F.relu(self.norm(self.enter(F.pixel_unshuffle(picture, 2)))), 2)  # [B, w, H/4, W/4]
        for level, stage in enumerate(self.stages):
            x = stage(F.avg_pool2d(x, 2) if level else x)  # [B, 8 w, H/32, W/32] at the end
        return self.leave(F.relu(self.last(x)).mean(dim=(2, 3)))
