"""The Live tab: seats that only their owners use, and a browser whose camera plays a clip."""

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from open_studio import Server, chromium

pytest.importorskip("gradio", reason="the studio needs the extra 'app'")

from living_portraits import engines, samples, video
from living_portraits.engine import Frame
from living_portraits.live import Avatar
from living_portraits.studio import live_seats
from living_portraits.studio.live_seats import Seats
from living_portraits.studio.order import COLLECTION, portrait_of
from living_portraits.studio.shelf import Limits
from living_portraits.studio.trouble import Trouble

LONG = 120_000  # ms; a shared machine is slow at times


def as_data(frame: Frame) -> str:
    _, data = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()


def seen(answer: dict[str, Any]) -> Frame:
    data = base64.b64decode(answer["picture"].split(",")[1])
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


@pytest.fixture(scope="module")
def avatar() -> Avatar:
    return Avatar(engines.create("puppet", size=128), samples.erasmus, crop_only=True)


@pytest.fixture
def seats() -> Iterator[Seats]:
    made = Seats(limit=2)
    yield made
    for key in list(made._taken):
        made.leave(key)


def test_frames_of_the_camera_move_the_portrait(seats: Seats, avatar: Avatar, monkeypatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    key, answers = seats.take(avatar), []
    for frame in video.read_frames(samples.laugh, end=3.0):
        now[0] += 1 / 25
        answers.append(seats.frame({"seat": key, "picture": as_data(frame), "rest": False}))
    assert [answer["state"] for answer in (answers[0], answers[-1])] == ["resting", "live"]
    still = seen(answers[0]).astype(int)
    change = [float(np.abs(seen(answer) - still).mean()) for answer in answers]
    assert max(change[:20]) == 0 and max(change[30:]) > 2
    assert float(np.abs(still - avatar.still).mean()) < 5, "but for what JPEG does, the colours are right"
    assert answers[0]["engine"] == "puppet"
    again = seats.frame({"seat": key, "picture": as_data(frame), "rest": True})
    assert again["state"] == "resting"


@pytest.mark.parametrize(
    "told",
    [
        None,
        "frame",
        {},
        {"seat": "guessed"},
        {"picture": ""},
        {"picture": "data:image/png;base64,AAAA"},
        {"picture": "data:image/jpeg;base64,!!!"},
        {"picture": "data:image/jpeg;base64,"},
        {"picture": "data:image/jpeg;base64,AAAA"},
        {"picture": "data:image/jpeg;base64," + "A" * 3_000_000},
        {"picture": as_data(np.zeros((1300, 1300, 3), np.uint8))},
    ],
)
def test_what_is_no_frame_of_a_seat_ends_it(seats: Seats, avatar: Avatar, told: Any) -> None:
    good = {"seat": seats.take(avatar), "picture": as_data(np.zeros((48, 64, 3), np.uint8))}
    assert seats.frame(good)["state"] == "searching"
    assert seats.frame({**good, **told} if told and isinstance(told, dict) else told) == {
        "state": "ended",
        "picture": "",
    }


def test_seats_are_few_and_get_free_again(seats: Seats, avatar: Avatar, monkeypatch) -> None:
    first, second = seats.take(avatar), seats.take(avatar)
    assert first != second and min(len(first), len(second)) > 20
    with pytest.raises(Trouble, match="Others are live"):
        seats.take(avatar)
    seats.leave(first)
    seats.leave("guessed")
    seats.leave(None)
    assert len(seats) == 1
    grey = as_data(np.zeros((48, 64, 3), np.uint8))
    assert seats.frame({"seat": first, "picture": grey})["state"] == "ended"
    third = seats.take(avatar)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + live_seats.IDLE_SECONDS / 2)
    seats.frame({"seat": third, "picture": grey})
    monkeypatch.setattr(time, "monotonic", lambda: now + live_seats.IDLE_SECONDS + 1)
    seats.take(avatar)
    assert len(seats) == 2 and second not in seats._taken and third in seats._taken


def test_a_picture_of_ones_own_takes_consent(tmp_path: Path) -> None:
    assert portrait_of(str(COLLECTION["erasmus"]), False, Limits())[1] == "erasmus"
    own = tmp_path / "own.jpg"
    own.write_bytes(samples.astronaut.read_bytes())
    with pytest.raises(Trouble, match="consent"):
        portrait_of(str(own), False, Limits())
    assert portrait_of(str(own), True, Limits()) == (own, None)


def test_scripts_are_live_too(server: Server) -> None:
    import gradio_client as client

    studio = client.Client(server.url, verbose=False)
    key = studio.predict(source=client.handle_file(samples.erasmus), api_name="/live_start")
    states = [
        studio.predict(seat=key, picture=as_data(frame), leave=number == 1, api_name="/live_frame")["state"]
        for number, frame in enumerate([next(video.read_frames(samples.laugh))] * 3)
    ]
    assert states in (["resting", "resting", "ended"], ["resting", "live", "ended"]), "as fast as this machine is"
    with pytest.raises(client.exceptions.AppError, match="consent"):
        studio.predict(source=client.handle_file(samples.astronaut), api_name="/live_start")


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip as Chromium's false camera takes it: raw."""
    path = tmp_path_factory.mktemp("camera") / "driver.y4m"
    frames = [cv2.resize(frame, (320, 240)) for frame in video.read_frames(samples.laugh, end=3.0)]
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W320 H240 F25:1 Ip A1:1 C420jpeg\n")
        for frame in frames:
            file.write(b"FRAME\n" + cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420).tobytes())
    return path


@pytest.fixture
def with_camera(filmed: Path) -> Iterator[Any]:
    """A browser that has a camera, and may use it."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
    place = chromium()
    if place is None:
        pytest.skip("There is no Chromium on this machine (Debian: apt-get install chromium).")
    camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with playwright.sync_playwright() as engine:
        found = engine.chromium.launch(
            executable_path=place,
            args=["--no-sandbox", "--disable-gpu", *camera, f"--use-file-for-fake-video-capture={filmed}"],
        )
        yield found
        found.close()


def opened(browser: Any, server: Server, complaints: list[str], *, locale: str = "en-GB") -> Any:
    page = browser.new_context(locale=locale, viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(LONG)
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((server.url, "data:", "blob:"))
            else complaints.append(f"asked for {request.url}")
        ),
    )
    page.goto(server.url)
    page.get_by_role("tab", name="Dal vivo" if locale == "it-IT" else "Live").click()
    page.wait_for_selector("#live-run", state="visible")
    return page


PICTURE = """() => {
  const view = document.querySelector('.lp-live-picture');
  const paper = Object.assign(document.createElement('canvas'), {width: 60, height: 80});
  paper.getContext('2d').drawImage(view, 0, 0, 60, 80);
  return [...paper.getContext('2d').getImageData(0, 0, 60, 80).data];
}"""


def test_the_browsers_camera_moves_the_portrait(with_camera: Any, server: Server) -> None:
    complaints: list[str] = []
    page = opened(with_camera, server, complaints)
    page.click("#live-run")
    page.wait_for_selector("#live-source-note [role=alert] >> text=Choose a portrait first")
    page.click("#live-portraits [data-name=mona_lisa]")
    page.wait_for_selector("#live-portraits [data-name=mona_lisa][aria-pressed=true]")
    page.click("#live-run")
    page.wait_for_selector("[data-state=live]", state="attached")
    first = np.array(page.evaluate(PICTURE))
    most, deadline = 0.0, time.monotonic() + 60
    while most < 1 and time.monotonic() < deadline:
        page.wait_for_timeout(200)
        most = max(most, float(np.abs(np.array(page.evaluate(PICTURE)) - first).mean()))
    assert most >= 1, "the laugh is to be seen"
    page.wait_for_selector(".lp-live-says >> text=ms from camera to view")
    assert int(page.locator("[data-latency]").first.get_attribute("data-latency")) > 5
    page.click(".lp-live-rest")
    page.wait_for_selector("[data-state=resting]", state="attached")
    page.click("#live-stop")
    page.wait_for_selector("#live-run", state="visible")
    page.wait_for_selector("#live-stage .lp-empty", state="visible")
    assert page.inner_text("#live-note").strip() == ""
    page.click("#live-run")
    page.wait_for_selector("#live-stop", state="visible")
    page.click("#live-portraits [data-name=erasmus]")
    page.wait_for_selector("#live-note >> text=Another portrait was chosen")
    page.wait_for_selector("#live-run", state="visible")
    page.wait_for_selector("#live-stage .lp-empty", state="visible")
    assert complaints == []


def test_without_a_camera_there_is_a_sentence_in_the_readers_language(browser: Any, server: Server) -> None:
    complaints: list[str] = []
    page = opened(browser, server, complaints, locale="it-IT")
    # So quick that the server has not said yet where the portrait lies.
    page.evaluate(
        "for (const each of ['-portraits [data-name=erasmus]', '-run']) document.querySelector('#live' + each).click()"
    )
    page.wait_for_selector("#live-note [role=alert] >> text=non fornisce una camera")
    page.wait_for_selector("#live-run", state="visible")
    assert complaints == []
    page.context.close()
