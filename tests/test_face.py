"""Faces in stills: the points are right, the ladder finds what is hard and nothing where there is nothing."""

import builtins
import dataclasses
import sys
import types

import cv2
import drawn
import numpy as np
import pytest

from living_portraits import face, geometry, samples, video
from living_portraits.errors import LivingPortraitsError, OptionError, SystemLibraryError
from living_portraits.face import ladder, landmarker
from living_portraits.face.model import Face, distance, extent, overlap
from living_portraits.face.view import shown, to_picture
from living_portraits.landmarks68 import SIXTY_EIGHT, to_68


@pytest.fixture(scope="module")
def astronaut():
    return video.read_picture(samples.astronaut).rgb


@pytest.fixture(scope="module")
def found(astronaut) -> Face:
    (only,) = face.find(astronaut)
    return only


def test_the_points_are_where_they_should_be(astronaut, found) -> None:
    height, width = astronaut.shape[:2]
    assert found.points.shape == (478, 3) and found.points.dtype == np.float32
    assert 0 < found.box[0] < found.box[2] < width and 0 < found.box[1] < found.box[3] < height
    x, y, z = found.points.T
    assert x[geometry.RIGHT_IRIS[0]] < x[geometry.NOSE_TIP] < x[geometry.LEFT_IRIS[0]]  # her right is our left
    assert y[geometry.FOREHEAD] < y[geometry.RIGHT_IRIS[0]] < y[geometry.NOSE_TIP] < y[13] < y[geometry.CHIN]
    assert z[geometry.NOSE_TIP] < z[234] - 0.2 * (x[454] - x[234])  # towards the viewer, in the unit of x
    for corner, iris, other in ((33, 468, 133), (362, 473, 263)):
        assert x[corner] < x[iris] < x[other]


def test_blendshapes_head_and_confidence(found) -> None:
    assert found.blendshapes.shape == (52,) and 0 <= found.blendshapes.min() <= found.blendshapes.max() <= 1
    assert found.blendshapes[[44, 45]].min() > 0.5  # mouthSmileLeft and mouthSmileRight: she smiles
    np.testing.assert_allclose(found.head[:3, :3] @ found.head[:3, :3].T, np.eye(3), atol=1e-3)
    assert found.head[2, 3] < -10  # in front of the camera, which looks along -z
    assert found.found_by == "plain" and 0.7 < found.confidence <= 1


def test_points_and_depth_scale_with_the_picture_and_not_with_its_canvas(astronaut, found) -> None:
    double = cv2.resize(astronaut, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    wide = cv2.copyMakeBorder(astronaut, 0, 0, 300, 0, cv2.BORDER_CONSTANT, value=(90, 90, 90))
    size = extent(found.points)
    for picture, scale, shift in ((double, 2, 0), (wide, 1, 300)):
        (again,) = face.find(picture)
        error = (again.points - [shift, 0, 0]) / scale - found.points
        assert np.abs(error.mean(axis=0)).max() < 0.05 * size
        assert np.ptp(again.points[:, 2]) / scale == pytest.approx(np.ptp(found.points[:, 2]), rel=0.15)


@pytest.mark.parametrize("video", [False, True])
def test_the_landmarker_reads_what_mediapipes_own_methods_tell(astronaut, video: bool) -> None:
    import mediapipe

    image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(astronaut))
    with landmarker.Landmarker(video=video) as eye:
        (found,) = eye.detect(astronaut)
    with landmarker.Landmarker(video=video) as eye:
        told = eye._task.detect_for_video(image, landmarker._APART) if video else eye._task.detect(image)
    height, width = astronaut.shape[:2]
    unit = np.array([width, height, width], np.float32)
    points = np.array([(point.x, point.y, point.z) for point in told.face_landmarks[0]], np.float32) * unit
    np.testing.assert_array_equal(found.points, points)
    np.testing.assert_array_equal(found.blendshapes, np.array([one.score for one in told.face_blendshapes[0]], "f4"))
    np.testing.assert_array_equal(found.head, np.float32(told.facial_transformation_matrixes[0]))


def test_the_landmarkers_depth_is_in_the_unit_of_x(astronaut) -> None:
    wide = cv2.copyMakeBorder(astronaut, 0, 0, 150, 150, cv2.BORDER_CONSTANT, value=(90, 90, 90))
    with landmarker.Landmarker() as eye:
        (square,), (oblong,) = eye.detect(astronaut), eye.detect(wide)
    assert np.ptp(oblong.points[:, 2]) == pytest.approx(np.ptp(square.points[:, 2]), rel=0.15)


@pytest.mark.parametrize("degrees", [-75, 90, 180])
def test_a_turned_head_is_found_where_it_is(astronaut, found, degrees: int) -> None:
    height, width = astronaut.shape[:2]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    (again,) = face.find(cv2.warpAffine(astronaut, turn, (width, height), borderMode=cv2.BORDER_REPLICATE))
    where = found.points[:, :2] @ turn[:, :2].T + turn[:, 2]
    assert np.linalg.norm(again.points[:, :2] - where, axis=1).mean() < 0.1 * extent(found.points)
    roll = np.deg2rad(degrees)  # OpenCV turns counter-clockwise, and so does a positive roll about z with y up
    turned = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    off = again.head[:3, :3] @ (turned @ found.head[:3, :3]).T
    assert np.degrees(np.arccos(np.clip((np.trace(off) - 1) / 2, -1, 1))) < 12


def test_several_faces_come_largest_first_and_once_each(astronaut) -> None:
    head = astronaut[20:240, 120:340]
    small = cv2.resize(head, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
    picture = np.full((300, 520, 3), 128, np.uint8)
    picture[100 : 100 + len(small), 40 : 40 + small.shape[1]] = small
    picture[40:260, 250:470] = head
    large, little = face.find(picture)
    assert large.area > 1.5 * little.area
    assert large.box[0] > 250 and little.box[2] < 250


def side_by_side(*names: str, size: tuple[int, int] = (300, 400)) -> np.ndarray:
    """Bundled portraits in one row, each of this width and height."""
    portraits = [video.read_picture(samples.PORTRAITS[name]).rgb for name in names]
    return np.hstack([cv2.resize(portrait, size, interpolation=cv2.INTER_AREA) for portrait in portraits])


@pytest.mark.parametrize(
    ("names", "upright"),
    [
        (("mona_lisa", "rembrandt", "ada_lovelace"), False),
        (("astronaut", "girl_with_a_pearl_earring"), False),
        (("young_woman", "astronaut", "girl_with_a_pearl_earring"), False),
        (("young_woman", "mona_lisa"), True),
    ],
)
def test_a_group_is_found_whole(names: tuple[str, ...], upright: bool) -> None:
    row = side_by_side(*names)
    picture = np.vstack(np.hsplit(row, len(names))) if upright else row
    before = picture.copy()
    faces = face.find(picture)
    np.testing.assert_array_equal(picture, before)  # painted over in a copy
    axis, length = (1, 400) if upright else (0, 300)
    middles = sorted((one.box[axis] + one.box[axis + 2]) / 2 for one in faces)
    assert [int(middle // length) for middle in middles] == list(range(len(names)))
    areas = [one.area for one in faces]
    assert areas == sorted(areas, reverse=True)
    assert min(one.confidence for one in faces) >= 0.6


@pytest.mark.parametrize("name", sorted(samples.PORTRAITS))
def test_a_single_portrait_has_one_face_and_the_ladders_own(name: str) -> None:
    picture = video.read_picture(samples.PORTRAITS[name]).rgb
    (only,) = face.find(picture)
    with landmarker.Landmarkers() as landmarkers:
        (first,) = ladder.search(picture, landmarkers, ladder.LADDER)
    np.testing.assert_array_equal(only.points, first.points)


def test_a_close_portrait_is_not_searched_for_others(monkeypatch, astronaut, found) -> None:
    searched = []
    monkeypatch.setattr(ladder, "others", lambda picture, faces, landmarkers: searched.append(picture.shape) or [])
    left, top, right, bottom = (round(side) for side in found.box)
    close = np.ascontiguousarray(astronaut[top - 40 : bottom + 40, left - 50 : right + 50])
    assert len(face.find(close)) == 1 and searched == []
    assert len(face.find(astronaut)) == 1 and searched == [astronaut.shape]


def test_windows_show_what_is_left_and_trust_little(monkeypatch, astronaut, found) -> None:
    with landmarker.Landmarkers() as landmarkers:
        assert ladder.others(astronaut, [found], landmarkers) == []
        elsewhere = dataclasses.replace(found, points=found.points + np.float32([-150, 250, 0]))
        (again,) = ladder.others(astronaut, [elsewhere], landmarkers)
        assert again.found_by == "window" and distance(found.points, again.points) < 0.1
        weak = dataclasses.replace(again, confidence=0.59)
        monkeypatch.setattr(ladder, "confirmed", lambda picture, proposal, landmarker: weak)
        assert ladder.others(astronaut, [elsewhere], landmarkers) == []


@pytest.mark.parametrize(("height", "width"), [(401, 901), (800, 300), (512, 512), (120, 330)])
def test_windows_cover_the_picture_and_know_their_way_back(height: int, width: int) -> None:
    across = np.repeat(np.linspace(0, 255, width)[None], height, axis=0)
    down = np.repeat(np.linspace(0, 255, height)[:, None], width, axis=1)
    picture = np.stack([across, down, down], axis=2).astype(np.uint8)
    seen: dict[int, np.ndarray] = {}
    for matrix, side in ladder.panes(picture):
        assert side <= 256
        zoom = matrix[0, 0]
        covered = seen.setdefault(round(side / zoom), np.zeros((height, width), int))
        left, top = (0.5 * (zoom - 1) - matrix[:, 2]) / zoom
        covered[round(top) : round(top + side / zoom), round(left) : round(left + side / zoom)] += 1
        x, y = (np.array([side // 2, side // 2]) - matrix[:, 2]) / zoom
        red, green, _ = shown(picture, matrix, (side, side)).frame[side // 2, side // 2].astype(float)
        assert red == pytest.approx(x * 255 / (width - 1), abs=1.6)
        assert green == pytest.approx(y * 255 / (height - 1), abs=1.6)
    short = min(height, width)
    assert sorted(seen) == sorted(side for side in (short, round(short / 2)) if side >= 96)
    assert all(covered.min() >= 1 for covered in seen.values())


@pytest.mark.parametrize(
    ("centre", "zoom", "expected"),
    [((100, 110), 4.0, False), ((130, 110), 1.0, False), ((160, 110), 4.0, True), ((100, 150), 12.0, False)],
)
def test_beside(centre: tuple[float, float], zoom: float, expected: bool) -> None:
    one, other = (
        Face(drawn.face(place, zoom=size), np.zeros(52, np.float32), np.eye(4, dtype=np.float32), "window")
        for place, size in (((100, 110), 4.0), (centre, zoom))
    )
    assert ladder.beside(one, [other]) is ladder.beside(other, [one]) is expected
    assert ladder.beside(one, [])


def test_a_small_face_in_a_large_picture_is_found_in_a_tile(astronaut) -> None:
    picture = np.tile(drawn.picture(400, 500), (4, 4, 1)) // 8 + 100
    picture[900:1080, 1500:1680] = cv2.resize(astronaut[20:240, 120:340], (180, 180), interpolation=cv2.INTER_AREA)
    (only,) = face.find(picture)
    assert "tiles" in only.found_by
    assert 1500 < only.box[0] < only.box[2] < 1680 and 900 < only.box[1] < only.box[3] < 1080


def test_a_face_of_a_thirtieth_of_the_picture_is_found(astronaut) -> None:
    picture = np.tile(drawn.picture(400, 600), (4, 4, 1)) // 8 + 100
    picture[1230:1590, 2030:2390] = cv2.resize(astronaut, (360, 360), interpolation=cv2.INTER_AREA)
    [only] = face.find(picture)
    assert 60 < np.ptp(only.points[:, 1]) < 90 and "tiles" in only.found_by


def test_a_face_that_fills_the_picture_is_found() -> None:
    picture = video.read_picture(samples.mona_lisa).rgb
    (whole,) = face.find(picture)
    left, top, right, bottom = (round(side) for side in whole.box)
    brow = top + (bottom - top) // 5
    (cut,) = face.find(np.ascontiguousarray(picture[brow:bottom, left:right]))
    assert distance(whole.points, cut.points + np.array([left, brow, 0], np.float32)) < 0.12


def test_hatching_is_smoothed_away() -> None:
    picture = video.read_picture(samples.mona_lisa).rgb
    (clean,) = face.find(picture)
    lines = 60 * np.sign(np.sin(2 * np.pi / 5 * np.indices(picture.shape[:2]).sum(axis=0)))[..., None]
    (hatched,) = face.find((0.8 * picture + 25 + lines).clip(0, 255).astype(np.uint8))
    assert hatched.found_by != "plain" and hatched.confidence < clean.confidence
    assert distance(clean.points, hatched.points) < 0.15


def no_faces():
    generator = np.random.default_rng(0)
    yield "noise", generator.integers(0, 256, (240, 320, 3), dtype=np.uint8)
    yield "one colour", np.full((200, 200, 3), 190, np.uint8)
    yield "clouds", drawn.picture(300, 400, seed=3)
    board = 60 + 150 * (np.indices((256, 256)).sum(axis=0) // 32 % 2)
    yield "chequers", np.repeat(board[..., None], 3, axis=2).astype(np.uint8)
    blocks = cv2.resize(video.read_picture(samples.rembrandt).rgb, (480, 480)).reshape(10, 48, 10, 48, 3)
    shuffled = generator.permutation(blocks.swapaxes(1, 2).reshape(100, 48, 48, 3)).reshape(10, 10, 48, 48, 3)
    yield "shuffled Rembrandt", np.ascontiguousarray(shuffled.swapaxes(1, 2).reshape(480, 480, 3))
    yield "one pixel", np.zeros((1, 1, 3), np.uint8)
    yield "a line", np.zeros((1, 700, 3), np.uint8)


@pytest.mark.parametrize("picture", [pytest.param(picture, id=name) for name, picture in no_faces()])
def test_nothing_is_found_where_there_is_nothing(picture) -> None:
    assert face.find(picture) == []


def test_a_proposal_counts_only_when_a_second_look_agrees(astronaut, found) -> None:
    with landmarker.Landmarkers() as landmarkers:
        again = ladder.confirmed(astronaut, found, landmarkers.at(ladder.SECOND_LOOK))
        assert again is not None and again.found_by == "plain"
        beside = Face(found.points + np.float32(0.35 * extent(found.points)), found.blendshapes, found.head, "faint")
        assert ladder.confirmed(astronaut, beside, landmarkers.at(ladder.SECOND_LOOK)) is None
        grey = np.full_like(astronaut, 128)
        assert ladder.confirmed(grey, found, landmarkers.at(ladder.SECOND_LOOK)) is None


@pytest.mark.parametrize(
    ("zoom", "centre", "expected"),
    [(4.0, (100, 110), True), (4.0, (-10, 110), False), (4.0, (100, 250), False), (1.0, (100, 110), False)],
)
def test_plausible(zoom: float, centre: tuple[float, float], expected: bool) -> None:
    there = Face(drawn.face(centre, zoom=zoom), np.zeros(52, np.float32), np.eye(4, dtype=np.float32), "tiles")
    assert ladder.plausible(there, drawn.picture(240, 200)) is expected


def test_overlap() -> None:
    points = drawn.face()
    left, right = points[:, 0].min(), points[:, 0].max()
    half = points + np.array([(right - left) / 2, 0, 0], np.float32)
    assert overlap(points, points) == pytest.approx(1)
    assert overlap(points, half) == pytest.approx(1 / 3, abs=0.01)
    assert overlap(points, points + 1000) == 0


@pytest.mark.parametrize("rung", ladder.LADDER, ids=lambda rung: rung.name)
def test_every_view_knows_its_way_back(rung) -> None:
    """A bright spot lies in each view where the matrix says, and comes back to where it was."""
    spot = np.array([1210.0, 505.0])
    picture = np.zeros((1100, 1700, 3), np.uint8)
    cv2.circle(picture, (1210, 505), 40, (255, 255, 255), -1)
    hits = 0
    for view in ladder.views(picture, rung):
        x, y = view.matrix[:, :2] @ spot + view.matrix[:, 2]
        height, width = view.frame.shape[:2]
        reach = 60 * np.sqrt(np.linalg.det(view.matrix[:, :2]))
        if not (reach < x < width - reach and reach < y < height - reach):
            continue
        hits += 1
        light = view.frame[..., 0].astype(float)
        light[light < 100] = 0
        centre = np.array([(light.sum(axis=0) @ np.arange(width)), (light.sum(axis=1) @ np.arange(height))])
        np.testing.assert_allclose(centre / light.sum(), [x, y], atol=0.6)
        back = to_picture(
            Face(np.tile(np.float32([x, y, 5]), (478, 1)), np.zeros(52, np.float32), np.eye(4, dtype=np.float32), ""),
            view.matrix,
        )
        np.testing.assert_allclose(back.points[0, :2], spot, atol=0.01)
        assert back.points[0, 2] == pytest.approx(5 / np.sqrt(np.linalg.det(view.matrix[:, :2])), rel=1e-4)
    assert hits >= len(rung.turns)


def test_an_identity_view_is_the_picture_itself() -> None:
    picture = drawn.picture(90, 120)
    np.testing.assert_array_equal(shown(picture, np.eye(2, 3), (120, 90)).frame, picture)


def test_the_68_points_are_in_order(found) -> None:
    """Seen in the picture: jaw from left to right, brows, nose downwards, eyes and lips clockwise from the left."""
    assert len(SIXTY_EIGHT) == len(set(SIXTY_EIGHT)) == 68
    points = to_68(found.points)
    assert points.shape == (68, 2)
    x, y = points.T
    assert x.argmin() in (0, 1, 2) and x.argmax() in (14, 15, 16) and y.argmax() == 8
    for start, stop in ((17, 22), (22, 27), (31, 36), (48, 55), (60, 65)):
        assert (np.diff(x[start:stop]) > 0).all()
    assert (np.diff(y[:9]) > 0).all() and (np.diff(y[8:17]) < 0).all() and (np.diff(y[27:31]) > 0).all()
    assert y[17:27].max() < y[36:48].min() < y[30] < y[33] < y[51] < y[57] < y[8]
    assert x[21] < x[27] < x[22] and x[39] < x[27] < x[42]
    for ring in (range(36, 42), range(42, 48), range(48, 60), range(60, 68)):
        a, b = points[list(ring)], np.roll(points[list(ring)], -1, axis=0)
        assert (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() > 0  # clockwise, for y grows downwards
        assert x[ring[0]] == min(x[list(ring)])
    for named, index in ((0, 127), (16, 356), (8, 152), (36, 33), (45, 263), (48, 61), (54, 291), (30, 4)):
        assert SIXTY_EIGHT[named] == index


def test_an_unknown_backend_lists_the_choices() -> None:
    with pytest.raises(OptionError, match=r"'dlib'.*mediapipe, face-alignment"):
        face.find(np.zeros((8, 8, 3), np.uint8), backend="dlib")


def _fail_import(monkeypatch, error: BaseException) -> None:
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.split(".")[0] == "mediapipe":
            raise error
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)


def _fail_load(monkeypatch, error: BaseException) -> None:
    from mediapipe.tasks.python import vision

    def refuse(options):
        raise error

    monkeypatch.setattr(vision.FaceLandmarker, "create_from_options", refuse)


MISSING = "{}: cannot open shared object file: No such file or directory"


@pytest.mark.parametrize(
    ("stage", "error", "expected"),
    [
        (_fail_import, ImportError(MISSING.format("libGL.so.1")), SystemLibraryError),
        (_fail_load, OSError(MISSING.format("libEGL.so.1")), SystemLibraryError),
        (_fail_load, OSError(MISSING.format("libGLESv2.so.2")), SystemLibraryError),
        (_fail_import, ImportError("cannot import name 'vision'"), ImportError),
        (_fail_load, RuntimeError("the model is damaged"), RuntimeError),
    ],
)
def test_missing_system_libraries_are_one_sentence(monkeypatch, stage, error, expected) -> None:
    stage(monkeypatch, error)
    with pytest.raises(expected) as caught:
        face.find(np.zeros((64, 64, 3), np.uint8))
    if expected is SystemLibraryError:
        assert "apt-get install libegl1 libgles2 libgl1" in str(caught.value)
        assert str(error).split(":")[0] in str(caught.value)
    else:
        assert not isinstance(caught.value, LivingPortraitsError)


def test_nothing_is_written_to_stderr(astronaut, capfd) -> None:
    face.find(astronaut)
    print("still heard", file=sys.stderr)
    assert capfd.readouterr().err == "still heard\n"


def test_every_landmarker_is_closed_also_after_an_error(monkeypatch, astronaut) -> None:
    from mediapipe.tasks.python import vision

    opened, closed = [], []
    create, close = vision.FaceLandmarker.create_from_options, vision.FaceLandmarker.close
    monkeypatch.setattr(
        vision.FaceLandmarker, "create_from_options", lambda options: opened.append(create(options)) or opened[-1]
    )
    monkeypatch.setattr(vision.FaceLandmarker, "close", lambda task: closed.append(task) or close(task))
    face.find(astronaut)
    assert len(opened) >= 2 and sorted(map(id, opened)) == sorted(map(id, closed))

    def frames():
        yield astronaut
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        face.follow(frames(), fps=25.0)
    assert sorted(map(id, opened)) == sorted(map(id, closed))


def test_asking_for_mediapipe_loads_no_other_backend(monkeypatch, astronaut) -> None:
    monkeypatch.setitem(sys.modules, "face_alignment", types.ModuleType("face_alignment"))
    assert face.find(astronaut, backend="mediapipe")[0].found_by == "plain"
