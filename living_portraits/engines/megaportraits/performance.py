"""A driver's motion as poses and codes, and what becomes of it on a source: relative, absolute, or as told."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from living_portraits import geometry, motion
from living_portraits.engine import Drive, Track
from living_portraits.engines.megaportraits.pose import Pose
from living_portraits.sway import Sway
from living_portraits.watching import watch


@dataclass(frozen=True, eq=False)
class Performance:
    """A clip's motion, T frames.

    Attributes:
        poses: of the driver's head, a batch of T. codes: z.
        drive: how it is to be taken.
    """

    poses: Pose
    codes: Float[Tensor, "time code"]
    drive: Drive

    def __len__(self) -> int:
        return len(self.codes)

    def on(self, pose: Pose, code: Float[Tensor, "1 code"], frame: int) -> tuple[Pose, Float[Tensor, "1 code"]]:
        """Pose and code of a source (its own are `pose`, `code`) in frame number `frame`.

        Place and size change as the driver's since the neutral frame, in the source's own size; the code by the codes'
        difference; the rotation by the driver's (relative) or to the driver's (absolute).
        """
        drive = self.drive
        now, rest = (self.poses.pick(slice(i, i + 1)) for i in (frame, drive.neutral))
        own = torch.eye(3)[None] if drive.frontal else pose.rotation
        turn = now.rotation @ rest.rotation.mT if drive.relative else now.rotation
        turn = turn_of(drive.strength * turn_vector(turn[0]))[None]
        rotation = on_top(drive) @ (turn @ own if drive.relative else turn)
        zoom = (now.size / rest.size) ** drive.travel
        place = pose.place + drive.travel * (now.place - rest.place) * (pose.size / rest.size)
        change = self.codes[frame : frame + 1] - self.codes[drive.neutral : drive.neutral + 1]
        return Pose(rotation, place, pose.size * zoom), code + drive.strength * drive.expression * change


@dataclass(frozen=True, eq=False)
class Heard:
    """A clip's motion as a base hears it, T frames.

    Attributes:
        head: what points and pictures say. shapes: how blendshapes differ from the neutral frame's.
        sway: how all the rest moves; None where there are no pictures of the driver.
    """

    head: motion.HeadMotion
    shapes: Float[Tensor, "time 52"]
    sway: Sway | None

    @classmethod
    def of(cls, driver: Track, drive: Drive) -> "Heard":
        """Reads it, and does to it what `drive` says."""
        change = torch.from_numpy(driver.blendshapes - driver.blendshapes[drive.neutral])
        head, sway = watch(driver, drive)
        return cls(head, drive.strength * drive.expression * change, sway)

    def __len__(self) -> int:
        return len(self.head)


def on_top(drive: Drive) -> Float[Tensor, "3 3"]:
    """The turn that is asked for on top of the driver's, in the picture's frame (x right, y down, z away)."""
    flip = np.diag([1.0, -1.0, -1.0])  # from y up and z towards the viewer
    return torch.from_numpy(flip @ motion.on_top(drive) @ flip).float()


def turn_vector(rotation: Float[Tensor, "3 3"]) -> Float[Tensor, "3"]:
    """Axis times angle."""
    return torch.from_numpy(geometry.rotation_vector(rotation.double().numpy())).float()


def turn_of(vector: Float[Tensor, "3"]) -> Float[Tensor, "3 3"]:
    """The rotation by |vector| radians about the vector."""
    return torch.from_numpy(geometry.rotation_matrix(vector.double().numpy())).float()
