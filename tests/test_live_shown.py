"""Where live portraits are shown, and the command: pages for this machine alone, films in time, one sentence each."""

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from living_portraits import engines, live, provenance, samples, video
from living_portraits.cli import main
from living_portraits.engine import Frame
from living_portraits.errors import OptionError, OutputError
from living_portraits.live import Avatar, Meter, Session, Wishes, keys, open_avatar, sinks
from living_portraits.live.mjpeg import Browser


def numbered(number: int) -> Frame:
    return np.full((48, 64, 3), number, np.uint8)


@pytest.fixture(scope="module")
def avatar() -> Avatar:
    return Avatar(engines.create("puppet", size=128), samples.mona_lisa)


@pytest.fixture
def page(avatar: Avatar) -> Iterator[Browser]:
    """A page that is open, with a session that nobody drives."""
    with Session(avatar) as session, Browser(session, Meter(), Wishes()) as browser:
        yield browser


def asked(url: str, *, method: str = "GET", **headers: str) -> bytes:
    request = urllib.request.Request(url, method=method, headers=headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
        return answer.read()


def test_the_page_streams_whole_pictures_of_the_newest_frame(page: Browser) -> None:
    stream = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{page.url}stream", timeout=20)
    assert stream.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"
    for brightness in (40, 200):
        page.show(numbered(brightness))
        if brightness == 40:
            assert stream.readline() == b"--frame\r\n"
        assert stream.readline() == b"Content-Type: image/jpeg\r\n"
        length = int(stream.readline().split(b":")[1])
        assert stream.readline() == b"\r\n"
        picture = cv2.imdecode(np.frombuffer(stream.read(length), np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape == (48, 64, 3) and abs(int(picture.mean()) - brightness) <= 2
        assert stream.readline() == b"\r\n"
        assert stream.readline() == b"--frame\r\n", "the end comes with the picture, or browsers show it a frame late"
    stream.close()


def test_the_page_tells_how_it_goes_and_takes_the_neutral_face(page: Browser) -> None:
    assert b"AI-generated" in asked(page.url) and b"/stream" in asked(page.url)
    assert json.loads(asked(f"{page.url}status")) == {"state": "searching", "latency_ms": 0.0, "fps": 0.0}
    assert not page._wishes.rest.is_set()
    assert asked(f"{page.url}rest", method="POST") == b"{}"
    assert page._wishes.rest.is_set()


@pytest.mark.parametrize(
    ("path", "method", "headers", "status"),
    [
        ("rest", "POST", {"Origin": "http://elsewhere.example"}, 403),
        ("stream", "GET", {"Host": "elsewhere.example"}, 403),
        ("", "GET", {"Host": "elsewhere.example"}, 403),
        ("secret", "GET", {}, 404),
        ("rest", "GET", {}, 404),
        ("stream", "POST", {}, 404),
    ],
)
def test_others_get_nothing_from_the_page(
    page: Browser, path: str, method: str, headers: dict[str, str], status: int
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        asked(page.url + path, method=method, **headers)
    assert refused.value.code == status
    refused.value.close()
    assert not page._wishes.rest.is_set()


def test_a_port_that_is_taken_is_said(page: Browser, avatar: Avatar) -> None:
    port = int(page.url.rsplit(":", 1)[1].strip("/"))
    with pytest.raises(OutputError, match=f"port {port} cannot be opened"):
        Browser(Session(avatar), Meter(), Wishes(), port=port)


def test_a_film_keeps_time_whatever_was_left_out(tmp_path: Path, monkeypatch) -> None:
    """Three pictures 0.4 s apart, at 25 frames a second, are a film of 0.8 s and the last one's own frame."""
    now = [5.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    claim = provenance.Claim("still", (), {}, True, "nobody", "compositeSynthetic")
    with sinks.Film(tmp_path / "film.mp4", (48, 64), 25.0, claim) as film:
        for brightness in (40, 120, 220):
            film.show(numbered(brightness))
            now[0] += 0.4
    assert video.probe(tmp_path / "film.mp4").frames == 21
    means = [round(float(frame.mean()), -1) for frame in video.read_frames(tmp_path / "film.mp4")]
    assert means == [40.0] * 10 + [120.0] * 10 + [220.0]
    assert provenance.verify(tmp_path / "film.mp4").intact


def test_where_nothing_can_be_shown_it_is_said(monkeypatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(OptionError, match="no screen here"):
        sinks.Window(Wishes())
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:        NONE\n")
    with pytest.raises(OptionError, match="built without windows"):
        sinks.Window(Wishes())
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(OptionError, match="virtual-camera"):
        sinks.VirtualCamera((48, 64), 25.0)


def test_a_window_shows_rgb_and_hears_keys(monkeypatch) -> None:
    shown, sized, pressed, wishes = [], [], iter([0xFF, ord("r"), ord("q")]), Wishes()
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("QT_LOGGING_RULES", "")
    monkeypatch.setattr(cv2, "resizeWindow", lambda title, *sides: sized.append(sides))
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:        QT5\n")
    monkeypatch.setattr(cv2, "namedWindow", lambda *_: None)
    monkeypatch.setattr(cv2, "destroyAllWindows", lambda: None)
    monkeypatch.setattr(cv2, "imshow", lambda title, picture: shown.append(tuple(picture[0, 0])))
    monkeypatch.setattr(cv2, "pollKey", lambda: next(pressed))
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: 1.0)
    red = np.zeros((1600, 1000, 3), np.uint8)
    red[..., 0] = 255
    with sinks.Window(wishes) as window:
        window.show(red)
        assert not wishes.rest.is_set()
        window.show(red)
        assert wishes.rest.is_set() and not wishes.stop.is_set()
        window.show(red)
        assert wishes.stop.is_set() and shown == [(0, 0, 255)] * 3
    assert sized == [(500, 800)]  # once: whoever makes it larger keeps it so


def test_keys_in_the_terminal_are_heard_at_once(monkeypatch) -> None:
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    ours, theirs = pty.openpty()
    monkeypatch.setattr(keys, "_terminal", lambda: theirs)
    before = termios.tcgetattr(theirs)
    wishes = Wishes()
    with keys.heard(wishes) as there:
        assert there
        os.write(ours, b"xr")  # and no Enter
        assert wishes.rest.wait(10) and not wishes.stop.is_set()
        os.write(ours, b"\x1b")
        assert wishes.stop.wait(10)
    assert termios.tcgetattr(theirs) == before
    monkeypatch.setattr(keys, "_terminal", lambda: None)
    with keys.heard(wishes) as there:
        assert not there


def test_the_best_engine_that_knows_the_portrait_is_taken(monkeypatch) -> None:
    asked_for = []

    def create(name: str):  # type: ignore[no-untyped-def]
        asked_for.append(name)
        if name == "student" and len(asked_for) > 1:
            raise OptionError("It was not taught this portrait.")
        return engines.create("still", size=128)

    monkeypatch.setattr("living_portraits.engines.available", lambda: ("guided", "student"))
    spec = engines.spec("guided")
    monkeypatch.setattr("living_portraits.engines.spec", lambda name: replace(spec, locked=name == "student"))
    open_avatar(samples.mona_lisa, create)
    open_avatar(samples.rembrandt, create)
    open_avatar(samples.rembrandt, create, engine="guided")
    assert asked_for == ["student", "student", "guided", "guided"]
    with pytest.raises(OptionError, match="not taught"):
        open_avatar(samples.rembrandt, create, engine="student")
    monkeypatch.setattr("living_portraits.engines.available", lambda: ("guided",))
    assert live.best_engine() == engines.DEFAULT == "guided"


def test_large_portraits_are_made_smaller() -> None:
    big = open_avatar(samples.mona_lisa, lambda name: engines.create("still", size=128))
    picture = video.read_picture(samples.mona_lisa).rgb
    assert max(picture.shape) > max(big.still.shape) == 960
    small = cv2.resize(picture, big.still.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small[:400].astype(int) - big.still[:400]).max() <= 1


def test_the_command_films_a_clip_and_writes_its_figures(tmp_path: Path, capsys) -> None:
    film, figures = tmp_path / "film.mp4", tmp_path / "figures.json"
    told = ["--avatar", "erasmus", "--engine", "puppet", "--size", "128", "--from", "smile", "--to", str(film)]
    assert main(["live", *told, "--json", str(figures), "--minutes", "0.05", "--consent", "nobody"]) == 0
    assert "frames shown in" in capsys.readouterr().out
    data = json.loads(figures.read_text())
    assert data["engine"] == "puppet" and data["size"] == 128
    assert data["captured"] == pytest.approx(75, abs=25) and 0 < data["shown"] <= data["captured"]
    assert 0 < data["latency_median_ms"] <= data["latency_95_ms"]
    report = provenance.verify(film)
    assert report.intact and report.claim is not None and report.claim["mark_shown"]
    assert report.claim["consent"] == "nobody" and report.claim["settings"]["live"]
    assert [one["title"] for one in report.claim["ingredients"]] == ["erasmus.jpg", "smile.mp4"]
    assert video.probe(film).duration == pytest.approx(3.0, abs=0.7)


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (["--avatar", "mona"], "no portrait 'mona'; choose from mona_lisa"),
        (["--avatar", "mona_lisa", "--source", "x.png"], "either --avatar"),
        (["--to", "screen"], "--to takes mjpeg, window, virtual-camera"),
        (["--minutes", "long"], "--minutes takes a number"),
        (["--smoothing", "2"], "from 0 to 1"),
        (["--engine", "pupet"], "no engine 'pupet'"),
        (["--engine", "puppet", "--runtime", "int8"], "puppet has one runtime alone"),
        (["--from", "nowhere.mp4"], "nowhere.mp4"),
        (["--port", "70000"], "--port takes a whole number"),
        (["--json", "nowhere/figures.json"], "folder nowhere"),
        (["--to", "film.xyz"], "cannot be written as film.xyz"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(told: list[str], sentence: str, capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    whole = [*told, *(() if "--from" in told else ("--from", "smile"))]
    whole += [] if "--engine" in told else ["--engine", "still"]
    assert main(["live", *whole, "--size", "64"]) == 2
    said = capsys.readouterr().err
    assert sentence in said and said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
