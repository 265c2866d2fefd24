"""The guided engine: each kind of repair does what it says, and the network sees the same in training and in use."""

import dataclasses
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
import torch
from drawn import driver, face, picture, source

from living_portraits import weights
from living_portraits.doll import Doll
from living_portraits.engine import Drive, Track
from living_portraits.engines.guided import Guided
from living_portraits.errors import OptionError
from living_portraits.far_side import FarSide, Lent
from living_portraits.features import Features
from living_portraits.geometry import LIPS_INNER, LIPS_INNER_LOWER
from living_portraits.mending import mender as menders
from living_portraits.mending import view as views
from living_portraits.mending.mender import Mender, OddFaceWarning, Stitches, mend
from living_portraits.mending.net import REACH, SIDE, Repair, RepairConfig, RepairNet, carried, swayed
from living_portraits.motion import AdaptedHead, SourceShape, measure
from living_portraits.nn.identity import MobileFaceNet
from living_portraits.training import guided as recipes
from living_portraits.training.place import Place
from living_portraits.training.publish import publish
from living_portraits.training.recipe import configure
from living_portraits.training.source import Sampler, Store
from living_portraits.training.trainer import Trainer
from living_portraits.warp import pixel_grid, polygon_mask

SMALL = RepairConfig(widths=(8, 8, 8, 8), source_widths=(4, 4, 4))


def repair(*, nudge=(0.0, 0.0), shade=0.0, colour=0.0, mask=0.0, seen=0.0, side=SIDE) -> Repair:
    """The same everywhere, of a frame that is `seen` all over."""
    return Repair(
        nudge=torch.tensor(nudge).view(1, 2, 1, 1).expand(1, 2, side // 4, side // 4),
        shade=torch.full((1, 3, side // 8, side // 8), float(shade)),
        colour=torch.full((1, 3, side, side), float(colour)),
        mask=torch.full((1, 1, side, side), float(mask)),
        moved=torch.full((1, 3, side, side), float(seen)),
    )


def stitches(found: Repair) -> Stitches:
    nudge, mix = (field[0].movedim(0, -1).contiguous().numpy() for field in (found.nudge, found.mix()))
    return Stitches(nudge, mix)


def tensor(frame: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(frame).movedim(-1, 0)[None].float() / 127.5 - 1


def awake(net: RepairNet, *, loud: float = 0.05) -> RepairNet:
    """With the layers that begin at 0 saying something."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in net.parameters():
            if not parameter.any():
                parameter.normal_(std=loud)
    return net


def inputs(side: int = SIDE) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(0)
    shapes = (
        (1, 3, side, side),
        (1, 3, side // 2, side // 2),
        (1, 1, side // 2, side // 2),
        (1, 2, side // 4, side // 4),
        (1, 2, side // 4, side // 4),
        (1, 2, 8, 8),
    )
    return tuple(torch.rand(shape) * 2 - 1 for shape in shapes)


@pytest.mark.parametrize("size", [SIDE, 2 * SIDE])
def test_a_nudge_takes_colours_from_where_it_points(size):
    ramp = np.tile(np.linspace(0, 200, size).astype(np.uint8)[None, :, None], (size, 1, 3))
    right = mend(ramp, stitches(repair(nudge=(4.0, 0.0))))
    step = 4 * size // SIDE
    np.testing.assert_allclose(right[:, : -2 * step].astype(int), ramp[:, step:-step].astype(int), atol=1)
    down = mend(ramp.swapaxes(0, 1).copy(), stitches(repair(nudge=(0.0, 4.0))))
    np.testing.assert_array_equal(down, right.swapaxes(0, 1))


def test_shade_lightens_and_paint_covers():
    frame = np.full((SIDE, SIDE, 3), 100, np.uint8)
    assert np.unique(mend(frame, stitches(repair(shade=20 / 127.5)))).tolist() == [120]
    assert np.unique(mend(frame, stitches(repair(shade=0.5, colour=1.0, mask=1.0)))).tolist() == [255]
    half = repair(colour=200 / 127.5 - 1, mask=0.5, seen=100 / 127.5 - 1)
    assert np.unique(mend(frame, stitches(half))).tolist() == [150]


def test_grain_passes_through_thin_paint_and_not_through_thick():
    rough = np.full((2 * SIDE, 2 * SIDE, 3), 90, np.uint8)
    rough[::2] = 110  # seen at half the size, it is 100 all over
    light, seen = 200 / 127.5 - 1, 100 / 127.5 - 1
    for mask, lines in ((0.4, [130, 150]), (1.0, [200])):
        covered = mend(rough, stitches(repair(colour=light, mask=mask, seen=seen)))
        assert np.unique(covered).tolist() == lines


def test_between_the_lips_all_grain_passes():
    """Half a grain where thick paint would hide it, and not a whole one beside what thin paint lets through."""
    rough = np.full((2 * SIDE, 2 * SIDE, 3), 90, np.uint8)
    rough[::2] = 110
    points = face((SIDE, SIDE), zoom=16.0)
    points[list(LIPS_INNER_LOWER[1:-1]), 1] += 30
    rest = SourceShape.of(points)
    head = AdaptedHead(rest.pose, rest.shape, points)
    within = polygon_mask(points[list(LIPS_INNER), :2], (0, 0), rough.shape[:2], feather=0.8)
    assert (within == 1).sum() > 1000
    for mask, down, seen in ((1.0, 0.0, [200]), (0.675, 0.0, [163, 173]), (1.0, 0.5, [200])):
        light = repair(colour=200 / 127.5 - 1, mask=mask, seen=100 / 127.5 - 1, nudge=(0.0, down))
        plain, passed = mend(rough, stitches(light)), mend(rough, stitches(light), head)
        assert np.unique(plain).tolist() == seen
        lines = np.roll(rough, round(-2 * down), axis=0)[within == 1] - 100.0  # a nudge takes them along
        np.testing.assert_allclose(passed[within == 1].astype(int) - np.mean(seen), lines, atol=1)
        np.testing.assert_array_equal(passed[within == 0], plain[within == 0])


def test_a_mender_knows_where_the_lips_are(snapshot, monkeypatch):
    monkeypatch.setattr(menders, "TOO_MUCH", 1.0)
    still, known = source(2 * SIDE), Mender(file=snapshot, runtime="torch")
    doll = Doll.of(still.crops[0], still.points[0])
    posed = doll.pose(measure(driver(2 * SIDE), Drive(neutral=0)), 3)
    features = known.look(still.crops[0], still.points[0], engine="guided")
    assert features is not None
    heads = []
    monkeypatch.setattr(menders, "_pass_grain", lambda mended, moved, share, head: heads.append(head))
    known.mend([posed], features)
    assert heads == [posed[1]]


def test_nothing_to_repair_changes_no_byte():
    frame = picture(2 * SIDE, 2 * SIDE)
    np.testing.assert_array_equal(mend(frame, stitches(repair())), frame)


@pytest.mark.parametrize("size", [SIDE, 320])
def test_training_and_use_mend_alike(size):
    net = awake(RepairNet(RepairConfig())).eval()
    frame = picture(size, size)
    with torch.inference_mode():
        shown = tensor(cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
        found = net(shown, *inputs()[1:], net.encode(*inputs()[1:2], inputs()[1]))
        assert found.nudge.abs().max() > 0.5 and found.shade.abs().max() > 0.02 and found.mask.max() > 0.3
        trained = (found.apply(tensor(frame))[0].movedim(0, -1).numpy() + 1) * 127.5
    difference = np.abs(mend(frame, stitches(found)) - trained.clip(0, 255))
    assert difference.mean() < 2 and np.percentile(difference, 95) < 8  # cubic against linear sampling of a sharp frame


def test_a_window_is_mended_as_the_whole():
    torch.manual_seed(0)
    frame = tensor(picture(SIDE, SIDE))
    whole = Repair(
        nudge=torch.full((1, 2, 64, 64), 3.0),
        shade=torch.full((1, 3, 32, 32), 0.1),
        colour=torch.rand(1, 3, SIDE, SIDE),
        mask=torch.rand(1, 1, SIDE, SIDE),
        moved=torch.rand(1, 3, SIDE, SIDE),
    )
    window = Repair(
        nudge=whole.nudge[..., :32, :32],
        shade=whole.shade[..., :16, :16],
        colour=whole.colour[..., :128, :128],
        mask=whole.mask[..., :128, :128],
        moved=whole.moved[..., :128, :128],
    )
    one, other = whole.apply(frame)[..., :120, :120], window.apply(frame[..., :128, :128])[..., :120, :120]
    torch.testing.assert_close(one, other, atol=1e-4, rtol=0)


def test_a_network_that_has_learned_nothing_leaves_the_doll_as_it_is():
    net = RepairNet(RepairConfig())
    frame = tensor(picture(SIDE, SIDE))
    with torch.inference_mode():
        found = net(frame, *inputs()[1:], net.encode(inputs()[1], inputs()[1]))
    assert not found.nudge.any() and not found.shade.any() and float(found.mask.min()) > 0.1
    torch.testing.assert_close(found.apply(frame), frame, atol=1e-4, rtol=0)


def test_in_mixed_precision_the_doll_is_seen_where_it_is():
    """Eight bits would put places half a pixel off at 256."""
    net, given = awake(RepairNet(RepairConfig(widths=(8, 8, 8, 8), source_widths=())), loud=0.0), inputs()
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        found = net(*given[:6], ())
    torch.testing.assert_close(found.moved.float(), given[0], atol=1e-3, rtol=0)


@pytest.mark.parametrize("side", [SIDE, 128])
def test_a_gradient_reaches_every_parameter(side):
    net = awake(RepairNet(SMALL))
    found = net(*inputs(side), net.encode(inputs()[1], inputs()[1]))
    found.apply(inputs(side)[0]).square().mean().backward()
    silent = [name for name, value in net.named_parameters() if value.grad is None or not value.grad.any()]
    assert not silent


def test_features_are_fetched_where_the_mesh_takes_them():
    net = awake(RepairNet(SMALL)).eval()
    frame, drawing, stretch, *_ = inputs()
    net.where.requires_grad_(False).weight.zero_()  # told of places in this way too
    features = tuple(torch.zeros(1, 4, side, side) for side in (64, 32, 16))
    features[0][..., :32] = 1.0
    left, right = (torch.full((1, 2, 64, 64), place) for place in (-0.5, 0.5))
    with torch.inference_mode():
        seen = [net(frame, drawing, stretch, places, *inputs()[4:], features).shade for places in (left, right)]
        blank = net(
            frame, drawing, stretch, left, *inputs()[4:], tuple(torch.zeros_like(each) for each in features)
        ).shade
    torch.testing.assert_close(seen[1], blank)
    assert (seen[0] - blank).abs().max() > 1e-4


def test_carry_is_how_far_the_mesh_has_moved_each_pixel():
    middles = torch.from_numpy((2 * pixel_grid(64) + 1) / 64 - 1).movedim(-1, 0)[None].float()
    assert not carried(middles).any()
    right = middles.clone()
    right[:, 0, :32] -= 2 * REACH / SIDE  # the upper half comes from a reach further left
    carry = carried(right)
    torch.testing.assert_close(carry[0, 0, :32], torch.ones(32, 64))
    assert not carry[0, 1].any() and not carry[0, 0, 32:].any()
    torch.testing.assert_close(swayed(carry)[0, 0, :4], torch.ones(4, 8))


def test_the_flow_finds_where_the_film_lies_in_the_dolls_frame():
    posed = picture(SIDE, SIDE)
    truth = np.roll(posed, (0, 6), axis=(0, 1))  # the film's head is 6 px further right
    found = torch.from_numpy(views.found_places(posed, truth).astype(np.float32)).movedim(-1, 0)[None]
    flow = REACH * carried(found)[0, 0, 8:-8, 8:-8]
    assert flow.median() == pytest.approx(6.0, abs=0.5)


@pytest.mark.parametrize(
    ("across", "down", "expected"), [(1.0, 1.0, 255), (0.5, 1.0, 127), (2.0, 1.0, 255), (-1.0, 1.0, 0)]
)
def test_stretch_says_how_far_pixels_are_drawn_apart(across, down, expected):
    sampling = pixel_grid(32) * np.array([across, down], np.float32)
    assert np.unique(views.stretch(sampling)).tolist() == [expected]


def test_a_view_does_not_depend_on_the_size_of_the_crop():
    seen = []
    for size in (SIDE, 2 * SIDE):
        still = source(size)
        doll = Doll.of(still.crops[0], still.points[0])
        seen.append(views.view(*doll.pose(measure(driver(size, frames=4), Drive()), 3)))
    small, large = seen
    np.testing.assert_allclose(small.places.astype(np.float32), large.places.astype(np.float32), atol=0.02)
    assert np.abs(small.drawing.astype(int) - large.drawing).mean() < 2
    assert np.abs(small.stretch.astype(int) - large.stretch).mean() < 6


# --- the engine -------------------------------------------------------------------------------------------------------


@pytest.fixture
def snapshot(tmp_path):
    net = awake(RepairNet(SMALL), loud=0.008)
    path = tmp_path / "guided.safetensors"
    config = {"recipe": "guided", "step": 1, "train": {**SMALL.values(), "lr": 1e-3}}
    weights.write(path, config=config, state={f"net.{name}": value.half() for name, value in net.state_dict().items()})
    return path


def test_the_engine_repairs_frames_of_any_size(snapshot):
    for size in (192, SIDE):
        engine = Guided(size=size, file=snapshot)
        identity = engine.encode_identity(source(size))
        motion = engine.encode_motion(driver(size, frames=3), Drive())
        frames = list(engine.generate(identity, motion))
        assert len(frames) == 3 and frames[0].shape == (size, size, 3)
        posed, _, _ = identity.doll.pose(motion.head, 2, motion.sway[2])
        assert np.abs(frames[2].astype(int) - posed).max() > 2
        np.testing.assert_array_equal(frames[2], list(engine.generate(identity, motion))[2])


def test_what_surrounds_the_drivers_head_moves_the_portraits(snapshot):
    engine, moved = Guided(size=SIDE, file=snapshot), driver(SIDE, frames=3)
    moved = dataclasses.replace(moved, crops=[np.roll(moved.crops[0], 6 * number, axis=1) for number in range(3)])
    doll = dataclasses.replace(engine.encode_identity(source(SIDE)), features=None)
    still, low = source(SIDE).crops[0].astype(int), (slice(SIDE - 30, SIDE - 10), slice(60, SIDE - 60))

    def off(crops: list[np.ndarray], strength: float) -> float:
        motion = engine.encode_motion(dataclasses.replace(moved, crops=crops), Drive(strength=strength))
        frame = list(engine.generate(doll, motion))[2]
        return float(np.abs(frame[low].astype(int) - np.roll(still, 12, axis=1)[low]).mean())

    assert off(moved.crops, 1.0) < 0.3 * off([], 1.0)  # a motion file has no pictures
    assert off(moved.crops, 0.5) > 2 * off(moved.crops, 1.0)


def test_a_published_snapshot_knows_its_ranges(snapshot, tmp_path):
    class OneFilm:
        def select(self, *, split: str, kind: str, size: int) -> list[str]:
            assert (split, kind, size) == ("train", "video", SIDE)
            return ["film"]

        def track(self, clip: str) -> Track:
            return dataclasses.replace(driver(SIDE, frames=3), crops=[source(SIDE).crops[0]] * 3)

    out = tmp_path / "out.safetensors"
    publish(snapshot, OneFilm(), out, portraits=[])
    (config, state), (before, weights_before) = weights.read(out), weights.read(snapshot)
    convolutions = [name for name in state if name.endswith(".weight") and state[name].ndim == 4]
    assert set(config["ranges"]) == {name.removesuffix(".weight") for name in convolutions}
    assert all(low < high for low, high in config["ranges"].values())
    assert config["train"] == before["train"] and set(state) == set(weights_before)
    for name, value in weights_before.items():
        tied = name.startswith("net.nudge.")
        assert value.any() and torch.equal(state[name], torch.zeros_like(value) if tied else value)
    assert len(run_once(Guided(size=SIDE, file=out))) == 2


def run_once(engine: Guided) -> list[np.ndarray]:
    motion = engine.encode_motion(driver(SIDE, frames=2), Drive())
    return list(engine.generate(engine.encode_identity(source(SIDE)), motion))


def test_a_face_that_the_network_does_not_know_is_left_to_the_puppet(snapshot, monkeypatch):
    still, moved = source(SIDE), driver(SIDE, frames=3)
    engine = Guided(size=SIDE, file=snapshot)
    known = engine.encode_identity(still)
    doubt = Mender(file=snapshot).needless(still.crops[0], still.points[0], known.features)
    assert doubt > 0.001
    monkeypatch.setattr("living_portraits.mending.mender.TOO_MUCH", 0.9 * doubt)
    with pytest.warns(OddFaceWarning, match="unlike those"):
        odd = engine.encode_identity(still)
    motion = engine.encode_motion(moved, Drive())
    unrepaired = list(engine.generate(odd, motion))[1]
    np.testing.assert_array_equal(unrepaired, odd.doll.pose(motion.head, 1, motion.sway[1])[0])
    assert np.abs(unrepaired.astype(int) - list(engine.generate(known, motion))[1]).max() > 2


def test_the_far_side_of_its_doll_is_mended_in_training_and_in_use(snapshot, monkeypatch):
    assert Guided(size=SIDE, file=snapshot).encode_identity(source(SIDE)).doll.far_side is not None
    asked = []
    of = Doll.of
    monkeypatch.setattr(Doll, "of", lambda *given, **more: asked.append(more) or of(*given, **more))
    lesson(FilmedClip("a"))
    assert asked == [{"mended": True}]


def test_a_far_side_that_was_mended_is_spared_in_every_frame(snapshot, monkeypatch):
    spared, box = [], np.s_[0:8, 0:8]
    monkeypatch.setattr(FarSide, "mend", lambda own, frame, seen: Lent(box, np.ones((8, 8), np.float32)))
    monkeypatch.setattr(Lent, "spare", lambda own, repaired, frame, head: spared.append((repaired, frame)))
    films = run_once(Guided(size=SIDE, file=snapshot))
    assert len(spared) == len(films) == 2
    assert all(shown is repaired and shown is not frame for shown, (repaired, frame) in zip(films, spared, strict=True))


def test_what_is_the_sources_own_is_put_back_into_every_frame(snapshot, monkeypatch):
    spared = []
    monkeypatch.setattr(Features, "spare", lambda own, repaired, frame, head: spared.append((repaired, frame)))
    films = run_once(Guided(size=SIDE, file=snapshot))
    assert len(spared) == len(films) == 2
    assert all(shown is repaired and shown is not frame for shown, (repaired, frame) in zip(films, spared, strict=True))


# --- the recipe -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FilmedClip:
    id: str
    kind: str = "video"
    identity: str = "nobody"
    split: str = "train"
    size: int = SIDE
    frames: int = 4


class Filmed:
    """A drawn face that moves; the left half of a "pseudo" clip is made up."""

    clips = (FilmedClip("a"), FilmedClip("b", kind="pseudo"))

    def track(self, clip: FilmedClip) -> Track:
        moved = driver(SIDE, frames=clip.frames)
        crops = [source(SIDE).crops[0]] * clip.frames
        return Track(crops, moved.points, moved.blendshapes, 25.0)

    def valid(self, clip: FilmedClip) -> np.ndarray:
        valid = np.full((clip.frames, 64, 64), 255, np.uint8)
        if clip.kind == "pseudo":
            valid[:, :, :32] = 0
        return valid


PLAIN = {"net/l1", "net/shy", "net/temporal"}


def lesson(*clips: FilmedClip, **settings: object):
    config = configure(recipes.GuidedConfig, {"perceptual": 0.0, "widths": (8, 8, 8, 8), "batch": 2, **settings})
    torch.manual_seed(0)
    made = recipes.Guided(config)
    store = Store.decode(Filmed(), clips, size=SIDE, device=torch.device("cpu"), extra=made.extra)
    assert made.extra_bytes() * len(store.frames) == sum(x.numel() * x.element_size() for x in store.extra.values())
    return made, store.gather(np.array([[0, 1], [2, 3]]), [0] * 2)


def test_the_lesson_begins_with_the_doll_of_one_of_the_clips_frames():
    _, batch = lesson(FilmedClip("b", kind="pseudo"))
    still = tensor(source(SIDE).crops[0])[0]
    torch.testing.assert_close(batch.extra["posed"][0, 0], still, atol=0.02, rtol=0)  # its first frame, at rest
    assert (batch.extra["posed"][0, 1] - still).abs().max() > 0.1
    assert (batch.extra["stretch"][0, 0] > 0.9).float().mean() > 0.9


def test_what_was_made_up_teaches_nothing():
    made, batch = lesson(FilmedClip("b", kind="pseudo"), colour=0.0, mouth=0.0, eyes=0.0, shy=0.0, calm=0.0)
    made.net.requires_grad_(False)
    frames = batch.frames.clone()
    frames[..., : SIDE // 2 - 8] = 1.0  # another picture where nothing counts

    def loss(pictures: torch.Tensor) -> float:
        return float(
            made.step(type(batch)(pictures, batch.points, batch.blendshapes, batch.identity, batch.extra))["net/l1"]
        )

    assert loss(frames) == pytest.approx(loss(batch.frames))
    frames[..., SIDE // 2 + 8 :] = 1.0
    assert loss(frames) > 1.2 * loss(batch.frames)


def test_windows_show_the_same_place_of_everything():
    made, batch = lesson(FilmedClip("a"), window=128, colour=0.0)
    torch.manual_seed(3)
    seen, truth, corners = made._lesson(batch)
    assert truth.shape == (4, 3, 128, 128) and seen["drawing"].shape[-1] == 64 and seen["places"].shape[-1] == 32
    assert torch.equal(corners[0], corners[1]) and not (corners % 16).any()
    x, y = corners[0].tolist()
    torch.testing.assert_close(truth[1], batch.frames[0, 1, :, y : y + 128, x : x + 128])
    places = batch.extra["places"][0, 1, :, y // 4 : y // 4 + 32, x // 4 : x // 4 + 32]
    torch.testing.assert_close(seen["places"][1], places)


def test_colour_changes_doll_source_and_truth_alike():
    """From the loop's own change to what a step compares: a network cannot guess which was drawn."""
    made, batch = lesson(FilmedClip("a"), colour=0.3, flip=False)
    batch = dataclasses.replace(batch, frames=batch.extra["posed"])  # nothing to repair
    sampler = Sampler(Filmed(), Filmed.clips, made.config, device=torch.device("cpu"), budget=10**8)
    trainer = Trainer(made, sampler, Place(torch.device("cpu")))
    torch.manual_seed(3)
    seen, truth, _ = made._lesson(trainer.augment(batch))
    assert (truth[0] - batch.frames[0, 0]).abs().mean() > 0.01
    torch.testing.assert_close(seen["posed"], truth)
    before, after = (value.mean(dim=(1, 2, 3)) for value in (batch.extra["source"].flatten(0, 1), seen["source"]))
    assert (after - before).abs().min() > 0.005


def test_the_nudge_is_led_to_where_the_film_lies():
    made, batch = lesson(FilmedClip("a"), colour=0.0, lead=1.0, nudges=True)
    places = batch.extra["found_places"].clone()
    places[:, :, 0] += 8 * 2 / SIDE
    grey = torch.zeros_like(batch.frames)  # which any flow explains
    trusted = dataclasses.replace(batch, frames=grey, extra={**batch.extra, "posed": grey, "found_places": places})
    torch.manual_seed(0)
    seen, _, _ = made._lesson(trusted)
    assert (seen["flow"][:, 0].median() - 8).abs() < 3 and seen["trust"].min() == 1
    unlike = dataclasses.replace(trusted, frames=trusted.frames + 0.8)
    assert made.step(unlike)["net/lead"] < 0.01 * made.step(trusted)["net/lead"]


def test_where_things_go_is_not_learned_unless_that_is_asked_for(tmp_path):
    begun = awake(RepairNet(SMALL))
    config = {"recipe": "guided", "train": {}}
    file = tmp_path / "start.safetensors"
    weights.write(file, config=config, state={f"net.{name}": value for name, value in begun.state_dict().items()})
    for nudges in (False, True):
        made, batch = lesson(FilmedClip("a"), start=str(file), nudges=nudges)
        losses = made.step(batch)
        assert ("net/lead" in losses) == ("net/calm" in losses) == nudges
        sum(losses.values()).backward()
        assert bool(made.net.nudge.weight.any()) == (made.net.nudge.weight.grad is not None) == nudges


def test_the_perceptual_loss_looks_at_the_whole_and_at_sharp_parts_by_turns():
    torch.manual_seed(0)
    sharp = tensor(picture(128, 128))
    seen = [recipes._looked_at(sharp, sharp, 2) for _ in range(40)]
    assert all(a.shape == (1, 3, 64, 64) and torch.equal(a, b) for a, b in seen)
    whole = [torch.equal(a, torch.nn.functional.avg_pool2d(sharp, 2)) for a, _ in seen]
    grain = [float(a.diff().abs().mean()) for a, _ in seen]
    assert 8 < sum(whole) < 32
    assert not any(torch.equal(a, seen[whole.index(False)][0]) for a, _ in seen[whole.index(False) + 1 :])
    own = float(sharp.diff().abs().mean())
    assert all(abs(g / own - 1) < 0.25 for g, w in zip(grain, whole, strict=True) if not w)  # the part is not smoothed
    assert recipes._looked_at(sharp, sharp, 1)[0] is sharp


def test_a_few_steps_bring_the_doll_closer_to_the_film():
    made, batch = lesson(FilmedClip("a"), colour=0.0, window=128)
    batch = dataclasses.replace(batch, frames=batch.extra["posed"] - 0.3)  # a film in the shade
    optimiser = torch.optim.Adam(made.net.parameters(), 2e-3)
    seen = []
    for _ in range(25):
        losses = made.step(batch)
        optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimiser.step()
        seen.append(float(losses["net/l1"].detach()))
    assert seen[-1] < 0.7 * seen[0]
    assert len(made.pictures(batch)) == 5


def test_an_adversary_is_taught_first_then_heard_and_no_part_of_the_model():
    settings = {"adversary": 0.1, "critic": 4, "adversary_from": 2, "window": 128, "colour": 0.0}
    made, batch = lesson(FilmedClip("a"), **settings)
    batch = dataclasses.replace(batch, frames=batch.extra["posed"] - 0.3)  # a film in the shade
    assert set(made.networks()) == {"net", "critic"} and made.snapshot() == ("net",)
    rates = {name: made.optimiser(name).param_groups[0]["lr"] for name in made.networks()}
    assert rates["critic"] == 5 * rates["net"]
    assert made.optimiser("net").param_groups[0]["betas"][0] == 0.5
    assert {"critic/hinge"} == {name for name in made.step(batch) if name not in PLAIN}
    judged = []
    made.critic.scales[0].register_forward_hook(lambda net, given, said: judged.append(len(given[0])))
    heard = made.step(batch)
    assert set(judged) == {2 * len(batch.frames)}  # the last frame of each sample, real and drawn
    assert {"critic/hinge", "net/adversary", "net/matching"} == {name for name in heard if name not in PLAIN}
    heard["critic/hinge"].backward(retain_graph=True)
    assert all(value.grad is None for value in made.net.parameters())
    (heard["net/adversary"] + heard["net/matching"]).backward()
    assert made.net.paint.weight.grad.abs().max() > 0
    made.eval()
    taken = int(made.critic.taken)
    made.step(batch)
    assert int(made.critic.taken) == taken == 2


def test_the_critic_learns_to_tell_the_film_from_the_doll():
    made, batch = lesson(FilmedClip("a"), adversary=0.1, critic=4, window=128, colour=0.0, lr=1e-3)
    batch = dataclasses.replace(batch, frames=batch.extra["posed"] - 0.3)
    optimiser, seen = made.optimiser("critic"), []
    for _ in range(30):
        loss = made.step(batch)["critic/hinge"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        seen.append(float(loss.detach()))
    assert seen[0] > 3.5 and seen[-1] < 0.7 * seen[0]


class Faces(MobileFaceNet):
    """Who somebody is, is how light they are here and there."""

    def embed(self, pictures, points):
        return torch.nn.functional.normalize(pictures.diff(dim=3).unfold(2, 32, 32).mean(dim=4).flatten(1), dim=1)


def test_a_run_starts_from_a_snapshot(snapshot):
    begun = recipes.Guided(
        configure(recipes.GuidedConfig, {"perceptual": 0.0, "start": str(snapshot), "nudges": True, **SMALL.values()})
    )
    _, kept = weights.read(snapshot)
    assert {f"net.{name}" for name in begun.net.state_dict()} == set(kept)
    for name, value in begun.net.state_dict().items():
        torch.testing.assert_close(value, kept[f"net.{name}"].float())


def test_who_is_shown_teaches_too(monkeypatch):
    monkeypatch.setattr(recipes.MobileFaceNet, "read", lambda path: Faces())
    made, batch = lesson(FilmedClip("a"), identity=1.0, identity_net="faces.pt", colour=0.0)
    off = made.step(batch)["net/identity"]
    off.backward()
    assert 0.001 < float(off.detach()) < 2
    assert any(value.grad is not None and value.grad.abs().max() > 0 for value in made.net.parameters())
    seen = dataclasses.replace(batch, frames=batch.extra["posed"])  # the film is what the doll shows: nobody else
    assert float(made.step(seen)["net/identity"].detach()) < 0.5 * float(off.detach())


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"size": 128}, "size 256"),
        ({"window": 100}, "multiple of 16"),
        ({"identity": 1.0}, "takes identity_net"),
        ({"identity": 1.0, "identity_net": "faces.pt", "window": 128}, "a whole face"),
    ],
)
def test_what_the_recipe_cannot_do_is_said(settings, sentence):
    with pytest.raises(OptionError, match=sentence):
        recipes.Guided(configure(recipes.GuidedConfig, settings))
