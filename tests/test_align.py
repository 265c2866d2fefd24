"""Crop and paste-back: exact where nothing moves, soft where something does, true to tilt and scale."""

import cv2
import numpy as np
import pytest
from drawn import face, picture

from living_portraits import geometry
from living_portraits.align import MARGIN, Canvas, Crop, head_roll

SIZE = 128


def crop(**place: object) -> Crop:
    return Crop.around(face(**place), size=SIZE)  # type: ignore[arg-type]


PLACES = {
    "upright": {},
    "tilted": {"roll": 0.5},
    "enlarged": {"zoom": 1.5},
    "reduced": {"zoom": 9.0},
    "over the corner": {"centre": (10.0, 5.0), "roll": -0.3},
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_pasting_an_unchanged_crop_changes_nothing(place):
    frame = picture()
    np.testing.assert_array_equal(crop(**place).paste(frame, crop(**place).take(frame)), frame)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_outside_the_crop_the_picture_is_untouched_and_inside_the_patch_arrives(place):
    frame, window = picture(), crop(**place)
    result = window.paste(frame, np.full((SIZE, SIZE, 3), 255, np.uint8))
    corners = window.to_picture(np.float32([[0, 0, 0], [SIZE - 1, 0, 0], [SIZE - 1, SIZE - 1, 0], [0, SIZE - 1, 0]]))
    square = cv2.fillConvexPoly(np.zeros(frame.shape[:2], np.uint8), np.rint(corners[:, :2]).astype(int), 1)
    outside = cv2.dilate(square, np.ones((3, 3))) == 0
    np.testing.assert_array_equal(result[outside], frame[outside])
    ys, xs = np.nonzero(square)
    inner = window.to_crop(np.column_stack([xs, ys, ys]).astype(np.float32))[:, :2]
    deep = (np.abs(inner - (SIZE - 1) / 2) < SIZE * (0.5 - MARGIN) - 4).all(axis=1)
    assert deep.sum() > 100
    assert (result[ys[deep], xs[deep]] == 255).all()


def test_the_seam_is_soft():
    frame = np.zeros((240, 200, 3), np.uint8)
    result = crop().paste(frame, np.full((SIZE, SIZE, 3), 255, np.uint8))
    row = result[110, :, 0].astype(int)
    assert row.min() == 0 and row.max() == 255
    assert np.abs(np.diff(row)).max() < 80


def test_grain_stays_where_nothing_moves_and_goes_where_something_does():
    frame, window = picture(), crop(zoom=9.0)  # the crop is smaller than its place: resampling would cost grain
    patch = window.take(frame)
    patch[50:70, 50:70] = 255 - patch[50:70, 50:70]
    changed = (window.paste(frame, patch) != frame).any(axis=2)
    there = window.to_picture(np.float32([[60, 60, 0]]))[0, :2].astype(int)
    assert changed[there[1], there[0]]
    share = changed.mean() / ((30 / window.zoom) ** 2 / frame[:, :, 0].size)
    assert 0.3 < share < 1.0


def test_a_change_too_small_to_see_leaves_the_picture():
    frame, window = picture(), crop()
    patch = np.clip(window.take(frame).astype(int) + 1, 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(window.paste(frame, patch), frame)


def test_two_overlapping_crops_keep_each_others_change():
    frame = picture()
    left, right = crop(centre=(80.0, 110.0)), crop(centre=(120.0, 110.0))
    patches = []
    for window, column in ((left, 44), (right, 84)):
        patch = window.take(frame)
        patch[58:70, column - 6 : column + 6] = 255
        patches.append(patch)
    once = Canvas(frame, left).paste(patches[0])
    both = Canvas(frame, right).paste(patches[1], onto=once)
    seen = left.to_picture(np.float32([[44, 64, 0]]))[0, :2].astype(int)
    also = right.to_picture(np.float32([[84, 64, 0]]))[0, :2].astype(int)
    assert (both[seen[1], seen[0]] == 255).all() and (both[also[1], also[0]] == 255).all()


def test_paste_returns_a_new_picture():
    frame = picture()
    before = frame.copy()
    crop().paste(frame, np.zeros((SIZE, SIZE, 3), np.uint8))
    np.testing.assert_array_equal(frame, before)


def test_a_patch_of_another_size_is_refused():
    with pytest.raises(ValueError, match="should be"):
        crop().paste(picture(), np.zeros((SIZE + 2, SIZE + 2, 3), np.uint8))


@pytest.mark.parametrize("roll", [-0.6, 0.0, 0.4, 2.0])
def test_the_crop_is_upright_and_the_face_central(roll):
    points = face(roll=roll)
    window = Crop.around(points, size=SIZE)
    inside = window.to_crop(points)
    assert head_roll(points) == pytest.approx(roll, abs=1e-3)
    assert head_roll(inside) == pytest.approx(0, abs=1e-3)
    assert window.roll == pytest.approx(roll, abs=1e-3)
    assert inside[geometry.FOREHEAD, 1] < inside[geometry.CHIN, 1]
    np.testing.assert_allclose(inside[[10, 152, 234, 454], :2].mean(axis=0), (SIZE - 1) / 2, atol=0.01)


def test_the_roll_can_be_chosen():
    points = face(roll=0.4)
    assert head_roll(Crop.around(points, size=SIZE, roll=0.1).to_crop(points)) == pytest.approx(0.3, abs=1e-3)


def test_points_go_there_and_back():
    points, window = face(roll=0.3), crop(zoom=6.0, roll=-0.2)
    np.testing.assert_allclose(window.to_picture(window.to_crop(points)), points, atol=1e-3)
    stack = np.stack([points, points + 1])
    depth = np.ptp(window.to_crop(stack)[0, :, 2]) / np.ptp(points[:, 2])
    assert depth == pytest.approx(window.zoom, rel=1e-5)


def test_points_and_pixels_agree():
    """A bright spot lies in the crop where its point lies, at every scale."""
    for zoom in (1.5, 4.0, 9.0, 20.0):
        frame = np.zeros((1200, 1200, 3), np.uint8)
        cv2.circle(frame, (612, 590), 8, (255, 255, 255), -1)
        window = Crop.around(face((600.0, 600.0), zoom=zoom, roll=0.3), size=SIZE)
        weight = window.take(frame)[:, :, 0].astype(float)
        found = [(weight.sum(axis=axis) * np.arange(SIZE)).sum() / weight.sum() for axis in (0, 1)]
        expected = window.to_crop(np.float32([[612, 590, 0]]))[0, :2]
        np.testing.assert_allclose(found, expected, atol=0.15)


def test_an_identity_crop_is_the_picture_itself():
    frame = picture(SIZE, SIZE)
    np.testing.assert_array_equal(Crop(np.eye(2, 3), SIZE).take(frame), frame)


def test_shrinking_does_not_alias():
    grain = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), dtype=np.uint8)
    small = Crop(np.float64([[0.125, 0, 0], [0, 0.125, 0]]), SIZE).take(grain)
    assert small.std() < 2 * grain.std() / 8  # averaged over 8 x 8 pixels


def test_beyond_the_edge_the_last_pixels_melt_away():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    stripes[:, :8] = (10, 20, 30)
    crop = Crop(np.array([[1.0, 0, 64], [0, 1.0, 32]]), 128)
    taken = crop.take(stripes)
    np.testing.assert_array_equal(taken[32:96, 64:], stripes)
    assert np.ptp(taken[64, 30:62], axis=0).max() < 12  # no stripe comes again
    np.testing.assert_allclose(taken[64, 40], (10, 20, 30), atol=2)
    far = taken[10, 70:120].astype(int)  # above, the stripes melt into their mean
    assert np.ptp(far, axis=0).max() < 60


def test_beside_the_edge_the_picture_goes_on_without_strokes():
    """Grain that is drawn out is seen as a bar code as soon as a head moves away from the edge."""
    grain = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    taken = Crop(np.array([[1.0, 0, 64], [0, 1.0, 32]]), 128).take(grain)[40:88].astype(int)
    np.testing.assert_allclose(taken[:, 63], 0.8 * grain[8:56, 1] + 0.2 * taken[:, 63].mean(), atol=30)
    along = [np.abs(np.diff(taken[:, first : first + 3], axis=1)).mean() for first in (61, 40)]
    assert along[0] > 20 > 4 > along[1]


def test_a_crop_beside_the_picture_changes_nothing():
    frame = picture()
    beside = Crop(np.float64([[1, 0, -500], [0, 1, 0]]), SIZE)
    np.testing.assert_array_equal(beside.paste(frame, np.zeros((SIZE, SIZE, 3), np.uint8)), frame)


def test_a_large_painting():
    frame = np.zeros((4096, 3000, 3), np.uint8)
    window = Crop.around(face((1500.0, 1500.0), zoom=60.0, roll=0.2), size=SIZE)
    result = window.paste(frame, np.full((SIZE, SIZE, 3), 255, np.uint8))
    assert result[1500, 1500].tolist() == [255, 255, 255]
    assert result[0].max() == 0


@pytest.mark.parametrize(
    ("shape", "centre", "expected"),
    [
        ((300, 300), (150, 150), (0, 0, 64, 64)),  # nothing is beyond
        ((300, 300), (150, 280), (0, 0, 64, 40)),  # the picture ends below
        ((300, 300), (20, 20), (24, 24, 64, 64)),  # to the left and above
    ],
)
def test_what_of_a_crop_the_picture_fills(
    shape: tuple[int, int], centre: tuple[float, float], expected: tuple[int, int, int, int]
) -> None:
    """Crops of 64 px that show 128 of the picture's, about a place 20 px from its edges."""
    matrix = np.column_stack([0.5 * np.eye(2), 31.5 - 0.5 * np.array(centre, np.float64)])
    crop = Crop(matrix, 64)
    nowhere = np.full((478, 3), 32, np.float32)
    np.testing.assert_allclose(crop.inside(shape[1], shape[0], nowhere), expected, atol=2)
    box = crop.inside(shape[1], shape[0], nowhere)
    taken = crop.take(np.full((*shape, 3), 200, np.uint8))
    assert taken[box[1] : box[3], box[0] : box[2]].shape[0] == box[3] - box[1]


def test_a_tilted_crop_loses_no_more_than_its_empty_corners() -> None:
    turn = np.array([[np.cos(0.2), np.sin(0.2)], [-np.sin(0.2), np.cos(0.2)]])
    crop = Crop(np.column_stack([turn, 31.5 - turn @ np.array([31.5, 31.5])]), 64)
    left, top, right, bottom = crop.inside(64, 64, np.full((478, 3), 32, np.float32))
    assert 2 < left < 14 and right - left > 40 and bottom - top > 40


def test_a_face_at_the_pictures_edge_keeps_its_head() -> None:
    """The picture ends just above the eyes: still nothing is cut off where hair would be."""
    face = np.zeros((478, 3), np.float32)
    face[:, 0], face[:, 1] = np.linspace(20, 44, 478), np.linspace(18, 50, 478)
    crop = Crop(np.array([[1.0, 0, 0], [0, 1.0, 24]]), 64)
    assert crop.inside(64, 64, face)[1] <= 18 - 0.3 * 32
    assert crop.inside(64, 64, np.full((478, 3), 50, np.float32))[1] >= 22
