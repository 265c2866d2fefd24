"""Fine-tuning while a class waits: somebody's film at 64 px, a few pictures of it, and what each step makes of them."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from living_portraits import samples
from living_portraits.data.pseudo_films import spread
from living_portraits.engine import Frame
from living_portraits.engines.talking_head.engine import drawings
from living_portraits.engines.talking_head.networks import FewShot, Generator
from living_portraits.finetune.watch import Check, Rule
from living_portraits.nn import losses
from living_portraits.nn.pixels import to_frames, to_tensor
from living_portraits.notebook.faces import driver_track
from living_portraits.notebook.pictures import COLOURS, finish, label
from living_portraits.notebook.tiny import CLOSE, POSED, SIDE, drawn, shrunk_points

ASKED = 6  # every so many frames is kept for asking


@dataclass(frozen=True, eq=False)
class Somebody:
    """One person's film, small.

    Attributes:
        pictures, drawings: `[time, 3, 64, 64]` in [-1, 1]. points: `[time, 478, 3]`, px of them.
        asked: numbers of the frames that are never taught.
    """

    pictures: Float[Tensor, "time 3 64 64"]
    drawings: Float[Tensor, "time 3 64 64"]
    points: Float32[np.ndarray, "time 478 3"]
    asked: list[int]

    def chosen(self, count: int) -> list[int]:
        """`count` frames to learn from, as unlike each other as they come."""
        free = [number for number in range(len(self.pictures)) if number not in self.asked]
        shapes = self.points[free] - self.points[free].mean(axis=1, keepdims=True)
        return [free[number] for number in spread(shapes.reshape(len(free), -1).astype(np.float64), count, first=0)]

    def frame(self, number: int) -> Frame:
        """One picture."""
        return to_frames(self.pictures[number : number + 1])[0]


def somebody(driver: Path = samples.sing, *, seconds: float = 4.0) -> Somebody:
    """A bundled clip, cut out closely. Every sixth frame is kept for asking."""
    track = driver_track(driver, seconds=seconds, size=POSED, scale=CLOSE)
    small = [np.asarray(cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8) for crop in track.crops]
    points = np.stack([shrunk_points(face) for face in track.points])
    asked = list(range(ASKED // 2, len(small), ASKED))
    return Somebody(to_tensor(small), drawings(list(points), size=SIDE), points, asked)


@dataclass(frozen=True, eq=False)
class Learned:
    """Somebody, fine-tuned.

    Attributes:
        pictures: how many they were learned from.
        rule: every check: the likeness' error on these pictures, the mimics' on frames never taught, of white.
        gains: at every check, how much mouth and eyes change over the asked frames, of how much they do in the film.
        states: generator and AdaIN numbers at every check.
    """

    pictures: int
    rule: Rule
    gains: list[float]
    states: list[tuple[dict[str, Tensor], Float[Tensor, "1 numbers"]]]

    def drawn(self, net: FewShot, drawing: Float[Tensor, "3 64 64"], *, check: int | None = None) -> Frame:
        """The person in the pose of a drawing, as at a check, by default the best."""
        generator = copy.deepcopy(net.generator)
        state, style = self.states[self.rule.best if check is None else check]
        generator.load_state_dict(state)
        with torch.no_grad():
            return to_frames(generator.eval()(drawing[None], style))[0]

    def steps(self) -> list[int]:
        """At which the checks were."""
        return [check.step for check in self.rule.checks]


def fine_tune(
    net: FewShot, who: Somebody, count: int, *, steps: int = 120, every: int = 12, rate: float = 1e-3, seed: int = 0
) -> Learned:
    """FSTH section 3.3, with L1 alone: `psi' = P e` of `count` pictures becomes a parameter and is trained with G."""
    torch.manual_seed(seed)
    shown = who.chosen(count)
    generator = copy.deepcopy(net.generator)
    with torch.no_grad():
        embedding = net.eval().embed(who.pictures[shown][None], who.drawings[shown][None])
        style = nn.Parameter(net.style(embedding))
    optimiser = torch.optim.Adam([*generator.parameters(), style], lr=rate, betas=(0.0, 0.99))
    learned = Learned(count, Rule(patience=steps), [], [])
    for step in range(steps + 1):
        if step % every == 0:
            _check(learned, generator, style, who, shown, step)
        some = [shown[number] for number in torch.randint(len(shown), (min(4, 2 * count),)).tolist()]
        error = (generator.train()(who.drawings[some], style) - who.pictures[some]).abs().mean()
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
    return learned


@torch.no_grad()
def _check(
    learned: Learned, generator: Generator, style: nn.Parameter, who: Somebody, shown: list[int], step: int
) -> None:
    """Adds what there is to see after `step` steps."""
    generator.eval()
    own = (generator(who.drawings[shown], style) - who.pictures[shown]).abs().mean() / 2
    truth, output = who.pictures[who.asked], generator(who.drawings[who.asked], style)
    points = torch.from_numpy(who.points[who.asked])
    lively = losses.mouth_weight(points, size=SIDE) + losses.eye_weight(points, size=SIDE)
    mimics = (lively * (output - truth).abs()).sum() / (3 * lively.sum()) / 2
    at = lively.mean(dim=0)
    gain = (at * output.std(dim=0)).sum() / (at * truth.std(dim=0)).sum()
    learned.rule.hear(Check(step, float(own), float(mimics)))
    learned.gains.append(float(gain))
    learned.states.append((copy.deepcopy(generator.state_dict()), style.detach().clone()))


def fed_forward(net: FewShot, who: Somebody, count: int, drawing: Float[Tensor, "3 64 64"]) -> Frame:
    """The person as the network draws them from `count` pictures before any fine-tuning."""
    shown = who.chosen(count)
    with torch.no_grad():
        return drawn(net, net.embed(who.pictures[shown][None], who.drawings[shown][None])[0], drawing)


def paths(learned: Sequence[Learned]) -> None:
    """Each course in the plane of its two errors, from the second check on; a ring where the rule would stop."""
    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    for colour, one in zip(COLOURS, learned, strict=False):
        likeness, mimics = np.array([(100 * check.likeness, 100 * check.mimics) for check in one.rule.checks[1:]]).T
        axes.plot(likeness, mimics, "-o", color=colour, label=f"from {one.pictures}", markersize=3, linewidth=1.2)
        axes.plot(
            likeness[one.rule.best - 1], mimics[one.rule.best - 1], "o", color=colour, markersize=11, fillstyle="none"
        )
    label(axes, "error of the likeness, % of white", "error of the mimics, % of white")
    axes.legend(frameon=False, fontsize=9)
    finish(figure)
