"""A detector of fakes: how well can a small network tell a dancer's frames from their film's?

Chan et al. 2019 released one with their system, so that what it makes can be told from film. Ours sees two frames in a
row about the person, learns on the part of the clip that was taught, real and painted frames of the same poses, and is
asked about the held-out end. It knows one dancer: what it says of another's frames is a guess.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from living_portraits.engine import Frame
from living_portraits.nn.pixels import to_tensor

SIDE = 128  # px of what it sees: the person at their own size, not shrunk, as traces lie in the finest detail
_SHOWN = 60  # JPEG quality of what is passed on: a film that was sent through a chat
_BATCH = 8

Shots = UInt8[np.ndarray, "time size size 3"]
Pairs = Float[Tensor, "count 6 side side"]


@dataclass(frozen=True)
class Told:
    """Shares of pairs of the held-out end that the detector is right about; half is a coin.

    Attributes:
        real, fake: of the film's, of the painted. passed_on: of both, after they were compressed once more.
    """

    real: float
    fake: float
    passed_on: float

    @property
    def accuracy(self) -> float:
        return (self.real + self.fake) / 2

    def __str__(self) -> str:
        return (
            f"A detector that saw this dancer's other frames is right about {self.accuracy:.0%} of pairs "
            f"(film {self.real:.0%}, painted {self.fake:.0%}), and about {self.passed_on:.0%} after compression."
        )


class Detector(nn.Module):
    """Two frames in a row to one number, above 0 for painted: four convolutions of stride 2, then the mean of places.

    Args:
        seed: of its first weights and of what it is shown.
    """

    def __init__(self, *, width: int = 16, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        widths = [6, width, 2 * width, 4 * width, 4 * width]
        layers: list[nn.Module] = []
        for a, b in pairwise(widths):
            layers += [nn.Conv2d(a, b, 3, 2, 1), nn.LeakyReLU(0.2)]
        self.body, self.head = nn.Sequential(*layers), nn.Linear(widths[-1], 1)
        self._random = np.random.default_rng(seed)

    def forward(self, pairs: Pairs) -> Float[Tensor, "count"]:
        return self.head(self.body(pairs).mean(dim=(2, 3)))[:, 0]

    def learn(self, real: Shots, fake: Shots, middles: Sequence[tuple[float, float]], *, steps: int = 300) -> None:
        """Real and painted frames of the same poses; half of what it sees is compressed, so that it looks further."""
        optimiser = torch.optim.Adam(self.parameters(), lr=2e-3)
        for _ in range(steps):
            chosen = self._random.integers(1, len(real), _BATCH)
            middle = [tuple(np.add(middles[i], self._random.integers(-8, 9, 2))) for i in chosen]
            worn = self._random.random() < 0.5
            both = [_pairs(shots, chosen.tolist(), middle, worn=worn) for shots in (real, fake)]
            truth = torch.tensor([0.0] * _BATCH + [1.0] * _BATCH)
            optimiser.zero_grad()
            F.binary_cross_entropy_with_logits(self(torch.cat(both)), truth).backward()  # type: ignore[no-untyped-call]
            optimiser.step()

    @torch.no_grad()
    def asked(self, real: Shots, fake: Shots, middles: Sequence[tuple[float, float]]) -> Told:
        """What it says of every second pair of frames that it has never seen."""
        every, middle = list(range(1, len(real), 2)), [middles[i] for i in range(1, len(real), 2)]
        right = {
            worn: [
                float(((self(_pairs(shots, every, middle, worn=worn)) > 0) == painted).float().mean())
                for shots, painted in ((real, False), (fake, True))
            ]
            for worn in (False, True)
        }
        real_right, fake_right = right[False]
        return Told(real_right, fake_right, passed_on=sum(right[True]) / 2)


def middles(points: Float[np.ndarray, "time 33 3"]) -> list[tuple[float, float]]:
    """Where to look: the middle of what the body spans, px."""
    low, high = points[..., :2].min(axis=1), points[..., :2].max(axis=1)
    return [(float(x), float(y)) for x, y in (low + high) / 2]


def _pairs(shots: Shots, which: Sequence[int], where: Sequence[tuple[float, float]], *, worn: bool) -> Pairs:
    """Frames and the ones before them, cut out about the person; `worn`: compressed."""
    sides = [[_cut(shots[number - back], place) for number, place in zip(which, where, strict=True)] for back in (1, 0)]
    if worn:
        sides = [[_worn(frame) for frame in frames] for frames in sides]
    return torch.cat([to_tensor(frames) for frames in sides], dim=1)


def _cut(frame: Frame, middle: tuple[float, float]) -> Frame:
    side = min(SIDE, frame.shape[0])
    left, top = (int(np.clip(round(place - side / 2), 0, frame.shape[0] - side)) for place in middle)
    return frame[top : top + side, left : left + side]


def _worn(frame: Frame) -> Frame:
    _, data = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _SHOWN])
    worn = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert worn is not None
    return np.ascontiguousarray(worn[..., ::-1])
