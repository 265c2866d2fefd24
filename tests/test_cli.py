"""The command line: the same film as from Python, one line for each thing to say, exit codes that scripts can use."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from clips import numbers, write_clip
from drawn import picture
from PIL import Image
from toys import found, track_toys

import living_portraits as lp
from living_portraits import cli, demo, samples, weights
from living_portraits.errors import OutputError
from living_portraits.film_options import Options


@pytest.fixture
def files(tmp_path, monkeypatch):
    track_toys(monkeypatch, found())
    monkeypatch.setitem(lp.engines.ENGINES, "toy", "toys:Toy")
    Image.fromarray(picture(151, 121)).save(tmp_path / "painting.png")
    write_clip(tmp_path / "clip.mp4", frames=6)
    monkeypatch.chdir(tmp_path)
    return tmp_path


ANIMATE = "animate --source painting.png --driver clip.mp4 --engine toy --out"


def test_animate_makes_the_film_and_says_so(files, capsys):
    assert cli.main(f"{ANIMATE} film.mp4".split()) == 0
    said = capsys.readouterr()
    assert said.out.startswith("film.mp4: 6 frames in ") and said.out.endswith("frames a second\n")
    assert "track" in said.err and "generate" in said.err
    assert lp.video.probe(files / "film.mp4").frames == 6


def test_every_option_has_a_flag_that_reaches_the_film(files, monkeypatch):
    given = {}

    def animate(self, source, driver, out, *, progress=None, **options):
        given.update(options)
        raise lp.LivingPortraitsError("enough.")

    monkeypatch.setattr(lp.Animator, "animate", animate)
    values = {bool: [], float: ["1.5"], int: ["2"]}
    for option in dataclasses.fields(Options):
        flag = {"relative": "--absolute", "mark": "--no-mark"}.get(option.name, f"--{option.name.replace('_', '-')}")
        given.clear()
        value = values.get(type(option.default), ["3"])
        assert cli.main([*ANIMATE.split(), "film.mp4", flag, *value]) == 2
        assert given == {option.name: (not option.default) if not value else value[0]}, flag


def test_no_flag_no_option(files, monkeypatch):
    given = []
    monkeypatch.setattr(Options, "of", classmethod(lambda cls, options: given.append(dict(options)) or cls()))
    cli.main(f"{ANIMATE} film.mp4".split())
    assert given == [{}]


def test_size_and_engine(files):
    assert cli.main(f"{ANIMATE} frames --size 96 --crop-only".split()) == 0
    assert np.asarray(Image.open(files / "frames" / "0001.png")).shape == (96, 96, 3)


def test_a_film_is_made_again_from_its_manifest(files, capsys):
    assert cli.main(f"{ANIMATE} one --strength 0.5 --manifest film.json --fps 10 --size 96".split()) == 0
    assert cli.main(["animate", "--from", "film.json", "--out", "two"]) == 0
    assert cli.main(["animate", "--from", "film.json", "--out", "three", "--fps", "5"]) == 0
    one, two, three = (sorted((files / name).glob("*.png")) for name in ("one", "two", "three"))
    for first, second in zip(one, two, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(first)), np.asarray(Image.open(second)))
    assert len(three) < len(two)


def test_a_manifest_that_finds_no_room_leaves_nothing(files):
    resource = pytest.importorskip("resource")
    before, unlimited = sorted(files.iterdir()), resource.getrlimit(resource.RLIMIT_FSIZE)
    film = lp.manifest.Manifest("toy", 64, files / "painting.png", files / "clip.mp4", files / "film.mp4", {})
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, unlimited[1]))
    try:
        with pytest.raises(OutputError, match=r"film.json cannot be written \(File too large\)"):
            lp.manifest.write_manifest(files / "film.json", film)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert sorted(files.iterdir()) == before


def test_a_manifest_whose_files_moved_takes_them_from_elsewhere(files, capsys):
    assert cli.main(f"{ANIMATE} one --manifest film.json".split()) == 0
    (files / "moved").mkdir()
    for name in ("painting.png", "clip.mp4"):
        (files / name).rename(files / "moved" / name)
    again = ["animate", "--from", "film.json", "--out", "two", "--source", "moved/painting.png"]
    assert cli.main(again) == 2
    assert "clip.mp4 is gone, which is the driver of film.json; name the file" in capsys.readouterr().err
    assert cli.main([*again, "--driver", "moved/clip.mp4"]) == 0


@pytest.mark.parametrize("begins", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(("size", "code"), [(64, 0), (float("inf"), 2)])
def test_a_manifest_that_was_edited(files, capsys, begins, size, code):
    assert cli.main(f"{ANIMATE} one --manifest film.json".split()) == 0
    edited = json.loads((files / "film.json").read_text()) | {"size": size}
    (files / "film.json").write_bytes(begins + json.dumps(edited).encode())
    assert cli.main(["animate", "--from", "film.json", "--out", "two"]) == code
    if code:
        assert "film.json is not the manifest of a film" in capsys.readouterr().err


def test_a_manifest_names_runtime_and_identity(files, monkeypatch):
    monkeypatch.setitem(lp.engines.ENGINES, "pupil", "toys:Pupil")
    (files / "ada.pupil").write_bytes(b"")
    one = ["animate", "--source", "painting.png", "--driver", "clip.mp4", "--engine", "pupil", "--out", "one"]
    assert cli.main([*one, "--identity", "ada.pupil", "--manifest", "film.json"]) == 0
    asked = []
    monkeypatch.setattr(
        lp.Animator, "animate", lambda self, *paths, **rest: asked.append((self.runtime, self.engine.person.name))
    )
    assert cli.main(["animate", "--from", "film.json", "--out", "two"]) == 0
    assert asked == [("auto", "ada.pupil")]


@pytest.fixture
def pupil(files, monkeypatch):
    """Somebody whose file holds their picture, a reddish one."""
    monkeypatch.setitem(lp.engines.ENGINES, "pupil", "toys:Pupil")
    red = torch.full((8, 8, 3), 7, dtype=torch.uint8)
    red[..., 0] = 200
    weights.write(files / "ada.pupil", config={}, state={"picture": red})
    return ["animate", "--driver", "clip.mp4", "--engine", "pupil", "--out", "film", "--identity"]


def test_a_person_who_was_taught_needs_no_source(files, pupil, monkeypatch):
    seen = []
    monkeypatch.setattr(
        lp.Animator, "animate", lambda self, source, *paths, **rest: seen.append(np.asarray(Image.open(source)))
    )
    assert cli.main([*pupil, "ada.pupil"]) == 0
    assert seen[0].shape == (8, 8, 3) and (seen[0] == (200, 7, 7)).all()


def test_without_a_picture_a_person_needs_a_source(files, pupil, capsys):
    assert cli.main([*pupil, "ada.pupil", "--manifest", "film.json"]) == 2
    assert capsys.readouterr().err.endswith("A manifest names the film's source: give --source, too.\n")
    weights.write(files / "eve.pupil", config={}, state={"style": torch.zeros(1)})
    assert cli.main([*pupil, "eve.pupil"]) == 2
    assert capsys.readouterr().err.endswith("eve.pupil holds no picture: give --source, too.\n")
    assert not (files / "film").exists()


def test_samples_can_be_named(files, monkeypatch):
    asked = []
    monkeypatch.setattr(lp.Animator, "animate", lambda self, *paths, **rest: asked.append(paths) or "done")
    assert (
        cli.main(["animate", "--source", "mona_lisa", "--driver", "smile", "--engine", "toy", "--out", "film.mp4"]) == 0
    )
    assert asked[0][:2] == (samples.mona_lisa, samples.smile)


def test_the_runtime_is_the_engines(files, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(lp.Animator, "animate", lambda self, *paths, **rest: asked.append(self.engine.runtime))
    whole = ["animate", "--source", "mona_lisa", "--driver", "smile", "--out", "film.mp4"]
    assert cli.main([*whole, "--engine", "guided", "--size", "64", "--runtime", "torch"]) == 0
    assert asked == ["torch"]
    assert cli.main([*whole, "--engine", "puppet", "--runtime", "int8"]) == 2
    assert capsys.readouterr().err.endswith(
        "puppet has one runtime alone and cannot be run in 'int8'; leave that option out.\n"
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_being_stopped_says_so_and_leaves_nothing(files, monkeypatch, capsys, number):
    from toys import Toy

    def stop(self, identity, motion):
        yield identity
        os.kill(os.getpid(), number)
        while True:
            yield identity

    if number == signal.SIGINT and signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("started in the background of a script, where Ctrl-C does not reach")
    before, handler = sorted(files.iterdir()), signal.getsignal(number)
    monkeypatch.setattr(Toy, "generate", stop)
    assert cli.main(f"{ANIMATE} film.mp4 --manifest film.json".split()) == 130
    assert capsys.readouterr().err.endswith("stopped; nothing was written\n")
    assert sorted(files.iterdir()) == before
    assert signal.getsignal(number) is handler


def test_warnings_are_one_line_each(files, monkeypatch, capsys):
    track_toys(monkeypatch, found(), found((90.0, 70.0)))
    assert cli.main(f"{ANIMATE} film.webm".split()) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "living-portraits:" in line]
    assert len(lines) == 2
    assert lines[0].endswith("all_faces all of them.") and "2 faces in painting.png" in lines[0]
    assert "film.webm carries plain metadata only" in lines[1]


def test_other_libraries_warnings_are_not_shown(capsys):
    with cli._one_line_warnings():
        warnings.warn("numpy is getting old", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == ""


def test_engines(capsys):
    assert cli.main(["engines"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [*lp.engines.available(), *lp.engines.available("body")]
    assert sum("(default)" in line for line in lines) == 1


def test_samples(capsys):
    assert cli.main(["samples"]) == 0
    said = capsys.readouterr().out
    for name, path in (samples.PORTRAITS | samples.DRIVERS).items():
        assert name in said and str(path) in said and path.is_file()


@pytest.mark.parametrize("option", ["--source", "--driver", "--out"])
def test_a_name_that_no_disk_takes_is_one_sentence(option, tmp_path, capsys) -> None:
    given = {"--source": "mona_lisa", "--driver": "talk", "--out": str(tmp_path / "film.mp4")}
    given[option] = str(tmp_path / ("a" * 300 + ".mp4"))
    assert cli.main(["animate", *(word for pair in given.items() for word in pair)]) == cli.MENDABLE
    said = capsys.readouterr().err
    assert "File name too long: " in said and said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_who_reads_the_beginning_alone_is_no_trouble():
    reading, writing = os.pipe()
    os.close(reading)  # as in `living-portraits samples | head -0`
    with os.fdopen(writing, "w") as nobody:
        run = subprocess.run(
            [sys.executable, "-m", "living_portraits", "samples"], stdout=nobody, stderr=subprocess.PIPE, text=True
        )
    assert (run.returncode, run.stderr) == (cli.UNHEARD, "")


@pytest.mark.skipif(os.name != "posix", reason="numbers of streams are POSIX's")
@pytest.mark.parametrize("closed", [[0], [1], [2], [0, 1, 2]], ids=str)
def test_closed_streams_are_no_trouble_and_no_films(closed, tmp_path):
    """As some start jobs at night. What a library in C prints must not go into the first file that is opened."""
    code = (
        "import os, sys; from living_portraits import cli; code = cli.main(['samples']); "
        f"opened = open({str(tmp_path / 'film')!r}, 'w'); "
        f"sys.exit(code or 10 * (opened.fileno() < 3))"
    )

    def close() -> None:
        for number in closed:
            os.close(number)

    assert subprocess.run([sys.executable, "-c", code], preexec_fn=close, capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("painting.png", ["a picture", "121 x 151", "faces        1"]),
        (
            "clip.mp4",
            ["a film (h264)", "96 x 64", "6 at 25 a second", "0.24 s", "sound        none", "no content"],
        ),
        ("clip.motion", ["motion of a face", "6 at 25 a second"]),
        ("moving.webp", ["a picture that moves, of which the first can be read", "121 x 151", "faces        1"]),
        ("wave", ["wave.dance", "motion of a body", "160 at 25 a second", "6.40 s"]),
    ],
)
def test_info(files, capsys, file, words):
    cli.main(f"{ANIMATE} film.mp4 --save-motion clip.motion".split())
    frames = [Image.fromarray(picture(151, 121) // part) for part in (1, 2)]
    frames[0].save("moving.webp", save_all=True, append_images=frames[1:])
    capsys.readouterr()
    assert cli.main(["info", file]) == 0
    said = capsys.readouterr().out
    for word in words:
        assert word in said


def test_version(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"living-portraits {lp.provenance.VERSION}\n"


def test_verify_tells_by_its_exit_code(files, capsys):
    cli.main(f"{ANIMATE} film.mp4".split())
    capsys.readouterr()
    assert cli.main(["verify", "film.mp4"]) == 0
    assert "has not been changed" in capsys.readouterr().out
    film = bytearray((files / "film.mp4").read_bytes())
    film[-1] ^= 1
    (files / "film.mp4").write_bytes(film)
    assert cli.main(["verify", "film.mp4"]) == 1
    assert cli.main(["verify", "clip.mp4"]) == 1


def test_the_demo_makes_three_films_and_a_sheet(files, monkeypatch, capsys):
    monkeypatch.setattr(demo, "SOURCE", files / "painting.png")
    monkeypatch.setattr(samples, "DRIVERS", dict.fromkeys(demo.DRIVERS, files / "clip.mp4"))
    sheets = []
    contact_sheet = lp.draw.contact_sheet
    monkeypatch.setattr(
        lp.draw, "contact_sheet", lambda shown, strips: sheets.append(strips) or contact_sheet(shown, strips)
    )
    write_clip(files / "clip.mp4", frames=7)
    assert len(demo.DRIVERS) == 3
    assert cli.main(["demo", "--engine", "toy", "--out", "films"]) == 0
    written = sorted(path.name for path in (files / "films").iterdir())
    assert written == sorted([*(f"painting_{name}.mp4" for name in demo.DRIVERS), "painting_sheet.png"])
    assert [numbers(strip.driver) for strip in sheets[0]] == [[0, 1, 2, 4, 5, 6]] * 3
    assert [[int(frame[160, 160, 0]) for frame in strip.result][1:] for strip in sheets[0]] == [
        [10, 20, 40, 50, 60]
    ] * 3
    sheet = np.asarray(Image.open(files / "films" / "painting_sheet.png"))
    assert sheet.shape[0] > 3 * 2 * 200 and sheet.std() > 10
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5 and lines[-1].startswith("3 films, 21 frames in ")
    assert cli.main(["demo", "--engine", "toy", "--out", "films"]) == 0  # and a second time


def test_the_drivers_of_the_demo_come_along():
    assert set(demo.DRIVERS) <= set(samples.DRIVERS)


def test_help_explains_every_option(capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["animate", "--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    for word in ("--source", "--absolute", "--neutral-frame", "--no-mark", "--from", "default: driver"):
        assert word in said


def test_importing_the_package_loads_nothing_heavy():
    heavy = ("torch", "mediapipe", "gradio", "matplotlib", "cv2", "av", "c2pa")
    code = f"import sys, living_portraits as lp; lp.samples.smile; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_command_line_loads_no_network_before_it_is_needed():
    heavy = ("torch", "mediapipe", "gradio", "matplotlib")
    code = (
        "import sys; from living_portraits import cli; cli.main(['samples']); import living_portraits.animator;"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.endswith("[]\n")


def test_the_public_names_are_there():
    for name in lp.__all__:
        assert getattr(lp, name) is not None
    assert set(lp.__all__) <= set(dir(lp))
    with pytest.raises(AttributeError, match="no attribute 'torch'"):
        _ = lp.torch


def test_the_whole_path_with_the_real_tracker(tmp_path):
    """A painting and a clip, nothing replaced: the film is there, signed, and its face moves."""
    words = [
        "animate",
        "--source",
        "mona_lisa",
        "--driver",
        "surprise",
        "--size",
        "128",
        "--fps",
        "5",
        "--end",
        "3",
        "--no-mark",
    ]
    command = [sys.executable, "-m", "living_portraits", *words, "--out", str(tmp_path / "frames")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    frames = [np.asarray(Image.open(path)).astype(int) for path in sorted((tmp_path / "frames").glob("*.png"))]
    assert len(frames) == 15
    painting = np.asarray(Image.open(samples.mona_lisa)).astype(int)
    change = np.max([np.abs(frame - painting).max(axis=2) for frame in frames], axis=0)
    assert change[180:400, 260:470].max() > 50
    assert change[800:].max() == 0
    assert lp.provenance.verify(tmp_path / "frames").intact
