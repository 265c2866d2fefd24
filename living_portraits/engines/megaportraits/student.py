"""The student (MP, section 3.4): a small image-to-image network that is locked to the portraits it was taught.

It hears how a driver moves and draws a portrait that moves alike. Who is shown lies in tensors that belong to one
portrait each: there is no way to give it another face. The paper's sees the driver's frame; what ours is told in its
place is in `student_motion`.

The paper draws every pixel from these tensors, after days of training. Ours keeps each portrait's own picture among
them and says where its pixels go, and what to paint over them where it has none to give, an open mouth, a closed lid:
a painting keeps its grain, at any size, and hours are enough. `StudentConfig(picture=False)` is the paper's way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from living_portraits.engines.megaportraits.student_motion import WORDS
from living_portraits.nn.quantise import Ranges
from living_portraits.sway import CELLS

Avatars = Int64[Tensor, "batch"]
FACE = 24
"""Side of the thumbnail by which a portrait is known again, px."""

REACH = 0.25
"""Of half a picture's side: how far a pixel is moved by 1 of what the network says."""

AXES = 64
"""Numbers that sum up a motion for `Sweep`."""

GUIDES = 26
"""Channels of a portrait's guide, see `guide`."""

_SIGHTS = (468, 473, 159, 145, 386, 374, 70, 107, 336, 300, 1, 61, 291, 13, 14, 152, 172, 397, 10)
# Points that a guide marks: irises, lids, brows, nose, mouth, chin, jaw and forehead.
_SHY = -2.5  # what the mask begins at, before the sigmoid: the picture as it is


@dataclass(frozen=True, kw_only=True)
class StudentConfig:
    """Widths of the student.

    Attributes:
        paint: side of what it paints, px. kept: of the portraits' pictures.
        blocks: channels of the blocks that draw. ups: which of them double the side, beginning at 16.
        side: of the portraits' own tensors, at most.
        code: numbers in which the driver's words are put.
        picture: whether portraits keep their pictures, and their pixels are moved rather than drawn.
    """

    paint: int = 256
    kept: int = 512
    blocks: tuple[int, ...] = (96, 96, 64, 32)
    ups: tuple[bool, ...] = (False, False, True, True)
    side: int = 32
    code: int = 128
    picture: bool = True

    @property
    def drawn(self) -> int:
        """Side of the last block, px."""
        return CELLS << sum(self.ups)

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "StudentConfig":
        """From the settings of a run of the recipe `student`."""
        given: dict[str, Any] = {each.name: settings[each.name] for each in fields(cls) if each.name in settings}
        given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
        return cls(**given)


class Spade(nn.Module):
    """`norm(x) (1 + gamma_i) + beta_i` with maps of portrait i, enlarged to x.

    Park et al. 2019 (arXiv 1903.07291), eq. 1. Of the maps a part is portrait i's own parameters, as in the paper; the
    rest is read from its guide, in the same way for all: what is where in a face need not be learned for each anew.
    The norm is over the batch: for one portrait all of it folds into a product and a sum.
    """

    def __init__(self, channels: int, avatars: int, side: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.maps = nn.Parameter(torch.zeros(avatars, 2 * channels, side, side))
        self.read = nn.Conv2d(GUIDES, 2 * channels, 1)

    def forward(
        self,
        x: Float[Tensor, "batch channels height width"],
        avatar: Avatars,
        guides: Float[Tensor, "batch guides side side"],
    ) -> Float[Tensor, "batch channels height width"]:
        scale, shift = self._both(self.maps[avatar], guides, x.shape[-1])
        return torch.addcmul(shift, self.norm(x), 1 + scale)

    def _both(self, maps: Tensor, guides: Tensor, side: int) -> tuple[Tensor, Tensor]:
        maps = maps + self.read(F.adaptive_avg_pool2d(guides, maps.shape[-1]))
        if maps.shape[-1] != side:
            maps = F.interpolate(maps, size=(side, side), mode="bilinear", align_corners=False)
        scale, shift = maps.chunk(2, dim=1)
        return scale, shift

    def folded(self, guides: Float[Tensor, "1 guides side side"], side: int) -> "Folded":
        """For the only portrait there is, and maps of that side."""
        scale, shift = self._both(self.maps, guides, side)
        assert self.norm.running_mean is not None and self.norm.running_var is not None
        mean, spread = self.norm.running_mean.view(-1, 1, 1), (self.norm.running_var + self.norm.eps).sqrt()
        scale = (1 + scale) / spread.view(-1, 1, 1)
        return Folded(scale, shift - mean * scale)


class Folded(nn.Module):
    """A `Spade` for one portrait, in use."""

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        for name, value in (("scale", scale), ("shift", shift)):
            self.register_buffer(name, value.detach().contiguous(memory_format=torch.channels_last))

    def forward(self, x: Tensor, avatar: Avatars, guides: Tensor) -> Tensor:
        return torch.addcmul(self.shift, x, self.scale)


class SpadeBlock(nn.Module):
    """[up] conv, SPADE, ReLU, conv, SPADE; a 1 x 1 convolution on the shortcut where channels change (MP, Fig. 11).

    What is said of the driver as a whole is added where its map is still small.
    """

    def __init__(self, channels: int, to: int, *, avatars: int, side: int, up: bool, code: int) -> None:
        super().__init__()
        self.up = up
        self.conv1, self.conv2 = nn.Conv2d(channels, to, 3, padding=1), nn.Conv2d(to, to, 3, padding=1)
        self.spade1, self.spade2 = Spade(to, avatars, side), Spade(to, avatars, side)
        self.hear = nn.Linear(code, to)
        self.shortcut = nn.Conv2d(channels, to, 1) if channels != to else nn.Identity()

    def forward(
        self, x: Float[Tensor, "batch _ _ _"], code: Float[Tensor, "batch code"], *who: Tensor
    ) -> Float[Tensor, "batch _ _ _"]:
        if self.up:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        y = self.conv1(x) + self.hear(code)[:, :, None, None]
        y = F.relu(self.spade1(y, *who))
        return self.shortcut(x) + self.spade2(self.conv2(y), *who)

    def fold(self, guides: Tensor, side: int) -> None:
        """For the only portrait there is, and maps of that side. For use only."""
        for number in ("1", "2"):
            spade = getattr(self, f"spade{number}")
            setattr(self, f"spade{number}", spade.folded(guides, side))


class Sweep(nn.Module):
    """The broad part of a flow: a sum of fields, portrait i's own, by as many numbers that sum up the motion.

    A head at rest says nothing, so nothing moves then. Films of a portrait determine its fields at one blow, see
    `training.sweep`; the blocks are left with what is not linear.
    """

    fitted: Tensor

    def __init__(self, avatars: int, side: int) -> None:
        super().__init__()
        self.axes = nn.Linear(WORDS + 3 * CELLS**2, AXES, bias=False)
        self.maps = nn.Parameter(torch.zeros(avatars, AXES * 2, side, side))
        self.register_buffer("fitted", torch.zeros((), dtype=torch.uint8))

    def forward(
        self, words: Float[Tensor, "batch words"], sway: Float[Tensor, "batch 3 16 16"], avatar: Avatars
    ) -> Float[Tensor, "batch 2 drawn drawn"]:
        fields, side = self.maps[avatar], self.maps.shape[-1]
        numbers = self.axes(heard(words, sway))
        return torch.einsum("bk,bkn->bn", numbers, fields.reshape(-1, AXES, 2 * side**2)).view(-1, 2, side, side)


def heard(words: Float[Tensor, "batch words"], sway: Float[Tensor, "batch 3 16 16"]) -> Float[Tensor, "batch _"]:
    """All that is told of a motion, in a row; the sway's travel without whether to trust it, which is no motion."""
    return torch.cat([words, sway[:, :2].flatten(1) / 4, 0 * sway[:, 2:].flatten(1)], dim=1)


class Strokes(NamedTuple):
    """What the network says of a frame.

    Attributes:
        flow: from each place to where in the portrait its colour comes from, in half sides; (x, y).
        mask: how much of each pixel is painted over. colour: with what, in [-1, 1].
    """

    flow: Float[Tensor, "batch 2 drawn drawn"]
    mask: Float[Tensor, "batch 1 size size"]
    colour: Float[Tensor, "batch 3 size size"]


class Student(nn.Module):
    """How a driver moves -> one of the portraits it knows, moved.

    `faces` are thumbnails of these portraits, `names` their names in bytes, `pictures` themselves, `guides` what is
    where in them. `ranges` are those of its convolutions, for 8 bits, see `StudentEngine.ranges`; none if unknown.
    """

    ranges: Ranges
    faces: UInt8[Tensor, "avatars 24 24 3"]
    names: UInt8[Tensor, "avatars letters"]
    pictures: UInt8[Tensor, "avatars 3 kept kept"]
    guides: Float[Tensor, "avatars 26 side side"]

    def __init__(self, config: StudentConfig, *, avatars: int) -> None:
        super().__init__()
        self.config, self.ranges = config, {}
        if config.paint % config.drawn or config.kept % config.paint:
            raise ValueError(f"Blocks that end at {config.drawn} px paint no {config.paint} of {config.kept}.")
        wide, blocks, side = (config.blocks[0], *config.blocks), [], CELLS
        self.sense = nn.Conv2d(3, wide[0], 3, padding=1)
        self.listen = nn.Sequential(nn.Linear(WORDS, config.code), nn.ReLU(), nn.Linear(config.code, config.code))
        for number, up in enumerate(config.ups):
            side = 2 * side if up else side
            own = {"avatars": avatars, "side": min(side, config.side), "code": config.code}
            blocks.append(SpadeBlock(wide[number], wide[number + 1], up=up, **own))
        self.blocks = nn.ModuleList(blocks)
        self.fold = config.paint // config.drawn
        self.paint = nn.Conv2d(wide[-1], 4 * self.fold**2, 3, padding=1)
        self.lead = nn.Conv2d(wide[-1], 2, 3, padding=1)
        for layer in (self.paint, self.lead):
            nn.init.normal_(layer.weight, std=1e-3)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        self.sweep = Sweep(avatars, config.drawn)
        kept = config.kept if config.picture else 0
        self.register_buffer("faces", torch.zeros(avatars, FACE, FACE, 3, dtype=torch.uint8))
        self.register_buffer("names", torch.zeros(avatars, 64, dtype=torch.uint8))
        self.register_buffer("guides", torch.zeros(avatars, GUIDES, config.side, config.side))
        self.register_buffer("pictures", torch.zeros(avatars, 3, kept, kept, dtype=torch.uint8))

    def strokes(
        self, words: Float[Tensor, "batch words"], sway: Float[Tensor, "batch 3 16 16"], avatar: Avatars
    ) -> Strokes:
        """What to do with a portrait; both as `Performance.on` gives them."""
        code, guides, x = F.relu(self.listen(words)), self.guides[avatar], self.sense(sway)
        for block in self.blocks:
            x = block(x, code, avatar, guides)  # [B, 96, 16, 16], [B, 96, 16, 16], [B, 64, 32, 32], [B, 32, 64, 64]
        x = F.relu(x)
        # Smooth: the blocks enlarge by repeating, and a flow with steps in it gives outlines teeth.
        flow = REACH * F.avg_pool2d(self.lead(x), 3, stride=1, padding=1, count_include_pad=False)
        flow = flow + self.sweep(words, sway, avatar)
        painted = F.pixel_shuffle(self.paint(x), self.fold)
        mask = (painted[:, :1] + _SHY).sigmoid()
        return Strokes(flow, mask, painted[:, 1:].tanh())

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Each part for itself: training calls them apart."""
        for part in (self.sense, self.listen, *self.blocks, self.paint, self.lead):
            part.compile(*args, **kwargs)

    def forward(
        self, words: Float[Tensor, "batch words"], sway: Float[Tensor, "batch 3 16 16"], avatar: Avatars
    ) -> Float[Tensor, "batch 3 paint paint"]:
        """The portrait at `config.paint` px, in [-1, 1]."""
        return self.drawn(self.strokes(words, sway, avatar), avatar)

    def drawn(
        self, strokes: Strokes, avatar: Avatars, portraits: Tensor | None = None
    ) -> Float[Tensor, "batch 3 paint paint"]:
        """The portrait, once they are made; `portraits` where they are at hand."""
        if not self.config.picture:
            return strokes.colour.float()
        still = self.portraits(avatar) if portraits is None else portraits
        return torch.lerp(moved(still, strokes.flow.float()), strokes.colour.float(), strokes.mask.float())

    def portraits(self, avatar: Avatars) -> Float[Tensor, "batch 3 size size"]:
        """Themselves, in [-1, 1]."""
        return F.avg_pool2d(self.pictures[avatar].float(), self.config.kept // self.config.paint) / 127.5 - 1

    @torch.no_grad()
    def grown(self, more: int) -> "Student":
        """The same with `more` portraits, whose tensors begin as the mean of those known: to be taught alone."""
        student = Student(self.config, avatars=len(self.faces) + more)
        state = {}
        for name, value in self.state_dict().items():
            if name.endswith(".maps") or name in _OWN:
                begin = value.float().mean(dim=0, keepdim=True).to(value.dtype) * (name not in _OWN)
                value = torch.cat([value, begin.expand(more, *value.shape[1:])])
            state[name] = value
        student.load_state_dict(state)
        return student

    @torch.no_grad()
    def only(self, chosen: Sequence[int]) -> "Student":
        """The same with some of its portraits, numbered anew."""
        student = Student(self.config, avatars=len(chosen))
        state = {
            name: value[list(chosen)] if name.endswith(".maps") or name in _OWN else value
            for name, value in self.state_dict().items()
        }
        student.load_state_dict(state)
        return student

    @torch.no_grad()
    def alone(self, avatar: int) -> "Student":
        """The same with one portrait, everything folded that can be: twice as quick, and not to be taught any more."""
        student, side = self.only([avatar]).eval().requires_grad_(False), CELLS
        for block in student.blocks:
            assert isinstance(block, SpadeBlock)
            side = 2 * side if block.up else side
            block.fold(student.guides, side)
        return student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


_OWN = ("faces", "names", "pictures", "guides")


def moved(picture: Float[Tensor, "batch 3 size size"], flow: Float[Tensor, "batch 2 drawn drawn"]) -> Tensor:
    """The picture's pixels fetched from where the flow says, in half sides."""
    size = picture.shape[-1]
    middles = (2 * torch.arange(size, device=flow.device, dtype=flow.dtype) + 1) / size - 1
    y, x = torch.meshgrid(middles, middles, indexing="ij")
    places = F.interpolate(flow, size=(size, size), mode="bilinear", align_corners=False)
    grid = places.movedim(1, -1) + torch.stack([x, y], dim=-1)
    return F.grid_sample(picture, grid, padding_mode="border", align_corners=False)


def guide(
    picture: Float[Tensor, "1 3 size size"], points: Float[Tensor, "478 3"], *, side: int
) -> Float[Tensor, "26 side side"]:
    """What is where in a portrait: spots about some points of the face, places counted from the nose in eye distances,
    a spot about the whole face, and the picture itself, small. `points` in px of the picture.
    """
    size = picture.shape[-1]
    places = (points[:, :2] + 0.5) * (side / size) - 0.5
    across = torch.arange(side, dtype=torch.float32)
    here = torch.stack(torch.meshgrid(across, across, indexing="xy"), dim=-1)  # [side, side, (x, y)]
    apart = (places[468] - places[473]).norm().clamp_min(1e-3)
    off = (here[None] - places[list(_SIGHTS)][:, None, None]) / apart
    spots = (-8 * off.square().sum(dim=-1)).exp()
    home = (here - places[1]) / apart
    face = (-0.5 * home.square().sum(dim=-1)).exp()
    small = F.interpolate(picture, size=(side, side), mode="area")[0]
    return torch.cat([spots, home.movedim(-1, 0) / 3, face[None], small, torch.ones_like(face)[None]])


def thumbnail(picture: Float[Tensor, "1 3 size size"]) -> UInt8[Tensor, "24 24 3"]:
    """By which a portrait's crop, in [-1, 1], is known again."""
    small = F.interpolate(picture, size=(FACE, FACE), mode="area")[0].movedim(0, -1)
    return ((small.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def likeness(face: UInt8[Tensor, "24 24 3"], faces: UInt8[Tensor, "avatars FACE FACE 3"]) -> Float[Tensor, "avatars"]:
    """Correlation of a thumbnail with each of others, in [-1, 1]."""
    flat = torch.cat([face[None], faces]).flatten(1).float()
    flat = F.normalize(flat - flat.mean(dim=1, keepdim=True), dim=1)
    return flat[1:] @ flat[0]


def letters(name: str) -> UInt8[Tensor, "64"]:
    """A name in bytes, cut where it is too long."""
    raw = name.encode("utf-8")[:64]
    return torch.tensor(list(raw) + [0] * (64 - len(raw)), dtype=torch.uint8)


def word(raw: UInt8[Tensor, "letters"]) -> str:
    """The name that `letters` made bytes of."""
    return bytes(raw.tolist()).rstrip(b"\0").decode("utf-8", errors="ignore")
