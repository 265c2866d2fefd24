"""One face through a clip: it stays the same face, holes are bridged or named, trembling goes and blinks stay."""

import dataclasses
import gc
import itertools
import threading
import weakref

import cv2
import drawn
import numpy as np
import pytest

from living_portraits import face, geometry, samples, video
from living_portraits.errors import FaceError, OptionError
from living_portraits.face import tracking
from living_portraits.face.landmarker import Landmarker, Landmarkers
from living_portraits.face.model import Face, FaceTrack, distance, extent
from living_portraits.face.steady import bridged, steadied_track
from living_portraits.face.tracking import Watcher

FPS = 25.0


@pytest.fixture(scope="module")
def head():
    """A portrait's head on a grey ground, 200 x 220."""
    return np.ascontiguousarray(video.read_picture(samples.astronaut).rgb[20:240, 130:330])


def scene(head, x: int, y: int = 20, *, width: int = 480, height: int = 270):
    frame = np.full((height, width, 3), 150, np.uint8)
    frame[y : y + head.shape[0], x : x + head.shape[1]] = head
    return frame


BLACK = np.zeros((270, 480, 3), np.uint8)


def at(x: float, y: float = 0.0, *, zoom: float = 4.0, blink: float = 0.0) -> Face:
    """A made-up face; `blink` in [0, 1] shuts its right eye."""
    points = drawn.face((100 + x, 110 + y), zoom=zoom)
    upper, lower = list(geometry.RIGHT_EYE_UPPER[1:-1]), list(geometry.RIGHT_EYE_LOWER[1:-1])
    points[upper] += blink * (points[lower] - points[upper])
    blendshapes = np.zeros(52, np.float32)
    blendshapes[9] = blink
    return Face(points, blendshapes, np.eye(4, dtype=np.float32), "window")


def opening(points) -> float:
    return float(np.linalg.norm(points[159, :2] - points[145, :2]))


def test_a_moving_head_is_followed_through_every_frame(head) -> None:
    places = range(20, 260, 20)
    counted = []
    track = face.follow((scene(head, x) for x in places), fps=FPS, smoothing=0.0, on_frame=counted.append)
    assert len(track) == 12 and track.fps == FPS and track.bridged == 0 and counted == list(range(1, 13))
    steps = np.diff(track.points[:, :, 0].mean(axis=1))
    np.testing.assert_allclose(steps, 20, atol=0.1 * extent(track.points[0]))
    (still,) = face.find(scene(head, places[-1]))
    assert distance(still.points, track.points[-1]) < 0.05
    assert track.blendshapes.shape == (12, 52) and track.heads.shape == (12, 4, 4)


def test_frames_are_streamed_and_not_kept(head) -> None:
    alive: list[weakref.ref] = []

    def frames():
        for x in range(100, 136, 3):
            frame = scene(head, x)
            alive.append(weakref.ref(frame))
            yield frame
            del frame
            gc.collect()
            # two are looked at, some wait, and one was just handed over
            assert sum(ref() is not None for ref in alive) <= tracking.AHEAD + 3

    assert len(face.follow(frames(), fps=FPS)) == 12


def test_working_ahead_changes_no_number(head, monkeypatch) -> None:
    """A window that has moved since a view was made is looked through anew."""
    frames = [scene(head, x) for x in range(20, 260, 12)]
    quick = face.follow(frames, fps=FPS, smoothing=0.0)
    prepared, windows = tracking._Follower.prepared, []

    def without_view(self, frame):
        windows.append(self.matrix)
        return dataclasses.replace(prepared(self, frame), view=None)

    monkeypatch.setattr(tracking._Follower, "prepared", without_view)
    slow = face.follow(frames, fps=FPS, smoothing=0.0)
    assert len({id(window) for window in windows}) > 2  # none, the first, and others
    np.testing.assert_array_equal(quick.points, slow.points)


def test_two_landmarkers_take_turns(head, monkeypatch) -> None:
    detect, looked = Landmarker.detect, []

    def counted(self, frame, **told):
        if self._clock is not None:  # it follows
            looked.append(self)
        return detect(self, frame, **told)

    monkeypatch.setattr(Landmarker, "detect", counted)
    face.follow([scene(head, 140)] * 12, fps=FPS)
    # Of twelve frames the first was searched; and each looked twice before it counted.
    assert sorted(looked.count(each) - tracking.SETTLING for each in set(looked)) == [5, 6]


def test_a_glimpse_counts_as_long_as_the_window_stays(head) -> None:
    frame = scene(head, 140)
    with Landmarkers() as own, Landmarkers() as others:
        follower = tracking._Follower(tracking._Eye(own), 0, FPS, other=tracking._Eye(others))
        for number in range(2):
            follower.look(follower.prepared(frame), number)
        sight, window = follower.prepared(frame), follower.matrix
        seen = follower.glimpsed(sight, window)
        shifted = [dataclasses.replace(each, points=each.points + np.float32(1)) for each in seen.faces]
        for matrix, believed in ((window, True), (window.copy(), False)):
            found = follower.look(sight, 2, tracking._Glimpse(matrix, shifted))
            assert np.array_equal(found.points, shifted[0].points) == believed


@pytest.mark.parametrize("frames", [slice(0, 12), slice(20, 40)])  # the beginning; where the window moves
def test_no_frame_stands_out(frames) -> None:
    """A landmarker that is new to a window is off by half a hundredth of the face."""
    whole = list(video.read_frames(samples.sing, end=1.6))[frames]
    both = face.follow(whole, fps=FPS, smoothing=0.0).points[:, : geometry.MESH_COUNT, :2]
    with Watcher() as watcher:
        single = np.stack([watcher.look(frame).points[: geometry.MESH_COUNT, :2] for frame in whole])
    off = np.linalg.norm(both - single, axis=-1).mean(axis=1) / np.ptp(single[0], axis=0).max()
    assert off.max() < 0.003


def test_what_goes_wrong_in_reading_is_told_after_the_frames_before_it(head) -> None:
    counted = []

    def frames():
        yield from [scene(head, 140)] * 3
        raise RuntimeError("the clip is torn")

    with pytest.raises(RuntimeError, match="the clip is torn"):
        face.follow(frames(), fps=FPS, on_frame=counted.append)
    assert counted == [1, 2, 3]


def test_who_gives_up_stops_the_reading(head) -> None:
    read, before = [], set(threading.enumerate())

    def frames():
        for number in itertools.count():
            read.append(number)
            yield scene(head, 140)

    def give_up(count: int) -> None:
        if count == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        face.follow(frames(), fps=FPS, on_frame=give_up)
    assert len(read) <= 4 + tracking.AHEAD + 1  # the third is looked at with the fourth
    assert not any("produce" in thread.name for thread in set(threading.enumerate()) - before)


def test_a_short_absence_is_bridged(head) -> None:
    frames = [scene(head, x) for x in range(100, 200, 10)]
    frames[4:7] = [BLACK] * 3
    track = face.follow(frames, fps=FPS, smoothing=0.0)
    assert track.gaps == ((4, 7),) and track.bridged == 3
    middle = track.points[:, :, 0].mean(axis=1)
    np.testing.assert_allclose(np.diff(middle[3:8]), (middle[7] - middle[3]) / 4, atol=0.01)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("BBFFFF", ((0, 2),)),
        ("FFFFBB", ((4, 6),)),
        ("FBBFBF", ((1, 3), (4, 5))),
        ("FFFBBBBBBFFF", "lost at 00:00.3 for longer than 0.2 s"),
        ("FFFBBBBBB", "lost at 00:00.3 for longer than 0.2 s"),
        ("BBBBFF", "first face appears at 00:00.4: start there"),
        ("BBBBBB", "shows no face in its 0.6 s"),
        ("BB", "shows no face in its 0.2 s"),
        ("", "shows no face in its 0.0 s"),
    ],
)
def test_holes(head, shown: str, expected: str | tuple[tuple[int, int], ...]) -> None:
    """At 10 frames a second and holes of up to two frames; F shows a face, B is black."""
    frames = [scene(head, 140) if kind == "F" else BLACK for kind in shown]
    if isinstance(expected, str):
        with pytest.raises(FaceError, match=expected):
            face.follow(frames, fps=10.0, max_gap=0.2)
        return
    track = face.follow(frames, fps=10.0, max_gap=0.2)
    assert len(track) == len(shown) and track.gaps == expected
    assert np.linalg.norm(np.diff(track.points.mean(axis=1), axis=0), axis=1).max() < 0.1 * extent(track.points[0])


def test_the_chosen_face_is_kept_when_another_becomes_larger(head) -> None:
    small = cv2.resize(head, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)

    def frames():
        for large_left in (True, True, False, False):
            left, right = (head, small) if large_left else (small, head)
            frame = scene(left, 20, width=480)
            frame[20 : 20 + right.shape[0], 260 : 260 + right.shape[1]] = right
            yield frame

    for which, side in ((0, "left"), (1, "right")):
        track = face.follow(frames(), fps=FPS, which=which, smoothing=0.0)
        assert all((points[:, 0].mean() < 240) == (side == "left") for points in track.points), side


def test_a_neighbour_does_not_stand_in_for_a_lost_face(head) -> None:
    frames = []
    for shown in ("both", "left", "right", "right", "left"):
        frame = np.full((400, 900, 3), 150, np.uint8)
        for side, x in (("left", 250), ("right", 460)):
            if shown in ("both", side):
                frame[80:300, x : x + 200] = head
        frames.append(frame)
    for which in (0, 1):
        track = face.follow(frames, fps=FPS, which=which, smoothing=0.0)
        went_left = track.points[0, :, 0].mean() < 455
        assert track.gaps == (((2, 4),) if went_left else ((1, 2), (4, 5)))
        assert np.ptp(track.points[:, :, 0].mean(axis=1)) < 5


def test_after_a_cut_the_face_of_the_new_scene_is_followed(head) -> None:
    bright = [255 - (255 - scene(head, 260)) // 3 for _ in range(4)]
    frames = [scene(head, 10) for _ in range(4)] + bright
    track = face.follow(frames, fps=FPS, smoothing=1.0)
    assert track.gaps == ()
    middle = track.points[:, :, 0].mean(axis=1)
    assert np.ptp(middle[:4]) < 3 and np.ptp(middle[4:]) < 3  # nothing is smoothed across the cut
    assert middle[4] - middle[3] == pytest.approx(250, abs=8)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"which": 3}, "Face number 3 does not exist.*shows one, number 0"),
        ({"which": -1}, "Face number -1 does not exist"),
        ({"smoothing": 1.5}, "smoothing is 1.5.*between 0"),
        ({"smoothing": -0.1}, "smoothing is -0.1"),
        ({"max_gap": -1.0}, "max_gap is -1"),
        ({"fps": 0.0}, "at 0 frames a second"),
    ],
)
def test_impossible_choices(head, options, expected: str) -> None:
    with pytest.raises((FaceError, OptionError), match=expected):
        face.follow([scene(head, 140)], **{"fps": FPS, **options})


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.0, "00:00.0"), (3.44, "00:03.4"), (59.96, "01:00.0"), (754.3, "12:34.3")]
)
def test_timecode(seconds: float, expected: str) -> None:
    assert tracking.timecode(seconds) == expected


def test_bridging_a_cut_repeats_the_nearest_face() -> None:
    track = bridged([at(0), None, None, None, None, at(1000)], FPS)
    middle = track.points[:, :, 0].mean(axis=1)
    np.testing.assert_allclose(middle - middle[0], [0, 0, 0, 1000, 1000, 1000], atol=1e-3)


def test_bridged_heads_are_rotations() -> None:
    turned = at(4)
    turned.head[:3, :3] = geometry.rotation_matrix(np.array([0.0, 1.2, 0.0]))
    track = bridged([at(0), None, turned], FPS)
    half = track.heads[1, :3, :3].astype(np.float64)
    np.testing.assert_allclose(geometry.rotation_vector(half), [0, 0.6, 0], atol=1e-5)


def noisy_track(frames: int = 60, *, zoom: float = 4.0, noise: float = 0.05) -> FaceTrack:
    """A face at rest, with a tremble of `noise` cm of each point and ten times that share of blendshape."""
    generator = np.random.default_rng(0)
    track = bridged([at(0, zoom=zoom)] * frames, FPS)
    tremble = generator.normal(0, noise * zoom, track.points.shape) + generator.normal(0, noise * zoom, (frames, 1, 3))
    weights = track.blendshapes + 0.3 + generator.normal(0, noise, track.blendshapes.shape)
    return dataclasses.replace(
        track, points=(track.points + tremble).astype(np.float32), blendshapes=weights.astype(np.float32)
    )


def tremble(track: FaceTrack) -> float:
    return float(np.diff(track.points, axis=0).std())


def test_strength_is_monotonous_and_zero_is_off() -> None:
    track = noisy_track()
    np.testing.assert_array_equal(steadied_track(track, 0.0).points, track.points)
    trembles = [tremble(steadied_track(track, strength)) for strength in (0.0, 0.1, 0.3, 0.5, 0.7, 1.0)]
    assert all(a > b for a, b in itertools.pairwise(trembles))
    assert trembles[3] < 0.5 * trembles[0] and trembles[1] > 0.5 * trembles[0]
    calm = steadied_track(track, 0.5)
    assert np.diff(calm.blendshapes, axis=0).std() < 0.5 * np.diff(track.blendshapes, axis=0).std()
    np.testing.assert_allclose(calm.points.mean(axis=0), track.points.mean(axis=0), atol=0.3)


def test_smoothing_does_not_depend_on_the_size_of_the_picture() -> None:
    small, large = noisy_track(zoom=4.0), noisy_track(zoom=40.0)
    ratio = [tremble(steadied_track(track, 0.5)) / tremble(track) for track in (small, large)]
    assert ratio[0] == pytest.approx(ratio[1], rel=1e-3)


@pytest.mark.parametrize("elsewhere", [at(300), at(0, zoom=8.0)], ids=["jump", "growth"])
def test_the_filters_start_anew_after_a_cut(elsewhere: Face) -> None:
    first = noisy_track(20)
    second = dataclasses.replace(first, points=first.points - at(0).points + elsewhere.points)
    whole = dataclasses.replace(
        first,
        points=np.concatenate([first.points, second.points]),
        blendshapes=np.concatenate([first.blendshapes, second.blendshapes]),
        heads=np.concatenate([first.heads, second.heads]),
    )
    calm = [steadied_track(track, 0.7).points for track in (whole, first, second)]
    np.testing.assert_allclose(calm[0], np.concatenate(calm[1:]), atol=1e-4)


def test_a_blink_is_neither_shortened_nor_delayed() -> None:
    blink = [0, 0, 0, 0, 0, 0, 0, 0, 0.5, 1, 1, 0.6, 0.2, 0, 0, 0, 0, 0, 0, 0]
    track = bridged([at(0, blink=shut) for shut in blink], FPS)
    calm = steadied_track(track, 0.5)
    before, after = (np.array([opening(points) for points in each.points]) for each in (track, calm))
    assert after.argmin() in (9, 10)
    assert after.min() < 0.15 * before.max()
    assert calm.blendshapes[:, 9].max() > 0.85
    assert np.abs(after - before).max() < 0.25 * before.max()


def test_the_pose_is_held_more_firmly_than_the_expression() -> None:
    """The same small wobble, once of the whole head and once of the lid alone."""
    wobble = 0.08 * np.sin(2 * np.pi * 4 * np.arange(50) / FPS)
    head = bridged([at(0, 4 * shift) for shift in wobble], FPS)
    lid = bridged([at(0, blink=0.3 + shift) for shift in wobble], FPS)
    kept_head = np.std(steadied_track(head, 0.5).points[:, 1, 1]) / np.std(head.points[:, 1, 1])
    kept_lid = np.std([opening(p) for p in steadied_track(lid, 0.5).points]) / np.std([opening(p) for p in lid.points])
    assert kept_head < 0.6 * kept_lid


def test_a_real_clip_calms_and_keeps_its_smile() -> None:
    raw = face.follow(video.read_frames(samples.smile, end=1.2), fps=FPS, smoothing=0.0)
    calm = steadied_track(raw, 0.5)
    shake = [np.abs(np.diff(track.points, 2, axis=0)).mean() for track in (raw, calm)]
    assert len(raw) == 30 and raw.bridged == 0 and shake[1] < 0.6 * shake[0]
    smile = [np.linalg.norm(track.points[:, 61] - track.points[:, 291], axis=1) for track in (raw, calm)]
    assert np.ptp(smile[0]) > 0.1 * extent(raw.points[0])
    assert np.abs(smile[0] - smile[1]).max() < 0.03 * extent(raw.points[0])


def test_the_neutral_frame_is_the_calm_one_in_the_usual_pose() -> None:
    faces = [at(0) for _ in range(9)]
    for index, shape, weight in ((0, 25, 0.8), (1, 9, 0.7), (2, 44, 0.6), (3, 3, 0.5), (4, 13, 0.5), (5, 25, 0.1)):
        faces[index].blendshapes[shape] = weight  # jaw, blink, smile, brow, gaze, jaw a little
    faces[6] = dataclasses.replace(faces[6], points=drawn.face((100, 110), roll=0.6))
    faces[7].blendshapes[25] = faces[8].blendshapes[44] = 0.2
    faces[5].blendshapes[0] = 1.0  # MediaPipe's "neutral" says nothing
    assert face.neutral_frame(bridged(faces, FPS)) == 5
    del faces[5]
    assert face.neutral_frame(bridged(faces, FPS)) == 4  # looking aside is hardly an expression


def test_the_neutral_frame_without_blendshapes_is_the_usual_pose() -> None:
    faces = [dataclasses.replace(at(0), points=drawn.face(roll=roll)) for roll in (0.5, 0.05, -0.02, 0.0, -0.4)]
    assert face.neutral_frame(bridged(faces, FPS)) == 3


def test_the_neutral_frame_is_one_whose_lips_meet() -> None:
    """In a clip of constant talk, also at the price of a head that is not quite in its usual pose."""
    faces = [dataclasses.replace(at(0), points=drawn.face(roll=roll)) for roll in (0.0, 0.01, 0.1, -0.01)]
    for index in (0, 1, 3):
        faces[index].points[14, 1] += geometry.fit_pose(faces[index].points).scale  # a centimetre
    assert face.neutral_frame(bridged(faces, FPS)) == 2
