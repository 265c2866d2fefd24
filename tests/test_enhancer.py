"""MegaPortraits' high-resolution step: what is redrawn and what is not, what teaches it, and what films show of it."""

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import pytest
import torch
from drawn import driver, face, picture

from living_portraits import weights
from living_portraits.engine import Drive, Track
from living_portraits.engines.megaportraits import engine as engines
from living_portraits.engines.megaportraits.base import Base
from living_portraits.engines.megaportraits.config import preset
from living_portraits.engines.megaportraits.enhancer import (
    Enhancer,
    EnhancerConfig,
    coarse,
    doubled,
    read_enhancer,
    redrawn,
)
from living_portraits.errors import OptionError, WeightsError
from living_portraits.nn.pixels import to_tensor
from living_portraits.training.enhancer import EnhancerTrainConfig, Enhancing, halved
from living_portraits.training.loop import Order, train
from living_portraits.training.place import Place
from living_portraits.training.publish_megaportraits import publish
from living_portraits.training.source import validation_batch

SIZE = 128
SMALL = EnhancerConfig(width=8, blocks=1)
QUICK = {"width": 8, "blocks": 1, "size": SIZE, "patch": 32, "batch": 2, "kinds": ("still",), "warmup": 0, "lpips": 0.0}


pytestmark = pytest.mark.usefixtures("one_thread")


def grain(size: int = SIZE) -> np.ndarray:
    """A picture that holds as much as there is room for."""
    return np.random.default_rng(1).integers(0, 256, (size, size, 3), dtype=np.uint8)


def enlarged(times: int, size: int = SIZE) -> np.ndarray:
    return cv2.resize(grain(size // times), (size, size), interpolation=cv2.INTER_CUBIC)


class Bright(Enhancer):
    """Doubles, and leaves a trace each time."""

    def __init__(self) -> None:
        super().__init__(SMALL)
        torch.nn.init.constant_(self.leave.bias, 0.1)


def test_what_has_learned_nothing_enlarges_cubically():
    given = to_tensor([picture(20, 28)])
    out = Enhancer(SMALL)(given)
    assert out.shape == (1, 3, 40, 56)
    torch.testing.assert_close(out, doubled(given))


def test_every_weight_learns():
    torch.manual_seed(0)
    net = Enhancer(SMALL)
    torch.nn.init.normal_(net.leave.weight, std=0.1)
    net(to_tensor([picture(16, 16)])).square().mean().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize(("times", "doublings"), [(1, 0), (2, 1), (4, 1)])
def test_a_picture_is_redrawn_from_what_it_holds(times, doublings):
    """Once for each halving that loses nothing, but never from fewer than 64 pixels a side."""
    given = to_tensor([enlarged(times)]) * 0.5
    assert coarse(given) == (times > 1)
    out = redrawn(Bright(), given)
    assert out.shape == given.shape
    assert float((out - given).detach().mean()) == pytest.approx(0.1 * doublings, abs=0.01)


def test_larger_ones_as_often_as_they_can_be_halved():
    given = to_tensor([enlarged(4, 512)]) * 0.5
    assert float((redrawn(Bright(), given) - given).detach().mean()) == pytest.approx(0.2, abs=0.01)


def test_what_rounding_left_is_no_detail():
    """Of soft pictures, enlarged four times, both octaves hold bytes' rounding alone."""
    soft = cv2.GaussianBlur(grain(128), (0, 0), 2.0)
    given = to_tensor([cv2.resize(soft, (512, 512), interpolation=cv2.INTER_CUBIC)]) * 0.5
    assert coarse(given) and float((redrawn(Bright(), given) - given).detach().mean()) > 0.19


@dataclass(frozen=True)
class Still:
    id: str
    zoom: float = 0.5
    split: str = "train"
    kind: str = "still"
    size: int = SIZE
    frames: int = 1
    quality: dict = field(default_factory=dict)

    def __post_init__(self):
        self.quality["zoom"] = self.zoom

    @property
    def identity(self) -> str:
        return self.id


class Stills:
    clips = (Still("a"), Still("b"), Still("c", split="val"), Still("enlarged", zoom=2.0))

    def track(self, clip):
        points = face((SIZE / 2, SIZE / 2), zoom=3.0)[None]
        crop = picture(SIZE, SIZE, seed=[one.id for one in self.clips].index(clip.id))
        return Track([crop], points, np.zeros((1, 52), np.float32))

    def valid(self, clip):
        return np.full((1, 64, 64), 255, np.uint8)


def made(**settings) -> Enhancing:
    torch.manual_seed(0)
    return Enhancing(EnhancerTrainConfig(**{**QUICK, **settings}))


def sample(recipe: Enhancing):
    return validation_batch(
        Stills(), list(Stills.clips[:2]), recipe.config, device=torch.device("cpu"), extra=recipe.extra
    )


def test_what_was_enlarged_teaches_nothing():
    assert [clip.id for clip in Enhancing.source(Stills(), EnhancerTrainConfig()).clips] == ["a", "b", "c"]


def test_losses_see_parts_of_the_truth_about_the_face():
    recipe = made()
    batch = sample(recipe)
    batch = replace(batch, frames=torch.zeros_like(batch.frames))
    batch.frames[..., 20:110, 20:110] = torch.rand(2, 1, 1, 90, 90)  # the face, and nothing beyond it
    for _ in range(20):
        parts = recipe._parts(batch)
        assert parts.shape == (2, 3, 32, 32) and parts.flatten(1).any(dim=1).all()
    assert set(recipe.step(batch)) == {"enhancer/l1", "enhancer/cycle"}


def test_the_cycle_wants_back_what_was_given():
    recipe = made(l1=0.0)
    batch = sample(recipe)
    optimiser = torch.optim.Adam(recipe.enhancer.parameters(), lr=1e-3)
    falling = []
    for _ in range(60):
        loss = recipe.step(batch)["enhancer/cycle"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        falling.append(float(loss.detach()))
    assert np.mean(falling[-5:]) < 0.5 * falling[0]


def test_the_adversary_comes_late_and_learns_from_its_own_loss_alone():
    recipe = made(adversary=1.0, adversary_from=2, critic=8)
    batch = sample(recipe)
    assert not any(name.startswith("critic") for name in recipe.step(batch))
    found = recipe.step(batch)
    assert {"enhancer/adversary", "enhancer/matching", "critic/hinge"} < set(found)
    grads = torch.autograd.grad(found["critic/hinge"], list(recipe.enhancer.parameters()), allow_unused=True)
    assert all(grad is None for grad in grads)


def test_bad_patches_get_a_sentence():
    with pytest.raises(OptionError, match="patch is an even number"):
        made(patch=33)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """A run of a few steps, published."""
    folder = tmp_path_factory.mktemp("enhancer")
    order = Order("enhancer", "drawn", folder / "run", 60.0, {**QUICK, "steps": 60, "lr": 2e-3, "memory_gb": 1.0})
    train(order, Stills(), place=Place(torch.device("cpu")))
    publish(folder / "run" / "snapshot.safetensors", folder / "enhancer.safetensors")
    return folder / "enhancer.safetensors"


def test_a_run_leaves_a_network_that_beats_cubics(shipped):
    net = read_enhancer(shipped)
    truth = to_tensor([Stills().track(Stills.clips[0]).crops[0]])
    with torch.inference_mode():
        ours, cubic = net(halved(truth)), doubled(halved(truth))
    assert (ours - truth).abs().mean() < 0.95 * (cubic - truth).abs().mean()


def test_another_file_gets_a_sentence(tmp_path):
    weights.write(tmp_path / "x.safetensors", config={"recipe": "smoke"}, state={"a": torch.zeros(1)})
    with pytest.raises(WeightsError, match="no snapshot of the recipe enhancer"):
        read_enhancer(tmp_path / "x.safetensors")


def test_films_of_a_megapixel_show_a_coarse_source_redrawn_and_others_do_not(tmp_path, monkeypatch):
    torch.manual_seed(0)
    base = Base(preset("tiny", size=64))
    weights.write(
        tmp_path / "base.safetensors",
        config={"recipe": "megaportraits", "train": {"network": "tiny", "size": 64}},
        state={f"base.{name}": value for name, value in base.state_dict().items()},
    )
    monkeypatch.setattr(engines, "_USUAL", 128)
    monkeypatch.setattr(engines, "_enhancer", Bright)
    shown = {}
    for size, times in ((128, 2), (256, 1), (256, 2)):
        engine = engines.MegaPortraits(size=size, file=tmp_path / "base.safetensors", runtime="torch")
        points = face((size / 2 - 0.5, size / 2 - 0.5), zoom=size / 45)[None]
        track = Track([enlarged(times, size) // 2], points, np.zeros((1, 52), np.float32))
        sitter = engine.encode_identity(track)
        shown[size, times] = float(to_tensor([sitter.texture.dense[::4, ::4]]).mean() - to_tensor(track.crops).mean())
        assert next(iter(engine.generate(sitter, engine.encode_motion(driver(size), Drive())))).shape == (size, size, 3)
    assert shown[128, 2] == shown[256, 1] == 0 and shown[256, 2] == pytest.approx(0.1, abs=0.01)
