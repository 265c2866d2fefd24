"""The engine `megaportraits`: a source's volume once, a driver's poses and codes once, then frame by frame."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from living_portraits import weights
from living_portraits.engine import Drive, Frame, Points, Spec, Track
from living_portraits.engines.megaportraits.base import Base, Identity
from living_portraits.engines.megaportraits.blocks import fold
from living_portraits.engines.megaportraits.config import Config
from living_portraits.engines.megaportraits.networks import shrunk
from living_portraits.engines.megaportraits.performance import Performance
from living_portraits.engines.megaportraits.pose import Pose, join, of_points
from living_portraits.errors import OptionError, WeightsError
from living_portraits.nn.pixels import to_tensor

Picture = Float[Tensor, "1 3 size size"]
_LARGEST = 1024  # px: beyond it grain alone would be added, and each frame takes four times as long
_WORK = 128  # side at which the plate is filled in, px
_ROOM = 1.0 / 24  # of the side: how far round the person the plate is not trusted


@dataclass(frozen=True, eq=False)
class Sitter:
    """Who is portrayed.

    Attributes:
        identity: what the network keeps of them. pose, code: their own motion.
        fine: their picture at the size of the film, for what is carried over.
        plate: the picture without them, float32 RGB in [-1, 1] `[size, size, 3]`.
    """

    identity: Identity
    fine: Picture
    pose: Pose
    code: Float[Tensor, "1 code"]
    plate: Float32[np.ndarray, "size size 3"]


class MegaPortraits:
    """Engine: a volume of appearance, moved by pose and expression that are read from pixels."""

    spec = Spec(
        name="megaportraits",
        title="turns the portrait in depth and invents what it hides; mouth and eyes are learned",
        size=512,
        sizes=(128, 256, 512, 1024),
        reads_driver_pixels=True,
        driver_size=128,
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
        self.spec = replace(MegaPortraits.spec, size=size, sizes=sizes, driver_size=trained)
        self.poses_from = poses_from

    @torch.inference_mode()
    def encode_identity(self, source: Track) -> Sitter:
        """The first crop of the track."""
        crop = source.crops[0]
        picture, pose, code = self._read(crop, source.points[0])
        fine = to_tensor([crop])
        identity = self.base.identity(picture, self.base.appearance(picture), pose, code)
        matte = self.base.draw(identity, pose, code, fine=fine).matte[0, 0].numpy()
        return Sitter(identity, fine, pose, code, plate(crop, matte))

    @torch.inference_mode()
    def encode_motion(self, driver: Track, drive: Drive) -> Performance:
        """Every crop's pose and code."""
        read = [self._read(crop, points)[1:] for crop, points in zip(driver.crops, driver.points, strict=False)]
        if not read:
            raise OptionError("The engine megaportraits reads motion from pixels: a motion file has none.")
        heads, codes = join(*(pose for pose, _ in read)), torch.cat([code for _, code in read])
        return Performance(heads, codes, drive)

    def _read(self, crop: Frame, points: Points) -> tuple[Picture, Pose, Float[Tensor, "1 code"]]:
        """A crop as the networks take it, its head's pose, and its expression's code."""
        picture = shrunk(to_tensor([crop]), self.base.config.size)
        if self.poses_from == "points":
            pose = of_points(torch.from_numpy(points)[None], size=crop.shape[0])
        else:
            pose = self.base.pose(picture)
        return picture, pose, self.base.code(picture, pose)

    def generate(self, identity: Sitter, motion: Performance) -> Iterator[Frame]:
        """One frame per driver frame: the person as drawn, before the plate.

        Motion, and what is invented, have the size that was trained; what is carried over from the source has its own.
        """
        for number in range(len(motion)):
            with torch.inference_mode():
                pose, code = motion.on(identity.pose, identity.code, number)
                drawn = self.base.draw(identity.identity, pose, code, fine=identity.fine)
                person, matte = (part[0].movedim(0, -1).numpy() for part in (drawn.picture, drawn.matte))
            yield to_frame(identity.plate + matte * (person - identity.plate))


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


def to_frame(picture: Float32[np.ndarray, "size size 3"]) -> Frame:
    """[-1, 1] as uint8 RGB."""
    return np.rint((picture.clip(-1, 1) + 1) * 127.5).astype(np.uint8)


def plate(crop: Frame, matte: Float32[np.ndarray, "size size"]) -> Float32[np.ndarray, "size size 3"]:
    """What would be behind the person: the crop where the matte is 0, filled in from there elsewhere; in [-1, 1].

    The paper inpaints with LaMa. What is filled in shows only where the person was and is no more: a soft
    continuation of the surroundings serves.
    """
    size = crop.shape[0]
    reach = 2 * max(round(_ROOM * size), 1) + 1
    person = cv2.dilate((matte > 0.1).astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    work = min(size, _WORK)
    small = cv2.resize(crop, (work, work), interpolation=cv2.INTER_AREA)
    hole = (cv2.resize(person, (work, work), interpolation=cv2.INTER_AREA) > 0).astype(np.uint8)
    hole = cv2.dilate(hole, np.ones((3, 3), np.uint8))
    if hole.all():  # nothing to continue from
        filled = np.full_like(small, 127)
    else:
        filled = cv2.GaussianBlur(cv2.inpaint(small, hole, 3, cv2.INPAINT_TELEA), (0, 0), work / 64)
    whole = cv2.resize(filled, (size, size), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    share = cv2.GaussianBlur(person.astype(np.float32), (0, 0), size / 128)[..., None]
    mixed = crop.astype(np.float32) * (1 - share) + whole * share
    return np.asarray(mixed / 127.5 - 1, dtype=np.float32)
