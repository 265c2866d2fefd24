"""MegaPortraits' networks: poses, warps through the volume, blocks, widths."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from drawn import face
from torch import nn

from living_portraits import geometry
from living_portraits.engines.megaportraits import pose as poses
from living_portraits.engines.megaportraits.base import Base, Known, joined, parts
from living_portraits.engines.megaportraits.blocks import AdaptiveNorm, Conv2d, Conv3d, ResBlock, fold, rescaled
from living_portraits.engines.megaportraits.config import Config, preset
from living_portraits.engines.megaportraits.critic import Critic
from living_portraits.engines.megaportraits.leading import Lead, by_mesh, led, of_face
from living_portraits.engines.megaportraits.networks import carried_along, face_of
from living_portraits.engines.megaportraits.pose import Pose
from living_portraits.engines.megaportraits.student_motion import SPOKEN
from living_portraits.engines.megaportraits.warps import (
    Shape,
    WarpGenerator,
    driver_places,
    lattice,
    look_up,
    near_face,
    source_places,
)
from living_portraits.errors import OptionError
from living_portraits.motion import AdaptedHead
from living_portraits.training.profile import count_flops
from living_portraits.warp import HeadMesh

SIZE = 64
SHAPE = Shape(8, 16, 16, 0.5)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def base() -> Base:
    torch.manual_seed(0)
    return Base(preset("tiny", size=SIZE)).eval()


def at(*, turn=(0.0, 0.0, 0.0), place=(0.0, 0.0), size=1.0) -> Pose:
    """One pose; `turn` is a rotation vector of the picture's frame."""
    rotation = geometry.rotation_matrix(np.array(turn))
    return Pose(
        torch.tensor(rotation, dtype=torch.float32)[None],
        torch.tensor([place]),
        torch.tensor([[size]], dtype=torch.float32),
    )


def turned_face(turn, *, centre=(60.0, 70.0), zoom=3.0) -> np.ndarray:
    points = face((0, 0), zoom=zoom) @ geometry.rotation_matrix(np.array(turn)).T
    return (points + np.array([*centre, 5.0])).astype(np.float32)


# --- poses ------------------------------------------------------------------------------------------------------------


def test_six_numbers_make_a_rotation_and_none_the_canonical_pose() -> None:
    torch.manual_seed(1)
    numbers = torch.randn(16, 9, requires_grad=True)
    pose = poses.from_numbers(numbers)
    torch.testing.assert_close(pose.rotation @ pose.rotation.mT, torch.eye(3).expand(16, 3, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(pose.rotation), torch.ones(16))
    assert (pose.size > 1 / 3.01).all() and (pose.size < 3.01).all()
    pose.rotation.square().sum().backward()
    assert numbers.grad is not None and numbers.grad.isfinite().all()
    rest = poses.from_numbers(torch.zeros(1, 9))
    for part, expected in zip(rest, at(), strict=True):
        torch.testing.assert_close(part, expected)


@pytest.mark.parametrize("turn", [(0.0, 0.0, 0.0), (0.3, -0.5, 0.2), (0.0, 1.1, 0.0), (-0.6, 0.0, 0.9)])
def test_the_pose_of_points_is_the_one_that_geometry_fits(turn) -> None:
    random = np.random.default_rng(0)
    points = turned_face(turn) + random.normal(0, 0.5, (478, 3)).astype(np.float32)
    fitted, size = geometry.fit_pose(points), 128
    pose = poses.of_points(torch.from_numpy(points)[None], size=size)
    flip = np.diag([1.0, -1.0, -1.0])
    np.testing.assert_allclose(pose.rotation[0].numpy(), flip @ fitted.rotation @ flip, atol=1e-4)
    assert float(pose.size) == pytest.approx(2 * fitted.scale / size / poses.UNIT, rel=1e-4)
    origin = (2 * fitted.translation[:2] * [1, -1] + 1) / size - 1
    np.testing.assert_allclose(pose.place[0].numpy(), origin, atol=1e-4)


def test_places_of_points_turn_with_the_head() -> None:
    """A head's points, taken back by its pose, are the canonical face: in depth, too, where the tracker's zero is."""
    points = torch.from_numpy(np.stack([turned_face((0.2, 0.6, 0.1)), turned_face((0.0, 0.0, 0.0), zoom=5.0)]))
    pose = poses.of_points(points, size=128)
    back = pose.to_canonical(poses.places_of(points, size=128))[:, :468]
    torch.testing.assert_close(back, poses.canonical_points(back).expand(2, -1, -1), atol=1e-4, rtol=0)


def test_to_canonical_undoes_to_picture() -> None:
    pose = at(turn=(0.2, -0.4, 0.1), place=(0.3, -0.1), size=1.4)
    places = torch.randn(1, 5, 7, 3)
    torch.testing.assert_close(pose.to_canonical(pose.to_picture(places)), places, atol=1e-5, rtol=1e-5)


def test_the_cut_out_face_is_upright_and_centred() -> None:
    """A mark on the nose lies in the cut-out's middle whatever the roll, and one above it above."""
    size = 96
    for roll in (0.0, 0.5):
        points = turned_face((0.0, 0.0, roll), centre=(50.0, 44.0), zoom=2.4)
        picture = torch.full((1, 3, size, size), -1.0)
        for number, channel in ((geometry.NOSE_TIP, 0), (geometry.FOREHEAD, 1)):
            x, y = points[number, :2].round().astype(int)
            picture[0, channel, y - 2 : y + 3, x - 2 : x + 3] = 1
        pose = poses.of_points(torch.from_numpy(points)[None], size=size)
        cut = (face_of(picture, pose, side=32)[0] + 1) / 2
        axis = torch.arange(32.0) - 15.5
        x, y = ((cut[:2] * grid).sum((1, 2)) / cut[:2].sum((1, 2)) for grid in (axis, axis[:, None]))
        assert abs(float(x[0])) < 1.5 and abs(float(y[0])) < 3
        assert abs(float(x[1])) < 1.5 and -15 < float(y[1]) < -8


# --- warps ------------------------------------------------------------------------------------------------------------


def cells(volume: torch.Tensor) -> torch.Tensor:
    return lattice(SHAPE, volume).expand(len(volume), -1, -1, -1, -1)


def test_no_motion_returns_the_volume() -> None:
    volume, still = torch.randn(2, 4, *SHAPE[:3]), torch.zeros(2, 3, 4, 4, 4)
    pose = poses.join(at(), at())
    for places in (
        source_places(still, pose, cells(volume), reach=0.5),
        driver_places(still, pose, cells(volume), reach=0.5),
    ):
        torch.testing.assert_close(look_up(volume, places, reach=0.5), volume, atol=1e-5, rtol=0)


def test_what_a_pose_takes_away_it_gives_back() -> None:
    """Source and driver in one pose, one expression: a smooth volume comes back, but for its rim."""
    x, y, z = lattice(SHAPE, torch.zeros(1)).unbind(-1)
    volume = torch.stack([torch.sin(2 * x) + y, torch.cos(x + 2 * y) + 2 * z])[None]
    pose, still = at(turn=(0.1, 0.25, 0.1), place=(0.1, -0.05), size=0.9), torch.zeros(1, 3, 4, 4, 4)
    canonical = look_up(volume, source_places(still, pose, cells(volume), reach=0.5), reach=0.5)
    assert (canonical - volume).abs().mean() > 0.1
    back = look_up(canonical, driver_places(still, pose, cells(volume), reach=0.5), reach=0.5)
    inner = (slice(None), slice(None), slice(3, 5), slice(5, 11), slice(5, 11))
    torch.testing.assert_close(back[inner], volume[inner], atol=0.03, rtol=0)


@pytest.mark.parametrize(
    ("pose", "expected"),
    [
        (at(place=(0.25, 0.0)), (0.5, 0.0)),  # the head is further right
        (at(size=2.0), (0.5, 0.0)),
        (at(turn=(0.0, 0.0, math.pi / 2)), (0.0, 0.25)),  # clockwise in the picture: y points down
    ],
)
def test_the_driver_puts_the_canonical_head_where_its_pose_says(pose, expected) -> None:
    """A blob a quarter to the right of the canonical middle is found in the driven picture where it belongs."""
    grid = lattice(SHAPE, torch.zeros(1))
    blob = torch.exp(-40 * (grid - torch.tensor([0.25, 0.0, 0.0])).square().sum(-1))[None, None]
    driven = look_up(blob, driver_places(torch.zeros(1, 3, 4, 4, 4), pose, cells(blob), reach=0.5), reach=0.5)
    weight = driven[0, 0] / driven.sum()
    assert ((weight * grid[..., 0]).sum(), (weight * grid[..., 1]).sum()) == pytest.approx(expected, abs=0.06)
    # The source's warp is its inverse: from there back to the canonical place.
    there = torch.exp(-40 * (grid - torch.tensor([*expected, 0.0])).square().sum(-1))[None, None]
    back = look_up(there, source_places(torch.zeros(1, 3, 4, 4, 4), pose, cells(there), reach=0.5), reach=0.5)
    weight = back[0, 0] / back.sum()
    assert ((weight * grid[..., 0]).sum(), (weight * grid[..., 1]).sum()) == pytest.approx((0.25, 0.0), abs=0.06)


def test_expression_is_taken_off_after_the_pose_and_put_on_before() -> None:
    """With f = (.1, 0, 0): source places are pose(c + f), driver places pose^-1(p) + f."""
    pose, field = at(turn=(0.0, 0.0, math.pi / 2)), torch.zeros(1, 3, 4, 4, 4)
    field[:, 0] = 0.1
    one = torch.tensor([[[0.2, 0.0, 0.0]]])
    torch.testing.assert_close(source_places(field, pose, one, reach=0.5), torch.tensor([[[0.0, 0.3, 0.0]]]))
    torch.testing.assert_close(driver_places(field, pose, one, reach=0.5), torch.tensor([[[0.1, -0.2, 0.0]]]))


def test_a_warp_generator_begins_with_no_expression_and_hears_the_code() -> None:
    torch.manual_seed(0)
    warp = WarpGenerator(preset("tiny", size=SIZE))
    codes = torch.randn(2, 16)
    assert warp(codes).shape == (2, 3, 8, 16, 16) and not warp(codes).any()
    nn.init.normal_(warp.leave.weight)
    a, b = warp(codes)
    assert (a - b).abs().max() > 0.01 and warp(codes).abs().max() <= 0.5


# --- the whole --------------------------------------------------------------------------------------------------------


def test_the_identity_warp_returns_the_sources_own_reconstruction(base: Base) -> None:
    """In the canonical pose with no expression nothing lies between E_app and G2D (G3D begins as no change)."""
    picture, z = torch.rand(1, 3, SIZE, SIZE) * 2 - 1, torch.randn(1, 16)
    with torch.no_grad():
        seen = base.appearance(picture)
        drawn = base.draw(base.identity(picture, seen, at(), z), at(), z)
        expected = base.decoder(seen.volume, picture)
    torch.testing.assert_close(drawn.carried, picture, atol=1e-4, rtol=0)
    torch.testing.assert_close(drawn.picture, expected.over(picture), atol=1e-4, rtol=0)
    torch.testing.assert_close(drawn.matte, expected.matte, atol=1e-4, rtol=0)
    assert drawn.picture.shape == picture.shape and drawn.picture.abs().max() <= 1
    assert drawn.matte.shape == (1, 1, SIZE, SIZE) and drawn.matte.min() >= 0 and drawn.matte.max() <= 1


@pytest.mark.parametrize("copies", [True, False])
def test_the_picture_follows_the_drivers_pose(copies: bool) -> None:
    torch.manual_seed(0)
    base = Base(replace(preset("tiny", size=SIZE), copies=copies)).eval()
    a, b = (torch.rand(1, 3, SIZE, SIZE) * 2 - 1 for _ in range(2))
    with torch.no_grad():
        assert base(a, b).picture.shape == a.shape
        z = torch.zeros(1, 16)
        identity = base.identity(a, base.appearance(a), at(), z)
        here, there = (base.draw(identity, at(place=p), z).picture for p in ((0.0, 0.0), (0.25, 0.0)))
    inside = (..., slice(16, 48))  # eight pixels to the right, away from the rim; norms see another picture, too
    shifted = (here[..., 8:40] - there[inside]).abs().mean()
    assert shifted < 0.5 * (here[inside] - there[inside]).abs().mean()


def test_pixels_are_carried_to_where_the_surface_is(base: Base) -> None:
    """A head that turns about its upright axis moves what is in front the one way and what is behind the other."""
    picture = torch.zeros(1, 3, SIZE, SIZE)
    picture[..., 30:34] = 1.0
    z, still = torch.zeros(1, 16), torch.zeros(1, 3, 4, 4, 4)
    with torch.no_grad():
        identity = base.identity(picture, base.appearance(picture), at(), z)
        axis = torch.arange(SIZE) - (SIZE - 1) / 2
        found = []
        for depth in (-0.25, 0.0, 0.25):
            way = base.way(identity, at(turn=(0.0, 0.5, 0.0)), still, torch.full((1, 16, 16), depth))
            carried = carried_along(way, picture)
            found.append(float((carried * axis).sum() / carried.sum()))
    expected = [math.sin(0.5) * depth * SIZE / 2 for depth in (-0.25, 0.0, 0.25)]
    assert found == pytest.approx(expected, abs=0.7)


def test_what_the_warps_do_not_undo_is_taken_off(base: Base) -> None:
    torch.nn.init.normal_(base.unwarp.leave.weight, std=0.005)
    torch.nn.init.normal_(base.warp.leave.weight, std=0.005)
    ramp = torch.linspace(-1, 1, SIZE).expand(1, 3, SIZE, SIZE)
    z = torch.randn(1, 16)
    with torch.no_grad():
        identity = base.identity(ramp, base.appearance(ramp), at(), z)
        still = base.still_way(identity, at(), z)
        raw, held = (base.draw(identity, at(), z, Known(still=way)).carried for way in (None, still))
    inside = (..., slice(12, -12), slice(12, -12))
    assert (held - ramp)[inside].abs().mean() < 0.3 * (raw - ramp)[inside].abs().mean()


def test_points_lead_the_way_near_them_and_nowhere_else() -> None:
    way = torch.zeros(1, 2, 128, 128)
    start = torch.tensor([[[0.25, -0.25], [-0.5, 0.5]]])
    lead = Lead(start, start + torch.tensor([[[0.1, 0.05], [0.0, 0.0]]]))
    found = led(way, lead)
    said = torch.nn.functional.grid_sample(found, start[:, None], align_corners=False)[0, :, 0].T
    torch.testing.assert_close(said[0], torch.tensor([0.1, 0.05]), atol=0.02, rtol=0)
    assert said[1].abs().max() < 1e-3 and found[..., 96:, 96:].abs().max() < 1e-3
    torch.testing.assert_close(led(found, Lead(start, start + said[None])), found, atol=1e-5, rtol=0)


def test_lids_that_meet_cover_the_eye() -> None:
    """Upper and lower lid come from .1 apart: above their line the skin above the eye is seen, below it that below."""
    side, way = 128, torch.zeros(1, 2, 128, 128)
    across = torch.linspace(-0.05, 0.05, 5)
    start = torch.stack([across.repeat(2), torch.zeros(10)], dim=-1)[None]
    goal = start + torch.tensor([0.0, 1.0]) * torch.cat([torch.full((5,), -0.05), torch.full((5,), 0.05)])[:, None]
    sign = torch.cat([torch.ones(5), -torch.ones(5)])
    found = led(way, Lead(start, goal, sign, torch.zeros(1, 10)))[0, 1, :, side // 2]
    rows = (2 * torch.arange(side) + 1) / side - 1
    near = (rows.abs() > 0.01) & (rows.abs() < 0.03)
    torch.testing.assert_close(found[near], -0.05 * -torch.sign(rows[near]), atol=0.02, rtol=0)
    torch.testing.assert_close(
        led(way, Lead(start, goal))[0, 1, :, side // 2][near], torch.zeros(int(near.sum())), atol=1e-4, rtol=0
    )


def test_lids_are_known_from_both_faces() -> None:
    points = torch.rand(1, 478, 3)
    lead = Lead.of(points, points)
    assert lead.side is not None and lead.middle is not None
    assert (lead.side == 1).sum() == (lead.side == -1).sum() == 14
    upper = list(SPOKEN).index(159)
    assert lead.middle[0, upper] == pytest.approx(float(points[0, [159, 145], 1].mean()))


def test_an_expression_stays_near_the_face() -> None:
    warp = WarpGenerator(replace(preset("light", size=64), spread=0.7))
    torch.nn.init.normal_(warp.leave.weight, std=0.1)
    with torch.no_grad():
        field = warp(torch.randn(1, 64))[0]
    assert field[..., :3, :].abs().max() == 0 and field[..., -3:].abs().max() == 0
    middle = slice(12, 20)
    assert field[..., middle, middle].abs().mean() > 1e-3
    assert near_face(field[None], 0.7)[15, 15] == 1


def test_identities_join_and_change_part_by_part(base: Base) -> None:
    with torch.no_grad():
        pictures = torch.rand(2, 3, SIZE, SIZE)
        both = base.identity(pictures, base.appearance(pictures), poses.join(at(), at(size=1.2)), torch.randn(2, 16))
    first, second = both.each(lambda part: part[:1]), both.each(lambda part: part[1:])
    again = joined(second, first)
    for a, b in zip(again.each(lambda part: part.roll(1, dims=0)).pose, both.pose, strict=True):
        torch.testing.assert_close(a, b)
    torch.testing.assert_close(again.volume[1], both.volume[0])


def test_channels_come_last_in_space_too(base: Base) -> None:
    """The common loop asks every network for it."""
    base.to(memory_format=torch.channels_last)
    weights = {4: torch.channels_last, 5: torch.channels_last_3d}
    for parameter in base.parameters():
        if parameter.ndim in weights:
            assert parameter.is_contiguous(memory_format=weights[parameter.ndim])


def test_parts_by_the_papers_names(base: Base) -> None:
    named = {id(p) for part in parts(base).values() for p in part.parameters()}
    assert named == {id(p) for p in base.parameters()}


# --- blocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "shape"), [(Conv2d, (2, 8, 6, 6)), (Conv3d, (2, 8, 4, 6, 6))])
def test_weights_are_standardised_and_folding_changes_nothing(kind, shape) -> None:
    torch.manual_seed(0)
    conv = kind(8, 16)
    x = torch.randn(shape)
    before = conv(x).detach()
    with torch.no_grad():
        conv.weight.mul_(3).add_(1)  # its mean and scale do not matter
    torch.testing.assert_close(conv(x), before, atol=1e-4, rtol=1e-4)
    assert 0.5 < float(before.std()) < 1.5
    fold(nn.Sequential(conv))
    torch.testing.assert_close(conv(x), before, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(conv.weight.flatten(1).norm(dim=1), conv.gain.detach())
    fold(conv)
    torch.testing.assert_close(conv(x), before, atol=1e-4, rtol=1e-4)


def test_adaptive_norm_is_linear_in_the_code() -> None:
    norm = AdaptiveNorm(8, 3)
    with torch.no_grad():
        norm.affine.bias.normal_()
    x, code = torch.randn(2, 8, 4, 4, 4), torch.randn(2, 3)
    zero = norm(x, torch.zeros(2, 3))
    torch.testing.assert_close(norm(x, 2 * code) - zero, 2 * (norm(x, code) - zero), atol=1e-4, rtol=1e-4)
    assert (norm(x, code) - zero).abs().max() > 1e-3


@pytest.mark.parametrize(("space", "sides"), [(2, (6, 6)), (3, (4, 6, 6))])
def test_blocks_keep_space_and_change_channels(space, sides) -> None:
    block = ResBlock(space, 8, 16, code=5)
    x, code = torch.randn(2, 8, *sides), torch.randn(2, 5)
    assert block(x, code).shape == (2, 16, *sides)
    assert (block(x, code) - block(x, code + 1)).abs().max() > 1e-3
    assert isinstance(ResBlock(space, 8, 8).shortcut, nn.Identity)


def test_rescaled_shrinks_and_grows_each_side_by_itself() -> None:
    x = torch.arange(16.0).view(1, 1, 2, 2, 4)
    assert rescaled(x, (2.0, 0.5, 0.5)).shape == (1, 1, 4, 1, 2)
    torch.testing.assert_close(rescaled(x, (1.0, 0.5, 0.5))[0, 0, 0, 0], torch.tensor([2.5, 4.5]))
    torch.testing.assert_close(rescaled(rescaled(x, (1.0, 2.0, 2.0)), (1.0, 0.5, 0.5)), x)


def test_the_critic_judges_at_each_scale() -> None:
    said = Critic(width=8, scales=2)(torch.rand(2, 3, 64, 64))
    assert [len(scale) for scale in said] == [5, 5]
    assert said[0][-1].shape == (2, 1, 4, 4) and said[1][-1].shape == (2, 1, 2, 2)


def test_the_critics_verdict_depends_on_the_picture_from_the_first_step() -> None:
    torch.manual_seed(0)
    critic = Critic(width=32)
    smooth = torch.nn.functional.interpolate(torch.rand(1, 3, 24, 24) * 2 - 1, scale_factor=4.0, mode="bilinear")
    with torch.no_grad():
        for _ in range(20):  # rounds of power iteration
            said = critic(smooth)
    for scale in said:
        assert scale[-1].std() > 0.1 * smooth.std(), "PyTorch's own first weights leave less than half of that"


# --- widths -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "size", "volume"), [("paper", 512, (96, 16, 64, 64)), ("paper", 256, (96, 16, 64, 64)),
                                 ("shipped", 256, (32, 16, 64, 64)), ("shipped", 512, (32, 16, 64, 64))],
)  # fmt: skip
def test_presets_have_their_volume_and_their_size(name, size, volume) -> None:
    with torch.device("meta"):
        base = Base(preset(name, size=size))
        picture = torch.empty(1, 3, size, size)
        assert base.appearance(picture).volume.shape[1:] == volume
        assert base(picture, picture).picture.shape == picture.shape


def test_a_driven_frame_of_the_shipped_network_costs_at_most_60_gflop() -> None:
    """What two cores manage in a quarter of a second."""
    with torch.device("meta"):
        base, picture = Base(preset("shipped", size=256)), torch.empty(1, 3, 256, 256)
        pose, code = Pose(*(part.to("meta") for part in at())), torch.empty(1, 128)
        identity = base.identity(picture, base.appearance(picture), pose, code)

        def work() -> None:
            base.seen_code(picture, base.pose(picture))
            base.draw(identity, pose, code)

        assert count_flops(work) < 60e9


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: preset("large", size=256), "no network 'large'; choose from shipped, light, paper, tiny"),
        (lambda: preset("shipped", size=200), "does not work at size 200; choose from 128, 256, 512, 1024"),
        (lambda: preset("shipped", size=64), "does not work at size 64"),
        (lambda: Config(size=512), "make no 512 px"),
        (lambda: Config(ups=(96,)), "G2D doubles as often"),
    ],
)
def test_widths_that_do_not_fit(make, message) -> None:
    with pytest.raises(OptionError, match=message):
        make()


def test_a_trainings_settings_name_the_network() -> None:
    assert Config.of({"network": "tiny", "size": 128, "lr": 1.0}) == preset("tiny", size=128)


def turned(mesh: HeadMesh, radians: float) -> AdaptedHead:
    """The mesh's own face, turned about its upright axis."""
    turn = geometry.rotation_matrix(np.array([0.0, radians, 0.0]))
    pose = replace(mesh.source.pose, rotation=turn @ mesh.source.pose.rotation)
    moved = pose.to_picture(mesh.source.shape.astype(np.float64)).astype(np.float32)
    return AdaptedHead(pose, mesh.source.shape, moved)


def test_a_face_goes_where_its_mesh_has_it_and_what_is_far_as_it_went() -> None:
    points = face((128, 128), zoom=5.0)
    mesh = HeadMesh.around(points, 256)
    head = turned(mesh, 0.35)
    moved = head.points
    way = torch.full((1, 2, 32, 32), 0.3)
    found = of_face(mesh.seen(mesh.move(head)), head).beside(way)
    assert found.shape[-1] == 128
    assert (found[..., :4, :4] - 0.3).abs().max() < 1e-4
    # The tip of the nose, lips and chin, which nothing hides, come from where they were.
    for name in (geometry.NOSE_TIP, 0, 17, geometry.CHIN):
        x, y = moved[name, :2].round().astype(int)
        came = found[0, :, y // 2, x // 2].numpy() * 128 + moved[name, :2]
        assert np.abs(came - points[name, :2]).max() < 2.5
    rest = AdaptedHead(mesh.source.pose, mesh.source.shape, points)
    still = of_face(mesh.seen(mesh.move(rest)), rest)
    assert still.way.abs().max() < 1e-5 and still.share[0, 0, 32, 32] == 1


def test_a_nose_hides_the_cheek_behind_it() -> None:
    """Across a turned nose the picture goes on without a leap: what shows through from behind would be one."""
    points = face((128, 128), zoom=5.0)
    mesh = HeadMesh.around(points, 256)
    head = turned(mesh, 0.7)
    moved = head.points
    way = by_mesh(mesh.seen(mesh.move(head)))[0].numpy()
    row = int(moved[geometry.NOSE_TIP, 1])
    inside = np.arange(int(moved[:468, 0].min()) + 8, int(moved[:468, 0].max()) - 8)
    came = inside + way[0, row // 2, inside // 2] * 128
    assert (np.abs(np.diff(came)) < 3).all()
