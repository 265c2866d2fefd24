"""Fine-tuning: psi' = P e and w' = w0 + e, then generator, psi', discriminator and w' are trained on one person.

FSTH section 3.3: the embedder is not used any more, P is dropped and psi' becomes a parameter like the others (the
AdaIN numbers are trained directly), the match loss falls away: L_CNT + L_ADV for the generator, L_DSC for the
discriminator, with D'(x, y) = V(x, y)^T w' + b. Steps grow with the number of pictures.
"""

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from living_portraits.engine import Frame, Track
from living_portraits.engines.talking_head.content import Content, Weights
from living_portraits.engines.talking_head.engine import shown
from living_portraits.engines.talking_head.networks import Discriminator, FewShot, Generator, composed
from living_portraits.engines.talking_head.person import Person, compact, difference
from living_portraits.finetune.views import View, own
from living_portraits.finetune.watch import Check, Rule, Tracker, mimics_error
from living_portraits.nn import losses
from living_portraits.nn.blocks import fold
from living_portraits.nn.pixels import to_frames, to_tensor

USUAL = Weights(vgg=0.0, lpips=10.0)
"""L_CNT where nothing else is asked for: what two cores have the time for."""

_MOST_OWN = 4  # pictures that a check looks at
_TOGETHER = 4  # pictures drawn at once while nothing is learned: one by one takes twice as long, more no less


@dataclass(frozen=True, kw_only=True)
class TuneConfig:
    """How one person is learned.

    Attributes:
        steps, seconds: at most; None: as `steps_for` and `seconds_for` say.
        batch: pictures a step. own: the share of them that are the person's own, the others being views of them; None:
            as `own_share` says.
        alone: the share of pictures in which nothing is carried, where the generator carries.
        lr: of the generator; discriminator_rate: times that.
        adversary, features: weights of -D and L_FM; 0 for both: no discriminator. The paper's are 1 and 10. The one
            that comes along has learned for so short a time that it dots faces, and without it there is time for twice
            the steps.
        content: weights of L_CNT; None: as far as its networks are at hand.
        check_steps, patience: look after as many steps, and end after as many looks without a better one.
        seed: of what is drawn.
    """

    steps: int | None = None
    seconds: float | None = None
    batch: int = 2
    own: float | None = None
    alone: float = 0.5
    lr: float = 2e-4
    discriminator_rate: float = 2.0
    adversary: float = 0.0
    features: float = 0.0
    content: Weights | None = None
    check_steps: int = 20
    patience: int = 3
    seed: int = 0


def steps_for(pictures: int, *, batch: int) -> int:
    """About as many samples as the authors' group takes: 125 steps of 7 for one picture, 230 for more than 30."""
    more = min(math.log2(pictures) / 5, 1.0)
    return math.ceil(7 * (125 + 105 * more) / batch)


def seconds_for(pictures: int) -> float:
    """Two and a half minutes for one picture, five for several."""
    return 150.0 if pictures == 1 else 300.0


def own_share(pictures: int) -> float:
    """One picture that is shown as often as all views together is learned by heart: a fifth; half for 8 and more."""
    return min(0.2 + 0.1 * math.log2(pictures), 0.5)


@dataclass(frozen=True, eq=False)
class Report:
    """How far it is.

    Attributes:
        steps: at most. losses: means since the last report. check: the newest. best: whether it is the best so far.
        preview: a row of frames: a picture, the same as it is drawn now, positions that are never taught.
    """

    steps: int
    losses: dict[str, float]
    check: Check
    best: bool
    preview: Frame


@dataclass(frozen=True, eq=False)
class Tuned:
    """Somebody learned, as at the best check; `reason` says why it ended."""

    person: Person
    rule: Rule
    reason: str


@dataclass(frozen=True)
class Material:
    """What a person is learned from, besides their pictures.

    Attributes:
        views: of the pictures, to learn from. asked: in positions that are never taught: how the mimics are watched.
        crossed: the pictures, carried from each other or, where there is but one, from views of it. A generator that
            carries is shown these instead of the pictures as they are.
    """

    views: Sequence[View] = ()
    asked: Sequence[View] = ()
    crossed: Sequence[View] = ()


class Lesson:
    """One person's networks, and how they take a step.

    Args:
        head, discriminator: meta-learned, spectral norms not folded; they stay as they are.
        pictures: the person's own, one or more. material: made from them.
    """

    def __init__(
        self, head: FewShot, discriminator: Discriminator, pictures: Track, material: Material, config: TuneConfig
    ) -> None:
        torch.manual_seed(config.seed)
        self.config, self.pictures = config, pictures
        self.generator, self.critic = copy.deepcopy(head.generator), copy.deepcopy(discriminator)
        carries, mine = self.generator.carries, own(pictures)
        self.own = _Shelf.of(material.crossed if carries and material.crossed else mine, carries=carries)
        self.views = _Shelf.of(material.views, carries=carries) if material.views else None
        self.asked = _Shelf.of(material.asked or mine[:1], carries=carries)
        with torch.no_grad():
            head.eval()
            known = _Shelf.of(mine, carries=False)
            embedding = head.embed(known.frames[None], known.shown[None])
            style = head.style(embedding)
        self.style, self.column = nn.Parameter(style), nn.Parameter(embedding)
        self.content = Content(config.content) if config.content else Content.at_hand(USUAL)
        self._optimisers = (
            self._optimiser([*self.generator.parameters(), self.style], config.lr),
            self._optimiser([*self.critic.parameters(), self.column], config.lr * config.discriminator_rate),
        )

    def _optimiser(self, parameters: list[nn.Parameter], rate: float) -> torch.optim.Adam:
        return torch.optim.Adam(parameters, lr=rate, betas=(0.0, 0.999), eps=1e-5)

    def settle(self, share: float) -> None:
        """Sets the rates for the time when `share` of the lesson is over: over its last third they sink to nothing.

        At full rate a face trembles from step to step, and what is kept would be one of its places by chance.
        """
        rates = (self.config.lr, self.config.lr * self.config.discriminator_rate)
        for optimiser, rate in zip(self._optimisers, rates, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * min(3 * (1 - share), 1.0)

    def step(self) -> dict[str, float]:
        """One step of the generator, one of the discriminator; their losses."""
        target, seen, points = self._drawn()
        self.generator.train()
        colour, mask = self.generator.paint(seen, self.style)
        # Some are all mask: colours that are hardly asked for are hardly learned, and so never asked for.
        alone = (torch.rand(len(mask), 1, 1, 1) < self.config.alone).to(mask)
        output, drawing = composed(seen, colour, torch.maximum(mask, alone)), seen[:, :3]
        found = self.content(output, target, points, torch.ones_like(target[:, :1]))
        column = self.column.expand(len(target), -1)
        judged: dict[str, Tensor] = {}
        if self.config.adversary or self.config.features:
            score_real, truth = self.critic(target, drawing, column)
            score_false, _ = self.critic(output.detach(), drawing, column)
            score, felt = self.critic(output, drawing, column.detach())
            found["adversary"] = self.config.adversary * losses.hinge_generator([score])
            found["features"] = self.config.features * losses.feature_matching([truth], [felt])
            judged["hinge"] = losses.hinge_discriminator([score_real], [score_false])
        self._learn(0, found)
        if judged:
            self._learn(1, judged)
        return {name: float(value.detach()) for name, value in (found | judged).items()}

    def _drawn(self) -> tuple[Tensor, Tensor, Tensor]:
        """A batch: some of the person's own pictures, some views; all own where there are no views."""
        count, mine = self.config.batch, self.config.batch
        if self.views is not None:
            share = own_share(len(self.pictures)) if self.config.own is None else self.config.own
            wanted = count * share
            mine = int(wanted) + int(torch.rand(()) < wanted % 1)
        parts = [self.own.drawn(mine)] if mine else []
        if self.views is not None and count > mine:
            parts.append(self.views.drawn(count - mine))
        target, seen, points = (torch.cat(column) for column in zip(*parts, strict=True))
        return target, seen, points

    def _learn(self, which: int, found: dict[str, Tensor]) -> None:
        optimiser = self._optimisers[which]
        parameters = optimiser.param_groups[0]["params"]
        torch.autograd.backward([torch.stack(list(found.values())).sum()], inputs=parameters)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    @torch.no_grad()
    def look(self, step: int, tracker: Tracker) -> tuple[Check, Frame]:
        """The check of now, and its preview."""
        self.generator.eval()
        mine = self.own.first(_MOST_OWN)
        again = self._paint(mine.shown)
        terms = self.content(again, mine.frames, mine.points, torch.ones_like(again[:, :1]))
        drawn = to_frames(self._paint(self.asked.shown))
        check = Check(step, float(sum(terms.values())), mimics_error(drawn, self.asked.points.numpy(), tracker))
        row = [*to_frames(mine.frames[:1]), *to_frames(again[:1]), *drawn[:3]]
        return check, np.concatenate(row, axis=1)

    def _paint(self, seen: Tensor) -> Tensor:
        parts = torch.split(seen, _TOGETHER)
        return torch.cat([self.generator(part, self.style.expand(len(part), -1)) for part in parts])


def tune(lesson: Lesson, tracker: Tracker, *, on_check: Callable[[Report], None] | None = None) -> Tuned:
    """Trains until the rule, the steps or the time end it, or Ctrl-C does; gives the best state that was seen."""
    config, began = lesson.config, time.monotonic()
    steps = config.steps or steps_for(len(lesson.pictures), batch=config.batch)
    seconds = config.seconds or seconds_for(len(lesson.pictures))
    base = _folded(lesson.generator)
    check, preview = lesson.look(0, tracker)
    rule = Rule(config.patience, [check])
    best = _kept(lesson)
    _tell(on_check, Report(steps, {}, check, True, preview))
    sums: dict[str, list[float]] = {}
    step, reason = 0, f"all {steps} steps are done"
    try:
        while step < steps:
            lesson.settle(min(max(step / steps, (time.monotonic() - began) / seconds), 1.0))
            for name, value in lesson.step().items():
                sums.setdefault(name, []).append(value)
            step += 1
            late = time.monotonic() - began > seconds
            if step % config.check_steps and not late and step < steps:
                continue
            check, preview = lesson.look(step, tracker)
            if better := rule.hear(check):
                best = _kept(lesson)
            _tell(on_check, Report(steps, {k: float(np.mean(v)) for k, v in sums.items()}, check, better, preview))
            sums.clear()
            if rule.enough or late:
                reason = "more steps made it no better" if rule.enough else "the time is over"
                break
    except KeyboardInterrupt:
        reason = "it was stopped"
    state, style = best
    lesson.generator.load_state_dict(state)
    changes = difference(base, _folded(lesson.generator))
    about = {"pictures": len(lesson.pictures), "steps": rule.checks[rule.best].step}
    seen = torch.cat([lesson.own.shown[:2], lesson.asked.shown[:2]])
    person = Person(style, changes, about).holding(lesson.pictures)
    return Tuned(compact(base, person, seen), rule, reason)


def _tell(on_check: Callable[[Report], None] | None, report: Report) -> None:
    if on_check is not None:
        on_check(report)


def _kept(lesson: Lesson) -> tuple[dict[str, Tensor], Float[Tensor, "1 numbers"]]:
    return copy.deepcopy(lesson.generator.state_dict()), lesson.style.detach().clone()


def _folded(generator: Generator) -> Generator:
    copied = copy.deepcopy(generator).eval()
    fold(copied)
    return copied


@dataclass(frozen=True, eq=False)
class _Shelf:
    """Views as tensors; `shown` is what the generator is shown of them."""

    frames: Float[Tensor, "count 3 size size"]
    shown: Float[Tensor, "count channels size size"]
    points: Float[Tensor, "count 478 3"]

    @classmethod
    def of(cls, views: Sequence[View], *, carries: bool) -> "_Shelf":
        frames, points = to_tensor([view.frame for view in views]), [view.points for view in views]
        seen = shown(points, [view.carried for view in views] if carries else None, size=frames.shape[-1])
        return cls(frames, seen, torch.from_numpy(np.stack(points)))

    def drawn(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """`count` by chance: frames, what is shown of them, points."""
        chosen = torch.randint(len(self.frames), (count,))
        return self.frames[chosen], self.shown[chosen], self.points[chosen]

    def first(self, count: int) -> "_Shelf":
        return _Shelf(self.frames[:count], self.shown[:count], self.points[:count])
