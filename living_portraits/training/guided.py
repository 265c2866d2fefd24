"""The recipe of the guided engine: what the doll makes of one frame of a clip is repaired into the others."""

import zlib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from living_portraits.doll import Doll
from living_portraits.engine import Drive, Track
from living_portraits.engines.megaportraits.critic import Critic
from living_portraits.errors import OptionError
from living_portraits.geometry import LEFT_EYE, LIPS_INNER, RIGHT_EYE
from living_portraits.mending import view as views
from living_portraits.mending.net import REACH, SIDE, Repair, RepairConfig, RepairNet, carried, swayed
from living_portraits.nn import losses
from living_portraits.nn.identity import MobileFaceNet, identity_loss
from living_portraits.nn.perceptual import LPIPS
from living_portraits.training.contest import judged, persuaded
from living_portraits.training.recipe import Batch, Clip, Recipe, Source, TrainConfig
from living_portraits.training.start import start_from
from living_portraits.watching import watch

_UNEXPLAINED = 0.08  # of pictures in [-1, 1]: a flow that leaves as much is trusted by a third
_SWAYLESS = 8  # one clip in so many is posed by its points alone
_STEP = 16  # windows begin at multiples of it: the network halves four times
_WINDOWED = {
    "posed": 1,
    "drawing": 2,
    "stretch": 2,
    "places": 4,
    "carry": 4,
    "flow": 4,
    "trust": 4,
    "valid": 4,
}  # and by how much each is shrunk
_EXTRAS = {"posed": 3 * SIDE**2, "drawing": 3 * (SIDE // 2) ** 2, "stretch": (SIDE // 2) ** 2, "valid": 64**2}
_EXTRAS |= {"places": 4 * (SIDE // 4) ** 2, "found_places": 4 * (SIDE // 4) ** 2}
_EXTRAS |= {"source": 3 * (SIDE // 2) ** 2, "source_drawing": 3 * (SIDE // 2) ** 2}


@dataclass(frozen=True, kw_only=True)
class GuidedConfig(TrainConfig):
    """Pairs of frames that follow each other; windows of them, so that a CPU can do it.

    Attributes:
        widths, source_widths: see `RepairConfig`.
        window: side of the square that is looked at and learned from, px; as large as `size` on a GPU.
        mouth, eyes: how much more a pixel of the mouth and of the eyes counts.
        perceptual: weight of LPIPS (VGG16), on the last frame of each sample: it costs more than the network itself,
            and neighbours look alike.
        perceptual_shrink: look at `1 / perceptual_shrink` of the side, see `_looked_at`; 1 on a GPU.
        nudges: whether the network moves pixels, too. In use the driver's pictures say better where things go
            (`detail`, `sway`): what people who move themselves teach puts strangers' features into wrong places.
        temporal: weight of the difference of differences of the two frames.
        lead: weight of the nudge's distance from the optical flow between the doll's frame and the film's, px, where
            that flow explains the film: colours alone lead a nudge no farther than a pixel or two.
        shy: weight of the mask's mean: paint only where it serves. calm: of the nudge's unevenness, px.
        identity: weight of 1 - cosine of who the last frame and the film show. identity_net: MobileFaceNet's file. It
            takes a whole face, so whole frames.
        adversary, matching: weights of the hinge and of feature matching, on the last frame of each sample; 0: no
            critic. What is uncertain (teeth or tongue) is haze to every other loss.
        critic: its channels. critic_rate: how many times `lr` it learns at; spectral norms hold it back.
        adversary_from: the first step at which it is heard; until then it only learns.
        start: a snapshot or a shipped model file to start from, also of other widths: what does not fit begins anew.
        size, batch, frames, spacing, kinds, shares, colour, lr, ema: see `TrainConfig`.
    """

    widths: tuple[int, ...] = RepairConfig.widths
    source_widths: tuple[int, ...] = RepairConfig.source_widths
    window: int = SIDE
    mouth: float = 6.0
    eyes: float = 4.0
    perceptual: float = 0.6
    perceptual_shrink: int = 1
    nudges: bool = False
    temporal: float = 0.5
    lead: float = 0.3
    shy: float = 0.0
    calm: float = 0.02
    identity: float = 0.0
    identity_net: str = ""
    adversary: float = 0.0
    matching: float = 2.0
    critic: int = 32
    critic_rate: float = 5.0
    adversary_from: int = 300
    start: str = ""
    size: int = SIDE
    batch: int = 4
    frames: int = 2
    spacing: Literal["far", "random", "next"] = "next"
    kinds: tuple[str, ...] = ("video", "edits", "pseudo")
    shares: tuple[float, ...] = (0.65, 0.2, 0.15)
    colour: float = 0.15
    lr: float = 3e-4
    ema: float = 0.998


class Guided(Recipe):
    """A `RepairNet` that mends the doll of one frame of a clip, posed as the others."""

    title = "a small network that repairs the posed doll"
    coloured = ("posed", "source")
    Config = GuidedConfig

    def __init__(self, config: GuidedConfig, *, identities: int = 1) -> None:
        super().__init__(config, identities=identities)
        if config.size != SIDE:
            raise OptionError(f"The guided recipe learns at size {SIDE}, not {config.size}.")
        if config.window % _STEP or not 4 * _STEP <= config.window <= SIDE:
            raise OptionError(f"window is a multiple of {_STEP} from {4 * _STEP} to {SIDE}, not {config.window}.")
        if config.identity and (config.window != SIDE or not config.identity_net):
            raise OptionError(f"identity takes identity_net, a MobileFaceNet's file, and window={SIDE}: a whole face.")
        a, b, c, d = config.widths
        self.net = RepairNet(RepairConfig(widths=(a, b, c, d), source_widths=config.source_widths))
        if config.start:
            start_from(self.net, Path(config.start), name="net")
        if not config.nudges:
            for parameter in self.net.nudge.parameters():
                nn.init.zeros_(parameter)
                parameter.requires_grad_(False)
        self.lpips = LPIPS.load("vgg16") if config.perceptual else None
        self.face = MobileFaceNet.read(Path(config.identity_net)) if config.identity else None
        self.critic = Critic(width=config.critic) if config.adversary else None

    def networks(self) -> dict[str, nn.Module]:
        return {"net": self.net} | ({"critic": self.critic} if self.critic is not None else {})

    def snapshot(self) -> tuple[str, ...]:
        return ("net",)

    def optimiser(self, name: str) -> torch.optim.Optimizer:
        """Without an adversary, momentum may be long."""
        momentum = 0.9 if self.critic is None else 0.5
        rate = self.config.lr * (self.config.critic_rate if name == "critic" else 1.0)
        return torch.optim.Adam(self.networks()[name].parameters(), lr=rate, betas=(momentum, 0.999))

    def extra(self, source: Source, clip: Clip, track: Track) -> dict[str, np.ndarray]:
        """One frame's doll, posed as every frame of the clip, as the network sees it."""
        draw = zlib.crc32(clip.id.encode())
        start = 0 if clip.kind != "video" else draw % len(track)
        doll = Doll.of(track.crops[start], track.points[start], mended=True)
        # A driver may be a motion file, which holds no pictures: some clips teach to do without them.
        told = replace(track, crops=()) if draw % _SWAYLESS == 0 else track
        motion, moves = watch(told, Drive(neutral=start))
        fields = [None] * len(track) if moves is None else moves
        seen = [views.view(*doll.pose(motion, number, field)) for number, field in enumerate(fields)]
        first = views.drawing(track.points[start], size=SIDE)
        found = [views.found_places(one.posed, crop) for one, crop in zip(seen, track.crops, strict=True)]
        return {
            "posed": np.stack([one.posed for one in seen]),
            "drawing": np.stack([one.drawing for one in seen]),
            "stretch": np.stack([one.stretch for one in seen]),
            "places": np.stack([one.places for one in seen]),
            "found_places": np.stack(found),
            "valid": source.valid(clip)[..., None],
            "source": np.repeat(views.shrunk(track.crops[start], SIDE // 2)[None], len(track), axis=0),
            "source_drawing": np.repeat(first[None], len(track), axis=0),
        }

    def extra_bytes(self) -> int:
        return sum(_EXTRAS.values())

    def step(self, batch: Batch) -> dict[str, Tensor]:
        config = self.config
        seen, truth, corners = self._lesson(batch)
        repair, output = self._repaired(seen)
        valid = F.interpolate(seen["valid"], size=output.shape[-2:], mode="bilinear", align_corners=False)
        truth = torch.lerp(output.detach(), truth, (valid > 0.8).float())  # what was made up there teaches nothing
        change = (output - truth).reshape(len(batch.frames), config.frames, *output.shape[1:])
        found = {
            "net/l1": losses.l1(output, truth, _cut(self._weight(batch), corners, config.window)),
            "net/shy": config.shy * repair.mask.mean(),
        }
        if config.nudges:
            found["net/lead"] = config.lead * (_far(repair.nudge - seen["flow"]) * seen["trust"]).mean()
            found["net/calm"] = config.calm * _unevenness(repair.nudge)
        if config.frames > 1:
            found["net/temporal"] = config.temporal * (change[:, 1:] - change[:, :-1]).abs().mean()
        last = slice(config.frames - 1, None, config.frames)
        if self.face is not None:
            found["net/identity"] = config.identity * identity_loss(
                self.face, output[last], truth[last], batch.points[:, -1]
            )
        if self.lpips is not None:
            pair = _looked_at(output[last], truth[last], config.perceptual_shrink)
            found["net/lpips"] = config.perceptual * self.lpips(*pair).mean()
        if self.critic is not None:
            found |= self._contest(self.critic, output[last], truth[last])
        return found

    def _contest(self, critic: Critic, output: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """Hinge and feature matching, and the critic's own lesson."""
        if self.net.training:
            critic.taken += 1
        found = {"critic/hinge": judged(critic, truth, output)}
        if int(critic.taken) >= self.config.adversary_from:
            for name, value in persuaded(critic, truth, output).items():
                found[f"net/{name}"] = getattr(self.config, name) * value
        return found

    def pictures(self, batch: Batch) -> list[Float[Tensor, "batch 3 height width"]]:
        """Source's doll, its drawing, repaired, truth, mask."""
        last = _informed({name: values[:, -1] for name, values in batch.extra.items()}, batch.frames[:, -1])
        repair, output = self._repaired(last)
        drawing = F.interpolate(last["drawing"], size=(SIDE, SIDE))
        mask = 2 * repair.mask.expand(-1, 3, -1, -1) - 1
        return [last["posed"], drawing, output.clamp(-1, 1), batch.frames[:, -1], mask]

    def _repaired(self, seen: dict[str, Tensor]) -> tuple[Repair, Tensor]:
        """The doll's frames (or windows of them) repaired, not clipped, in single precision."""
        features = self.net.encode(seen["source"], seen["source_drawing"])
        told = (seen[name] for name in ("posed", "drawing", "stretch", "places", "carry", "sway"))
        repair = self.net(*told, features)
        repair = Repair(*(getattr(repair, each.name).float() for each in fields(repair)))
        return repair, repair.apply(seen["posed"])

    def _lesson(self, batch: Batch) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """What the network sees, what it should make of it, and the corner of each window, all of length B F."""
        config, count = self.config, self.config.frames
        corners = self._corners(batch).repeat_interleave(count, dim=0)
        truth = batch.frames.flatten(0, 1)
        seen = _informed({name: values.flatten(0, 1) for name, values in batch.extra.items()}, truth)
        for name, shrink in _WINDOWED.items():
            seen[name] = _cut(seen[name], corners // shrink, config.window // shrink)
        return seen, _cut(truth, corners, config.window), corners

    def _corners(self, batch: Batch) -> Int64[Tensor, "batch 2"]:
        """Upper left corners (x, y) of windows, one a sample: about the mouth, an eye, or anywhere."""
        room, points = SIDE - self.config.window, batch.points[:, 0, :, :2]
        centres = torch.stack([points[:, list(ring)].mean(dim=1) for ring in (LIPS_INNER, LEFT_EYE, RIGHT_EYE)], dim=1)
        anywhere = torch.rand_like(centres[:, :1]) * SIDE
        choices = torch.cat([centres, centres[:, :1], anywhere, anywhere], dim=1)  # the mouth twice
        pick = torch.randint(choices.shape[1], (len(points),), device=points.device)
        centre = choices[torch.arange(len(points), device=points.device), pick]
        corner = centre + (torch.rand_like(centre) - 0.5) * self.config.window / 2 - self.config.window / 2
        return ((corner / _STEP).round() * _STEP).clamp(0, room).long()

    def _weight(self, batch: Batch) -> Float[Tensor, "batch 1 256 256"]:
        points = batch.points.flatten(0, 1)
        mouth, eyes = losses.mouth_weight(points, size=SIDE), losses.eye_weight(points, size=SIDE)
        return 1 + self.config.mouth * mouth + self.config.eyes * eyes


def _informed(seen: dict[str, Tensor], truth: Float[Tensor, "batch 3 256 256"]) -> dict[str, Tensor]:
    """With what follows from whole frames: carry, sway, and the flow that leads the nudge with how far to trust it."""
    carry, valid, found = carried(seen["places"]), seen["valid"] / 2 + 0.5, seen["found_places"]
    small = F.avg_pool2d(truth, 4), F.avg_pool2d(seen["posed"], 4)
    led = F.grid_sample(small[1], found.movedim(1, -1), padding_mode="border", align_corners=False)
    unexplained = (led - small[0]).abs().mean(dim=1, keepdim=True)
    flow = -REACH * carried(found)
    trust = (valid > 0.8) * torch.exp(-unexplained / _UNEXPLAINED)
    return seen | {
        "carry": carry,
        "sway": swayed(carry),
        "valid": valid,
        "flow": flow.clamp(-REACH, REACH),
        "trust": trust,
    }


def _cut(
    pictures: Float[Tensor, "batch channels rows columns"], corners: Int64[Tensor, "batch 2"], side: int
) -> Float[Tensor, "batch channels side side"]:
    """A square of each picture, its upper left corner (x, y) given."""
    if side == pictures.shape[-1]:
        return pictures
    across = torch.arange(side, device=pictures.device)
    columns, rows = (corners[:, axis, None] + across for axis in range(2))
    which = torch.arange(len(pictures), device=pictures.device)[:, None, None]
    return pictures[which, :, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)


def _looked_at(output: Tensor, truth: Tensor, shrink: int) -> tuple[Tensor, Tensor]:
    """Pictures for the perceptual loss at `1 / shrink` of their side: the whole shrunk, or a part as it is, by turns.

    The whole shows what is in the wrong place, the part whether it is sharp: shrunk pictures alone let grain be lost.
    """
    if shrink == 1:
        return output, truth
    if torch.rand(()) < 0.5:
        return F.avg_pool2d(output, shrink), F.avg_pool2d(truth, shrink)
    side = output.shape[-1] // shrink
    x, y = (int(torch.randint(output.shape[-1] - side + 1, ())) for _ in range(2))
    part = (..., slice(y, y + side), slice(x, x + side))
    return output[part], truth[part]


def _far(flow: Float[Tensor, "batch 2 rows columns"]) -> Float[Tensor, "batch 2 rows columns"]:
    """Distances in px, those under one px counting less (Charbonnier's function): their mean rather than their median
    is learned, and the median of what mostly stands still is no motion."""
    return (flow.square() + 1).sqrt() - 1


def _unevenness(field: Float[Tensor, "batch 2 rows columns"]) -> Float[Tensor, ""]:
    """Mean absolute difference of neighbours."""
    return field.diff(dim=-1).abs().mean() + field.diff(dim=-2).abs().mean()
