"""The grain that made-up mouths are lent: as strong as the face's own, of plain skin alone, and only between lips."""

import cv2
import numpy as np
import pytest
from drawn import face

from living_portraits.engine import Drive, Track
from living_portraits.features import Features
from living_portraits.geometry import LIPS_INNER, LIPS_INNER_LOWER, LIPS_OUTER, LIPS_OUTER_LOWER
from living_portraits.grain import Grain, grain_about
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


def made(crop: np.ndarray) -> Grain:
    found = grain_about(MOUTH, crop, points(), scale=SCALE)
    assert found is not None
    return found


def about(crop: np.ndarray, *, shift: float = 0.0) -> np.ndarray:
    """The grain in the middle of what is made, carried to the right, px."""
    x, y = np.rint(MOUTH)
    carry = np.array([[1, 0, shift + 40 - x], [0, 1, 40 - y]], np.float32)
    return np.log(made(crop).carried(carry, (80, 80)))


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


def test_it_is_as_strong_between_pixels_as_on_them():
    """Else it would flicker as a mouth drifts."""
    found = [about(skin(), shift=shift).std() for shift in (0.0, 0.25, 0.5, 0.75)]
    assert min(found) > 0.85 * max(found)


def test_it_is_the_same_at_every_call_and_ends_at_its_room():
    for here in (about(skin()), about(skin())):
        np.testing.assert_array_equal(here, about(skin()))
    whole = made(skin()).carried(np.eye(2, 3, dtype=np.float32), (SIZE, SIZE))
    rows, columns = np.nonzero(whole != 1)
    np.testing.assert_allclose([columns.mean(), rows.mean()], MOUTH, atol=1)
    assert np.ptp(rows) == pytest.approx(8 * SCALE, abs=2) == np.ptp(columns)


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


def opened(crop: np.ndarray, *, lowered: float, aside: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A grey frame in which the lower lip goes down, cm, and the head to the right, px; and what lies between lips."""
    still = points()
    cv2.fillPoly(crop, [np.rint(still[list(LIPS_INNER), :2]).astype(np.int32)], (20, 10, 10))  # no teeth are shown
    clip = Track([], np.stack([still, still]), np.zeros((2, 52), np.float32), 25.0)
    clip.points[1, list(LIPS_INNER_LOWER[1:-1])] += np.array([0, lowered * SCALE, 0], np.float32)
    clip.points[1, :, 0] += aside
    source = SourceShape.of(still)
    head = adapt(source, measure(clip, Drive(neutral=0)), 1)
    frame = np.full((SIZE, SIZE, 3), 120, np.uint8)
    repaired = frame.copy()
    Features.of(crop, still, source).spare(repaired, frame, head)
    return repaired, polygon_mask(head.points[list(LIPS_INNER), :2], (0, 0), (SIZE, SIZE), feather=0.5)


def test_what_was_repaired_between_the_lips_gets_it_and_nothing_else_does():
    repaired, within = opened(skin(), lowered=2.0)
    assert repaired[within > 0.99].std() == pytest.approx(8.8, rel=0.3)
    assert (repaired[within == 0] == 120).all()


def test_lips_that_have_not_parted_show_what_they_did():
    repaired, _ = opened(skin(), lowered=0.0)
    assert (repaired == 120).all()


def test_the_skull_carries_it():
    here, there = (opened(skin(), lowered=2.0, aside=aside) for aside in (0.0, 9.0))
    moved = np.roll(here[0], 9, axis=1)[there[1] > 0.99].astype(float)
    left, carried = (frame[there[1] > 0.99].astype(float) for frame in (here[0], there[0]))
    assert np.abs(carried - moved).mean() < 2 < np.abs(carried - left).mean()


@pytest.mark.parametrize(
    ("tint", "kept"), [((1.0, 0.8, 0.75), True), ((1.0, 0.8, 0.35), False), ((0.8, 0.8, 0.8), False)]
)
def test_grey_and_under_yellowed_varnish_colours_are_the_portraits_own_and_lightness_is_not(tint, kept):
    crop = (skin(contrast=0.001) * np.array(tint)).astype(np.uint8)
    still, grey = points(), len(set(tint)) == 1
    if not grey:
        crop[: SIZE // 8, :, 0] //= 2
        rosy = np.array([1.05, 0.75, 0.95]) * 140 * tint
        cv2.fillPoly(crop, [np.rint(still[list(LIPS_OUTER), :2]).astype(np.int32)], rosy.tolist())
    cv2.fillPoly(crop, [np.rint(still[list(LIPS_INNER), :2]).astype(np.int32)], (15, 15, 15))  # no teeth are shown
    source = SourceShape.of(still)
    parted = still.copy()
    parted[[*LIPS_INNER_LOWER[1:-1], *LIPS_OUTER_LOWER[1:-1]], 1] += 2 * SCALE
    clip = Track([], np.stack([still, parted]), np.zeros((2, 52), np.float32), 25.0)
    head = adapt(source, measure(clip, Drive(neutral=0)), 1)
    ivory, green = (np.full((SIZE, SIZE, 3), colour, np.uint8) for colour in ((150, 120, 60), (60, 120, 60)))
    repaired, features = green.copy(), Features.of(crop, still, source)
    features.spare(repaired, ivory, head)
    within = polygon_mask(head.points[list(LIPS_INNER), :2], (0, 0), (SIZE, SIZE), feather=0.5) > 0.99
    red, grass, blue = np.median(repaired[within], axis=0)
    assert (red < grass) == kept
    light = np.array([0.299, 0.587, 0.114])
    assert np.array([red, grass, blue]) @ light == pytest.approx(green[0, 0] @ light, abs=2)
    if grey:  # the doll's mouth is grey, too
        drawn = ivory.copy()
        features.mouth.draw(drawn, head)
        assert np.ptp(drawn[within].astype(int), axis=1).max() <= 2
