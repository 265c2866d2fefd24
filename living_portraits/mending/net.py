"""The network that repairs what a mesh cannot know: it nudges, shades and paints over the posed doll.

Three kinds of repair, in the order in which they are applied, each as coarse as it can be:

    nudge   a small flow: hair, neck and cheeks come to lie where they belong; moves the picture's own pixels
    shade   light and shadow of a fold or a turn, added smoothly: the grain of paint or skin passes untouched
    paint   colour behind a mask, for what the source does not show: teeth, lids, a far cheek

With the posed doll w, nudge n, shade s, colour c and mask m: `out = (1 - m) (w(x + n(x)) + s(x)) + m c`.

The network always works at `SIDE` pixels; nudge and shade are coarse fields that serve a picture of any size. A larger
picture has a grain g that the network does not see. Where paint covers less than `_THIN` all of it passes through,
where it covers more than `_THICK` none does, but between the lips (`mender.mend`).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

SIDE = 256
"""Pixels at which the doll's frame is looked at; source and drawing are seen at half of it, places at a quarter."""

REACH = 16.0
"""Of `SIDE`'s pixels: the farthest that a nudge goes."""

_WHOLE = 8  # cells a side in which the whole picture's carry is told to every part of it
_SLOPE = 0.1  # below 0: without normalisation, plain rectifiers fall silent for good
_SHY = -1.0  # the mask's first guess, before the sigmoid: rather less than half
_THIN, _THICK = 0.5, 0.85

Features: TypeAlias = tuple[Tensor, ...]
"""Of a source, [B, C, 64, 64], [B, C, 32, 32] and [B, C, 16, 16]; made once."""


@dataclass(frozen=True, kw_only=True)
class RepairConfig:
    """Sizes of a `RepairNet`.

    Attributes:
        widths: channels at 1/2, 1/4, 1/8 and 1/16 of `SIDE`.
        source_widths: of the source's features at 1/4, 1/8 and 1/16; empty: the source is not looked at.
    """

    widths: tuple[int, int, int, int] = (32, 64, 128, 192)
    source_widths: tuple[int, ...] = (32, 48, 64)

    @classmethod
    def of(cls, values: dict[str, Any]) -> "RepairConfig":
        """From JSON, which knows no tuples."""
        return cls(**{name: tuple(value) for name, value in values.items()})

    def values(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Repair:
    """What the network would do to a posed doll.

    Attributes:
        nudge: (x, y) from each pixel to where its colour is taken, in pixels of `SIDE`.
        shade: added to the picture in [-1, 1].
        colour: in [-1, 1], about. mask: of the colour over the picture, in [0, 1].
        moved: the doll's frame as the network saw it, after the nudge, in [-1, 1].

    `side` is `SIDE`, or less where a window of the picture was looked at.
    """

    nudge: Float[Tensor, "batch 2 quarter quarter"]
    shade: Float[Tensor, "batch 3 eighth eighth"]
    colour: Float[Tensor, "batch 3 side side"]
    mask: Float[Tensor, "batch 1 side side"]
    moved: Float[Tensor, "batch 3 side side"]

    def apply(self, posed: Float[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch 3 size size"]:
        """The doll's frame (or the same window of it), of any size, repaired. In and out in [-1, 1], not clipped."""
        mix = _resized(self.mix(), posed.shape[-1])
        return mix[:, 3:] * _moved(posed, self.nudge) + mix[:, :3]

    def mix(self) -> Float[Tensor, "batch 4 side side"]:
        """What is added to the moved picture w, `(1 - m) s + m c + (1 - m - k) w`, and how much of it is kept, k.

        Without the grain, w is what the network saw and k does not matter.
        """
        rest = 1 - self.mask
        thick = ((self.mask - _THIN) / (_THICK - _THIN)).clamp(0, 1)
        kept = 1 - thick * thick * (3 - 2 * thick)
        shade = _resized(self.shade, int(rest.shape[-1]))
        return torch.cat([rest * shade + self.mask * self.colour + (rest - kept) * self.moved, kept], dim=1)


def _moved(picture: Float[Tensor, "batch 3 size size"], nudge: Tensor) -> Float[Tensor, "batch 3 size size"]:
    """The picture, each pixel from where the nudge points; a nudge has a quarter of its window's side."""
    nudge = nudge.float()  # in bfloat16 there are no odd numbers beyond 256, and places would be half a pixel off
    size = int(picture.shape[-1])
    across = (torch.arange(size, device=nudge.device, dtype=nudge.dtype) * 2 + 1) / size - 1
    y, x = torch.meshgrid(across, across, indexing="ij")
    places = torch.stack([x, y], dim=-1) + _resized(nudge, size).movedim(1, -1) / (2 * nudge.shape[-1])
    return F.grid_sample(picture, places, padding_mode="border", align_corners=False)


def _resized(field: Tensor, size: int) -> Tensor:
    if field.shape[-1] == size:
        return field
    return F.interpolate(field, size=(size, size), mode="bilinear", align_corners=False)


class RepairNet(nn.Module):
    """A U-Net behind a 2 x 2 pixel-unshuffle, plain convolutions without normalisation."""

    def __init__(self, config: RepairConfig) -> None:
        super().__init__()
        self.config = config
        a, b, c, d = config.widths
        known = config.source_widths or (0, 0, 0)
        self.source = SourceEncoder(config.source_widths) if config.source_widths else None
        self.enter = nn.Conv2d(4 * 3 + 3 + 1, a, 3, padding=1)  # the doll, its drawing, its stretch
        self.down = nn.ModuleList([_halve(a, b), _halve(b, c), _halve(c, d)])
        self.join = nn.ModuleList([nn.Conv2d(w + k, w, 3, padding=1) for w, k in zip((b, c, d), known, strict=True)])
        self.where = nn.Conv2d(4, b, 3, padding=1)  # places and carry
        self.sway = nn.Linear(2 * _WHOLE**2, d)
        self.deep = nn.ModuleList([Residual(b), Residual(c), nn.Sequential(Residual(d), Residual(d))])
        self.rise = nn.ModuleList([nn.Conv2d(d, c, 1), nn.Conv2d(c, b, 1), nn.Conv2d(b, a, 1)])
        self.fine = nn.ModuleList([Residual(c), Residual(b), Residual(a)])
        self.shade, self.nudge = _silent(nn.Conv2d(c, 3, 3, padding=1)), _silent(nn.Conv2d(b, 2, 3, padding=1))
        self.paint = _silent(nn.Conv2d(a, 4 * 4, 3, padding=1))

    def encode(self, source: Float[Tensor, "batch 3 128 128"], drawing: Float[Tensor, "batch 3 128 128"]) -> Features:
        """The source and its landmark drawing, in [-1, 1], as features for `forward`."""
        return self.source(torch.cat([source, drawing], dim=1)) if self.source is not None else ()

    def forward(
        self,
        posed: Float[Tensor, "batch 3 side side"],
        drawing: Float[Tensor, "batch 3 half half"],
        stretch: Float[Tensor, "batch 1 half half"],
        places: Float[Tensor, "batch 2 quarter quarter"],
        carry: Float[Tensor, "batch 2 quarter quarter"],
        sway: Float[Tensor, "batch 2 8 8"],
        features: Sequence[Tensor],
    ) -> Repair:
        """What to mend, at `SIDE` pixels or in a window whose edges are multiples of 16 of them.

        Args:
            posed: the doll's frame, in [-1, 1].
            drawing: landmarks of the head in it, in [-1, 1].
            stretch: 1 where the source's pixels lie as close as in the source, towards -1 where they are drawn apart.
            places: where in the source each pixel comes from, (x, y) in [-1, 1].
            carry: how far the mesh has carried it, see `carried`.
            sway: the whole picture's carry, see `swayed`: hair and shoulders follow a head that a window may not show.
            features: of the source, from `encode`.
        """
        x = _lively(self.enter(torch.cat([F.pixel_unshuffle(posed, 2), drawing, stretch], dim=1)))  # [B, a, 128, 128]
        levels = [x]
        for i, (down, join, deep) in enumerate(zip(self.down, self.join, self.deep, strict=True)):
            x = down(x)  # [B, b, 64, 64], [B, c, 32, 32], [B, d, 16, 16]
            if i == 0:
                x = x + self.where(torch.cat([places, carry], dim=1))
            if i == 2:
                x = x + self.sway(sway.flatten(1))[..., None, None]
            x = _lively(x)
            if features:
                x = torch.cat([x, _fetch(features[i], F.avg_pool2d(places, 2**i) if i else places)], dim=1)
            x = deep(_lively(join(x)))
            levels.append(x)
        fields = []
        for rise, fine, level in zip(self.rise, self.fine, levels[-2::-1], strict=True):
            x = fine(F.interpolate(rise(x), scale_factor=2.0, mode="nearest") + level)
            fields.append(x)  # [B, c, 32, 32], [B, b, 64, 64], [B, a, 128, 128]
        painted = F.pixel_shuffle(self.paint(_lively(fields[2])), 2)  # [B, 4, 256, 256]
        nudge = REACH * torch.tanh(self.nudge(_lively(fields[1])))
        moved = _moved(posed, nudge)
        return Repair(
            nudge=nudge,
            shade=self.shade(_lively(fields[0])),
            # Told as a change: a network that says nothing paints what is there, and where it is after the nudge.
            colour=moved + painted[:, :3],
            mask=torch.sigmoid(painted[:, 3:] + _SHY),
            moved=moved,
        )


def carried(places: Float[Tensor, "batch 2 side side"]) -> Float[Tensor, "batch 2 side side"]:
    """How far the mesh has carried each pixel of a whole picture from its place in the source, (x, y) in `REACH`es."""
    side = places.shape[-1]
    across = (torch.arange(side, device=places.device, dtype=places.dtype) * 2 + 1) / side - 1
    y, x = torch.meshgrid(across, across, indexing="ij")
    return (torch.stack([x, y]) - places) * (SIDE / 2 / REACH)


def swayed(carry: Float[Tensor, "batch 2 side side"]) -> Float[Tensor, "batch 2 8 8"]:
    """The carry of a whole picture in few numbers."""
    return F.adaptive_avg_pool2d(carry, _WHOLE)


class SourceEncoder(nn.Module):
    """Source and drawing `[B, 6, 128, 128]` -> features at 64, 32 and 16."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        steps = zip((6, *widths[:-1]), widths, strict=True)
        self.steps = nn.ModuleList([nn.Sequential(_halve(i, o), nn.LeakyReLU(_SLOPE), Residual(o)) for i, o in steps])

    def forward(self, x: Float[Tensor, "batch 6 128 128"]) -> Features:
        features = []
        for step in self.steps:
            x = step(x)
            features.append(x)
        return tuple(features)


class Residual(nn.Module):
    """`x + f(x)` with two convolutions; f begins at 0, so that depth does no harm without normalisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        _silent(self.second)

    def forward(self, x: Float[Tensor, "batch width rows columns"]) -> Float[Tensor, "batch width rows columns"]:
        return x + self.second(_lively(self.first(_lively(x))))


def _lively(x: Tensor) -> Tensor:
    return F.leaky_relu(x, _SLOPE)


def _halve(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)


def _silent(conv: nn.Conv2d) -> nn.Conv2d:
    """The layer begins by saying 0."""
    nn.init.zeros_(conv.weight)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


def _fetch(features: Tensor, places: Float[Tensor, "batch 2 rows columns"]) -> Tensor:
    """A source's features where the mesh takes them."""
    return F.grid_sample(features, places.movedim(1, -1), padding_mode="border", align_corners=False)
