"""The grain that made-up mouths are lent: as strong as the face's own, of plain skin alone, and only between lips."""

import cv2
import numpy as np
import pytest
from drawn import face

from living_portraits.engine import Drive, Track
from living_portraits.features import Features
from living_portraits.geometry import LIPS_INNER
from living_portraits.grain import grain_about
from living_portraits.motion import SourceShape, adapt, measure
from living_portraits.warp import polygon_mask

SIZE = 400
SCALE = SIZE / 30
MOUTH = np.array([SIZE / 2, SIZE / 2 + 4 * SCALE], np.float32)


def points() -> np.ndarray:
    return face((SIZE / 2, SIZE / 2), zoom=SCALE)


def skin(*, contrast: float = 0.1, seed: int = 0) -> np.ndarray:
    """Even, but for a grain of a pixel or two."""
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=(SIZE, SIZE)), (0, 0), 0.8)
    level = 150 * np.exp(contrast * noise / noise.std())
    return np.repeat(level.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def about(crop: np.ndarray) -> np.ndarray:
    """The grain in the middle of what is made."""
    made = grain_about(MOUTH, crop, points(), scale=SCALE)
    assert made is not None and made.shape == (SIZE, SIZE)
    x, y = np.rint(MOUTH).astype(int)
    return np.log(made[y - 40 : y + 40, x - 40 : x + 40])


@pytest.mark.parametrize("contrast", [0.02, 0.1])
def test_it_is_as_strong_as_the_faces_own_and_neither_lightens_nor_darkens(contrast):
    light = skin(contrast=contrast)[..., 0].astype(np.float32) + 8
    own = np.log(light / cv2.GaussianBlur(light, (0, 0), 0.15 * SCALE))
    found = about(skin(contrast=contrast))
    assert found.std() == pytest.approx(own.std(), rel=0.15)
    assert abs(found.mean()) < 0.1 * own.std()


def test_it_has_no_seams():
    """Steps between neighbours are nowhere larger than elsewhere."""
    steps = np.abs(np.diff(about(skin()), axis=1)).mean(axis=0)
    assert steps.max() < 1.6 * np.median(steps) and steps.min() > 0.5 * np.median(steps)


def test_it_is_the_same_at_every_call_and_ends_at_its_room():
    made, again = (grain_about(MOUTH, skin(), points(), scale=SCALE) for _ in range(2))
    np.testing.assert_array_equal(made, again)
    assert made is not None and (made[: int(MOUTH[1] - 4.2 * SCALE)] == 1).all()


def test_a_lock_of_hair_lends_nothing():
    crop = skin(contrast=0.03)
    for x, y in points()[[50, 280], :2].astype(int):
        crop[y - 12 : y + 12, x - 1 : x + 2] //= 3
    assert about(crop).std() == pytest.approx(about(skin(contrast=0.03)).std(), rel=0.2)


def test_nor_does_a_beard_whose_grain_is_lost_in_the_dark():
    crop = skin(contrast=0.03)
    for x, y in points()[[50, 280], :2].astype(int):
        crop[y - 20 : y + 20, x - 20 : x + 20] = 5
    assert about(crop).std() == pytest.approx(about(skin(contrast=0.03)).std(), rel=0.2)


def test_small_faces_and_faces_cut_off_have_none():
    assert grain_about(MOUTH, skin(), points(), scale=6.0) is None
    beside = face((-SIZE, SIZE / 2), zoom=SCALE)
    assert grain_about(MOUTH, skin(), beside, scale=SCALE) is None


def test_what_was_repaired_between_the_lips_gets_it_and_nothing_else_does():
    crop = skin(contrast=0.1)
    still = points()
    source = SourceShape.of(still)
    clip = Track([], np.stack([still, still]), np.zeros((2, 52), np.float32), 25.0)
    clip.points[1, list(LIPS_INNER[10:])] += np.array([0, 2 * SCALE, 0], np.float32)
    head = adapt(source, measure(clip, Drive(neutral=0)), 1)
    frame = np.full((SIZE, SIZE, 3), 120, np.uint8)
    repaired = frame.copy()
    Features.of(crop, still, source).spare(repaired, frame, head)
    inside = polygon_mask(head.points[list(LIPS_INNER), :2], (0, 0), (SIZE, SIZE), feather=0.5)
    assert repaired[inside > 0.99].std() == pytest.approx(8.8, rel=0.3)
    assert (repaired[inside == 0] == 120).all()
