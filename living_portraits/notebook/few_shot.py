"""Fine-tuning while a class waits: the talking head of the paper's form, a few pictures of a film, every look at it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np
import torch
from jaxtyping import Float32

from living_portraits import samples, weights
from living_portraits.engine import Frame, Points, Track
from living_portraits.engines.talking_head.content import Weights
from living_portraits.engines.talking_head.engine import DRAWN, drawings, read_networks
from living_portraits.face.landmarker import Landmarker
from living_portraits.finetune.tune import Lesson, Material, TuneConfig
from living_portraits.finetune.views import View
from living_portraits.finetune.watch import Check, Rule
from living_portraits.nn.pixels import to_frames
from living_portraits.notebook.faces import driver_track
from living_portraits.notebook.pictures import COLOURS, finish, label
from living_portraits.variety import spread

SIDE, CLOSE = 96, 1.8
"""Px of the pictures, and sides of the crop in face heights: the face is as large as those that the base learned on."""

ASKED, SHOWN = 9, 2  # every so many frames is kept for asking; every so many of these is shown
PIXELS = Weights(vgg=0.0, lpips=0.0, face=0.0)  # L1 alone, mouth and eyes counting more

MONA_LISA = tuple(
    Check(50 * number, likeness, mimics)
    for number, (likeness, mimics) in enumerate(
        (
            (8.75, 2.27), (1.44, 1.66), (1.02, 1.80), (0.886, 1.65), (0.771, 1.40), (0.616, 1.43), (0.575, 1.41),
            (0.636, 1.42), (0.524, 1.49), (0.578, 1.52), (0.526, 1.75), (0.535, 1.60), (0.497, 1.56), (0.46, 1.43),
            (0.484, 1.53), (0.426, 1.40), (0.402, 1.38), (0.443, 1.31), (0.395, 1.34), (0.413, 1.20),
        )
    )
)  # fmt: skip
"""Every look at the lesson that made weights/talking-head/drawn_mona_lisa.safetensors, 18 minutes, as it was told."""


@dataclass(frozen=True, eq=False)
class Somebody:
    """One person's film, small; `asked` are the numbers of the frames that are never taught."""

    track: Track
    asked: list[int]

    def chosen(self, count: int) -> list[int]:
        """`count` frames to learn from, as unlike each other as they come."""
        free = [number for number in range(len(self.track)) if number not in self.asked]
        shapes = self.track.points[free] - self.track.points[free].mean(axis=1, keepdims=True)
        return [free[number] for number in spread(shapes.reshape(len(free), -1).astype(np.float64), count, first=0)]

    def shown(self) -> list[int]:
        """Those of the asked frames that are shown."""
        return self.asked[::SHOWN]

    def view(self, number: int) -> View:
        """A frame as it is."""
        return View(self.track.crops[number], self.track.points[number], self.track.crops[number])

    def pictures(self, numbers: Sequence[int]) -> Track:
        """Some frames as pictures of one person."""
        chosen = list(numbers)
        crops = [self.track.crops[number] for number in chosen]
        return Track(crops, self.track.points[chosen], self.track.blendshapes[chosen])


def somebody(driver: Path = samples.sing, *, seconds: float = 4.0) -> Somebody:
    """A bundled clip, cut out closely. Every ninth frame is kept for asking."""
    track = driver_track(driver, seconds=seconds, size=SIDE, scale=CLOSE)
    return Somebody(track, list(range(ASKED // 2, len(track), ASKED)))


@dataclass(frozen=True, eq=False)
class Learned:
    """A course of fine-tuning.

    Attributes:
        pictures: how many there were to learn from.
        checks: every look, the first before any step.
        films: at every look, every `SHOWN`th of the asked frames as it was drawn then.
    """

    pictures: int
    checks: list[Check]
    films: list[list[Frame]]

    def mimics(self) -> float:
        """The mimics' error over the second half of the looks, as a share of what it was before the first step."""
        late = self.checks[len(self.checks) // 2 :]
        return float(np.mean([check.mimics for check in late]) / self.checks[0].mimics)


def fine_tune(
    who: Somebody, count: int, *, steps: int = 32, every: int = 4, rate: float = 5e-4, seed: int = 0
) -> Learned:
    """`finetune`'s own lesson on `count` pictures: no views of them, L1 alone, the rate the same throughout."""
    torch.manual_seed(seed)
    config = TuneConfig(batch=min(2, count), lr=rate, content=PIXELS)
    material = Material(asked=[who.view(number) for number in who.asked])
    lesson = Lesson(*read_networks(weights.path(DRAWN)), who.pictures(who.chosen(count)), material, config)
    learned = Learned(count, [], [])
    with Landmarker() as landmarker:

        def find(frame: Frame) -> Points | None:
            faces = landmarker.detect(frame)
            return faces[0].points if faces else None

        for step in range(steps + 1):
            if step % every == 0:
                learned.checks.append(lesson.look(step, find)[0])
                learned.films.append(_drawn(lesson, who.track.points[who.shown()]))
            if step < steps:
                lesson.step()
    return learned


@torch.no_grad()
def _drawn(lesson: Lesson, points: Float32[np.ndarray, "count 478 3"]) -> list[Frame]:
    return to_frames(lesson.generator.eval()(drawings(list(points), size=SIDE), lesson.style))


def stopped(checks: Sequence[Check], *, patience: int) -> tuple[Check, Check]:
    """Where `finetune`'s rule would have ended a course, and the look that it would have kept."""
    rule = Rule(patience, [checks[0]])
    for check in checks[1:]:
        rule.hear(check)
        if rule.enough:
            break
    return rule.checks[-1], rule.checks[rule.best]


def sums(checks: Sequence[Check]) -> list[float]:
    """What the rule makes small: both errors, as shares of what they were before the first step."""
    rule = Rule(len(checks), [checks[0]])
    return [rule.score(check) for check in checks]


def courses(known: dict[str, Sequence[Check]], *, patience: int) -> None:
    """Likeness, mimics and their sum, all as shares of the first look's; a ring at the look that the rule keeps."""
    figure, places = plt.subplots(1, 3, figsize=(10, 2.9), layout="constrained")
    for colour, (name, checks) in zip(COLOURS, known.items(), strict=False):
        steps, first, (_, kept) = [one.step for one in checks], checks[0], stopped(checks, patience=patience)
        at = [one.step for one in checks].index(kept.step)
        shares = [[one.likeness / first.likeness for one in checks], [one.mimics / first.mimics for one in checks]]
        for place, values in zip(places, [*shares, sums(checks)], strict=True):
            place.plot(steps[1:], values[1:], "-o", color=colour, label=name, markersize=2.5, linewidth=1.3)
            if at:
                place.plot(steps[at], values[at], "o", color=colour, markersize=10, fillstyle="none")
    for place, name in zip(places, ("error of the likeness", "error of the mimics", "their sum"), strict=True):
        place.set_title(name, fontsize=10)
        label(place, "steps", "of what it was" if name.endswith("likeness") else "")
        place.axhline(2.0 if name.endswith("sum") else 1.0, color="#bbbbbb", linewidth=0.8)
        place.set_ylim(bottom=0)
    places[0].legend(frameon=False, fontsize=9)
    finish(figure)


def sheet(frames: Sequence[Frame], *, across: int, side: int = 128) -> Frame:
    """Frames as one picture, `across` in a row, each `side` px wide."""
    small = [np.asarray(cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA), np.uint8) for frame in frames]
    small += [np.full_like(small[0], 255)] * (math.ceil(len(small) / across) * across - len(small))
    rows = [np.concatenate(small[start : start + across], axis=1) for start in range(0, len(small), across)]
    return np.concatenate(rows)
