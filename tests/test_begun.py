"""What a driver's neutral frame expresses reaches a portrait that does not, and nobody else."""

from pathlib import Path

import numpy as np
import pytest
from drawn import face

from living_portraits import begun, samples
from living_portraits import geometry as geo
from living_portraits.engine import Drive, Track
from living_portraits.face import find
from living_portraits.motion import SourceShape, adapt, measure
from living_portraits.training.begun import fitted
from living_portraits.video import read_picture

CORNERS = [61, 291]
LIPS = [*geo.LIPS_INNER, *geo.LIPS_OUTER]


def closed(width: float = 1.0) -> np.ndarray:
    """A face at rest, cm, whose lips meet; `width` times as broad."""
    shape = (face((0, 0), zoom=1) * [width, -1, -1]).astype(np.float32)
    middle = (shape[list(geo.LIPS_INNER_UPPER)] + shape[list(geo.LIPS_INNER_LOWER)]) / 2
    shape[list(geo.LIPS_INNER_UPPER)] = shape[list(geo.LIPS_INNER_LOWER)] = middle
    return shape


def saying(parted: float, laugh: float = 0.0, *, width: float = 1.0) -> np.ndarray:
    shape = closed(width)
    shape[: geo.MESH_COUNT] += np.tensordot([parted, laugh], begun.CHANGES, axes=1)
    return shape


def gap(shape: np.ndarray) -> float:
    return float(shape[13, 1] - shape[14, 1])


def taken(source: np.ndarray, *driver: np.ndarray, drive: Drive | None = None) -> np.ndarray:
    """The source's shape in the last of the driver's frames."""
    pose = geo.Pose(8.0, np.eye(3), np.array([128.0, -128.0, 0.0]))
    points = [pose.to_picture(shape.astype(np.float64)).astype(np.float32) for shape in (source, *driver)]
    clip = Track([], np.stack(points[1:]), np.zeros((len(driver), 52), np.float32), 25.0)
    return adapt(SourceShape.of(points[0]), measure(clip, drive or Drive()), len(driver) - 1).shape


def still(source: np.ndarray) -> np.ndarray:
    """The same of a driver that counts for nothing."""
    return taken(source, source, drive=Drive(strength=0.0))


def test_one_number_is_the_gap_and_the_other_the_smile() -> None:
    np.testing.assert_allclose(begun.expressed(closed()), 0, atol=0.02)
    np.testing.assert_allclose(begun.expressed(saying(1.2))[0], 1.2, atol=0.05)
    assert begun.expressed(saying(0.0, 0.6))[1] > begun.expressed(saying(0.0, 0.3))[1] > 0.1


def test_people_who_smile_are_known_from_those_who_do_not() -> None:
    def smile(path: Path) -> float:
        points = find(read_picture(path).rgb)[0].points
        return float(begun.expressed(SourceShape.of(points).shape)[1])

    assert smile(samples.astronaut) > 0.8
    assert max(smile(samples.rembrandt), smile(samples.juan_de_pareja), smile(samples.carthusian)) < 0.1


@pytest.mark.parametrize("parted", [0.6, 1.2])
def test_a_portrait_opens_its_mouth_as_wide_as_a_driver_who_begins_in_the_middle_of_a_word(parted: float) -> None:
    first, wider = saying(parted, width=1.05), saying(parted + 0.5, width=1.05)
    assert gap(taken(closed(), first)) == pytest.approx(parted, abs=0.13)
    assert gap(taken(closed(), first, wider)) == pytest.approx(parted + 0.5, abs=0.13)
    shut = taken(closed(), first, closed(1.05))
    assert gap(shut) == pytest.approx(0, abs=0.05)


def test_a_laugh_lifts_the_corners_and_a_closed_smile_is_the_drivers_own() -> None:
    laughing, smiling = taken(closed(), saying(0.8, 0.8)), taken(closed(), saying(0.0, 0.8))
    assert (laughing[CORNERS, 1] - taken(closed(), saying(0.8))[CORNERS, 1]).min() > 0.3
    np.testing.assert_allclose(smiling[LIPS], still(closed())[LIPS], atol=0.02)


@pytest.mark.parametrize(("parted", "laugh"), [(0.0, 0.0), (0.3, 0.2), (0.8, 0.8), (1.6, 0.0)])
def test_the_first_frame_of_a_face_is_that_face(parted: float, laugh: float) -> None:
    own = saying(parted, laugh)
    assert not begun.corrected(np.zeros((468, 3), np.float32), own, own).any()
    np.testing.assert_allclose(taken(own, own), still(own), atol=1e-3)


def test_a_portrait_that_shows_its_teeth_keeps_them_and_moves_as_before() -> None:
    own = saying(0.9, 0.7)
    np.testing.assert_allclose(taken(own, saying(0.4, 0.3))[LIPS], still(own)[LIPS], atol=1e-3)
    assert gap(taken(own, saying(0.4), saying(0.7))) == pytest.approx(gap(own) + 0.3, abs=0.06)


def test_who_laughs_fully_laughs_no_more_and_opens_the_mouth_all_the_same() -> None:
    own = saying(0.9, 1.1)
    laughing = taken(own, saying(0.5), saying(1.0, 0.9))
    np.testing.assert_allclose(laughing[CORNERS, 1], own[CORNERS, 1], atol=0.25)
    assert (taken(closed(), saying(0.5), saying(1.0, 0.9))[CORNERS, 1] - closed()[CORNERS, 1]).min() > 0.5
    assert gap(laughing) == pytest.approx(gap(own) + 0.5, abs=0.15)


def test_it_follows_the_strength_of_the_motion() -> None:
    first = saying(0.9, 0.7)
    np.testing.assert_allclose(taken(closed(), first, drive=Drive(strength=0.0)), closed(), atol=1e-3)
    np.testing.assert_allclose(taken(closed(), first, drive=Drive(expression=0.0)), closed(), atol=1e-3)
    whole, half = gap(taken(closed(), first)), gap(taken(closed(), first, drive=Drive(strength=0.5)))
    assert half == pytest.approx(whole / 2, abs=0.05)


def test_the_table_is_what_a_regression_finds() -> None:
    changes = begun.CHANGES.copy()
    changes[0, 152] -= [0, 1, 0]  # a chin that drops more
    random = np.random.default_rng(0)
    shapes = [closed() for _ in range(40)]
    for shape in shapes:
        shape[: geo.MESH_COUNT] += np.tensordot([random.uniform(0.2, 1.5), random.uniform(0, 0.8)], changes, axes=1)
    pose = geo.Pose(8.0, np.eye(3), np.array([128.0, -128.0, 0.0]))
    clip = np.stack([pose.to_picture(shape.astype(np.float64)).astype(np.float32) for shape in shapes])
    found = fitted([clip, clip[::-1].copy()])
    assert found[0, 152, 1] - begun.CHANGES[0, 152, 1] == pytest.approx(-1, abs=0.15)
    assert found[0, 13, 1] - found[0, 14, 1] == pytest.approx(1, abs=0.1)
    np.testing.assert_allclose(found[:, 61], found[:, 291] * [-1, 1, 1], atol=1e-6)
