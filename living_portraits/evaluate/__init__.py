"""Engines on trial: films from footage they never saw, judged side by side with doing nothing and with the puppet."""

import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import torch

from living_portraits.engine import Engine
from living_portraits.engines import create
from living_portraits.errors import OptionError, WeightsError
from living_portraits.evaluate.bench import Bench, Contender
from living_portraits.evaluate.card import Card
from living_portraits.evaluate.figures import IDENTITY, PROBES
from living_portraits.evaluate.judge import SIDE, Judge
from living_portraits.evaluate.trials import MADE_UP, SHORTEST, Clips, Trial, choose_trials
from living_portraits.evaluate.watch import Find, Tracker, Watcher, load_embedding
from living_portraits.metrics.perceptual import Perceptual
from living_portraits.nn.perceptual import Backbone

__all__ = ["BESIDE", "Card", "evaluate"]

BESIDE = ("still", "puppet")
"""Engines that are on every card: the floor, and what needs no learning."""

IDENTITY_VARIABLE = "LIVING_PORTRAITS_IDENTITY_WEIGHTS"
"""Environment variable that names the file of identity weights where the option does not."""

READ_BY: dict[Backbone, tuple[str, ...]] = {"alexnet": ("lpips_alex",), "vgg16": ("lpips_vgg", "frechet_vgg")}
"""Which figures each network for perceptual distances reads; VGG16 takes half of all time on one processor."""

BACKBONES: tuple[Backbone, ...] = tuple(READ_BY)

Entry: TypeAlias = str | Engine[Any, Any]
Entries: TypeAlias = Entry | Sequence[Entry] | Mapping[str, Engine[Any, Any]]


def evaluate(
    engines: Entries,
    dataset: Clips,
    *,
    split: str = "val",
    size: int = 256,
    clips: int = 24,
    pairs: int = 20,
    frames: int = 50,
    backbones: Sequence[Backbone] = BACKBONES,
    identity_weights: Path | None = None,
    find: Find | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Card:
    """Puts one or several engines on trial, always beside `still` and `puppet`.

    Args:
        engines: names of the registry, or engines already made (snapshots in training), which the card calls by their
            specs' names or, in a mapping, by any other.
        dataset: a prepared one; see `data.Dataset`.
        split: of people.
        size: side in px of the crops that the engines get; results are judged at 256 whatever it is.
        clips: self trials. pairs: cross trials. frames: at most so many of each driver, and no fewer than `SHORTEST`.
        backbones: the networks for perceptual figures; fewer are faster.
        identity_weights: file of a MobileFaceNet, for CSIM; else the environment variable names it, else no CSIM.
        find: the tracker, to replace MediaPipe's.
        progress: told trials done and trials in all.

    Raises:
        OptionError: unknown engine or size, two engines of one name, too few frames, or a split without footage.
        WeightsError: an engine's weights or the identity weights cannot be read.
    """
    if frames < SHORTEST:
        raise OptionError(
            f"frames is {frames}, and films so short say too little about motion: take {SHORTEST} or more."
        )
    contenders = _contenders(engines, size)
    trials = choose_trials(dataset, split=split, size=size, clips=clips, pairs=pairs)
    weights = identity_weights or (Path(os.environ[IDENTITY_VARIABLE]) if IDENTITY_VARIABLE in os.environ else None)
    with _judge(find, weights, backbones) as (judge, absent):
        bench = Bench(judge, contenders)
        for done, trial in enumerate(trials, 1):
            bench.hold(trial, dataset, frames=frames)
            if progress is not None:
                progress(done, len(trials))
    conditions = {
        "split": split,
        "size": size,
        "frames_at_most": frames,
        "made_up_at_most": MADE_UP,
        "tracker": "another" if find else Tracker.name,
    }
    return bench.card(conditions | _people(bench.held) | _machine(), absent)


def _contenders(engines: Entries, size: int) -> dict[str, Contender]:
    """The engines by name, those of `BESIDE` first; raises OptionError before any work is done."""
    found = {name: Contender(create(name, size=size), registered=True) for name in BESIDE}
    for name, engine in _named(engines):
        if engine is None:
            found.setdefault(name, Contender(create(name, size=size), registered=True))
        elif name in found:
            raise OptionError(f"Two engines on the card would be called {name}; name them: {{'another name': engine}}.")
        elif engine.spec.size != size:
            raise OptionError(f"The engine {name} works at size {engine.spec.size}, not at {size}.")
        else:
            found[name] = Contender(engine, registered=False)
    return found


def _named(engines: Entries) -> list[tuple[str, Engine[Any, Any] | None]]:
    """What each is called on the card; None stands for the registry's engine of that name."""
    if isinstance(engines, Mapping):
        return list(engines.items())
    given = [engines] if isinstance(engines, str) or not isinstance(engines, Sequence) else engines
    return [(one, None) if isinstance(one, str) else (one.spec.name, one) for one in given]


@contextmanager
def _judge(
    find: Find | None, identity_weights: Path | None, backbones: Sequence[Backbone]
) -> Iterator[tuple[Judge, dict[str, str]]]:
    """The instruments that there are, and why figures are absent for want of the others."""
    absent: dict[str, str] = {}
    embed = load_embedding(identity_weights)
    if embed is None:
        reason = f"needs identity weights ({IDENTITY}): --identity-weights FILE, or {IDENTITY_VARIABLE}"
        absent |= dict.fromkeys(("csim_source", "csim_people", "csim_truth"), reason)
    networks: dict[Backbone, Perceptual] = {}
    for backbone, figures in READ_BY.items():
        if backbone not in backbones:
            absent |= dict.fromkeys(figures, "left out to save time")
            continue
        try:
            networks[backbone] = Perceptual(backbone)
        except WeightsError as error:
            absent |= dict.fromkeys(figures, str(error))
    if find is not None:
        yield Judge(Watcher(find, embed), networks.get("alexnet"), networks.get("vgg16")), absent
        return
    with Tracker() as tracker:
        yield Judge(Watcher(tracker, embed), networks.get("alexnet"), networks.get("vgg16")), absent


def _people(held: Sequence[Trial]) -> dict[str, Any]:
    """Who was on trial."""
    cross = [trial for trial in held if trial.kind == "cross"]
    sources = ["/".join(trial.source.tags) for trial in cross]
    return {
        "self_people": len({trial.driver.identity for trial in held if trial.kind == "self"}),
        "cross_driving_people": len({trial.driver.identity for trial in cross}),
        "cross_sources": {name: sources.count(name) for name in sorted(set(sources))},
    }


def _machine() -> dict[str, Any]:
    return {
        "judged_at": SIDE,
        "frames_for_networks": PROBES,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
    }
