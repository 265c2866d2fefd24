"""The engine: pictures of somebody become AdaIN numbers, the driver's landmarks on their face become drawings."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from living_portraits import draw, weights
from living_portraits.engine import Drive, Frame, Points, Spec, Track
from living_portraits.engines.talking_head import person as persons
from living_portraits.engines.talking_head.networks import SHAPES, Discriminator, FewShot, Generator
from living_portraits.errors import WeightsError
from living_portraits.motion import HeadMotion, SourceShape, adapt, measure
from living_portraits.nn import runtime as runtimes
from living_portraits.nn.blocks import fold
from living_portraits.nn.pixels import to_frames, to_tensor
from living_portraits.restraint import restrain

WEIGHTS = "talking-head"
RECIPE = "talking-head"
_TOGETHER = 8  # pictures that are embedded at once


@dataclass(frozen=True, eq=False)
class HeadIdentity:
    """Somebody, ready to be drawn.

    Attributes:
        style: `[1, numbers]` AdaIN numbers.
        face: their shape, and the pose in the first picture.
    """

    style: Float[Tensor, "1 numbers"]
    face: SourceShape


class TalkingHead:
    """Engine: draws every frame anew.

    Identity is the mean embedding of the source's T crops, or a fine-tuned person, whose crops then only say where
    the head is. Motion is the driver's, freed from the driver's own face; it is put onto the source's face before it
    is drawn, so that a stranger's proportions do not come along (the identity gap that the paper leaves open).

    Args:
        size: side of the crops, px.
        file: a snapshot of the recipe `talking-head`; None: the one that comes with the project.
        person: a file that `finetune` made from these weights.
        runtime: where the generator runs; None: see `runtime.choose`.
    """

    spec = Spec(
        name="talking-head",
        title="draws the face anew from landmarks; learns a person from one or more pictures",
        size=256,
        sizes=(256,),
        weights=(WEIGHTS,),
        teachable=True,
        runtimes=("torch", "openvino", "cuda"),
    )
    people = persons.PERSONS

    def __init__(
        self,
        *,
        size: int = spec.size,
        file: Path | None = None,
        person: Path | None = None,
        runtime: str | None = None,
    ) -> None:
        self.spec, self.runtime = replace(TalkingHead.spec, size=size), runtimes.choose(runtime)
        path = file or weights.path(WEIGHTS)
        config, self._head, _ = _read(path)
        _ready(self._head)
        self._known = persons.read(person, base=path) if person else None
        own = persons.tuned(self._head.generator, self._known) if self._known else self._head.generator
        # Somebody was learned at the crops' size. A stranger is seen and drawn at the size that all was learned at.
        self.side = size if self._known else min(int(config["train"].get("size", size)), size)
        example = torch.zeros(1, 3, self.side, self.side), torch.zeros(1, own.style_length)
        self._paint = runtimes.compiled(_Painting(own), example, runtime=self.runtime)

    @torch.inference_mode()
    def encode_identity(self, source: Track) -> HeadIdentity:
        """Who the T crops show, all of one person; the face's shape and place are the first crop's."""
        style = self._known.style if self._known else self._style(source)
        return HeadIdentity(style, SourceShape.of(source.points[0]))

    def encode_motion(self, driver: Track, drive: Drive) -> HeadMotion:
        """What the driver's points say."""
        return measure(driver, drive)

    def generate(self, identity: HeadIdentity, motion: HeadMotion) -> Iterator[Frame]:
        """One frame per driver frame, the motion held within what one picture can teach."""
        bearable = restrain(motion, identity.face.pose)
        for some in runtimes.batches(self.runtime, len(bearable)):
            drawn = self._drawn([adapt(identity.face, bearable, number).points for number in some])
            [output] = self._paint(drawn, identity.style.expand(len(some), -1))
            yield from to_frames(self._sized(output, self.spec.size))

    def _style(self, source: Track) -> Float[Tensor, "1 numbers"]:
        embeddings = []
        for start in range(0, len(source), _TOGETHER):
            some = range(start, min(start + _TOGETHER, len(source)))
            pictures = to_tensor([source.crops[i] for i in some])
            pictures, drawn = self._sized(pictures, self.side), self._drawn([source.points[i] for i in some])
            embeddings.append(self._head.embed(pictures[:, None], drawn[:, None]))
        return self._head.style(torch.cat(embeddings).mean(dim=0, keepdim=True))

    def _drawn(self, points: Sequence[Points]) -> Float[Tensor, "time 3 side side"]:
        """Drawings of points in px of the crop, at the size that the networks work at."""
        scale = np.float32(self.side / self.spec.size)
        middle = np.array([(scale - 1) / 2, (scale - 1) / 2, 0], np.float32)  # pixel centres at integers
        return drawings([face * scale + middle for face in points], size=self.side)

    def _sized(self, pictures: Float[Tensor, "count 3 _ _"], side: int) -> Float[Tensor, "count 3 side side"]:
        if pictures.shape[-1] == side:
            return pictures
        return F.interpolate(pictures, size=(side, side), mode="bicubic", antialias=True).clamp(-1, 1)


class _Painting(nn.Module):
    """A generator that gives a tuple, as runtimes want it."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, drawing: Tensor, style: Tensor) -> tuple[Tensor, ...]:
        return (self.generator(drawing, style),)


# --- drawings ---------------------------------------------------------------------------------------------


def drawings(points: Sequence[Points], *, size: int) -> Float[Tensor, "time 3 size size"]:
    """Landmark drawings of faces in px of the crop: features, lips, lids and irises on dark paper, in [-1, 1]."""
    return to_tensor([draw.portrait_of(face, size=size) for face in points])


# --- the networks of a file -------------------------------------------------------------------------------------------


def read_head(path: Path) -> FewShot:
    """Embedder and generator of a snapshot, ready for use on the CPU: spectral norms folded in.

    Raises:
        WeightsError: the file is missing, damaged or another network's.
    """
    _, head, _ = _read(path)
    _ready(head)
    return head


def _ready(head: FewShot) -> None:
    fold(head.eval())
    head.requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def read_networks(path: Path) -> tuple[FewShot, Discriminator]:
    """All networks of a snapshot, as they were trained. The table W, which nobody new has a column in, is left out.

    Raises:
        WeightsError: the file is missing, damaged or another network's.
    """
    _, head, discriminator = _read(path)
    return head, discriminator


def _read(path: Path) -> tuple[dict[str, Any], FewShot, Discriminator]:
    config, state = weights.read(path)
    kind = config.get("train", {}).get("network")
    if config.get("recipe") != RECIPE or kind not in SHAPES:
        raise WeightsError(f"{path} holds no talking head, but what the recipe {config.get('recipe')!r} made.")
    head, discriminator = FewShot(SHAPES[kind]), Discriminator(SHAPES[kind])
    for name, net in (("head", head), ("discriminator", discriminator)):
        own = {key.removeprefix(f"{name}."): value for key, value in state.items() if key.startswith(f"{name}.")}
        own = {key: value.float() for key, value in own.items() if key not in ("columns", "_extra_state")}
        expected = {key for key in net.state_dict() if key != "columns"}
        if expected - set(own):
            raise WeightsError(f"{path} lacks parts of the {name}: {', '.join(sorted(expected - set(own))[:3])}.")
        try:
            net.load_state_dict(own, strict=False)
        except RuntimeError as error:
            raise WeightsError(f"{path} holds a talking head of other sizes; take one of this version.") from error
    return config, head, discriminator


def own_generator(head: FewShot) -> Generator:
    """A copy of the generator that may be changed."""
    return copy.deepcopy(head.generator)
