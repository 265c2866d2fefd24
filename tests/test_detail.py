"""What points miss: found in pictures that were moved by hand, and put onto faces that are alike."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from drawn import face, picture

from living_portraits import geometry as geo
from living_portraits.detail import Detail
from living_portraits.engine import Drive, Track
from living_portraits.motion import SourceShape, adapt, measure
from living_portraits.warp import pixel_grid
from living_portraits.watching import watch

SIZE = 256
CHEEK = 50
NEAR_CHEEK = np.linalg.norm(geo.CANONICAL[:, :2] - geo.CANONICAL[CHEEK, :2], axis=1) < 0.8
FAR_OFF = np.linalg.norm(geo.CANONICAL[:, :2] - geo.CANONICAL[CHEEK, :2], axis=1) > 5
BY_HAND = np.array([2.5, -1.5], np.float32)  # px


def points(size: int = SIZE) -> np.ndarray:
    return face((size / 2 - 0.5, size / 2 - 0.5), zoom=size / 22)


def still(size: int = SIZE) -> np.ndarray:
    grain = cv2.GaussianBlur(picture(size, size, seed=5).astype(np.float32), (0, 0), size / 100)
    return cv2.normalize(grain, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def swollen(crop: np.ndarray) -> np.ndarray:
    """With what is about the cheek `BY_HAND` from where it was."""
    grid = pixel_grid(SIZE)
    near = np.exp(-(((grid - points()[CHEEK, :2]) / 30) ** 2).sum(axis=-1))[..., None].astype(np.float32)
    return np.asarray(cv2.remap(crop, grid - near * BY_HAND, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101))


def test_what_the_points_do_not_say_is_found_where_it_is_and_nowhere_else():
    missed = Detail(still(), points()).missed(swollen(still()), points())
    assert missed.shape == (geo.MESH_COUNT, 2) and missed.dtype == np.float32
    np.testing.assert_allclose(missed[CHEEK], BY_HAND, atol=0.35)
    np.testing.assert_allclose(missed[NEAR_CHEEK].mean(axis=0), 0.9 * BY_HAND, atol=0.35)
    assert np.abs(missed[FAR_OFF]).max() < 0.2


def test_points_that_are_right_miss_nothing():
    moved = points() + np.array([6, -4, 0], np.float32)
    crop = np.roll(still(), (-4, 6), axis=(0, 1))
    missed = Detail(still(), points()).missed(crop, moved)
    assert np.median(np.abs(missed)) < 0.1 and np.abs(missed).max() < 1


def test_light_that_changes_is_no_motion():
    lit = np.clip(0.6 * swollen(still()).astype(np.float32) + np.linspace(0, 80, SIZE)[None, :, None], 0, 255)
    missed = Detail(still(), points()).missed(lit.astype(np.uint8), points())
    np.testing.assert_allclose(missed[CHEEK], BY_HAND, atol=0.5)


def test_another_scene_is_not_believed():
    missed = Detail(still(), points()).missed(picture(SIZE, SIZE, seed=77), points())
    assert not missed.any()


def test_what_is_hidden_is_not_believed():
    """A hand before a cheek: the rest of the face is as it was."""
    covered, (x, y) = still(), points()[CHEEK, :2].astype(int)
    hand = slice(y - 30, y + 30), slice(x - 30, x + 30)
    covered[hand] = picture(SIZE, SIZE, seed=77)[hand]
    missed = Detail(still(), points()).missed(covered, points())
    assert np.abs(missed[CHEEK]).max() < 0.7 and np.abs(missed).mean() < 0.1


def test_a_bare_face_misses_nothing():
    bare = np.full((SIZE, SIZE, 3), 150, np.uint8)
    noisy = np.clip(bare + np.random.default_rng(0).normal(0, 2, bare.shape), 0, 255).astype(np.uint8)
    assert np.abs(Detail(bare, points()).missed(noisy, points())).max() < 0.2


def test_px_are_those_of_the_crop():
    small = cv2.resize(still(), (SIZE // 2, SIZE // 2), interpolation=cv2.INTER_AREA)
    swell = cv2.resize(swollen(still()), (SIZE // 2, SIZE // 2), interpolation=cv2.INTER_AREA)
    missed = Detail(small, points(SIZE // 2)).missed(swell, points(SIZE // 2))
    np.testing.assert_allclose(2 * missed[CHEEK], BY_HAND, atol=0.5)


class Once(list):
    """Pictures that are read in order, once, beside the neutral one."""

    passes = 0

    def __iter__(self):
        self.passes += 1
        return super().__iter__()


def driver() -> Track:
    crops = Once([still(), swollen(still()), still()])
    return Track(crops, np.stack([points()] * 3), np.zeros((3, 52), np.float32), 25.0)


def test_a_driver_is_looked_through_once_and_a_motion_file_has_no_detail():
    clip = driver()
    head, sway = watch(clip, Drive())
    assert clip.crops.passes == 1 and sway is not None and len(sway) == 3
    assert head.detail is not None and not head.detail[0].any() and np.abs(head.detail[2]).max() < 0.02
    cheek = head.detail[1, CHEEK] * geo.fit_pose(points()).scale
    np.testing.assert_allclose(cheek[:2], BY_HAND * [1, -1], atol=0.4)
    head, sway = watch(replace(clip, crops=[]), Drive())
    assert head.detail is None and sway is None


def test_where_a_clip_breaks_off_its_points_are_all_there_is():
    clip = replace(driver(), crops=[still(), swollen(still())])
    head, sway = watch(clip, Drive())
    assert len(head) == len(sway) == 3 and head.detail[1].any() and not head.detail[2].any()
    assert sway.trust.tolist()[2] == 0


def test_detail_is_as_strong_as_expression():
    whole, half, none = (
        watch(driver(), drive)[0].detail for drive in (Drive(), Drive(strength=0.5), Drive(expression=0.0))
    )
    np.testing.assert_allclose(half, whole / 2, atol=1e-6)
    assert not none.any()


@pytest.mark.parametrize("degrees", [(0, 0, 0), (10, -15, 20)])
def test_the_same_face_takes_all_of_it_to_the_pixel(degrees):
    pose = geo.Pose(11.0, geo.rotation_matrix(np.radians(degrees)), np.array([128.0, -128.0, 0.0]))
    placed = pose.to_picture(geo.flip(face((0, 0), zoom=1).astype(np.float64))).astype(np.float32)
    clip = replace(driver(), points=np.stack([placed] * 3))
    motion = watch(clip, Drive())[0]
    moved = adapt(SourceShape.of(placed), motion, 1).points - adapt(SourceShape.of(placed), motion, 0).points
    told = Detail(clip.crops[0], placed).missed(clip.crops[1], placed)
    inner = [index for index in np.flatnonzero(NEAR_CHEEK) if index not in geo.FACE_OVAL]
    np.testing.assert_allclose(moved[inner, :2], told[inner], atol=0.3)
    assert np.abs(told[inner]).max() > 1


def test_the_less_faces_are_alike_the_less_of_it_they_take():
    motion = watch(driver(), Drive())[0]
    travel = []
    for broader in (1.0, 1.03, 1.1, 1.3):
        face_of_another = points() * np.array([broader, 1, 1], np.float32)
        plain, detailed = (
            adapt(SourceShape.of(face_of_another), each, 1).points for each in (measure(driver(), Drive()), motion)
        )
        travel.append(np.linalg.norm((detailed - plain)[CHEEK]))
    assert travel == sorted(travel, reverse=True) and travel[-1] < 0.4 * travel[0]
