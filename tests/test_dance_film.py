"""From a dancer and a choreography to a film: files of dances, the bundled ones, options, sound, the command line."""

import shutil

import numpy as np
import pytest
from bodies import SIZE, TINY, dance, lesson, person, see_somebody_wave
from clips import write_clip

from living_portraits import (
    body,
    choreographer,
    choreography,
    dancing,
    people,
    provenance,
    samples,
    skeleton,
    stance,
    video,
)
from living_portraits.choreography import Choreography
from living_portraits.cli import main
from living_portraits.commands import dance as command
from living_portraits.engines.dance import dancer
from living_portraits.errors import LivingPortraitsError, MediaError, OptionError
from living_portraits.rehearsal.teach import Course, Taught


@pytest.fixture(scope="module")
def anna(tmp_path_factory):
    path = tmp_path_factory.mktemp("people") / "anna.dancer"
    dancer.write(path, lesson(shape=TINY).dancer({"name": "anna"}, face=True))
    return path


@pytest.fixture
def clip(tmp_path, monkeypatch):
    """A clip with sound whose frames show, as a toy tracker says, somebody who waves."""
    see_somebody_wave(monkeypatch)
    return write_clip(tmp_path / "dance.mp4", frames=20, sound="aac") or tmp_path / "dance.mp4"


# --- files of dances --------------------------------------------------------------------------------------------------


def test_a_dance_comes_back_from_its_file(tmp_path) -> None:
    given = dance()
    given = Choreography(given.points, given.fps, ((3, 5),))
    path = tmp_path / "a.dance"
    choreography.save(path, given)
    again = choreography.load(path)
    assert again.fps == given.fps and again.gaps == given.gaps and again.bridged == 2
    tall = np.ptp(given.points[0, :, 1])
    assert np.abs(again.points - given.points)[..., :2].max() < tall / 1000
    assert np.abs(again.points - given.points)[..., 2].max() <= 1 / 30
    assert path.stat().st_size < 4000


def test_a_tiny_dancer_far_from_the_corner_comes_back_too(tmp_path) -> None:
    given = dance()
    points = given.points.copy()
    points[..., :2] = 0.01 * points[..., :2] + 4000
    path = tmp_path / "a.dance"
    choreography.save(path, Choreography(points, given.fps))
    assert np.abs(choreography.load(path).points - points)[..., :2].max() < np.ptp(points[0, :, 1]) / 500


@pytest.mark.parametrize("content", [b"", b"living-portraits dance 1\nrubbish", b"other"])
def test_damaged_dances_are_said(tmp_path, content: bytes) -> None:
    path = tmp_path / "a.dance"
    path.write_bytes(content)
    with pytest.raises(MediaError):
        choreography.load(path)
    with pytest.raises(MediaError, match="cannot be read"):
        choreography.load(tmp_path / "missing.dance")


def test_parts_rates_and_repetitions() -> None:
    steps = Choreography(dance().points, 10.0, ((5, 9),))
    piece = choreography.part(steps, start=0.6, end=2.0)
    assert len(piece) == 14 and piece.gaps == ((0, 3),)
    np.testing.assert_array_equal(piece.points[0], steps.points[6])
    assert len(choreography.resampled(steps, fps=20.0)) == 2 * len(steps)
    np.testing.assert_allclose(
        choreography.resampled(steps, fps=20.0).points[1], steps.points[:2].mean(axis=0), rtol=1e-5
    )
    twice = choreography.repeated(steps, 2)
    assert len(twice) == 2 * len(steps) and twice.bridged == 8
    with pytest.raises(OptionError, match="nothing from 9 s"):
        choreography.part(steps, start=9.0)


# --- the bundled dances -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", samples.DANCES)
def test_the_bundled_dances_are_what_the_hand_made(name: str) -> None:
    bundled, made = choreography.load(samples.DANCES[name]), choreographer.make(choreographer.DANCES[name])
    assert bundled.fps == made.fps and len(bundled) == len(made)
    assert np.abs(bundled.points - made.points)[..., :2].max() < 0.5
    assert samples.DANCES[name].stat().st_size < 6000 and name in samples.TITLES


@pytest.mark.parametrize("name", samples.DANCES)
def test_a_hand_made_body_keeps_its_bones_and_its_feet_on_the_floor(name: str) -> None:
    points = choreographer.make(choreographer.DANCES[name]).points[..., :2]
    for a, b in ((11, 13), (13, 15), (12, 14), (14, 16), (11, 12)):
        lengths = np.linalg.norm(points[:, a] - points[:, b], axis=1)
        np.testing.assert_allclose(lengths, lengths[0], rtol=1e-3)
    lowest = points[:, [skeleton.LEFT_ANKLE, skeleton.RIGHT_ANKLE], 1].max(axis=1)
    np.testing.assert_allclose(lowest, choreographer.FLOOR, atol=0.5)
    assert np.abs(np.diff(points, axis=0)).max() < 30  # px a frame of a body of 330: nothing leaps


def test_the_first_one_is_a_loop() -> None:
    points = choreography.load(next(iter(samples.DANCES.values()))).points
    seam = np.abs(points[0] - points[-1])[:, :2].max()
    assert seam <= np.abs(np.diff(points, axis=0))[..., :2].max()


# --- films ------------------------------------------------------------------------------------------------------------


def test_a_film_has_the_dancers_size_and_the_dances_length_rate_and_sound(anna, clip, tmp_path) -> None:
    out = tmp_path / "film.mp4"
    stages = []
    result = dancing.dance(
        out, identity=anna, choreography=clip, progress=stages.append, save_choreography=tmp_path / "kept.dance"
    )
    told = video.probe(out)
    assert (told.width, told.height, told.frames, told.fps) == (SIZE, SIZE, 20, 25.0)
    assert told.sound == "aac" and told.duration == pytest.approx(0.8, abs=0.05)
    assert result.frames == 20 and [s.stage for s in stages] == ["track"] * 20 + ["generate"] * 20
    assert len(choreography.load(tmp_path / "kept.dance")) == 20
    report = provenance.verify(out)
    assert report.made_here and "dance" in str(report)


def test_the_film_is_the_engines_frames(anna, tmp_path) -> None:
    out = tmp_path / "frames"
    dancing.dance(out, identity=anna, choreography="wave", end=0.2, mark=False)
    known = dancer.read(anna)
    part = choreography.part(choreography.load(samples.wave), end=0.2)
    fitted = stance.normalised(part, known.stance, size=SIZE)
    from living_portraits.engines.dance.engine import perform

    frames = [video.read_picture(path).rgb for path in sorted(out.iterdir())]
    for frame, expected in zip(frames, perform(known, fitted), strict=True):
        np.testing.assert_array_equal(frame, expected)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"sound": "none", "times": 2}, (SIZE, 40, None)),
        ({"side_by_side": True, "end": 0.4}, (2 * SIZE, 10, "aac")),
        ({"fps": 12.5}, (SIZE, 10, "aac")),
    ],
)
def test_options_shape_the_film(anna, clip, tmp_path, options, expected) -> None:
    out = tmp_path / "film.mp4"
    dancing.dance(out, identity=anna, choreography=clip, **options)
    told = video.probe(out)
    assert (told.width, told.frames, told.sound) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"identity": "nobody"}, "no dancer called"),
        ({"choreography": "missing.mp4"}, "no file"),
        ({"choreography": "picture.png"}, "single picture"),
        ({"times": 0}, "danced once to"),
        ({"times": 10**11}, "danced once to"),
        ({"fps": 0.0}, "1 to 240 frames a second"),
        ({"fps": 0.001}, "1 to 240 frames a second"),
        ({"smoothing": 7.0}, "from 0 to 1"),
        ({"save_choreography": "nowhere/kept.dance"}, "There is no folder"),
        ({"runtime": "int8"}, "dance has no runtime 'int8'; choose from auto, torch, openvino"),
        ({"speed": 2}, "no option speed"),
        ({"save_choreography": "kept.txt"}, "ends in .dance"),
        ({"out": "dance.mp4", "choreography": "dance.mp4"}, "is read to make the film"),
    ],
)
def test_what_cannot_be_is_one_sentence(anna, clip, tmp_path, monkeypatch, options, expected) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(people.FOLDER_VARIABLE, str(tmp_path))
    shutil.copy(samples.astronaut, tmp_path / "picture.png")
    given = {"identity": anna, "choreography": clip, "out": "film.mp4"} | options
    if "save_choreography" in given:
        from pathlib import Path

        given["save_choreography"] = Path(given["save_choreography"])
    out = given.pop("out")
    with pytest.raises(LivingPortraitsError, match=expected):
        dancing.dance(out, **given)
    assert not (tmp_path / "film.mp4").exists()


def test_with_nothing_but_out_there_is_a_film_or_a_sentence(tmp_path) -> None:
    if not dancing.comes_along():
        with pytest.raises(OptionError, match="No dancer comes along"):
            dancing.dance(tmp_path / "film.mp4")
        return
    result = dancing.dance(tmp_path / "film.mp4", end=0.2)
    assert result.frames == 5 and result.width == result.height == 512


def test_a_film_that_is_stopped_leaves_nothing(anna, clip, tmp_path) -> None:
    def stop(progress):
        if progress.stage == "generate":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dancing.dance(tmp_path / "film.mp4", identity=anna, choreography=clip, progress=stop)
    assert not (tmp_path / "film.mp4").exists()


def test_the_package_itself_dances(anna, tmp_path) -> None:
    import living_portraits as lp

    result = lp.dance(tmp_path / "film.mp4", identity=anna, choreography=lp.samples.wave, end=0.2)
    assert result.frames == 5 and "dance" in dir(lp)


def test_a_film_says_the_consent_that_the_dancers_file_says_unless_there_is_another(tmp_path) -> None:
    path = tmp_path / "bert.dancer"
    dancer.write(path, lesson(shape=TINY).dancer({"consent": "Bert agreed."}, face=False))
    for given, expected in ((None, "Bert agreed."), ("His mother too.", "His mother too.")):
        dancing.dance(tmp_path / "film.mp4", identity=path, choreography="wave", end=0.1, consent=given)
        assert provenance.verify(tmp_path / "film.mp4").claim["consent"] == expected


# --- the command ------------------------------------------------------------------------------------------------------


def run(*words: object) -> int:
    """The command by itself, whether or not the registry of commands has it."""
    import argparse

    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers(dest="command"))
    given = parser.parse_args(["dance", *map(str, words)])
    return int(given.run(given))


def test_train_then_dance(clip, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv(people.FOLDER_VARIABLE, str(tmp_path / "people"))
    target = write_clip(tmp_path / "target.mp4", frames=80) or tmp_path / "target.mp4"
    words = ["--target", target, "--name", "anna", "--size", SIZE, "--steps", 4, "--look", "none"]
    tiny = [f"--set={name}" for name in ("width=8", "downs=1", "blocks=1", "local_blocks=1", "face_width=4",
                                         "face_blocks=1", "critic_width=4", "check_seconds=0")]  # fmt: skip
    with pytest.warns(match="will be guesses"):
        assert run("train", *words, *tiny) == 0
    told = capsys.readouterr().out
    assert "80 frames, 0 without a detection; the last 8 judge" in told and "held-out error" in told
    assert (tmp_path / "people" / "anna.dancer").is_file() and (tmp_path / "people" / "anna.preview.png").is_file()
    monkeypatch.setattr(body, "follow", None)  # tracked before: not again
    with pytest.warns(match="will be guesses"):
        assert run("train", *words, *tiny) == 0
    taught = (tmp_path / "people" / "anna.dancer").read_bytes()
    monkeypatch.setattr(Course, "run", lambda course, hear: Taught(course.lesson.dancer({}, face=False), "stopped", []))
    with pytest.warns(match="will be guesses"):
        assert run("train", *words, *tiny) == 130
    assert (tmp_path / "people" / "anna.dancer").read_bytes() == taught  # nothing was learned that could replace it
    assert run("--identity", "anna", "--choreography", "side_to_side", "--end", 0.2, "--out", tmp_path / "a.mp4") == 0
    assert video.probe(tmp_path / "a.mp4").frames == 5


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--identity", "anna"], "takes --out"),
        (["--out", "a.mp4", "--start", "soon"], "start takes a number"),
        (["--out", "a.mp4", "--times", "0"], "times takes a whole number"),
        (["train", "--target", "a.mp4", "--name", "a", "--look", "vgg"], "choose from alexnet, vgg19, none"),
        (["train", "--target", "a.mp4", "--name", "a", "--size", "100", "--look", "none"], "choose from 64, 128"),
        (["train", "--target", "a.mp4", "--name", "a", "--set", "depth=2"], "no setting 'depth'"),
        (["train", "--target", "a.mp4", "--name", "a", "--set", "mirror=maybe"], "true or false"),
        (["train", "--target", "a.mp4", "--name", "a/b"], "letters, digits"),
        (["train", "--target", "a.mp4", "--name", "a", "--device", "tpu"], "choose from auto, cpu, cuda"),
        (["--out", "a.mp4", "train", "--target", "a.mp4", "--name", "a"], "--out before `train` is about a film"),
        (["--no-mark", "judge", "--target", "a.mp4", "--dancers", "a"], "--no-mark before `judge` is about a film"),
    ],
)
def test_words_that_mean_nothing_are_said(tmp_path, monkeypatch, words, expected) -> None:
    monkeypatch.setenv(people.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(LivingPortraitsError, match=expected):
        run(*words)


def test_a_person_cut_off_is_said_before_anything_is_learned(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(people.FOLDER_VARIABLE, str(tmp_path))
    target = write_clip(tmp_path / "t.mp4", frames=80) or tmp_path / "t.mp4"

    def follow(frames, *, fps, smoothing=0.5, on_frame=None):
        body.tracking.check_whole_body(Choreography(np.stack([person()] * 4), 25.0), height=300)

    monkeypatch.setattr(body, "follow", follow)
    with pytest.raises(LivingPortraitsError, match="knees"):
        run("train", "--target", target, "--name", "a", "--look", "none")
    assert not list(tmp_path.glob("a*"))  # no folder for a course that never began


def test_the_command_line_knows_it() -> None:
    assert main(["dance", "--identity", "nobody at all", "--out", "film.mp4"]) == 2
