"""A cheek that a turn draws apart: grain instead of strokes, in its own colours, and nothing else is touched."""

import cv2
import numpy as np
import pytest
from drawn import face

from living_portraits import geometry as geo
from living_portraits.doll import Doll
from living_portraits.engine import Drive, Track
from living_portraits.far_side import FarSide
from living_portraits.motion import adapt, measure
from living_portraits.warp import HeadMesh, Seen, Texture

SIZE = 320
UNIT = SIZE / 32  # px a cm


def portrait(turned: float) -> np.ndarray:
    turn = geo.rotation_matrix(np.array([0, np.radians(turned), 0]))
    pose = geo.Pose(UNIT, turn, np.array([SIZE / 2, -SIZE / 2, 0.0]))
    return pose.to_picture(geo.flip(face((0, 0), zoom=1).astype(np.float64))).astype(np.float32)


def canvas(*, left: float = 120.0, right: float = 120.0) -> np.ndarray:
    """Grain that is as fine in every direction, over light that grows from left to right."""
    grain = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 1, (SIZE, SIZE)), (0, 0), 0.8)
    light = np.linspace(left, right, SIZE)[None]
    return np.repeat(np.clip(light + 25 * grain / grain.std(), 0, 255)[..., None], 3, axis=2).astype(np.uint8)


def turn(crop: np.ndarray, start: float, degrees: float) -> tuple[np.ndarray, np.ndarray, Seen, np.ndarray]:
    """A face that looks away by `start` turns by `degrees`: the frame, the frame mended, the mesh, and its points."""
    mesh = HeadMesh.around(portrait(start), SIZE)
    clip = Track([], np.stack([portrait(0), portrait(degrees)]), np.zeros((2, 52), np.float32), 25.0)
    head = adapt(mesh.source, measure(clip, Drive()), 1)
    seen = mesh.seen(mesh.move(head))
    frame = Texture.of(crop).sample(seen.sampling_map())
    mended = frame.copy()
    FarSide.of(crop, mesh).mend(mended, seen)
    return frame, mended, seen, head.points


def unevenness(frame: np.ndarray, where: np.ndarray) -> float:
    """How much more the picture changes across strokes than along: 1 for grain."""
    grey = frame[..., 0].astype(np.float32)
    down, across = (np.abs(np.diff(grey, axis=axis, append=0))[where].mean() for axis in (0, 1))
    return float(down / across)


@pytest.mark.parametrize("side", [-1, 1])
def test_strokes_become_grain(side: int) -> None:
    frame, mended, _, _ = turn(canvas(), 32.0 * side, -24.0 * side)
    changed = (np.abs(mended.astype(int) - frame).sum(axis=2) > 6).astype(np.uint8)
    changed = cv2.erode(cv2.morphologyEx(changed, cv2.MORPH_CLOSE, np.ones((9, 9))), np.ones((7, 7))) > 0
    assert changed.sum() > 4 * UNIT**2  # square cm
    assert unevenness(frame, changed) > 1.7
    assert unevenness(mended, changed) < 1.3


def test_the_far_side_keeps_its_own_light() -> None:
    """The near side is lit, the far one is in the dark: what is mended stays dark."""
    frame, mended, _, _ = turn(canvas(left=30, right=200), 32.0, -24.0)
    soft, smooth = (cv2.GaussianBlur(each[..., 0].astype(np.float32), (0, 0), UNIT / 2) for each in (frame, mended))
    assert np.abs(frame.astype(int) - mended).max() > 10
    off = np.abs(soft - smooth)
    assert np.quantile(off[off > 1], 0.95) < 8 and off.max() < 15  # the rim is no measure


def test_what_shines_through_at_the_outline_shades_no_cheek() -> None:
    """A light face before the dark: its rim is half dark, and drawn apart it would be seen as a bruise."""
    outline = np.rint(portrait(32.0)[list(geo.FACE_OVAL), :2]).astype(np.int32)
    face = cv2.fillPoly(np.zeros((SIZE, SIZE), np.uint8), [outline], 255)
    crop = cv2.GaussianBlur(cv2.erode(face, np.ones((3, 3), np.uint8)), (0, 0), 1.5)
    frame, mended, _, _ = turn(np.repeat(crop[..., None], 3, axis=2), 32.0, -24.0)
    changed = np.abs(frame.astype(int) - mended).max(axis=2) > 10
    assert changed.sum() > UNIT**2
    assert mended[changed].mean() > frame[changed].mean() + 20


@pytest.mark.parametrize(("start", "degrees"), [(0.0, 0.0), (32.0, 0.0), (0.0, 5.0), (0.0, -15.0)])
def test_what_is_not_drawn_apart_is_left_alone(start: float, degrees: float) -> None:
    frame, mended, _, _ = turn(canvas(), start, degrees)
    np.testing.assert_array_equal(mended, frame)


def test_nothing_changes_beyond_the_outline() -> None:
    frame, mended, _, points = turn(canvas(), 32.0, -24.0)
    face_ = np.zeros((SIZE, SIZE), np.uint8)
    outline = np.rint(points[list(geo.FACE_OVAL), :2]).astype(np.int32)
    cv2.fillPoly(face_, [cv2.convexHull(outline)], 1)
    beyond = cv2.dilate(face_, np.ones((9, 9))) == 0
    np.testing.assert_array_equal(mended[beyond], frame[beyond])


@pytest.mark.parametrize("dark", [20, 100])
def test_an_edge_or_hair_on_the_near_side_is_no_grain(dark: int) -> None:
    """A line on the near cheek, or all that is dark beside it, does not come over."""
    points = portrait(32.0)
    near, far = (50, 280) if points[50, 0] - points[4, 0] < points[4, 0] - points[280, 0] else (280, 50)
    assert abs(points[near, 0] - points[geo.NOSE_TIP, 0]) > abs(points[far, 0] - points[geo.NOSE_TIP, 0])
    x, way = int(points[near, 0]), int(np.sign(points[near, 0] - points[geo.NOSE_TIP, 0]))
    _, clean, _, moved = turn(canvas(), 32.0, -24.0)
    beyond = (np.arange(SIZE)[None] - moved[geo.NOSE_TIP, 0]) * way < 0  # the far side
    for marked in (np.s_[:, x - 1 : x + 2], np.s_[:, x:] if way > 0 else np.s_[:, : x + 1]):
        crop = canvas()
        crop[marked] = dark
        _, mended, _, _ = turn(crop, 32.0, -24.0)
        came = np.abs(mended.astype(int) - clean).max(axis=2)[np.broadcast_to(beyond, (SIZE, SIZE))]
        assert np.sort(came)[-40:].mean() < 45  # its own grain, which is not lent any more; a line that came is more


def test_a_face_that_leaves_the_frame_is_mended_as_far_as_it_is_there() -> None:
    mesh = HeadMesh.around(portrait(32.0), SIZE)
    clip = Track(
        [],
        np.stack([portrait(0), portrait(-24.0) - np.array([150, 0, 0], np.float32)]),
        np.zeros((2, 52), np.float32),
        25.0,
    )
    seen = mesh.seen(mesh.move(adapt(mesh.source, measure(clip, Drive()), 1)))
    frame = np.full((SIZE, SIZE, 3), 90, np.uint8)
    FarSide.of(frame.copy(), mesh).mend(frame, seen)
    assert np.abs(frame.astype(int) - 90).max() <= 1


@pytest.mark.parametrize("mended", [False, True])
def test_a_doll_is_mended_where_that_is_asked_for(mended: bool) -> None:
    crop = canvas()
    frame, better, _, _ = turn(crop, 32.0, -24.0)
    doll = Doll.of(crop, portrait(32.0), mended=mended)
    clip = Track([], np.stack([portrait(0), portrait(-24.0)]), np.zeros((2, 52), np.float32), 25.0)
    shown = doll.pose(measure(clip, Drive()), 1)[0].astype(int)
    assert (np.abs(shown - better).mean() < np.abs(shown - frame).mean()) == mended


def test_what_was_mended_is_not_repaired_again_but_at_lips_and_lids() -> None:
    crop = canvas()
    mesh = HeadMesh.around(portrait(32.0), SIZE)
    clip = Track([], np.stack([portrait(0), portrait(-24.0)]), np.zeros((2, 52), np.float32), 25.0)
    head = adapt(mesh.source, measure(clip, Drive()), 1)
    seen = mesh.seen(mesh.move(head))
    frame = Texture.of(crop).sample(seen.sampling_map())
    torn, lent = frame.copy(), FarSide.of(crop, mesh).mend(frame, seen)
    assert lent is not None
    repaired = np.zeros_like(frame)
    lent.spare(repaired, frame, head)
    kept = repaired[..., 0] / np.maximum(frame[..., 0], 1.0)
    mended = np.abs(frame.astype(int) - torn).sum(axis=2) > 60
    apart = np.ones_like(mended)
    for ring in (geo.LIPS_OUTER, geo.LEFT_EYE, geo.RIGHT_EYE):
        hull = cv2.convexHull(np.rint(head.points[list(ring), :2]).astype(np.int32))
        near = cv2.fillConvexPoly(np.zeros((SIZE, SIZE), np.uint8), hull, 1)
        assert kept[near > 0].max() < 0.35  # the far corners are softly so
        apart &= cv2.distanceTransform(1 - near, cv2.DIST_L2, 5) > 1.2 * UNIT
    assert (mended & apart).sum() > 100 and np.median(kept[mended & apart]) > 0.9
    away = cv2.dilate((np.abs(frame.astype(int) - torn).sum(axis=2) > 0).astype(np.uint8), np.ones((31, 31))) == 0
    assert (kept[away] == 0).all()


@pytest.mark.parametrize("unit", [0.5, 1.0, 2.0])
def test_a_face_of_a_few_pixels_does_no_harm(unit: float) -> None:
    crop = canvas()[:64, :64].copy()
    points, turned = (portrait(angle) * unit / UNIT + np.array([20, 20, 0], np.float32) for angle in (32.0, 8.0))
    mesh = HeadMesh.around(points.astype(np.float32), 64)
    clip = Track([], np.stack([points, turned]).astype(np.float32), np.zeros((2, 52), np.float32), 25.0)
    seen = mesh.seen(mesh.move(adapt(mesh.source, measure(clip, Drive()), 1)))
    frame = crop.copy()
    with np.errstate(invalid="raise", divide="raise"):
        FarSide.of(crop, mesh).mend(frame, seen)
    assert np.abs(frame.astype(int) - crop).mean() < 8
