"""Drawings of points and sheets of pictures: everything in its place."""

import numpy as np
import pytest
from drawn import face, picture

from living_portraits import draw, geometry


def test_landmarks_lie_where_the_points_are():
    blank = np.zeros((240, 200, 3), np.uint8)
    points = face(zoom=6.0)
    drawing = draw.landmarks(blank, points)
    for index, colour in ((geometry.CHIN, draw.SKIN), (13, draw.MOUTH), (61, draw.LIPS), (105, draw.BROWS)):
        x, y = np.rint(points[index, :2]).astype(int)
        near = drawing[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3).astype(int)
        assert np.abs(near - colour).sum(axis=1).min() < 0.35 * sum(colour)
    assert blank.max() == 0


def test_landmarks_move_with_the_points():
    blank = np.zeros((240, 200, 3), np.uint8)
    drawing = draw.landmarks(blank, face())
    moved = draw.landmarks(blank, face((110.0, 115.0)))
    np.testing.assert_array_equal(moved[5:, 10:], drawing[:-5, :-10])


@pytest.mark.parametrize(("height", "width"), [(240, 200), (120, 100), (480, 400), (37, 31)])
def test_fit_keeps_proportions(height, width):
    fitted = draw.fit(picture(), height=height)
    assert fitted.shape == (height, width, 3)
    assert draw.fitted_width((240, 200), height=height) == width
    assert fitted.mean() == pytest.approx(picture().mean(), abs=2)


def test_side_by_side_is_as_high_as_the_last():
    row = draw.side_by_side(picture(100, 50), picture(50, 50), picture(200, 80))
    assert row.shape == (200, 100 + 200 + 80, 3)
    np.testing.assert_array_equal(row[:, -80:], picture(200, 80))


def test_a_contact_sheet_shows_every_picture_once():
    def plain(level: int, width: int = 80) -> np.ndarray:
        return np.full((60, width, 3), level, np.uint8)

    strips = [
        draw.Strip("one", [plain(50), plain(60)], [plain(70), plain(80)]),
        draw.Strip("two", [plain(90, 40)], [plain(100, 120)]),
    ]
    sheet = draw.contact_sheet(plain(200), strips, cell=60)
    levels, counts = np.unique(sheet[(sheet == sheet[:, :, :1]).all(axis=2)][:, 0], return_counts=True)
    areas = dict(zip(levels.tolist(), counts.tolist(), strict=True))
    for level in (50, 60, 70, 80):
        assert 0 <= areas[level] - 60 * 80 < 20, level  # some pixels of the captions have the same grey
    assert 0 <= areas[90] - 60 * 40 < 20
    assert 0 <= areas[100] - 60 * 120 < 20
    assert areas[200] == 120 * 160
    column = sheet[:, 8 + 160 + 8 + 20, 0].tolist()
    assert column.index(50) < column.index(70) < column.index(100)
