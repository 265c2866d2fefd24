"""A driver's motion as poses and codes, and what becomes of it on a source: relative, absolute, or as told."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from living_portraits import geometry
from living_portraits.engines.megaportraits.pose import Pose, product
from living_portraits.errors import OptionError

MOST_DEGREES = 15.0
"""How far a head may be turned on top of its motion: what the paper shows (Fig. 15)."""


@dataclass(frozen=True, kw_only=True)
class Controls:
    """What is done to the motion beside the driver's wish (MP, Figs. 13 to 15).

    Attributes:
        stay: keep the source's own place and size (Fig. 13).
        frontal: begin with the source's head turned to the viewer (Fig. 14).
        roll, pitch, yaw: degrees on top, each within 15: clockwise, up, to the picture's right.
        expression: factor on the expression alone.
    """

    stay: bool = False
    frontal: bool = False
    roll: float = 0.0
    pitch: float = 0.0
    yaw: float = 0.0
    expression: float = 1.0

    def __post_init__(self) -> None:
        for name in ("roll", "pitch", "yaw"):
            if not abs(getattr(self, name)) <= MOST_DEGREES:
                raise OptionError(f"{name} is at most {MOST_DEGREES:g} degrees either way, not {getattr(self, name)}.")
        if not 0 <= self.expression <= 2:
            raise OptionError(f"expression is between 0 and 2, not {self.expression}.")

    def turn(self) -> Float[Tensor, "3 3"]:
        """The turn on top, in the picture's frame (x right, y down, z away)."""
        return turn_of(torch.tensor([-self.pitch, -self.yaw, self.roll]) * (torch.pi / 180))


@dataclass(frozen=True, eq=False)
class Performance:
    """A clip's motion, T frames.

    Attributes:
        poses: of the driver's head, a batch of T. codes: z.
        neutral: number of the frame at rest. relative, strength: see `Drive`.
    """

    poses: Pose
    codes: Float[Tensor, "time code"]
    neutral: int
    relative: bool
    strength: float

    def __len__(self) -> int:
        return len(self.codes)

    def on(
        self, pose: Pose, code: Float[Tensor, "1 code"], frame: int, *, controls: Controls
    ) -> tuple[Pose, Float[Tensor, "1 code"]]:
        """Pose and code of a source (its own are `pose`, `code`) in frame number `frame`.

        Place and size change as the driver's since the neutral frame, in the source's own size; the code by the codes'
        difference; the rotation by the driver's (relative) or to the driver's (absolute).
        """
        now, rest = (self.poses.pick(slice(i, i + 1)) for i in (frame, self.neutral))
        k = self.strength
        own = torch.eye(3)[None] if controls.frontal else pose.rotation
        turn = now.rotation @ rest.rotation.mT if self.relative else now.rotation
        turn = turn_of(k * turn_vector(turn[0]))[None]
        rotation = controls.turn() @ (turn @ own if self.relative else turn)
        zoom = (now.size / rest.size) ** k
        place = pose.place + k * (now.place - rest.place) * (pose.size / rest.size)
        if controls.stay:
            place, zoom = pose.place, torch.ones_like(zoom)
        change = self.codes[frame : frame + 1] - self.codes[self.neutral : self.neutral + 1]
        return Pose(rotation, place, pose.size * zoom), code + k * controls.expression * change


def followed(own: Pose, now: Pose, rest: Pose) -> Pose:
    """`own` as the driver's poses changed from `rest` to `now`: for batches, at full strength, relative."""
    zoom = now.size / rest.size
    place = own.place + (now.place - rest.place) * (own.size / rest.size)
    turn = product(now.rotation, rest.rotation.mT)
    return Pose(product(turn, own.rotation), place, own.size * zoom)


def turn_vector(rotation: Float[Tensor, "3 3"]) -> Float[Tensor, "3"]:
    """Axis times angle."""
    return torch.from_numpy(geometry.rotation_vector(rotation.double().numpy())).float()


def turn_of(vector: Float[Tensor, "3"]) -> Float[Tensor, "3 3"]:
    """The rotation by |vector| radians about the vector."""
    return torch.from_numpy(geometry.rotation_matrix(vector.double().numpy())).float()
