"""The smallest recipe that goes through the whole loop: a U-Net paints a clip's frames from their landmark drawings."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from living_portraits import draw
from living_portraits.engine import Track
from living_portraits.nn import losses
from living_portraits.training.recipe import Batch, Clip, Recipe, Source, TrainConfig


@dataclass(frozen=True, kw_only=True)
class SmokeConfig(TrainConfig):
    """Small enough for a CPU.

    Attributes:
        width: channels at full size of the U-Net's first level; each level doubles them.
        mouth: how much more a pixel of the mouth counts.
        eyes: weight of the eyes' own term.
        size, batch, frames, spacing, flip, colour, lr, warmup, ema, state_minutes, sample_minutes: see `TrainConfig`.
    """

    width: int = 16
    mouth: float = 4.0
    eyes: float = 0.5
    size: int = 128
    batch: int = 4
    frames: int = 1
    spacing: Literal["far", "random", "next"] = "random"
    flip: bool = False
    colour: float = 0.0
    lr: float = 2e-3
    warmup: int = 20
    ema: float = 0.99
    state_minutes: float = 1.0
    sample_minutes: float = 1.0


class UNet(nn.Module):
    """Drawing -> picture: three levels behind a 2 x 2 pixel-unshuffle, plain convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        w = (width, 2 * width, 4 * width)
        self.enter = _block(12, w[0])  # [B, w0, H/2, W/2]
        self.down1, self.down2 = _block(w[0], w[1], stride=2), _block(w[1], w[2], stride=2)  # H/4, H/8
        self.middle = _block(w[2], w[2])
        self.up1, self.up2 = _block(w[2] + w[1], w[1]), _block(w[1] + w[0], w[0])
        self.leave = nn.Conv2d(w[0], 12, 3, padding=1)

    def forward(self, drawing: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 3 height width"]:
        """In and out in [-1, 1]; sides are multiples of 8."""
        a = self.enter(F.pixel_unshuffle(drawing, 2))
        b = self.down1(a)
        x = self.middle(self.down2(b))
        x = self.up1(torch.cat([F.interpolate(x, scale_factor=2.0), b], dim=1))
        x = self.up2(torch.cat([F.interpolate(x, scale_factor=2.0), a], dim=1))
        return F.pixel_shuffle(self.leave(x), 2).tanh()


def _block(channels: int, to: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, to, 3, stride, 1), nn.GroupNorm(4, to), nn.SiLU(),
        nn.Conv2d(to, to, 3, padding=1), nn.SiLU(),
    )  # fmt: skip


class Smoke(Recipe):
    """Reconstructs frames from their landmark drawings."""

    title = "a tiny U-Net paints frames from landmark drawings: tries out the loop in minutes"
    Config = SmokeConfig

    def __init__(self, config: SmokeConfig, *, identities: int = 1) -> None:
        super().__init__(config, identities=identities)
        self.generator = UNet(config.width)

    def networks(self) -> dict[str, nn.Module]:
        return {"generator": self.generator}

    def extra(self, source: Source, clip: Clip, track: Track) -> dict[str, np.ndarray]:
        """The drawings, made once."""
        size = self.config.size
        return {"drawing": np.stack([draw.portrait_of(points, size=size) for points in track.points])}

    def extra_bytes(self) -> int:
        return 3 * int(self.config.size) ** 2

    def step(self, batch: Batch) -> dict[str, Tensor]:
        drawing, frame, points = batch.extra["drawing"].flatten(0, 1), batch.frames.flatten(0, 1), batch.points
        output = self.generator(drawing).float()
        return {
            "generator/l1": losses.mouth_l1(output, frame, points.flatten(0, 1), boost=self.config.mouth),
            "generator/eyes": self.config.eyes * losses.eye_l1(output, frame, points.flatten(0, 1)),
        }

    def pictures(self, batch: Batch) -> list[Float[Tensor, "batch 3 height width"]]:
        drawing = batch.extra["drawing"][:, 0]
        return [drawing, self.generator(drawing), batch.frames[:, 0]]
