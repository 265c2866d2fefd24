"""From frames to what networks take, and back: one function each way."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from living_portraits.engine import Frame


def to_tensor(
    frames: Sequence[UInt8[np.ndarray, "height width channels"]],
) -> Float[Tensor, "time channels height width"]:
    """Frames of one size, as float in [-1, 1]."""
    return torch.from_numpy(np.stack(frames)).movedim(-1, 1).float() / 127.5 - 1


def to_frames(pictures: Float[Tensor, "time 3 height width"]) -> list[Frame]:
    """Pictures in [-1, 1], held within, as uint8 frames."""
    pixels = ((pictures.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).movedim(1, -1)
    return [np.ascontiguousarray(frame) for frame in pixels.cpu().numpy()]
