"""The widths of MegaPortraits' base model: the paper's, two for less, and the smallest that still are one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from living_portraits.errors import OptionError

Preset: TypeAlias = Literal["shipped", "light", "paper", "tiny"]


@dataclass(frozen=True, kw_only=True)
class Config:
    """Sizes of the base model's parts.

    Attributes:
        size: side of the pictures, px. A multiple of `side` by a power of two.
        channels, depth, side: of the volume: `[channels, depth, side, side]`.
        reach: half of the volume's depth, where half of the picture's width is 1: a head is about 0.4 deep each way.
        stem: channels of E_app's plane, at full size and after each halving; its length says how often it halves.
        volume_blocks: pairs of convolutions on the volume at E_app's end.
        descriptor, motion: channels of the residual networks' first stage (e_s; pose and expression).
        descriptor_blocks: residual blocks in each of the four stages of e_s's network.
        look: side of what the descriptor, pose and expression networks see, px.
        code: numbers of e_s and of z, which are added.
        hears: z comes from the tracker's word instead of from pixels: half an hour of steps is too little to learn to
            read faces as well. Not the paper's.
        warp: channels of a warp generator, from its 4 x 4 x 4 seed on; a step doubles height and width.
        warp_depth: how many of the first of these steps double the depth, too.
        spread: how far from the face's middle an expression moves anything, in halves of the crop's side; 0:
            everywhere, as in the paper. What few steps teach of a face goes astray in hair.
        canonical: channels of G3D's levels, from below the volume's own down to the innermost.
        canonical_scales: (depth, height, width) factors from level to level; a depth of 2.0 is twice as deep.
        residual: G3D changes its volume instead of making another. Not the paper's; copies from the first step on.
        plane: channels of G2D at the volume's side. plane_blocks: its residual blocks there, of two convolutions each.
        ups: channels of G2D after each doubling; their number is the stem's halvings.
        copies: G2D is also shown the source's own pixels, carried to the driven surface, and may copy them: a
            painting's grain does not go through a code. Not the paper's.
        shortcut: kernel of the shortcut convolution where channels change; the paper has 3.
    """

    size: int = 256
    channels: int = 32
    depth: int = 16
    side: int = 64
    reach: float = 0.5
    stem: tuple[int, ...] = (48, 96, 192)
    volume_blocks: int = 2
    descriptor: int = 32
    descriptor_blocks: tuple[int, ...] = (2, 2, 2, 2)
    motion: int = 40
    look: int = 128
    code: int = 128
    hears: bool = False
    warp: tuple[int, ...] = (128, 96, 64, 32)
    warp_depth: int = 2
    spread: float = 0.0
    canonical: tuple[int, ...] = (64, 128)
    canonical_scales: tuple[tuple[float, float, float], ...] = ((1.0, 0.5, 0.5), (0.5, 0.5, 0.5))
    residual: bool = True
    plane: int = 192
    plane_blocks: int = 5
    ups: tuple[int, ...] = (96, 32)
    copies: bool = True
    shortcut: int = 1

    def __post_init__(self) -> None:
        halvings = len(self.stem) - 1
        if self.size != self.side << halvings:
            raise OptionError(f"A volume of {self.side} x {self.side} and {halvings} halvings make no {self.size} px.")
        if len(self.ups) != halvings or len(self.canonical) != len(self.canonical_scales):
            raise OptionError("G2D doubles as often as E_app halves, and each level of G3D has its scale.")

    @classmethod
    def of(cls, train: Mapping[str, Any]) -> "Config":
        """The network that a training's settings (`network`, `size`) name. Raises OptionError."""
        return preset(train["network"], size=int(train["size"]))


_LIGHT = Config(
    size=128, channels=16, depth=8, side=32, stem=(24, 48, 96), volume_blocks=1, descriptor=16,
    descriptor_blocks=(1, 1, 1, 1), motion=24, look=96, code=64, hears=True, warp=(64, 48, 32, 24), warp_depth=1,
    spread=0.7, canonical=(32, 64), plane=96, plane_blocks=3, ups=(48, 24),
)  # fmt: skip
"""For two cores to train."""

_TINY = Config(
    size=64, channels=8, depth=8, side=16, stem=(8, 16, 32), volume_blocks=1, descriptor=8,
    descriptor_blocks=(1, 1, 1, 1), motion=8, look=64, code=16, warp=(16, 16, 8), warp_depth=1, canonical=(16, 24),
    plane=32, plane_blocks=1, ups=(16, 8),
)  # fmt: skip
_PAPER = Config(
    size=512, channels=96, stem=(64, 128, 256, 512), volume_blocks=6, descriptor=64, descriptor_blocks=(3, 4, 6, 3),
    motion=64, look=256, code=512, warp=(512, 256, 128, 64, 32), canonical=(192, 384, 512),
    canonical_scales=((2.0, 0.5, 0.5), (0.5, 0.5, 0.5), (1.0, 1.0, 1.0)), residual=False, plane=512, plane_blocks=8,
    ups=(256, 128, 64), copies=False, shortcut=3,
)  # fmt: skip
_PRESETS: dict[str, Config] = {"shipped": Config(), "light": _LIGHT, "paper": _PAPER, "tiny": _TINY}


def preset(name: str, *, size: int) -> Config:
    """The preset at a size: the volume stays, the planes' ends are halved or doubled more or less often.

    Raises:
        OptionError: an unknown name, or a size that is not the volume's side times a power of two.
    """
    if name not in _PRESETS:
        raise OptionError(f"There is no network {name!r}; choose from {', '.join(_PRESETS)}.")
    config = _PRESETS[name]
    halvings = (size // config.side).bit_length() - 1
    if halvings < 1 or config.side << halvings != size:
        choices = ", ".join(str(config.side << i) for i in range(1, 5))
        raise OptionError(f"The network {name} does not work at size {size}; choose from {choices}.")
    return replace(config, size=size, stem=_stem(config.stem, halvings), ups=_ups(config.ups, halvings))


def _stem(stem: tuple[int, ...], halvings: int) -> tuple[int, ...]:
    """The widest levels stay, beside the volume; further ones at the picture's end are half as wide each."""
    while len(stem) <= halvings:
        stem = (max(stem[0] // 2, 8), *stem)
    return stem[len(stem) - halvings - 1 :]


def _ups(ups: tuple[int, ...], halvings: int) -> tuple[int, ...]:
    while len(ups) < halvings:
        ups = (*ups, max(ups[-1] // 2, 8))
    return ups[:halvings]
