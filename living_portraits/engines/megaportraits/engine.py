"""The engine `megaportraits`: a source's volume once, a driver's poses and codes once, then frame by frame."""

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from living_portraits import weights
from living_portraits.detail import SEARCHED
from living_portraits.engine import Drive, Frame, Points, Spec, Track
from living_portraits.engines.megaportraits.background import before, plate
from living_portraits.engines.megaportraits.base import Base, Identity, Known
from living_portraits.engines.megaportraits.blocks import fold
from living_portraits.engines.megaportraits.config import Config
from living_portraits.engines.megaportraits.enhancer import Enhancer, read_enhancer, redrawn
from living_portraits.engines.megaportraits.finishing import Finish
from living_portraits.engines.megaportraits.ground import Share
from living_portraits.engines.megaportraits.leading import by_mesh
from living_portraits.engines.megaportraits.networks import Painted, Way, shrunk
from living_portraits.engines.megaportraits.performance import Heard, Performance
from living_portraits.engines.megaportraits.pose import Pose, join, of_points, places_of
from living_portraits.errors import OptionError, WeightsError
from living_portraits.mending import view
from living_portraits.mending.mender import WEIGHTS, Mender
from living_portraits.motion import AdaptedHead, adapt
from living_portraits.nn import quantise
from living_portraits.nn import runtime as runtimes
from living_portraits.nn.pixels import to_frames, to_tensor
from living_portraits.nn.quantise import Ranges
from living_portraits.restraint import restrain, restrain_sway
from living_portraits.warp import Seen, Texture

Picture = Float[Tensor, "1 3 size size"]
Code = Float[Tensor, "1 code"]
Asked: TypeAlias = tuple[Pose, Code, Way | None, tuple[AdaptedHead, Seen] | None]
_USUAL = 512  # px: larger films have the high-resolution step, as MP's have
_LARGEST = 1024  # px: beyond it grain alone would be added, and each frame takes four times as long


@dataclass(frozen=True, eq=False)
class Sitter:
    """Who is portrayed.

    Attributes:
        identity: what the network keeps of them. pose, code: their own motion.
        points, shapes: the tracker's, points in px of the crop.
        texture: their picture at the size of the film, for what is carried over.
        finish: what is done to their face last; None where nobody says how it moves.
        plate: the picture without them. still: see `Base.still_way`. person: the matte of their own picture.
    """

    identity: Identity
    texture: Texture
    pose: Pose
    code: Code
    points: Points
    shapes: Float[Tensor, "1 52"]
    finish: Finish | None
    plate: Frame
    still: Way | None
    person: Share


class MegaPortraits:
    """Engine: a volume of appearance, moved by pose and expression that are read from pixels."""

    spec = Spec(
        name="megaportraits",
        title="as guided, with a still background, painted over from a volume of the head; redraws for 1024 px",
        size=512,
        sizes=(128, 256, 512, 1024),
        weights=("megaportraits", "megaportraits/enhancer", WEIGHTS),
        reads_driver_pixels=True,  # one that hears does without where there are none
        driver_size=SEARCHED,
        runtimes=("torch", "openvino", "int8"),
    )

    def __init__(
        self,
        *,
        size: int = spec.size,
        file: Path | None = None,
        poses_from: Literal["points", "pixels"] = "points",
        runtime: str | None = None,
    ) -> None:
        """`file`: weights that the recipe `megaportraits` wrote; None: the registry's.

        `poses_from`: of a base that does not hear, the tracker's points, which the animator has anyway and has
        smoothed, or pixels alone, as the paper does.

        `runtime`: where what every frame asks of the network runs; None: see `runtime.choose`.

        Raises:
            WeightsError: the file is missing, damaged, or another network's.
            OptionError: a size that is not the trained one, doubled up to 1024 px, or a runtime that cannot be had.
        """
        self.base = read_base(file or weights.path(MegaPortraits.spec.weights[0]))
        among = MegaPortraits.spec.runtimes
        self.runtime = runtimes.choose(runtime, ranges=self.base.ranges, among=among)
        if self.runtime != "torch":
            hand_over(self.base, self.runtime)
        trained = self.base.config.size
        sizes = tuple(trained << doubled for doubled in range(_LARGEST // trained) if trained << doubled <= _LARGEST)
        if size not in sizes:
            choices = ", ".join(map(str, sizes))
            raise OptionError(f"These weights of megaportraits do not work at size {size}; choose from {choices}.")
        self.poses_from = poses_from
        self._mender = Mender(runtime=runtime, among=among) if self.base.config.hears else None
        self.spec = replace(MegaPortraits.spec, size=size, sizes=sizes)
        if not self.base.config.hears:
            self.spec = replace(self.spec, driver_size=trained)

    def sized(self, size: int) -> "MegaPortraits":
        """See `fineness.Sizable`."""
        other = copy.copy(self)
        other.spec = replace(self.spec, size=size)
        return other

    @torch.inference_mode()
    def encode_identity(self, source: Track) -> Sitter:
        """The first crop of the track; for films beyond `_USUAL` px redrawn where it holds less, see `enhancer`."""
        crop, points, shapes = source.crops[0], source.points[0], torch.from_numpy(source.blendshapes[:1])
        if len(crop) > _USUAL:
            [crop] = to_frames(redrawn(_enhancer(), to_tensor([crop])))
        picture = shrunk(to_tensor([crop]), self.base.config.size)
        pose, code = self._heard(points, shapes) if self.base.config.hears else self._seen(picture, points, len(crop))
        identity = self.base.identity(picture, self.base.appearance(picture), pose, code)
        still = self.base.still_way(identity, pose, code)
        person = self.base.draw(identity, pose, code, Known(still=still)).matte[0, 0].numpy()
        finish = None if self._mender is None else Finish.of(crop, points, self._mender)
        behind = plate(crop, view.shrunk(person, len(crop)))
        return Sitter(identity, Texture.of(crop), pose, code, points, shapes, finish, behind, still, person)

    @torch.inference_mode()
    def encode_motion(self, driver: Track, drive: Drive) -> Heard | Performance:
        """Every frame's points and blendshapes, or every crop's pose and code."""
        if self.base.config.hears:
            return Heard.of(driver, drive)
        if not len(driver.crops):
            raise OptionError("The engine megaportraits reads motion from pixels: a motion file has none.")
        trained = self.base.config.size
        read = [
            self._seen(shrunk(to_tensor([crop]), trained), points, len(crop))
            for crop, points in zip(driver.crops, driver.points, strict=False)
        ]
        return Performance(join(*(pose for pose, _ in read)), torch.cat([code for _, code in read]), drive)

    def _seen(self, picture: Picture, points: Points, size: int) -> tuple[Pose, Code]:
        """A head's pose, and its expression's code as pixels say it; points in px of a crop of `size`."""
        if self.poses_from == "points":
            pose = of_points(torch.from_numpy(points)[None], size=size)
        else:
            pose = self.base.pose(picture)
        return pose, self.base.seen_code(picture, pose)

    def _heard(self, points: Points, shapes: Float[Tensor, "1 52"]) -> tuple[Pose, Code]:
        """The same as points and blendshapes say it; points in px of the film's crop."""
        tracked, size = torch.from_numpy(points)[None], self.spec.size
        pose = of_points(tracked, size=size)
        return pose, self.base.told_code(places_of(tracked, size=size), pose, shapes)

    def generate(self, identity: Sitter, motion: Heard | Performance) -> Iterator[Frame]:
        """One frame per driver frame: the person as drawn, before what was behind them.

        Motion, and what is invented, have the size that was trained; what is carried over from the source has its own.
        """
        asked = self._asked(identity, motion) if isinstance(motion, Heard) else _read(identity, motion)
        for pose, code, way, face in asked:
            with torch.inference_mode():
                drawn = self.base.draw(identity.identity, pose, code, Known(still=identity.still, way=way))
            frame = before(identity.plate, drawn, identity.texture, identity.person)
            if face is not None and identity.finish is not None:
                identity.finish.on(frame, *face)
            yield frame

    def _asked(self, sitter: Sitter, motion: Heard) -> Iterator[Asked]:
        """The driver's motion on the sitter's own face, within what one picture can bear, and what that says."""
        assert sitter.finish is not None
        mesh, size = sitter.finish.mesh, self.spec.size
        face = mesh.source
        bearable = restrain(motion.head, face.pose)
        sway = None if motion.sway is None else restrain_sway(motion.sway, face.pose, size)
        for number in range(len(motion)):
            head = adapt(face, bearable, number)
            field = None if sway is None else sway[number]
            with torch.inference_mode():
                pose, code = self._heard(head.points, sitter.shapes + motion.shapes[number : number + 1])
            seen = mesh.seen(mesh.move(head, field))
            yield pose, code, by_mesh(seen), (head, seen)

    def ranges(self, films: Iterable[tuple[Track, Track]]) -> Ranges:
        """What reaches each of G2D's convolutions over films of (source, driver), each driver's last frame at rest.

        The runtime is to be PyTorch, whose layers can be watched.
        """

        def run() -> None:
            for source, driver in films:
                motion = self.encode_motion(driver, Drive(neutral=len(driver) - 1))
                for _ in self.generate(self.encode_identity(source), motion):
                    pass

        return quantise.ranges(self.base.decoder, run)


def _read(sitter: Sitter, motion: Performance) -> Iterator[Asked]:
    """The driver's motion as pixels say it: nobody knows which point goes where."""
    for number in range(len(motion)):
        with torch.inference_mode():
            read = motion.on(sitter.pose, sitter.code, number)
        yield *read, None, None


@cache
def _enhancer() -> Enhancer:
    return read_enhancer(weights.path(MegaPortraits.spec.weights[1]))


def read_base(file: Path) -> Base:
    """The network of a snapshot, ready for inference. Raises WeightsError."""
    config, state = weights.read(file)
    if config.get("recipe") != "megaportraits" or "train" not in config:
        raise WeightsError(f"The model file {file.name} is no snapshot of the recipe megaportraits.")
    base = Base(Config.of(config["train"]))
    try:
        base.load_state_dict({name.removeprefix("base."): value.float() for name, value in state.items()})
        for name, (low, high) in (config.get("ranges") or {}).items():
            if not isinstance(base.decoder.get_submodule(name), nn.Conv2d):
                raise TypeError(f"{name} is no convolution")
            base.ranges[name] = float(low), float(high)
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise WeightsError(f"The model file {file.name} was written by another version: train it anew.") from error
    base.eval().requires_grad_(False)
    fold(base)
    return base


def hand_over(base: Base, runtime: str) -> None:
    """Has the driver's warp and G2D computed in another runtime than PyTorch; the warp never in 8 bits.

    What lies between them samples a volume, for which OpenVINO has no operation, and takes little time.
    """
    config = base.config
    code = torch.zeros(1, config.code)
    volume = torch.zeros(1, config.channels, config.depth, config.side, config.side)
    carried = torch.zeros(1, 3, config.size, config.size)
    whole = "openvino" if runtime == "int8" else runtime
    run = runtimes.compiled(_Tuple(base.warp), (code,), runtime=whole)
    base.add_module("warp", _Elsewhere(run, lambda field: field))
    seen = (volume, carried) if config.copies else (volume,)
    ranges = {f"net.{name}": ends for name, ends in base.ranges.items()}
    run = runtimes.compiled(_Tuple(base.decoder), seen, runtime=runtime, ranges=ranges)
    base.add_module("decoder", _Elsewhere(run, _painted))


class _Tuple(nn.Module):
    """A network that gives a tuple of tensors, as runtimes want it."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        found = self.net(*inputs)
        return (found,) if isinstance(found, Tensor) else tuple(each for each in found if each is not None)


class _Elsewhere(nn.Module):
    """A network that runs in another runtime, in its place."""

    def __init__(self, run: runtimes.Function, result: Callable[..., Any]) -> None:
        super().__init__()
        self._run, self._result = run, result

    def forward(self, *inputs: Tensor) -> Any:
        return self._result(*self._run(*inputs))


def _painted(picture: Tensor, matte: Tensor, share: Tensor | None = None) -> Painted:
    return Painted(picture, matte, share)
