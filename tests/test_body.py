"""Bodies: the skeleton's drawing, finding people, following one, and what is said where that cannot be."""

import numpy as np
import pytest
from bodies import person
from PIL import Image

from living_portraits import body, choreographer, samples, skeleton
from living_portraits.body import tracking
from living_portraits.choreography import Choreography
from living_portraits.errors import BodyError, OptionError

# --- the drawing ------------------------------------------------------------------------------------------------------


def test_every_limb_has_a_colour_of_its_own_and_is_where_its_points_are() -> None:
    colours = [colour for colour, _ in skeleton.LIMBS]
    assert len(set(colours)) == len(colours)
    drawing = skeleton.draw_skeleton(person(), size=512)
    knee, ankle = person()[[skeleton.LEFT_KNEE, skeleton.LEFT_ANKLE], :2]
    x, y = np.rint((knee + ankle) / 2).astype(int)
    np.testing.assert_array_equal(drawing[y, x], {c[1]: c[0] for c in skeleton.LIMBS}[(25, 27)])
    assert not drawing[:20].any()


def test_left_and_right_are_told_apart() -> None:
    drawing = skeleton.draw_skeleton(person(), size=512)
    assert (drawing != drawing[:, ::-1]).any(axis=-1).sum() > 1000


def test_a_mirrored_person_is_drawn_as_a_person_who_faces_the_same_way() -> None:
    points = person(foot=(200.0, 450.0))
    mirrored = skeleton.mirrored(points, width=512)
    np.testing.assert_allclose(skeleton.mirrored(mirrored, width=512), points, atol=1e-4)
    assert mirrored[skeleton.LEFT_WRIST, 0] > mirrored[skeleton.RIGHT_WRIST, 0]  # as before
    assert abs(mirrored[:, 0].mean() - 311) < 2


def test_what_is_hidden_is_dim_but_never_gone() -> None:
    bright, dim = (skeleton.draw_skeleton(person(seen=seen), size=256).max() for seen in (1.0, 0.0))
    assert bright == 250 and 60 < dim < 100


def test_points_far_outside_are_no_trouble() -> None:
    points = person(height=1e6)
    assert skeleton.draw_skeleton(points, size=64).shape == (64, 64, 3)


# --- finding ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return np.asarray(Image.open(samples.astronaut).convert("RGB").resize((256, 256)))


def test_a_person_is_found_where_they_are(astronaut: np.ndarray) -> None:
    [found] = body.find(astronaut)
    nose = found.points[skeleton.NOSE]
    assert nose[2] > 0.9
    height, width, _ = astronaut.shape
    assert 0.3 < nose[0] / width < 0.6 and 0.1 < nose[1] / height < 0.4
    left, right = found.points[[skeleton.LEFT_SHOULDER, skeleton.RIGHT_SHOULDER], 0]
    assert left > right


def test_a_view_with_gaps_between_its_rows_is_found_in_as_well(astronaut: np.ndarray) -> None:
    """MediaPipe itself finds nobody in such an array, and says nothing."""
    wide = np.zeros((256, 300, 3), np.uint8)
    wide[:, :256] = astronaut
    assert len(body.find(wide[:, :256])) == 1


@pytest.mark.parametrize(
    ("picture", "expected"),
    [("nobody", "shows nobody in its"), ("portrait", "knees are out of the picture in 100 %"), ("two", "2 people")],
)
def test_bad_clips_are_one_sentence(astronaut: np.ndarray, picture: str, expected: str) -> None:
    frame = {
        "nobody": np.full((120, 160, 3), 90, np.uint8),
        "portrait": astronaut,
        "two": np.hstack([astronaut, astronaut]),
    }[picture]
    with pytest.raises(BodyError, match=expected) as error:
        body.follow([frame] * 2, fps=1.0)
    assert str(error.value).count(". ") == 0 and len(str(error.value)) < 200


# --- following --------------------------------------------------------------------------------------------------------


def seen(*places: float | None) -> list[body.Body | None]:
    return [None if place is None else body.Body(person(foot=(place, 450.0))) for place in places]


def test_holes_are_bridged_and_counted() -> None:
    dance = tracking.whole(seen(100.0, None, None, 130.0, None), fps=10.0, max_gap=1.0)
    middles = dance.points[:, [27, 28], 0].mean(axis=1)
    np.testing.assert_allclose(middles, [100, 110, 120, 130, 130], atol=0.01)
    assert dance.gaps == ((1, 3), (4, 5)) and dance.bridged == 3


def test_a_long_hole_is_said_with_its_time() -> None:
    with pytest.raises(BodyError, match=r"From 00:00.1 on nobody is to be seen for 0.3 s"):
        tracking.whole(seen(100.0, None, None, None, 130.0), fps=10.0, max_gap=0.2)


def test_one_person_found_twice_is_one_and_bystanders_do_not_count() -> None:
    near = [body.Body(person(foot=(256.0 + shift, 450.0))) for shift in (0, 3)]
    far = body.Body(person(height=100.0, foot=(400.0, 300.0)))
    other = body.Body(person(height=300.0, foot=(450.0, 440.0)))
    assert len(tracking.distinct(near)) == 1
    assert len(tracking.rivals([near[0], far])) == 1
    assert len(tracking.rivals([near[0], other, near[1]])) == 2


@pytest.mark.parametrize(("bottom", "expected"), [(500, None), (430, "feet"), (350, "knees")])
def test_a_body_that_is_cut_off_is_said(bottom: int, expected: str | None) -> None:
    dance = Choreography(np.stack([person()] * 4), 25.0)
    if expected is None:
        tracking.check_whole_body(dance, height=bottom)
        return
    with pytest.raises(BodyError, match=expected):
        tracking.check_whole_body(dance, height=bottom)


def test_smoothing_takes_trembling_out_and_leaves_the_dance() -> None:
    dance = choreographer.make(choreographer.DANCES["wave"])
    noise = np.random.default_rng(0).normal(0, 2, dance.points.shape).astype(np.float32)
    noise[..., 2] = 0
    calm = body.steadied_dance(Choreography(dance.points + noise, 25.0), 0.5)
    before, after = np.abs(noise[..., :2]).mean(), np.abs(calm.points - dance.points)[..., :2].mean()
    assert after < 0.75 * before
    second = np.diff(calm.points[..., :2], n=2, axis=0)
    assert np.abs(second).mean() < 0.4 * np.abs(np.diff((dance.points + noise)[..., :2], n=2, axis=0)).mean()
    raised = dance.points[130, skeleton.LEFT_WRIST]
    assert np.linalg.norm(calm.points[130, skeleton.LEFT_WRIST] - raised) < 12  # of 330 px's height
    assert body.steadied_dance(dance, 0.0) is dance


def test_bad_options_are_said() -> None:
    for options in ({"smoothing": 2.0}, {"max_gap": -1.0}):
        with pytest.raises(OptionError):
            body.follow([], fps=25.0, **options)


def test_the_distance_of_two_poses_counts_what_both_are_sure_of() -> None:
    one, other = person(), person(foot=(259.0, 454.0))
    assert tracking.pose_distance(one, other) == pytest.approx(5.0, abs=1e-3)
    other[skeleton.LEFT_WRIST] = (0, 0, 0.1)
    assert tracking.pose_distance(one, other) == pytest.approx(5.0, abs=1e-3)
    assert np.isnan(tracking.pose_distance(one, person(seen=0.0)))
