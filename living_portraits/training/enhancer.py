"""Teaches MegaPortraits' high-resolution step: recipe `enhancer`.

MP, section 3.3, on stills: supervised by what a still lost when it was shrunk, and by the cycle, which wants of an
enlarged picture that it shrinks to what it was made from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from living_portraits.engine import Track
from living_portraits.engines.megaportraits.critic import Critic
from living_portraits.engines.megaportraits.enhancer import Enhancer, EnhancerConfig, doubled
from living_portraits.errors import OptionError
from living_portraits.nn.perceptual import LPIPS
from living_portraits.training.contest import judged, persuaded
from living_portraits.training.recipe import Batch, Recipe, Source, TrainConfig

Pictures = Float[Tensor, "batch 3 height width"]

_FINE = 1.0  # px of a crop for one of the picture it was cut from: above that the crop shows less than it has room for


@dataclass(frozen=True, kw_only=True)
class EnhancerTrainConfig(TrainConfig):
    """Patches of stills; a quarter of an hour of one core.

    Attributes:
        width, blocks: see `EnhancerConfig`.
        patch: side of the part of each still that is looked at, px.
        l1: of pixels. lpips: AlexNet's features. cycle: of the output, shrunk, from the input (MP 10).
        adversary, matching: hinge (1) and feature matching (40), from the step `adversary_from` on; 0: no adversary.
        critic: the adversary's channels.
        size, batch, frames, spacing, kinds, lr: see `TrainConfig`.
    """

    width: int = EnhancerConfig.width
    blocks: int = EnhancerConfig.blocks
    patch: int = 96
    l1: float = 10.0
    lpips: float = 2.0
    cycle: float = 10.0
    adversary: float = 0.0
    matching: float = 40.0
    adversary_from: int = 2000
    critic: int = 32
    size: int = 512
    batch: int = 8
    frames: int = 1
    spacing: Literal["far", "random", "next"] = "random"
    kinds: tuple[str, ...] = ("pair", "still")
    lr: float = 5e-4


class Sharp:
    """Source: a dataset without what was enlarged when it was cut out, which has no detail to teach."""

    def __init__(self, dataset: Source) -> None:
        self._dataset = dataset
        self.clips: Sequence[Any] = [clip for clip in dataset.clips if clip.quality.get("zoom", 1.0) <= _FINE]

    def track(self, clip: Any) -> Track:
        return self._dataset.track(clip)

    def valid(self, clip: Any) -> np.ndarray:
        return self._dataset.valid(clip)


class Enhancing(Recipe):
    """Parts of stills about the face, from half their size."""

    title = "MegaPortraits' high-resolution step: pictures at twice their size"
    Config = EnhancerTrainConfig

    def __init__(self, config: EnhancerTrainConfig, *, identities: int = 1) -> None:
        super().__init__(config, identities=identities)
        if config.patch % 2 or not 32 <= config.patch <= config.size:
            raise OptionError(f"patch is an even number from 32 to {config.size}, not {config.patch}.")
        self.enhancer = Enhancer(EnhancerConfig(width=config.width, blocks=config.blocks))
        self.critic = Critic(width=config.critic, scales=1)
        self.lpips = LPIPS.load("alexnet") if config.lpips else None

    @classmethod
    def source(cls, dataset: Source, config: EnhancerTrainConfig) -> Source:
        return Sharp(dataset)

    def networks(self) -> dict[str, nn.Module]:
        return {"enhancer": self.enhancer, "critic": self.critic}

    def snapshot(self) -> tuple[str, ...]:
        return ("enhancer",)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        if self.enhancer.training:
            self.critic.taken += 1
        config, truth = self.config, self._parts(batch)
        given = halved(truth)
        output = self.enhancer(given).float()
        found = {
            "enhancer/l1": config.l1 * (output - truth).abs().mean(),
            "enhancer/cycle": config.cycle * (halved(output) - given).abs().mean(),
        }
        if self.lpips is not None:
            found["enhancer/lpips"] = config.lpips * self.lpips(output, truth).float().mean()
        if not config.adversary or int(self.critic.taken) < config.adversary_from:
            return found
        for name, value in persuaded(self.critic, truth, output).items():
            found[f"enhancer/{name}"] = getattr(config, name) * value
        found["critic/hinge"] = judged(self.critic, truth, output)
        return found

    def pictures(self, batch: Batch) -> list[Pictures]:
        """Enlarged by cubics, redrawn, the truth."""
        truth = batch.frames[:, 0]
        given = halved(truth)
        return [doubled(given).clamp(-1, 1), self.enhancer(given).float().clamp(-1, 1), truth]

    def _parts(self, batch: Batch) -> Pictures:
        """A square of each still, about one of the face's points."""
        config, count = self.config, len(batch.frames)
        room = config.size - config.patch
        pick = torch.randint(batch.points.shape[2], (count,), device=batch.points.device)
        middle = batch.points[torch.arange(count, device=pick.device), 0, pick, :2]
        aside = (torch.rand_like(middle) - 0.5) * config.patch
        corners = (middle + aside - config.patch / 2).round().clamp(0, room).long().tolist()
        side = config.patch
        return torch.stack([batch.frames[i, 0, :, y : y + side, x : x + side] for i, (x, y) in enumerate(corners)])


def halved(pictures: Pictures) -> Float[Tensor, "batch 3 _ _"]:
    """At half the size, by means of pixels."""
    return F.avg_pool2d(pictures, 2)
