"""Motion between two different faces: what is measured on one arrives on the other, and nothing else does."""

import io
import lzma

import numpy as np
import pytest
from drawn import face

from living_portraits import geometry as geo
from living_portraits.engine import Drive, Track
from living_portraits.errors import MediaError
from living_portraits.motion import SourceShape, adapt, measure
from living_portraits.motion_file import load_motion, save_motion

SIZE = 256
NOSE, TOP = 1, 10  # the tip, and the middle of the forehead's hairline


def clip(*frames: np.ndarray) -> Track:
    return Track([], np.stack(frames), np.zeros((len(frames), 52), np.float32), 25.0)


def posed(degrees, *, zoom: float = 5.0, centre=(128, 128), shape: np.ndarray | None = None) -> np.ndarray:
    upright = face((0, 0), zoom=1) if shape is None else shape
    pose = geo.Pose(zoom, geo.rotation_matrix(np.radians(degrees)), np.array([centre[0], -centre[1], 0.0]))
    return pose.to_picture(geo.flip(upright.astype(np.float64))).astype(np.float32)


def stranger() -> np.ndarray:
    """Another face: broader, with a wider mouth and a longer chin."""
    points = face((0, 0), zoom=1)
    points[:, 0] *= 1.15
    points[points[:, 1] > 6, 1] *= 1.1
    return points


def angle(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.linalg.norm(geo.rotation_vector(a @ b.T))))


def test_a_still_driver_leaves_the_source_as_it_is():
    driver = clip(posed((5, 10, 0), shape=stranger()), posed((5, 10, 0), shape=stranger()))
    points = posed((0, -20, 3))
    moved = adapt(SourceShape.of(points), measure(driver, Drive()), 1)
    np.testing.assert_allclose(moved.points, points, atol=1e-3)


def test_a_strangers_turn_arrives_without_the_strangers_shape():
    driver = clip(posed((0, 0, 0), shape=stranger()), posed((0, 15, 0), shape=stranger()))
    source = SourceShape.of(posed((0, -20, 0)))
    moved = adapt(source, measure(driver, Drive()), 1)
    assert angle(moved.pose.rotation, source.pose.rotation) == pytest.approx(15, abs=1.0)
    np.testing.assert_allclose(moved.shape, source.shape, atol=0.05)


def test_absolute_gives_the_drivers_own_pose():
    driver = clip(posed((0, 12, 0)), posed((0, 25, 5)))
    source = SourceShape.of(posed((0, -20, 0)))
    moved = adapt(source, measure(driver, Drive(relative=False)), 1)
    assert angle(moved.pose.rotation, geo.rotation_matrix(np.radians((0, 25, 5)))) < 1.0


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0, 1.5])
def test_strength_scales_turn_and_travel(strength):
    driver = clip(posed((0, 0, 0)), posed((0, 10, 0), centre=(138, 128)))
    motion = measure(driver, Drive(strength=strength))
    assert np.degrees(geo.rotation_vector(motion.rotation[1].astype(np.float64)))[1] == pytest.approx(
        10 * strength, abs=0.3
    )
    assert motion.shift[1, 0] == pytest.approx(2.0 * strength, abs=0.05)


def test_a_head_that_stays_turns_and_speaks_where_it_is():
    driver = clip(posed((0, 0, 0)), posed((0, 10, 0), zoom=12.0, centre=(138, 128)))
    motion = measure(driver, Drive(stay=True))
    assert not motion.shift.any() and (motion.zoom == 1).all()
    assert angle(motion.rotation[1], np.eye(3)) == pytest.approx(10, abs=0.5)


def test_a_frontal_beginning_leaves_the_drivers_turns_alone():
    driver = clip(posed((0, 5, 0)), posed((0, 20, 0)))
    source = SourceShape.of(posed((0, -20, 0)))
    motion = measure(driver, Drive(frontal=True))
    for frame, turn in enumerate((0, 15)):
        found = adapt(source, motion, frame).pose.rotation
        assert angle(found, geo.rotation_matrix(np.radians((0, turn, 0)))) < 1.0


@pytest.mark.parametrize(
    ("wish", "index", "axis", "sign"),
    [("pitch", NOSE, 1, -1), ("yaw", NOSE, 0, 1), ("roll", TOP, 0, 1)],  # up, to the right; the top to the right
)
@pytest.mark.parametrize("relative", [True, False])
def test_what_is_on_top_turns_the_ways_that_it_says(wish, index, axis, sign, relative):
    driver = clip(posed((0, 0, 0)), posed((0, 0, 0)))
    source = SourceShape.of(posed((0, 0, 0)))
    plain, turned = (adapt(source, measure(driver, Drive(relative=relative, **told)), 1) for told in ({}, {wish: 12.0}))
    assert sign * (turned.points - plain.points)[index, axis] > 1
    assert angle(turned.pose.rotation, plain.pose.rotation) == pytest.approx(12, abs=0.1)
    np.testing.assert_allclose(turned.shape, plain.shape, atol=1e-5)


def test_expression_is_a_factor_on_the_face_alone():
    spoken = face((0, 0), zoom=1)
    spoken[list(geo.LIPS_INNER_LOWER), 1] += 0.8
    driver = clip(posed((0, 0, 0)), posed((0, 10, 0), shape=spoken))
    whole, half, none = (measure(driver, Drive(expression=factor)) for factor in (1.0, 0.5, 0.0))
    np.testing.assert_allclose(half.expression, whole.expression / 2, atol=1e-6)
    np.testing.assert_allclose(1 - half.lids, (1 - whole.lids) / 2, atol=1e-6)
    assert whole.expression[1].any() and not none.expression.any() and not none.gaze.any()
    np.testing.assert_array_equal(none.rotation, whole.rotation)


def lowered(right: float, left: float) -> np.ndarray:
    """Eyes whose upper lids have come down by these shares of the opening."""
    points = face((0, 0), zoom=1)
    for share, upper, lower in (
        (right, geo.RIGHT_EYE_UPPER, geo.RIGHT_EYE_LOWER),
        (left, geo.LEFT_EYE_UPPER, geo.LEFT_EYE_LOWER),
    ):
        high, low = list(upper[1:-1]), list(lower[1:-1])
        points[high] += share * (points[low] - points[high])
    return points


def test_lids_move_together_but_for_a_wink():
    """A third more of one lid than of the other is the tracker's mistake, and a portrait would wink all film long."""
    nearly, winking = lowered(0.6, 0.9), lowered(0.0, 1.0)
    lids = measure(clip(*(posed((0, 0, 0), shape=shape) for shape in (lowered(0, 0), nearly, winking))), Drive()).lids
    np.testing.assert_allclose(lids[0], 1, atol=1e-6)
    assert abs(lids[1, 0] - lids[1, 1]) < 0.12 and 0.05 < lids[1].mean() < 0.35
    assert lids[2, 0] > 0.9 and lids[2, 1] < 0.1


def test_travel_is_in_the_sources_own_size():
    driver = clip(posed((0, 0, 0), zoom=10.0), posed((0, 0, 0), zoom=10.0, centre=(148, 128)))
    points = posed((0, 0, 0), zoom=5.0)
    moved = adapt(SourceShape.of(points), measure(driver, Drive()), 1)
    assert (moved.points - points)[:, 0].mean() == pytest.approx(10, abs=0.3)


def opened(points: np.ndarray, by: float) -> np.ndarray:
    result = points.copy()
    result[list(geo.LIPS_INNER_LOWER[1:-1]), 1] += by
    result[list(geo.LIPS_OUTER_LOWER[1:-1]), 1] += by
    return result


def gap(shape: np.ndarray) -> float:
    return float(shape[13, 1] - shape[14, 1])


def test_an_opening_mouth_opens_the_sources():
    rest = posed((0, 0, 0))
    source = SourceShape.of(rest)
    moved = adapt(source, measure(clip(rest, opened(rest, 8.0)), Drive()), 1)
    assert gap(moved.shape) - gap(source.shape) == pytest.approx(8.0 / 5, abs=0.15)


def test_closing_a_mouth_that_was_open_never_crosses_closed_lips():
    rest = posed((0, 0, 0))
    source = SourceShape.of(rest)
    source.shape[list(geo.LIPS_INNER_UPPER), 1] = source.shape[list(geo.LIPS_INNER_LOWER), 1]
    moved = adapt(source, measure(clip(opened(rest, 8.0), rest), Drive()), 1)
    upper, lower = list(geo.LIPS_INNER_UPPER), list(geo.LIPS_INNER_LOWER)
    assert (moved.shape[upper, 1] - moved.shape[lower, 1]).min() > -1e-4


def winking(points: np.ndarray, share: float) -> np.ndarray:
    """The right eye closed to `share` of its opening."""
    result = points.copy()
    for high, low in zip(geo.RIGHT_EYE_UPPER[1:-1], geo.RIGHT_EYE_LOWER[1:-1], strict=True):
        result[high] = points[low] + share * (points[high] - points[low])
    return result


def test_a_wink_closes_one_eye_by_the_drivers_share():
    rest = posed((0, 0, 0), shape=stranger())
    source = SourceShape.of(posed((0, 0, 0)))
    moved = adapt(source, measure(clip(rest, winking(rest, 0.0)), Drive()), 1)

    def height(shape: np.ndarray, pair: tuple[int, int]) -> float:
        return float(shape[pair[0], 1] - shape[pair[1], 1])

    assert abs(height(moved.shape, (159, 145))) < 0.05 * height(source.shape, (159, 145))
    assert height(moved.shape, (386, 374)) == pytest.approx(height(source.shape, (386, 374)), rel=0.02)


def test_a_glance_moves_both_irises_the_same_way():
    rest = posed((0, 0, 0))
    glance = rest.copy()
    glance[[*geo.RIGHT_IRIS, *geo.LEFT_IRIS], 0] += 1.5
    source = SourceShape.of(rest)
    moved = adapt(source, measure(clip(rest, glance), Drive()), 1)
    travel = (moved.shape - source.shape)[[geo.RIGHT_IRIS[0], geo.LEFT_IRIS[0]]]
    np.testing.assert_allclose(travel[:, 0], 0.3, atol=0.05)
    np.testing.assert_allclose(travel[:, 1], 0.0, atol=0.02)


def test_a_motion_file_drives_like_the_clip_it_came_from(tmp_path):
    rest = posed((0, 0, 0))
    frames = [opened(posed((0, 20 * np.sin(t), 0)), 4 * abs(np.sin(2 * t))) for t in np.linspace(0, 3, 75)]
    points = np.stack([rest, *frames])
    shapes = np.random.default_rng(1).uniform(0, 1, (len(points), 52)).astype(np.float32)
    path = tmp_path / "a clip.motion"
    save_motion(path, points, shapes, 29.97)
    again, blendshapes, fps = load_motion(path)
    assert np.abs(again - points).max() < 0.6  # px, of a face 90 px high
    assert np.abs(blendshapes - shapes).max() < 1 / 255
    assert fps == 29.97
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "change",
    [
        {"fps": np.float64(0)},
        {"fps": np.float64(np.nan)},
        {"fps": np.ones(2)},
        {"pose": np.zeros((6, 7), np.float32)},
        {"pose": np.full((6, 7), np.nan, np.float32)},
        {"pose": np.ones((6, 3), np.float32)},
        {"pose": np.ones((0, 7)), "weights": np.ones((0, 1), int), "blendshapes": np.ones((0, 52), int)},
        {"blendshapes": np.zeros((6, 3), np.int16)},
        {"blendshapes": np.zeros((3, 52), np.int16)},
    ],
    ids=["no rate", "nan", "rates", "no size", "nowhere", "no pose", "no frames", "other shapes", "too short"],
)
def test_a_motion_file_whose_numbers_make_no_sense_is_a_sentence(tmp_path, change):
    path = tmp_path / "x.motion"
    save_motion(path, np.stack([posed((0, 0, 0))] * 6), np.zeros((6, 52), np.float32), 25.0)
    head = path.read_bytes().index(b"\n") + 1
    arrays = dict(np.load(io.BytesIO(lzma.decompress(path.read_bytes()[head:]))))
    np.savez(changed := io.BytesIO(), **(arrays | change))
    path.write_bytes(path.read_bytes()[:head] + lzma.compress(changed.getvalue()))
    with pytest.raises(MediaError, match=r"x.motion is damaged; make it again with --save-motion"):
        load_motion(path)


@pytest.mark.parametrize("content", [b"", b"not a motion", b"living-portraits motion 1\nrubbish"])
def test_a_damaged_motion_file_is_a_sentence(tmp_path, content):
    path = tmp_path / "x.motion"
    path.write_bytes(content)
    with pytest.raises(MediaError, match="--save-motion"):
        load_motion(path)
