"""L_CNT of few-shot talking heads: how far a drawn picture is from the true one. For meta-learning and fine-tuning."""

from contextlib import suppress
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from living_portraits.errors import WeightsError
from living_portraits.nn import losses, perceptual
from living_portraits.nn.identity import MobileFaceNet, identity_loss
from living_portraits.nn.perceptual import LPIPS, VGG19Loss

IDENTITY_FILE = "mobilefacenet.pt"
"""State dict of a MobileFaceNet, in `perceptual.folder()`."""

Pictures = Float[Tensor, "batch 3 height width"]


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Of the content's terms; a network whose weight is 0 is not needed.

    Attributes:
        vgg: VGG19 features. lpips: AlexNet's, a fifth of that work. face: MobileFaceNet, who it is. pixels: L1.
        mouth, eyes: how much more a pixel of them counts in L1.
        vgg_shrink: VGG19 looks at pictures shrunk by this; it is the most work by far, and a quarter of it at 2.
    """

    vgg: float = 3.0
    lpips: float = 0.0
    face: float = 1.0
    pixels: float = 5.0
    mouth: float = 4.0
    eyes: float = 4.0
    vgg_shrink: int = 1


class Content(nn.Module):
    """The terms, each with its weight. Raises WeightsError where a network's file is missing."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.weights = weights
        self.vgg = VGG19Loss.load() if weights.vgg else None
        self.lpips = LPIPS.load("alexnet") if weights.lpips else None
        self.face = MobileFaceNet.read(perceptual.folder() / IDENTITY_FILE) if weights.face else None

    @classmethod
    def at_hand(cls, weights: Weights) -> "Content":
        """With those terms alone whose networks' files are here."""
        found = cls(replace(weights, vgg=0.0, lpips=0.0, face=0.0))
        found.weights = weights
        with suppress(WeightsError):
            found.vgg = cls(replace(weights, lpips=0.0, face=0.0)).vgg
        with suppress(WeightsError):
            found.lpips = cls(replace(weights, vgg=0.0, face=0.0)).lpips
        with suppress(WeightsError):
            found.face = cls(replace(weights, vgg=0.0, lpips=0.0)).face
        return found

    def forward(
        self,
        output: Pictures,
        target: Pictures,
        points: Float[Tensor, "batch 478 3"],
        valid: Float[Tensor, "batch 1 height width"],
    ) -> dict[str, Float[Tensor, ""]]:
        """Terms by name, in float32. Where `valid` is 0 the truth is set in the output's place and nothing is learned.

        Pictures in [-1, 1], `points` of the target in its px, `valid` in [0, 1].
        """
        weights, size = self.weights, target.shape[-1]
        output = torch.lerp(target, output.float(), valid)
        found = {}
        if weights.pixels:
            count = 1 + weights.mouth * losses.mouth_weight(points, size=size)
            count = count + weights.eyes * losses.eye_weight(points, size=size)
            found["pixels"] = weights.pixels * losses.l1(output, target, count * valid)
        if self.vgg is not None:
            shrunk = (F.avg_pool2d(picture, weights.vgg_shrink) for picture in (output, target))
            found["vgg"] = weights.vgg * self.vgg(*shrunk)
        if self.lpips is not None:
            found["lpips"] = weights.lpips * self.lpips(output, target).mean()
        if self.face is not None:
            found["face"] = weights.face * identity_loss(self.face, output, target, points)
        return found
