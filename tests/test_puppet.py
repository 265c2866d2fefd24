"""The mesh that carries the paint: exact where nothing moves, whole where much does."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from drawn import driver, face, picture, source

from living_portraits import geometry as geo
from living_portraits.engine import Drive, Track
from living_portraits.engines.puppet import Puppet
from living_portraits.eyes import Eye
from living_portraits.motion import AdaptedHead, SourceShape, adapt, measure
from living_portraits.mouth import Mouth
from living_portraits.restraint import restrain, soft_limit
from living_portraits.warp import HeadMesh, Texture, affine_maps, pixel_grid, unfold

SIZE = 192


def portrait(*, turned: float = 0.0) -> np.ndarray:
    pose = geo.Pose(SIZE / 42, geo.rotation_matrix(np.array([0, np.radians(turned), 0])), np.array([96.0, -90.0, 0.0]))
    return pose.to_picture(geo.flip(face((0, 0), zoom=1).astype(np.float64))).astype(np.float32)


def turning(*degrees: float) -> Track:
    points = [portrait(turned=angle) for angle in degrees]
    return Track([], np.stack(points), np.zeros((len(points), 52), np.float32), 25.0)


def test_the_identity_map_returns_the_picture_to_the_last_bit():
    crop = picture(SIZE, SIZE)
    np.testing.assert_array_equal(Texture.of(crop).sample(pixel_grid(SIZE)), crop)


def test_a_mesh_at_rest_samples_every_pixel_where_it_is():
    mesh = HeadMesh.around(portrait(), SIZE)
    still = adapt(mesh.source, measure(turning(0), Drive()), 0)
    np.testing.assert_allclose(mesh.seen(mesh.move(still)).sampling_map(), pixel_grid(SIZE), atol=1e-3)


@pytest.mark.parametrize("turned", [0.0, -35.0])
def test_at_the_neutral_frame_the_puppet_is_the_painting(turned):
    crop, points = picture(SIZE, SIZE), portrait(turned=turned)
    engine = Puppet(size=SIZE)
    doll = engine.encode_identity(Track([crop], points[None], np.zeros((1, 52), np.float32)))
    first = next(engine.generate(doll, engine.encode_motion(turning(0, 5), Drive())))
    np.testing.assert_array_equal(first, crop)


def test_the_paint_goes_where_the_points_go():
    """A dot on the nose tip, a cheek and the forehead is found again at the moved point."""
    crop = np.full((SIZE, SIZE, 3), 40, np.uint8)
    points = portrait()
    spots = (geo.NOSE_TIP, 50, 151)
    for number, spot in enumerate(spots):
        x, y = np.rint(points[spot, :2]).astype(int)
        crop[y - 1 : y + 2, x - 1 : x + 2, number] = 255
    engine = Puppet(size=SIZE)
    doll = engine.encode_identity(Track([crop], points[None], np.zeros((1, 52), np.float32)))
    motion = engine.encode_motion(turning(0, 12), Drive())
    frame = list(engine.generate(doll, motion))[1]
    moved = adapt(doll.mesh.source, restrain(motion, doll.mesh.source.pose), 1).points
    for number, spot in enumerate(spots):
        y, x = np.unravel_index(cv2.GaussianBlur(frame[..., number], (0, 0), 1).argmax(), frame.shape[:2])
        assert np.hypot(x - moved[spot, 0], y - moved[spot, 1]) < 2.0
    assert moved[geo.NOSE_TIP, 0] - points[geo.NOSE_TIP, 0] > 3


def test_nothing_moves_at_the_crops_border():
    frames = list(_play(turning(0, 20)))
    crop = source(SIZE).crops[0]
    edge = np.ones((SIZE, SIZE), bool)
    edge[1:-1, 1:-1] = False
    assert np.abs(frames[1].astype(int) - crop)[edge].max() <= 12
    assert np.abs(frames[1].astype(int) - crop)[60:130, 60:130].mean() > 5


def _play(clip: Track):
    engine = Puppet(size=SIZE)
    track = Track([source(SIZE).crops[0]], portrait()[None], np.zeros((1, 52), np.float32))
    return engine.generate(engine.encode_identity(track), engine.encode_motion(clip, Drive()))


def test_a_nose_hides_the_cheek_behind_it():
    """Sampled triangles are drawn back to front: along the nose's moved ridge the map shows nose, not cheek."""
    mesh = HeadMesh.around(portrait(), SIZE)
    motion = measure(turning(0, 30), Drive())
    head = adapt(mesh.source, motion, 1)
    sampling = mesh.seen(mesh.move(head)).sampling_map()
    x, y = np.rint(head.points[geo.NOSE_TIP, :2]).astype(int)
    assert np.linalg.norm(sampling[y, x] - mesh.rest[geo.NOSE_TIP]) < 3


@pytest.mark.parametrize("degrees", [25.0, -25.0])
def test_a_turn_of_25_degrees_copies_from_inside_the_picture(degrees):
    mesh = HeadMesh.around(portrait(), SIZE)
    sampling = mesh.seen(mesh.move(adapt(mesh.source, measure(turning(0, degrees), Drive()), 1))).sampling_map()
    assert np.isfinite(sampling).all()
    assert sampling.min() > -4 and sampling.max() < SIZE + 4


def test_unfolding_brings_hidden_points_into_view():
    points = portrait(turned=38)
    flat = unfold(points)[: geo.MESH_COUNT, :2].astype(np.float64)

    def backs(shape: np.ndarray) -> int:
        edges = shape[geo.TRIANGLES[:, 1:]] - shape[geo.TRIANGLES[:, :1]]
        return int((edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0] > 0.5).sum())

    assert backs(flat) < 0.6 * backs(points[: geo.MESH_COUNT, :2].astype(np.float64))
    assert np.abs(unfold(portrait()) - portrait()).max() < 2  # a frontal face has next to nothing to unfold


def test_a_mouth_that_opens_shows_teeth_above_and_dark_below():
    crop = np.full((SIZE, SIZE, 3), (200, 160, 140), np.uint8)
    points = portrait()
    shape = SourceShape.of(points)
    mouth = Mouth.of(crop, points, shape)
    talking = points.copy()
    talking[[*geo.LIPS_INNER_LOWER[1:-1], *geo.LIPS_OUTER_LOWER[1:-1]], 1] += 9
    clip = Track([], np.stack([points, talking]), np.zeros((2, 52), np.float32), 25.0)
    head = adapt(shape, measure(clip, Drive()), 1)
    frame = crop.copy()
    mouth.draw(frame, head)
    x, top, bottom = (int(v) for v in (head.points[13, 0], head.points[13, 1], head.points[14, 1]))
    column = frame[top + 1 : bottom - 1, x].mean(axis=1)
    assert column[: len(column) // 3].max() > 90  # teeth, in the lips' shadow
    assert column[len(column) // 3 :].min() < 75  # depth
    changed = np.abs(frame.astype(int) - crop).sum(axis=2) > 0
    assert not changed[: top - 1].any() and not changed[bottom + 2 :].any()


def test_a_closed_mouth_stays_unpainted():
    crop = picture(SIZE, SIZE)
    points = portrait()
    shape = SourceShape.of(points)
    frame = crop.copy()
    Mouth.of(crop, points, shape).draw(frame, adapt(shape, measure(turning(0, 3), Drive()), 0))
    np.testing.assert_array_equal(frame, crop)


@pytest.mark.parametrize("bared", [False, True])
def test_a_sources_own_teeth_are_spared_what_repairs_the_rest(bared):
    """White teeth between open lips: they are put back, what is below them and beyond the lips is not."""
    points = 3 * portrait()
    points[[*geo.LIPS_INNER_LOWER[1:-1], *geo.LIPS_OUTER_LOWER[1:-1]], 1] += 12
    crop = np.full((3 * SIZE, 3 * SIZE, 3), (200, 160, 140), np.uint8)
    lips = np.rint(points[list(geo.LIPS_INNER), :2]).astype(np.int32)
    cv2.fillPoly(crop, [lips], (240, 235, 225) if bared else (30, 20, 20))
    shape = SourceShape.of(points)
    mouth = Mouth.of(crop, points, shape)
    wider = points.copy()
    wider[[*geo.LIPS_INNER_LOWER[1:-1], *geo.LIPS_OUTER_LOWER[1:-1]], 1] += 15
    head = adapt(shape, measure(Track([], np.stack([points, wider]), np.zeros((2, 52), np.float32), 25.0), Drive()), 1)
    shown = crop.copy()
    mouth.draw(shown, head)
    repaired = np.zeros_like(shown)
    mouth.spare(repaired, shown, head)
    x, top, bottom = (int(v) for v in (head.points[13, 0], head.points[13, 1], head.points[14, 1]))
    back = repaired[top:bottom, x].any(axis=1)
    assert (repaired[top + 4, x].min() > 200) == bared == bool(repaired.any())
    assert not back[-8:].any()
    np.testing.assert_array_equal(repaired[top + 4, x] if bared else 0, shown[top + 4, x] if bared else 0)
    around = cv2.dilate(
        cv2.fillPoly(
            np.zeros(crop.shape[:2], np.uint8), [np.rint(head.points[list(geo.LIPS_INNER), :2]).astype(np.int32)], 1
        ),
        np.ones((3, 3)),
    )
    assert not repaired[around == 0].any()


def test_a_blink_covers_the_eye_with_lid():
    """Eyes painted white in a dark face: shut, they are gone, not squashed into a white line."""
    points = 3 * portrait()
    crop = np.full((3 * SIZE, 3 * SIZE, 3), 90, np.uint8)
    whites = np.zeros_like(crop)
    for ring in (geo.RIGHT_EYE, geo.LEFT_EYE):
        cv2.fillPoly(whites, [np.rint(points[list(ring), :2]).astype(np.int32)], (255, 255, 255))
    crop[cv2.erode(whites, np.ones((5, 5), np.uint8)) > 0] = 255
    shut = points.copy()
    for upper, lower in ((geo.RIGHT_EYE_UPPER, geo.RIGHT_EYE_LOWER), (geo.LEFT_EYE_UPPER, geo.LEFT_EYE_LOWER)):
        shut[list(upper), 1] = points[list(lower), 1]
    clip = Track([], np.stack([points, shut]), np.zeros((2, 52), np.float32), 25.0)
    engine = Puppet(size=3 * SIZE)
    doll = engine.encode_identity(Track([crop], points[None], np.zeros((1, 52), np.float32)))
    open_eyes, closed = engine.generate(doll, engine.encode_motion(clip, Drive()))
    assert (closed > 200).sum() < 0.15 * (open_eyes > 200).sum()


def test_a_head_that_is_turned_to_face_us_does_not_roll_its_eyes():
    """The turn alone moves the iris between the corners by a third of it at most; a glance counts in full."""
    front = SourceShape.of(portrait(turned=-34))
    shape = front.shape.copy()
    around = np.array([[0, 0, 0], [0.55, 0, 0], [0, 0.55, 0], [-0.55, 0, 0], [0, -0.55, 0]], np.float32)
    corners = shape[[geo.LEFT_EYE[0], geo.LEFT_EYE[8]]]
    shape[list(geo.LEFT_IRIS)] = around + corners.mean(axis=0) + np.array([0, 0, 0.9], np.float32)
    points = front.pose.to_picture(shape.astype(np.float64)).astype(np.float32)
    source = SourceShape.of(points)
    crop = picture(SIZE, SIZE)
    turn = source.pose.rotation @ geo.rotation_matrix(np.array([0, np.radians(34), 0]))
    pose = replace(source.pose, rotation=turn)
    glance = source.shape.copy()
    glance[list(geo.LEFT_IRIS), 0] += 0.3
    moved = {}
    for name, shape in {"rest": source.shape, "glance": glance}.items():
        head = AdaptedHead(pose, shape, pose.to_picture(shape.astype(np.float64)).astype(np.float32))
        eye = Eye.of(crop, points, geo.LEFT_EYE, geo.LEFT_IRIS, source)
        radius = float(np.linalg.norm(eye.rest[list(eye.iris[1:])] - eye.rest[eye.iris[0]], axis=1).mean())
        moved[name] = eye._moved(head, eye._to_source(head), radius) / radius
    assert 0.3 < np.linalg.norm(moved["rest"]) < 0.36  # more by the depths that are guessed
    assert (moved["glance"] - moved["rest"])[0] * radius == pytest.approx(0.3 * source.pose.scale, rel=0.35)


def eyed(*, iris_at: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """White eyes with black irises in a grey face, and the points; irises `iris_at` cm above the eyes' middles."""
    shape = SourceShape.of(2 * portrait()).shape.copy()
    for ring, iris in ((geo.RIGHT_EYE, geo.RIGHT_IRIS), (geo.LEFT_EYE, geo.LEFT_IRIS)):
        around = np.array([[0, 0], [0.55, 0], [0, 0.55], [-0.55, 0], [0, -0.55]], np.float32)
        shape[list(iris), :2] = around + shape[list(ring), :2].mean(axis=0) + [0, iris_at]
        shape[list(iris), 2] = shape[list(ring), 2].mean()
    pose = geo.Pose(SIZE / 21, np.eye(3), np.array([192.0, -180.0, 0.0]))
    points = pose.to_picture(shape.astype(np.float64)).astype(np.float32)
    crop = np.full((2 * SIZE, 2 * SIZE, 3), 120, np.uint8)
    for ring, iris in ((geo.RIGHT_EYE, geo.RIGHT_IRIS), (geo.LEFT_EYE, geo.LEFT_IRIS)):
        opening, disc = np.zeros_like(crop), np.zeros_like(crop)
        cv2.fillPoly(opening, [np.rint(points[list(ring), :2]).astype(np.int32)], (1, 1, 1))
        centre = points[iris[0], :2]
        cv2.circle(disc, np.rint(centre).astype(int).tolist(), round(0.55 * pose.scale), (1, 1, 1), -1)
        crop[opening > 0] = 250
        crop[(opening > 0) & (disc > 0)] = 10
    return crop, points


def test_an_eye_that_was_tracked_too_small_is_gone_when_it_shuts():
    crop, points = eyed()
    x, y = np.rint(points[geo.LEFT_EYE[12], :2]).astype(int)  # the middle of the lower lid
    crop[y : y + 3, x - 4 : x + 5] = 10  # an iris that reaches below the lid that was tracked
    shut = points.copy()
    for upper, lower in ((geo.RIGHT_EYE_UPPER, geo.RIGHT_EYE_LOWER), (geo.LEFT_EYE_UPPER, geo.LEFT_EYE_LOWER)):
        shut[list(upper), 1] = points[list(lower), 1]
    clip = Track([], np.stack([points, shut]), np.zeros((2, 52), np.float32), 25.0)
    engine = Puppet(size=2 * SIZE)
    doll = engine.encode_identity(Track([crop], points[None], np.zeros((1, 52), np.float32)))
    open_eyes, closed = engine.generate(doll, engine.encode_motion(clip, Drive()))
    np.testing.assert_array_equal(open_eyes, crop)
    assert closed[y : y + 3, x - 3 : x + 4].min() > 60  # a line of lashes, and no iris of 10


def test_a_nod_shuts_no_eye():
    crop, points = eyed()
    source = SourceShape.of(points)
    eye = Eye.of(crop, points, geo.LEFT_EYE, geo.LEFT_IRIS, source)
    pose = replace(source.pose, rotation=geo.rotation_matrix(np.radians([50.0, 0, 0])) @ source.pose.rotation)
    nodding = AdaptedHead(pose, source.shape, pose.to_picture(source.shape.astype(np.float64)).astype(np.float32))
    assert eye._opened(nodding) == pytest.approx(1.0)
    lids = source.shape.copy()
    upper, lower = list(geo.LEFT_EYE_UPPER[1:-1]), list(geo.LEFT_EYE_LOWER[1:-1])
    lids[upper, 1] = lids[lower, 1] + 0.25 * (lids[upper, 1] - lids[lower, 1])
    assert eye._opened(AdaptedHead(source.pose, lids, points)) == pytest.approx(0.25, abs=0.01)


def test_an_iris_stays_at_the_lid_that_covers_it():
    crop, points = eyed(iris_at=0.1)
    source = SourceShape.of(points)
    eye = Eye.of(crop, points, geo.LEFT_EYE, geo.LEFT_IRIS, source)
    radius = float(np.linalg.norm(eye.rest[list(eye.iris[1:])] - eye.rest[eye.iris[0]], axis=1).mean())

    def moved(down: float, *, lids: float) -> float:
        shape = source.shape.copy()
        shape[list(geo.LEFT_IRIS), 1] -= down
        shape[list(geo.LEFT_EYE_UPPER[1:-1]), 1] -= lids
        points = source.pose.to_picture(shape.astype(np.float64)).astype(np.float32)
        head = AdaptedHead(source.pose, shape, points)
        return float(eye._moved(head, eye._to_source(head), radius)[1]) / source.pose.scale

    assert moved(0.3, lids=0.3) == pytest.approx(0.3, abs=0.02)  # lids that follow a glance let it go
    assert moved(0.3, lids=-0.3) < 0.15
    assert moved(-0.2, lids=0.0) == pytest.approx(-0.2, abs=0.02)
    folded = replace(eye, rest=eye.rest * np.array([0, 1], np.float32))  # an eye of a profile
    head = AdaptedHead(source.pose, source.shape, points)
    assert folded._lowest(head, eye._to_source(head), radius, 0.0) == np.inf


def test_what_is_hardly_a_pixel_goes_where_its_corners_go():
    speck = np.array([[[198.9, 269.1], [197.2, 267.5], [199.5, 269.7]], [[0, 0], [9, 0], [0, 9]]])
    source = np.array([[[202.2, 270.4], [201.7, 268.4], [202.2, 270.4]], [[1, 1], [19, 1], [1, 10]]])
    (small, large) = affine_maps(speck, source)
    np.testing.assert_allclose(small @ [200, 270, 1], (source[0] - speck[0]).mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(large @ [9, 0, 1], [10, 1], atol=1e-3)


def test_limits_leave_small_motion_alone_and_hold_large_motion():
    vectors = np.array([[0.1, 0, 0], [0.0, 3.0, 4.0]])
    held = soft_limit(vectors, 1.0, 2.0)
    np.testing.assert_array_equal(held[0], vectors[0])
    assert 1.9 < np.linalg.norm(held[1]) <= 2.0
    np.testing.assert_allclose(held[1] / np.linalg.norm(held[1]), [0, 0.6, 0.8])


def test_a_three_quarter_head_is_held_back_from_showing_what_was_not_painted():
    motion = measure(turning(0, 20, -20), Drive())
    turned = restrain(motion, SourceShape.of(portrait(turned=-35)).pose)
    degrees = [np.degrees(geo.rotation_vector(r.astype(np.float64)))[1] for r in turned.rotation]
    assert 0 < degrees[1] < 9
    assert degrees[2] < -17


def test_a_whole_film_is_lively_and_within_the_picture():
    clip = driver(SIZE)
    frames = list(_play(clip))
    motion = [np.abs(frames[i].astype(int) - frames[0]).mean() for i in range(len(frames))]
    assert motion[0] == 0 and max(motion) > 2
