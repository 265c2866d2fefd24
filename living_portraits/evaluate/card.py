"""The report card: what was measured, on what, and how sure it is."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from living_portraits.engine import Frame
from living_portraits.evaluate.figures import FIGURES, Figure
from living_portraits.evaluate.judge import Sample
from living_portraits.evaluate.trials import Kind


@dataclass(frozen=True)
class Summary:
    """A figure of one engine over all trials of a kind.

    Attributes:
        mean: of the trials' values; NaN where no trial had one.
        error: standard error of that mean over trials; NaN for fewer than two, or where the figure is taken from all
            frames at once.
        trials, frames: how many went in.
    """

    mean: float
    error: float
    trials: int
    frames: int

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> "Summary":
        """Of those that have a value."""
        known = [sample for sample in samples if math.isfinite(sample.value)]
        values = np.array([sample.value for sample in known])
        mean = float(values.mean()) if known else math.nan
        error = float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
        return cls(mean, error, len(known), sum(sample.frames for sample in known))


@dataclass(frozen=True, eq=False)
class Card:
    """How engines did, side by side.

    Attributes:
        engines: their names, `still` and `puppet` first.
        about: split, size, numbers of trials and people, versions, machine.
        trials: names of the trials, by kind.
        samples: [kind][engine][figure's key], one for each trial in the order of `trials`; figures that are taken
            from all frames at once, and memory, have a single one.
        absent: [figure's key] -> why it was not measured, in one sentence.
        sheets: contact sheets, by kind.
        curves: [trial][who] -> the lips' gap over time, cm, of a few cross trials; who is "driver" or an engine.
    """

    engines: tuple[str, ...]
    about: Mapping[str, Any]
    trials: Mapping[Kind, tuple[str, ...]]
    samples: Mapping[Kind, Mapping[str, Mapping[str, Sequence[Sample]]]]
    absent: Mapping[str, str] = field(default_factory=dict)
    sheets: Mapping[Kind, Frame] = field(default_factory=dict)
    curves: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)

    def figures(self, kind: Kind) -> list[Figure]:
        """The rows for a kind of trial, measured or not."""
        return [figure for figure in FIGURES if kind in figure.kinds]

    def summary(self, kind: Kind, engine: str, key: str) -> Summary:
        """One cell of the table."""
        return Summary.of(self.samples[kind][engine].get(key, ()))

    def as_data(self) -> dict[str, Any]:
        """All numbers, as JSON has them; NaN becomes null."""
        return {
            "about": dict(self.about),
            "engines": list(self.engines),
            "trials": {kind: list(names) for kind, names in self.trials.items()},
            "not_measured": dict(self.absent),
            "figures": {kind: self._kind_as_data(kind) for kind in self.trials if self.trials[kind]},
        }

    def _kind_as_data(self, kind: Kind) -> dict[str, Any]:
        rows = {}
        for figure in self.figures(kind):
            cells = {}
            for engine in self.engines:
                summary = self.summary(kind, engine, figure.key)
                values = [sample.value for sample in self.samples[kind][engine].get(figure.key, ())]
                cells[engine] = {
                    "mean": _number(summary.mean),
                    "standard_error": _number(summary.error),
                    "trials": summary.trials,
                    "frames": summary.frames,
                    "values": [_number(value) for value in values],
                }
            rows[figure.key] = {
                "title": figure.title,
                "unit": figure.unit,
                "best": figure.best,
                "backbone": figure.backbone,
                "meaning": figure.meaning,
                "engines": cells,
            }
        return rows


def _number(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
