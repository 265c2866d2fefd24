"""The engine: pictures of somebody become AdaIN numbers, the driver's landmarks on their face become drawings.

A generator that carries is shown, besides, what the engine `guided` makes of the first picture.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from living_portraits import draw, sway, weights
from living_portraits.align import resized
from living_portraits.engine import Drive, Frame, Points, Spec, Track
from living_portraits.engines.guided import Guided, GuidedIdentity, GuidedMotion
from living_portraits.engines.talking_head import person as persons
from living_portraits.engines.talking_head.lending import Shot, lent
from living_portraits.engines.talking_head.networks import SHAPES, Discriminator, FewShot, Generator
from living_portraits.errors import WeightsError
from living_portraits.mending.mender import WEIGHTS as CARRIER_WEIGHTS
from living_portraits.motion import SourceShape, adapt, measure
from living_portraits.nn import runtime as runtimes
from living_portraits.nn.blocks import fold
from living_portraits.nn.pixels import to_frames, to_tensor
from living_portraits.restraint import restrain
from living_portraits.watching import watch

WEIGHTS = "talking-head"
DRAWN = "drawn-head"
"""The paper's form, which carries nothing: for lessons and comparisons. "drawn-head/mona_lisa" is a person of it."""

RECIPE = "talking-head"
_TOGETHER = 8  # pictures that are embedded at once


@dataclass(frozen=True, eq=False)
class HeadIdentity:
    """Somebody, ready to be drawn.

    Attributes:
        style: `[1, numbers]` AdaIN numbers.
        face: their shape, and the pose in the first picture.
        carried: the first picture as the carrying engine knows it; None where all is drawn.
        own: the first picture. others: more pictures of them, which lend their faces to what is carried.
    """

    style: Float[Tensor, "1 numbers"]
    face: SourceShape
    carried: GuidedIdentity | None = None
    own: Shot | None = None
    others: tuple[Shot, ...] = ()


@dataclass(frozen=True, eq=False)
class HeadMovie(GuidedMotion):
    """What a driver does, `fps` frames a second."""

    fps: float = 25.0


@dataclass(frozen=True, eq=False)
class Layers:
    """Some frames, not yet put together: `(1 - mask) carried + mask colour`; see `networks.Generator`.

    Attributes:
        carried: at the film's size, in [-1, 1]; None where all is drawn.
        colour: in [-1, 1]. mask: in [0, 1]; both at the size that the network works at.
    """

    carried: Float[Tensor, "count 3 size size"] | None
    colour: Float[Tensor, "count 3 side side"]
    mask: Float[Tensor, "count 1 side side"]


class TalkingHead:
    """Engine: draws anew what of every frame one picture cannot give.

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
        title="one picture carried along, and drawn over it what a few more pictures taught of the person",
        reads_driver_pixels=True,
        driver_size=sway.SEARCHED,
        weights=(WEIGHTS, CARRIER_WEIGHTS),
        teachable=True,
        runtimes=("torch", "openvino", "cuda"),
    )
    people = persons.PERSONS
    SIDE: ClassVar[int] = 256
    """Px that a person is learned at. A larger film is carried at its own size, and what is drawn is enlarged."""

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
        # A stranger is seen and drawn at the size that all was learned at, somebody at that which they were learned at.
        self.side = min(self.SIDE if self._known else int(config["train"].get("size", self.SIDE)), size)
        self._carrier = Guided(size=size, runtime=self.runtime) if own.carries else None
        example = torch.zeros(1, 6 if own.carries else 3, self.side, self.side), torch.zeros(1, own.style_length)
        self._paint = runtimes.compiled(_Painting(own), example, runtime=self.runtime)

    @torch.inference_mode()
    def encode_identity(self, source: Track) -> HeadIdentity:
        """Who the T crops show, all of one person; the face's shape and place are the first crop's."""
        style = self._known.style if self._known else self._style(source)
        face = SourceShape.of(source.points[0])
        if self._carrier is None:
            return HeadIdentity(style, face)
        own = Shot(source.crops[0], source.points[0])
        return HeadIdentity(style, face, self._carrier.encode_identity(source), own, self._others(source))

    def _others(self, source: Track) -> tuple[Shot, ...]:
        """All pictures of a known person that was learned from several, else the source's own but for the first."""
        if self._known is None:
            found = source.pick(range(1, len(source)))
        elif self._known.pictures is None:
            return ()
        else:
            found = resized(self._known.pictures, self.spec.size)
        return tuple(Shot(crop, points) for crop, points in zip(found.crops, found.points, strict=True))

    def encode_motion(self, driver: Track, drive: Drive) -> HeadMovie:
        """What the driver's points say, and its pictures where something is carried."""
        head, around = watch(driver, drive) if self._carrier else (measure(driver, drive), None)
        return HeadMovie(head, around, driver.fps)

    def generate(self, identity: HeadIdentity, motion: HeadMovie) -> Iterator[Frame]:
        """One frame per driver frame, the motion held within what one picture can teach."""
        for layers in self.layers(identity, motion):
            if layers.carried is None:
                yield from to_frames(self._sized(layers.colour, self.spec.size))
                continue
            # What is carried keeps its own grain: only the difference is enlarged.
            change = layers.mask * (layers.colour - self._sized(layers.carried, self.side))
            yield from to_frames(layers.carried + self._sized(change, self.spec.size))

    def layers(self, identity: HeadIdentity, motion: HeadMovie) -> Iterator[Layers]:
        """What the frames of the film are made of, one or several at once."""
        bearable = restrain(motion.head, identity.face.pose)
        faces = [adapt(identity.face, bearable, number).points for number in range(len(bearable))]
        film = self._film(identity, motion, faces)
        for some in runtimes.batches(self.runtime, len(bearable)):
            shown = self._drawn([faces[number] for number in some])
            carried = to_tensor(list(islice(film, len(some)))) if film else None
            if carried is not None:
                shown = torch.cat([shown, self._sized(carried, self.side).clamp(-1, 1)], dim=1)
            yield Layers(carried, *self._paint(shown, identity.style.expand(len(some), -1)))

    def _film(self, identity: HeadIdentity, motion: HeadMovie, faces: Sequence[Points]) -> Iterator[Frame] | None:
        """What is carried; None where all is drawn."""
        if self._carrier is None or identity.carried is None or identity.own is None:
            return None
        film = self._carrier.generate(identity.carried, motion)
        if not identity.others or len(faces) <= runtimes.LIVE:  # who lends is chosen for a film as a whole
            return film
        return lent(self._carrier, film, identity.own, identity.others, faces, fps=motion.fps)

    def _style(self, source: Track) -> Float[Tensor, "1 numbers"]:
        embeddings = []
        for start in range(0, len(source), _TOGETHER):
            some = range(start, min(start + _TOGETHER, len(source)))
            pictures = to_tensor([source.crops[i] for i in some])
            pictures = self._sized(pictures, self.side).clamp(-1, 1)
            drawn = self._drawn([source.points[i] for i in some])
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
        return F.interpolate(pictures, size=(side, side), mode="bicubic", antialias=True)


class _Painting(nn.Module):
    """A generator that gives colours and mask, as runtimes want it."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, shown: Tensor, style: Tensor) -> tuple[Tensor, ...]:
        return self.generator.paint(shown, style)


# --- drawings ---------------------------------------------------------------------------------------------


def drawings(points: Sequence[Points], *, size: int) -> Float[Tensor, "time 3 size size"]:
    """Landmark drawings of faces in px of the crop: features, lips, lids and irises on dark paper, in [-1, 1]."""
    return to_tensor([draw.portrait_of(face, size=size) for face in points])


def shown(
    points: Sequence[Points], carried: Sequence[Frame] | None, *, size: int
) -> Float[Tensor, "time channels size size"]:
    """What a generator is shown: drawings, and behind them, if it carries, what is carried."""
    drawn = drawings(points, size=size)
    return drawn if carried is None else torch.cat([drawn, to_tensor(list(carried))], dim=1)


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
    train = config.get("train", {})
    kind = train.get("network")
    if config.get("recipe") != RECIPE or kind not in SHAPES:
        raise WeightsError(f"{path} holds no talking head, but what the recipe {config.get('recipe')!r} made.")
    head, discriminator = FewShot(SHAPES[kind], carries=train.get("carries", False)), Discriminator(SHAPES[kind])
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
