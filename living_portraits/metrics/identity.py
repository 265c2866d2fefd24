"""Whose face it is: cosines between embeddings.

The embedding is handed in as a function, so that any network can be asked. `mobilefacenet` makes one from a file of
weights that does not come with the package.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float, Float32

from living_portraits.engine import Frame, Points
from living_portraits.nn.identity import MobileFaceNet
from living_portraits.nn.pixels import to_tensor

Embed: TypeAlias = Callable[[Frame, Points], Float32[np.ndarray, "features"]]
"""A picture and the face in it (px) -> numbers whose direction says who it is."""


def csim(a: Float[np.ndarray, "n features"], b: Float[np.ndarray, "#n features"]) -> Float[np.ndarray, "n"]:
    """Cosine similarity of embeddings, row by row, in [-1, 1]; 1 is the same face. NaN stays NaN."""
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray((a * b).sum(axis=1) / np.maximum(lengths, 1e-12))


def mobilefacenet(path: Path) -> Embed:
    """MobileFaceNet's 128 features of a face aligned by eyes, nose and mouth; raises WeightsError. On the CPU."""
    network = MobileFaceNet.read(path)

    def embed(frame: Frame, points: Points) -> Float32[np.ndarray, "128"]:
        picture = to_tensor([frame])
        with torch.inference_mode():
            return np.asarray(network.embed(picture, torch.from_numpy(points)[None])[0].numpy())

    return embed
