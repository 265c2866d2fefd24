"""What surrounds a head: read from a driver's pictures, and put onto a portrait."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from drawn import driver, picture, source

from living_portraits import geometry as geo
from living_portraits import sway
from living_portraits.doll import Doll
from living_portraits.engine import Drive
from living_portraits.motion import adapt, measure
from living_portraits.restraint import restrain_sway
from living_portraits.sway import CELLS, Sway
from living_portraits.watching import watch

SIZE = 256


def scene(across: float = 0.0, down: float = 0.0) -> np.ndarray:
    """A grainy picture whose lower half stands so many px farther right and down."""
    still = picture(SIZE + 40, SIZE + 40, seed=4)
    moved = cv2.warpAffine(still, np.array([[1, 0, across], [0, 1, down]], np.float32), still.shape[:2])
    whole = still.copy()
    whole[SIZE // 2 + 20 :] = moved[SIZE // 2 + 20 :]
    return np.ascontiguousarray(whole[20:-20, 20:-20])


def field(x: float, y: float, trust: float = 1.0) -> sway.Field:
    return sway.Field(np.broadcast_to(np.array([x, y], np.float32), (sway.CELLS, sway.CELLS, 2)).copy(), trust)


def measured(crops: list[np.ndarray], neutral: int) -> sway.Sway:
    around = sway.Surroundings(crops[neutral])
    return sway.Sway.of([around.still() if n == neutral else around.field(crop) for n, crop in enumerate(crops)])


def test_sway_is_how_far_each_region_has_gone_since_the_neutral_frame():
    crops = [scene(8, 4), scene(), scene(-6, 0)]
    whole = measured(crops, 1)
    found = whole.travel * SIZE
    assert found.shape == (3, sway.CELLS, sway.CELLS, 2) and found.dtype == np.float32
    assert whole.trust[1] == 1 and whole.trust.min() > 0.9
    assert not found[1].any()
    inner = slice(1, -1)
    np.testing.assert_allclose(np.median(found[0, 8:-1, inner], axis=(0, 1)), [8, 4], atol=0.6)
    np.testing.assert_allclose(np.median(found[2, 8:-1, inner], axis=(0, 1)), [-6, 0], atol=0.6)
    assert np.abs(found[:, 1:4, inner]).max() < 0.6


def test_sway_does_not_depend_on_the_size_of_the_crops():
    small = [scene(), scene(7, 3)]
    large = [cv2.resize(crop, (2 * SIZE, 2 * SIZE), interpolation=cv2.INTER_CUBIC) for crop in small]
    np.testing.assert_allclose(measured(small, 0).travel, measured(large, 0).travel, atol=0.5 / SIZE)


def test_nothing_is_made_up_where_nothing_can_be_seen():
    """A wall that flickers, and the streaks beyond a picture's edge, beside something that moves."""
    rng = np.random.default_rng(0)
    crops = []
    for across in (0, 7):
        frame = np.full((SIZE, SIZE, 3), 120, np.uint8)
        frame[:, SIZE // 2 :] = scene()[:, :1] + np.zeros((1, SIZE // 2, 1), np.uint8)  # streaks
        frame[:SIZE, SIZE // 4 : SIZE // 2] = np.roll(scene(), across, axis=1)[:, SIZE // 4 : SIZE // 2]
        crops.append(np.clip(frame + rng.normal(0, 2, frame.shape), 0, 255).astype(np.uint8))
    travel = np.abs(measured(crops, 0).travel[1, ..., 0]) * SIZE
    assert np.median(travel[1:-1, 5:7]) > 5
    assert travel[:, 0].max() < 1.5 and travel[:, 13:].max() < 1.5


def test_what_vanishes_takes_nothing_along():
    """A bright hand before the wall, and then none."""
    hand, gone = scene(), scene(3, 2)
    cv2.circle(hand, (190, 60), 26, (250, 220, 200), -1)
    whole = measured([hand, gone], 0)
    about = whole.travel[1, 2:6, 10:14] * SIZE
    assert np.abs(about).mean() < 1.1


@pytest.mark.parametrize(("gain", "more"), [(0.8, 0.0), (1.15, 0.0), (0.85, 25.0)])
def test_another_light_is_no_other_scene(gain, more):
    lit = np.clip(gain * scene(5, 0).astype(np.float32) + more, 0, 255).astype(np.uint8)
    whole = measured([scene(), lit], 0)
    assert whole.trust[1] > 0.9
    assert np.median(whole.travel[1, 8:-1, 1:-1, 0]) * SIZE == pytest.approx(5, abs=0.6)


def test_another_scene_is_not_believed(doll):
    cut = picture(SIZE, SIZE, seed=8)
    whole = measured([scene(), scene(3, 0), cut], 0)
    assert whole.trust[1] > 0.9 and whole.trust[2] == 0
    head = adapt(doll.mesh.source, measure(driver(SIZE), Drive()), 2)
    np.testing.assert_array_equal(doll.mesh.move(head, whole[2]), doll.mesh.move(head))
    none, half, full = (doll.mesh.move(head, field(0.05, 0, trust)) for trust in (0.0, 0.5, 1.0))
    assert 0.2 < np.abs(half - none).mean() / np.abs(full - none).mean() < 0.8


def test_a_field_is_read_between_the_middles_of_its_regions():
    ramp = np.zeros((sway.CELLS, sway.CELLS, 2), np.float32)
    ramp[..., 0] = (np.arange(sway.CELLS) + 0.5) / sway.CELLS  # at a share x of the side: x
    places = np.array([[20.0, 7.0], [127.5, 100.0], [200.25, 30.0]], np.float32)
    told = sway.Field(ramp, 1.0).at(places, SIZE)
    np.testing.assert_allclose(told[:, 0], places[:, 0] + 0.5, atol=0.5)
    assert not told[:, 1].any()


@pytest.fixture(scope="module")
def doll() -> Doll:
    still = source(SIZE)
    return Doll.of(still.crops[0], still.points[0])


def test_the_head_leads_what_is_near_and_the_field_the_rest(doll):
    motion = measure(driver(SIZE), Drive())
    head = adapt(doll.mesh.source, motion, 2)
    alone, swayed = doll.mesh.move(head), doll.mesh.move(head, field(0.05, -0.02))
    np.testing.assert_array_equal(swayed[: geo.POINT_COUNT], alone[: geo.POINT_COUNT])
    rest = doll.mesh.rest[geo.POINT_COUNT :]
    inside = ((rest > 1) & (rest < SIZE - 2)).all(axis=1)
    free = inside & (doll.mesh.near < 1e-6) & (doll.mesh.stretch.sum(axis=1) < 1e-3)
    assert free.sum() > 50
    travel = (swayed[geo.POINT_COUNT :, :2] - rest)[free]
    np.testing.assert_allclose(travel, np.broadcast_to([0.05 * SIZE, -0.02 * SIZE], travel.shape), atol=0.1)
    calm = doll.mesh.move(head, field(0, 0))[geo.POINT_COUNT :, :2]
    share = (swayed[geo.POINT_COUNT :, :2] - calm)[inside] / [0.05 * SIZE, -0.02 * SIZE]
    np.testing.assert_allclose(share, np.repeat(1 - doll.mesh.near[inside, None], 2, axis=1), atol=1e-4)
    led = inside & (doll.mesh.near > 0.5)
    assert led.sum() >= 3 and np.linalg.norm((calm - rest)[led], axis=1).min() > 0.5


@pytest.mark.parametrize("way", [(0.06, 0.0), (-0.06, 0.0), (0.0, 0.06), (0.05, -0.06)])
def test_no_edge_of_the_crop_is_left_bare(doll, way):
    motion = measure(driver(SIZE), Drive())
    _, _, sampling = doll.pose(motion, 0, field(*way))
    assert sampling.min() > -2 and sampling.max() < SIZE + 1
    steps = np.abs(np.diff(sampling, axis=0)).max(), np.abs(np.diff(sampling, axis=1)).max()
    assert max(steps) < 6  # a pixel outside every triangle takes its colour from anywhere


def test_a_field_of_nothing_keeps_a_resting_picture(doll):
    still = source(SIZE)
    rest = measure(still, Drive())
    frame, _, _ = doll.pose(rest, 0, field(0, 0))
    assert np.abs(frame.astype(int) - still.crops[0]).max() <= 2


def test_sway_is_held_within_what_a_head_may_travel(doll):
    pose = doll.mesh.source.pose
    trust = np.ones(1, np.float32)
    small, large = (sway.Sway(field(cm * pose.scale / SIZE, 0).travel[None], trust) for cm in (1.0, 20.0))
    np.testing.assert_allclose(restrain_sway(small, pose, SIZE).travel, small.travel, rtol=1e-5)
    held = restrain_sway(large, pose, SIZE)
    assert held.travel.dtype == np.float32
    np.testing.assert_allclose(held.travel[..., 0] * SIZE / pose.scale, 4.0, atol=0.01)


def test_trust_comes_and_goes_slowly_and_what_is_trusted_stays() -> None:
    """One frame in the middle is doubted and astray; at a cut nothing comes back."""
    travel = np.full((40, CELLS, CELLS, 2), 0.1, np.float32)
    trust = np.ones(40, np.float32)
    trust[10], travel[10] = 0.0, 5.0
    trust[25:], travel[25:] = 0.0, 9.0
    steady = Sway(travel, trust).steadied(25.0)
    assert np.abs(np.diff(steady.trust)).max() < 0.16 and steady.trust[10] > 0.8
    np.testing.assert_allclose(steady.travel[:30], 0.1, atol=1e-4)
    assert steady.trust[24] > 0.4 > 0.2 > steady.trust[29] and steady.trust[35:].max() < 1e-3
    assert np.isfinite(steady.travel).all()
    swing = 0.05 * np.sin(np.arange(40) / 25 * 2 * np.pi)[:, None, None, None] * np.ones(travel.shape[1:])
    sure = Sway(swing.astype(np.float32), np.ones(40, np.float32))
    np.testing.assert_allclose(sure.steadied(25.0).travel[3:-3], sure.travel[3:-3], atol=1e-3)


def test_what_a_region_does_for_a_moment_alone_is_not_believed() -> None:
    swing = 0.02 * np.sin(np.arange(40) / 25 * 2 * np.pi)[:, None, None, None] * np.ones((40, CELLS, CELLS, 2))
    leaping = swing.copy()
    leaping[20:22, 13, 10] -= 0.12  # two frames: half a head's width
    steady = Sway(leaping.astype(np.float32), np.ones(40, np.float32)).steadied(25.0).travel
    np.testing.assert_allclose(steady[3:-3], swing[3:-3], atol=5e-3)


def test_films_of_few_frames_a_second_keep_what_a_region_does_in_one() -> None:
    travel = np.zeros((12, CELLS, CELLS, 2), np.float32)
    travel[6] = 0.02  # at five frames a second a nod of the whole body may take no more
    sure = Sway(travel, np.ones(12, np.float32))
    np.testing.assert_allclose(sure.steadied(5.0).travel, travel, atol=1e-6)
    assert np.abs(sure.steadied(25.0).travel).max() < 0.006


def test_long_films_are_steadied_as_short_ones() -> None:
    travel = 0.02 * np.random.default_rng(0).normal(size=(600, CELLS, CELLS, 2)).astype(np.float32)
    long = Sway(travel, np.ones(600, np.float32)).steadied(25.0).travel
    short = Sway(travel[240:280], np.ones(40, np.float32)).steadied(25.0).travel
    np.testing.assert_allclose(long[250:270], short[10:30], atol=1e-6)


def test_a_region_that_goes_its_own_way_is_not_believed() -> None:
    flow = np.full((sway.SEARCHED, sway.SEARCHED, 2), 1.0, np.float32)
    flow[:, 64:] = 4.0  # an edge between two things that move
    astray = flow.copy()
    astray[80:88, 24:32] += [20, -9]
    good = np.ones((sway.SEARCHED, sway.SEARCHED), np.float32)
    kept, mended = sway._of_regions(flow, good), sway._of_regions(astray, good)
    np.testing.assert_allclose(mended, kept, atol=0.1)
    assert kept[:, :8].max() < 1.1 and kept[:, 8:].min() > 3.9


def test_only_a_film_is_steadied() -> None:
    """Of a live portrait there are two frames at a time, and what is learned from has frames that lie apart."""
    clip = driver(128, frames=6)
    crops = [clip.crops[0]] * 3 + [255 - clip.crops[0]] * 3
    loose, film = (watch(replace(clip, crops=crops, gapless=gapless), Drive())[1] for gapless in (False, True))
    assert loose.trust.tolist() == [1, 1, 1, 0, 0, 0]
    assert 0 < film.trust[3] < film.trust[2] < 1
