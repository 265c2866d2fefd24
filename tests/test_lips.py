"""Closed lips lie on the line that was painted between them, where one is to be seen."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from drawn import face

from living_portraits import geometry as geo
from living_portraits.align import Crop
from living_portraits.face import Face, as_source
from living_portraits.face.lips import on_their_line
from living_portraits.face.points_file import FOUND_BY

SIZE, CM = 320, 12.0
UPPER, LOWER = list(geo.LIPS_INNER_UPPER), list(geo.LIPS_INNER_LOWER)


def tracked(*, roll: float = 0.0, parted: float = 0.0) -> np.ndarray:
    """A face whose lips are closed, or `parted` cm."""
    points = face((160, 100), zoom=CM, roll=roll)
    middle = (points[UPPER] + points[LOWER]) / 2
    half = np.array([0, parted * CM / 2, 0], np.float32)
    points[UPPER], points[LOWER] = middle - half, middle + half
    return points


def painted(
    points: np.ndarray, *, higher: float, longer: float = 0.0, deep: int = 60, until: float = 1.0
) -> np.ndarray:
    """Skin, and lips whose line is `higher` cm up from the points and `longer` cm at either end, or part of it."""
    line = (points[UPPER, :2] + points[LOWER, :2]) / 2
    along = (line[-1] - line[0]) / np.linalg.norm(line[-1] - line[0])
    line = np.concatenate([line[:1] - longer * CM * along, line, line[-1:] + longer * CM * along])
    line = line[: max(round(until * len(line)), 2)] + higher * CM * np.array([along[1], -along[0]])
    noise = np.random.default_rng(0).normal(scale=2, size=(SIZE, SIZE, 3))
    picture = np.full((SIZE, SIZE, 3), 180, np.uint8)
    cv2.polylines(picture, [np.rint(line * 16).astype(np.int32)], False, (180 - deep,) * 3, 2, cv2.LINE_AA, shift=4)
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 0.8) + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("roll", [0.0, 0.4])
@pytest.mark.parametrize("higher", [-0.12, 0.0, 0.18])
def test_the_lips_go_where_their_line_is(higher: float, roll: float) -> None:
    points = tracked(roll=roll)
    moved = on_their_line(painted(points, higher=higher), points)
    up = np.array([np.sin(roll), -np.cos(roll)])
    way = (moved - points)[:, :2] @ up / CM
    np.testing.assert_allclose(way[UPPER[2:-2]], higher, atol=0.045)
    np.testing.assert_allclose(moved[UPPER, :2], moved[LOWER, :2], atol=0.05 * CM)
    assert np.abs(way[[geo.NOSE_TIP, geo.CHIN, geo.FOREHEAD, *geo.LEFT_EYE]]).max() < 1e-6
    np.testing.assert_array_equal(moved[:, 2], points[:, 2])
    assert np.sign(way[0]) == np.sign(higher) or abs(higher) < 0.01  # the middle of the upper lip goes along


def test_corners_go_out_to_the_ends_of_the_line() -> None:
    points = tracked()
    wider = on_their_line(painted(points, higher=0.1, longer=0.6), points)
    short = on_their_line(painted(points, higher=0.1), points)
    assert 0.25 * CM < points[78, 0] - wider[78, 0] < 0.65 * CM
    assert 0.25 * CM < wider[308, 0] - points[308, 0] < 0.65 * CM
    assert np.abs(short[[78, 308], 0] - points[[78, 308], 0]).max() < 0.2 * CM


def test_corners_do_not_go_on_into_a_shadow_beside_them() -> None:
    points = tracked()
    wider = on_their_line(painted(points, higher=0.1, longer=1.5), points)
    assert np.abs(wider[[78, 308], 0] - points[[78, 308], 0]).max() < 0.35 * CM


def test_a_face_in_profile_has_its_lips_where_they_are_or_on_their_line() -> None:
    points = tracked()
    points[UPPER[:4], 0] = points[LOWER[:4], 0] = points[UPPER[4], 0] + 3  # folded back
    moved = on_their_line(painted(points, higher=0.1), points)
    assert np.isfinite(moved).all() and np.abs(moved - points).max() < 0.5 * CM


@pytest.mark.parametrize("deep", [0, 4])
def test_without_a_line_they_stay(deep: int) -> None:
    points = tracked()
    np.testing.assert_array_equal(on_their_line(painted(points, higher=0.15, deep=deep), points), points)


def test_half_a_line_is_none() -> None:
    points = tracked()
    np.testing.assert_array_equal(on_their_line(painted(points, higher=0.15, until=0.5), points), points)


def test_parted_lips_and_faces_beyond_the_picture_stay() -> None:
    points = tracked(parted=0.4)
    np.testing.assert_array_equal(on_their_line(painted(points, higher=0.15), points), points)
    outside = tracked() - np.array([150, 0, 0], np.float32)
    picture = painted(tracked(), higher=0.15)
    np.testing.assert_array_equal(on_their_line(picture, outside), outside)


def test_what_is_on_the_line_stays_there() -> None:
    points = tracked()
    picture = painted(points, higher=0.15)
    once = on_their_line(picture, points)
    np.testing.assert_allclose(on_their_line(picture, once)[:, :2], once[:, :2], atol=0.08 * CM)


def test_a_face_is_cut_out_as_it_was_found_and_its_lips_go_to_their_line() -> None:
    points = tracked()
    picture = painted(points, higher=0.15)
    found = Face(points, np.zeros(52, np.float32), np.eye(4, dtype=np.float32), "plain")
    crop, source = as_source(picture, found, size=256)
    np.testing.assert_array_equal(crop.matrix, Crop.around(points, size=256).matrix)
    assert len(source) == 1 and source.crops[0].shape == (256, 256, 3)
    moved = (crop.to_crop(points) - source.points[0])[UPPER[5], 1] / crop.zoom / CM
    assert moved == pytest.approx(0.15, abs=0.05)
    by_hand = as_source(picture, replace(found, found_by=FOUND_BY), size=256)[1]
    np.testing.assert_array_equal(by_hand.points[0], crop.to_crop(points))
