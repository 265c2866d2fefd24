"""Distils MegaPortraits' student: recipe `student`.

The teacher, any engine, moves the portraits with motion from all film there is; the student learns to draw what it
drew. Cross-driving only, as in the paper: no portrait ever drives itself (MP, section 3.4).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from living_portraits.engine import Track
from living_portraits.engines.megaportraits.critic import Critic
from living_portraits.engines.megaportraits.student import (
    Student,
    StudentConfig,
    guide,
    letters,
    likeness,
    thumbnail,
)
from living_portraits.engines.megaportraits.student_engine import ALIKE, read_student
from living_portraits.engines.megaportraits.student_motion import WORDS
from living_portraits.errors import OptionError
from living_portraits.geometry import LIPS_OUTER
from living_portraits.nn import losses
from living_portraits.nn.perceptual import LPIPS
from living_portraits.nn.pixels import to_tensor
from living_portraits.sway import CELLS
from living_portraits.training.contest import judged, persuaded
from living_portraits.training.drivers import BUNDLED, Drivers
from living_portraits.training.films import SIDE, Films, Portrait, gather, teacher, version
from living_portraits.training.recipe import Batch, Clip, Recipe, Source, TrainConfig
from living_portraits.training.source import choose
from living_portraits.training.sweep import fit

Pictures = Float[Tensor, "batch 3 size size"]
Numbers = Int64[Tensor, "batch"]

_UNEXPLAINED = 0.08  # of pictures in [-1, 1]: a flow that leaves as much is trusted by a third
_STEP = 8  # windows begin at multiples of it
_JAW = 0.35  # of a mouth's width: how far below a shut mouth an open one's middle lies
_SWAYLESS = 0.1  # of the samples: a driver may be a motion file, which has no pictures


@dataclass(frozen=True, kw_only=True)
class StudentTrainConfig(TrainConfig):
    """Settings for a few portraits and one processor; `size` is the side at which a driver's sway is read.

    Attributes:
        teacher: an engine, or the snapshot of a megaportraits run.
        avatars: folder of portraits, each a picture; empty: those that come with the package.
        begin: file of a student that these portraits are added to; they alone are learned then. One that it knows
            already is learned on.
        films: folder where the teacher's films are kept for another run; empty: nowhere.
        clip_frames, bundled_frames: of each clip of the dataset and of each bundled driver, at most.
        blocks, ups, code, picture, paint, kept: see `StudentConfig`.
        l1, mouth, eyes: of pixels, and how much more one of the portrait's mouth and eyes counts. With `l1` and
            `perceptual` 0 nothing is drawn: quick, to begin with.
        lead: of the flow's distance from the optical flow between portrait and target, px, where that explains the
            target: colours alone lead a flow no farther than a pixel or two.
        perceptual: of LPIPS (AlexNet), on windows of `window` px.
        shy: of the mask's mean: paint only where it serves. calm: of the flow's unevenness, px.
        adversary, matching, critic, critic_scales: as in `megaportraits` (MP 1, 40, 64, 4); 0: no adversary.
    """

    teacher: str = "guided"
    avatars: str = ""
    begin: str = ""
    films: str = ""
    clip_frames: int = 12
    bundled_frames: int = 64
    blocks: tuple[int, ...] = StudentConfig.blocks
    ups: tuple[bool, ...] = StudentConfig.ups
    code: int = StudentConfig.code
    picture: bool = True
    paint: int = SIDE
    kept: int = StudentConfig.kept
    l1: float = 10.0
    mouth: float = 10.0
    eyes: float = 10.0
    lead: float = 0.5
    perceptual: float = 2.0
    window: int = 128
    shy: float = 0.002
    calm: float = 0.02
    adversary: float = 0.0
    matching: float = 40.0
    critic: int = 64
    critic_scales: int = 4
    size: int = 128
    batch: int = 8
    frames: int = 1
    spacing: Literal["far", "random", "next"] = "random"
    kinds: tuple[str, ...] = ("video", BUNDLED, "edits", "pseudo", "pair")
    shares: tuple[float, ...] = (0.55, 0.15, 0.1, 0.15, 0.05)
    flip: bool = False
    colour: float = 0.0
    lr: float = 1e-3
    ema: float = 0.998


class Distillation(Recipe):
    """Each sample is a driver's motion, and what the teacher makes of it."""

    title = "a small network that learns a few portraits from another engine"
    Config = StudentTrainConfig
    weight: Tensor
    still: Tensor
    small: Tensor

    def __init__(self, config: StudentTrainConfig, *, identities: int = 1) -> None:
        super().__init__(config, identities=identities)
        if config.flip or config.colour:
            raise OptionError("The recipe student learns from films that were made before: flip and colour stay off.")
        portraits = gather(config.avatars, size=config.kept)
        folder = Path(config.films) if config.films else None
        self.cast = Films(teacher(config.teacher), portraits, version=version(config.teacher), folder=folder)
        if config.begin:
            self.student, self.known = _joined(config, portraits)
            self.student.requires_grad_(False)
            for name, value in self.student.named_parameters():
                value.requires_grad_(name.endswith("spade1.maps") or name.endswith("spade2.maps"))
        else:
            self.known, self.student = 0, Student(StudentConfig.of(vars(config)), avatars=len(portraits))
        self.student.sweep.requires_grad_(False)  # found at one blow, see `sweep.fit`
        self._seen: dict[str, dict[str, np.ndarray]] = {}
        self._swept = False
        self._seat(portraits)
        self.critic = Critic(width=config.critic, scales=config.critic_scales) if config.adversary else None
        self.lpips = LPIPS.load("alexnet") if config.perceptual else None
        self.register_buffer("weight", self._weight(self.cast.portraits), persistent=False)
        still = to_tensor([portrait.sized(config.paint).crop for portrait in portraits])
        self.register_buffer("still", still, persistent=False)
        self.register_buffer("small", _sized(still, SIDE // 4), persistent=False)

    @classmethod
    def source(cls, dataset: Source, config: StudentTrainConfig) -> Source:
        """With the bundled drivers, and of each clip a few frames that differ."""
        try:
            said = choose(dataset, split="train", config=config)[0].size
        except OptionError:  # the bundled drivers are all there is
            said = None
        return Drivers(
            dataset, frames=config.clip_frames, bundled=config.bundled_frames, side=config.size, said=said,
            folder=Path(config.films) if config.films else None,
        )  # fmt: skip

    def _seat(self, portraits: list[Portrait]) -> None:
        """Gives the student the portraits' looks and names."""
        student = self.student
        for number, portrait in enumerate(portraits, self.known):
            picture = to_tensor([portrait.crop])
            student.faces[number], student.names[number] = thumbnail(picture), letters(portrait.name)
            points = torch.from_numpy(portrait.points)
            student.guides[number] = guide(picture, points, side=student.config.side)
            if student.config.picture:
                student.pictures[number] = torch.from_numpy(portrait.crop).movedim(-1, 0)

    def _weight(self, portraits: list[Portrait]) -> Float[Tensor, "avatars 1 side side"]:
        """What each pixel counts: mouths, as far as they open, and eyes most."""
        points = torch.from_numpy(np.stack([portrait.points for portrait in portraits]))
        lips = points[:, list(LIPS_OUTER), 0]
        opened = points.clone()
        opened[..., 1] += _JAW * (lips.amax(dim=1) - lips.amin(dim=1))[:, None]
        mouth = torch.maximum(*(losses.mouth_weight(each, size=SIDE) for each in (points, opened)))
        return 1 + self.config.mouth * mouth + self.config.eyes * losses.eye_weight(points, size=SIDE)

    def networks(self) -> dict[str, nn.Module]:
        return {"student": self.student} | ({"critic": self.critic} if self.critic is not None else {})

    def snapshot(self) -> tuple[str, ...]:
        return ("student",)

    def optimiser(self, name: str) -> torch.optim.Optimizer:
        """Without an adversary, momentum may be long."""
        momentum = 0.5 if self.critic is not None else 0.9
        return torch.optim.Adam(
            self.networks()[name].parameters(), lr=self.config.lr, betas=(momentum, 0.999), fused=True
        )

    def extra(self, source: Source, clip: Clip, track: Track) -> dict[str, np.ndarray]:
        """The teacher's film, see `Films.of`."""
        made = self.cast.of(track, clip.id)
        unswept = not self._swept and (bool(self.config.begin) or not self.student.sweep.fitted)
        if clip.split == "train" and self.student.config.picture and unswept:
            self._seen[clip.id] = {name: made[name] for name in ("avatar", "words", "sway", "places")}
        return made

    def extra_bytes(self) -> int:
        return 3 * SIDE**2 + 4 * (SIDE // 4) ** 2 + 2 * (WORDS + 1 + 3 * CELLS**2)

    def gathered(self) -> None:
        """Finds the broad part of the flow, once."""
        if self._seen:
            fit(self.student, [self._seen[clip] for clip in sorted(self._seen)], first=self.known)
            self._seen.clear()
            self._swept = True

    def step(self, batch: Batch) -> dict[str, Tensor]:
        config, seen = self.config, {name: values[:, 0] for name, values in batch.extra.items()}
        number = seen["avatar"].flatten().long()
        if config.begin:
            _hold_norms(self.student)
        sway = seen["sway"]
        if self.student.training:
            sway = sway * (torch.rand(len(sway), 1, 1, 1, device=sway.device) >= _SWAYLESS)
        strokes = self.student.strokes(seen["words"].flatten(1), sway, number + self.known)
        target, found = seen["target"], dict[str, Tensor]()
        if self.student.config.picture:
            flow, trust = self._led(seen, number)
            found["student/lead"] = config.lead * (_far(strokes.flow, flow) * trust).mean()
            found["student/shy"] = config.shy * strokes.mask.mean()
            found["student/calm"] = config.calm * _unevenness(strokes.flow)
        if config.l1 or self.lpips is not None or self.critic is not None:
            found |= self._compared(
                self.student.drawn(strokes, number + self.known, self.still[number]), target, number
            )
        return found

    def _compared(self, output: Pictures, target: Pictures, number: Numbers) -> dict[str, Tensor]:
        """Losses on pictures."""
        config, target = self.config, _sized(target, self.config.paint)
        weight = _sized(self.weight[number], config.paint)
        found = {"student/l1": config.l1 * losses.l1(output, target, weight)}
        if self.lpips is not None:
            corners = self._corners(number)
            pair = (_cut(picture, corners, config.window) for picture in (output, target))
            found["student/lpips"] = config.perceptual * self.lpips(*pair).mean()
        return found | (self._contest(output, target) if self.critic is not None else {})

    def _led(self, seen: dict[str, Tensor], number: Numbers) -> tuple[Tensor, Tensor]:
        """The flow that was found between a portrait and its target, in half sides, and how far to trust it."""
        places, target = seen["places"], seen["target"]
        side = places.shape[-1]
        still = self.small[number]
        led = F.grid_sample(still, places.movedim(1, -1), padding_mode="border", align_corners=False)
        missed = (led - F.interpolate(target, size=(side, side), mode="area")).abs().mean(dim=1, keepdim=True)
        middles = (2 * torch.arange(side, device=places.device) + 1) / side - 1
        y, x = torch.meshgrid(middles, middles, indexing="ij")
        return places - torch.stack([x, y]), torch.exp(-missed / _UNEXPLAINED)

    def _corners(self, number: Numbers) -> Int64[Tensor, "batch 2"]:
        """Upper left corners (x, y) of windows: about what counts most, or anywhere."""
        room = self.config.paint - self.config.window
        weight = _sized(self.weight[number], self.config.paint)[:, 0].flatten(1) - 1
        middle = torch.multinomial(weight + 0.3, 1)[:, 0]
        centre = torch.stack([middle % self.config.paint, middle // self.config.paint], dim=1)
        return ((centre - self.config.window // 2) // _STEP * _STEP).clamp(0, room)

    def _contest(self, output: Pictures, target: Pictures) -> dict[str, Tensor]:
        """Student and adversary as in `megaportraits`; the teacher's pictures are the real ones."""
        assert self.critic is not None
        if self.student.training:
            self.critic.taken += 1
        terms = persuaded(self.critic, target, output)
        found = {f"student/{name}": getattr(self.config, name) * value for name, value in terms.items()}
        return found | {"critic/hinge": judged(self.critic, target, output)}

    def pictures(self, batch: Batch) -> list[Float[Tensor, "batch 3 height width"]]:
        """The driver, what the teacher and what the student makes of it, and where that is painted."""
        seen = {name: values[:, 0] for name, values in batch.extra.items()}
        number = seen["avatar"].flatten().long() + self.known
        strokes = self.student.strokes(seen["words"].flatten(1), seen["sway"], number)
        columns = [batch.frames[:, 0], seen["target"], self.student.drawn(strokes, number)]
        columns.append(2 * strokes.mask.expand(-1, 3, -1, -1) - 1)
        return [F.interpolate(column, size=(SIDE, SIDE), mode="bilinear") for column in columns]


def bare(config: Mapping[str, Any]) -> dict[str, Any]:
    """Of a snapshot's config what an engine needs: no paths of whoever trained it."""
    train = config["train"]
    kept = (*(each.name for each in fields(StudentConfig)), "teacher", "size")
    told = {name: train[name] for name in kept if name in train}
    told["teacher"] = Path(str(told.get("teacher", ""))).name
    return {"recipe": config["recipe"], "step": config.get("step", 0), "train": told}


def _joined(config: StudentTrainConfig, portraits: list[Portrait]) -> tuple[Student, int]:
    """The student that `config.begin` holds with the portraits as its last, and how many others it knows.

    Raises OptionError where the config would have it of another shape, WeightsError as `read_student`.
    """
    known, wanted = read_student(Path(config.begin)), StudentConfig.of(vars(config))
    for name in (each.name for each in fields(StudentConfig)):
        if getattr(wanted, name) != (there := getattr(known.config, name)):
            raise OptionError(f"The student {config.begin} was made with {name}={there}: leave that setting as it is.")
    own, total = [], len(known.faces)
    for number, portrait in enumerate(portraits, total):
        alike = likeness(thumbnail(to_tensor([portrait.crop])), known.faces)
        # Not there a second time: the engine would go on showing what was learned first.
        own.append(int(alike.argmax()) if float(alike.max()) >= ALIKE else number)
    others = [number for number in range(total) if number not in own]
    return known.grown(len(portraits)).only([*others, *own]), len(others)


def _hold_norms(student: Student) -> None:
    """Norms as they were learned: a few more portraits are no reason to change the others."""
    for layer in student.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eval()


def _sized(pictures: Tensor, side: int) -> Tensor:
    return pictures if pictures.shape[-1] == side else F.interpolate(pictures, size=(side, side), mode="area")


def _cut(pictures: Tensor, corners: Int64[Tensor, "batch 2"], side: int) -> Tensor:
    """A square of each picture, its upper left corner (x, y) given."""
    windows = [one[:, y : y + side, x : x + side] for one, (x, y) in zip(pictures, corners.tolist(), strict=True)]
    return torch.stack(windows)


def _far(flow: Tensor, found: Tensor) -> Tensor:
    """Distances in px of `SIDE`, those under one px counting less (Charbonnier's function)."""
    off = (_sized(flow, found.shape[-1]) - found) * (SIDE / 2)
    return (off.square().sum(dim=1, keepdim=True) + 1).sqrt() - 1


def _unevenness(flow: Tensor) -> Float[Tensor, ""]:
    """Mean absolute difference of neighbours, px of `SIDE`."""
    return (flow.diff(dim=-1).abs().mean() + flow.diff(dim=-2).abs().mean()) * (SIDE / 2)
