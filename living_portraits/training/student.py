"""Distils MegaPortraits' student: recipe `student`.

The teacher, a trained base, moves the portraits with motion from all film there is; the student learns to draw what
it drew. Cross-driving only, as in the paper: no portrait ever drives itself (MP, section 3.4).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from living_portraits import face, samples, video
from living_portraits.align import Crop
from living_portraits.engine import Frame, Points
from living_portraits.engines.megaportraits import pose as poses
from living_portraits.engines.megaportraits.base import Base, Drawn, Identity, joined
from living_portraits.engines.megaportraits.critic import Critic
from living_portraits.engines.megaportraits.engine import plate, read_base
from living_portraits.engines.megaportraits.networks import shrunk
from living_portraits.engines.megaportraits.performance import followed
from living_portraits.engines.megaportraits.pose import Pose
from living_portraits.engines.megaportraits.student import Student, StudentConfig, letters, thumbnail
from living_portraits.errors import FaceError, OptionError
from living_portraits.nn import losses
from living_portraits.nn.perceptual import VGG19Loss
from living_portraits.nn.pixels import to_tensor
from living_portraits.training.megaportraits import pyramid
from living_portraits.training.recipe import Batch, Recipe, TrainConfig

Pictures = Float[Tensor, "batch 3 size size"]
Numbers = Int64[Tensor, "batch"]


@dataclass(frozen=True, kw_only=True)
class StudentTrainConfig(TrainConfig):
    """MP's settings for the student, but for the portraits' number.

    Attributes:
        teacher: snapshot of the recipe `megaportraits`, of the same size.
        avatars: folder of portraits, each a picture; empty: those that come with the package.
        l1, mouth, eyes: of pixels, and as much again or apart on the portraits' own mouths and eyes.
        perceptual, pyramid, adversary, matching, adversary_from, critic: as in `megaportraits`.
        critic_scales: sizes of the picture that the adversary sees (MP 4).
    """

    teacher: str = ""
    avatars: str = ""
    l1: float = 10.0
    mouth: float = 3.0
    eyes: float = 5.0
    perceptual: float = 10.0
    pyramid: int = 3
    adversary: float = 1.0
    matching: float = 40.0
    adversary_from: int = 3000
    critic: int = 64
    critic_scales: int = 4
    batch: int = 8
    spacing: Literal["far", "random", "next"] = "far"
    lr: float = 2e-4


@dataclass(frozen=True)
class Portrait:
    """A portrait to be learned: its name, its crop and the face's points there, px."""

    name: str
    crop: Frame
    points: Points


def gather(folder: str, *, size: int) -> list[Portrait]:
    """The portraits in a folder, or the bundled ones, cut out as the animator does.

    Raises:
        OptionError: there are no pictures. FaceError: one of them has no face. MediaError: it cannot be read.
    """
    paths = sorted(Path(folder).iterdir()) if folder else list(samples.PORTRAITS.values())
    paths = [path for path in paths if path.is_file() and video.is_still(path)]
    if not paths:
        raise OptionError(f"There are no pictures in {folder}: put a portrait there for each avatar.")
    found = []
    for path in paths:
        picture = video.read_picture(path).rgb
        faces = face.find(picture)
        if not faces:
            raise FaceError(f"There is no face to be found in {path}: take it out of the folder.")
        crop = Crop.around(faces[0].points, size=size)
        found.append(Portrait(path.stem, crop.take(picture), crop.to_crop(faces[0].points)))
    return found


class Teacher(nn.Module):
    """The base with every portrait encoded: draws any of them as any driver moves. Nothing here learns."""

    plates: Tensor
    codes: Tensor
    places: Tensor

    def __init__(self, base: Base, portraits: list[Portrait]) -> None:
        super().__init__()
        self.base = base
        size, plates, codes, identities = base.config.size, [], [], []
        with torch.no_grad():
            for portrait in portraits:
                points, picture = torch.from_numpy(portrait.points)[None], to_tensor([portrait.crop])
                pose = poses.of_points(points, size=size)
                codes.append(base.code(picture, pose))
                identities.append(base.identity(picture, base.appearance(picture), pose, codes[-1]))
                matte = base.draw(identities[-1], pose, codes[-1]).matte[0, 0].numpy()
                plates.append(torch.from_numpy(plate(portrait.crop, matte)).movedim(-1, 0))
            every = torch.from_numpy(np.stack([portrait.points for portrait in portraits]))
            self._keep("plates", torch.stack(plates))
            self._keep("codes", torch.cat(codes))
            self._keep("places", poses.places_of(every, size=size))
        flat = joined(*identities)
        for name, value in (*flat._asdict().items(), *flat.pose._asdict().items()):
            if isinstance(value, Tensor):
                self._keep(f"its_{name}", value)

    def _keep(self, name: str, value: Tensor) -> None:
        self.register_buffer(name, value, persistent=False)

    def identity(self, avatar: Numbers) -> Identity:
        """These portraits."""
        kept = {name.removeprefix("its_"): value[avatar] for name, value in self.named_buffers(recurse=False)}
        pose = Pose(*(kept[name] for name in Pose._fields))
        return Identity(kept["volume"], kept["descriptor"], kept["picture"], pose, kept["field"])

    @torch.no_grad()
    def draw(self, avatar: Numbers, frames: Float[Tensor, "batch 2 3 size size"], points: Tensor) -> Drawn:
        """Portraits as frame 1 moves since frame 0; the picture is the whole one, plate and all."""
        base, size = self.base, self.base.config.size
        rest, now = (poses.of_points(points[:, i], size=size) for i in range(2))
        identity = self.identity(avatar)
        change = base.code(frames[:, 1], now) - base.code(frames[:, 0], rest)
        drawn = base.draw(identity, followed(identity.pose, now, rest), self.codes[avatar] + change)
        return drawn._replace(picture=torch.lerp(self.plates[avatar], drawn.picture, drawn.matte))

    def points(self, avatar: Numbers, points: Tensor) -> Float[Tensor, "batch 478 3"]:
        """About where the portraits' points are then, px: turned along, their expression as it was."""
        size = self.base.config.size
        rest, now = (poses.of_points(points[:, i], size=size) for i in range(2))
        own = self.identity(avatar).pose
        moved = followed(own, now, rest).to_picture(own.to_canonical(self.places[avatar]))
        return torch.cat([((moved[..., :2] + 1) * size - 1) / 2, moved[..., 2:] * (size / 2)], dim=2)


class Distillation(Recipe):
    """Of each sample the frame of less expression is the driver at rest, the other the driver now."""

    title = "MegaPortraits' student: a small network that learns a few portraits from the base"
    Config = StudentTrainConfig

    def __init__(self, config: StudentTrainConfig, *, identities: int = 1) -> None:
        super().__init__(config, identities=identities)
        if not config.teacher:
            raise OptionError("The recipe student needs its teacher: --set teacher=FILE, a snapshot of megaportraits.")
        base = read_base(Path(config.teacher))
        if base.config.size != config.size:
            raise OptionError(f"The teacher draws {base.config.size} px: --set size={base.config.size}.")
        portraits = gather(config.avatars, size=config.size)
        self.teacher = Teacher(base, portraits)
        self.student = Student(StudentConfig.at(config.size), avatars=len(portraits))
        for number, portrait in enumerate(portraits):
            self.student.faces[number] = thumbnail(to_tensor([portrait.crop]))
            self.student.names[number] = letters(portrait.name)
        self.critic = Critic(width=config.critic, scales=config.critic_scales)
        self.vgg = VGG19Loss.load() if config.perceptual else None

    def networks(self) -> dict[str, nn.Module]:
        return {"student": self.student, "critic": self.critic}

    def snapshot(self) -> tuple[str, ...]:
        return ("student",)

    def step(self, batch: Batch) -> dict[str, Tensor]:
        if self.student.training:
            self.critic.taken += 1
        frames, points = at_rest_first(batch)
        avatar = torch.randint(len(self.student.faces), (len(frames),), device=frames.device)
        target = self.teacher.draw(avatar, frames, points).picture.float()
        output = self._drawn(avatar, frames)
        config, there = self.config, self.teacher.points(avatar, points)
        found: dict[str, Tensor] = {
            "student/l1": config.l1 * losses.mouth_l1(output, target, there, boost=config.mouth),
            "student/eyes": config.eyes * losses.eye_l1(output, target, there),
        }
        if self.vgg is not None:
            found["student/perceptual"] = config.perceptual * pyramid(self.vgg, output, target, levels=config.pyramid)
        if config.adversary and int(self.critic.taken) >= config.adversary_from:
            found |= self._contest(output, target)
        return found

    def _drawn(self, avatar: Numbers, frames: Float[Tensor, "batch 2 3 size size"]) -> Pictures:
        side = self.student.config.look
        return self.student(shrunk(frames[:, 1], side), shrunk(frames[:, 0], side), avatar)

    def _contest(self, output: Pictures, target: Pictures) -> dict[str, Tensor]:
        """Base and adversary as in `megaportraits`; the teacher's pictures are the real ones."""
        real, said = self.critic.both(target, output)
        judged = ([scale[-1] for scale in half] for half in self.critic.both(target, output.detach()))
        layers = sum(len(scale) - 1 for scale in said)
        matching = losses.feature_matching([s[:-1] for s in real], [s[:-1] for s in said]) / layers
        return {
            "student/adversary": self.config.adversary * losses.hinge_generator([scale[-1] for scale in said]),
            "student/matching": self.config.matching * matching,
            "critic/hinge": losses.hinge_discriminator(*judged),
        }

    def pictures(self, batch: Batch) -> list[Float[Tensor, "batch 3 height width"]]:
        """Driver at rest and now, what the teacher and what the student makes of it."""
        frames, points = at_rest_first(batch)
        avatar = torch.arange(len(frames), device=frames.device) % len(self.student.faces)
        target = self.teacher.draw(avatar, frames, points).picture
        return [frames[:, 0], frames[:, 1], target, self._drawn(avatar, frames)]


def at_rest_first(batch: Batch) -> tuple[Float[Tensor, "batch 2 3 size size"], Float[Tensor, "batch 2 478 3"]]:
    """Frames and points, that of less expression first."""
    energy = batch.blendshapes[:, :2].square().sum(dim=2)
    order = energy.argsort(dim=1)
    rows = torch.arange(len(order), device=order.device)[:, None]
    return batch.frames[rows, order], batch.points[rows, order]
