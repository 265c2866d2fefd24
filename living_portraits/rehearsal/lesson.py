"""How one dancer is taught: a stage each for the body at half size, the body at full size, and the face.

EDN = Chan et al. 2019 (arXiv 1808.07371), section 4; pix2pixHD = Wang et al. 2018 (arXiv 1711.11585).

    body   min_G  sum_k L_smooth(G, D_k) + l_FM sum_k L_FM(G, D_k) + l_P (L_P(G(x_{t-1}), y_{t-1}) + L_P(G(x_t), y_t))
    face   min_Gf L_face(G_f, D_f) + l_FM L_FM + l_P L_P(r + G(x)_F, y_F),   G frozen

with D judging two frames in a row. Three terms are not in the papers, for little film and little time: L1 (the
person's pixels counting more), the matte's distance to what differs from the empty stage, and frames that come after
several of the network's own instead of always the first two.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from living_portraits import skeleton
from living_portraits.engines.dance import body_window, face_window, repertoire
from living_portraits.engines.dance.body_window import Window
from living_portraits.engines.dance.dancer import Dancer
from living_portraits.engines.dance.engine import paint
from living_portraits.engines.dance.networks import FaceResidual, Generator, Painted, Shape
from living_portraits.nn import losses
from living_portraits.nn.perceptual import LPIPS, VGG19Loss
from living_portraits.nn.pixels import to_tensor
from living_portraits.nn.precision import bfloat16_is_fast
from living_portraits.rehearsal.critic import Critic, in_time
from living_portraits.rehearsal.footage import Footage
from living_portraits.skeleton import draw_skeleton, mirrored

Stage = Literal["half", "full", "face"]
STAGES: tuple[Stage, ...] = ("half", "full", "face")

_CERTAIN, _SAME = 0.15, 0.04  # change from the empty stage, of a range of 2: surely the person, surely not
_SHRUNK, _WINDOW = 2, 4
"""The perceptual loss sees a picture shrunk by the first, or sharply a window of its side divided by the other."""
_LOOK = 128  # px; smaller ones are enlarged: at their own size AlexNet overlooks a chequerboard of single pixels
_DETAILS = (*skeleton.FACE, *skeleton.LEFT_HAND, *skeleton.RIGHT_HAND, *range(27, skeleton.COUNT))
_DETAIL_REACH = 1 / 36  # of the picture's side: how far about a point of face, hand or foot the detail goes
_FACES, _RECENT = 8, 256  # faces that a step learns from; of how many that were painted last


@dataclass(frozen=True, kw_only=True)
class DanceConfig:
    """How a dancer is taught.

    Attributes:
        minutes: at most. steps: at most; both are shared out over the stages.
        half, full: shares of the time for the body at half and at full size; the rest is for the face.
        critic_from: share of the stage at full size from which the critics judge: before, there is nothing to judge.
        lr: of all networks; falls in a straight line to a tenth over the second half of each stage.
        batch: pairs of frames a step at full size; twice as many at half size, and eight faces for each.
        own: share of pairs that come after some of the network's own frames; others follow a real one, or none.
        stale: share of previous frames that are shifted: where they show an arm is no place to paint one again, or
            arms leave ghosts behind in long films.
        pixels, look, features, adversary, matte: weights of the terms (EDN has 10 for features, next to others of
            another scale); face_scale: that of the face's critic (EDN).
        person, detail: how much more a pixel of the person counts in L1, and one about face, hands or feet.
        shift, zoom: augmentation, of the side; mirror: mirrored too (for people whose sides look alike).
        critic_width: channels of its first layer.
        check_seconds, patience: look at the held-out end as often; end a stage after so many looks without a better.
        bfloat16: where that is fast. Off where figures must come out alike on every machine.
        seed: of what is drawn.
    """

    minutes: float = 20.0
    steps: int = 20_000
    half: float = 0.25
    full: float = 0.6
    critic_from: float = 0.35
    lr: float = 3e-4
    batch: int = 1
    own: float = 0.5
    stale: float = 0.4
    pixels: float = 10.0
    look: float = 1.0
    features: float = 1.0
    adversary: float = 1.0
    matte: float = 2.0
    person: float = 4.0
    detail: float = 16.0
    face_scale: float = 0.5
    shift: float = 0.06
    zoom: float = 0.08
    mirror: bool = False
    critic_width: int = 32
    check_seconds: float = 45.0
    patience: int = 8
    bfloat16: bool = True
    seed: int = 0


class Scene(NamedTuple):
    """Frames in a row, first to last, in a batch; all moved and scaled alike within a row, and seen in one window.

    Attributes:
        drawings, frames: `[count, batch, 3, height, width]` in [-1, 1]; points: `[count, batch, 33, 3]`, px of them.
        plate: `[batch, 3, height, width]`.
    """

    drawings: Float[Tensor, "count batch 3 height width"]
    frames: Float[Tensor, "count batch 3 height width"]
    points: Float[Tensor, "count batch 33 3"]
    plate: Float[Tensor, "batch 3 height width"]

    def cut(self, windows: Sequence[Window]) -> "Scene":
        """What these windows, one a row and of one size, show."""

        def part(pictures: Float[Tensor, "*count batch 3 size size"]) -> Float[Tensor, "*count batch 3 height width"]:
            each = zip(windows, pictures.unbind(dim=-4), strict=True)
            return torch.stack([window.cut(picture) for window, picture in each], dim=-4)

        corners = self.points.new_tensor([[window.left, window.top, 0.0] for window in windows])
        return Scene(part(self.drawings), part(self.frames), self.points - corners[:, None], part(self.plate))


class _Face(NamedTuple):
    """A window about a face: the pose, what the body's generator made of it and its matte, and the film."""

    drawing: Float[Tensor, "1 3 side side"]
    body: Float[Tensor, "1 3 side side"]
    matte: Float[Tensor, "1 1 side side"]
    target: Float[Tensor, "1 3 side side"]


class Lesson:
    """The networks of one dancer, and how they take a step.

    Args:
        footage: the target clip. shape: sizes of the networks; the share of the face's window is found here.
        look: a perceptual loss; None where its weight is 0.
    """

    def __init__(
        self, footage: Footage, shape: Shape, config: DanceConfig, *, look: nn.Module | None, device: str = "cpu"
    ) -> None:
        torch.manual_seed(config.seed)
        self.footage, self.config, self.device = footage, config, device
        self.random = np.random.default_rng(config.seed)
        self.look = look.to(device) if look is not None else None
        shape = replace(shape, face_share=face_window.fitting(footage.taught_points, size=footage.size))
        self.generator, self.face = Generator(shape), FaceResidual(shape)
        self.critic = Critic(12 if shape.temporal else 6, width=config.critic_width)
        self.face_critic = Critic(6, width=config.critic_width, scales=1)
        self._faces: deque[_Face] = deque(maxlen=_RECENT)
        self.networks: dict[str, nn.Module] = {
            "generator": self.generator, "face": self.face, "critic": self.critic, "face_critic": self.face_critic,
        }  # fmt: skip
        for net in self.networks.values():
            net.to(device)
        self.optimisers = {
            name: torch.optim.Adam(net.parameters(), lr=config.lr, betas=(0.5, 0.999))
            for name, net in self.networks.items()
        }

    # --- steps --------------------------------------------------------------------------------------------------------

    def step(self, stage: Stage, *, judged: bool, rate: float) -> dict[str, float]:
        """One step of this stage at `rate` times the learning rate; the weighted losses."""
        for optimiser in self.optimisers.values():
            optimiser.param_groups[0]["lr"] = self.config.lr * rate
        place = torch.device(self.device)
        half = self.config.bfloat16 and bfloat16_is_fast(place)
        # No cache of weights in half precision: critics and generators learn within the step.
        with torch.autocast(place.type, dtype=torch.bfloat16, enabled=half, cache_enabled=False):
            found = {"half": self._half, "full": self._full, "face": self._face}[stage](judged)
        return {name: float(value.detach()) for name, value in found.items()}

    def _half(self, judged: bool) -> dict[str, Tensor]:
        scene = self._scene(2 * self.config.batch)
        previous = self._previous(scene, half=True)
        small = [_halved(frames) for frames in scene.frames[-2:]]
        found: dict[str, Tensor] = {}
        for number, target in zip((-2, -1), small, strict=True):
            painted = self.generator.sketch(scene.drawings[number], previous, scene.plate)
            weight = _halved(self._detail(scene, number))
            _add(found, self._content(painted, target, _halved(scene.plate), weight, 1.0))
            if self.generator.shape.temporal:
                previous = F.interpolate(painted.frame, scale_factor=2.0, mode="bilinear")
        self._learn("generator", found)
        return found

    def _full(self, judged: bool) -> dict[str, Tensor]:
        scene = self._scene(self.config.batch)
        previous = self._previous(scene)
        outputs, found = [], dict[str, Tensor]()
        place = self._place(scene)
        for number in (-2, -1):
            painted = self.generator(scene.drawings[number], previous, scene.plate)
            weight = self._detail(scene, number)
            _add(found, self._content(painted, scene.frames[number], scene.plate, weight, place))
            outputs.append(painted.frame)
            if self.generator.shape.temporal:
                previous = painted.frame
        if judged:
            drawings, frames = list(scene.drawings[-2:]), list(scene.frames[-2:])
            if not self.generator.shape.temporal:
                drawings, frames, outputs = drawings[-1:], frames[-1:], outputs[-1:]
            real, fake = in_time(drawings, frames), in_time(drawings, outputs)
            _add(found, self._judged("critic", real, fake))
        self._learn("generator", found)
        return found

    def _face(self, judged: bool) -> dict[str, Tensor]:
        self._faces.append(self._painted_face())  # costs as much as to learn from several: they are seen again
        some = self.random.integers(0, len(self._faces), _FACES * self.config.batch)
        drawing, body, matte, target = (torch.cat(part) for part in zip(*(self._faces[i] for i in some), strict=True))
        output = self.face(drawing, body, matte)
        found = {"pixels": self.config.pixels * (output - target).abs().mean()}
        if self.look is not None:
            found["look"] = self.config.look * self.look(output, target)
        judging = self._judged("face_critic", in_time([drawing], [target]), in_time([drawing], [output]))
        _add(found, {name: self.config.face_scale * value for name, value in judging.items()})
        self._learn("face", found)
        return found

    @torch.no_grad()
    def _painted_face(self) -> _Face:
        """A row's last face as `perform` paints it, after the network's own frames or the film's."""
        scene = self._scene(1, whole=True)
        points = scene.points[:, 0].cpu().numpy()
        previous = torch.zeros_like(scene.frames[0])
        if self.generator.shape.temporal:
            if self.random.random() < self.config.own:
                for drawing, pose in zip(scene.drawings[:-1], points[:-1], strict=True):
                    previous = paint(self.generator, drawing, previous, scene.plate, pose).frame
            else:
                previous = scene.frames[-2]
            previous = self._stale(previous)
        painted = paint(self.generator, scene.drawings[-1], previous, scene.plate, points[-1])
        share = self.generator.shape.face_share
        at = face_window.corners(scene.points[-1], size=self.footage.size, share=share)
        parts = (scene.drawings[-1], painted.frame.float(), painted.matte.float(), scene.frames[-1])
        return _Face(*(face_window.cut(part, at, share=share) for part in parts))

    # --- terms --------------------------------------------------------------------------------------------------------

    def _content(
        self, painted: Painted, target: Tensor, plate: Tensor, detail: Tensor, place: "float | Window"
    ) -> dict[str, Tensor]:
        """L1, features and matte. `place`: 1.0: features of the whole; less: of it shrunk; or a window's."""
        config = self.config
        change = (target - plate).abs().amax(dim=1, keepdim=True)
        surely = (change > _CERTAIN).float()
        found = {"pixels": config.pixels * losses.l1(painted.frame, target, 1 + (config.person + detail) * surely)}
        if self.generator.shape.plate and config.matte:
            certain = surely + (change < _SAME).float()
            found["matte"] = config.matte * losses.l1(painted.matte, surely, certain)
        if self.look is not None:
            seen = [_seen(pictures, place) for pictures in (painted.frame, target)]
            found["look"] = config.look * self.look(*seen)
        return found

    def _judged(self, critic: str, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """The critic's own step, then what it says to the generator: least squares and feature matching."""
        net, config = self.networks[critic], self.config
        scores_real, _ = net(real)
        scores_fake, _ = net(fake.detach())
        self._learn(critic, {"critic": losses.least_squares_discriminator(scores_real, scores_fake)})
        with torch.no_grad():
            _, truth = net(real)
        scores, seen = net(fake)
        return {
            "adversary": config.adversary * losses.least_squares_generator(scores),
            "features": config.features * losses.feature_matching(truth, seen),
        }

    def _learn(self, name: str, found: dict[str, Tensor]) -> None:
        parameters = list(self.networks[name].parameters())
        torch.autograd.backward([torch.stack(list(found.values())).sum()], inputs=parameters)
        nn.utils.clip_grad_norm_(parameters, 10.0)
        self.optimisers[name].step()
        self.optimisers[name].zero_grad(set_to_none=True)

    # --- what is shown ------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def _previous(self, scene: Scene, *, half: bool = False) -> Tensor:
        """What comes before the pair: own frames, a real one, or nothing."""
        stop = len(scene.drawings) - 2
        chance = self.random.random()
        previous = torch.zeros_like(scene.frames[0])
        if not self.generator.shape.temporal:
            return previous
        if chance < self.config.own:
            for number in range(stop):
                if half:
                    small = self.generator.sketch(scene.drawings[number], previous, scene.plate).frame
                    previous = F.interpolate(small, scale_factor=2.0, mode="bilinear")
                else:
                    previous = self.generator(scene.drawings[number], previous, scene.plate).frame
        elif chance < (1 + self.config.own) / 2 and stop:
            previous = scene.frames[stop - 1]
        return self._stale(previous)

    def _stale(self, previous: Tensor) -> Tensor:
        if self.random.random() >= self.config.stale:
            return previous
        reach = max(self.footage.size // 12, 1)
        down, aside = (int(way) for way in self.random.integers(-reach, reach + 1, 2))
        return torch.roll(previous, (down, aside), dims=(2, 3))

    def _scene(self, batch: int, *, whole: bool = False) -> Scene:
        """By chance: rows of four frames (three where there are few), each row moved and scaled as one.

        Seen in a window about the body where there is a plate to lay it over, unless `whole`.
        """
        count = min(4, self.footage.taught)
        rows = [self._row(int(self.random.integers(self.footage.taught - count + 1)), count) for _ in range(batch)]
        drawings, frames, points, plates = zip(*rows, strict=True)
        drawn, shown, placed = (torch.stack(part, dim=1).to(self.device) for part in (drawings, frames, points))
        scene = Scene(drawn, shown, placed, torch.cat(plates).to(self.device))
        if whole or not self.generator.shape.plate:
            return scene
        poses = [np.stack([pose.numpy() for pose in row]) for row in points]
        return scene.cut(self._windows(poses))

    def _windows(self, rows: Sequence[Float[np.ndarray, "count 33 3"]]) -> list[Window]:
        """One about each row's poses, all of the size of the largest, sometimes a step larger, anywhere around them."""
        tight = [body_window.about(row, size=self.footage.size) for row in rows]
        more = self.random.integers(0, 2, 2) * body_window.STEP
        width, height = max(w.width for w in tight) + int(more[0]), max(w.height for w in tight) + int(more[1])
        return [
            body_window.about(row, size=self.footage.size, least=(width, height), at=(across, down))
            for row, (across, down) in zip(rows, self.random.uniform(0, 1, (len(rows), 2)).tolist(), strict=True)
        ]

    def _row(self, start: int, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        size, config = self.footage.size, self.config
        zoom = float(np.exp(self.random.uniform(-config.zoom, config.zoom)))
        shift = self.random.uniform(-config.shift, config.shift, 2) * size + (1 - zoom) * (size - 1) / 2
        flip = config.mirror and self.random.random() < 0.5
        matrix = np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]]])

        def moved(frame: np.ndarray) -> np.ndarray:
            warped = cv2.warpAffine(frame, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
            return np.ascontiguousarray(warped[:, ::-1]) if flip else np.asarray(warped)

        points = self.footage.dance.points[start : start + count].copy()
        points[..., :2] = zoom * points[..., :2] + shift.astype(np.float32)
        if flip:
            points = np.stack([mirrored(pose, width=size) for pose in points])
        drawings = to_tensor([draw_skeleton(pose, size=size) for pose in points])
        frames = to_tensor([moved(frame) for frame in self.footage.frames[start : start + count]])
        return drawings, frames, torch.from_numpy(points), to_tensor([moved(self.footage.plate)])

    def _detail(self, scene: Scene, number: int) -> Float[Tensor, "batch 1 height width"]:
        """What L1 counts more about face, hands and feet of these frames: they are small, and where one looks."""
        points = scene.points[number]
        parts, reach = points[:, list(_DETAILS)], 2 * (_DETAIL_REACH * self.footage.size) ** 2
        across, down = (
            (torch.arange(side, device=points.device, dtype=torch.float32) - parts[..., axis, None]).square()
            for axis, side in ((0, scene.plate.shape[-1]), (1, scene.plate.shape[-2]))
        )  # [B, points, width], [B, points, height]
        near = (torch.exp(-down / reach)[..., :, None] * torch.exp(-across / reach)[..., None, :]).amax(dim=1)
        return self.config.detail * near[:, None]

    def _place(self, scene: Scene) -> "float | Window":
        """Where the perceptual loss looks: at all of it, shrunk, or sharply at a window about one of the points."""
        if self.random.random() < 0.5:
            return 1.0 / _SHRUNK
        height, width = scene.plate.shape[-2:]
        side = min(self.footage.size // _WINDOW, width, height)
        x, y = scene.points[-1, 0, int(self.random.integers(skeleton.COUNT)), :2].tolist()
        left, top = (int(min(max(place - side / 2, 0), room - side)) for place, room in ((x, width), (y, height)))
        return Window(left, top, side, side)

    def dancer(self, about: dict[str, object], *, face: bool) -> Dancer:
        """What was learned so far."""
        footage = self.footage
        refiner = self.face if face else None
        poses = footage.taught_points
        if self.config.mirror:
            poses = np.stack([*poses, *(mirrored(pose, width=footage.size) for pose in poses)])
        known = repertoire.of(poses, height=footage.stance.near_height)
        return Dancer(self.generator, refiner, footage.plate, footage.stance, footage.dance.fps, known, dict(about))


class Look(nn.Module):
    """The perceptual distance that a lesson goes by, as a mean over the batch.

    VGG19 is the papers'; AlexNet (LPIPS) sees nearly as much at a fortieth of the work, which two cores need.
    """

    def __init__(self, net: nn.Module, weight: float) -> None:
        super().__init__()
        self.net, self.weight = net, weight

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        enlarged = _LOOK / max(output.shape[-2:])
        if enlarged > 1:
            output, target = (F.interpolate(p, scale_factor=enlarged, mode="bilinear") for p in (output, target))
        return self.weight * self.net(output, target).mean()


LOOKS = ("alexnet", "vgg19", "none")


def load_look(name: str) -> Look | None:
    """A perceptual loss, one of LOOKS. Raises WeightsError where its weights are missing: how to get them."""
    if name == "alexnet":
        return Look(LPIPS.load("alexnet"), 10.0)
    return Look(VGG19Loss.load(), 3.0) if name == "vgg19" else None


def _seen(pictures: Tensor, place: "float | Window") -> Tensor:
    if isinstance(place, Window):
        return place.cut(pictures)
    return pictures if place == 1.0 else _halved(pictures)


def _halved(pictures: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch channels rows columns"]:
    return F.avg_pool2d(pictures, 2)


def _add(found: dict[str, Tensor], more: dict[str, Tensor]) -> None:
    for name, value in more.items():
        found[name] = found[name] + value if name in found else value
