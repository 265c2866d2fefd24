"""Few-shot talking heads: embedder, generator and projection discriminator (Zakharov et al. 2019, arXiv 1905.08233).

Of the lines that re-implementations forget, these concern the networks, and all are here: spectral norm on every
convolution and linear layer; the embedder ends in ReLU and a sum over places; one matrix P makes all AdaIN
numbers; instance norm on the generator's way down, none in embedder and discriminator; attention at an eighth of the
size on ways down, at a quarter on the way up; the discriminator's column is W_i + w0. Where we differ, with the reason:

- The table W has no spectral norm of its own. Embeddings are not negative (ReLU) and W follows them (L_MCH), so the
  table's largest singular value grows with the root of the number of people, and dividing by it would shrink every
  column, and with them every embedding, towards nothing; P, of norm 1, could not make up for that.
- AdaIN's scale is 1 + P e, not P e: what an embedding of nothing leaves is plain instance norm.
- The sum over places is taken as 16 times their mean, which it is at 256 px, so that what was learned at 128 px serves
  there; it counts for a 64th of itself, P e for 32 times, V for 8 times. So e and W are about 1 long and can follow
  each other, AdaIN numbers spread by about 1, and scores by the hinge's margins. (With weights that begin orthogonal
  the bare sum is about 100 long, and a score, a product of two such, in the thousands.)
- "small" and "light" work at half the size between a pixel-unshuffle and a pixel-shuffle, with half the channels or
  less, and attend on their way up at an eighth of the size (a third of the time went there at a quarter).
- Landmark drawings show irises and inner lips, which the paper's do not: gaze, and teeth behind parted lips.
- A generator that *carries* is shown one of the person's pictures, too, brought into the drawing's pose by another
  engine, and says where it would rather have its own colours (few-shot vid2vid, Wang et al. 2019, arXiv 1910.12713,
  the composition of warped and synthesised pictures): x^ = (1 - m) w + m h. With few people to learn from, what can be
  carried need not be learned. The paper's form, `carries=False`, draws everything.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from living_portraits.nn.blocks import (
    ResAdaptive,
    ResDown,
    SelfAttention,
    SpectralConv2d,
    SpectralLinear,
    adaptive_norm,
)

Pictures = Float[Tensor, "batch 3 height width"]
Shown = Float[Tensor, "batch shown height width"]
"""Drawings, 3 channels; behind them, for a generator that carries, what is carried, 3 more."""


@dataclass(frozen=True)
class Shape:
    """Widths of the three networks.

    Attributes:
        halved: work at half the size between a pixel-unshuffle and a pixel-shuffle.
        drawing: channels of the generator's way down, from half the size to a sixteenth.
        blocks: residual blocks at a sixteenth.
        picture: channels of the way up, from an eighth of the size; to the full one, to half of it where `halved`.
        look: channels of embedder and discriminator, from half the size to a sixty-fourth; the last is N, the
            embedding's length.
    """

    halved: bool
    drawing: tuple[int, int, int, int]
    blocks: int
    picture: tuple[int, ...]
    look: tuple[int, int, int, int, int, int]

    @property
    def embedding(self) -> int:
        return self.look[-1]


PLACES, SUM_SCALE, STYLE_SCALE, SCORE_SCALE = 16, 1 / 64, 32.0, 8.0
"""At a sixty-fourth of 256 px; scales of the sum over them, of P e and of V: see above."""

_HALF = 2  # which of the way up ends at half the size
_SHY = -2.0  # the mask's first guess, before the sigmoid
_VEIL, _COVER = 0.05, 0.3  # less of the mask is none in use, more is all of it

Size = Literal["light", "small", "paper"]
SHAPES: dict[str, Shape] = {
    "light": Shape(True, (16, 32, 64, 128), 4, (96, 64, 32), (16, 32, 64, 96, 128, 128)),
    "small": Shape(True, (24, 48, 96, 256), 4, (192, 96, 48), (24, 48, 96, 192, 256, 256)),
    "paper": Shape(False, (64, 128, 256, 512), 4, (512, 256, 128, 64), (64, 128, 256, 512, 512, 512)),
}
"""Parameters of G with P, E and D in millions, and work of G and E on one picture of 256 px: "paper" 38, 15, 20, 93 and
31 GFLOP; "small" 8.5, 3.0, 4.2, 13 and 4 GFLOP; "light", which two cores can train, 2.2, .8, 1.1, 5 and 1 GFLOP."""

SMALLEST = 64
"""Pixels: the embedder halves six times."""


class Look(nn.Module):
    """A drawing and a picture -> N numbers that are not negative: the trunk of embedder and discriminator."""

    def __init__(self, shape: Shape, *, last: bool) -> None:
        super().__init__()
        self.halved = shape.halved
        self.enter = ResDown(24 if shape.halved else 6, shape.look[0], first=True, pool=not shape.halved)  # [H/2, W/2]
        self.blocks = nn.ModuleList([ResDown(a, b) for a, b in pairwise(shape.look)])  # to [H/64, W/64]
        self.attention = SelfAttention(shape.look[2])
        self.last = ResDown(shape.embedding, shape.embedding, pool=False) if last else None

    def forward(self, picture: Pictures, drawing: Pictures) -> tuple[Float[Tensor, "batch numbers"], list[Tensor]]:
        """The numbers, in float32, and every block's response."""
        x = torch.cat([drawing, picture], dim=1)
        x = self.enter(F.pixel_unshuffle(x, 2) if self.halved else x)
        seen = [x]
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number == 1:
                x = self.attention(x)  # at an eighth of the size
            seen.append(x)
        if self.last is not None:
            x = self.last(x)
            seen.append(x)
        return SUM_SCALE * PLACES * F.relu(x.float()).mean(dim=(2, 3)), seen


class Generator(nn.Module):
    """G(y, style): a landmark drawing, seen through the AdaIN numbers of one person, becomes their picture.

    Where it `carries`, it is shown the drawing and the carried picture w, [B, 6, H, W], and gives (1 - m) w + m h; its
    way up then meets what it saw at half the size, as h and m are to end where the drawing's lines do.
    """

    def __init__(self, shape: Shape, *, carries: bool = False) -> None:
        super().__init__()
        first, last = shape.drawing[0], shape.picture[-1]
        shown, given = (6, 4) if carries else (3, 3)
        self.halved, self.carries = shape.halved, carries
        self.enter = (
            nn.Sequential(SpectralConv2d(4 * shown, first), nn.ReLU(), SpectralConv2d(first, first))
            if shape.halved
            else ResDown(shown, first, norm=True, first=True)
        )  # [c0, H/2, W/2]
        self.down = nn.ModuleList([ResDown(a, b, norm=True) for a, b in pairwise(shape.drawing)])  # to H/16
        self.down_attention = SelfAttention(shape.drawing[2])  # at H/8
        deep = shape.drawing[-1]
        self.middle = nn.ModuleList([ResAdaptive(deep, deep) for _ in range(shape.blocks)])
        self.up = nn.ModuleList([ResAdaptive(a, b, up=True) for a, b in pairwise((deep, *shape.picture))])
        self.attended = 0 if shape.halved else 1  # which of the way up is followed by attention
        self.up_attention = SelfAttention(shape.picture[self.attended])
        half = shape.picture[_HALF]
        self.meet = ResAdaptive(half + first, half) if carries else None
        self.leave = SpectralConv2d(last, 4 * given if shape.halved else given)
        with torch.no_grad():
            if shape.halved:  # the four pixels of a shuffle begin alike: no chessboard (Aitken et al. 2017)
                self.leave.weight.copy_(self.leave.weight[::4].repeat_interleave(4, dim=0))
            if carries and self.leave.bias is not None:
                self.leave.bias[len(self.leave.bias) * 3 // 4 :] = _SHY
        up = [*self.up[: _HALF + 1], *([self.meet] if self.meet else []), *self.up[_HALF + 1 :]]
        blocks = [block for block in (*self.middle, *up) if isinstance(block, ResAdaptive)]
        self.numbers = [*(number for block in blocks for number in block.numbers), 2 * last]

    @property
    def style_length(self) -> int:
        """AdaIN numbers of one person."""
        return sum(self.numbers)

    def forward(self, shown: Shown, style: Float[Tensor, "#batch numbers"]) -> Pictures:
        """Pictures in [-1, 1], of the size of what is shown; sides are multiples of 16."""
        return composed(shown, *self.paint(shown, style))

    def paint(
        self, shown: Shown, style: Float[Tensor, "#batch numbers"]
    ) -> tuple[Pictures, Float[Tensor, "batch 1 height width"]]:
        """h, in [-1, 1], and m, in [0, 1]: 1 everywhere where nothing is carried; in evaluation see `_sure`."""
        parts = iter(torch.split(style, self.numbers, dim=1))
        x = seen = self.enter(F.pixel_unshuffle(shown, 2) if self.halved else shown)
        for number, block in enumerate(self.down):
            x = block(x)
            if number == 1:
                x = self.down_attention(x)
        for block in self.middle:
            x = block(x, next(parts), next(parts))
        for number, block in enumerate(self.up):
            x = block(x, next(parts), next(parts))
            if number == self.attended:
                x = self.up_attention(x)
            if number == _HALF and self.meet is not None:
                x = self.meet(torch.cat([x, seen], dim=1), next(parts), next(parts))
        x = self.leave(F.relu(adaptive_norm(x, next(parts))))
        x = F.pixel_shuffle(x, 2) if self.halved else x
        mask = torch.sigmoid(x[:, 3:]) if self.carries else torch.ones_like(x[:, :1])
        return torch.tanh(x[:, :3]), mask if self.training else _sure(mask)


def _sure(mask: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, "batch 1 height width"]:
    """The mask without what it is not sure of: a thin veil of drawn colours takes grain away and brings nothing."""
    share = ((mask - _VEIL) / (_COVER - _VEIL)).clamp(0, 1)
    return mask * share * share * (3 - 2 * share)


def composed(shown: Shown, colour: Pictures, mask: Float[Tensor, "batch 1 height width"]) -> Pictures:
    """(1 - m) w + m h, where something is carried; else h."""
    carried = shown[:, 3:]
    return torch.lerp(carried, colour.to(carried.dtype), mask.to(carried.dtype)) if carried.shape[1] else colour


class FewShot(nn.Module):
    """Embedder E, generator G, and P between them: what a few pictures of somebody take to draw them anew."""

    def __init__(self, shape: Shape, *, carries: bool = False) -> None:
        super().__init__()
        self.embedder = Look(shape, last=False)
        self.generator = Generator(shape, carries=carries)
        self.projection = SpectralLinear(shape.embedding, self.generator.style_length)

    def embed(
        self, pictures: Float[Tensor, "batch k 3 height width"], drawings: Float[Tensor, "batch k 3 height width"]
    ) -> Float[Tensor, "batch numbers"]:
        """e = 1/K sum_k E(x_k, y_k): any K."""
        each, _ = self.embedder(pictures.flatten(0, 1), drawings.flatten(0, 1))
        return each.view(*pictures.shape[:2], -1).mean(dim=1)

    def style(self, embedding: Float[Tensor, "batch numbers"]) -> Float[Tensor, "batch style"]:
        """psi = P e, to scale, in float32."""
        with torch.autocast(embedding.device.type, enabled=False):
            return STYLE_SCALE * self.projection(embedding.float())

    def forward(
        self,
        pictures: Float[Tensor, "batch k 3 height width"],
        drawings: Float[Tensor, "batch k 3 height width"],
        shown: Shown,
    ) -> tuple[Pictures, Float[Tensor, "batch 1 height width"], Float[Tensor, "batch numbers"]]:
        """The people of `pictures` in the position of what the generator is shown, its mask, and their embeddings."""
        embedding = self.embed(pictures, drawings)
        return *self.generator.paint(shown, self.style(embedding)), embedding


class Discriminator(nn.Module):
    """D(x, y, i) = V(x, y)^T (W_i + w0) + b, larger for more real; V ends in a residual block at H/64."""

    def __init__(self, shape: Shape, *, identities: int = 1) -> None:
        super().__init__()
        self.look = Look(shape, last=True)
        self.general = SpectralLinear(shape.embedding, 1)  # w0, b
        self.columns = nn.Parameter(torch.empty(identities, shape.embedding).uniform_(-0.1, 0.1))  # W

    def forward(
        self, picture: Pictures, drawing: Pictures, column: Float[Tensor, "batch numbers"]
    ) -> tuple[Float[Tensor, "batch"], list[Tensor]]:
        """The score with W_i = `column` of each sample, and V's responses block by block, for feature matching."""
        vector, seen = self.look(picture, drawing)
        vector = SCORE_SCALE * vector
        with torch.autocast(vector.device.type, enabled=False):
            return self.general(vector).squeeze(1) + (vector * column).sum(dim=1), seen
