"""A dancer so small that they are learned while a class waits; and what the previous output does for them."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from living_portraits.choreography import Choreography
from living_portraits.engine import Frame
from living_portraits.engines.dance.dancer import Dancer
from living_portraits.engines.dance.engine import perform
from living_portraits.engines.dance.networks import Shape
from living_portraits.nn.pixels import to_frames, to_tensor
from living_portraits.rehearsal.footage import Footage
from living_portraits.rehearsal.lesson import DanceConfig, Lesson
from living_portraits.skeleton import BodyPoints, draw_skeleton

STEPS = 120
_WARM = 10  # steps over which the rate rises
_SETTLED = 5  # frames after which the first one, which follows nothing, is forgotten


def rehearse(
    target: Footage, *, temporal: bool = True, steps: int = STEPS, seed: int = 0
) -> tuple[Dancer, list[float]]:
    """Teaches one dancer by L1 alone, with the code of `dance train`; and the error at each step, in shares of white.

    Args:
        target: who is learned.
        temporal: whether the network is told its own previous output (EDN section 4.1), or each frame stands alone.
    """
    shape = Shape(width=12, downs=2, blocks=2, local_blocks=0, face_width=4, face_blocks=1, temporal=temporal)
    config = DanceConfig(lr=2e-3, steps=steps, stale=0.0, critic_width=4, bfloat16=False, seed=seed)
    lesson, errors = Lesson(target, shape, config, look=None), []
    for step in range(steps):
        done = step / steps
        rate = min(1.0, (step + 1) / _WARM) * (1.0 if done < 0.5 else 1.0 - 1.8 * (done - 0.5))
        found = lesson.step("full", judged=False, rate=rate)
        errors.append(found["pixels"] / config.pixels / 2 / 2)  # of two frames; white is 2 above black
    return lesson.dancer({"name": "performer"}, face=False), errors


def held_out(target: Footage) -> Choreography:
    """The end of a clip, which nobody was taught."""
    return Choreography(target.dance.points[target.taught :], target.dance.fps)


def danced(dancer: Dancer, dance: Choreography) -> list[Frame]:
    """What a dancer makes of a dance that is in px of their stage."""
    return list(perform(dancer, dance))


def trembling(pose: BodyPoints, *, frames: int = 30, by: float = 0.7, seed: int = 0) -> Choreography:
    """Somebody who stands still, as a tracker sees them: each point off by `by` px or so, in each frame anew."""
    points = np.repeat(pose[None], frames, axis=0)
    points[..., :2] += np.random.default_rng(seed).normal(0, by, points[..., :2].shape).astype(np.float32)
    return Choreography(points, 25.0)


def flicker(frames: list[Frame]) -> float:
    """Mean change from frame to frame, in shares of white, once the first frames are over."""
    return float(np.abs(np.diff(np.stack(frames).astype(np.float64), axis=0))[_SETTLED:].mean() / 255)


def after(dancer: Dancer, pose: BodyPoints, previous: Frame | None) -> Frame:
    """What a dancer paints of a pose when told that `previous` was the frame before; None: there was none."""
    return next(_painted(dancer, [pose], previous))


def memory(dancer: Dancer, pose: BodyPoints, wrong: Frame, *, frames: int = 12) -> Float64[np.ndarray, "frames"]:
    """How far frames of one pose differ after a wrong previous frame from those after none: mean, shares of white."""
    pairs = zip(*(_painted(dancer, [pose] * frames, before) for before in (wrong, None)), strict=True)
    return np.array([np.abs(one.astype(np.float64) - other).mean() / 255 for one, other in pairs])


@torch.inference_mode()
def _painted(dancer: Dancer, poses: list[BodyPoints], previous: Frame | None) -> Iterator[Frame]:
    plate: Float[Tensor, "1 3 size size"] = to_tensor([dancer.plate])
    told = dancer.generator.shape.temporal
    before = to_tensor([previous]) if told and previous is not None else torch.zeros_like(plate)
    for pose in poses:
        painted = dancer.generator(to_tensor([draw_skeleton(pose, size=dancer.size)]), before, plate).frame
        if told:
            before = painted
        yield to_frames(painted)[0]
