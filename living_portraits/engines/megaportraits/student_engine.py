"""The engine `student`: MegaPortraits in real time, for the portraits that it was taught and for no other."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from living_portraits import weights
from living_portraits.engine import Drive, Frame, Spec, Track
from living_portraits.engines.megaportraits.engine import to_frame
from living_portraits.engines.megaportraits.student import Student, StudentConfig, likeness, thumbnail, word
from living_portraits.errors import FaceError, OptionError, WeightsError
from living_portraits.nn.pixels import to_tensor

ALIKE = 0.9
"""Correlation of two thumbnails from which they show one picture: bundled portraits reach .62 with each other, one cut
out a little otherwise .95 with itself."""


@dataclass(frozen=True, eq=False)
class Performance:
    """A clip as the student sees it.

    Attributes:
        looks: `[T, 3, look, look]` frames, uint8.
        neutral: number of the frame at rest.
        still: whether nothing is to move.
    """

    looks: UInt8[Tensor, "time 3 look look"]
    neutral: int
    still: bool


class StudentEngine:
    """Engine: a small network that is locked to the portraits it knows. Motion is relative."""

    spec = Spec(
        name="student",
        title="real time, for the bundled portraits alone: refuses every other face",
        size=256,
        sizes=(256,),
        reads_driver_pixels=True,
        weights=("student",),
    )

    def __init__(self, *, size: int = spec.size, file: Path | None = None) -> None:
        """`file`: weights that the recipe `student` wrote; None: the registry's.

        Raises:
            WeightsError: the file is missing, damaged, or another network's.
            OptionError: the weights are for another size.
        """
        self.student = read_student(file or weights.path(StudentEngine.spec.weights[0]))
        trained = self.student.config.size
        if size != trained:
            raise OptionError(f"This student draws {trained} px, not {size}.")
        self.spec = replace(StudentEngine.spec, size=size, sizes=(size,))

    @property
    def names(self) -> tuple[str, ...]:
        """The portraits that it knows."""
        return tuple(word(raw) for raw in self.student.names)

    def encode_identity(self, source: Track) -> int:
        """The portrait's number.

        Raises:
            FaceError: it is none of those that the student knows.
        """
        alike = likeness(thumbnail(to_tensor([source.crops[0]])), self.student.faces)
        best = int(alike.argmax())
        if float(alike[best]) < ALIKE:
            raise FaceError(
                f"The student animates {', '.join(self.names)} and no other face: take one of these pictures, "
                "or the engine megaportraits."
            )
        return best

    @torch.inference_mode()
    def encode_motion(self, driver: Track, drive: Drive) -> Performance:
        """The driver's crops, shrunk.

        Raises:
            OptionError: there are no pictures, or the motion is to be absolute or of another strength.
        """
        if not len(driver.crops):
            raise OptionError("The engine student reads motion from pixels: a motion file has none.")
        if not drive.relative or drive.strength not in (0.0, 1.0):
            raise OptionError("The engine student moves as the driver does: relative, with strength 1 (or 0).")
        looks = torch.cat([self._look(crop) for crop in driver.crops])
        return Performance(looks, drive.neutral, drive.strength == 0)

    def _look(self, crop: Frame) -> UInt8[Tensor, "1 3 look look"]:
        side = self.student.config.look
        picture = torch.from_numpy(np.ascontiguousarray(crop)).permute(2, 0, 1)[None].float()
        return F.interpolate(picture, size=(side, side), mode="area").round().to(torch.uint8)

    def generate(self, identity: int, motion: Performance) -> Iterator[Frame]:
        """One frame per driver frame."""
        avatar, rest = torch.tensor([identity]), _floats(motion.looks[motion.neutral])
        for look in motion.looks:
            with torch.inference_mode():
                drawn = self.student(rest if motion.still else _floats(look), rest, avatar)
            yield to_frame(drawn[0].movedim(0, -1).numpy())


def _floats(look: UInt8[Tensor, "3 look look"]) -> Float[Tensor, "1 3 look look"]:
    return look[None].float() / 127.5 - 1


def read_student(file: Path) -> Student:
    """The network of a snapshot, ready for inference. Raises WeightsError."""
    config, state = weights.read(file)
    if config.get("recipe") != "student" or "student.faces" not in state:
        raise WeightsError(f"The model file {file.name} is no snapshot of the recipe student.")
    try:
        student = Student(StudentConfig.at(int(config["train"]["size"])), avatars=len(state["student.faces"]))
        own = {name.removeprefix("student."): value for name, value in state.items()}
        student.load_state_dict({name: v.float() if v.is_floating_point() else v for name, v in own.items()})
    except (RuntimeError, ValueError, KeyError) as error:
        raise WeightsError(f"The model file {file.name} was written by another version: distil it anew.") from error
    return student.eval().requires_grad_(False)
