"""Learning a dancer: footage, networks, losses, stages, stopping and going on; on a puppet of coloured limbs."""

import dataclasses
import importlib.util
import warnings

import cv2
import numpy as np
import pytest
import torch
from bodies import SIZE, TINY, dance, filmed, lesson, material, person, studio
from clips import write_clip

from living_portraits import body, choreographer, people, skeleton
from living_portraits.choreography import Choreography
from living_portraits.commands import dance as dance_command
from living_portraits.engines.dance import Dance, body_window, dancer, face_window, repertoire
from living_portraits.engines.dance.engine import paint, perform
from living_portraits.engines.dance.networks import PAPER, SMALL, FaceResidual, Generator, shape_for
from living_portraits.errors import BodyError, MediaError, OptionError, WeightsError
from living_portraits.nn import runtime as runtimes
from living_portraits.nn.pixels import to_frames, to_tensor
from living_portraits.notices import Notice
from living_portraits.rehearsal import detector as detectors
from living_portraits.rehearsal import footage as footages
from living_portraits.rehearsal import judge as judges
from living_portraits.rehearsal import lesson as lessons
from living_portraits.rehearsal import teach
from living_portraits.rehearsal.critic import Critic, in_time
from living_portraits.rehearsal.footage import empty_stage, filled, open_target, stage
from living_portraits.rehearsal.lesson import Lesson, load_look
from living_portraits.skeleton import draw_skeleton


@pytest.fixture(autouse=True)
def calm():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


# --- footage ----------------------------------------------------------------------------------------------------------


def test_the_empty_stage_is_found_behind_the_dancer() -> None:
    footage = material()
    off = np.abs(footage.plate.astype(int) - studio()).max(axis=-1)
    assert off.mean() < 3 and np.percentile(off, 99) < 25
    assert footage.taught == 36 and len(footage.frames) == 40  # the end is held out


def test_what_is_never_free_is_filled_in_smoothly() -> None:
    hole = np.zeros((SIZE, SIZE), bool)
    hole[20:50, 20:44] = True
    picture = np.where(hole[..., None], 0, studio()).astype(np.uint8)
    assert np.abs(filled(picture, hole).astype(int) - studio()).max() < 16
    np.testing.assert_array_equal(filled(picture, hole)[~hole], picture[~hole])


def test_a_dancer_who_stands_still_leaves_a_guess_and_no_ghost() -> None:
    still = Choreography(np.stack([dance().points[0]] * 8), 25.0)
    plate = empty_stage(filmed(still), still.points)
    assert plate[..., 0].astype(int).max() < 190  # no red
    assert np.abs(plate.astype(int) - studio()).mean() < 4


def test_the_stage_holds_the_dancer_all_the_while() -> None:
    steps = Choreography(choreographer.make(choreographer.DANCES["sunrise"]).points, 25.0)
    placed = footages.placed(steps, stage(steps, size=SIZE)).points[..., :2]
    assert placed.min() > 0 and placed.max() < SIZE - 1
    assert np.ptp(placed[..., 1]) > 0.6 * SIZE


def test_a_camera_that_moves_is_noticed(tmp_path, monkeypatch) -> None:
    footage = material()
    points = footage.dance.points
    assert footages.unsteadiness(footage.frames, points, footage.plate) < 1
    lawn = np.random.default_rng(0).integers(0, 99, footage.plate.shape).astype(np.uint8)
    panned = np.stack([np.roll(lawn, number, axis=1) for number in range(len(footage.frames))])
    assert footages.unsteadiness(panned, points, empty_stage(panned, points)) > footages.UNSTEADY
    path = write_clip(tmp_path / "target.mp4", frames=100)
    steps = Choreography(np.concatenate([dance().points] * 3)[:100], 25.0)
    monkeypatch.setattr(footages, "unsteadiness", lambda *_: footages.UNSTEADY + 0.1)
    with pytest.warns(footages.MovingCameraWarning, match="camera"), pytest.warns(footages.ShortClipWarning):
        open_target(path, size=SIZE, tracked=steps)


def test_a_clip_that_there_is_no_room_for_is_cut_and_that_is_told(tmp_path, monkeypatch, recwarn) -> None:
    path = write_clip(tmp_path / "target.mp4", frames=100)
    steps = Choreography(np.concatenate([dance().points] * 3)[:100], 25.0)
    assert len(open_target(path, size=SIZE, tracked=steps).frames) == 100
    assert not [said for said in recwarn if said.category is Notice]
    monkeypatch.setattr(footages, "ROOM_BYTES", 75 * 3 * SIZE**2)
    with pytest.warns(Notice, match="the first 3 s are learned: at 64 px there is no room for more"):
        assert len(open_target(path, size=SIZE, tracked=steps).frames) == 75


@pytest.mark.filterwarnings("error")  # no advice before the sentence
@pytest.mark.parametrize(
    ("kind", "error", "expected"),
    [
        ("short", BodyError, "shows 1.0 s: a dancer is learned from 3 s at least"),
        ("static", BodyError, "hardly moves"),
        ("still", MediaError, "single picture"),
        ("missing", MediaError, "no file"),
    ],
)
def test_bad_targets_are_one_sentence(tmp_path, kind: str, error: type, expected: str) -> None:
    path = tmp_path / "target.mp4"
    if kind == "still":
        path = tmp_path / "target.png"
        cv2.imwrite(str(path), studio())
    elif kind != "missing":
        write_clip(path, frames=25 if kind == "short" else 100)
    tracked = Choreography(np.stack([person()] * 100), 25.0)
    with pytest.raises(error, match=expected):
        open_target(path, size=SIZE, tracked=tracked)


# --- networks ---------------------------------------------------------------------------------------------------------


def test_the_shipped_default_is_small_and_the_papers_is_the_papers() -> None:
    def weights(net) -> int:
        return sum(weight.numel() for weight in net.parameters())

    assert shape_for(256) == SMALL and weights(Generator(SMALL)) < 2e6
    assert shape_for(512).downs == SMALL.downs + 1, "sees as much of a body that is twice as tall"
    # pix2pixHD's global generator has 183 M; a quarter of the width is a sixteenth of the weights.
    assert 16 * weights(Generator(dataclasses.replace(PAPER, width=16)).coarse) == pytest.approx(183e6, rel=0.05)


@pytest.mark.parametrize("changes", [{}, {"local_blocks": 0}, {"plate": False}])
def test_frames_of_the_drawings_size_that_depend_on_pose_and_previous(changes) -> None:
    net = Generator(dataclasses.replace(TINY, **changes)).eval()
    plate = to_tensor([studio()])
    pose, other = (to_tensor([skeleton.draw_skeleton(dance().points[i], size=SIZE)]) for i in (0, 10))
    zeros = torch.zeros_like(plate)
    with torch.no_grad():
        first, moved = net(pose, zeros, plate).frame, net(other, zeros, plate).frame
        after = net(pose, first, plate).frame
    assert first.shape == plate.shape and float(first.abs().max()) <= 1
    assert not torch.allclose(first, moved) and not torch.allclose(first, after)


def test_where_the_matte_is_shut_the_stage_is_untouched() -> None:
    net = Generator(TINY)
    assert net.fine is not None and net.fine.head.conv.bias is not None
    with torch.no_grad():
        net.fine.head.conv.bias[12:] = -100  # of the fourth channel's four pixels
        plate = to_tensor([studio()])
        frame = net(torch.zeros_like(plate), torch.zeros_like(plate), plate).frame
    torch.testing.assert_close(frame, plate)


def test_the_face_begins_as_no_change_and_reaches_no_farther_than_the_matte() -> None:
    face = FaceResidual(TINY)
    window = torch.rand(2, 3, 16, 16) * 2 - 1
    matte = torch.zeros(2, 1, 16, 16)
    matte[..., :8] = 1
    torch.testing.assert_close(face(window, window, matte), window)
    torch.nn.init.normal_(face.head.weight, std=0.5)
    changed = face(window, window, matte)
    torch.testing.assert_close(changed[..., 8:], window[..., 8:])
    assert not torch.allclose(changed[..., :8], window[..., :8])


def test_windows_go_back_where_they_came_from() -> None:
    pictures = torch.rand(3, 3, SIZE, SIZE)
    points = torch.from_numpy(np.stack([dance().points[0]] * 3))
    points[1, :, 0] -= 1000  # beyond the edge: the window stays in the picture
    at = face_window.corners(points, size=SIZE, share=4)
    windows = face_window.cut(pictures, at, share=4)
    assert windows.shape == (3, 3, SIZE // 4, SIZE // 4)
    torch.testing.assert_close(face_window.put(pictures, windows, at), pictures)
    nose = points[0, skeleton.NOSE, :2] - at[0]
    assert (nose > SIZE / 16).all() and (nose < SIZE * 3 / 16).all()


def test_the_faces_window_is_small_where_the_face_is() -> None:
    points = dance().points
    span = float(np.ptp(points[:, list(skeleton.FACE), :2], axis=1).max())

    def fitting(times: float, size: int) -> int:
        scaled = points.copy()
        scaled[..., :2] *= times / span
        return face_window.fitting(scaled, size=size)

    assert fitting(27, 512) == 8 and fitting(60, 512) == 4 and fitting(300, 512) == 4
    assert fitting(3, 64) == 4, "an eighth would be 8 px, in which there is nothing to be seen"


def test_a_dancers_file_keeps_the_faces_window(tmp_path) -> None:
    learner = lesson()
    shape = dataclasses.replace(learner.generator.shape, face_share=8)
    learner.generator.shape = shape
    dancer.write(tmp_path / "anna.dancer", learner.dancer({}, face=True))
    assert dancer.read(tmp_path / "anna.dancer").generator.shape.face_share == 8


def test_the_critic_judges_two_frames_in_a_row_at_several_scales() -> None:
    drawings, frames = ([torch.rand(1, 3, SIZE, SIZE) for _ in range(2)] for _ in range(2))
    seen = in_time(drawings, frames)
    assert seen.shape[1] == 12
    torch.testing.assert_close(seen[:, 9:], frames[1])
    scores, features = Critic(12, width=4, scales=2)(seen)
    assert len(scores) == len(features) == 2 and scores[0].shape[-1] > scores[1].shape[-1] > 1


# --- lessons ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage_", teach.STAGES)
def test_a_stage_changes_its_own_networks_alone(stage_) -> None:
    taught = lesson()
    before = {name: [w.clone() for w in net.parameters()] for name, net in taught.networks.items()}
    taught.step(stage_, judged=True, rate=1.0)
    moved = {
        name
        for name, net in taught.networks.items()
        if any(not torch.equal(a, b) for a, b in zip(net.parameters(), before[name], strict=True))
    }
    assert moved == {"half": {"generator"}, "full": {"generator", "critic"}, "face": {"face", "face_critic"}}[stage_]


def test_what_is_learned_in_half_precision_is_kept_in_full(monkeypatch) -> None:
    seen = []
    monkeypatch.setattr(lessons, "bfloat16_is_fast", lambda device: True)
    for half in (False, True):
        learner = lesson(bfloat16=half)
        learner.generator.coarse.stem[0].register_forward_hook(lambda net, given, found: seen.append(found.dtype))
        for name in ("half", "full", "face"):
            found = learner.step(name, judged=name != "half", rate=1.0)
            assert all(np.isfinite(value) for value in found.values())
        assert {weight.dtype for net in learner.networks.values() for weight in net.parameters()} == {torch.float32}
        assert set(seen) == {torch.bfloat16 if half else torch.float32}
        seen.clear()


def test_faces_are_painted_once_and_learned_from_several_times(monkeypatch) -> None:
    learner, shown = lesson(), []
    learner.face.register_forward_hook(lambda net, given, found: shown.append(len(given[0])))
    for _ in range(3):
        learner.step("face", judged=True, rate=1.0)
    assert len(learner._faces) == 3 and set(shown) == {8}


def test_what_is_said_to_be_kept_is_what_the_critics_left(monkeypatch) -> None:
    """With the critics another best is looked for, and the first look after them is one, be it worse."""
    dancer_, blank = lesson().dancer({}, face=False), np.zeros((4, 4, 3), np.uint8)
    looks = [teach.Report("full", step, 0.5, {}, error, best, blank) for step, error, best in
             ((1, 0.050, True), (2, 0.061, True), (3, 0.063, False))]  # fmt: skip
    assert "held-out error 0.0610" in dance_command.sentence(teach.Taught(dancer_, "it was stopped", looks))


def test_drawing_and_frame_move_together() -> None:
    """Wherever the row was moved to, the red dancer lies under the drawn lines."""
    scene = lesson(shift=0.2, zoom=0.2)._scene(4)
    for drawing, frame in zip(scene.drawings[0], scene.frames[0], strict=True):
        lines = drawing.amax(dim=0) > 0
        red = (frame[0] - frame[1]) > 0.5
        assert red[lines].float().mean() > 0.8


def test_mirrored_rows_draw_people_who_face_the_camera() -> None:
    taught = lesson(mirror=True, shift=0.0, zoom=0.0)
    sides = {bool(s) for _ in range(12) for s in (lambda p: p[11, 0] > p[12, 0])(taught._scene(1).points[0, 0])[None]}
    assert sides == {True}


def test_own_frames_come_before_the_pair_as_often_as_asked() -> None:
    taught = lesson(own=1.0)
    scene = taught._scene(1)
    assert not torch.equal(taught._previous(scene), torch.zeros_like(scene.plate))
    taught = lesson(own=0.0)
    seen = [taught._previous(scene) for _ in range(20)]
    zeros = sum(not previous.any() for previous in seen)
    assert 3 < zeros < 17 and zeros + sum(torch.equal(p, scene.frames[1]) for p in seen) == 20


def test_a_puppet_is_learned() -> None:
    taught = lesson(lr=5e-3, matte=2.0, shift=0.02, zoom=0.02)
    plate_error = np.abs(taught.footage.frames[36:].astype(int) - taught.footage.plate).mean()
    for _ in range(12):
        taught.step("half", judged=False, rate=1.0)
    for _ in range(8):
        taught.step("full", judged=False, rate=1.0)
    held = taught.footage.dance.points[36:]
    frames = np.stack(list(perform(taught.dancer({}, face=False), Choreography(held, 25.0))))
    error = np.abs(frames.astype(int) - taught.footage.frames[36:]).mean()
    assert error < 0.75 * plate_error


def test_a_missing_look_is_said_and_an_unknown_one_is_none() -> None:
    assert load_look("none") is None


# --- courses ----------------------------------------------------------------------------------------------------------


def test_a_course_goes_through_all_stages_and_makes_a_dancer() -> None:
    reports = []
    taught = teach.Course(lesson(), about={"name": "anna"}).run(reports.append)
    assert [report.stage for report in reports] == ["half"] * 2 + ["full"] * 4 + ["face"]
    assert taught.reason == "all stages are done" and taught.dancer.face is not None
    assert taught.dancer.about["name"] == "anna"
    assert reports[0].preview.shape == (3 * SIZE, SIZE, 3)  # pose, output, truth
    assert 0 < reports[0].share < reports[-1].share <= 1


def test_a_stage_ends_when_looks_get_no_better(monkeypatch) -> None:
    monkeypatch.setattr(teach, "look", lambda lesson, stage: (1.0, np.zeros((4, 4, 3), np.uint8)))
    reports = []
    teach.Course(lesson(steps=100, patience=2, critic_from=1.0)).run(reports.append)
    assert [report.best for report in reports if report.stage == "half"] == [True, False, False]


def test_what_looked_best_is_kept(monkeypatch) -> None:
    errors = iter([3.0, 1.0, 2.0, 2.5])
    kept = {}

    def look(lesson, stage):
        error = next(errors)
        kept[error] = lesson.generator.coarse.head.conv.weight.clone()
        return error, np.zeros((4, 4, 3), np.uint8)

    monkeypatch.setattr(teach, "look", look)
    course = teach.Course(lesson(steps=4, half=1.0, full=0.0))
    taught = course.run()
    torch.testing.assert_close(taught.dancer.generator.coarse.head.conv.weight, kept[1.0])


def test_a_stopped_course_is_kept_and_goes_on(tmp_path) -> None:
    state = tmp_path / "course.pt"

    def stop(report):
        if report.stage == "full":
            raise KeyboardInterrupt

    stopped = teach.Course(lesson(), state=state).run(stop)
    assert stopped.reason == "it was stopped" and state.is_file() and stopped.dancer.face is None
    reports = []
    course = teach.Course(lesson(), state=state)
    course.resume()
    again = course.run(reports.append)
    assert [report.stage for report in reports] == ["full"] * 3 + ["face"]
    assert again.reason == "all stages are done" and not state.exists()


def test_a_face_that_nobody_has_looked_at_is_not_kept(monkeypatch) -> None:
    step = Lesson.step

    def stop(self, stage, **options):
        if stage == "face":
            raise KeyboardInterrupt
        return step(self, stage, **options)

    monkeypatch.setattr(Lesson, "step", stop)
    stopped = teach.Course(lesson()).run()
    assert stopped.reason == "it was stopped" and stopped.dancer.face is None


def test_a_course_goes_on_with_the_draws_that_come_next(tmp_path) -> None:
    state = tmp_path / "course.pt"
    course = teach.Course(lesson(), state=state)
    course.lesson.random.random(7)
    torch.rand(5)
    course._save()
    expected = course.lesson.random.random(), torch.rand(())
    again = teach.Course(lesson(), state=state)
    again.resume()
    assert (again.lesson.random.random(), torch.rand(())) == expected


def test_another_networks_course_is_refused(tmp_path) -> None:
    state = tmp_path / "course.pt"
    with pytest.raises(WeightsError, match="nothing to go on from"):
        teach.Course(lesson(), state=state).resume()
    course = teach.Course(lesson(), state=state)
    course._save()
    with pytest.raises(WeightsError, match="another version or size"):
        teach.Course(lesson(shape=dataclasses.replace(TINY, width=12)), state=state).resume()
    state.write_bytes(b"nonsense")
    with pytest.raises(WeightsError, match="another version or size"):
        course.resume()


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_dancer_comes_back_from_their_file_as_they_were(tmp_path) -> None:
    taught = lesson().dancer({"name": "anna"}, face=True)
    path = tmp_path / "anna.dancer"
    dancer.write(path, taught)
    again = dancer.read(path)
    assert again.about == {"name": "anna"} and again.stance == taught.stance and again.size == SIZE
    np.testing.assert_array_equal(again.plate, taught.plate)
    np.testing.assert_allclose(again.repertoire, taught.repertoire, atol=1e-3)
    pairs = zip(perform(taught, dance()), perform(again, dance()), strict=True)
    assert max(np.abs(a.astype(int) - b).max() for a, b in pairs) <= 3  # half precision
    assert path.stat().st_size < 200_000


def test_a_film_begins_as_if_its_first_pose_had_been_held() -> None:
    taught, points = lesson().dancer({}, face=False), dance().points[0]
    drawing, plate = (to_tensor([picture]) for picture in (draw_skeleton(points, size=SIZE), taught.plate))
    seen = [torch.zeros_like(plate)]
    with torch.inference_mode():
        for _ in range(2):
            seen.append(paint(taught.generator, drawing, seen[-1], plate, points).frame)
    assert not torch.equal(seen[1], seen[2])
    [shown] = perform(taught, Choreography(points[None], 25.0))
    np.testing.assert_array_equal(shown, to_frames(seen[2])[0])


def test_poses_that_were_taught_are_no_guesses_and_others_are_limb_by_limb() -> None:
    taught = lesson().dancer({}, face=False)
    steps, height = dance(), taught.stance.near_height
    assert taught.repertoire is not None and len(taught.repertoire) == 36  # not the held-out end
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        repertoire.warn_of_guesses(taught.repertoire, Choreography(steps.points[:36], 25.0), height=height)
    points = steps.points[:30].copy()
    points[10:25, skeleton.LEFT_ANKLE, 0] += 0.3 * height  # a split to the side, and it takes no new arm
    away = repertoire.beyond(taught.repertoire, points, height=height)
    assert {limb for limb, values in away.items() if values.max() > repertoire.FAR} == {"left leg", "feet"}
    assert (np.nonzero(away["left leg"] > repertoire.FAR)[0] == np.arange(10, 25)).all()
    message = r"^15 of 30 frames show poses .* \(left leg and feet; first at 0\.4 s\): they are guesses"
    with pytest.warns(repertoire.UntaughtPosesWarning, match=message):
        repertoire.warn_of_guesses(taught.repertoire, Choreography(points, 25.0), height=height)


def test_a_mirrored_lesson_teaches_mirrored_poses() -> None:
    poses = {mirror: lesson(mirror=mirror).dancer({}, face=False).repertoire for mirror in (False, True)}
    flipped = np.stack([skeleton.mirrored(pose, width=SIZE) for pose in dance().points[:36]])
    height = lesson().footage.stance.near_height
    away = {mirror: max(v.max() for v in repertoire.beyond(known, flipped, height=height).values())
            for mirror, known in poses.items()}  # fmt: skip
    assert away[True] < 1e-3 < away[False]


def test_kept_poses_are_few_and_lie_near_all_the_others() -> None:
    points = np.repeat(dance().points, 20, axis=0) + np.random.default_rng(0).normal(0, 0.02, (800, 33, 3))
    known = repertoire.of(points.astype(np.float32), height=40.0)
    assert len(known) == repertoire.KEPT
    assert max(v.max() for v in repertoire.beyond(known, points.astype(np.float32), height=40.0).values()) < 0.01


def test_files_of_other_things_are_refused(tmp_path) -> None:
    from living_portraits import weights

    path = tmp_path / "other.safetensors"
    weights.write(path, config={"recipe": "guided"}, state={"a": torch.zeros(1)})
    with pytest.raises(WeightsError, match="no dancer's file"):
        dancer.read(path)
    weights.write(path, config={"recipe": "dance", "shape": {}}, state={"plate": torch.zeros(1)})
    with pytest.raises(WeightsError, match="another version"):
        dancer.read(path)


def test_dancers_are_found_by_name(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(people.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(OptionError, match="teach one with"):
        dancer.DANCERS.find("anna")
    dancer.write(dancer.DANCERS.place("anna"), lesson().dancer({}, face=False))
    assert dancer.DANCERS.find("anna") == tmp_path / "anna.dancer"
    with pytest.raises(OptionError, match="choose from anna"):
        dancer.DANCERS.find("bertha")
    with pytest.raises(OptionError, match="letters, digits"):
        dancer.DANCERS.place("../anna")


def test_the_engine_brings_a_strangers_dance_to_the_dancers_floor(tmp_path) -> None:
    path = tmp_path / "anna.dancer"
    dancer.write(path, lesson().dancer({}, face=True))
    engine = Dance(file=path)
    assert engine.spec.region == "body" and engine.spec.size == SIZE
    giant = choreographer.make(choreographer.DANCES["side_to_side"])
    stream = engine.generate(engine.encode_identity(), engine.encode_motion(giant))
    first, second = next(stream), next(stream)
    assert first.shape == (SIZE, SIZE, 3) and first.dtype == np.uint8
    other = Choreography(giant.points * np.array([3, 3, 1], np.float32), giant.fps)
    again = next(engine.generate(engine.encode_identity(), engine.encode_motion(other)))
    assert np.abs(again.astype(int) - first).max() <= 2  # the size of the source's clip does not matter
    assert (first != second).any()


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed")
def test_the_dance_is_the_same_in_another_runtime(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(runtimes.FOLDER_VARIABLE, str(tmp_path / "compiled"))
    dancer.write(tmp_path / "anna.dancer", lesson().dancer({}, face=True))
    steps, about, windows, films = dance(), body_window.about, [], []
    monkeypatch.setattr(
        body_window, "about", lambda *given, **named: windows.append(about(*given, **named)) or windows[-1]
    )
    for runtime in ("torch", "openvino"):
        engine = Dance(file=tmp_path / "anna.dancer", runtime=runtime)
        films.append(list(engine.generate(engine.encode_identity(), steps)))
    assert len({(window.width, window.height) for window in windows}) > 1
    for one, other in zip(*films, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 2


def test_a_slow_choreography_is_painted_with_frames_in_between(tmp_path) -> None:
    path = tmp_path / "anna.dancer"
    dancer.write(path, lesson().dancer({}, face=False))
    engine = Dance(file=path)
    steps = choreographer.make(choreographer.DANCES["wave"]).points[:11]
    share = np.linspace(0, 1, 11, dtype=np.float32)[:, None, None]
    quick = Choreography(steps[0] + share * (steps[10] - steps[0]), 25.0)  # a movement in a straight line
    slow = Choreography(quick.points[::5], 5.0)
    frames, seldom = (list(engine.generate(engine.encode_identity(), steps)) for steps in (quick, slow))
    assert len(seldom) == 3
    for one, other in zip(seldom, frames[::5], strict=True):
        assert np.abs(one.astype(int) - other).max() <= 3


# --- judging ----------------------------------------------------------------------------------------------------------


class Toy:
    """A tracker that finds somebody wherever there is red, at the red's middle."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def detect(self, frame):
        red = np.argwhere((frame[..., 0].astype(int) - frame[..., 1]) > 80)
        if not len(red):
            return []
        points = np.ones((33, 3), np.float32)
        points[:, :2] = red.mean(axis=0)[::-1]
        return [body.Body(points)]


def test_the_film_itself_is_perfect_and_a_dancer_is_set_beside_those_who_know_nothing(monkeypatch) -> None:
    monkeypatch.setattr(judges, "BodyLandmarker", Toy)
    taught = lesson()
    with torch.no_grad():
        taught.generator.fine.head.conv.bias[12:] = -100  # an empty stage
    rows = judges.judge(taught.footage, {"nobody": taught.dancer({}, face=False)}, look=None, every=2)
    film, mean, nearest, nobody = rows
    assert film.ssim == pytest.approx(1) and film.person == film.pose == film.missed == film.flicker == 0
    assert nobody.missed == 1 and np.isnan(nobody.pose) and nobody.flicker == 0
    assert nearest.person < mean.person and nearest.ssim > mean.ssim
    assert [row.frames for row in rows] == [4] * 4
    text = judges.table(rows).splitlines()
    assert len(text) == 6 and text[2].startswith("| film | 1.000 | nan")


def test_frame_by_frame_each_stands_alone() -> None:
    alone = lesson(shape=dataclasses.replace(TINY, temporal=False)).dancer({}, face=False)
    steps = dance()
    after = list(perform(alone, steps))[7]
    first = next(iter(perform(alone, Choreography(steps.points[7:], 25.0))))
    np.testing.assert_array_equal(after, first)


def test_stale_frames_are_shifted_ones() -> None:
    taught = lesson(own=0.0, stale=1.0)
    scene = taught._scene(1)
    seen = [previous for previous in (taught._previous(scene) for _ in range(20)) if previous.any()]
    assert seen and any(not torch.equal(previous, scene.frames[1]) for previous in seen)
    assert all(torch.allclose(previous.mean(), scene.frames[1].mean(), atol=1e-5) for previous in seen)


def test_a_dancer_with_a_face_is_judged_without_it_too() -> None:
    known = {"anna": lesson().dancer({}, face=True), "bertha": lesson().dancer({}, face=False)}
    found = judges.stages(known)
    assert list(found) == ["anna, body alone", "anna", "bertha"]
    assert found["anna, body alone"].face is None and found["anna"].face is not None


# --- detecting --------------------------------------------------------------------------------------------------------


def noisy(frames: np.ndarray, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 12, frames.shape)
    return np.clip(frames + noise, 0, 255).astype(np.uint8)


def test_a_detector_tells_film_with_grain_from_smooth_frames_that_it_never_saw() -> None:
    shots, places = material().frames, detectors.middles(material().dance.points)
    told = detectors.Detector()
    told.learn(noisy(shots, 1), shots, places, steps=120)
    found = told.asked(noisy(shots, 2), shots, places)
    assert found.real > 0.9 and found.fake > 0.9 and "right about" in str(found)


def test_a_detector_of_what_is_alike_is_a_coin() -> None:
    shots, places = material().frames, detectors.middles(material().dance.points)
    told = detectors.Detector()
    told.learn(noisy(shots, 1), noisy(shots, 2), places, steps=120)
    found = told.asked(noisy(shots, 3), noisy(shots, 4), places)
    assert 0.3 < found.accuracy < 0.7


def test_an_untaught_dancer_is_found_out() -> None:
    taught = lesson()
    with torch.no_grad():
        taught.generator.fine.head.conv.bias[12:] = -100  # an empty stage
    assert judges.detect(taught.footage, taught.dancer({}, face=False), steps=40).accuracy > 0.9


# --- the window about the body ----------------------------------------------------------------------------------------


def test_a_window_holds_every_pose_with_room_and_lies_within_the_picture() -> None:
    poses = 0.6 * dance(256).points
    for at in ((0.0, 0.0), (0.5, 0.5), (1.0, 1.0)):
        window = body_window.about(poses, size=256, at=at)
        inside = poses[..., :2] - (window.left, window.top)
        assert (inside >= 0).all() and (inside < (window.width, window.height)).all()
        assert window.width % body_window.STEP == window.height % body_window.STEP == 0
        assert 0 <= window.left <= 256 - window.width and 0 <= window.top <= 256 - window.height
    assert window.width * window.height < 0.8 * 256**2
    assert body_window.about(2 * dance(256).points, size=256) == body_window.whole(256)


def test_what_is_cut_out_is_put_back_where_it_was() -> None:
    window, picture = body_window.Window(32, 0, 64, 96), torch.rand(2, 3, 128, 128)
    torch.testing.assert_close(window.put(picture, window.cut(picture)), picture, rtol=0, atol=0)
    alone = window.put_alone(window.cut(picture), size=128)
    assert not alone[..., 97:, :].any() and torch.equal(window.cut(alone), window.cut(picture))


def test_beside_the_body_the_stage_is_as_it_was() -> None:
    taught, steps = lesson().dancer({}, face=False), dance()
    lifted = Choreography(steps.points[:3] * np.array([0.5, 0.5, 1], np.float32), 25.0)
    for frame, points in zip(perform(taught, lifted), lifted.points, strict=True):
        window = body_window.about(points, size=SIZE)
        away = np.ones((SIZE, SIZE), bool)
        away[window.top : window.top + window.height, window.left : window.left + window.width] = False
        assert away.any()
        np.testing.assert_array_equal(frame[away], taught.plate[away])


def test_drawings_and_points_of_a_lesson_show_the_same_place() -> None:
    taught = lesson(zoom=0.0, shift=0.0)
    small = taught.footage.dance.points * np.array([0.3, 0.3, 1], np.float32)
    taught.footage = dataclasses.replace(taught.footage, dance=Choreography(small, 25.0))
    scenes = [taught._scene(2) for _ in range(8)]
    assert {scene.plate.shape[-1] for scene in scenes} == {SIZE // 2, SIZE}  # sometimes a step larger
    for scene in scenes:
        for drawing, points in zip(scene.drawings.flatten(0, 1), scene.points.flatten(0, 1), strict=True):
            drawn = np.argwhere((drawing > -1).any(dim=0).numpy())[:, ::-1]
            assert np.abs(drawn.mean(axis=0) - points[11:, :2].numpy().mean(axis=0)).max() < 6
    assert taught._scene(2, whole=True).plate.shape[-2:] == (SIZE, SIZE)
