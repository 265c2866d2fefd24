"""When to stop: too few steps leave an identity gap, too many stiffen the face. This rule watches both.

At every check the person is drawn in positions that were never taught. A tracker reads lips and lids back from what
was drawn: their distance to what was asked for is the *mimics'* error. The *likeness'* error is that of the person's
own pictures, drawn from their own landmarks. Both are taken as shares of what they were before the first step, and the
state with the smallest sum is kept; when it has not become smaller for some checks, that is the end.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32

from living_portraits import geometry
from living_portraits.engine import Frame, Points

Tracker = Callable[[Frame], Points | None]
"""A frame -> the face's points in its px, None where no face is to be seen."""

LOST = 0.1
"""Of the picture's side: the error of a face that the tracker does not find."""

_MIMICS = list(geometry.MIMIC)


@dataclass(frozen=True)
class Check:
    """What was seen after some steps: errors of the likeness ([-1, 1]'s units) and of the mimics (px)."""

    step: int
    likeness: float
    mimics: float


def mimics_error(frames: list[Frame], asked: Float32[np.ndarray, "count 478 3"], tracker: Tracker) -> float:
    """Mean distance of lips and lids from where they were asked to be, px, the head's own travel taken out."""
    return float(np.mean([_error(frame, points, tracker(frame)) for frame, points in zip(frames, asked, strict=True)]))


def _error(frame: Frame, asked: Points, found: Points | None) -> float:
    if found is None:
        return LOST * frame.shape[0]
    apart = found[_MIMICS, :2] - asked[_MIMICS, :2]
    return float(np.linalg.norm(apart - apart.mean(axis=0), axis=1).mean())


@dataclass
class Rule:
    """Hears of every check and says when it is enough.

    Attributes:
        patience: checks without a better one before the end.
        checks: all so far; the first is that before any step.
        best: index of the best.
    """

    patience: int = 3
    checks: list[Check] = field(default_factory=list)
    best: int = 0

    def hear(self, check: Check) -> bool:
        """Takes a check in; True where it is the best so far."""
        self.checks.append(check)
        better = self.score(check) < self.score(self.checks[self.best])
        if better:
            self.best = len(self.checks) - 1
        return better

    def score(self, check: Check) -> float:
        """Likeness and mimics as shares of the first check's; 2 before the first step, less is better."""
        first = self.checks[0]
        return check.likeness / max(first.likeness, 1e-6) + check.mimics / max(first.mimics, 1e-6)

    @property
    def enough(self) -> bool:
        return len(self.checks) - 1 - self.best >= self.patience
