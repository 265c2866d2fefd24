"""What embedders that were taught for longer know: the talking head's, and MegaPortraits' appearance descriptor."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from living_portraits import engines, samples, weights
from living_portraits.engine import Drive, Frame
from living_portraits.engines.megaportraits.base import Base
from living_portraits.engines.megaportraits.config import preset
from living_portraits.engines.megaportraits.engine import MegaPortraits, read_base
from living_portraits.engines.talking_head.engine import DRAWN, drawings, read_head
from living_portraits.motion import SourceShape, adapt, measure
from living_portraits.nn.pixels import to_frames, to_tensor
from living_portraits.notebook.faces import driver_track, source_track

SIZE, POSES = 128, 4
"""Px of the pictures, as the talking head learned on them; pictures of each sitting."""

Pictures = Float[Tensor, "poses 3 128 128"]
Each = Float[Tensor, "poses numbers"]


@dataclass(frozen=True, eq=False)
class Sitting:
    """Some pictures of one person on one occasion, in [-1, 1], and the drawings of their landmarks."""

    who: str
    pictures: Pictures
    drawings: Pictures

    def frame(self, pose: int = 0) -> Frame:
        """One picture."""
        return to_frames(self.pictures[pose : pose + 1])[0]

    def changed(self, change: Callable[[Tensor], Tensor]) -> "Sitting":
        """With other pictures of the same poses."""
        return Sitting(self.who, change(self.pictures).clamp(-1, 1), self.drawings)


def painted(name: str) -> Sitting:
    """A bundled portrait, set in motion by the puppet."""
    clip = driver_track(samples.look_around, fps=POSES / 2, seconds=2.0, size=SIZE)
    source = source_track(samples.PORTRAITS[name], size=SIZE)
    puppet, face, motion = engines.create("puppet", size=SIZE), SourceShape.of(source.points[0]), measure(clip, Drive())
    frames = list(puppet.generate(puppet.encode_identity(source), puppet.encode_motion(clip, Drive())))[:POSES]
    points = [adapt(face, motion, number).points for number in range(len(frames))]
    return Sitting(name, to_tensor(frames), drawings(points, size=SIZE))


def filmed(name: str, *, who: str) -> Sitting:
    """The first second of a bundled driver clip."""
    clip = driver_track(samples.DRIVERS[name], fps=float(POSES), seconds=1.0, size=SIZE)
    return Sitting(who, to_tensor(list(clip.crops)[:POSES]), drawings(list(clip.points)[:POSES], size=SIZE))


# --- the talking head's embedder --------------------------------------------------------------------------------------


@torch.no_grad()
def embedded(sittings: Mapping[str, Sitting]) -> dict[str, Each]:
    """What the embedder of the paper's form says of every picture."""
    head = read_head(weights.path(DRAWN))
    return {name: head.embed(one.pictures[:, None], one.drawings[:, None]) for name, one in sittings.items()}


def gaps(asked: Mapping[str, Each], known: Mapping[str, Each]) -> dict[str, dict[str, float]]:
    """How far the mean of each sitting that is asked is from that of each that is known."""
    means = {name: each.mean(dim=0) for name, each in known.items()}
    return {
        name: {other: float((each.mean(dim=0) - mean).norm()) for other, mean in means.items()}
        for name, each in asked.items()
    }


# --- MegaPortraits' descriptor ----------------------------------------------------------------------------------------


def base_model() -> tuple[Base, bool]:
    """MegaPortraits' base and whether it was taught: the one that comes along, or the smallest there is, untaught."""
    name = MegaPortraits.spec.weights[0]
    if name in weights.FILES:
        return read_base(weights.path(name)), True
    torch.manual_seed(0)
    return Base(preset("tiny", size=64)).eval().requires_grad_(False), False


@torch.no_grad()
def described(base: Base, sittings: Mapping[str, Sitting]) -> dict[str, Each]:
    """e_s of every picture."""
    side = (base.config.size, base.config.size)
    small = {name: F.interpolate(one.pictures, size=side, mode="area") for name, one in sittings.items()}
    return {name: base.appearance(pictures).descriptor for name, pictures in small.items()}
