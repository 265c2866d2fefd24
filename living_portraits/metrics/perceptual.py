"""What networks trained on photographs see: LPIPS, and features for a distribution distance."""

from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float32
from torch.nn.functional import normalize

from living_portraits.engine import Frame
from living_portraits.nn.perceptual import LPIPS, Backbone
from living_portraits.nn.pixels import to_tensor

Look: TypeAlias = list[torch.Tensor]
"""A network's activations for one picture, `[channels, height, width]`, shallow to deep."""


class Perceptual:
    """One backbone with its LPIPS heads, on the CPU, in float32.

    A look costs all the time, so it is taken once and compared often.
    Raises WeightsError where the package with the weights is missing; the message says how to get it.
    """

    def __init__(self, backbone: Backbone) -> None:
        self._network = LPIPS.load(backbone).eval()

    def look(self, frame: Frame) -> Look:
        """What the network sees in a picture."""
        network = self._network
        pixels = to_tensor([frame])
        with torch.inference_mode():
            return [activations[0] for activations in network.trunk((pixels - network.shift) / network.scale)]

    def distance(self, result: Look, truth: Look) -> float:
        """LPIPS of two pictures looked at: 0 is equal, about 0.1 close, 0.5 another picture; see `nn.perceptual.LPIPS`.

        `sum over layers of mean over places of sum over channels w_c (a_c - b_c)^2`, a and b of length 1 at each place.
        """
        with torch.inference_mode():
            layers = [
                (normalize(a, dim=0) - normalize(b, dim=0)).square_().mean((1, 2)) @ head
                for a, b, head in zip(result, truth, self._network.heads, strict=True)
            ]
            return float(torch.stack(layers).sum())


def features(look: Look) -> Float32[np.ndarray, "channels"]:
    """The last convolution's activations, averaged over all places: 512 numbers of VGG16, 256 of AlexNet."""
    return np.asarray(look[-1].mean((1, 2)).numpy())
