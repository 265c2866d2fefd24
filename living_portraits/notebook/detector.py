"""A detector of fakes, small enough to be taught in a second, and honest about how little it knows.

It looks at how much detail there is at each fineness (the radial power spectrum of the face), which is what published
detectors of generated pictures began with (Durall et al. 2020, arXiv 2003.01826), and weighs it by logistic regression.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32
from torch import Tensor, nn

from living_portraits.engine import Frame

BANDS, SIDE = 15, 128
"""Rings of the spectrum, and the side of the middle of the crop that is looked at, px."""


class Detector:
    """Says of a frame whether it is a fake; knows nothing but the frames it was taught."""

    def __init__(self, real: Sequence[Frame], fake: Sequence[Frame], *, steps: int = 300, seed: int = 0) -> None:
        found = torch.from_numpy(np.stack([spectrum(frame) for frame in (*real, *fake)]))
        truth = torch.tensor([0.0] * len(real) + [1.0] * len(fake))
        self._mean, self._spread = found.mean(dim=0), found.std(dim=0)
        torch.manual_seed(seed)
        self._weigh = nn.Linear(BANDS, 1)
        optimiser = torch.optim.Adam(self._weigh.parameters(), lr=0.05, weight_decay=1e-3)
        for _ in range(steps):
            loss = F.binary_cross_entropy_with_logits(self._score(found), truth)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()

    @torch.no_grad()
    def called_fake(self, frames: Sequence[Frame]) -> float:
        """The share of these frames that it calls fakes."""
        found = torch.from_numpy(np.stack([spectrum(frame) for frame in frames]))
        return float((self._score(found) > 0).float().mean())

    def accuracy(self, real: Sequence[Frame], fake: Sequence[Frame]) -> float:
        """The mean of the shares of each that it is right about; 0.5 is a coin."""
        return (1 - self.called_fake(real) + self.called_fake(fake)) / 2

    def word(self, frame: Frame) -> str:
        """What it says of one frame."""
        return "fake" if self.called_fake([frame]) else "real"

    def _score(self, found: Float[Tensor, "frames bands"]) -> Float[Tensor, "frames"]:
        return self._weigh((found - self._mean) / self._spread)[:, 0]


def spectrum(frame: Frame) -> Float32[np.ndarray, "15"]:
    """The logarithm of the power in each ring of the face's spectrum, from coarse to fine; the coarsest is left out."""
    start = (frame.shape[0] - SIDE) // 2
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)[start : start + SIDE, start : start + SIDE].astype(np.float64)
    window = np.outer(np.hanning(SIDE), np.hanning(SIDE))
    power = np.abs(np.fft.fftshift(np.fft.fft2((grey - grey.mean()) * window))) ** 2
    axis = np.arange(SIDE) - SIDE // 2
    rings = np.clip(np.hypot(axis, axis[:, None]) * (BANDS + 1) / (SIDE // 2), 0, BANDS).astype(int).ravel()
    mean = np.bincount(rings, power.ravel()) / np.bincount(rings)
    return np.log(mean[1:] + 1e-3).astype(np.float32)
