"""The recipe `megaportraits`: stages, what losses see and do not see, the driver's disguise, and the loop."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from drawn import face, picture

from living_portraits import geometry, weights
from living_portraits.engine import Drive, Track
from living_portraits.engines.megaportraits import pose as poses
from living_portraits.engines.megaportraits.base import Drawn
from living_portraits.engines.megaportraits.engine import MegaPortraits as Engine
from living_portraits.engines.megaportraits.networks import Painted, cut_out_grid, face_of
from living_portraits.errors import WeightsError
from living_portraits.training import recipe
from living_portraits.training.augment import Augment
from living_portraits.training.disguise import bent, disguised, severely_recoloured, thin_plate
from living_portraits.training.loop import Order, train
from living_portraits.training.megaportraits import MegaPortraits, MegaPortraitsConfig, pose_distance, pyramid
from living_portraits.training.place import Place
from living_portraits.training.recipe import Batch
from living_portraits.training.source import validation_batch

SIZE = 64
CPU = torch.device("cpu")
QUICK = {
    "network": "tiny", "size": SIZE, "batch": 2, "kinds": ("video",), "shares": (), "warmup": 0, "perceptual": 0.0,
    "images_from": 0, "adversary_from": 0, "own_pose_from": 0, "critic": 8,
}  # fmt: skip
EARLY = {"pose", "shapes", "flow", "anchor"}
PICTURES = EARLY | {"l1", "eyes", "contrast", "matte", "depth", "carried"}


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(recipe.RECIPES, "megaportraits", "living_portraits.training.megaportraits:MegaPortraits")


@dataclass(frozen=True)
class DrawnClip:
    id: str
    identity: str
    frames: int = 4
    split: str = "train"
    kind: str = "video"
    size: int = SIZE


@dataclass(frozen=True)
class DrawnMattes:
    person: np.ndarray


class DrawnPeople:
    """Grainy pictures with heads that nod to the side and open their mouths; the person is the crop's left half."""

    clips = (DrawnClip("a", "a"), DrawnClip("b", "b"), DrawnClip("c", "c", split="val"))

    def track(self, clip: DrawnClip) -> Track:
        seed = self.clips.index(clip)
        points = np.stack([face((32, 32), zoom=1.6, roll=0.1 * t) for t in range(clip.frames)])
        points[:, list(geometry.LIPS_INNER_LOWER[1:-1]), 1] += np.arange(clip.frames)[:, None]
        crops = [picture(SIZE, SIZE, seed=10 * seed + t) for t in range(clip.frames)]
        shapes = np.linspace(0, 1, 52, dtype=np.float32) * np.linspace(0, 1, clip.frames, dtype=np.float32)[:, None]
        return Track(crops, points.astype(np.float32), shapes, 25.0)

    def mattes(self, clip: DrawnClip) -> DrawnMattes:
        person = np.zeros((clip.frames, 64, 64), np.uint8)
        person[:, :, :32] = 255
        return DrawnMattes(person)

    def valid(self, clip: DrawnClip) -> np.ndarray:
        return np.full((clip.frames, 64, 64), 255, np.uint8)


class DrawnPuppets(DrawnPeople):
    """The same, of which nothing is the still's own."""

    def valid(self, clip: DrawnClip) -> np.ndarray:
        return np.zeros((clip.frames, 64, 64), np.uint8)


def made(**settings) -> MegaPortraits:
    torch.manual_seed(0)
    return MegaPortraits(MegaPortraitsConfig(**{**QUICK, **settings}))


def sample(of: MegaPortraits, people=None) -> Batch:
    people = people or DrawnPeople()
    clips = [clip for clip in people.clips if clip.split == "train"]
    return validation_batch(people, clips, of.config, device=CPU, extra=of.extra)


def names(found: dict[str, torch.Tensor], network: str = "base") -> set[str]:
    return {name.split("/")[1] for name in found if name.startswith(f"{network}/")}


# --- stages -----------------------------------------------------------------------------------------------------------


def test_the_tracker_teaches_first_then_pictures_then_the_adversary() -> None:
    toy = made(images_from=2, adversary_from=3)
    batch = sample(toy)
    first, second, third = (toy.step(batch) for _ in range(3))
    assert names(first) == EARLY
    assert names(second) == PICTURES and not names(second, "critic")
    assert names(third) == PICTURES | {"adversary", "matching"} and names(third, "critic") == {"hinge"}
    toy.base.eval()  # validation is no step
    assert names(toy.step(batch)) == names(third) and int(toy.critic.taken) == 3
    for value in third.values():
        assert value.dtype == torch.float32 and value.isfinite()


def test_weights_of_zero_switch_terms_off() -> None:
    toy = made(contrast=0.0, flow=0.0, anchor=0.0, adversary=0.0)
    assert names(toy.step(sample(toy))) == PICTURES - {"contrast", "flow", "anchor"}


def test_the_adversary_learns_at_a_rate_of_its_own() -> None:
    toy = made(critic_rate=3.0)
    rates = {name: toy.optimiser(name).param_groups[0]["lr"] for name in toy.networks()}
    assert rates["critic"] == pytest.approx(3 * rates["base"])


def test_every_weight_of_the_base_learns_and_the_adversary_only_from_its_own_loss() -> None:
    toy = made(own_pose=1.0)
    for net in (toy.base.unwarp.leave, toy.base.warp.leave, toy.base.canonical.leave, toy.base.surface.leave):
        torch.nn.init.normal_(net.weight, std=0.1)  # they begin at zero, and hold back what lies before them
    found = toy.step(sample(toy))
    parameters = list(toy.base.parameters())
    total = sum(value for name, value in found.items() if name.startswith("base/"))
    torch.autograd.backward([total], inputs=parameters, retain_graph=True)
    silent = [name for name, p in toy.base.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []
    grads = torch.autograd.grad(found["critic/hinge"], parameters, allow_unused=True)
    assert all(grad is None for grad in grads)


def test_a_base_that_hears_is_taught_no_reading_of_faces() -> None:
    toy = made(network="light", size=64, images_from=0)
    batch = sample(toy)
    torch.nn.init.normal_(toy.base.warp.leave.weight, std=0.1)  # which begins silent
    found = toy.step(batch)
    assert names(found) >= {"pose", "flow", "l1"} and not names(found) & {"shapes", "contrast"}
    sum(found.values()).backward()
    assert toy.base.expression.hear.weight.grad.any()
    shown = toy.pictures(batch)
    assert [part.shape for part in shown] == [batch.frames[:, 0].shape] * 5


def test_points_alone_teach_the_warps_first() -> None:
    toy = made(network="light", size=64, images_from=0, points_until=1)
    batch = sample(toy)
    first = toy.step(batch)
    assert names(first) == {"flow", "anchor"}
    sum(first.values()).backward()
    taught = {name.split(".")[0] for name, p in toy.base.named_parameters() if p.grad is not None and p.grad.any()}
    assert taught == {"warp", "unwarp"}  # what lies before their last layers, which are zeros, hears of it from then on
    assert "l1" in names(toy.step(batch))


def test_another_snapshot_gives_what_fits(tmp_path) -> None:
    first = made(network="light", size=64)
    torch.nn.init.normal_(first.base.pose.net.leave.weight)
    file = tmp_path / "start.safetensors"
    state = {f"base.{name}": value for name, value in first.base.state_dict().items()}
    weights.write(file, config={"recipe": "megaportraits", "train": {"network": "light", "size": 64}}, state=state)
    torch.manual_seed(1)
    second = MegaPortraits(MegaPortraitsConfig(**{**QUICK, "network": "light", "size": 128, "start": str(file)}))
    torch.testing.assert_close(second.base.pose.net.leave.weight, first.base.pose.net.leave.weight)
    assert second.base.appearance.enter.weight.shape != first.base.appearance.enter.weight.shape
    weights.write(file, config={}, state={"base.nothing": torch.zeros(1)})
    with pytest.raises(WeightsError, match="Nothing in the model file"):
        made(start=str(file))


# --- what losses see --------------------------------------------------------------------------------------------------


def test_losses_see_the_person_alone() -> None:
    """A driver with another right half, which is background, costs the same; with another left half it does not."""
    toy = made(mouth=0.0, adversary=0.0)
    toy.base.eval()
    batch, values = sample(toy), []
    with torch.no_grad():
        own, _ = drawn(toy, batch)
    for side in (slice(0, 0), slice(34, None), slice(0, 30)):
        frames = batch.frames.clone()
        frames[:, 1, :, :, side] *= -1
        other = replace(batch, frames=frames)
        inside = toy._inside(other)
        shown = inside * own.picture + (1 - inside) * other.frames[:, 1]
        values.append(float(toy._likeness(shown, other)["l1"]))
    assert values[1] == pytest.approx(values[0], rel=1e-4)
    assert values[2] != pytest.approx(values[0], rel=1e-2)


def test_what_the_puppet_invented_is_out_of_every_loss_on_pixels() -> None:
    toy = made()
    found = {name: value.detach() for name, value in toy.step(sample(toy, DrawnPuppets())).items()}
    for name in ("l1", "eyes", "matte", "carried", "matching"):
        assert float(found[f"base/{name}"]) == pytest.approx(0.0, abs=1e-6), name
    assert float(found["base/flow"]) > 0


def drawn(toy: MegaPortraits, batch: Batch):
    motion, _ = toy._motion(batch)
    return toy._draw(motion, toy._known(motion, batch.frames[:, 0]))


def test_the_stranger_is_the_sample_before_with_the_drivers_motion() -> None:
    toy = made(own_pose=0.0)
    toy.base.eval()
    batch = sample(toy)
    with torch.no_grad():
        torch.manual_seed(5)
        own, stranger = drawn(toy, batch)
        swapped = replace(batch, frames=torch.stack([batch.frames.roll(1, 0)[:, 0], batch.frames[:, 1]], dim=1))
        swapped = replace(swapped, points=torch.stack([batch.points.roll(1, 0)[:, 0], batch.points[:, 1]], dim=1))
        torch.manual_seed(5)
        again, _ = drawn(toy, swapped)
    torch.testing.assert_close(stranger.carried, again.carried, atol=2e-3, rtol=0)
    assert (own.picture - stranger.picture).abs().max() > 0.01


def test_who_is_drawn_beside_a_stranger_is_led_all_the_same() -> None:
    toy = made(network="light", own_pose=0.0)
    toy.base.eval()
    batch = sample(toy)
    with torch.no_grad():
        motion, _ = toy._motion(batch)
        known = toy._known(motion, batch.frames[:, 0])
        own, stranger = toy._draw(motion, known)
        _, unled = toy._draw(motion._replace(lead=None), known)
        torch.testing.assert_close(own.carried, toy._draw_own(motion, known).carried)
    torch.testing.assert_close(stranger.carried, unled.carried, atol=2e-3, rtol=0)


def test_flow_is_zero_for_a_head_that_only_turns_and_grows_with_expression() -> None:
    """Warps that do nothing find the points of a rigid head; an open mouth is beyond them."""
    toy = made()
    rest, turned = (torch.from_numpy(face((32, 32), zoom=1.6, roll=r))[None] for r in (0.0, 0.3))
    talking = turned.clone()
    talking[:, list(geometry.LIPS_INNER_LOWER[1:-1]), 1] += 4
    still = torch.zeros(1, 3, 8, 16, 16)
    poses_of = [poses.of_points(points, size=SIZE) for points in (rest, turned, talking)]
    rigid, anchor = toy._way(rest, turned, poses_of[0], poses_of[1], (still, still))
    open_mouth, _ = toy._way(rest, talking, poses_of[0], poses_of[2], (still, still))
    assert float(rigid) < 1e-4 and float(anchor) < 1e-4
    assert float(open_mouth) > 5e-4
    bent_field = still.clone()
    bent_field[:, 1] = 0.1
    wrong, off = toy._way(rest, turned, poses_of[0], poses_of[1], (still, bent_field))
    assert float(wrong) == pytest.approx(0.1 / 3, rel=0.35) and float(off) == pytest.approx(0.1 / 3, rel=0.1)


def test_poses_are_compared_part_by_part() -> None:
    numbers = torch.zeros(1, 9)
    rest = poses.from_numbers(numbers)
    assert float(pose_distance(rest, rest)) == 0
    for index in (1, 6, 8):
        changed = numbers.clone()
        changed[0, index] = 0.1
        assert float(pose_distance(poses.from_numbers(changed), rest)) > 0.01


def test_the_pyramid_sees_coarse_differences_at_every_level() -> None:
    class Mean(torch.nn.Module):
        def forward(self, a, b):
            return (a.mean(dim=(2, 3)) - b.mean(dim=(2, 3))).abs().mean() + float(a.shape[-1])

    a, b = torch.zeros(1, 3, 32, 32), torch.ones(1, 3, 32, 32)
    assert float(pyramid(Mean(), a, b, levels=3)) == pytest.approx(1 + (32 + 16 + 8) / 3)


def test_the_contrast_teaches_the_pictures_and_reads_codes_from_drivers_alone() -> None:
    """Through the pictures it reaches G2D; E_mtn hears of it by the driver's own code."""
    toy = made(adversary=0.0)
    batch = sample(toy)
    motion, _ = toy._motion(batch)
    own, stranger = toy._draw(motion, toy._known(motion, batch.frames[:, 0]))
    with torch.no_grad():
        fixed = motion._replace(z_driver=motion.z_driver.detach())
    pictures = (Drawn(Painted(half.picture.detach(), half.matte, None)) for half in (own, stranger))
    loss = toy._contrast(fixed, *pictures)["contrast"]
    assert not loss.requires_grad
    loss = toy._contrast(motion, own, stranger)["contrast"]
    for parameter in (toy.base.decoder.leave.weight, toy.base.expression.net.enter.weight):
        (grad,) = torch.autograd.grad(loss, [parameter], retain_graph=True)
        assert grad.abs().max() > 0
    assert all(parameter.requires_grad for parameter in toy.base.parameters())


def test_mixed_precision_keeps_places_exact() -> None:
    """Eight bits would put a point half a pixel off at 256."""
    toy = made(adversary=0.0)
    batch = sample(toy)
    points = batch.points.flatten(0, 1)
    exact, places = poses.of_points(points, size=SIZE), poses.places_of(points, size=SIZE)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = poses.of_points(points, size=SIZE)
        back = rounded.to_picture(rounded.to_canonical(places))
        found = toy.step(batch)
    for a, b in zip(exact, rounded, strict=True):
        torch.testing.assert_close(a, b)
    torch.testing.assert_close(back, places, atol=1e-5, rtol=0)
    assert all(value.isfinite() and value.dtype == torch.float32 for value in found.values())


def test_mirrored_samples_have_mirrored_poses() -> None:
    toy = made()
    batch = sample(toy)
    torch.manual_seed(0)
    flipped = Augment(replace(toy.config, colour=0.0), device=CPU)(batch)
    which = (flipped.frames != batch.frames).flatten(1).any(dim=1)
    assert which.any()
    a, b = (poses.of_points(x.points[which][:, 1], size=SIZE) for x in (batch, flipped))
    torch.testing.assert_close(b.place, a.place * torch.tensor([-1.0, 1.0]), atol=0.01, rtol=0)
    torch.testing.assert_close(b.rotation[:, 0, 1], -a.rotation[:, 0, 1], atol=0.01, rtol=0)


# --- the disguise -----------------------------------------------------------------------------------------------------


def test_a_thin_plate_spline_passes_through_its_controls_and_keeps_affine_moves() -> None:
    torch.manual_seed(0)
    controls, places = torch.rand(9, 2) * 2 - 1, torch.rand(40, 2) * 2 - 1
    basis = thin_plate(controls, places)
    torch.testing.assert_close(basis.sum(dim=1), torch.ones(40), atol=1e-4, rtol=0)
    torch.testing.assert_close(basis @ controls, places, atol=1e-4, rtol=0)
    moves = torch.randn(9, 2)
    torch.testing.assert_close(thin_plate(controls, controls) @ moves, moves, atol=1e-3, rtol=0)


def test_the_disguise_grows_from_nothing() -> None:
    torch.manual_seed(0)
    like, frames = torch.zeros(1), torch.rand(3, 3, SIZE, SIZE) * 2 - 1
    pose = poses.from_numbers(torch.zeros(3, 9))
    torch.testing.assert_close(bent(2, side=16, strength=0.0, like=like)[0], cut_out_grid(16, like))
    torch.testing.assert_close(disguised(frames, pose, side=16, strength=0.0), face_of(frames, pose, side=16))
    moved = [(bent(50, side=16, strength=s, like=like) - cut_out_grid(16, like)).abs().mean() for s in (0.3, 1.0)]
    assert 0.01 < moved[0] < moved[1] < 0.3
    changed = severely_recoloured(frames, 1.0)
    assert (changed - frames).abs().mean() > 0.1 and changed.abs().max() <= 1
    assert not torch.equal(changed[0] - frames[0], changed[1] - frames[1])


# --- the loop ---------------------------------------------------------------------------------------------------------


def order(out, **changes) -> Order:
    settings = {**QUICK, "images_from": 1, "adversary_from": 2, "flip": False, **changes.pop("settings", {})}
    return Order(recipe="megaportraits", data="drawn", out=out, minutes=60.0, settings=settings, **changes)


def test_a_resumed_run_ends_where_an_unbroken_one_does_and_the_engine_reads_what_it_leaves(tmp_path) -> None:
    people, here = DrawnPeople(), Place(CPU)
    train(order(tmp_path / "whole", settings={"steps": 3}), people, place=here)
    train(order(tmp_path / "parts", settings={"steps": 1}), people, place=here)
    train(order(tmp_path / "parts", settings={"steps": 3}, resume=True), people, place=here)
    (_, whole), (config, parts) = (weights.read(tmp_path / run / "snapshot.safetensors") for run in ("whole", "parts"))
    assert whole.keys() == parts.keys() and all(name.startswith("base.") for name in whole)
    moved = 0
    for name, value in whole.items():
        np.testing.assert_allclose(value.float(), parts[name].float(), atol=1e-3)
        moved += int(value.dtype.is_floating_point)
    assert moved == len(whole) and config["step"] == 3
    clip = people.track(people.clips[2])
    engine = Engine(size=SIZE, file=tmp_path / "whole" / "snapshot.safetensors")
    frames = list(engine.generate(engine.encode_identity(clip), engine.encode_motion(clip, Drive())))
    assert len(frames) == 4 and frames[0].shape == (SIZE, SIZE, 3)
    assert any((frame != frames[0]).any() for frame in frames)


def test_a_few_steps_on_one_sample_bring_the_losses_down() -> None:
    toy = made(lr=1e-3, contrast=0.0, adversary=0.0, colour=0.0, disguise=0.0)
    batch = sample(toy)
    optimiser, seen = toy.optimiser("base"), []
    for _ in range(12):
        torch.manual_seed(0)
        found = toy.step(batch)
        optimiser.zero_grad()
        sum(found.values()).backward()
        optimiser.step()
        seen.append({name: float(value.detach()) for name, value in found.items()})
    assert sum(seen[-1].values()) < 0.9 * sum(seen[0].values())
    for name in ("base/pose", "base/shapes", "base/matte"):
        assert seen[-1][name] < 0.95 * seen[0][name], name


def test_the_sheet_has_a_column_for_each_picture() -> None:
    toy = made()
    toy.base.eval()
    with torch.no_grad():
        columns = toy.pictures(sample(toy))
    assert [tuple(column.shape) for column in columns] == [(2, 3, SIZE, SIZE)] * 5
    torch.testing.assert_close(columns[3], columns[0].roll(1, 0))
