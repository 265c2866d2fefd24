"""Learning one person: what is shown, how a step is taken, when it ends, what is kept."""

import argparse
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from drawn import driver, face, picture, source
from PIL import Image
from toys import found

from living_portraits import face as tracker
from living_portraits import geometry, people, samples, video, weights
from living_portraits.align import Crop
from living_portraits.cli import main
from living_portraits.commands import finetune as command
from living_portraits.engine import Drive, Track
from living_portraits.engines.puppet import Puppet
from living_portraits.engines.still import Still
from living_portraits.engines.talking_head import person
from living_portraits.engines.talking_head.content import Content, Weights
from living_portraits.engines.talking_head.networks import SCORE_SCALE, Discriminator, FewShot, Shape
from living_portraits.errors import FaceError, LivingPortraitsError, OptionError
from living_portraits.finetune import learning, sources
from living_portraits.finetune.tune import (
    Lesson,
    Material,
    TuneConfig,
    _folded,
    own_share,
    seconds_for,
    steps_for,
    tune,
)
from living_portraits.finetune.views import View, crossed, own, posed
from living_portraits.finetune.watch import LOST, Check, Rule, mimics_error
from living_portraits.motion import measure
from living_portraits.variety import apart

SIZE = 64
TINY = Shape(True, (8, 8, 16, 16), 1, (16, 16, 8), (8, 8, 16, 16, 16, 16))
PLAIN = Weights(vgg=0.0, face=0.0)


@pytest.fixture(autouse=True)
def calm():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


def motion(frames: int = 9):
    return measure(driver(SIZE, frames=frames), Drive())


def lesson(*, views: list[View] | None = None, carries: bool = False, **changes) -> Lesson:
    usual = {"content": PLAIN, "batch": 2, "check_steps": 3, "lr": 1e-2, "adversary": 1.0, "features": 10.0}
    config = TuneConfig(**{**usual, **changes})
    material = Material(views or [], asked(), crossing() if carries else [])
    return Lesson(FewShot(TINY, carries=carries), Discriminator(TINY, identities=3), source(SIZE), material, config)


def asked() -> list[View]:
    clips = [driver(SIZE, frames=9), driver(SIZE, frames=6)]
    return posed(Still(size=SIZE), own(source(SIZE))[0], clips, count=2)[1]


def crossing() -> list[View]:
    """The one picture, carried from two views of it."""
    [mine] = own(source(SIZE))
    views, _ = posed(Puppet(size=SIZE), mine, [driver(SIZE, frames=9)], count=3)
    return crossed(Puppet(size=SIZE), views[1:], [mine])


# --- views ------------------------------------------------------------------------------------------------------------


def test_views_of_a_painting_move_as_their_points_say() -> None:
    """A dot on each cheek, which the engine carries along, lies where the view's points have it."""
    one = source(128)
    dotted = one.crops[0].copy()
    places = one.points[0][[50, 280], :2].round().astype(int)
    for x, y in places:
        dotted[y - 1 : y + 2, x - 1 : x + 2] = (0, 255, 0)
    views, _ = posed(Puppet(size=128), View(dotted, one.points[0], dotted), [driver(128, frames=9)], count=3)
    assert [view.frame.shape for view in views] == [(128, 128, 3)] * 3
    np.testing.assert_allclose(views[0].points, one.points[0], atol=0.5)
    assert np.abs(views[1].points - one.points[0]).max() > 2
    for view in views:
        assert view.carried is view.frame
        green = view.frame[..., 1].astype(int) - view.frame[..., [0, 2]].max(axis=-1)
        for x, y in view.points[[50, 280], :2].round().astype(int):
            assert green[y - 3 : y + 4, x - 3 : x + 4].max() > 60


def test_views_are_shared_out_over_the_clips() -> None:
    one, clips = source(SIZE), [driver(SIZE, frames=9), driver(SIZE, frames=6)]
    taught, left = posed(Still(size=SIZE), own(one)[0], clips, count=5)
    assert (len(taught), len(left)) == (5, 2)
    assert [view.points.tolist() for view in own(one)] == one.points.tolist()


def test_what_is_watched_is_never_taught() -> None:
    views, [watched] = posed(Still(size=SIZE), own(source(SIZE))[0], [driver(SIZE, frames=9)], count=3)
    assert min(np.abs(watched.points - view.points).max() for view in views) > 0.1


def test_pictures_are_carried_into_each_others_poses() -> None:
    """Of three poses of one head every one is carried from the two others, and lies where its points say."""
    engine = Puppet(size=128)
    first, *rest = posed(engine, own(source(128))[0], [driver(128, frames=9)], count=3)[0]
    three = [first, *rest]
    pairs = crossed(engine, three, three)
    targets = [next(i for i, view in enumerate(three) if view.points is pair.points) for pair in pairs]
    assert targets == [1, 2, 0, 2, 0, 1]
    for target, pair in zip(targets, pairs, strict=True):
        off = [np.abs(pair.carried.astype(int) - view.frame).mean() for view in three]
        assert min(range(3), key=off.__getitem__) == target


def test_a_picture_of_another_day_teaches_its_face_in_todays_light() -> None:
    """The same head, darker, redder and in another room: light and room are not to be learned, a mark on it is."""
    engine = Puppet(size=128)
    here, there = posed(engine, own(source(128))[0], [driver(128, frames=9)], count=2)[0]
    [today] = crossed(engine, [here], [there])
    marked = there.frame.copy()
    x, y = there.points[4, :2].round().astype(int)
    marked[y - 3 : y + 3, x - 3 : x + 3] = 255 - marked[y - 3 : y + 3, x - 3 : x + 3]
    other = (marked * np.float32([0.6, 0.4, 0.4])).astype(np.uint8)
    other[:8] = 255
    [later] = crossed(engine, [here], [View(other, there.points, other)])
    np.testing.assert_array_equal(later.frame[:8], later.carried[:8])
    off = np.abs(later.frame.astype(int) - today.frame).mean(axis=2)
    assert off[y - 3 : y + 3, x - 3 : x + 3].mean() > 40
    off[y - 5 : y + 5, x - 5 : x + 5] = 0
    assert off.mean() < 0.15 * np.abs(other.astype(int) - today.frame).mean()


def test_frames_that_are_chosen_lie_apart_and_begin_at_rest() -> None:
    chosen = apart(motion(9), 3)
    assert chosen[0] in (0, 8) and 4 in chosen and len(set(chosen)) == 3


@pytest.mark.parametrize(("count", "pairs"), [(1, 24), (3, 6), (10, 72)])
def test_what_is_taught_of_one_picture_and_of_several(monkeypatch: pytest.MonkeyPatch, count: int, pairs: int) -> None:
    """One picture is carried from views of it; several from each other, eight at most being carried from."""
    monkeypatch.setattr(learning, "_bundled", lambda name: driver(SIZE, frames=40))
    monkeypatch.setattr(learning, "Guided", Puppet)
    monkeypatch.setattr(learning.TalkingHead, "SIDE", SIZE)
    film, told = driver(SIZE, frames=count), []
    material = learning.taught(film, lambda heard: told.append(heard.share))
    assert told == sorted(told) and told[-1] == 1.0
    assert len(material.views) >= 20 * min(count, learning.POSED) and len(material.asked) == len(samples.DRIVERS)
    assert len(material.crossed) == pairs
    expected = film.points[1:] if count > 1 else np.repeat(film.points, pairs, axis=0)
    for view, points in zip(material.crossed, expected, strict=False):  # the first film's come first
        np.testing.assert_array_equal(view.points, points)


# --- when to stop -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("checks", "best", "enough"),
    [
        ([(1.0, 4.0)], 0, False),
        ([(1.0, 4.0), (0.5, 4.0), (0.4, 4.0)], 2, False),
        ([(1.0, 4.0), (0.5, 4.0), (0.4, 9.0), (0.3, 12.0)], 1, True),  # likeness still falls, the face stiffens
        ([(1.0, 4.0), (1.2, 3.9), (1.1, 4.0)], 0, True),
    ],
)
def test_the_rule_weighs_likeness_against_mimics(checks: list, best: int, enough: bool) -> None:
    first, *rest = [Check(step, *values) for step, values in enumerate(checks)]
    rule = Rule(2, [first])
    for check in rest:
        rule.hear(check)
    assert (rule.best, rule.enough) == (best, enough)


def test_mimics_are_measured_without_the_heads_travel() -> None:
    frame, points = picture(SIZE, SIZE), source(SIZE).points
    assert mimics_error([frame], points, lambda frame: points[0] + np.float32([3, -2, 0])) == pytest.approx(0, abs=1e-4)
    opened = points[0].copy()
    opened[list(geometry.LIPS_INNER_LOWER[1:-1]), 1] += 5
    assert mimics_error([frame], points, lambda frame: opened) > 0.5
    assert mimics_error([frame], points, lambda frame: None) == pytest.approx(LOST * SIZE)


@pytest.mark.parametrize(("pictures", "batch", "expected"), [(1, 7, 125), (32, 7, 230), (100, 7, 230), (1, 2, 438)])
def test_more_pictures_take_more_steps(pictures: int, batch: int, expected: int) -> None:
    assert steps_for(pictures, batch=batch) == expected
    assert 125 < steps_for(8, batch=7) < 230


# --- steps ------------------------------------------------------------------------------------------------------------


def test_it_begins_where_the_meta_learned_networks_stand() -> None:
    head, critic = FewShot(TINY), Discriminator(TINY, identities=3)
    one = source(SIZE)
    made = Lesson(head, critic, one, Material(), TuneConfig(content=PLAIN))
    with torch.no_grad():
        embedding = head.eval().embed(made.own.frames[None], made.own.shown[None])
        assert torch.allclose(made.style, head.style(embedding))  # psi' = P e
        vector, _ = critic.eval().look(made.own.frames, made.own.shown)
        score, _ = made.critic.eval()(made.own.frames, made.own.shown, made.column)
        expected = critic.general(SCORE_SCALE * vector)[:, 0] + SCORE_SCALE * vector @ embedding[0]  # w' = w0 + e
    assert torch.allclose(score, expected, atol=1e-4)


def test_a_step_teaches_everything_and_leaves_the_shared_networks_alone() -> None:
    head, critic = FewShot(TINY), Discriminator(TINY, identities=3)
    kept = [p.detach().clone() for net in (head, critic) for p in net.parameters()]
    config = TuneConfig(content=PLAIN, lr=1e-2, adversary=1.0, features=10.0)
    made = Lesson(head, critic, source(SIZE), Material(), config)
    trained = [*made.generator.parameters(), made.style, *made.critic.parameters(), made.column]
    before = [p.detach().clone() for p in trained]
    for _ in range(3):  # attention begins as nothing: its matrices move once gamma has
        assert set(made.step()) == {"pixels", "adversary", "features", "hinge"}
    same = [p for p, was in zip(trained, before, strict=True) if torch.equal(p, was)]
    untaught = (made.critic.columns, made.critic.general.bias)  # nobody's; and b, which true and false pull alike
    assert all(any(p is one for one in untaught) for p in same) and any(p is untaught[0] for p in same)
    assert all(torch.equal(p, was) for p, was in zip([*head.parameters(), *critic.parameters()], kept, strict=True))


def test_rates_sink_over_the_last_third() -> None:
    made = lesson(lr=0.1, discriminator_rate=2.0)
    seen = []
    for share in (0.0, 0.6, 5 / 6, 1.0):
        made.settle(share)
        seen.append([optimiser.param_groups[0]["lr"] for optimiser in made._optimisers])
    np.testing.assert_allclose(seen, [[0.1, 0.2], [0.1, 0.2], [0.05, 0.1], [0.0, 0.0]], atol=1e-9)


def test_half_of_what_is_shown_is_the_persons_own() -> None:
    one = source(SIZE)
    dark = View(np.zeros_like(one.crops[0]), one.points[0], one.crops[0])
    made = lesson(views=[dark], batch=4, own=0.5)
    targets = [made._drawn()[0] for _ in range(3)]
    assert [[int(bool((t > -1).any())) for t in target] for target in targets] == [[1, 1, 0, 0]] * 3
    assert own_share(1) == 0.2 and own_share(8) == own_share(32) == 0.5
    odd = lesson(views=[dark], batch=1, own=0.5)
    shown = [bool((odd._drawn()[0] > -1).any()) for _ in range(40)]
    assert 8 < sum(shown) < 32


def test_what_was_made_up_teaches_nothing() -> None:
    output = torch.zeros(1, 3, SIZE, SIZE, requires_grad=True)
    valid = torch.ones(1, 1, SIZE, SIZE)
    valid[..., :32] = 0
    points = torch.from_numpy(source(SIZE).points)
    found = Content(PLAIN)(output, torch.ones(1, 3, SIZE, SIZE), points, valid)
    found["pixels"].backward()
    assert output.grad is not None and not output.grad[..., :32].any() and output.grad[..., 32:].all()


# --- the whole of it --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("carries", [False, True], ids=["drawn", "carried"])
def test_a_person_is_learned_kept_and_read_again(tmp_path: Path, carries: bool) -> None:
    made = lesson(steps=12, adversary=0.0, features=0.0, carries=carries)
    base = _folded(made.generator)
    reports = []
    tuned = tune(made, lambda frame: source(SIZE).points[0], on_check=reports.append)
    assert [report.check.step for report in reports] == [0, 3, 6, 9, 12]
    assert tuned.reason == "all 12 steps are done"
    assert reports[-1].check.likeness < 0.9 * reports[0].check.likeness
    assert reports[-1].preview.shape == (SIZE, 4 * SIZE, 3)
    assert tuned.person.about == {"pictures": 1, "steps": tuned.rule.checks[tuned.rule.best].step}
    weights = tmp_path / "base"
    weights.write_bytes(b"the network's file")
    person.write(tmp_path / "ada.person", tuned.person, base=weights)
    again = person.read(tmp_path / "ada.person", base=weights)
    shown, style = made.own.shown, tuned.person.style
    assert shown.shape[1] == (6 if carries else 3)
    expected = _folded(made.generator)(shown, style)
    np.testing.assert_array_equal(again.picture, source(SIZE).crops[0])
    output = person.tuned(base, again)(shown, again.style)
    assert (output - expected).abs().mean() < 0.25 * (base(shown, style) - expected).abs().mean()


def test_the_best_is_kept_and_not_the_last() -> None:
    """The tracker sees a face that stiffens from the third look on."""
    looks = []

    def stiffening(frame: np.ndarray) -> np.ndarray:
        looks.append(frame)
        opened = source(SIZE).points[0].copy()
        opened[list(geometry.LIPS_INNER), 1] += 30.0 if len(looks) > 4 else 0.0  # two frames a look
        return opened

    made, seen = lesson(steps=30, patience=2, adversary=0.0, features=0.0), {}

    def keep(report) -> None:
        seen[report.check.step] = made.generator.leave.weight.detach().clone(), made.style.detach().clone()

    tuned = tune(made, stiffening, on_check=keep)
    assert tuned.reason == "more steps made it no better"
    assert tuned.rule.checks[tuned.rule.best].step == 3 and tuned.rule.checks[-1].step == 9
    assert torch.equal(made.generator.leave.weight, seen[3][0]) and torch.equal(tuned.person.style, seen[3][1])
    assert not torch.equal(seen[9][0], seen[3][0])


@pytest.mark.parametrize("how", ["ctrl-c", "time"])
def test_an_end_before_the_end_keeps_what_there_is(how: str) -> None:
    def stop(report) -> None:
        if how == "ctrl-c" and report.check.step == 6:
            raise KeyboardInterrupt

    made = lesson(steps=30, seconds=1e-9 if how == "time" else 1e9, adversary=0.0, features=0.0)
    tuned = tune(made, lambda frame: source(SIZE).points[0], on_check=stop)
    assert tuned.reason == {"ctrl-c": "it was stopped", "time": "the time is over"}[how]
    assert tuned.rule.checks[-1].step == {"ctrl-c": 6, "time": 1}[how]


def test_pictures_of_a_clip_are_given_the_time_of_as_many_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("living_portraits.finetune.tune.seconds_for", lambda pictures: asked.append(pictures) or 1e-9)
    config = replace(command.configured({"steps": "2"}), content=PLAIN)
    film = driver(SIZE, frames=3)
    tuned = tune(Lesson(FewShot(TINY), Discriminator(TINY, identities=3), film, Material(), config), lambda frame: None)
    assert asked == [3] and tuned.reason == "the time is over"
    assert seconds_for(1) == 150 and seconds_for(3) == seconds_for(32) == 300


def test_the_same_again_gives_the_same_again() -> None:
    def learned() -> torch.Tensor:
        torch.manual_seed(0)
        return tune(lesson(steps=3), lambda frame: None).person.style

    assert torch.equal(learned(), learned())


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def stills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    paths = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    for path in paths:
        path.write_bytes(b"")
    monkeypatch.setattr(video, "is_still", lambda path: path.suffix == ".jpg")
    monkeypatch.setattr(video, "read_picture", lambda path: video.Picture(picture(120, 120)))
    return paths


def test_pictures_become_crops_of_one_size(stills: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker, "find", lambda picture: [found(zoom=1.5)])
    track, inside = sources.open_sources(stills, size=SIZE, count=8)
    assert len(track) == 2 and track.crops[0].shape == (SIZE, SIZE, 3)
    assert track.points[0, :, :2].min() > 0 and track.points[0, :, :2].max() < SIZE
    assert inside == Crop.around(found(zoom=1.5).points, size=SIZE).inside(120, 120, track.points[0])


@pytest.mark.parametrize(
    ("names", "faces", "error", "expected"),
    [
        (["a.jpg", "b.jpg"], 0, FaceError, r"no face to be found in .*a\.jpg"),
        (["a.jpg", "film.mp4"], 1, OptionError, r"film\.mp4 is a clip: give it alone"),
        (["film.mp4", "film.mp4"], 1, OptionError, "give it alone, or pictures alone"),
    ],
)
def test_sources_that_will_not_do(
    stills: list[Path], monkeypatch: pytest.MonkeyPatch, names: list[str], faces: int, error, expected: str
) -> None:
    monkeypatch.setattr(tracker, "find", lambda picture: [found()] * faces)
    with pytest.raises(error, match=expected):
        sources.open_sources([stills[0].with_name(name) for name in names], size=SIZE, count=8)


def by_brightness(pictures: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Says who it is by the brightness of a picture."""
    light = (pictures.mean(dim=(1, 2, 3)) > 0).float()
    return torch.stack([light, 1 - light], dim=1)


def test_two_people_are_noticed() -> None:
    crops = [np.full((SIZE, SIZE, 3), level, np.uint8) for level in (200, 210, 20)]
    track = Track(crops, np.stack([face()] * 3), np.zeros((3, 52), np.float32))
    with pytest.warns(sources.StrangersWarning, match=r"a and c hardly show the same person \(similarity 0\.00\)"):
        sources.warn_of_strangers(track, by_brightness, ["a", "b", "c"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alike = Track(crops[:2], track.points[:2], track.blendshapes[:2])
        sources.warn_of_strangers(alike, by_brightness, ["a", "b"])
        sources.warn_of_strangers(track, None, ["a", "b", "c"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"steps": "7"}, 7),
        ({"lr": "1e-3"}, 1e-3),
        ({"adversary": "0"}, 0.0),
        ({"speed": "7"}, "There is no setting 'speed'; choose from steps, seconds, batch"),
        ({"batch": "0"}, "batch is at least 1, not 0"),
        ({"lr": "fast"}, "lr is a number, not 'fast'"),
        ({"patience": "1.5"}, "patience is a whole number, not '1.5'"),
        ({"seconds": "nan"}, "seconds is at least"),
    ],
)
def test_settings_from_words(given: dict[str, str], expected) -> None:
    if isinstance(expected, str):
        with pytest.raises(OptionError, match=expected):
            command.configured(given)
        return
    assert getattr(command.configured(given), next(iter(given))) == expected


def test_options_of_the_command() -> None:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    args = parser.parse_args(["finetune", "--sources", "mona_lisa", "--name", "mona", "--minutes", "2", "--steps", "9"])
    assert args.sources[0].name == "mona_lisa.jpg" and args.run is command.run
    assert command.options(args) == {"steps": "9", "seconds": "120.0"}
    for wrong in ("two", "-1", "0", "nan"):
        args.minutes = wrong
        with pytest.raises(OptionError, match=f"--minutes takes a number of more than 0, not '{wrong}'"):
            command.options(args)


def test_nobody_agrees_without_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = ["finetune", "--sources", "mona_lisa", "--name", "ada", "--out", str(tmp_path / "ada.person")]
    assert main([*whole, "--agreed", " "]) == 2
    assert "--agreed takes a few words, not ' '" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("clip", "count"), [(True, 33), (False, 8)])
def test_a_person_of_too_many_pictures_is_refused(tmp_path: Path, clip: bool, count: int) -> None:
    pictures = [samples.sing] if clip else [samples.mona_lisa] * 33
    with pytest.raises(OptionError, match="from at most 32 pictures, not from 33"):
        learning.learn(pictures, name="ada", config=TuneConfig(), count=count, out=tmp_path / "ada.person")


def test_people_are_found_by_name_or_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(people.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(OptionError, match="no person called 'ada'; choose from mona_lisa, or make one with"):
        person.PERSONS.find("ada")
    person.PERSONS.place("ada").write_bytes(b"")
    assert person.PERSONS.find("ada") == tmp_path / "ada.person" == person.PERSONS.find(str(tmp_path / "ada.person"))
    with pytest.raises(OptionError, match="no person called 'eve'; choose from ada, mona_lisa"):
        person.PERSONS.find("eve")
    for name in ("", "../ada", "a/b", ".ada", 101 * "a", 999 * "a", 100 * "愛"):
        for asked in (person.PERSONS.place, person.PERSONS.find):
            with pytest.raises(LivingPortraitsError, match=r"has up to 100 letters, .* is no such name"):
                asked(name)
    person.PERSONS.place(100 * "ä").write_bytes(b"")


def half_a_second(monkeypatch: pytest.MonkeyPatch, *gaps: tuple[int, int], crops: list | None = None) -> list[float]:
    """Every file is a clip of six frames, of which some show no face; the rates at which it is read."""
    asked: list[float] = []
    moved = driver(SIZE, frames=6)

    def frames(path, *, end, fps):
        asked.append(fps)
        return iter(crops or moved.crops)

    def follow(given, fps):
        return tracker.FaceTrack(moved.points, moved.blendshapes, np.zeros((6, 4, 4), np.float32), fps, gaps)

    monkeypatch.setattr(video, "is_still", lambda path: False)
    monkeypatch.setattr(video, "probe", lambda path: SimpleNamespace(duration=0.5, fps=12.0))
    monkeypatch.setattr(video, "read_frames", frames)
    monkeypatch.setattr(tracker, "follow", follow)
    return asked


def test_of_a_short_clip_more_frames_a_second_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = half_a_second(monkeypatch)
    assert len(sources.open_sources([tmp_path / "a.mp4"], size=SIZE, count=2).track) == 2
    assert asked == [12.0, 12.0]  # and not 5
    with pytest.warns(sources.FewPicturesWarning, match=r"a\.mp4 has 6 pictures of the face, and not 8"):
        assert len(sources.open_sources([tmp_path / "a.mp4"], size=SIZE, count=8).track) == 6


def test_frames_of_a_clip_without_a_face_are_no_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of the six, among them the first, are black; their points were filled in."""
    crops = [np.full((SIZE, SIZE, 3), 0 if number in (0, 3) else 200, np.uint8) for number in range(6)]
    half_a_second(monkeypatch, (0, 1), (3, 4), crops=crops)
    assert np.min(sources.open_sources([tmp_path / "a.mp4"], size=SIZE, count=4).track.crops) == 200
    with pytest.warns(sources.FewPicturesWarning, match=r"a\.mp4 has 4 pictures of the face, and not 6"):
        assert len(sources.open_sources([tmp_path / "a.mp4"], size=SIZE, count=6).track) == 4


def test_a_face_that_looks_unlike_the_first_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    one = source(SIZE)
    three = Track(
        [crop + np.uint8(turn) for turn in range(3) for crop in one.crops],
        one.points.repeat(3, axis=0),
        one.blendshapes.repeat(3, axis=0),
    )
    shades = {int(crop[0, 0, 0]): 1 - 0.1 * turn for turn, crop in enumerate(three.crops)}
    monkeypatch.setattr(sources, "likeness", lambda carrier, first, shot: shades[int(shot.frame[0, 0, 0])])
    with pytest.warns(sources.UnlikeWarning, match=r"The face in c\.jpg looks unlike that in a\.jpg") as heard:
        sources.warn_of_unlike(three, Puppet(size=SIZE), ["a.jpg", "b.jpg", "c.jpg"])
    assert len(heard) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sources.warn_of_unlike(three.pick([0, 1]), Puppet(size=SIZE), ["a.jpg", "b.jpg"])
        sources.warn_of_unlike(three, Puppet(size=SIZE), ["clip.mp4"])


@pytest.mark.parametrize("inside", [None, (0, 4, 60, 50)])
def test_a_film_begins_with_what_the_picture_fills(tmp_path: Path, inside: tuple[int, ...] | None) -> None:
    kept = picture(64, 64)
    config = {} if inside is None else {"inside": list(inside)}
    weights.write(tmp_path / "ada.person", config=config, state={"picture": torch.from_numpy(kept)})
    copy = people.first_picture(tmp_path / "ada.person", tmp_path)
    assert copy is not None
    left, top, right, bottom = inside or (0, 0, 64, 64)
    np.testing.assert_array_equal(np.asarray(Image.open(copy)), kept[top:bottom, left:right])
