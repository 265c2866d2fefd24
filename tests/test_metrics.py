"""Metrics against cases whose answer is known beforehand."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from drawn import driver, face, picture

from living_portraits import geometry as geo
from living_portraits.errors import WeightsError
from living_portraits.metrics import motion, pixels
from living_portraits.metrics.distribution import frechet_distance
from living_portraits.metrics.identity import csim
from living_portraits.metrics.motion import Reading
from living_portraits.metrics.perceptual import Perceptual, features

SIDE = 128
EVERYWHERE = np.ones((SIDE, SIDE), bool)
GREY = np.full((SIDE, SIDE, 3), 100, np.uint8)
BOARD = np.where(np.indices((SIDE, SIDE)).sum(axis=0) % 2, 130, 70).astype(np.uint8)[..., None].repeat(3, axis=2)


def _noisy(spread: float) -> np.ndarray:
    noise = np.random.default_rng(3).normal(0, spread, GREY.shape)
    return np.clip(np.rint(GREY + noise), 0, 255).astype(np.uint8)


# --- pixels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "result", "truth", "expected", "within"),
    [
        (pixels.psnr, GREY, GREY, 10 * np.log10(255**2 * 12), 1e-9),
        (pixels.psnr, GREY + np.uint8(10), GREY, 20 * np.log10(255 / 10), 1e-9),
        (pixels.psnr, _noisy(8.0), GREY, 20 * np.log10(255 / 8), 0.05),
        (pixels.psnr, np.zeros_like(GREY), np.full_like(GREY, 255), 0.0, 1e-9),
        (pixels.ssim, GREY, GREY, 1.0, 1e-9),
        # Two flat pictures: only the term of the means is left.
        (pixels.ssim, np.full_like(GREY, 50), GREY, (2 * 50 * 100 + 6.5025) / (50**2 + 100**2 + 6.5025), 1e-6),
        # A chessboard and its negative have one mean and opposite deviations: -1 but for the constant.
        (pixels.ssim, np.uint8(200) - BOARD, BOARD, (58.5 - 2 * 30**2) / (58.5 + 2 * 30**2), 1e-3),
        (lambda a, b: pixels.l1(a, b, EVERYWHERE), GREY + np.uint8(51), GREY, 0.2, 1e-9),
        (lambda a, b: pixels.l1(a, b, EVERYWHERE), GREY, GREY, 0.0, 0.0),
    ],
)  # fmt: skip
def test_errors_of_known_size(metric: Callable, result, truth, expected: float, within: float) -> None:
    assert metric(result, truth) == pytest.approx(expected, abs=within)


def test_ssim_is_that_of_scikit_image() -> None:
    reference = pytest.importorskip("skimage.metrics", reason="scikit-image is not installed").structural_similarity
    weights = np.array([0.299, 0.587, 0.114])
    a, b = picture(SIDE, SIDE, seed=1), picture(SIDE, SIDE, seed=2)
    mixed = (0.6 * a + 0.4 * b).astype(np.uint8)
    expected = reference(a @ weights, mixed @ weights, data_range=255, gaussian_weights=True, sigma=1.5,
                         use_sample_covariance=False)  # fmt: skip
    assert 0.3 < expected < 0.99
    assert pixels.ssim(a, mixed) == pytest.approx(expected, abs=1e-6)


def test_only_the_masked_part_counts() -> None:
    changed = GREY.copy()
    changed[:, : SIDE // 2] += 51
    left = np.zeros_like(EVERYWHERE)
    left[:, : SIDE // 2] = True
    assert pixels.l1(changed, GREY, left) == pytest.approx(0.2)
    assert pixels.l1(changed, GREY, ~left) == 0.0
    assert np.isnan(pixels.l1(changed, GREY, np.zeros_like(left)))


def test_laplacian_energy_of_a_known_pattern() -> None:
    """A chessboard of 30 above and below grey: the Laplacian is 8 times the deviation, everywhere."""
    inner = np.zeros_like(EVERYWHERE)
    inner[2:-2, 2:-2] = True
    assert pixels.laplacian_energy(BOARD, inner) == pytest.approx(240.0**2)
    assert pixels.laplacian_energy(GREY, inner) == pytest.approx(0.0, abs=1e-12)


def test_the_masks_are_where_the_face_is_and_is_not() -> None:
    points = face((64, 64), zoom=2.5)
    inside, outside = pixels.face_mask(points, SIDE), pixels.background_mask(points[None], SIDE)
    hull = cv2.convexHull(np.ascontiguousarray(points[:, :2]))
    area = cv2.contourArea(hull) + cv2.arcLength(hull, True) / 2  # pixels that the outline touches count whole
    assert inside.sum() == pytest.approx(area, rel=0.03)
    assert not (inside & outside).any()
    assert outside[:4, :4].all() and not outside[int(np.ceil(points[geo.CHIN, 1])) + 2 :].any()
    moved = points + np.array([20, 0, 0], np.float32)
    assert (pixels.background_mask(np.stack([points, moved]), SIDE) < outside).any()


# --- motion -----------------------------------------------------------------------------------------------------------


def _read(points: np.ndarray, blendshapes: np.ndarray | None = None) -> Reading:
    shapes = np.zeros((len(points), 52), np.float32) if blendshapes is None else blendshapes
    return Reading.of(points.astype(np.float32), shapes.astype(np.float32))


def _talking(frames: int = 12) -> np.ndarray:
    return driver(SIDE, frames=frames).points


def _frozen(points: np.ndarray) -> np.ndarray:
    return np.repeat(points[:1], len(points), axis=0)


def _turned(points: np.ndarray, degrees: float, axis: tuple[float, float, float] = (0, 1, 0)) -> np.ndarray:
    rotation = geo.rotation_matrix(np.radians(degrees) * np.array(axis, np.float64))
    centre = points.mean(axis=-2, keepdims=True)
    return (centre + geo.flip(geo.flip((points - centre).astype(np.float64)) @ rotation.T)).astype(np.float32)


def _compared(metric: Callable, result: np.ndarray, wanted: np.ndarray) -> float:
    return metric(_read(result), _read(wanted))


def _since(metric: Callable) -> Callable:
    """A metric that also takes the source, which here is the driver's first frame."""
    return lambda result, wanted: metric(result, wanted[:1], wanted)


@pytest.mark.parametrize(
    ("metric", "copy", "frozen"),
    [
        (motion.keypoint_distance, 0.0, None),
        (motion.pose_error, 0.0, None),
        (motion.gaze_error, 0.0, None),
        (_since(motion.relative_pose_error), 0.0, None),
        (motion.shape_transfer, 0.0, 1.0),
        (motion.motion_gain, 1.0, 0.0),
        (motion.turn_gain, 1.0, 0.0),
        (motion.mouth_correlation, 1.0, 0.0),
        (motion.opening_error, 0.0, None),
        (motion.jitter_ratio, 1.0, 0.0),
    ],
)
def test_a_perfect_copy_and_a_frozen_film(metric: Callable, copy: float, frozen: float | None) -> None:
    points = _talking()
    assert _compared(metric, points, points) == pytest.approx(copy, abs=1e-5)
    if frozen is not None:
        assert _compared(metric, _frozen(points), points) == pytest.approx(frozen, abs=1e-5)
    elif metric is not motion.gaze_error:
        assert _compared(metric, _frozen(points), points) > 0.5


def test_a_shifted_film() -> None:
    """Three pixels right and four down: every point is five off, and nothing else changes."""
    points = _talking()
    shifted = points + np.array([3, 4, 0], np.float32)
    assert _compared(motion.keypoint_distance, shifted, points) == pytest.approx(5.0, abs=1e-4)
    assert _compared(motion.pose_error, shifted, points) == pytest.approx(0.0, abs=1e-3)
    assert _compared(motion.shape_transfer, shifted, points) == pytest.approx(0.0, abs=1e-3)
    assert _compared(motion.jitter_ratio, shifted, points) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("degrees", [0.5, 7.0, 40.0])
def test_a_head_turned_by_a_known_angle(degrees: float) -> None:
    points = np.repeat(face()[None], 4, axis=0)
    turned = _turned(points, degrees)
    assert _compared(motion.pose_error, turned, points) == pytest.approx(degrees, abs=0.01)
    assert _compared(motion.keypoint_distance, points, points) == 0.0
    # Turned from the start: relative to its own source it does not turn at all.
    assert motion.relative_pose_error(_read(turned), _read(turned[:1]), _read(points)) == pytest.approx(0.0, abs=0.01)
    assert motion.relative_pose_error(_read(turned), _read(points[:1]), _read(points)) == pytest.approx(
        degrees, abs=0.01
    )


@pytest.mark.parametrize("share", [0.25, 0.5, 1.5])
def test_motion_of_a_known_share(share: float) -> None:
    """Lips that move by a share of the driver's motion: the gain is that share, and so much is missing."""
    points = np.repeat(face()[None], 12, axis=0)
    swing = np.sin(np.linspace(0, np.pi, 12))[:, None]
    lower = list(geo.LIPS_INNER_LOWER[1:-1])
    result = points.copy()
    points[:, lower, 1] += (6 * swing).astype(np.float32)
    result[:, lower, 1] += (6 * share * swing).astype(np.float32)
    assert _compared(motion.motion_gain, result, points) == pytest.approx(share, abs=0.02)
    assert _compared(motion.shape_transfer, result, points) == pytest.approx(abs(1 - share), abs=0.02)
    assert _compared(motion.mouth_correlation, result, points) == pytest.approx(1.0, abs=1e-3)


def test_shape_transfer_knows_nothing_of_pose_and_size() -> None:
    points = _talking()
    elsewhere = 1.7 * _turned(points, 25.0) + np.array([30, -10, 5], np.float32)
    found = motion.shape_transfer(_read(elsewhere), _read(points))
    assert found == pytest.approx(0.0, abs=0.02)


def test_shape_transfer_counts_from_the_next_frame_where_the_neutral_one_shows_no_face() -> None:
    points = _talking()
    result, neutral = points.copy(), 5
    result[neutral] = np.nan
    assert motion.shape_transfer(_read(result), _read(points), neutral=neutral) == pytest.approx(0.0, abs=1e-5)
    frozen = _frozen(result)
    frozen[neutral] = np.nan
    assert motion.shape_transfer(_read(frozen), _read(points), neutral=neutral) == pytest.approx(1.0, abs=1e-5)


def test_an_open_mouth_is_no_motion_but_an_error_of_its_opening() -> None:
    points = _talking()
    parted = points.copy()
    parted[:, list(geo.LIPS_INNER_LOWER[1:-1]), 1] += 0.5 * geo.fit_pose(points[0]).scale
    assert _compared(motion.shape_transfer, parted, points) == pytest.approx(0.0, abs=0.05)
    assert _compared(motion.opening_error, parted, points) == pytest.approx(0.5, abs=0.02)


def test_moving_the_wrong_way_is_worse_than_not_moving() -> None:
    points = _talking()
    backwards = (2 * points[:1] - points).astype(np.float32)
    assert _compared(motion.shape_transfer, backwards, points) > 1.3


def test_correlation() -> None:
    t = np.linspace(0, 6, 50)
    assert motion.correlation(3 * np.sin(t) + 2, np.sin(t)) == pytest.approx(1.0)
    assert motion.correlation(-np.sin(t), np.sin(t)) == pytest.approx(-1.0)
    assert motion.correlation(np.full(50, 0.3), np.sin(t)) == 0.0
    assert np.isnan(motion.correlation(np.full(50, np.nan), np.sin(t)))


def _blinking(open_share: np.ndarray) -> np.ndarray:
    points = np.repeat(face()[None], len(open_share), axis=0)
    for upper, lower in ((geo.RIGHT_EYE_UPPER, geo.RIGHT_EYE_LOWER), (geo.LEFT_EYE_UPPER, geo.LEFT_EYE_LOWER)):
        high, low = list(upper[1:-1]), list(lower[1:-1])
        gap = points[:, low, 1] - points[:, high, 1]
        points[:, high, 1] += gap * (1 - open_share[:, None])
    return points.astype(np.float32)


def test_blinks_count_only_where_the_driver_blinks() -> None:
    share = np.ones(20)
    share[8:11] = 0.1
    blinking, staring = _blinking(share), _blinking(np.ones(20))
    assert _compared(motion.blink_correlation, blinking, blinking) == pytest.approx(1.0)
    assert _compared(motion.blink_correlation, staring, blinking) == pytest.approx(0.0, abs=1e-6)
    assert np.isnan(_compared(motion.blink_correlation, blinking, staring))


def test_a_mouth_that_hardly_moves_says_nothing() -> None:
    still = _frozen(_talking())
    assert np.isnan(_compared(motion.mouth_correlation, _talking(), still))


def test_eyes_that_look_aside_by_a_known_angle() -> None:
    points = np.repeat(face()[None], 5, axis=0)
    aside = points.copy()
    straight = _read(points).shapes
    for upper, iris in ((geo.RIGHT_EYE_UPPER, geo.RIGHT_IRIS), (geo.LEFT_EYE_UPPER, geo.LEFT_IRIS)):
        left, right = points[0, upper[0], 0], points[0, upper[-1], 0]
        middle = points[:, [upper[0], upper[-1]]].mean(axis=1)
        points[:, list(iris)] = middle[:, None]
        aside[:, list(iris)] = middle[:, None] + np.array([0.1 * (right - left), 0, 0], np.float32)
    expected = np.degrees(np.arcsin(0.1 * motion.EYE_WIDTH / motion.EYEBALL))
    assert straight.shape == (5, 478, 3)
    assert _compared(motion.gaze_error, aside, points) == pytest.approx(expected, rel=0.02)


def test_jitter_of_known_size() -> None:
    """Points that jump two pixels to and fro have second differences of four; a steady glide has none."""
    points = np.repeat(face()[None], 10, axis=0)
    shaking, gliding = points.copy(), points.copy()
    shaking[::2, :, 0] += 1
    shaking[1::2, :, 0] -= 1
    gliding[:, :, 0] += np.arange(10, dtype=np.float32)[:, None]
    assert motion.jitter(_read(shaking)) == pytest.approx(4.0, abs=1e-4)
    assert motion.jitter(_read(gliding)) == pytest.approx(0.0, abs=1e-4)
    assert np.isnan(motion.jitter(_read(points[:2])))


def test_expression_distance_leaves_the_neutral_shape_out() -> None:
    points = np.repeat(face()[None], 3, axis=0)
    shapes = np.zeros((3, 52), np.float32)
    other = shapes + np.float32(0.2)
    other[:, 0] = 1
    assert motion.expression_distance(_read(points, other), _read(points, shapes)) == pytest.approx(0.2, abs=1e-6)


def test_frames_without_a_face_are_counted_and_otherwise_left_out() -> None:
    points = _talking()
    holed = points + np.array([3, 4, 0], np.float32)
    holed[[2, 5, 6]] = np.nan
    result, wanted = _read(holed), _read(points)
    assert motion.missing(result) == pytest.approx(3 / 12)
    assert motion.missing(wanted) == 0.0
    assert motion.keypoint_distance(result, wanted) == pytest.approx(5.0, abs=1e-4)
    assert motion.shape_transfer(result, wanted) == pytest.approx(0.0, abs=1e-3)
    nothing = _read(np.full_like(points, np.nan))
    assert motion.missing(nothing) == 1.0
    for figure in (
        motion.keypoint_distance,
        motion.gaze_error,
        motion.motion_gain,
        motion.turn_gain,
        motion.jitter_ratio,
    ):
        assert np.isnan(figure(nothing, wanted)), figure.__name__


# --- identity, perception, distribution -------------------------------------------------------------------------------


def test_csim_is_a_cosine() -> None:
    a = np.array([[1.0, 0.0], [1.0, 1.0], [2.0, 0.0], [np.nan, 0.0]])
    assert csim(a, np.array([[1.0, 0.0]]))[:3] == pytest.approx([1.0, np.sqrt(0.5), 1.0])
    assert csim(a, np.array([[-3.0, 0.0]]))[0] == pytest.approx(-1.0)
    assert np.isnan(csim(a, np.array([[1.0, 0.0]]))[3])


def test_frechet_distance_of_known_gaussians() -> None:
    samples = np.random.default_rng(5).normal(size=(400, 3))
    assert frechet_distance(samples, samples) == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(samples + np.array([3, 4, 0]), samples) == pytest.approx(25.0)
    # A spread three times as wide: (3 s - s)^2 for every axis, with the samples' own spread.
    wider = samples.mean(axis=0) + 3 * (samples - samples.mean(axis=0))
    assert frechet_distance(wider, samples) == pytest.approx(4 * samples.var(axis=0, ddof=1).sum())
    few = np.random.default_rng(6).normal(size=(5, 40))  # fewer samples than features
    assert frechet_distance(few, few + 1.0) == pytest.approx(40.0)


@pytest.mark.parametrize(("backbone", "channels"), [("alexnet", 256), ("vgg16", 512)])
def test_lpips_orders_pictures(backbone: str, channels: int) -> None:
    try:
        network = Perceptual(backbone)
    except WeightsError as error:
        pytest.skip(str(error))
    truth = picture(64, 64, seed=1)
    near, far = (
        np.clip(truth + level * np.random.default_rng(2).normal(size=truth.shape), 0, 255) for level in (4, 40)
    )
    looks = [network.look(one.astype(np.uint8)) for one in (truth, near, far)]
    equal, little, much = (network.distance(look, looks[0]) for look in looks)
    assert equal == pytest.approx(0.0, abs=1e-6)
    assert 0.001 < little < much / 2
    assert features(looks[0]).shape == (channels,)


def test_lpips_is_the_loss_of_the_same_name() -> None:
    """Two writings of one formula: the metric's on looks taken once, and the one that training uses."""
    import torch

    from living_portraits.nn.perceptual import LPIPS

    try:
        network, loss = Perceptual("alexnet"), LPIPS.load("alexnet")
    except WeightsError as error:
        pytest.skip(str(error))
    a, b = picture(64, 64, seed=1), picture(64, 64, seed=2)
    batches = [torch.from_numpy(one).permute(2, 0, 1)[None].float() / 127.5 - 1 for one in (a, b)]
    assert network.distance(network.look(a), network.look(b)) == pytest.approx(float(loss(*batches)[0]), rel=1e-4)
