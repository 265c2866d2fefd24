"""A training from its first line to its last file: plan, run until the time is up, keep everything."""

import dataclasses
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from living_portraits.errors import OptionError
from living_portraits.places import alone_in
from living_portraits.training import source as sources
from living_portraits.training.folder import FILES, RunFolder
from living_portraits.training.place import Place, find_place
from living_portraits.training.profile import matmul_peak
from living_portraits.training.recipe import Batch, Recipe, Source, TrainConfig, configure, find, parameters
from living_portraits.training.source import Sampler
from living_portraits.training.state import PART_BYTES, read_state, split, write_state
from living_portraits.training.trainer import Trainer

_SHARE = 0.5  # of free memory that decoded frames may take


@dataclass(frozen=True)
class Order:
    """What the user asked for.

    Attributes:
        recipe: its name. data: the dataset's folder, for the record. out: the run's folder.
        minutes: wall-clock budget of this call, compiling and saving included.
        settings: fields of the recipe's config that differ from their defaults.
        resume: go on with the run in `out`.
        profile: measure the device's peak and print the share of it that is used.
        parts: at the end write state and snapshot as files of at most 15 MB, too.
    """

    recipe: str
    data: str
    out: Path
    minutes: float
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    resume: bool = False
    profile: bool = False
    parts: bool = False


@dataclass(frozen=True)
class Plan:
    """A training that is ready to begin."""

    order: Order
    recipe: Recipe
    dataset: Source
    clips: tuple[Any, ...]
    held_out: tuple[Any, ...]
    place: Place
    budget: int

    def text(self) -> str:
        """Everything there is to know before it begins, a line each."""
        config, people = self.recipe.config, {clip.identity for clip in self.clips}
        frames = sum(clip.frames for clip in self.clips)
        need = frames * sources.frame_bytes(config.size, self.recipe.extra_bytes())
        lines = [f"recipe {self.order.recipe}: {self.recipe.title}", f"device: {self.place.describe()}"]
        lines += [f"  {option.name} = {getattr(config, option.name)}" for option in dataclasses.fields(config)]
        lines.append(f"train: {len(self.clips)} clips, {len(people)} identities, {frames} frames of {config.size} px")
        val = {clip.identity for clip in self.held_out}
        lines.append(f"val: {len(self.held_out)} clips, {len(val)} identities")
        fit = "all in memory" if need <= self.budget else f"in turns of {config.pool_steps} steps"
        lines.append(f"frames decoded: {need / 1e9:.2f} GB of {self.budget / 1e9:.2f} GB allowed: {fit}")
        for name, net in self.recipe.networks().items():
            lines.append(f"network {name}: {parameters([net]):,} parameters, {type(net).__name__}")
        weights_mb = parameters([self.recipe.networks()[name] for name in self.recipe.snapshot()]) * 2 / 1e6
        state_mb = parameters(list(self.recipe.networks().values())) * 16 / 1e6
        lines.append(f"snapshot about {weights_mb:.1f} MB, state about {state_mb:.1f} MB")
        end = "" if config.steps is None else f" or {config.steps} steps"
        lines.append(f"time: {self.order.minutes:g} minutes{end}")
        lines += [f"file: {self.order.out / name}" for name in FILES]
        return "\n".join(lines)


def plan(order: Order, dataset: Source, *, place: Place | None = None) -> Plan:
    """Reads the options and the dataset's list; decodes and writes nothing.

    Raises:
        OptionError: an unknown recipe or setting, no fitting clips, minutes that are none.
        TrainingError: there is no run to resume.
    """
    if not order.minutes > 0:
        raise OptionError(f"minutes is more than 0, not {order.minutes:g}.")
    kind = find(order.recipe)
    settings = dict(order.settings)
    if order.resume:
        kept = RunFolder(order.out).options()
        if kept["recipe"] != order.recipe:
            raise OptionError(f"{order.out} holds a run of recipe {kept['recipe']}, not {order.recipe}.")
        settings = {**kept["config"], **settings}
    config = configure(kind.Config, settings)
    place = place or find_place()
    dataset = kind.source(dataset, config)
    clips = sources.choose(dataset, split="train", config=config)
    try:
        held_out = sources.choose(dataset, split="val", config=dataclasses.replace(config, kinds=config.kinds[:1]))
    except OptionError:
        held_out = []
    torch.manual_seed(config.seed)
    begun: Any = config
    if order.resume and "start" in vars(config):
        begun = dataclasses.replace(begun, start="")  # all comes from the state, and the file may be gone
    recipe = kind(begun, identities=len({clip.identity for clip in clips}))
    recipe.config = config
    given = config.memory_gb
    budget = int(place.free_bytes() * _SHARE if given is None else given * 1e9)
    return Plan(order, recipe, dataset, tuple(clips), tuple(held_out), place, budget)


def train(order: Order, dataset: Source, *, place: Place | None = None, began: float | None = None) -> str:
    """Trains until the time is up, the steps are done or a signal comes; returns why it stopped, in a sentence.

    The time counts from `began`, a reading of `time.monotonic`; from now, unless told otherwise.

    Raises:
        OptionError, MediaError, OutputError, TrainingError: see `plan` and `Trainer`.
    """
    with _signals() as stop:
        began = time.monotonic() if began is None else began
        ready = plan(order, dataset, place=place)
        run = RunFolder(order.out, writes=ready.place.first)
        with alone_in(order.out) if run.writes else nullcontext():
            if run.writes:
                _open(run, ready)
            ready.place.wait()
            run.say(ready.text())
            return _Training(ready, run, stop=stop, deadline=began + 60 * order.minutes).go()


def _open(run: RunFolder, ready: Plan) -> None:
    options = {
        "recipe": ready.order.recipe,
        "config": dataclasses.asdict(ready.recipe.config),
        "data": ready.order.data,
        "device": ready.place.describe(),
        "versions": {name: _version(name) for name in ("living-portraits", "torch", "numpy")},
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
    if ready.order.resume:
        run.write_options({**run.options(), "config": options["config"], "resumed": options["started"]})
    else:
        run.begin(options)


class _Training:
    """The loop proper."""

    def __init__(self, ready: Plan, run: RunFolder, *, stop: list[str], deadline: float) -> None:
        self.ready, self.run, self.place, self.stop, self.deadline = ready, run, ready.place, stop, deadline
        self.config: TrainConfig = ready.recipe.config
        sampler = Sampler(
            ready.dataset, ready.clips, self.config, device=self.place.device, budget=ready.budget,
            extra=ready.recipe.extra, extra_bytes=ready.recipe.extra_bytes(), rank=self.place.rank,
        )  # fmt: skip
        self.trainer = Trainer(ready.recipe, sampler, self.place)
        self.seconds = 0.0  # trained before this call
        self.saving = self.sampling = 0.0  # seconds that it takes to keep the state, to validate
        self.peak = self.flops = 0.0
        self.began = time.monotonic()
        self._tick = {"state": self.began, "samples": self.began}

    def go(self) -> str:
        """Runs; see `train`."""
        self._resume_or_begin()
        self._measure()
        self.trainer.compile()
        batch, split_name = self._validation()
        self._sample(batch, split_name, write=self.trainer.step == 0)
        self.trainer.clock.read()
        slowest, compiled = 0.0, False  # seconds from check to check
        start, reason = time.monotonic(), self._over(slowest)
        while not reason:
            self.trainer.advance()
            if checked := self._check():
                slowest = max(slowest, time.monotonic() - start) if compiled else 0.0
                compiled = True
            if self.trainer.step % self.config.log_steps == 0:
                self._log()
            if checked and self._due("samples", self.config.sample_minutes):
                self._sample(batch, split_name)
            if checked and self._due("state", self.config.state_minutes):
                self._save()
            if checked:
                reason = self._over(slowest)
                start = time.monotonic()
        self._check(always=True)
        self._sample(batch, split_name)
        self._save()
        if self.ready.order.parts and self.place.first:
            for path in (self.run.state, self.run.snapshot):
                self.run.say(f"{path.name} in {len(split(path)) - 1} parts of at most {PART_BYTES // 10**6} MB")
        self.place.wait()
        self.run.say(f"stopped at step {self.trainer.step}: {reason}")
        return reason

    def _resume_or_begin(self) -> None:
        if self.ready.order.resume:
            start = time.monotonic()
            # On the host: Adam's counters stay where they are read to, and a GPU that is asked for them has to wait.
            state, remark = read_state(self.run.state, device=torch.device("cpu"))
            self.saving = time.monotonic() - start  # about as long as writing it
            self.trainer.restore(state)
            self.seconds = float(state["seconds"])
            self.run.forget_after(self.trainer.step)
            self.run.say(f"resumed at step {self.trainer.step}" + (f" ({remark})" if remark else ""))
        else:
            self._save()  # shows at once whether there is room, and how long saving takes

    def _validation(self) -> tuple[Batch, str]:
        held_out, name = (self.ready.held_out, "val") if self.ready.held_out else (self.ready.clips, "train")
        batch = sources.validation_batch(
            self.ready.dataset, held_out, self.config, device=self.place.device, extra=self.ready.recipe.extra
        )
        return batch, name

    def _measure(self) -> None:
        """Decodes the first frames, so that their time does not count as waiting; measures the peak if asked to."""
        start = time.monotonic()
        store = self.trainer.sampler.store(self.trainer.step)
        self.place.sync()
        self.run.say(
            f"decoded {len(store.frames)} frames, {store.bytes() / 1e9:.2f} GB, in {time.monotonic() - start:.1f} s"
        )
        if self.ready.order.profile:
            self.peak = matmul_peak(self.place)
            self.flops = float(self.trainer.flops())
            self.run.say(f"peak {self.peak / 1e9:,.0f} GFLOP/s measured; a step is {self.flops / 1e9:,.2f} GFLOP")
        self.trainer.clock.read()

    def _check(self, *, always: bool = False) -> bool:
        """Looks for NaN where it is time to; returns whether it looked."""
        every = self.config.check_steps if self.place.gpu else 1
        if not always and self.trainer.step % every and self.trainer.step != self.config.steps:
            return False
        if self.trainer.step and (remark := self.trainer.check()):
            self.run.say(remark)
        return True

    def _over(self, slowest: float) -> str:
        """Why to stop now, or nothing, when a round takes `slowest` seconds. All processes agree."""
        if self.place.any(bool(self.stop)):
            return self.stop[0] if self.stop else "another process was stopped"
        reserve = 2 * (self.saving + self.sampling) + 2 * slowest
        if self.place.any(time.monotonic() + reserve >= self.deadline):
            return f"the {self.ready.order.minutes:g} minutes are over"
        if self.config.steps is not None and self.trainer.step >= self.config.steps:
            return f"all {self.config.steps} steps are done"
        return ""

    def _due(self, what: str, minutes: float) -> bool:
        due = self.place.any(time.monotonic() - self._tick[what] >= 60 * minutes)
        if due:
            self._tick[what] = time.monotonic()
        return due

    def _elapsed(self) -> float:
        """Seconds trained, earlier calls included."""
        return self.seconds + time.monotonic() - self.began

    def _log(self) -> None:
        figures = {**self.trainer.figures(), "seconds": round(self._elapsed(), 1)}
        speed = figures["steps_per_second"]
        text = ", ".join(f"{name} {value:.4g}" for name, value in figures["losses"].items())
        text = f"step {self.trainer.step}: {text}; {speed:.3g} steps/s, {figures['waiting']:.1%} waiting for data"
        if self.peak:
            figures["peak_share"] = round(speed * self.flops / self.peak, 4)
            samples = speed * self.config.batch * self.place.world
            text += f", {samples:.4g} samples/s, {figures['peak_share']:.1%} of the peak"
        self.run.record(figures)
        self.run.say(text)

    def _sample(self, batch: Batch, split_name: str, *, write: bool = True) -> None:
        """Validates and writes pictures; with `write=False` only to know how long it takes."""
        start = time.monotonic()
        losses, columns = self.trainer.validate(batch)
        self.place.sync()
        self.sampling = time.monotonic() - start
        if not write:
            return
        self.run.write_pictures(self.trainer.step, columns)
        self.run.record({"step": self.trainer.step, "seconds": round(self._elapsed(), 1), split_name: losses})
        text = ", ".join(f"{name} {value:.4g}" for name, value in losses.items())
        self.run.say(f"step {self.trainer.step}, {split_name}: {text}")

    def _save(self) -> None:
        """Writes snapshot and state, the state last: where it is, the snapshot is as new."""
        start = time.monotonic()
        if self.place.first:
            config = {"recipe": self.ready.order.recipe, "step": self.trainer.step}
            config["train"] = dataclasses.asdict(self.config)
            self.run.write_snapshot(config, self.trainer.snapshot())
            write_state(self.run.state, {**self.trainer.state(), "seconds": self._elapsed()})
        self.place.wait()
        self.saving = max(self.saving, time.monotonic() - start)


@contextmanager
def _signals() -> Iterator[list[str]]:
    """A list that SIGTERM and SIGINT put a sentence into; a second signal does what it would have done."""
    said: list[str] = []
    if threading.current_thread() is not threading.main_thread():
        yield said
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def note(number: int, frame: FrameType | None) -> None:
        said.append(f"{signal.Signals(number).name} came")
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, note)
    try:
        yield said
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
