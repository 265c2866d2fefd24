"""Who judges the generator: patches of two frames in a row, at several scales, and the face alone."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from living_portraits.nn.blocks import InstanceNorm

Pictures = Float[Tensor, "batch channels height width"]


class Patches(nn.Module):
    """PatchGAN (pix2pixHD's appendix): 4 x 4 convolutions of stride 2, then two of stride 1, instance norm between.

    Gives the responses of all layers; the last is the score of every patch, for least squares.
    """

    def __init__(self, channels: int, *, width: int, layers: int = 3) -> None:
        super().__init__()
        stages: list[nn.Module] = [nn.Sequential(nn.Conv2d(channels, width, 4, 2, 2), nn.LeakyReLU(0.2))]
        for level in range(1, layers + 1):
            before, to = width * 2 ** min(level - 1, 2), width * 2 ** min(level, 2)
            stride = 2 if level < layers else 1
            stages.append(
                nn.Sequential(nn.Conv2d(before, to, 4, stride, 2), InstanceNorm(to), nn.LeakyReLU(0.2))
            )  # fmt: skip
        stages.append(nn.Conv2d(width * 2 ** min(layers, 2), 1, 4, 1, 2))
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Pictures) -> list[Tensor]:
        seen = []
        for stage in self.stages:
            x = stage(x)
            seen.append(x)
        return seen


class Critic(nn.Module):
    """The same patches at full size, half size and so on; each scale with weights of its own."""

    def __init__(self, channels: int, *, width: int, scales: int = 2, layers: int = 3) -> None:
        super().__init__()
        self.scales = nn.ModuleList([Patches(channels, width=width, layers=layers) for _ in range(scales)])

    def forward(self, x: Pictures) -> tuple[list[Tensor], list[list[Tensor]]]:
        """Scores and features of each scale."""
        scores, features = [], []
        for scale in self.scales:
            seen = scale(x)
            scores.append(seen[-1])
            features.append(seen[:-1])
            x = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        return scores, features


def in_time(drawings: Sequence[Tensor], frames: Sequence[Tensor]) -> Pictures:
    """What the body's critic looks at: (x_{t-1}, x_t, y_{t-1}, y_t), 12 channels (EDN eq. 3)."""
    return torch.cat([*drawings, *frames], dim=1)
