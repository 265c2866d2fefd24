"""Changes to a batch that keep it true, on the device that holds it. Random numbers come from torch's generators."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from living_portraits import geometry
from living_portraits.training.recipe import Batch, TrainConfig

# ARKit's shapes in MediaPipe's order that come in a left and a right form.
_SHAPE_PAIRS = (
    (1, 2), (4, 5), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16), (17, 18), (19, 20), (21, 22), (24, 26),
    (28, 29), (30, 31), (33, 39), (34, 35), (36, 37), (44, 45), (46, 47), (48, 49), (50, 51),
)  # fmt: skip


def mirrored_shapes() -> Int64[np.ndarray, "52"]:
    """Which blendshape stands in for each in a mirrored picture."""
    order = np.arange(52)
    for a, b in _SHAPE_PAIRS:
        order[a], order[b] = b, a
    return order


class Augment:
    """What a config asks for: mirroring and a change of colour, the same for all frames of a sample.

    `coloured` names the extras that show what the frames show: their colours change alike.
    """

    def __init__(self, config: TrainConfig, *, device: torch.device, coloured: tuple[str, ...] = ()) -> None:
        self.config, self.coloured = config, coloured
        self.points = torch.from_numpy(geometry.MIRRORED).to(device)
        self.shapes = torch.from_numpy(mirrored_shapes()).to(device)

    def __call__(self, batch: Batch) -> Batch:
        count, device = len(batch.frames), batch.frames.device
        if self.config.flip:
            batch = flipped(batch, torch.rand(count, device=device) < 0.5, points=self.points, shapes=self.shapes)
        if self.config.colour:
            batch = recoloured(batch, self.config.colour, extras=self.coloured)
        return batch


def flipped(
    batch: Batch,
    which: Bool[Tensor, "batch"],
    *,
    points: Int64[Tensor, "478"],
    shapes: Int64[Tensor, "52"],
) -> Batch:
    """The batch with some samples mirrored: frames, extras, points and blendshapes alike."""
    mirrored = batch.points[:, :, points].clone()
    mirrored[..., 0] = batch.frames.shape[-1] - 1 - mirrored[..., 0]  # pixel centres at integers
    return replace(
        batch,
        frames=_either(which, batch.frames.flip(-1), batch.frames),
        points=_either(which, mirrored, batch.points),
        blendshapes=_either(which, batch.blendshapes[..., shapes], batch.blendshapes),
        extra={name: _either(which, _mirrored(name, values), values) for name, values in batch.extra.items()},
    )


def _mirrored(name: str, values: Tensor) -> Tensor:
    """An extra in the mirror; see `Recipe.extra` for what its name says."""
    values = values.flip(-1)
    if name.endswith("places"):
        return values * values.new_tensor((-1.0, 1.0)).view(1, 1, 2, 1, 1)
    return values


def _either(which: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.where(which.view(-1, *[1] * (a.ndim - 1)), a, b)


@dataclass(frozen=True)
class Recolouring:
    """Another contrast, brightness and tint for each sample."""

    contrast: Float[Tensor, "batch 1 1 1 1"]
    brightness: Float[Tensor, "batch 1 1 1 1"]
    tint: Float[Tensor, "batch 1 3 1 1"]

    @classmethod
    def drawn(cls, count: int, strength: float, *, like: Tensor) -> "Recolouring":
        """Drawn at random for `count` samples, each change up to `strength`, the tint up to half of it."""
        shapes = ((count, 1, 1, 1, 1), (count, 1, 1, 1, 1), (count, 1, 3, 1, 1))
        contrast, brightness, tint = (_even(shape, like) for shape in shapes)
        return cls(1 + strength * contrast, strength * brightness, strength / 2 * tint)

    def __call__(
        self, frames: Float[Tensor, "batch frames 3 height width"]
    ) -> Float[Tensor, "batch frames 3 height width"]:
        """Frames in [-1, 1], changed and held within [-1, 1]."""
        return (frames * self.contrast + self.brightness + self.tint).clamp(-1, 1)


def recoloured(batch: Batch, strength: float, *, extras: tuple[str, ...] = ()) -> Batch:
    """The batch with another contrast, brightness and tint, drawn for each sample, of its frames and these extras."""
    change = Recolouring.drawn(len(batch.frames), strength, like=batch.frames)
    alike = {name: change(values) for name, values in batch.extra.items() if name in extras}
    return replace(batch, frames=change(batch.frames), extra={**batch.extra, **alike})


def _even(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Evenly spread over [-1, 1]."""
    return torch.rand(shape, device=like.device, dtype=like.dtype) * 2 - 1
