"""A course of lessons: one stage after another, a look at the held-out end now and then, the best of it kept."""

import copy
import os
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from living_portraits.choreography import Choreography
from living_portraits.engine import Frame
from living_portraits.engines.dance.dancer import Dancer
from living_portraits.engines.dance.engine import paint, perform
from living_portraits.errors import OutputError, WeightsError
from living_portraits.nn.pixels import to_frames, to_tensor
from living_portraits.rehearsal.lesson import STAGES, Lesson, Stage
from living_portraits.skeleton import draw_skeleton
from living_portraits.training.ema import Average

DECAY = 0.998  # of the averaged weights
LOOKS_AT, RUN = 3, 4  # places of the held-out end, and frames in a row at each: errors that pile up are seen
_WARM = 50  # steps over which a stage's learning rate rises


@dataclass(frozen=True, eq=False)
class Report:
    """How far it is.

    Attributes:
        stage, step: of the stage. share: of the whole course, by time or steps.
        losses: means since the last report. error: on held-out frames, less is better. best: the best of this stage.
        preview: held-out poses over what the networks make of them over the film's own frames.
    """

    stage: Stage
    step: int
    share: float
    losses: dict[str, float]
    error: float
    best: bool
    preview: Frame


@dataclass(frozen=True, eq=False)
class Taught:
    """A dancer, and why it ended."""

    dancer: Dancer
    reason: str
    reports: list[Report] = field(default_factory=list)


@dataclass
class _Place:
    """Where a course stands: which stage, and how much of it is done."""

    stage: int = 0
    step: int = 0
    seconds: float = 0.0
    checks_since_best: int = 0
    least: float = float("inf")
    judged: bool = False


class Course:
    """The stages of one lesson.

    Args:
        lesson: the networks.
        state: where the course's state is kept, so that a stopped one goes on; None: nowhere.
        about: what the dancer's file shall say of itself.
    """

    def __init__(self, lesson: Lesson, *, state: Path | None = None, about: dict[str, Any] | None = None) -> None:
        self.lesson, self.state, self.about = lesson, state, about or {}
        self.place = _Place()
        self.average = self._fresh_average()
        self.best: dict[str, Tensor] | None = None

    def run(self, on_check: Callable[[Report], None] | None = None) -> Taught:
        """Teaches until steps, time or the held-out end say that it is enough, or Ctrl-C does."""
        reports: list[Report] = []

        def tell(report: Report) -> None:
            reports.append(report)
            if on_check is not None:
                on_check(report)

        reason = "all stages are done"
        try:
            while self.place.stage < len(STAGES):
                self._stage(STAGES[self.place.stage], tell)
                self._keep_best()
                self.place = _Place(self.place.stage + 1)
                self.average = self._fresh_average()
        except KeyboardInterrupt:
            reason = "it was stopped"
            self._save()
            self._keep_best()
        else:
            if self.state is not None:
                self.state.unlink(missing_ok=True)
        steps = {"stage": STAGES[min(self.place.stage, len(STAGES) - 1)]}
        # One that nobody has looked at would be shown as it happens to be.
        face = any(report.stage == "face" for report in reports) or self.place.stage >= len(STAGES)
        return Taught(copy.deepcopy(self.lesson.dancer(self.about | steps, face=face)), reason, reports)

    def _stage(self, stage: Stage, tell: Callable[[Report], None]) -> None:
        """One stage, from where it stands to its end."""
        lesson, place, config = self.lesson, self.place, self.lesson.config
        seconds, steps = 60 * config.minutes * self._part(stage), round(config.steps * self._part(stage))
        sums: dict[str, list[float]] = {}
        began, checked = time.monotonic() - place.seconds, time.monotonic()
        while place.step < steps and place.seconds < seconds and place.checks_since_best < config.patience:
            done = max(place.step / steps, place.seconds / seconds)
            judged = stage == "face" or (stage == "full" and done > config.critic_from)
            if (
                judged and stage == "full" and not place.judged
            ):  # a critic changes what is asked for: another best is looked for
                place.judged, place.least, place.checks_since_best = True, float("inf"), 0
            losses = lesson.step(stage, judged=judged, rate=_rate(done, place.step))
            for name, value in losses.items():
                sums.setdefault(name, []).append(value)
            place.step += 1
            place.seconds = time.monotonic() - began
            self.average.update(place.step)
            over = place.step >= steps or place.seconds >= seconds
            if time.monotonic() - checked > config.check_seconds or over:
                tell(self._check(stage, {name: float(np.mean(values)) for name, values in sums.items()}))
                self._save()
                sums.clear()
                checked = time.monotonic()

    def _part(self, stage: Stage) -> float:
        config = self.lesson.config
        return {"half": config.half, "full": config.full, "face": max(1 - config.half - config.full, 0.0)}[stage]

    def _check(self, stage: Stage, found: dict[str, float]) -> Report:
        place = self.place
        with self.average.in_use():
            error, preview = look(self.lesson, stage)
        better = error < place.least
        place.checks_since_best = 0 if better else place.checks_since_best + 1
        if better:
            place.least = error
            self.best = {name: value.clone() for name, value in self.average.state().items()}
        before = sum(self._part(other) for other in STAGES[: place.stage])
        config = self.lesson.config
        part = self._part(stage)
        done = max(place.step / max(config.steps * part, 1), place.seconds / max(60 * config.minutes * part, 1e-9))
        return Report(stage, place.step, before + part * min(done, 1.0), found, error, better, preview)

    def _fresh_average(self) -> Average:
        return Average({"generator": self.lesson.generator, "face": self.lesson.face}, decay=DECAY)

    @torch.no_grad()
    def _keep_best(self) -> None:
        """The networks as they looked best in this stage."""
        for name, net in (("generator", self.lesson.generator), ("face", self.lesson.face)):
            if self.best is not None:
                net.load_state_dict(
                    {key.removeprefix(f"{name}."): value for key, value in self.best.items() if key.startswith(name)}
                )
        self.best = None

    # --- going on -----------------------------------------------------------------------------------------------------

    def _save(self) -> None:
        if self.state is None:
            return
        content = {
            "place": vars(self.place),
            "best": self.best,
            "average": self.average.state(),
            "networks": {name: net.state_dict() for name, net in self.lesson.networks.items()},
            "random": {"lesson": self.lesson.random.bit_generator.state, "torch": torch.get_rng_state()},
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.lesson.optimisers.items()},
        }
        beside = self.state.with_name(self.state.name + ".part")
        try:
            torch.save(content, beside)
            os.replace(beside, self.state)
        except OSError as error:
            raise OutputError(f"{self.state} cannot be written: {error.strerror or error}.") from error
        finally:
            beside.unlink(missing_ok=True)

    def resume(self) -> None:
        """Goes on where `state` was saved. Raises WeightsError where it is of other networks or damaged."""
        assert self.state is not None
        if not self.state.is_file():
            raise WeightsError(f"There is nothing to go on from: {self.state} is missing; leave --resume out.")
        try:
            content = torch.load(self.state, map_location="cpu", weights_only=True)
            for name, net in self.lesson.networks.items():
                net.load_state_dict(content["networks"][name])
            for name, optimiser in self.lesson.optimisers.items():
                optimiser.load_state_dict(content["optimisers"][name])
            self.place = _Place(**content["place"])
            self.average = self._fresh_average()
            self.average.load(content["average"])
            self.best = content["best"]
            self.lesson.random.bit_generator.state = content["random"]["lesson"]
            torch.set_rng_state(content["random"]["torch"].cpu())
        except (RuntimeError, KeyError, ValueError, TypeError, EOFError, pickle.UnpicklingError) as error:
            raise WeightsError(f"{self.state} is of another version or size; leave --resume out.") from error


def _rate(done: float, step: int) -> float:
    """Of the learning rate: up over the first steps, level to the middle of the stage, then down to a tenth."""
    return min(1.0, (step + 1) / _WARM) * (1.0 if done < 0.5 else 1.0 - 1.8 * (done - 0.5))


@torch.no_grad()
def look(lesson: Lesson, stage: Stage) -> tuple[float, Frame]:
    """The error on the held-out end, and a preview: poses over outputs over the film's own frames."""
    footage = lesson.footage
    last = len(footage.frames) - RUN
    first = min(footage.taught, last)
    columns, errors = [], []
    for start in np.unique(np.linspace(max(first, 0), max(last, 0), LOOKS_AT).astype(int)):
        poses = footage.dance.points[start : start + RUN]
        made = _made(lesson, stage, poses, footage.dance.fps)
        truth = footage.frames[start : start + RUN]
        errors.append(_error(lesson, made, list(truth)))
        columns.append(np.vstack([draw_skeleton(poses[-1], size=footage.size), made[-1], truth[-1]]))
    return float(np.mean(errors)), np.hstack(columns)


def _made(lesson: Lesson, stage: Stage, poses: np.ndarray, fps: float) -> list[Frame]:
    """Frames in a row as the networks paint them now."""
    if stage != "half":
        dancer = lesson.dancer({}, face=stage == "face")
        if lesson.device != "cpu":
            dancer = copy.deepcopy(dancer)
            dancer.generator.cpu()
            _ = dancer.face and dancer.face.cpu()
        return list(perform(dancer, Choreography(poses, fps)))
    plate = to_tensor([lesson.footage.plate]).to(lesson.device)
    previous, frames = torch.zeros_like(plate), []
    for points in poses:
        drawing = to_tensor([draw_skeleton(points, size=lesson.footage.size)]).to(lesson.device)
        frame = paint(lesson.generator, drawing, previous, plate, points, coarse=True).frame
        frames.extend(to_frames(frame))
        if lesson.generator.shape.temporal:
            previous = frame
    return frames


def _error(lesson: Lesson, made: list[Frame], truth: list[Frame]) -> float:
    """L1, and how different it looks where there is a perceptual network."""
    output, target = to_tensor(made).to(lesson.device), to_tensor(truth).to(lesson.device)
    error = (output - target).abs().mean()
    if lesson.look is not None:
        error = error + lesson.look(output, target) / 10
    return float(error)
