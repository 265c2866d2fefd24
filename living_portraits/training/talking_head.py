"""The recipe of few-shot talking heads: meta-learning as in Zakharov et al. 2019 (arXiv 1905.08233), called FSTH here.

A sample is K + 1 frames of one clip: the first is to be drawn from its landmark drawing, with what the embedder makes
of the K others, so the frames for e never hold the target. One step minimises

    L(phi, psi, P) = L_CNT + L_ADV + L_MCH,   L_ADV = -D(x^, y, i) + L_FM      (embedder, generator, projection)
    L_DSC          = max(0, 1 + D(x^, y, i)) + max(0, 1 - D(x, y, i))          (V, W, w0, b)

Of what re-implementations forget, the training's part, and where we differ, with the reason:

- VGG19 with caffe's scaling for L_CNT; VGGFace cannot be had and MobileFaceNet on the aligned face stands for it
  (`nn.identity`), which is a face crop as in the authors' group's code. Weights are our own: see `nn.perceptual`.
- Adam with beta1 = 0 and eps 1e-5; the discriminator's rate a multiple of the generator's; averaged weights for use.
- One step of the discriminator to one of the generator, not two: the loop gives every network one; its higher rate
  serves the same end. For its false pictures the column W_i is a constant, as in the authors' group's code.
- L_MCH moves the embedder towards W_i and W_i towards the embedder; its weight counts the mean over components.
  Feed-forward use needs no L_MCH (`match=0`, a training of its own in the paper); fine-tuning does: w' = w0 + e.
- K is 4 unless told otherwise; any number serves afterwards.
- The generator is shown one frame of the clip as the engine `guided` brings it into the target's pose (`carries`). Some
  samples are to do without, all mask: what is never asked to draw a face does not learn to.
- Beyond the paper: an L1 term that weighs mouth and eyes, and a mask of what may teach. What the puppet made up in
  pseudo-films, and what mirrors the crop's edge, is put out of every loss: from L_CNT by setting the truth in its
  place, from both sides of the discriminator by blanking it.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from living_portraits import draw
from living_portraits.engine import Drive, Track
from living_portraits.engines.guided import Guided
from living_portraits.engines.talking_head.content import Content, Weights
from living_portraits.engines.talking_head.engine import read_networks
from living_portraits.engines.talking_head.networks import SHAPES, SMALLEST, Discriminator, FewShot, Size, composed
from living_portraits.errors import OptionError, WeightsError
from living_portraits.nn import losses
from living_portraits.training.recipe import Batch, Clip, Recipe, Source, TrainConfig

_MATTE = 64  # side of the masks that datasets have


@dataclass(frozen=True, kw_only=True)
class TalkingHeadConfig(TrainConfig):
    """Half an hour of one large GPU; on a CPU: size=128, batch=4, frames=3.

    Attributes:
        network: "light", which is shipped, a larger one, or the paper's widths.
        carries: see `networks.Generator`; False: the paper's form. alone: share of the samples in which the mask is set
            to 1. shy: weight of the mask's mean.
        vgg, lpips, face, pixels, mouth, eyes, vgg_shrink: see `content.Weights`.
        adversary, features, match: weights of -D, L_FM (0 for both: no discriminator) and L_MCH.
        adversary_from: the first step with a discriminator; L_MCH starts with it.
        discriminator_rate: times `lr`. FSTH: 4, with `lr` 5e-5.
        start: a snapshot to start from, for instance of other sizes or of a smaller dataset; the table W begins anew.
        frames: K + 1.
        size, batch, spacing, kinds, shares, lr, ema: see `TrainConfig`.
    """

    network: Size = "small"
    carries: bool = True
    alone: float = 0.5
    shy: float = 0.01
    vgg: float = Weights.vgg
    lpips: float = Weights.lpips
    face: float = Weights.face
    pixels: float = Weights.pixels
    mouth: float = Weights.mouth
    eyes: float = Weights.eyes
    vgg_shrink: int = Weights.vgg_shrink
    adversary: float = 1.0
    features: float = 10.0
    match: float = 10.0
    adversary_from: int = 3000
    discriminator_rate: float = 2.0
    start: str = ""
    size: int = 256
    batch: int = 48
    frames: int = 5
    spacing: Literal["far", "random", "next"] = "far"
    kinds: tuple[str, ...] = ("video", "pseudo", "edits")
    shares: tuple[float, ...] = (0.5, 0.3, 0.2)
    lr: float = 1e-4
    ema: float = 0.999


class TalkingHead(Recipe):
    """Embedder, generator and discriminator learn from many people what a face in motion is."""

    title = "few-shot talking heads: from landmark drawings and a few pictures of anybody to that person, drawn anew"
    coloured = ("carried",)
    Config = TalkingHeadConfig

    def __init__(self, config: TalkingHeadConfig, *, identities: int = 1) -> None:
        super().__init__(config, identities=identities)
        if config.frames < 2:
            raise OptionError(f"frames is at least 2, one to draw and the rest to know the person by: {config.frames}.")
        if config.size % SMALLEST or config.size < SMALLEST:
            raise OptionError(f"The talking-head recipe works at multiples of {SMALLEST} px, not at {config.size}.")
        shape = SHAPES[config.network]
        self.carrier = Guided(size=config.size, runtime="torch") if config.carries else None
        self.head = FewShot(shape, carries=config.carries)
        self.discriminator = Counted(shape, identities=identities)
        if config.start:
            self._start_from(Path(config.start))
        self.content = Content(Weights(**{name: getattr(config, name) for name in Weights.__dataclass_fields__}))

    def _start_from(self, path: Path) -> None:
        head, discriminator = read_networks(path)
        given, own = head.state_dict(), self.head.state_dict()
        if self.config.carries and not head.generator.carries:  # what meets the carried picture begins anew
            given = own | {name: value for name, value in given.items() if value.shape == own[name].shape}
        try:
            self.head.load_state_dict(given)
            kept = {name: value for name, value in discriminator.state_dict().items() if name != "columns"}
            self.discriminator.load_state_dict(kept, strict=False)
        except RuntimeError as error:
            raise WeightsError(f"{path} holds networks of other widths than network={self.config.network}.") from error

    def networks(self) -> dict[str, nn.Module]:
        return {"head": self.head, "discriminator": self.discriminator}

    def optimiser(self, name: str) -> torch.optim.Optimizer:
        rate = self.config.lr * (self.config.discriminator_rate if name == "discriminator" else 1.0)
        return torch.optim.Adam(self.networks()[name].parameters(), lr=rate, betas=(0.0, 0.999), eps=1e-5)

    def extra(self, source: Source, clip: Clip, track: Track) -> dict[str, np.ndarray]:
        """Landmark drawings, what may teach, and one frame carried into the pose of every other."""
        drawings = [draw.portrait_of(points, size=self.config.size) for points in track.points]
        found = {"drawing": np.stack(drawings), "valid": source.valid(clip)[..., None]}
        return found if self.carrier is None else found | {"carried": self._carried(self.carrier, clip, track)}

    def _carried(self, carrier: Guided, clip: Clip, track: Track) -> np.ndarray:
        """Any frame of a film, and the first of what was made of a still: that is its true picture."""
        first = zlib.crc32(clip.id.encode()) % len(track) if clip.kind == "video" else 0
        known = carrier.encode_identity(Track([track.crops[first]], track.points[[first]], track.blendshapes[[first]]))
        return np.stack(list(carrier.generate(known, carrier.encode_motion(track, Drive(neutral=first)))))

    def extra_bytes(self) -> int:
        return (3 + 3 * self.config.carries) * int(self.config.size) ** 2 + _MATTE**2

    def step(self, batch: Batch) -> dict[str, Tensor]:
        config, valid = self.config, self._valid(batch)
        target, drawing = batch.frames[:, 0], batch.extra["drawing"][:, 0]
        output, embedding, mask = self._drawn(batch, alone=round(config.alone * len(target)))
        terms = self.content(output, target, batch.points[:, 0], valid)
        found = {f"head/{name}": value for name, value in terms.items()}
        if config.carries:
            found["head/shy"] = config.shy * mask.mean()
        if not self._against():
            return found
        real, fake = target * valid, output * valid
        known = (batch.identity >= 0)[:, None]
        column = torch.where(known, self.discriminator.columns[batch.identity.clamp_min(0)], embedding.detach())
        # Three passes of one size: compiled once. The head's losses come first, as they need the weights of now.
        score_real, truth = self.discriminator(real, drawing, column)
        score_false, _ = self.discriminator(fake.detach(), drawing, column.detach())
        score, seen = self.discriminator(fake, drawing, column.detach())
        matching = losses.feature_matching([[a.float() for a in truth]], [[b.float() for b in seen]])
        found["head/adversary"] = config.adversary * losses.hinge_generator([score.float()])
        found["head/features"] = config.features * matching
        if config.match:
            found["head/match"] = config.match * losses.match(embedding, column.detach())
            found["discriminator/match"] = config.match * losses.match(column, embedding.detach())
        found["discriminator/hinge"] = losses.hinge_discriminator([score_real.float()], [score_false.float()])
        return found

    def pictures(self, batch: Batch) -> list[Float[Tensor, "batch 3 height width"]]:
        """One of the person's pictures, the drawing, the output, the truth, and somebody else in that position.

        Where something is carried, then: what is, the colours alone, and the mask.
        """
        drawing = batch.extra["drawing"][:, 0]
        output, embedding, mask = self._drawn(batch)
        other = self.head.generator(_shown(batch), self.head.style(embedding.roll(1, dims=0)))
        columns = [batch.frames[:, 1], drawing, output, batch.frames[:, 0], other.float()]
        if not self.config.carries:
            return columns
        colour, _ = self.head.generator.paint(_shown(batch), self.head.style(embedding))
        return [*columns, batch.extra["carried"][:, 0], colour.float(), 2 * mask.expand_as(output) - 1]

    def _drawn(self, batch: Batch, *, alone: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """Outputs in single precision, embeddings and masks; the first samples, `alone` of them, all mask."""
        shown = _shown(batch)
        colour, mask, embedding = self.head(batch.frames[:, 1:], batch.extra["drawing"][:, 1:], shown)
        mask = mask.float()
        ruled = torch.cat([torch.ones_like(mask[:alone]), mask[alone:]])
        return composed(shown, colour.float(), ruled), embedding, mask

    def _valid(self, batch: Batch) -> Float[Tensor, "batch 1 height width"]:
        """1 where the target may teach, 0 where it may not."""
        share = (batch.extra["valid"][:, 0] + 1) / 2
        return F.interpolate(share, size=batch.frames.shape[-2:], mode="bilinear", align_corners=False)

    def _against(self) -> bool:
        """Whether the discriminator takes part, now."""
        if not self.config.adversary and not self.config.features:
            return False
        if self.discriminator.training:
            self.discriminator.steps += 1
        return self.discriminator.steps > self.config.adversary_from


def _shown(batch: Batch) -> Tensor:
    """What the generator is shown of the targets."""
    parts = [batch.extra[name][:, 0] for name in ("drawing", "carried") if name in batch.extra]
    return torch.cat(parts, dim=1)


class Counted(Discriminator):
    """The discriminator, which keeps count of the steps, on the host: a GPU that were asked would have to wait."""

    steps = 0

    def get_extra_state(self) -> Any:
        return torch.tensor(self.steps)

    def set_extra_state(self, state: Any) -> None:
        self.steps = int(state)
