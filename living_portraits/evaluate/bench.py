"""Where trials are held: every engine makes its film, every film is judged, and the card adds up."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float32

from living_portraits.engine import Engine, Frame, Track
from living_portraits.evaluate.card import Card
from living_portraits.evaluate.contest import make_take
from living_portraits.evaluate.figures import FIGURES
from living_portraits.evaluate.judge import SIDE, Film, Footage, Judge, Looks, Sample
from living_portraits.evaluate.scale import peak_memory
from living_portraits.evaluate.sheet import contact_sheet
from living_portraits.evaluate.trials import Clips, Kind, Trial
from living_portraits.evaluate.unrest import unrest
from living_portraits.evaluate.watch import resized
from living_portraits.metrics import motion
from living_portraits.metrics.distribution import frechet_distance
from living_portraits.metrics.perceptual import features

CURVES = 4  # cross trials whose lips are plotted over time


@dataclass(eq=False)
class Contender:
    """An engine and what it has earned so far; `registered` if a process of its own could make another."""

    engine: Engine[Any, Any]
    registered: bool
    samples: dict[Kind, dict[str, list[Sample]]] = field(default_factory=lambda: {"self": {}, "cross": {}})
    features: list[Float32[np.ndarray, "512"]] = field(default_factory=list)

    def earn(self, kind: Kind, found: dict[str, Sample]) -> None:
        for figure in FIGURES:
            if kind in figure.kinds and figure.key in found:
                self.samples[kind].setdefault(figure.key, []).append(found[figure.key])

    def step_on_the_scale(self, source: Track, driver: Track) -> None:
        """Measures peak memory, once for all kinds of trial."""
        if not self.registered or any("memory" in found for found in self.samples.values()):
            return
        spec = self.engine.spec
        peak = peak_memory(spec.name, size=spec.size, source=source, driver=driver)
        for found in self.samples.values():
            found["memory"] = [] if peak is None else [Sample(peak, len(driver))]


@dataclass(eq=False)
class Bench:
    """Where trials are held, one after the other."""

    judge: Judge
    contenders: dict[str, Contender]
    held: list[Trial] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    truths: list[Float32[np.ndarray, "512"]] = field(default_factory=list)
    rows: dict[Kind, list[list[Frame]]] = field(default_factory=lambda: {"self": [], "cross": []})
    curves: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def hold(self, trial: Trial, dataset: Clips, *, frames: int) -> None:
        """All engines' films of one trial, made and judged."""
        source, driver = trial.tracks(dataset, frames=frames)
        drive = trial.drive(driver)
        footage = self._footage(trial, source.crops[0], driver.crops, neutral=drive.neutral)
        if not footage.usable:
            self.skipped.append(trial.name)
            return
        self.held.append(trial)
        row = [footage.source, footage.driver[footage.peak]]
        curves = {"driver": motion.mouth_gap(footage.driver_reading).tolist()}
        self.truths += _vgg(footage.looks)
        for name, contender in self.contenders.items():
            take = make_take(contender.engine, source, driver, drive=drive)
            film = small(take.frames)
            looks = self.judge.look(film, footage.probes) if trial.kind == "self" else {}
            found = self.judge.figures(film, looks, footage)
            found["fps"] = Sample(take.fps, len(film))
            contender.earn(trial.kind, found)
            contender.step_on_the_scale(source, driver)
            contender.features += _vgg(looks)
            row.append(film[footage.peak])
            curves[name] = motion.mouth_gap(self.judge.watcher.read(list(film))).tolist()
        self.rows[trial.kind].append(row)
        if trial.kind == "cross" and len(self.curves) < CURVES:
            self.curves[trial.name] = curves

    def _footage(self, trial: Trial, source: Frame, driver: Sequence[Frame], *, neutral: int) -> Footage:
        first, film = small([source])[0], small(driver)
        watcher = self.judge.watcher
        shaking = unrest(first, watcher.read)
        footage = Footage(trial, first, film, watcher.read([first]), watcher.read(list(film)), neutral, shaking)
        if trial.kind == "cross":
            return footage
        return replace(footage, looks=self.judge.look(film, footage.probes))

    def card(self, about: dict[str, Any], absent: dict[str, str]) -> Card:
        """What came of it."""
        kinds: tuple[Kind, ...] = ("self", "cross")
        for contender in self.contenders.values():
            if len(contender.features) > 1:
                distance = frechet_distance(np.stack(contender.features), np.stack(self.truths))
                contender.samples["self"]["frechet_vgg"] = [Sample(distance, len(contender.features))]
        titles = {"self": ("source", "truth"), "cross": ("source", "driver")}
        return Card(
            engines=tuple(self.contenders),
            about=about | {"skipped": self.skipped},
            trials={kind: tuple(trial.name for trial in self.held if trial.kind == kind) for kind in kinds},
            samples={kind: {name: one.samples[kind] for name, one in self.contenders.items()} for kind in kinds},
            absent=absent,
            sheets={
                kind: contact_sheet((*titles[kind], *self.contenders), rows) for kind, rows in self.rows.items() if rows
            },
            curves=self.curves,
        )


def small(frames: Sequence[Frame]) -> Film:
    """Frames at the size they are judged at."""
    return np.stack([resized(frame, SIDE) for frame in frames])


def _vgg(looks: Looks) -> list[Float32[np.ndarray, "512"]]:
    return [features(look) for look in looks.get("vgg16", ())]
