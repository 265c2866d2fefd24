"""Lids that close over eyes that were painted elsewhere than tracked."""

import cv2
import numpy as np
import pytest
from drawn import face

from living_portraits import geometry as geo
from living_portraits.lids import Lid

SIZE, CM = 256, 14.0
SKIN, WHITE = (150, 120, 100), (250, 250, 250)
STILL = np.eye(2, 3, dtype=np.float32)
POINTS = face((127.5, 127.5), zoom=CM)
RING = POINTS[list(geo.RIGHT_EYE), :2]
WIDTH = float(np.linalg.norm(RING[8] - RING[0]))


def painted(*, higher: float = 0.0, lashes: bool = False) -> np.ndarray:
    """A face with a white eye, painted so much higher than it was tracked, in widths of it."""
    crop = np.full((SIZE, SIZE, 3), SKIN, np.uint8)
    ring = np.rint((RING - [0, higher * WIDTH]) * 16).astype(np.int32)
    cv2.fillPoly(crop, [ring], WHITE, shift=4)
    if lashes:
        cv2.polylines(crop, [ring[:9]], False, (0, 0, 0), 3, shift=4)
    return crop


def shut() -> np.ndarray:
    """The opening once the upper lid has come down to the lower one."""
    ring = RING.copy()
    ring[1:8] = ring[:8:-1]
    return ring


def lid_of(crop: np.ndarray) -> Lid:
    lid = Lid.of(crop, POINTS, geo.RIGHT_EYE, scale=CM)
    assert lid is not None
    return lid


def closed(crop: np.ndarray, *, opened: float = 0.0) -> np.ndarray:
    frame = crop.copy()
    lid_of(crop).close(frame, shut(), STILL, opened)
    return frame


@pytest.mark.parametrize("higher", [0.0, 0.08])
def test_a_shut_lid_is_skin_wherever_the_white_was_painted(higher: float) -> None:
    crop = painted(higher=higher)
    before, after = ((frame[..., 2] > 200).sum() for frame in (crop, closed(crop)))
    assert after < 0.06 * before, "but for a line along the lower lid"
    above = closed(crop)[int(RING[:, 1].min()) - 8 : int(RING[1:8, 1].mean()), int(RING[1, 0]) : int(RING[7, 0])]
    assert np.abs(above.astype(int) - SKIN).max() < 30, "white is 150 from it"


def test_it_has_the_colours_of_the_skin_that_is_nearest() -> None:
    crop = painted()
    light = np.linspace(0.8, 1.2, SIZE)[None, :, None]
    shaded = np.where(crop == WHITE, crop, crop * light).astype(np.uint8)
    made = closed(shaded)
    y, x = int(RING[1:8, 1].mean()), RING[[1, 7], 0].astype(int)
    for column in x:
        assert np.abs(made[y, column] - np.array(SKIN) * light[0, column]).max() < 8


def test_lashes_come_down_with_the_lid_and_hang_from_it() -> None:
    crop = painted(lashes=True)
    made, column = closed(crop).mean(axis=2)[:, int(RING[4, 0])], np.mean(SKIN)
    was, now = int(RING[4, 1]), int(RING[12, 1])
    assert crop.mean(axis=2)[was, int(RING[4, 0])] < 0.2 * column
    assert made[was] == pytest.approx(column, abs=8)
    assert made[now] < 0.7 * column and made[now + 2] < 0.8 * column
    assert made[now + round(0.3 * WIDTH)] == pytest.approx(column, abs=8)
    plain = closed(painted()).mean(axis=2)[:, int(RING[4, 0])]
    half = closed(crop, opened=0.4).mean(axis=2)[:, int(RING[4, 0])]
    assert half[now + 3] > made[now + 3] + 10, "they hang before no eye that is open"
    assert plain[now + 3] == pytest.approx(column, abs=12), "nobody has lashes who was painted without"


def test_an_open_eye_is_left_alone_and_half_a_lid_is_half_seen() -> None:
    crop = painted(higher=0.08)
    np.testing.assert_array_equal(closed(crop, opened=0.6), crop)
    y, x = (RING[4] - [0, 2]).astype(int)[::-1]
    assert closed(crop, opened=0.4)[y, x].mean() == pytest.approx((np.mean(SKIN) + 250) / 2, abs=8)


def test_no_lid_where_there_is_nothing_to_close() -> None:
    assert Lid.of(painted(), POINTS * np.float32(0.15), geo.RIGHT_EYE, scale=2.0) is None, "a speck"
    slit = POINTS.copy()
    slit[list(geo.RIGHT_EYE), :2] = shut()
    assert Lid.of(painted(), slit, geo.RIGHT_EYE, scale=CM) is None, "an eye that is shut already"
    aside = POINTS.copy()
    aside[geo.RIGHT_EYE[4], 0] = RING[1, 0]
    assert Lid.of(painted(), aside, geo.RIGHT_EYE, scale=CM) is None, "an eye that is seen from the side"
    frame, folded = painted(), shut()
    folded[4, 0] = folded[1, 0]
    lid_of(painted()).close(frame, folded, STILL, 0.0)
    np.testing.assert_array_equal(frame, painted())
    lid_of(painted()).close(frame, shut() + 2000, STILL, 0.0)
    np.testing.assert_array_equal(frame, painted())


def test_hair_and_what_is_beyond_the_face_lend_no_colour() -> None:
    crop = painted()
    crop[: int(RING[:, 1].min() - 0.5 * WIDTH)] = 10  # a fringe
    crop[:, : int(POINTS[list(geo.FACE_OVAL), 0].min())] = (0, 255, 0)
    y, x = int(RING[1:8, 1].mean()), int(RING[4, 0])
    assert np.abs(closed(crop)[y, x].astype(int) - SKIN).max() < 8
