"""The engine `megaportraits`: a source's volume once, a driver's poses and codes once, then frame by frame."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from living_portraits import weights
from living_portraits.engine import Drive, Frame, Points, Spec, Track
from living_portraits.engines.megaportraits.background import before, plate, to_frame
from living_portraits.engines.megaportraits.base import Base, Identity, Way
from living_portraits.engines.megaportraits.blocks import fold
from living_portraits.engines.megaportraits.config import Config
from living_portraits.engines.megaportraits.networks import shrunk
from living_portraits.engines.megaportraits.performance import Performance
from living_portraits.engines.megaportraits.pose import Pose, join, of_points, places_of
from living_portraits.errors import OptionError, WeightsError
from living_portraits.nn.pixels import to_tensor

Picture = Float[Tensor, "1 3 size size"]
_LARGEST = 1024  # px: beyond it grain alone would be added, and each frame takes four times as long


@dataclass(frozen=True, eq=False)
class Sitter:
    """Who is portrayed.

    Attributes:
        identity: what the network keeps of them. pose, code: their own motion.
        fine: their picture at the size of the film, for what is carried over.
        plate: the picture without them. still: see `Base.still_way`.
    """

    identity: Identity
    fine: Picture
    pose: Pose
    code: Float[Tensor, "1 code"]
    plate: Picture
    still: Way | None


class MegaPortraits:
    """Engine: a volume of appearance, moved by pose and expression that are read from pixels."""

    spec = Spec(
        name="megaportraits",
        title="turns the portrait in depth and invents what it hides; mouth and eyes are learned",
        size=512,
        sizes=(128, 256, 512, 1024),
        weights=("megaportraits",),
    )

    def __init__(
        self,
        *,
        size: int = spec.size,
        file: Path | None = None,
        poses_from: Literal["points", "pixels"] = "points",
    ) -> None:
        """`file`: weights that the recipe `megaportraits` wrote; None: the registry's.

        `poses_from`: the tracker's points, which the animator has anyway and has smoothed, or pixels alone, as the
        paper does.

        Raises:
            WeightsError: the file is missing, damaged, or another network's.
            OptionError: a size that is not the trained one, doubled up to 1024 px.
        """
        self.base = read_base(file or weights.path(MegaPortraits.spec.weights[0]))
        trained = self.base.config.size
        sizes = tuple(trained << doubled for doubled in range(_LARGEST // trained) if trained << doubled <= _LARGEST)
        if size not in sizes:
            choices = ", ".join(map(str, sizes))
            raise OptionError(f"These weights of megaportraits do not work at size {size}; choose from {choices}.")
        self.poses_from = poses_from
        looks = poses_from == "pixels" or not self.base.config.hears
        self.spec = replace(
            MegaPortraits.spec,
            size=size,
            sizes=sizes,
            reads_driver_pixels=looks,
            driver_size=trained if looks else None,
        )

    @torch.inference_mode()
    def encode_identity(self, source: Track) -> Sitter:
        """The first crop of the track."""
        crop = source.crops[0]
        size, fine = self.spec.size, to_tensor([crop])
        picture = shrunk(fine, self.base.config.size)
        pose, code = self._read(picture, source.points[0], source.blendshapes[0], size=size)
        identity = self.base.identity(picture, self.base.appearance(picture), pose, code)
        still = self.base.still_way(identity, pose, code)
        matte = self.base.draw(identity, pose, code, fine=fine, still=still).matte[0, 0].numpy()
        return Sitter(identity, fine, pose, code, plate(crop, matte), still)

    @torch.inference_mode()
    def encode_motion(self, driver: Track, drive: Drive) -> Performance:
        """Every crop's pose and code."""
        looks, trained = self.spec.reads_driver_pixels, self.base.config.size
        if looks and not len(driver.crops):
            raise OptionError("The engine megaportraits reads motion from pixels: a motion file has none.")
        read = []
        size = self.spec.driver_size or self.spec.size
        for number, crop in enumerate(driver.crops if looks else [None] * len(driver)):
            picture = None if crop is None else shrunk(to_tensor([crop]), trained)
            read.append(self._read(picture, driver.points[number], driver.blendshapes[number], size=size))
        return Performance(join(*(pose for pose, _ in read)), torch.cat([code for _, code in read]), drive)

    def _read(
        self, picture: Picture | None, points: Points, blendshapes: Float32[np.ndarray, "52"], *, size: int
    ) -> tuple[Pose, Float[Tensor, "1 code"]]:
        """A head's pose and its expression's code; points in px of a crop of `size`."""
        tracked = torch.from_numpy(points)[None]
        if self.poses_from == "points":
            pose = of_points(tracked, size=size)
        else:
            assert picture is not None
            pose = self.base.pose(picture)
        if self.base.config.hears:
            return pose, self.base.told_code(places_of(tracked, size=size), pose, torch.from_numpy(blendshapes)[None])
        assert picture is not None
        return pose, self.base.seen_code(picture, pose)

    def generate(self, identity: Sitter, motion: Performance) -> Iterator[Frame]:
        """One frame per driver frame: the person as drawn, before what was behind them.

        Motion, and what is invented, have the size that was trained; what is carried over from the source has its own.
        """
        for number in range(len(motion)):
            with torch.inference_mode():
                pose, code = motion.on(identity.pose, identity.code, number)
                drawn = self.base.draw(identity.identity, pose, code, fine=identity.fine, still=identity.still)
                frame = before(identity.plate, drawn, trained=self.base.config.size)
            yield to_frame(frame)


def read_base(file: Path) -> Base:
    """The network of a snapshot, ready for inference. Raises WeightsError."""
    config, state = weights.read(file)
    if config.get("recipe") != "megaportraits" or "train" not in config:
        raise WeightsError(f"The model file {file.name} is no snapshot of the recipe megaportraits.")
    base = Base(Config.of(config["train"]))
    try:
        base.load_state_dict({name.removeprefix("base."): value.float() for name, value in state.items()})
    except RuntimeError as error:
        raise WeightsError(f"The model file {file.name} was written by another version: train it anew.") from error
    base.eval().requires_grad_(False)
    fold(base)
    return base
