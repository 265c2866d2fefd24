"""Global pose normalisation: people of known size, at known distances from a known camera."""

import numpy as np
import pytest
from bodies import person

from living_portraits import skeleton, stance
from living_portraits.choreography import Choreography
from living_portraits.errors import BodyError

FPS = 25.0
ANKLES = [skeleton.LEFT_ANKLE, skeleton.RIGHT_ANKLE]


def seen_by(focal: float, *, horizon: float, camera: float, body: float, away: np.ndarray, aside: np.ndarray):
    """A person `body` m tall, `away` and `aside` m from a camera `camera` m above the floor, as its pictures show."""
    frames = [
        person(height=focal * body / z, foot=(256 + focal * x / z, horizon + focal * camera / z))
        for z, x in zip(away, aside, strict=True)
    ]
    return np.stack(frames)


def walk(**changes) -> np.ndarray:
    """From 6 m to 3 m and back in 20 s, and some steps to each side."""
    t = np.linspace(0, 2 * np.pi, 500)
    given = {"focal": 500.0, "horizon": 200.0, "camera": 1.4, "body": 1.5} | changes
    return seen_by(**given, away=4.5 + 1.5 * np.cos(t), aside=0.5 * np.sin(2 * t))


def still(**changes) -> np.ndarray:
    given = {"focal": 500.0, "horizon": 200.0, "camera": 1.4, "body": 1.5} | changes
    t = np.linspace(0, 6, 120)
    return seen_by(**given, away=np.full(120, 4.5), aside=0.1 * np.sin(t))


def heights(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[:, skeleton.NOSE, :2] - points[:, ANKLES, :2].mean(axis=1), axis=1)


def ankle_y(points: np.ndarray) -> np.ndarray:
    return points[:, ANKLES, 1].mean(axis=1)


def test_near_and_far_are_measured_as_they_are() -> None:
    found = stance.measure(walk(), fps=FPS)
    assert found.near == pytest.approx(200 + 500 * 1.4 / 3, abs=3)
    assert found.near_height == pytest.approx(500 * 1.5 / 3, rel=0.02)
    # EDN's horizon lies no farther beyond the median than half of what the near line lies before it.
    median = np.median(stance.floor(walk(), fps=FPS))
    assert median - 0.5 * (found.near - median) - 1 <= found.far < median
    slope = (found.near_height - found.far_height) / (found.near - found.far)
    assert slope == pytest.approx(1.5 / 1.4, rel=0.1)  # heights grow with the floor line as the camera's height says


def test_a_clip_normalised_to_itself_stays_as_it_is() -> None:
    points = walk()
    fitted = stance.normalised(Choreography(points, FPS), stance.measure(points, fps=FPS), size=512).points
    assert (
        np.abs(fitted - points)[..., :2].max() < 12
    )  # px of 250: the floor line is smoothed, the scale a straight line
    assert np.abs(fitted - points)[..., :2].mean() < 3


@pytest.mark.parametrize("body", [0.8, 1.0, 1.5])
@pytest.mark.parametrize("focal", [250.0, 500.0, 900.0])
def test_a_dancer_of_any_size_and_camera_gets_the_targets_size_and_floor(body: float, focal: float) -> None:
    """The source walks as the target did: near is near, far is far, as tall as the target is there."""
    target_points = walk()
    target = stance.measure(target_points, fps=FPS)
    source = Choreography(walk(body=body, focal=focal, horizon=150.0), FPS)
    fitted = stance.normalised(source, target, size=512).points
    error = np.abs(ankle_y(fitted) - ankle_y(target_points))
    assert error.mean() < 0.02 * target.near_height, "feet off the floor"
    np.testing.assert_allclose(heights(fitted), heights(target_points), rtol=0.04)


def test_a_giants_way_counts_as_shorter_and_lies_in_the_middle_of_the_targets() -> None:
    """EDN: the target's range is narrowed to the source's, in the target's measure."""
    target = stance.measure(walk(), fps=FPS)
    source = Choreography(walk(body=3.0), FPS)
    lines = stance.floor(stance.normalised(source, target, size=512).points, fps=FPS)
    assert lines.max() - lines.min() == pytest.approx((target.near - target.far) / 2, rel=0.35)
    assert target.far < lines.min() < lines.max() < target.near


@pytest.mark.parametrize("body", [0.9, 1.5, 2.2])
def test_who_stays_in_one_place_stands_in_the_middle_of_the_targets_floor(body: float) -> None:
    target = stance.measure(walk(), fps=FPS)
    fitted = stance.normalised(Choreography(still(body=body), FPS), target, size=512).points
    middle = (target.near + target.far) / 2
    np.testing.assert_allclose(ankle_y(fitted), middle, atol=2)
    np.testing.assert_allclose(heights(fitted), target.height(middle), rtol=0.02)


def test_a_walker_stays_where_a_target_that_hardly_moved_was_taught() -> None:
    target_points = still()
    target = stance.measure(target_points, fps=FPS)
    fitted = stance.normalised(Choreography(walk(), FPS), target, size=512).points
    np.testing.assert_allclose(ankle_y(fitted), ankle_y(target_points).mean(), atol=8)  # of 167 px
    np.testing.assert_allclose(heights(fitted), target.near_height, rtol=0.1)


def test_nobody_leaves_the_picture_sideways() -> None:
    target = stance.measure(still() * np.array([0.5, 0.5, 1], np.float32), fps=FPS)
    t = np.linspace(0, 6, 150)
    wide = seen_by(500.0, horizon=200.0, camera=1.4, body=1.5, away=np.full(150, 4.0), aside=3 * np.sin(t))
    fitted = stance.normalised(Choreography(wide, FPS), target, size=256).points
    middles = fitted[:, ANKLES, 0].mean(axis=1)
    assert middles.min() > 0.03 * 256 and middles.max() < 0.97 * 256
    shoulders = np.abs(fitted[:, 11, 0] - fitted[:, 12, 0])
    np.testing.assert_allclose(shoulders, shoulders[0], rtol=0.02)  # the way is shortened, not the dancer


def test_a_jump_is_a_jump_and_no_step_back() -> None:
    points = still()
    jump = points.copy()
    jump[50:60, :, 1] -= 60
    target = stance.measure(still(focal=250.0), fps=FPS)
    flat, high = (stance.normalised(Choreography(p, FPS), target, size=512).points for p in (points, jump))
    np.testing.assert_allclose(heights(high), heights(flat), rtol=0.01)
    lifted = ankle_y(flat) - ankle_y(high)
    assert lifted[52:58].min() > 25 and np.abs(lifted[:45]).max() < 1.5


def test_a_hidden_left_ear_tells_nothing_of_the_ankle() -> None:
    """The published code looks at the ear's confidence where the ankle's is meant."""
    points = still()
    points[:60, skeleton.LEFT_EAR, 2] = 0
    assert (stance.tall(points) > 0).all()
    points[:60, skeleton.LEFT_ANKLE, 2] = 0
    assert (stance.tall(points)[:60] == 0).all() and (stance.tall(points)[60:] > 0).all()


def test_a_hidden_nose_is_replaced_by_the_ears_and_hidden_feet_stay_where_they_were() -> None:
    points = still()
    points[:, skeleton.NOSE, 2] = 0
    assert stance.measure(points, fps=FPS).near_height == pytest.approx(500 * 1.5 / 4.5, rel=0.03)
    points = walk()
    points[50:60, ANKLES, 2] = 0
    points[50:60, ANKLES, :2] = 0
    assert np.abs(np.diff(stance.floor(points, fps=FPS))).max() < 10


def test_who_never_shows_feet_and_head_is_told_so() -> None:
    for hidden in (ANKLES, [skeleton.NOSE, skeleton.LEFT_EAR, skeleton.RIGHT_EAR]):
        points = still()
        points[:, hidden, 2] = 0
        with pytest.raises(BodyError, match="whole body"):
            stance.measure(points, fps=FPS)
