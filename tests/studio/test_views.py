"""What the page shows, from values."""

import errno
import math
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Timer
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("gradio", reason="the studio needs the extra 'app'")

import drawn
from PIL import Image

from living_portraits import engines, provenance, samples, video
from living_portraits.animator import Animator, Progress
from living_portraits.errors import FaceError, MediaError, OptionError, OutputError
from living_portraits.studio import views
from living_portraits.studio.checking import check
from living_portraits.studio.choices import Choices
from living_portraits.studio.converting import convert
from living_portraits.studio.engine_list import EngineList
from living_portraits.studio.figures import Figures
from living_portraits.studio.filming import Shot, plan
from living_portraits.studio.order import Order, Version
from living_portraits.studio.production import is_usual
from living_portraits.studio.trouble import explain

EVIL = Path("/nowhere/<script>alert(1)</script>.mp4")


def test_names_of_files_are_text_and_no_markup() -> None:
    shot = Shot("puppet", EVIL, EVIL, stage="done")
    shown = views.stage([shot], "en") + views.films([shot], EVIL, "en") + views.message(str(EVIL), "trouble")
    assert "<script" not in shown


@pytest.mark.parametrize(
    ("shot", "words", "share"),
    [
        (Shot("puppet", samples.smile, EVIL), "waiting", 0),
        (Shot("puppet", samples.smile, EVIL, "track", 50, 100), "50 of 100 frames", 17),
        (Shot("puppet", samples.smile, EVIL, "generate", 50, 100, seconds_left=2.2), "about 3 s left", 67),
        (Shot("puppet", samples.smile, EVIL, "done", 100, 100), "done", 100),
    ],
)
def test_the_stage_says_how_far_a_film_is(shot: Shot, words: str, share: int) -> None:
    shown = views.stage([shot], "en")
    assert words in shown and f'aria-valuenow="{share}"' in shown and "<b>Smile</b>" in shown
    assert "<b>Sorriso</b>" in views.stage([shot], "it")


def test_a_transparent_film_is_not_said_to_have_a_credential() -> None:
    done = Shot("puppet", samples.smile, Path("film.mp4"), "done")
    assert "credential" in views.films([done], None, "en")
    clear = replace(done, out=Path("film.webm"), notices=("film.webm carries plain metadata only: so do others.",))
    shown = views.films([clear], None, "it")
    assert "piccolo segno e nei suoi dati" in shown and "plain" not in shown


def test_a_preview_is_small_and_needs_no_request() -> None:
    data = views.picture_data(drawn.picture(1200, 800), height=360)
    assert data.startswith("data:image/jpeg;base64,") and len(data) < 120_000
    see_through = np.zeros((40, 40, 4), np.uint8)
    assert views.picture_data(see_through, height=360).startswith("data:image/jpeg")


def test_a_card_says_what_was_not_measured() -> None:
    figures = Figures(fps=12.34, motion=0.5, mouth=math.nan, jitter=1.0, missing=0.25, identity=math.nan)
    shown = views.card([("Smile", figures)], "en")
    assert "12.3" in shown and "25%" in shown and shown.count("not measured") == 2
    assert figures.as_data()["mouth"] is None
    assert "not part of the package" not in views.card([("Smile", replace(figures, identity=0.9))], "en")


def test_films_of_clips_with_one_name_get_names_of_their_own(tmp_path: Path) -> None:
    order = Order(samples.erasmus, (Path("a/me.mp4"), Path("b/me.mp4"), Path("c/you.mp4")), Choices(), None, "")
    names = [shot.out.name for shot in plan(order, tmp_path)]
    assert names == ["erasmus_me.mp4", "erasmus_me_2.mp4", "erasmus_you.mp4"]
    clips = (Path("IMG.mp4"), Path("IMG.mov"), Path("IMG_2.mp4"))
    assert len({shot.out for shot in plan(replace(order, drivers=clips), tmp_path)}) == 3
    versions = Version(Choices(engine="puppet"), "a", "puppet"), Version(Choices(size=64), "b", "film.clip")
    shots = plan(replace(order, by=versions), tmp_path)
    assert [shot.out.name for shot in shots] == ["erasmus_a.mp4", "erasmus_b.mp4"]
    assert [(shot.engine, shot.size) for shot in shots] == [("puppet", 0), ("guided", 64)]
    assert [views.name_of(shot, "it") for shot in shots] == ["puppet", "Filmato"]


@pytest.mark.parametrize(
    ("error", "begun", "place", "words"),
    [
        (FaceError("There is no face to be found in /a/source.png; take another."), False, "source", "No face was"),
        (
            FaceError("There is no face number 4 in /a/source.png: it has one."),
            False,
            "source",
            "number 4 in source.png",
        ),
        (FaceError("The face is lost at 0:01."), True, "drivers", "through clip.mp4"),
        (MediaError("/b/clip.mp4 is a single picture."), False, "drivers", "clip.mp4 is a single"),
        (MediaError("/a/source.png cannot be read."), False, "source", "source.png cannot"),
        (OptionError("The end must come after the start."), True, "options", "The end must"),
        (OutputError("The disk is full."), True, "run", "The disk is full"),
    ],
)
def test_errors_stand_beside_their_cause(error: Exception, begun: bool, place: str, words: str) -> None:
    assert isinstance(error, FaceError | MediaError | OptionError | OutputError)
    trouble = explain(error, source=Path("/a/source.png"), driver=Path("/b/clip.mp4"), begun=begun)
    assert trouble.place == place
    assert words in trouble.sentence("en") and "/" not in trouble.sentence("en").replace("c/y", "")


def transparent(folder: Path) -> tuple[Shot, Order]:
    """A film whose left half is clear, as `animate` makes it."""
    order = Order(samples.erasmus, (samples.smile,), Choices(framing="alpha"), None, "")
    shot = plan(order, folder)[0]
    frame = np.dstack([np.full((64, 80, 3), (200, 40, 30), np.uint8), np.full((64, 80), 255, np.uint8)])
    frame[:, :40, 3] = 0
    with video.Film(shot.out, width=80, height=64, fps=25.0, alpha=True) as film:
        for _ in range(5):
            film.write(frame)
    return shot, order


def test_a_transparent_film_is_so_in_every_form(tmp_path: Path) -> None:
    shot, order = transparent(tmp_path)
    assert len(list(video.read_cutouts(shot.out))) == 5
    with zipfile.ZipFile(convert(shot, order, "frames")) as pack:
        assert len(pack.namelist()) == 5
        with pack.open(pack.namelist()[0]) as file:
            frame = np.asarray(Image.open(file))
    assert frame.shape == (64, 80, 4) and frame[32, 10, 3] < 20 and frame[32, 70, 3] > 235
    np.testing.assert_allclose(frame[32, 70, :3], (200, 40, 30), atol=12)
    made = convert(shot, order, "gif")
    assert provenance.verify(made).claim["source_type"] == "trainedAlgorithmicMedia"
    with Image.open(made) as image:
        assert np.asarray(image.convert("RGBA"))[32, 10, 3] == 0
    opaque = tmp_path / "opaque.mp4"
    with video.Film(opaque, width=8, height=8, fps=25.0) as film:
        film.write(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(MediaError, match="holds no transparency"):
        next(video.read_cutouts(opaque))


def test_a_pack_that_could_not_be_written_is_none(tmp_path: Path, monkeypatch) -> None:
    shot, order = transparent(tmp_path)
    written = []

    def full(self: zipfile.ZipFile, *given: Any) -> None:
        written.append(given)
        if len(written) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")

    before = {path.name for path in tmp_path.iterdir()}
    with monkeypatch.context() as context:
        context.setattr(zipfile.ZipFile, "write", full)
        with pytest.raises(OutputError, match="No space left"):
            convert(shot, order, "frames")
    assert {path.name for path in tmp_path.iterdir()} == before
    with zipfile.ZipFile(convert(shot, order, "frames")) as pack:
        assert len(pack.namelist()) == 5


def test_a_film_and_its_gif_say_the_same_and_a_changed_one_is_found_out(tmp_path: Path) -> None:
    order = Order(samples.erasmus, (samples.smile,), Choices(), None, "Agreed.")
    shot = plan(order, tmp_path)[0]
    claim = provenance.Claim(
        "puppet",
        (provenance.Ingredient("erasmus.jpg", samples.erasmus, "source"),),
        {"size": 512},
        True,
        "Agreed.",
        "compositeSynthetic",
    )
    with video.Film(shot.out, width=64, height=80, fps=25.0) as film:
        for number in range(4):
            film.write(drawn.picture(80, 64, seed=number))
    provenance.sign(shot.out, claim)
    for file in (shot.out, convert(shot, order, "gif")):
        found = check(file, "it")
        assert found.verdict == "good" and ("Consenso", "Agreed.") in found.rows
    assert convert(shot, order, "frames").suffix == ".zip"
    data = bytearray(shot.out.read_bytes())
    data[-20] ^= 1
    shot.out.write_bytes(data)
    assert check(shot.out, "en").verdict == "bad"
    assert check(samples.smile, "en").verdict == "open"


def test_engines_are_listed_with_their_speed_and_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    known = EngineList()
    known.note("puppet", 24.6)
    assert known.choices("en")[0][1] == engines.DEFAULT
    assert "about 25 frames a second" in known.line("puppet", "en")
    assert known.excuses("en") == []
    lacking = replace(engines.spec("still"), weights=("nowhere",))
    monkeypatch.setattr(engines, "spec", lambda name: lacking)
    assert known.usable() == ()
    assert "nowhere" in known.excuses("en")[0]


def test_one_slow_film_does_not_make_a_slow_engine() -> None:
    known = EngineList()
    for fps in (20.0, 0.4, 22.0):
        known.note("puppet", fps)
    assert "about 20 frames a second" in known.line("puppet", "en")
    known.note("still", 0.44)
    assert "about 0.4 frames a second" in known.line("still", "en")
    known.note("puppet", 4.0, size=1024)
    assert known.seconds("puppet", 1024, 40) == 10 and known.seconds("puppet", 0, 40) == 2


@pytest.mark.parametrize(
    ("name", "side", "expected"), [("a.mp4", 64, True), ("a.mp4", 1700, False), ("a.webm", 64, False)]
)
def test_films_that_are_unusual_say_nothing_of_speed(tmp_path: Path, name: str, side: int, expected: bool) -> None:
    with video.Film(tmp_path / name, width=side, height=64, fps=25.0) as film:
        film.write(np.zeros((64, side, 3), np.uint8))
    assert is_usual(tmp_path / name) is expected


def test_trials_stand_still_while_somebody_waits_for_a_film(monkeypatch: pytest.MonkeyPatch) -> None:
    known = EngineList()
    monkeypatch.setattr(known, "usable", lambda: ("still",))
    with known.at_work(), known.at_work():
        thread = known.warm_up()
        thread.join(1.0)
        assert thread.is_alive() and "frames a second" not in known.line("still", "en")
    thread.join(120)
    assert "frames a second" in known.line("still", "en")


def test_a_trial_that_was_disturbed_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    known, ends = EngineList(), []

    class Disturbed(Animator):
        def __init__(self) -> None:
            pass

        def animate(self, source: Path, driver: Path, out: Path, *, end: float, progress: Callable) -> Any:
            ends.append(end)
            if len(ends) == 2:  # a user comes in the midst of it, and goes
                visit = known.at_work()
                visit.__enter__()
                progress(Progress("track", 1, 1))  # goes on: the user's film may wait for the same clip
                Timer(0.1, visit.__exit__, (None, None, None)).start()
            progress(Progress("generate", 1, 1))
            return SimpleNamespace(speed=float(len(ends)))

    monkeypatch.setattr(known, "usable", lambda: (engines.DEFAULT,))
    monkeypatch.setattr(known, "animator", lambda name, size: Disturbed())
    known.warm_up().join(60)
    assert ends == [0.1, 1.0, 1.0] and "about 3 frames" in known.line(engines.DEFAULT, "en")


@pytest.mark.parametrize(("size", "fits", "made"), [(0, True, 512), (256, False, 256)])
def test_a_size_that_nobody_chose_follows_the_picture(size: int, fits: bool, made: int) -> None:
    animator = EngineList().animator("puppet", size)
    assert (animator.fits, animator.engine.spec.size) == (fits, made)
