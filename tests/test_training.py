"""The training loop on a recipe of one number and a dataset of drawn clips: what it keeps, and how it goes on."""

import argparse
import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from living_portraits import draw, geometry, weights
from living_portraits.commands import train as command
from living_portraits.engine import Track
from living_portraits.errors import OptionError, OutputError
from living_portraits.training import augment, recipe, state
from living_portraits.training.ema import Average
from living_portraits.training.folder import RunFolder
from living_portraits.training.loop import Order, plan, train
from living_portraits.training.place import Place, find_place
from living_portraits.training.profile import Clock, count_flops, matmul_peak
from living_portraits.training.recipe import Batch, Recipe, TrainConfig, TrainingError
from living_portraits.training.source import (
    Sampler,
    Store,
    choose,
    frame_bytes,
    pool,
    pool_of_kinds,
    shares,
    validation_batch,
)
from living_portraits.training.trainer import Trainer

CPU = torch.device("cpu")
HERE = Place(CPU)
LONG = 60.0  # minutes that no test uses up
SIZE = 16


# --- a dataset and recipes of a few lines -----------------------------------------------------------------------------


@dataclass(frozen=True)
class DrawnClip:
    id: str
    identity: str
    frames: int = 6
    split: str = "train"
    kind: str = "video"
    size: int = SIZE


class Drawn:
    """Frame t of clip c is `10 c + t` everywhere but for a white corner; its points are all `(t, 1, 0)` plus a face."""

    def __init__(self, *clips: DrawnClip) -> None:
        self.clips = clips
        self.decoded: list[str] = []

    def track(self, clip: DrawnClip) -> Track:
        self.decoded.append(clip.id)
        number = self.clips.index(clip)
        crops = [np.full((clip.size, clip.size, 3), 10 * number + t, np.uint8) for t in range(clip.frames)]
        for crop in crops:
            crop[: clip.size // 4, : clip.size // 4] = 255
        face = np.vstack([geometry.CANONICAL, np.zeros((10, 3), np.float32)])
        points = np.stack([face * (1 + 0.2 * t * (face[:, 1:2] < 0)) for t in range(clip.frames)])
        shapes = np.tile(np.arange(52, dtype=np.float32) / 52, (clip.frames, 1))
        return Track(crops, points.astype(np.float32), shapes, 25.0)

    def valid(self, clip: DrawnClip) -> np.ndarray:
        return np.full((clip.frames, 64, 64), 255, np.uint8)


PEOPLE = (DrawnClip("a0", "a"), DrawnClip("a1", "a"), DrawnClip("a2", "a"), DrawnClip("b0", "b", frames=4))
SEEN, UNSEEN = DrawnClip("c0", "c"), DrawnClip("v0", "v", split="val")


class Toy(Recipe):
    """Two networks: one that guesses the mean, with dropout, and one that is told to grow."""

    title = "a toy"

    def __init__(self, config: TrainConfig, *, identities: int = 1) -> None:
        super().__init__(config, identities=identities)
        self.guess = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Dropout(0.3), nn.Conv2d(4, 3, 1)
        )
        self.critic = nn.Linear(1, 1)
        self.frozen = nn.Linear(1, 1)
        self.poison: set[int] = set()  # calls of step that give NaN
        self.calls = 0
        self.seen: list[float] = []

    def networks(self) -> dict[str, nn.Module]:
        return {"guess": self.guess, "critic": self.critic}

    def snapshot(self) -> tuple[str, ...]:
        return ("guess",)

    def step(self, batch: Batch) -> dict[str, torch.Tensor]:
        self.seen.append(float(batch.frames.mean()))
        frames = batch.frames[:, 0]
        output = self.guess(frames)
        loss = (output - frames).square().mean()
        if self.guess.training:  # not in validation
            loss = loss * math.nan if self.calls in self.poison else loss
            self.calls += 1
        verdict = self.critic(output.mean().detach().view(1, 1)).square().mean()
        return {
            "guess/l2": loss,
            "guess/critic": 0.1 * self.critic(output.mean().view(1, 1)).mean(),
            "critic/l2": verdict,
        }

    def pictures(self, batch: Batch) -> list[torch.Tensor]:
        return [batch.frames[:, 0], self.guess(batch.frames[:, 0])]


pytestmark = pytest.mark.usefixtures("one_thread")


@dataclass(frozen=True, kw_only=True)
class StartedConfig(TrainConfig):
    start: str = ""


class Started(Toy):
    """A toy that begins with what a file holds."""

    Config = StartedConfig

    def __init__(self, config: StartedConfig, *, identities: int = 1) -> None:
        super().__init__(config, identities=identities)
        if config.start:
            nn.init.constant_(self.frozen.bias, float(Path(config.start).read_text()))


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(recipe.RECIPES, "toy", f"{__name__}:Toy")


def order(out: Path, **changes) -> Order:
    settings = {"size": SIZE, "batch": 2, "log_steps": 2, "lr": 1e-2, "warmup": 0, **changes.pop("settings", {})}
    return Order(**{"recipe": "toy", "data": "drawn", "out": out, "minutes": LONG, "settings": settings, **changes})


def trainer(*clips: DrawnClip, **settings) -> Trainer:
    config = recipe.configure(TrainConfig, {"size": SIZE, "batch": 2, "lr": 1e-2, "warmup": 0, **settings})
    torch.manual_seed(0)
    toy = Toy(config)
    return Trainer(toy, Sampler(Drawn(*(clips or PEOPLE)), clips or PEOPLE, config, device=CPU, budget=10**8), HERE)


def numbers(tensors) -> list:
    """Any tree of tensors as lists, for comparison bit for bit."""
    if isinstance(tensors, torch.Tensor):
        return tensors.tolist()
    if isinstance(tensors, dict):
        return [[key, numbers(value)] for key, value in tensors.items()]
    if isinstance(tensors, list | tuple):
        return [numbers(value) for value in tensors]
    return tensors


# --- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"batch": "16"}, 16),
        ({"lr": "1e-3"}, 1e-3),
        ({"steps": "none"}, None),
        ({"steps": "7"}, 7),
        ({"flip": "false"}, False),
        ({"kinds": "still,pair"}, ("still", "pair")),
        ({"kinds": ["video"]}, ("video",)),
        ({"shares": ""}, ()),
        ({"spacing": "next"}, "next"),
        ({"bacth": "16"}, "There is no setting 'bacth'; choose from size, batch,"),
        ({"batch": "many"}, "batch is a whole number, not 'many'"),
        ({"lr": "-1"}, "lr is at least 0, not -1"),
        ({"lr": "nan"}, "lr is at least 0, not nan"),
        ({"flip": "maybe"}, "flip is one of true, false, not 'maybe'"),
        ({"spacing": "near"}, "spacing is one of far, random, next, not 'near'"),
    ],
)
def test_settings_from_words(given, expected) -> None:
    if isinstance(expected, str) and " " in expected:
        with pytest.raises(OptionError, match=expected.replace("(", r"\(")):
            recipe.configure(TrainConfig, given)
        return
    assert getattr(recipe.configure(TrainConfig, given), next(iter(given))) == expected


def test_the_rate_rises_then_stays_or_falls() -> None:
    constant = TrainConfig(warmup=3)
    assert [constant.rate(step) for step in (0, 1, 2, 3, 10**6)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    falling = TrainConfig(warmup=0, steps=100)
    assert (
        falling.rate(0) == 1.0 and falling.rate(50) == pytest.approx(0.505) and falling.rate(100) == pytest.approx(0.01)
    )


def test_every_recipe_is_found_and_says_what_it_is() -> None:
    for name in recipe.available():
        kind = recipe.find(name)
        assert issubclass(kind, Recipe) and kind.title and issubclass(kind.Config, TrainConfig)
    made = recipe.find("smoke")(recipe.find("smoke").Config())
    assert set(made.snapshot()) <= set(made.networks()) and recipe.parameters(list(made.networks().values())) > 0
    with pytest.raises(OptionError, match=r"no recipe 'smok'; choose from .*guided, .*smoke"):
        recipe.find("smok")


@pytest.mark.parametrize(
    ("changes", "error", "expected"),
    [
        ({"recipe": "none"}, OptionError, "There is no recipe 'none'; choose from .*guided, .*, toy"),
        ({"minutes": 0.0}, OptionError, "minutes is more than 0"),
        ({"minutes": math.nan}, OptionError, "minutes is more than 0"),
        ({"settings": {"size": 32}}, OptionError, "no train clips of kind video with at least 32 px; there are: train"),
        ({"settings": {"kinds": "pair"}}, OptionError, "no train clips of kind pair"),
        ({"resume": True}, TrainingError, "holds no run to resume"),
    ],
)  # fmt: skip
def test_orders_that_cannot_be(tmp_path: Path, changes, error, expected: str) -> None:
    with pytest.raises(error, match=expected):
        plan(order(tmp_path / "run", **changes), Drawn(*PEOPLE), place=HERE)
    assert list(tmp_path.iterdir()) == []


# --- samples ----------------------------------------------------------------------------------------------------------


def sampler(*clips: DrawnClip, room: int = 10**4, rank: int = 0, **settings) -> Sampler:
    config = recipe.configure(TrainConfig, {"size": SIZE, "batch": 4, **settings})
    budget = room * frame_bytes(config.size, 0)
    return Sampler(Drawn(*clips), clips, config, device=CPU, budget=budget, rank=rank)


def test_clips_come_at_the_smallest_size_that_is_enough() -> None:
    clips = [dataclasses.replace(SEEN, id=str(size), size=size) for size in (256, 512)]
    for wanted, expected in ((128, ["256"]), (256, ["256"]), (512, ["512"])):
        found = choose(Drawn(*clips), split="train", config=TrainConfig(size=wanted))
        assert [clip.id for clip in found] == expected


def test_frames_points_and_pictures_fit_together() -> None:
    batch = sampler(*PEOPLE, batch=16).batch(0)
    assert batch.frames.shape == (16, 2, 3, SIZE, SIZE) and batch.points.shape == (16, 2, 478, 3)
    value = ((batch.frames[:, :, 0, -1, -1] + 1) * 127.5).round()
    clip, t = value // 10, value % 10
    assert torch.equal(clip[:, 0], clip[:, 1])  # both frames of one clip
    assert torch.equal(batch.identity, (clip[:, 0] == 3).long())
    below = geometry.CANONICAL[:, 1] < 0
    expected = torch.from_numpy(geometry.CANONICAL[below][0] * 1.0) * (1 + 0.2 * t)[..., None]
    assert torch.allclose(batch.points[:, :, np.flatnonzero(below)[0]], expected, atol=1e-5)


def test_samples_depend_on_seed_rank_step_and_salt_alone() -> None:
    def draw(step: int = 3, salt: int = 0, **changes) -> list:
        return sampler(*PEOPLE, **changes).batch(step, salt=salt).frames.mean((1, 2, 3, 4)).tolist()

    assert draw() == draw()
    after_others = sampler(*PEOPLE)
    after_others.batch(0), after_others.batch(1)
    assert after_others.batch(3).frames.mean((1, 2, 3, 4)).tolist() == draw()
    others = [draw(step=4), draw(salt=1), draw(rank=1), draw(seed=1)]
    assert all(other != draw() for other in others)


def test_people_are_drawn_alike_however_many_clips_they_have() -> None:
    identities = torch.cat([sampler(*PEOPLE, batch=50).batch(step).identity for step in range(8)])
    assert 0.4 < identities.float().mean() < 0.6  # 400 draws; by clips it would be 0.25, by frames 0.18


def test_far_frames_differ_more_than_random_ones_and_next_ones_follow() -> None:
    def steps_apart(spacing: str) -> torch.Tensor:
        batch = sampler(dataclasses.replace(SEEN, frames=9), spacing=spacing, batch=200).batch(0)
        value = ((batch.frames[:, :, 0, -1, -1] + 1) * 127.5).round()
        return value[:, 1] - value[:, 0]

    assert steps_apart("far").abs().mean() > steps_apart("random").abs().mean() + 0.5
    assert (steps_apart("far") != 0).all()
    assert steps_apart("next").unique().tolist() == [1.0]


def test_a_still_serves_where_two_frames_are_wanted() -> None:
    for spacing in ("far", "random", "next"):
        batch = sampler(dataclasses.replace(SEEN, frames=1), spacing=spacing).batch(0)
        assert torch.equal(batch.frames[:, 0], batch.frames[:, 1])


def test_what_does_not_fit_is_decoded_in_turns() -> None:
    clips = tuple(DrawnClip(f"{name}{i}", name) for name in "abc" for i in range(3))
    drawn = sampler(*clips, room=18, pool_steps=10)
    drawn.batch(0), drawn.batch(9)
    first = set(drawn.source.decoded)
    assert len(drawn.source.decoded) == 3 and {name[0] for name in first} == set("abc")  # one of each person
    drawn.batch(10)
    assert len(drawn.source.decoded) == 6
    again = sampler(*clips, room=18, pool_steps=10)
    assert torch.equal(again.batch(10).frames, drawn.batch(10).frames)
    assert len(again.source.decoded) == 3  # a resumed run decodes the present turn alone
    for turn in range(40):
        assert sum(clip.frames for clip in pool(clips, frames=20, seed=(0, turn))) <= 20
    assert {clip.id for turn in range(40) for clip in pool(clips, frames=18, seed=(0, turn))} == {c.id for c in clips}
    with pytest.raises(OptionError, match="memory_gb leaves room for 5 frames, and the shortest clip has 6"):
        pool(clips, frames=5, seed=(0,))


def test_frames_are_shrunk_by_their_mean_and_points_with_them() -> None:
    clip = dataclasses.replace(SEEN, size=4 * SIZE)
    small = Store.decode(Drawn(clip), [clip], size=SIZE, device=CPU)
    full = Drawn(clip).track(clip)
    assert small.frames[0, :4, :4].eq(255).all() and small.frames[0, 4:].eq(0).all()
    assert torch.allclose(small.points[..., 2], torch.from_numpy(full.points[..., 2]) / 4)
    assert torch.allclose(small.points[..., :2], (torch.from_numpy(full.points[..., :2]) - 1.5) / 4)  # pixel centres


def test_the_validation_batch_takes_people_in_turn() -> None:
    config = TrainConfig(size=SIZE, batch=3)
    batch = validation_batch(Drawn(*PEOPLE), PEOPLE, config, device=CPU)
    value = ((batch.frames[:, :, 0, -1, -1] + 1) * 127.5).round()
    assert value.tolist() == [[0, 5], [30, 33], [10, 15]]  # a0, b0, a1; their first and last frame
    assert batch.identity.tolist() == [-1, -1, -1]


@pytest.mark.parametrize(("spacing", "expected"), [("far", [[0], [2], [3], [5]]), ("next", [[0], [1], [2], [3]])])
def test_one_clip_fills_the_validation_batch_with_other_frames(spacing: str, expected: list) -> None:
    dataset = Drawn(SEEN)
    config = TrainConfig(size=SIZE, batch=4, frames=1, spacing=spacing)
    batch = validation_batch(dataset, [SEEN], config, device=CPU)
    assert ((batch.frames[:, :, 0, -1, -1] + 1) * 127.5).round().tolist() == expected
    assert dataset.decoded == ["c0"]


def test_mirroring_twice_changes_nothing_and_once_everything_alike() -> None:
    points, shapes = geometry.MIRRORED, augment.mirrored_shapes()
    for order_ in (points, shapes):
        assert np.array_equal(order_[order_], np.arange(len(order_)))
    assert (
        points[33] == 263
        and points[61] == 291
        and points[468] == 473
        and points[geometry.NOSE_TIP] == geometry.NOSE_TIP
    )
    assert shapes[9] == 10 and shapes[25] == 25  # eyeBlinkLeft and Right; jawOpen
    drawn = sampler(*PEOPLE).batch(0)
    batch = dataclasses.replace(drawn, extra={"drawing": drawn.frames})
    tables = {"points": torch.from_numpy(points), "shapes": torch.from_numpy(shapes)}
    which = torch.tensor([True, False, True, False])
    once = augment.flipped(batch, which, **tables)
    assert torch.equal(once.frames[0, 0, 0, 0], batch.frames[0, 0, 0, 0].flip(0))
    assert torch.equal(once.extra["drawing"], once.frames)
    assert torch.equal(once.frames[1], batch.frames[1]) and torch.equal(once.points[1], batch.points[1])
    assert torch.equal(once.points[0, :, 33, 0], SIZE - 1 - batch.points[0, :, 263, 0])
    assert torch.equal(once.points[0, :, 33, 1:], batch.points[0, :, 263, 1:])
    assert torch.equal(once.blendshapes[0, :, 9], batch.blendshapes[0, :, 10])
    twice = augment.flipped(once, which, **tables)
    assert torch.equal(twice.frames, batch.frames) and torch.allclose(twice.points, batch.points, atol=1e-5)


def test_colour_changes_a_samples_frames_alike() -> None:
    drawn = sampler(*PEOPLE).batch(0)
    frames = torch.zeros_like(drawn.frames)
    batch = dataclasses.replace(drawn, frames=frames, extra={"carried": frames, "drawing": frames})
    torch.manual_seed(0)
    changed = augment.recoloured(batch, 0.2, extras=("carried",))
    assert torch.equal(changed.frames[:, 0], changed.frames[:, 1])
    assert not torch.equal(changed.frames[0], changed.frames[1])
    assert 0 < changed.frames.abs().max() <= 0.3 + 1e-6
    assert torch.equal(changed.extra["carried"], changed.frames)  # one scene: a network could not guess the change
    assert not changed.extra["drawing"].any()


# --- steps ------------------------------------------------------------------------------------------------------------


def test_a_loss_moves_the_network_it_is_named_after_and_no_other() -> None:
    trained = trainer()
    before = numbers(trained.state()["networks"])
    frozen = numbers(dict(trained.recipe.frozen.state_dict()))

    def step(batch: Batch) -> dict[str, torch.Tensor]:
        verdict = trained.recipe.critic(trained.recipe.guess(batch.frames[:, 0]).mean().view(1, 1)).mean()
        return {"guess/critic": verdict, "critic/nothing": 0 * trained.recipe.critic(torch.ones(1, 1)).sum()}

    trained.recipe.step = step
    trained.advance()
    after = numbers(trained.state()["networks"])
    assert before[0] != after[0] and before[1] == after[1]
    assert numbers(dict(trained.recipe.frozen.state_dict())) == frozen
    trained.recipe.step = lambda batch: {"gues/l2": torch.zeros(())}
    with pytest.raises(ValueError, match="'gues/l2' names none of the networks guess, critic"):
        trained.advance()


def test_a_run_may_be_resumed_with_another_rate() -> None:
    first = trainer(lr=1e-2)
    first.advance()
    again = trainer(lr=1e-4)
    again.restore(first.state())
    again.advance()
    assert [group["lr"] for group in again.optimisers["guess"].param_groups] == [pytest.approx(1e-4)]
    assert again.optimisers["guess"].state_dict()["state"][0]["step"] == 2  # but its memory was kept


def test_long_gradients_are_shortened_and_the_rate_followed() -> None:
    trained = trainer(clip=1e-3, warmup=9)
    seen = []
    real = nn.utils.clip_grad_norm_
    try:
        nn.utils.clip_grad_norm_ = lambda *a, **k: (real(*a, **k), seen.append(real(a[0], 1e9)))[0]
        trained.advance()
    finally:
        nn.utils.clip_grad_norm_ = real
    assert all(float(length) <= 1.001e-3 for length in seen) and float(trained.lengths["guess"]) > 1e-3
    assert [group["lr"] for group in trained.optimisers["guess"].param_groups] == [pytest.approx(1e-3)]


def test_the_average_by_hand() -> None:
    net = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        net.weight.fill_(0.0)
        average = Average({"net": net}, decay=0.9)
        net.weight.fill_(1.0)
        average.update(1)  # decay min(0.9, 2/11)
        assert float(average.state()["net.weight"]) == pytest.approx(9 / 11)
        average.update(1000)
        assert float(average.state()["net.weight"]) == pytest.approx(0.9 * 9 / 11 + 0.1)
    with average.in_use():
        assert float(net.weight) == pytest.approx(0.9 * 9 / 11 + 0.1) and not net.training
    assert float(net.weight.detach()) == 1.0 and net.training


def test_validation_changes_nothing() -> None:
    trained, other = trainer(), trainer()
    batch = validation_batch(Drawn(*PEOPLE), PEOPLE, trained.config, device=CPU)
    trained.advance(), other.advance()
    first, pictures = trained.validate(batch)
    assert trained.validate(batch)[0] == first and len(pictures) == 2
    assert numbers(trained.state()) == numbers(other.state())
    assert trained.advance() == other.advance()


# --- NaN --------------------------------------------------------------------------------------------------------------


def test_nan_steps_back_to_the_last_good_state_and_on_with_other_samples() -> None:
    trained = trainer(good_steps=2)
    for _ in range(3):
        trained.advance()
        assert trained.check() is None
    kept = numbers(trained._good)
    trained.recipe.poison = {trained.recipe.calls}
    trained.advance()
    assert not all(parameter.isfinite().all() for parameter in trained.recipe.guess.parameters())
    assert trained.check() == "NaN or infinity before step 4: back to step 2, on with other samples"
    assert trained.step == 2 and trained.retreats == 1
    now = numbers(trained.state())
    assert [entry for entry in now if entry[0] != "retreats"] == [entry for entry in kept if entry[0] != "retreats"]
    before = trained.recipe.seen[2]
    trained.advance()
    assert trained.check() is None and trained.recipe.seen[-1] != before
    assert all(math.isfinite(value) for value in trained.figures()["losses"].values())


def test_nan_that_does_not_go_away_ends_the_training() -> None:
    trained = trainer()
    trained.recipe.poison = set(range(100))
    for _ in range(5):
        trained.advance()
        assert "back to step 0" in trained.check()
    trained.advance()
    with pytest.raises(TrainingError, match=r"after step 0: resume with a lower lr \(--set lr=0.0025\)"):
        trained.check()


def test_a_run_survives_nan_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Toy.__init__

    def poisoned(self, *args, **kwargs) -> None:
        first(self, *args, **kwargs)
        self.poison = {4}

    monkeypatch.setattr(Toy, "__init__", poisoned)
    train(order(tmp_path / "run", settings={"steps": 6, "good_steps": 1}), Drawn(*PEOPLE), place=HERE)
    assert "NaN or infinity before step 5: back to step 4" in (tmp_path / "run" / "log.txt").read_text()
    final, _ = state.read_state(tmp_path / "run" / "state.pt", device=CPU)
    assert final["step"] == 6 and final["retreats"] == 1
    assert all(value.isfinite().all() for value in final["networks"]["guess"].values())


class LikeAGpu(Place):
    """A CPU that is treated as a GPU, which is looked at now and then only."""

    gpu = True

    def sync(self) -> None: ...

    def describe(self) -> str:
        return "a CPU, treated as a GPU"

    def autocast(self):
        return torch.autocast("cpu", enabled=False)


def test_a_gpu_is_looked_at_now_and_then_and_stops_on_time_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = []
    check = Trainer.check
    monkeypatch.setattr(Trainer, "check", lambda self: (checks.append(self.step), check(self))[1])
    monkeypatch.setattr(Trainer, "validate", lambda self, batch: ({}, [torch.zeros(1, 3, SIZE, SIZE)]))
    settings = {"steps": 10, "check_steps": 4, "memory_gb": 1.0, "compile": False}
    train(order(tmp_path / "run", settings=settings), Drawn(*PEOPLE), place=LikeAGpu(CPU))
    assert checks == [4, 8, 10, 10]  # and once more before the last save
    assert state.read_state(tmp_path / "run" / "state.pt", device=CPU)[0]["step"] == 10


# --- runs -------------------------------------------------------------------------------------------------------------


def test_a_run_leaves_what_it_should(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "deep" / "run"
    reason = train(order(out, settings={"steps": 4}, parts=True, profile=True), Drawn(*PEOPLE, UNSEEN), place=HERE)
    assert reason == "all 4 steps are done"
    options = json.loads((out / "options.json").read_text())
    assert options["recipe"] == "toy" and options["config"]["batch"] == 2 and options["data"] == "drawn"
    figures = RunFolder(out).figures()
    assert [line["step"] for line in figures] == [0, 2, 4, 4]
    assert set(figures[1]["losses"]) == {"guess/l2", "guess/critic", "critic/l2"}
    assert (
        0 <= figures[1]["waiting"] <= 1 and figures[1]["steps_per_second"] > 0 and 0 <= figures[1]["peak_share"] < 1.5
    )
    assert set(figures[0]["val"]) == set(figures[3]["val"]) == set(figures[1]["losses"])
    with Image.open(out / "samples" / "000004.png") as sheet:
        assert sheet.size == (2 * SIZE, 2 * SIZE)  # input and output; a row for each of two samples
    config, snapshot = weights.read(out / "snapshot.safetensors")
    final, _ = state.read_state(out / "state.pt", device=CPU)
    assert config["recipe"] == "toy" and config["step"] == 4
    assert {name.split(".")[0] for name in snapshot} == {"guess"}  # the critic is not for use
    assert snapshot["guess.0.weight"].dtype == torch.float16
    assert torch.equal(snapshot["guess.0.weight"], final["average"]["guess.0.weight"].half())
    assert not torch.equal(final["average"]["guess.0.weight"], final["networks"]["guess"]["0.weight"])
    assert (out / "state.pt.part000").is_file() and (out / "snapshot.safetensors.parts.json").is_file()
    log = (out / "log.txt").read_text()
    assert "waiting for data" in log and "of the peak" in log and "GFLOP/s measured" in log
    assert capsys.readouterr().err == log


def test_a_number_that_half_precision_cannot_hold_stays_as_it_is(tmp_path: Path) -> None:
    RunFolder(tmp_path).write_snapshot({}, {"big": torch.tensor([1e6]), "small": torch.tensor([1.5])})
    _, snapshot = weights.read(tmp_path / "snapshot.safetensors")
    assert snapshot["big"].tolist() == [1e6] and snapshot["small"].dtype == torch.float16


def test_there_is_a_state_before_the_first_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(self: Trainer) -> None:
        raise Killed

    monkeypatch.setattr(Trainer, "advance", killed)
    with pytest.raises(Killed):
        train(order(tmp_path / "run"), Drawn(*PEOPLE), place=HERE)
    assert state.read_state(tmp_path / "run" / "state.pt", device=CPU)[0]["step"] == 0


def test_another_run_is_not_overwritten(tmp_path: Path) -> None:
    train(order(tmp_path / "run", settings={"steps": 1}), Drawn(*PEOPLE), place=HERE)
    before = (tmp_path / "run" / "state.pt").read_bytes()
    with pytest.raises(OutputError, match="holds a run already: go on with --resume"):
        train(order(tmp_path / "run"), Drawn(*PEOPLE), place=HERE)
    assert (tmp_path / "run" / "state.pt").read_bytes() == before


def test_a_dry_run_prints_everything_and_writes_nothing(tmp_path: Path) -> None:
    dataset = Drawn(*PEOPLE, UNSEEN)
    text = plan(order(tmp_path / "run", minutes=7.0), dataset, place=HERE).text()
    for expected in (
        "recipe toy: a toy", "batch = 2", "train: 4 clips, 2 identities, 22 frames of 16 px",
        "val: 1 clips, 1 identities", "all in memory", "network guess: 135 parameters", "network critic: 2 parameters",
        "time: 7 minutes",
        f"{tmp_path / 'run' / 'snapshot.safetensors'}",
    ):  # fmt: skip
        assert expected in text
    assert dataset.decoded == [] and list(tmp_path.iterdir()) == []


def test_a_run_goes_on_without_the_file_that_it_began_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(recipe.RECIPES, "toy", f"{__name__}:Started")
    start, run = tmp_path / "start", tmp_path / "run"
    start.write_text("7")
    train(order(run, settings={"steps": 1, "start": str(start)}), Drawn(*PEOPLE), place=HERE)
    start.unlink()
    train(order(run, settings={"steps": 2}, resume=True), Drawn(*PEOPLE), place=HERE)
    assert json.loads((run / "options.json").read_text())["config"]["start"] == str(start)
    assert state.read_state(run / "state.pt", device=CPU)[0]["step"] == 2


def test_a_resumed_run_goes_on_bit_for_bit(tmp_path: Path) -> None:
    through, halted = tmp_path / "through", tmp_path / "halted"
    settings = {"pool_steps": 2, "memory_gb": 14 * frame_bytes(SIZE, 0) / 1e9}  # not all frames fit
    train(order(through, settings={**settings, "steps": None, "log_steps": 1}, minutes=LONG), StopAfter(7), place=HERE)
    train(order(halted, settings={**settings, "steps": None, "log_steps": 1}), StopAfter(3), place=HERE)
    with (halted / "stats.jsonl").open("a") as file:
        file.write('{"step": 4, "losses": {"guess/l2": 99}}\n{"step": 5, "lo')
    train(order(halted, resume=True, settings={"log_steps": 1}), StopAfter(4), place=HERE)
    a, b = (state.read_state(run / "state.pt", device=CPU)[0] for run in (through, halted))
    assert a["step"] == b["step"] == 7
    assert numbers({**a, "seconds": 0}) == numbers({**b, "seconds": 0})
    losses = [
        [(line["step"], line["losses"]) for line in RunFolder(run).figures() if "losses" in line]
        for run in (through, halted)
    ]
    assert losses[0] == losses[1] and [step for step, _ in losses[0]] == list(range(1, 8))
    assert len({json.dumps(loss) for _, loss in losses[0]}) == 7


class StopAfter(Drawn):
    """A dataset whose training gets SIGTERM after some steps of this call."""

    def __init__(self, steps: int) -> None:
        super().__init__(*PEOPLE)
        self.steps = steps


@pytest.fixture(autouse=True)
def stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    advance = Trainer.advance
    taken: dict[int, int] = {}

    def counted(self: Trainer):
        losses = advance(self)
        taken[id(self)] = taken.get(id(self), 0) + 1
        if getattr(self.sampler.source, "steps", None) == taken[id(self)]:
            os.kill(os.getpid(), getattr(self.sampler.source, "signal", signal.SIGTERM))
        return losses

    monkeypatch.setattr(Trainer, "advance", counted)


@pytest.mark.parametrize(("number", "name"), [(signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "SIGINT")])
def test_a_signal_stops_cleanly_with_everything_saved(tmp_path: Path, number: signal.Signals, name: str) -> None:
    dataset, before = StopAfter(3), [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    dataset.signal = number
    assert train(order(tmp_path / "run"), dataset, place=HERE) == f"{name} came"
    assert state.read_state(tmp_path / "run" / "state.pt", device=CPU)[0]["step"] == 3
    assert (tmp_path / "run" / "samples" / "000003.png").is_file()
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)] == before
    assert command.STOPPED[name] == 128 + number


def test_it_stops_when_the_time_is_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began, clock = time.monotonic(), {"ahead": 0.0}
    real = time.monotonic

    def advanced(self: Trainer, *, advance=Trainer.advance):
        clock["ahead"] += 20.0  # seconds a step
        return advance(self)

    monkeypatch.setattr(Trainer, "advance", advanced)
    monkeypatch.setattr("living_portraits.training.loop.time.monotonic", lambda: real() + clock["ahead"])
    assert train(order(tmp_path / "run", minutes=5.0), Drawn(*PEOPLE), place=HERE) == "the 5 minutes are over"
    steps = state.read_state(tmp_path / "run" / "state.pt", device=CPU)[0]["step"]
    assert 10 <= steps <= 13  # 15 would fill the time; two steps are kept in reserve, with saving
    assert real() - began < 120


# --- the state --------------------------------------------------------------------------------------------------------

STATE = {"step": 1, "tensor": torch.arange(5.0)}


def written(folder: Path, step: int) -> Path:
    state.write_state(folder / "state.pt", {**STATE, "step": step})
    return folder / "state.pt"


def read_step(path: Path) -> tuple[int, str | None]:
    found, remark = state.read_state(path, device=CPU)
    assert torch.equal(found["tensor"], STATE["tensor"])
    return found["step"], remark


class Killed(BaseException):
    """Nothing may catch it, as nothing can catch SIGKILL."""


@pytest.mark.parametrize(
    ("where", "expected"),
    [("fsync", 2), ("replace 1", 2), ("replace 2", 2), ("nowhere", 3)],
)
def test_whenever_it_is_killed_a_whole_state_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, expected: int
) -> None:
    written(tmp_path, 1)
    path = written(tmp_path, 2)
    calls = {"replace": 0}

    def replace(a, b, *, real=os.replace):
        calls["replace"] += 1
        if where == f"replace {calls['replace']}":
            raise Killed
        real(a, b)

    def fsync(number):
        if where == "fsync":
            raise Killed

    monkeypatch.setattr(state.os, "replace", replace)
    monkeypatch.setattr(state.os, "fsync", fsync)
    if where == "nowhere":
        written(tmp_path, 3)
    else:
        with pytest.raises(Killed):
            written(tmp_path, 3)
    monkeypatch.undo()
    step, remark = read_step(path)
    assert step == expected and (remark is None) == (where != "replace 2")
    assert read_step(written(tmp_path, 4)) == (4, None)  # and the next write goes through
    assert {entry.name for entry in tmp_path.iterdir()} == {"state.pt", "state.previous.pt"}


def test_killed_in_earnest_while_writing(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib, torch; from living_portraits.training.state import write_state\n"
        "for step in range(10**6):\n"
        "    write_state(pathlib.Path(sys.argv[1]), {'step': step, 'tensor': torch.full((10**5,), float(step))})\n"
        "    print(step, flush=True)\n"
    )
    path = tmp_path / "state.pt"
    process = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    last = [int(process.stdout.readline()) for _ in range(6)][-1]
    process.send_signal(signal.SIGKILL)
    rest = process.communicate()[0].split()
    last = int(rest[-1]) if rest else last
    found, _ = state.read_state(path, device=CPU)
    assert found["step"] in (last, last + 1) and found["tensor"].unique().tolist() == [float(found["step"])]


def test_a_damaged_state_gives_way_to_the_one_before(tmp_path: Path) -> None:
    written(tmp_path, 1)
    path = written(tmp_path, 2)
    path.write_bytes(path.read_bytes()[:-100])
    assert read_step(path) == (1, "state.pt is damaged: resumed from state.previous.pt")
    state.previous_of(path).write_bytes(b"nothing")
    with pytest.raises(TrainingError, match=r"state\.pt is damaged, state\.previous\.pt is damaged"):
        state.read_state(path, device=CPU)


def test_parts_of_long_ago_do_not_come_before_the_state_before(tmp_path: Path) -> None:
    path = written(tmp_path, 1)
    state.split(path)
    os.utime(state.index_of(path), (0, 0))  # long ago
    written(tmp_path, 2)
    os.replace(path, state.previous_of(path))  # killed before the next took its place
    assert read_step(path) == (2, "state.pt is missing: resumed from state.previous.pt")
    os.utime(state.previous_of(path), (-1, -1))
    assert read_step(path) == (1, None)


def test_a_full_disk_is_one_sentence_and_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, 1)

    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(state.os, "fsync", full)
    with pytest.raises(OutputError, match=r"state\.pt cannot be written: No space left on device"):
        written(tmp_path, 2)
    monkeypatch.undo()
    assert read_step(path) == (1, None) and [entry.name for entry in tmp_path.iterdir()] == ["state.pt"]


def test_parts_are_small_and_join_to_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, 5)
    whole = path.read_bytes()
    stale = tmp_path / "state.pt.part900"
    stale.write_bytes(b"of a longer state")
    limit = len(whole) // 3
    *parts, index = state.split(path, limit=limit)
    assert len(parts) == 4 and max(part.stat().st_size for part in parts) == limit and not stale.exists()
    path.unlink()
    assert read_step(path) == (5, None)  # joined on the way
    assert path.read_bytes() == whole
    path.unlink()
    parts[1].write_bytes(b"x" + parts[1].read_bytes()[1:])
    with pytest.raises(TrainingError, match=r"A part of state\.pt in .* is damaged"):
        state.join(path)
    parts[2].unlink()
    with pytest.raises(TrainingError, match="cannot be joined"):
        state.join(path)
    assert state.PART_BYTES <= 15 * 10**6 and index.name == "state.pt.parts.json"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"format": 99}, "another version or recipe"),
        ({"networks": {"other": {}}}, "another version or recipe"),
        ({"networks": {"guess": {}, "critic": {}}}, "networks with other sizes"),
    ],
)
def test_states_of_something_else(change, expected: str) -> None:
    trained = trainer()
    with pytest.raises(TrainingError, match=expected):
        trained.restore({**trained.state(), **change})


# --- speed ------------------------------------------------------------------------------------------------------------


def test_work_is_counted_forward_and_backward() -> None:
    a, b = torch.ones(2, 3, requires_grad=True), torch.ones(3, 5, requires_grad=True)
    assert count_flops(lambda: (a @ b).sum().backward()) == 3 * 2 * (2 * 3 * 5)
    assert matmul_peak(HERE, seconds=0.01) > 1e8
    trained, other = trainer(), trainer()
    assert trained.flops() > 0
    assert trained.advance() == other.advance()  # counting changes nothing


def test_the_clock_tells_waiting_from_work(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("living_portraits.training.profile.time.perf_counter", lambda: now[0])
    clock = Clock(since=now[0])
    with clock.waiting():
        now[0] += 1.0
    now[0] += 3.0
    clock.steps += 8
    assert clock.read() == (2.0, 0.25)
    now[0] += 1.0
    assert clock.read() == (0.0, 0.0)


class Group:
    """Stands for accelerate: as if the other process had gradients of 0 and flags of 1."""

    def reduce(self, tensor: torch.Tensor, reduction: str) -> torch.Tensor:
        return tensor / 2 if reduction == "mean" else tensor + 1


def test_gradients_and_stops_are_shared_between_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(CPU, rank=0, world=2, accelerator=Group())
    gradients = [torch.ones(2, 2), torch.full((3,), 4.0)]
    place.average(gradients)
    assert numbers(gradients) == [[[0.5, 0.5], [0.5, 0.5]], [2.0, 2.0, 2.0]]
    assert place.any(False)
    alone, shared = trainer(), trainer()
    shared.place = place
    alone.advance(), shared.advance()
    assert float(shared.lengths["guess"]) == pytest.approx(float(alone.lengths["guess"]) / 2)
    HERE.average(gradients)
    assert numbers(gradients)[1] == [2.0, 2.0, 2.0] and not HERE.any(False)


def test_several_processes_need_accelerate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(OptionError, match=r"needs accelerate: pip install 'living-portraits\[train\]'"):
        find_place()
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert find_place().world == 1


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_reads_settings() -> None:
    assert command.settings(["batch=16", "kinds=a=b"]) == {"batch": "16", "kinds": "a=b"}
    with pytest.raises(OptionError, match="--set takes NAME=VALUE"):
        command.settings(["batch"])


@pytest.fixture
def arguments(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The command line as the command reads it, for a drawn dataset."""
    dataset = Drawn(*PEOPLE)
    monkeypatch.setattr("living_portraits.data.dataset.Dataset", lambda folder: dataset)
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    line = f"train toy --data drawn --out {tmp_path / 'run'} --minutes 60 --set size={SIZE} --set batch=2"
    return lambda *more: (parser.parse_args([*line.split(), *more]), dataset)


def test_the_command_plans_trains_and_resumes(arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dry, dataset = arguments("--dry-run")
    assert dry.run(dry) == 0
    assert "recipe toy: a toy" in capsys.readouterr().out
    assert dataset.decoded == [] and not (tmp_path / "run").exists()
    through, _ = arguments("--set", "steps=2", "--parts")
    assert through.run(through) == 0
    assert (tmp_path / "run" / "state.pt.parts.json").is_file()
    again, _ = arguments("--resume", "--set", "steps=3")
    assert again.run(again) == 0
    assert json.loads((tmp_path / "run" / "options.json").read_text())["config"]["steps"] == 3
    assert state.read_state(tmp_path / "run" / "state.pt", device=CPU)[0]["step"] == 3


def test_the_command_tells_a_signal_by_its_exit_code(arguments) -> None:
    halted, dataset = arguments()
    dataset.steps = 1
    assert halted.run(halted) == 128 + signal.SIGTERM


def test_importing_the_command_loads_no_torch() -> None:
    code = "import sys, living_portraits.commands.train; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


# --- the smoke recipe -------------------------------------------------------------------------------------------------


def test_the_smoke_recipe_learns_a_clip() -> None:
    config = recipe.configure(recipe.find("smoke").Config, {"size": 32, "width": 8, "batch": 2, "warmup": 0})
    torch.manual_seed(0)
    smoke = recipe.find("smoke")(config)
    clip = dataclasses.replace(SEEN, size=32)
    drawn = Sampler(Drawn(clip), [clip], config, device=CPU, budget=10**8, extra=smoke.extra)
    trained = Trainer(smoke, drawn, HERE)
    first = trained.advance()["generator/l1"]
    for _ in range(15):
        last = trained.advance()["generator/l1"]
    assert last < first / 2
    batch = validation_batch(Drawn(clip), [clip], config, device=CPU, extra=smoke.extra)
    _, columns = trained.validate(batch)
    assert [tuple(column.shape) for column in columns] == [(2, 3, 32, 32)] * 3
    drawn_by_hand = draw.portrait_of(Drawn(clip).track(clip).points[5], size=32)
    assert np.array_equal(drawn.store(0).extra["drawing"][5].numpy(), drawn_by_hand) and np.ptp(drawn_by_hand) > 0
    assert smoke.extra_bytes() * 6 == drawn.store(0).extra["drawing"].numel()


# --- shares of kinds, and fields beside the frames --------------------------------------------------------------------


def test_kinds_get_their_shares_of_the_samples_and_of_the_memory():
    films = [DrawnClip(f"f{i}", f"f{i}") for i in range(2)]
    stills = [DrawnClip(f"s{i}", f"s{i}", kind="still") for i in range(20)]
    config = TrainConfig(size=SIZE, batch=200, frames=1, kinds=("video", "still", "pair"), shares=(0.6, 0.2, 0.2))
    assert shares([*films, *stills], config) == pytest.approx({"video": 0.75, "still": 0.25})
    sampler = Sampler(Drawn(*films, *stills), [*films, *stills], config, device=CPU, budget=10**9)
    drawn = sampler.batch(0).identity
    film_numbers = {sampler.people[clip.identity] for clip in films}
    assert np.mean([int(number) in film_numbers for number in drawn]) == pytest.approx(0.75, abs=0.12)
    chosen = pool_of_kinds([*films, *stills], shares([*films, *stills], config), frames=60, seed=(0,))
    assert [clip for clip in chosen if clip.kind == "video"] == films  # all twelve frames: less than their share
    assert sum(clip.frames for clip in chosen) == 60


def test_without_shares_each_person_is_drawn_alike():
    films, stills = [DrawnClip("f", "f")], [DrawnClip(f"s{i}", f"s{i}", kind="still") for i in range(9)]
    config = TrainConfig(size=SIZE, batch=300, frames=1, kinds=("video", "still"))
    sampler = Sampler(Drawn(*films, *stills), [*films, *stills], config, device=CPU, budget=10**9)
    number = sampler.people["f"]
    assert np.mean(sampler.batch(0).identity.numpy() == number) == pytest.approx(0.1, abs=0.07)


@pytest.mark.parametrize(
    ("given", "sentence"), [((0.5,), "1 shares for the 2 kinds"), ((1.0, 0.0), "shares leave no samples")]
)
def test_shares_that_cannot_be_are_refused(given, sentence):
    config = TrainConfig(kinds=("video", "still"), shares=given)
    with pytest.raises(OptionError, match=sentence):
        shares([DrawnClip("s", kind="still", identity="s")], config)


def test_shares_are_read_from_the_command_line():
    config = recipe.configure(TrainConfig, {"shares": "0.5,0.25", "kinds": "video,still"})
    assert config.shares == (0.5, 0.25) and config.kinds == ("video", "still")


def test_places_turn_round_in_a_mirrored_sample_and_are_kept_to_the_last_bit():
    field = np.random.default_rng(0).uniform(-1, 1, (6, 4, 4, 2)).astype(np.float16)
    config = TrainConfig(size=SIZE, batch=1, frames=1, flip=True, colour=0.0)
    sampler = Sampler(
        Drawn(SEEN), [SEEN], config, device=CPU, budget=10**8, extra=lambda *_: {"from_places": field, "wind": field}
    )
    batch = sampler.batch(0)
    frame = next(t for t in range(6) if np.array_equal(batch.extra["wind"][0, 0].movedim(0, -1), field[t]))
    tables = torch.from_numpy(geometry.MIRRORED), torch.from_numpy(augment.mirrored_shapes())
    there = augment.flipped(batch, torch.tensor([True]), points=tables[0], shapes=tables[1]).extra
    places = there["from_places"][0, 0].movedim(0, -1).numpy()
    np.testing.assert_array_equal(places, field[frame][:, ::-1] * np.array([-1, 1], np.float32))
    np.testing.assert_array_equal(there["wind"][0, 0].movedim(0, -1).numpy(), field[frame][:, ::-1])
