"""The engine on weights that nobody trained: what it promises whatever they are."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
import torch
from drawn import driver, face, picture, source

from living_portraits import weights
from living_portraits.engine import Drive
from living_portraits.engines.megaportraits import MegaPortraits
from living_portraits.engines.megaportraits.background import before, plate
from living_portraits.engines.megaportraits.base import Base, Drawn, Known
from living_portraits.engines.megaportraits.config import preset
from living_portraits.engines.megaportraits.engine import hand_over, read_base
from living_portraits.engines.megaportraits.ground import grounded
from living_portraits.engines.megaportraits.networks import Painted
from living_portraits.engines.megaportraits.performance import Performance, on_top, turn_of, turn_vector
from living_portraits.engines.megaportraits.pose import Pose
from living_portraits.errors import OptionError, WeightsError
from living_portraits.mending import view
from living_portraits.nn import process
from living_portraits.nn import runtime as runtimes
from living_portraits.nn.pixels import to_tensor
from living_portraits.training import films
from living_portraits.training import publish_megaportraits as publishing
from living_portraits.training.publish_megaportraits import publish
from living_portraits.warp import Texture

SIZE = 64


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A snapshot as the recipe writes it, in half precision, with warps that do something."""
    torch.manual_seed(0)
    base = Base(preset("tiny", size=SIZE))
    for net in (base.unwarp.leave, base.warp.leave, base.pose.net.leave):
        torch.nn.init.normal_(net.weight, std=0.05)
    path = tmp_path_factory.mktemp("weights") / "base.safetensors"
    state = {f"base.{name}": value.half() for name, value in base.state_dict().items()}
    weights.write(path, config={"recipe": "megaportraits", "train": {"network": "tiny", "size": SIZE}}, state=state)
    return path


@pytest.fixture(scope="module")
def engine(file) -> MegaPortraits:
    return MegaPortraits(size=SIZE, file=file)


def run(engine, drive: Drive | None = None, who=None) -> list[np.ndarray]:
    clip = driver(SIZE, frames=4)
    rng = np.random.default_rng(3)
    clip = replace(clip, crops=[rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8) for _ in range(4)])
    motion = engine.encode_motion(clip, drive or Drive())
    return list(engine.generate(engine.encode_identity(who or source(SIZE)), motion))


@pytest.mark.parametrize(
    "runtime",
    [
        "torch",
        pytest.param(
            "openvino",
            marks=pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed"),
        ),
    ],
)
def test_the_film_is_the_same_in_another_runtime(file, engine, runtime, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(runtimes.FOLDER_VARIABLE, str(tmp_path))
    elsewhere, asked = MegaPortraits(size=SIZE, file=file, runtime="torch"), []
    compiled = runtimes.compiled
    monkeypatch.setattr(
        runtimes, "compiled", lambda net, *given, **more: asked.append(net) or compiled(net, *given, **more)
    )
    hand_over(elsewhere.base, runtime)
    assert len(asked) == 2
    for one, other in zip(run(elsewhere), run(engine), strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1


def test_a_frame_for_each_of_the_drivers_and_the_same_again(engine) -> None:
    frames = run(engine)
    assert [(frame.shape, frame.dtype) for frame in frames] == [((SIZE, SIZE, 3), np.uint8)] * 4
    np.testing.assert_array_equal(frames, run(engine))
    assert any((frame != frames[0]).any() for frame in frames[1:])
    assert len(run(engine, Drive(relative=False))) == 4


def test_at_the_neutral_frame_and_without_strength_it_shows_the_sources_own_reconstruction(engine) -> None:
    sitter = engine.encode_identity(source(SIZE))
    with torch.inference_mode():
        drawn = engine.base.draw(sitter.identity, sitter.pose, sitter.code, Known(sitter.still))
    expected = before(sitter.plate, drawn, sitter.texture, sitter.person).astype(int)
    assert np.abs(run(engine, Drive(neutral=2))[2] - expected).max() < 2
    for frame in run(engine, Drive(strength=0.0)):
        assert np.abs(frame - expected).max() < 2


def test_the_source_is_seen_and_not_changed(engine) -> None:
    mona = source(SIZE)
    ada = replace(mona, crops=[np.ascontiguousarray(mona.crops[0][:, ::-1])])
    before = mona.crops[0].copy()
    assert (run(engine, who=mona)[0] != run(engine, who=ada)[0]).any()
    np.testing.assert_array_equal(mona.crops[0], before)


def test_poses_come_from_points_or_from_pixels(file) -> None:
    """Points that move move the picture only where they are read."""
    clip = driver(SIZE, frames=2)
    clip = replace(clip, crops=[clip.crops[0]] * 2, points=clip.points + np.array([[[0.0] * 3], [[9.0, 0, 0]]], "f4"))
    moved = []
    for poses_from in ("points", "pixels"):
        engine = MegaPortraits(size=SIZE, file=file, poses_from=poses_from)
        heads = engine.encode_motion(clip, Drive()).poses.place
        moved.append(float((heads[1] - heads[0]).abs().max()))
    assert moved[0] == pytest.approx(18 / SIZE, abs=0.05) and moved[1] == 0


def test_it_needs_pixels(engine) -> None:
    with pytest.raises(OptionError, match="reads motion from pixels"):
        engine.encode_motion(replace(driver(SIZE), crops=[]), Drive())


def test_one_that_hears_needs_no_pixels_and_a_difference_of_codes_knows_nobody(tmp_path) -> None:
    torch.manual_seed(0)
    base = Base(preset("light", size=64))
    torch.nn.init.normal_(base.warp.leave.weight, std=0.05)
    state = {f"base.{name}": value for name, value in base.state_dict().items()}
    path = tmp_path / "hears.safetensors"
    weights.write(path, config={"recipe": "megaportraits", "train": {"network": "light", "size": 64}}, state=state)
    engine = MegaPortraits(size=SIZE, file=path)
    clip = replace(driver(SIZE, frames=3), crops=[])
    rng = np.random.default_rng(0)
    clip = replace(clip, blendshapes=rng.random((3, 52), dtype=np.float32))
    frames = list(engine.generate(engine.encode_identity(source(SIZE)), engine.encode_motion(clip, Drive())))
    assert len(frames) == 3 and (frames[0] != frames[1]).any()
    places, shapes = torch.zeros(2, 478, 3), torch.zeros(2, 52)
    places[1, 13, 1] = -0.01  # a lip that moves
    with torch.no_grad():
        own, other = (base.expression(places + face, shapes) for face in (0.0, torch.randn(1, 478, 3) * 0.05))
    assert (own[1] - own[0]).abs().max() > 1e-3 and (own - other).abs().max() > 1e-3
    torch.testing.assert_close(own[1] - own[0], other[1] - other[0], atol=1e-5, rtol=1e-4)


def test_shoulders_move_as_the_drivers_pictures_say(tmp_path) -> None:
    base = Base(preset("light", size=64))
    state = {f"base.{name}": value for name, value in base.state_dict().items()}
    weights.write(
        tmp_path / "hears.safetensors",
        config={"recipe": "megaportraits", "train": {"network": "light", "size": 64}},
        state=state,
    )
    engine = MegaPortraits(size=128, file=tmp_path / "hears.safetensors")
    clip = replace(driver(128, frames=2), points=np.stack([source(128).points[0]] * 2))
    scene = picture(140, 128, seed=4)
    clip = replace(clip, crops=[scene[:128].copy(), scene[4:132].copy()])  # all of it rises by four
    ways = [engine._asked(engine.encode_identity(source(128)), engine.encode_motion(each, Drive())) for each in (
        clip, replace(clip, crops=[]),
    )]  # fmt: skip
    swayed, still = ([asked[2] for asked in way] for way in ways)
    assert all(way.abs().max() < 1e-4 for way in (*still, swayed[0]))
    assert swayed[1][0, 1, -12:-4].median() == pytest.approx(2 * 4 / 128, abs=0.02)  # below the head


def test_folded_weights_draw_what_the_training_drew(file) -> None:
    _, state = weights.read(file)
    base = Base(preset("tiny", size=SIZE)).eval()
    base.load_state_dict({name.removeprefix("base."): value.float() for name, value in state.items()})
    a, b = (torch.rand(1, 3, SIZE, SIZE) * 2 - 1 for _ in range(2))
    with torch.no_grad():
        torch.testing.assert_close(read_base(file)(a, b).picture, base(a, b).picture, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("config", "state", "message"),
    [
        ({"recipe": "smoke", "train": {}}, {}, "no snapshot of the recipe megaportraits"),
        ({"recipe": "megaportraits"}, {}, "no snapshot of the recipe megaportraits"),
        ({"recipe": "megaportraits", "train": {"network": "tiny", "size": SIZE}}, {"base.x": torch.zeros(1)},
         "written by another version"),
    ],
)  # fmt: skip
def test_other_files(tmp_path, config, state, message) -> None:
    weights.write(tmp_path / "other.safetensors", config=config, state=state)
    with pytest.raises(WeightsError, match=message):
        MegaPortraits(size=SIZE, file=tmp_path / "other.safetensors")


def test_another_size_is_refused(file) -> None:
    with pytest.raises(OptionError, match="work at size 96; choose from 64, 128, 256, 512, 1024"):
        MegaPortraits(size=96, file=file)


# --- motion on a source -----------------------------------------------------------------------------------------------


def pose(turn, place=(0.0, 0.0), size=1.0) -> Pose:
    return Pose(turn_of(torch.tensor(turn))[None], torch.tensor([place]), torch.tensor([[size]]))


def performance(drive: Drive) -> Performance:
    """Two frames: at rest at (.1, 0) turned by .1, then turned by .3, half as large again and further right."""
    heads = [pose((0.0, 0.1, 0.0), (0.1, 0.0), 2.0), pose((0.0, 0.3, 0.0), (0.3, 0.0), 3.0)]
    both = Pose(*(torch.cat(parts) for parts in zip(*heads, strict=True)))
    codes = torch.tensor([[1.0, 0.0], [3.0, 1.0]])
    return Performance(both, codes, drive)


@pytest.mark.parametrize(
    ("wish", "yaw", "place", "size", "code"),
    [
        ({}, 0.7, 0.5, 1.5, (12.0, 1.0)),  # .5 + .2; .4 + .2 * 1 / 2; 1 * 3 / 2
        ({"relative": False}, 0.3, 0.5, 1.5, (12.0, 1.0)),
        ({"strength": 0.5}, 0.6, 0.45, 1.5**0.5, (11.0, 0.5)),
        ({"strength": 0.0}, 0.5, 0.4, 1.0, (10.0, 0.0)),
        ({"stay": True}, 0.7, 0.4, 1.0, (12.0, 1.0)),
        ({"frontal": True}, 0.2, 0.5, 1.5, (12.0, 1.0)),
        ({"yaw": 10.0}, 0.7 - np.radians(10), 0.5, 1.5, (12.0, 1.0)),
        ({"expression": 0.5}, 0.7, 0.5, 1.5, (11.0, 0.5)),
    ],
)  # fmt: skip
def test_motion_on_a_source(wish, yaw, place, size, code) -> None:
    own, z = pose((0.0, 0.5, 0.0), (0.4, 0.0), 1.0), torch.tensor([[10.0, 0.0]])
    head, told = performance(Drive(**wish)).on(own, z, 1)
    assert turn_vector(head.rotation[0]).tolist() == pytest.approx([0.0, yaw, 0.0], abs=1e-5)
    assert head.place[0].tolist() == pytest.approx([place, 0.0])
    assert float(head.size) == pytest.approx(size)
    assert told[0].tolist() == pytest.approx(code)


def test_what_is_on_top_turns_the_ways_that_it_says() -> None:
    """The nose is near (z negative): up is negative y, right positive x; clockwise moves the head's top right."""
    nose, top = torch.tensor([0.0, 0.0, -1.0]), torch.tensor([0.0, -1.0, 0.0])
    assert (on_top(Drive(pitch=10.0)) @ nose)[1] < -0.1
    assert (on_top(Drive(yaw=10.0)) @ nose)[0] > 0.1
    assert (on_top(Drive(roll=10.0)) @ top)[0] > 0.1


# --- the plate --------------------------------------------------------------------------------------------------------


def test_the_plate_keeps_what_is_not_the_person_and_continues_it_behind_them() -> None:
    crop = np.full((SIZE, SIZE, 3), (40, 90, 160), np.uint8)
    crop[20:44, 20:44] = (250, 10, 10)
    matte = np.zeros((SIZE, SIZE), np.float32)
    matte[20:44, 20:44] = 1
    made = plate(crop, matte).astype(float)
    np.testing.assert_allclose(made[:10], crop[:10], atol=1)
    assert np.abs(made[20:44, 20:44] - [40, 90, 160]).max() < 12
    assert np.ptp(plate(crop, np.ones((SIZE, SIZE), np.float32))) == 0  # nothing is known of what is behind
    np.testing.assert_array_equal(plate(crop, np.zeros((SIZE, SIZE), np.float32)), crop)


def square(first: int, last: int) -> np.ndarray:
    matte = np.zeros((SIZE, SIZE), np.float32)
    matte[24:40, first:last] = 1
    return matte


def going(right: float) -> np.ndarray:
    """The way of everything having gone so many px to the right."""
    way = np.zeros((SIZE, SIZE, 2), np.float32)
    way[..., 0] = -right * 2 / SIZE
    return way


def test_the_ground_goes_along_close_to_the_person_and_stands_still_further_off() -> None:
    """They have gone 3 px to the right; nothing is torn between, nothing folds."""
    found = grounded(going(3), square(27, 39), square(24, 36))
    came = (np.arange(SIZE) + found.way[..., 0] * SIZE / 2)[32]
    np.testing.assert_allclose(came[28:38], np.arange(25, 35), atol=0.05)
    np.testing.assert_allclose(came[:10], np.arange(10), atol=1e-4)
    np.testing.assert_allclose(came[56:], np.arange(56, SIZE), atol=1e-4)
    assert (np.diff(came) > 0.2).all() and (np.diff(came) < 2).all()
    assert found.bare.max() == 0 and not found.way[..., 1].any()


def test_where_the_network_misses_the_person_they_are_wherever_the_way_leads_to_them() -> None:
    hole = square(27, 39) - square(30, 36)
    for matte in (hole, np.zeros_like(hole)):
        found = grounded(going(3), matte, square(24, 36))
        whole = grounded(going(3), square(27, 39), square(24, 36))
        np.testing.assert_allclose(found.way[24:40, 27:39], whole.way[24:40, 27:39], atol=0.01)
        assert found.bare.max() == 0


def test_where_the_person_was_and_is_no_more_the_ground_is_bare() -> None:
    """Half a picture away: no band of surroundings is so wide that it would cover where they were."""
    found = grounded(going(SIZE / 2), square(44, 56), square(12, 24))
    assert (found.bare[26:38, 12:24] == 1).all() and (found.bare[26:38, 44:56] == 0).all()
    assert found.bare[:8].max() == found.bare[60:].max() == 0


def test_close_to_the_edge_the_ground_goes_along_as_far_as_elsewhere() -> None:
    """What lies beyond the frame says nothing: neither that it goes along, nor that it stands still."""
    edge, matte = np.zeros((2, SIZE, SIZE), np.float32)
    edge[:, 0] = 1
    matte[:, 30] = 1
    beside = grounded(going(1), edge, edge).way[32, :20, 0], grounded(going(1), matte, matte).way[32, 30:50, 0]
    np.testing.assert_allclose(*beside, atol=0.03 * 2 / SIZE)
    assert beside[0][0] == pytest.approx(-2 / SIZE, rel=0.03) and not beside[0][17:].any()


def test_the_plate_shows_where_the_ground_is_bare_and_paint_inside_of_the_matte_alone() -> None:
    """A person who has gone 32 px to the right, painted in part; at rest all else is the source's."""
    source = np.full((4 * SIZE, 4 * SIZE, 3), 128, np.uint8)
    behind, paint = np.zeros_like(source), torch.ones(1, 3, SIZE, SIZE)
    matte, share = (torch.from_numpy(one)[None, None] for one in (square(44, 56), 1 - square(48, 52)))
    way = torch.from_numpy(going(SIZE / 2)).movedim(-1, 0)[None]
    row = before(behind, Drawn(Painted(paint, matte, share), way), Texture.of(source), square(12, 24))[128, ::4]
    assert (row[49:51] == 255).all() and (row[14:22] == 0).all()
    assert (row[42:46] == 128).all() and (row[54:56] == 128).all() and (row[:8] == 128).all()
    alone = before(behind, Drawn(Painted(paint, matte, None)), Texture.of(source), square(12, 24))[128, ::4]
    assert (alone[46:54] == 255).all() and (alone[:42] == 0).all() and (alone[58:] == 0).all()


def test_a_larger_picture_is_the_same_one_with_the_sources_grain() -> None:
    """Shrunk again it is the small one; the fine lines that the small one cannot hold are the source's, moved along."""
    torch.manual_seed(0)
    base = Base(preset("tiny", size=SIZE)).eval()
    lines = np.full((4 * SIZE, 4 * SIZE, 3), 64.0)
    lines[:, ::4] += 128
    fine = np.rint(lines + 30 * np.linspace(-1, 1, 4 * SIZE)[:, None, None]).astype(np.uint8)
    everywhere, z = np.ones((SIZE, SIZE), np.float32), torch.zeros(1, 16)
    small = view.shrunk(fine, SIZE)
    with torch.no_grad():
        picture = to_tensor([small])
        here, there = (Pose(torch.eye(3)[None], torch.tensor([[x, 0.0]]), torch.full((1, 1), 0.4)) for x in (0, 0.125))
        identity = base.identity(picture, base.appearance(picture), here, z)
        drawn = base.draw(identity, there, z)
    large, less = (before(one, drawn, Texture.of(one), everywhere).astype(np.float32) for one in (fine, small))
    assert np.abs(view.shrunk(large, SIZE) - less)[:, 10:].mean() < 3  # at the rim a line is drawn out
    grain, own = (one - view.shrunk(view.shrunk(one, SIZE), 4 * SIZE) for one in (large, lines.astype(np.float32)))
    inside = np.s_[:, 4 * 24 : 4 * 40]
    assert np.corrcoef(grain[inside].ravel(), own[inside].ravel())[0, 1] > 0.95


@pytest.fixture(scope="module")
def ranged(file, tmp_path_factory):
    """The same snapshot, made ready to be shipped."""
    config, state = weights.read(file)
    folder = tmp_path_factory.mktemp("published")
    told = config | {"train": config["train"] | {"start": str(folder / "before.safetensors")}}
    weights.write(folder / "snapshot.safetensors", config=told, state=state)
    two = [films.Portrait(name, source(SIZE).crops[0], face((32, 32), zoom=1.2), np.zeros(52, "f4")) for name in "ab"]
    clip = replace(driver(SIZE, frames=3), crops=[picture(SIZE, SIZE, seed=t) for t in range(3)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publishing, "gather", lambda folder, *, size: two)
        patch.setattr(films.Drivers, "track", lambda self, bundled: clip)
        publish(folder / "snapshot.safetensors", folder / "published.safetensors")
    return folder / "published.safetensors"


def test_a_published_base_knows_its_ranges_and_no_folders(file, ranged) -> None:
    (config, state), (_, before) = weights.read(ranged), weights.read(file)
    decoder = [name for name in state if name.startswith("base.decoder.") and name.endswith(".weight")]
    convolutions = {name.removesuffix(".weight") for name in decoder if state[name].ndim == 4}
    assert {f"base.decoder.{name}" for name in config["ranges"]} == convolutions
    assert all(low <= 0 < high for low, high in config["ranges"].values())
    assert config["train"]["start"] == "before.safetensors"
    assert all(torch.equal(state[name], value) for name, value in before.items()) and len(state) == len(before)
    assert read_base(ranged).ranges == {name: tuple(ends) for name, ends in config["ranges"].items()}
    assert read_base(file).ranges == {}


@pytest.mark.parametrize("config", [{"recipe": "talking-head person"}, {"recipe": "smoke", "train": {}}])
def test_what_is_no_base_is_not_published(tmp_path, config) -> None:
    weights.write(tmp_path / "other.safetensors", config=config, state={"a": torch.zeros(1)})
    with pytest.raises(WeightsError, match="no snapshot of the recipe megaportraits"):
        publish(tmp_path / "other.safetensors", tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed")
def test_eight_bits_where_ranges_are_known(file, ranged, engine, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(runtimes.FOLDER_VARIABLE, str(tmp_path))
    asked, compiled = [], runtimes.compiled

    def heard(net, example, *, runtime, **more):
        asked.append((runtime, bool(more.get("ranges"))))
        return compiled(net, example, runtime=runtime, **more)

    monkeypatch.setattr(runtimes, "compiled", heard)
    made = MegaPortraits(size=SIZE, file=ranged, runtime="int8")
    assert asked == [("openvino", False), ("int8", True)]  # the warp's network, and G2D
    off = np.abs(np.array(run(made), int) - np.array(run(engine), int))
    assert 0 < off.mean() < 1
    with pytest.raises(OptionError, match="not measured for 8 bits"):
        MegaPortraits(size=SIZE, file=file, runtime="int8")


@pytest.mark.parametrize("ranges", [{"nose": (0.0, 1.0)}, {"": (0.0, 1.0)}, {"leave": ("a", "b")}, {"leave": 1.0}, [1]])
def test_ranges_of_nothing_that_it_has(file, tmp_path, ranges) -> None:
    config, state = weights.read(file)
    weights.write(tmp_path / "odd.safetensors", config=config | {"ranges": ranges}, state=state)
    with pytest.raises(WeightsError, match="another version"):
        read_base(tmp_path / "odd.safetensors")


@pytest.mark.parametrize(("vnni", "runs_in"), [(True, "int8"), (False, "openvino")])
def test_it_runs_in_eight_bits_on_processors_that_do_that_well(monkeypatch, vnni, runs_in) -> None:
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    monkeypatch.setattr(process, "may_train", lambda: False)
    monkeypatch.setattr(runtimes, "adds_bytes", lambda: vnni)
    monkeypatch.setattr(runtimes, "compiled", lambda net, example, *, runtime, **more: net)
    unasked = MegaPortraits(size=256)
    assert unasked.runtime == unasked._mender.runtime == runs_in
    single = MegaPortraits(size=256, runtime="openvino")
    assert single.runtime == single._mender.runtime == "openvino"
