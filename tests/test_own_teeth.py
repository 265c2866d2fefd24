"""Teeth that a portrait shows: lips that move uncover more of the same, and never the skin beyond them."""

from dataclasses import replace

import cv2
import numpy as np
from test_puppet import SIZE, portrait

from living_portraits import geometry as geo
from living_portraits.engine import Drive, Track
from living_portraits.motion import AdaptedHead, SourceShape, adapt, measure
from living_portraits.mouth import Mouth
from living_portraits.own_teeth import OwnTeeth

SKIN, LIP, TOOTH, GUM = (90, 170, 60), (150, 40, 90), (240, 235, 225), (130, 50, 80)  # no skin: green is easily told
UNIT = 3 * 5.0


def smiling() -> tuple[np.ndarray, np.ndarray]:
    """A portrait of three times the size whose parted lips, thin ones, are full of teeth."""
    points = 3 * portrait()
    points[[*geo.LIPS_INNER_LOWER[1:-1], *geo.LIPS_OUTER_LOWER[1:-1]], 1] += 9
    crop = np.full((3 * SIZE, 3 * SIZE, 3), SKIN, np.uint8)
    lips = np.rint(points[list(geo.LIPS_INNER), :2]).astype(np.int32)
    cv2.polylines(crop, [lips], True, LIP, thickness=7)
    cv2.fillPoly(crop, [lips], TOOTH)
    return crop, points


def moved(points: np.ndarray, by: float) -> AdaptedHead:
    """Both lips up by so many px."""
    after = points.copy()
    after[[*geo.LIPS_INNER[1:], *geo.LIPS_OUTER[1:]], 1] -= by
    clip = Track([], np.stack([points, after]), np.zeros((2, 52), np.float32), 25.0)
    return adapt(SourceShape.of(points), measure(clip, Drive()), 1)


def own_of(crop: np.ndarray, lips: np.ndarray) -> OwnTeeth | None:
    return OwnTeeth.of(crop, lips, np.array(SKIN, np.float32), np.array(GUM, np.float32), gap=0.6, unit=UNIT)


def test_no_skin_waits_behind_the_lips() -> None:
    """Whatever is uncovered is tooth, lip or gum, though the skin begins a fifth of a centimetre above the teeth."""
    crop, points = smiling()
    own = own_of(crop, points[list(geo.LIPS_INNER), :2])
    assert own is not None
    seen = own.shown[own.cover > 128].astype(int)
    assert len(seen) > 1000
    assert (seen[:, 1] - seen[:, [0, 2]].max(axis=1)).max() < 20


def test_what_rising_lips_uncover_first_is_tooth() -> None:
    crop, points = smiling()
    head = moved(points, 4.0)
    frame = crop.copy()
    Mouth.of(crop, points, SourceShape.of(points)).draw(frame, head)
    x, y = head.points[13, :2]
    assert (frame[int(y) + 5 : int(y) + 8, int(x)].min(axis=-1) > 180).all()


def test_teeth_end_in_gums() -> None:
    crop, points = smiling()
    own = OwnTeeth.of(
        crop,
        points[list(geo.LIPS_INNER), :2],
        np.array(SKIN, np.float32),
        np.array(GUM, np.float32),
        gap=0.6,
        unit=UNIT,
    )
    assert own is not None
    x, y = np.rint(points[13, :2]).astype(int)
    column = own.shown[:, x].astype(int)
    np.testing.assert_allclose(column[y - int(0.3 * UNIT)], TOOTH, atol=3)
    np.testing.assert_allclose(column[y - int(0.85 * UNIT)], GUM, atol=3)
    assert own.cover[y - int(0.85 * UNIT), x] == 255 and own.cover[y - int(1.2 * UNIT), x] == 0


def test_no_upper_teeth_are_made_beside_a_sources_own() -> None:
    crop, points = smiling()
    after = points.copy()
    after[[*geo.LIPS_INNER_LOWER[1:-1], *geo.LIPS_OUTER_LOWER[1:-1]], 1] += 15
    clip = Track([], np.stack([points, after]), np.zeros((2, 52), np.float32), 25.0)
    head = adapt(SourceShape.of(points), measure(clip, Drive()), 1)
    mouth = Mouth.of(crop, points, SourceShape.of(points))
    as_it_is, without = crop.copy(), crop.copy()
    mouth.draw(as_it_is, head)
    replace(mouth, upper=0 * mouth.upper, smiling=0 * mouth.smiling).draw(without, head)
    np.testing.assert_array_equal(as_it_is, without)
    assert np.abs(as_it_is.astype(int) - crop).max() > 50


def test_at_rest_nothing_is_made_and_a_raised_lip_takes_its_rim_along() -> None:
    """The tracker's edge may lie within the lip: what of it does is the lip's, and no tooth's."""
    crop, points = smiling()
    lips = points[list(geo.LIPS_INNER), :2].copy()
    lips[1:10, 1] -= 0.09 * UNIT
    own = own_of(crop, lips)
    assert own is not None
    x, y = int(points[13, 0]), int(np.rint(points[13, 1] - 0.05 * UNIT))
    np.testing.assert_array_equal(own.shown[y, x], LIP)
    np.testing.assert_allclose(own.bared[y, x], TOOTH, atol=12)


def test_a_dark_opening_shows_no_teeth() -> None:
    crop, points = smiling()
    cv2.fillPoly(crop, [np.rint(points[list(geo.LIPS_INNER), :2]).astype(np.int32)], (40, 20, 20))
    assert own_of(crop, points[list(geo.LIPS_INNER), :2]) is None
