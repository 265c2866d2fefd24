"""The face in space: poses are found again, rotations come back, rings lie where their names say."""

import numpy as np
import pytest
from drawn import face

from living_portraits import geometry as geo


@pytest.mark.parametrize("degrees", [(0, 0, 0), (20, 0, 0), (0, -25, 0), (0, 0, 40), (10, 20, -30)])
def test_a_pose_is_found_again(degrees):
    turn = geo.rotation_matrix(np.radians(degrees))
    true = geo.Pose(7.5, turn, np.array([150.0, -120.0, 3.0]))
    shape = np.concatenate([geo.CANONICAL, np.zeros((10, 3), np.float32)]).astype(np.float64)
    found = geo.fit_pose(true.to_picture(shape))
    assert found.scale == pytest.approx(7.5, rel=1e-4)
    np.testing.assert_allclose(found.rotation, turn, atol=1e-4)
    np.testing.assert_allclose(found.translation, true.translation, atol=1e-2)


def test_an_open_mouth_does_not_move_the_head():
    points = face()
    talking = points.copy()
    talking[[*geo.LIPS_OUTER_LOWER, *geo.LIPS_INNER_LOWER, geo.CHIN], 1] += 8
    before, after = geo.fit_pose(points), geo.fit_pose(talking)
    assert np.degrees(np.linalg.norm(geo.rotation_vector(after.rotation @ before.rotation.T))) < 0.5
    assert after.scale == pytest.approx(before.scale, rel=0.01)


def test_face_and_picture_frames_are_inverse():
    pose = geo.Pose(3.0, geo.rotation_matrix(np.array([0.2, -0.4, 0.1])), np.array([10.0, 20.0, 30.0]))
    points = np.random.default_rng(0).normal(size=(7, 3))
    np.testing.assert_allclose(pose.to_face(pose.to_picture(points)), points, atol=1e-9)


def test_the_nose_is_nearest_and_up_is_up():
    points = face()
    assert points[geo.NOSE_TIP, 2] == points[: geo.MESH_COUNT, 2].min()
    assert points[geo.FOREHEAD, 1] < points[geo.NOSE_TIP, 1] < points[geo.CHIN, 1]


@pytest.mark.parametrize("vector", [(0, 0, 0), (0.3, 0, 0), (0, -1.2, 0.4), (1e-8, 0, 0), (2.0, 1.0, -1.0)])
def test_rotation_vectors_come_back(vector):
    np.testing.assert_allclose(geo.rotation_vector(geo.rotation_matrix(np.array(vector, float))), vector, atol=1e-6)


@pytest.mark.parametrize("degrees", [1e-5, 1, 90, 178.9, 179.1, 180 - 1e-4, 180 - 1e-9, 180])
@pytest.mark.parametrize(("kind", "near"), [(np.float64, 1e-9), (np.float32, 1e-3)])
def test_rotations_come_back_about_any_axis(degrees, kind, near):
    """Also half a turn, of which nobody can say whether it was to the left or to the right."""
    axes = np.concatenate([np.eye(3), -np.eye(3), np.random.default_rng(0).normal(size=(50, 3))])
    for axis in axes / np.linalg.norm(axes, axis=1, keepdims=True):
        given = geo.rotation_matrix(np.radians(degrees) * axis).astype(kind).astype(np.float64)
        found = geo.rotation_vector(given)
        assert np.linalg.norm(found) == pytest.approx(np.radians(degrees), abs=near)
        np.testing.assert_allclose(geo.rotation_matrix(found), given, atol=near)
        if degrees < 180 - 1e-5:
            np.testing.assert_allclose(found, np.radians(degrees) * axis, atol=near)


@pytest.mark.parametrize(
    ("upper", "lower"),
    [
        (geo.LIPS_INNER_UPPER, geo.LIPS_INNER_LOWER),
        (geo.LIPS_OUTER_UPPER, geo.LIPS_OUTER_LOWER),
        (geo.RIGHT_EYE_UPPER, geo.RIGHT_EYE_LOWER),
        (geo.LEFT_EYE_UPPER, geo.LEFT_EYE_LOWER),
    ],
)
def test_arcs_run_left_to_right_and_the_upper_is_above(upper, lower):
    shape = geo.CANONICAL
    assert (np.diff(shape[list(upper), 0]) > 0).all() and (np.diff(shape[list(lower), 0]) > 0).all()
    assert (shape[list(upper[1:-1]), 1] > shape[list(lower[1:-1]), 1]).all()
    assert (upper[0], upper[-1]) == (lower[0], lower[-1])
    assert len(set(geo.ring(upper, lower))) == len(upper) + len(lower) - 2
