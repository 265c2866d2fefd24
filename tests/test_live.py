"""Live: the newest frame counts, the neutral face is found, figures are true, and every frame carries the sign."""

import gc
import threading
import time
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from living_portraits import engines, provenance, samples, video
from living_portraits.engine import Frame
from living_portraits.errors import MediaError, OptionError
from living_portraits.face import Face, Watcher, find
from living_portraits.live import Avatar, Meter, Session, Wishes, drive
from living_portraits.live import source as sources
from living_portraits.live.calm import Calm
from living_portraits.live.meter import Latencies
from living_portraits.live.newest import Newest
from living_portraits.live.rest import LOOK_SECONDS, RestFinder
from living_portraits.live.session import Sight
from living_portraits.live.source import Shot, Source, open_source, paced
from living_portraits.motion import unrest

GREY = np.full((48, 64, 3), 90, np.uint8)


def numbered(number: int) -> Frame:
    return np.full((48, 64, 3), number, np.uint8)


@pytest.fixture(scope="module")
def clip() -> list[Frame]:
    """The first three seconds of a laugh."""
    return list(video.read_frames(samples.laugh, end=3.0))


@pytest.fixture(scope="module")
def avatar() -> Avatar:
    return Avatar(engines.create("puppet", size=128), samples.mona_lisa)


def test_the_newest_item_is_taken_and_the_others_are_counted() -> None:
    place: Newest[int] = Newest()
    for number in (1, 2, 3):
        assert place.put(number)
    assert place.take() == 3 and place.left_out == 2
    assert place.take(timeout=0.01) is None and not place.ended
    place.put(4)
    place.close()
    assert not place.put(5) and not place.ended
    assert place.take() == 4 and place.take() is None and place.ended


def test_an_error_comes_after_what_was_before_it() -> None:
    place: Newest[int] = Newest()
    place.put(1)
    place.close(MediaError("gone"))
    place.close()
    assert place.take() == 1
    with pytest.raises(MediaError, match="gone"):
        place.take()


def test_whoever_waits_is_woken() -> None:
    place: Newest[str] = Newest()
    threading.Timer(0.05, place.put, ("there",)).start()
    assert place.take(timeout=10.0) == "there"
    threading.Timer(0.05, place.close).start()
    assert place.take() is None


def test_latencies_are_right_to_half_a_millisecond() -> None:
    found, told = Latencies(), np.random.default_rng(0).uniform(0.01, 0.3, 999)
    assert found.at(0.5) == 0
    for seconds in told:
        found.add(float(seconds))
    assert found.at(0.5) == pytest.approx(1000 * np.median(told), abs=0.5)
    assert found.at(0.95) == pytest.approx(1000 * np.quantile(told, 0.95), abs=1.0)
    found.add(1e9)
    assert found.at(1.0) == pytest.approx(10_000, abs=1)


def test_the_meter_reports_each_minute(monkeypatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    meter = Meter()
    for number in range(180):
        now[0] += 1.0
        meter.captured += 2
        meter.note(now[0] - (0.05 if number < 60 else 0.2))
    told = meter.report()
    assert [minute["shown"] for minute in told["minutes"]] == [60, 60, 60]
    assert [minute["latency_median_ms"] for minute in told["minutes"]] == pytest.approx([50, 200, 200], abs=0.6)
    assert (told["shown"], told["captured"], told["dropped"], told["seconds"]) == (180, 360, 180, 180.0)
    assert told["latency_median_ms"] == pytest.approx(200, abs=0.6) and told["fps"] == 1.0
    assert meter.now() == {"latency_ms": pytest.approx(200, abs=0.6), "fps": 1.0}
    assert "180 frames shown" in str(meter) and "180 left out" in str(meter)


def test_a_clip_is_played_at_its_own_pace_and_again(monkeypatch) -> None:
    now, slept = [10.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(time, "sleep", sleep)
    shots = paced(lambda: iter([numbered(1), numbered(2)]), 10.0, loop=True)
    times = []
    for number in range(6):
        shot = next(shots)
        assert shot.frame[0, 0, 0] == 1 + number % 2
        times.append(shot.at)
        now[0] += 0.5 if number == 2 else 0.02  # once somebody dawdles
    gaps = np.diff(times)
    assert gaps == pytest.approx([0.1, 0.1, 0.5, 0.1, 0.1]), "what was lost is not made up for"
    assert len(list(paced(lambda: iter([GREY, GREY]), 10.0, loop=False))) == 2


class FakeCamera:
    """As OpenCV's: blue, green, red."""

    def __init__(self, number: int) -> None:
        self.number, self.left, self.released = number, 3, False

    def isOpened(self) -> bool:
        return self.number == 0

    def set(self, what: int, value: float) -> bool:
        return True

    def get(self, what: int) -> float:
        return 0.0  # as many drivers say

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.left -= 1
        return (True, np.full((4, 4, 3), (255, 0, 0), np.uint8)) if self.left >= 0 else (False, None)

    def release(self) -> None:
        self.released = True


def test_a_camera_gives_rgb_and_is_missed_when_it_goes(monkeypatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeCamera)
    monkeypatch.setattr(sources, "_PATIENCE", 0.05)
    source = open_source("webcam")
    assert source.fps == sources.USUAL_FPS and source.path is None
    shots = source.shots()
    assert [tuple(next(shots).frame[0, 0]) for _ in range(3)] == [(0, 0, 255)] * 3
    with pytest.raises(MediaError, match="no picture for"):
        next(shots)
    with pytest.raises(MediaError, match="no camera number 7"):
        open_source("webcam:7")
    with pytest.raises(OptionError, match="webcam:1 for the second"):
        open_source("webcam:front")
    with pytest.raises(MediaError, match="single picture"):
        open_source(str(samples.mona_lisa))
    with pytest.raises(MediaError):
        open_source("nowhere.mp4")


def test_the_watcher_sees_what_the_clips_tracker_sees(clip: list[Frame]) -> None:
    with Watcher() as watcher:
        assert watcher.look(GREY) is None
        seen = [watcher.look(frame) for frame in clip[:3]]
    for frame, face in zip(clip[:3], seen, strict=True):
        assert face is not None
        assert np.abs(face.points - find(frame)[0].points).mean() < 2.0


def noisy(face: Face, generator: np.random.Generator) -> Face:
    noise = generator.normal(0, 0.5, face.points.shape).astype(np.float32)
    return Face(face.points + noise, face.blendshapes, face.head, face.found_by)


def test_calm_takes_out_the_tremble_and_lets_motion_through(clip: list[Frame]) -> None:
    face, generator = find(clip[0])[0], np.random.default_rng(0)
    calm, rough, smooth = Calm(0.5), [], []
    for number in range(40):
        trembling = noisy(face, generator)
        rough.append(trembling.points)
        smooth.append(calm(trembling, number / 25)[0])
    assert np.std(smooth[20:], axis=0).mean() < 0.6 * np.std(rough[20:], axis=0).mean()
    assert np.abs(np.mean(smooth[20:], axis=0) - face.points).mean() < 0.3
    gone = Face(face.points + np.float32([60, 0, 0]), face.blendshapes, face.head, face.found_by)
    for number in range(40, 52):
        points = calm(gone, number / 25)[0]
    assert np.abs(points - gone.points).mean() < 3, "half a second later it is nearly there"
    assert np.array_equal(Calm(0.0)(face, 0.0)[0], face.points)
    calm(face, 60.0)
    assert np.abs(calm(face, 60.04)[0] - face.points).mean() < 0.1, "after a pause nothing of before counts"


def test_the_neutral_face_is_the_calmest_of_the_first_second(clip: list[Frame]) -> None:
    faces = [find(frame)[0] for frame in clip[::12]]
    faces.sort(key=lambda face: float(unrest(face.points[None], face.blendshapes[None])[0]))
    calm, wild = faces[0], faces[-1]
    finder = RestFinder(128, pictures=True)
    found = None
    for number in range(30):
        face, frame = (calm, numbered(50)) if number % 3 == 0 else (wild, numbered(200))
        found = finder.see(frame, face.points, face.blendshapes, number / 25)
        if found is not None:
            break
    assert found is not None and number / 25 >= LOOK_SECONDS
    assert found.picture is not None and int(np.median(found.picture)) == 50
    assert np.abs(found.points - found.crop.to_crop(calm.points)).max() < 0.01
    assert RestFinder(128, pictures=False).see(GREY, calm.points, calm.blendshapes, 0.0) is None


def played(frames: list[Frame], fps: float = 25.0) -> Iterator[Shot]:
    return (Shot(frame, number / fps) for number, frame in enumerate(frames))


@pytest.mark.parametrize("name", ["puppet", "guided"])
def test_the_portrait_moves_as_in_a_film(name: str, clip: list[Frame]) -> None:
    """Frame by frame with a track of two, it does what it does with the whole clip's track."""
    moving = Avatar(engines.create(name, size=128), samples.mona_lisa, crop_only=True)
    pictures, states = [], []
    with Session(moving, smoothing=0.0) as session:
        assert session.shape == (128, 128)
        for shot in played(clip):
            pictures.append(session.paint(session.look(shot)))
            states.append(session.state)
    assert states[0] == "resting" and states[-1] == "live"
    first = states.index("live")
    assert first == 25
    assert all(np.array_equal(picture, moving.still) for picture in pictures[: first - 1])
    change = [float(np.abs(picture[:100].astype(int) - moving.still[:100]).mean()) for picture in pictures]
    assert max(change[first:]) > 2.5 * min(change[first:]) and max(change[first:]) > 2
    letters = provenance.mark(np.zeros_like(moving.still)) > 200
    assert letters.sum() > 100
    assert all(picture[letters].min() > 180 for picture in pictures), "the sign is in every frame"


def test_without_a_face_the_portrait_stays_as_it_was(avatar: Avatar, clip: list[Frame]) -> None:
    with Session(avatar) as session:
        for shot in played(clip):
            last = session.paint(session.look(shot))
        assert session.state == "live"
        lost = session.look(Shot(np.zeros_like(clip[0]), 4.0))
        assert session.state == "searching" and np.array_equal(session.paint(lost), last)
        session.take_rest()
        session.look(Shot(clip[0], 4.04))
        assert session.state == "resting"
        again = session.look(Shot(clip[-1], 4.08))
        assert again.rest is not None, "until the new neutral face is known, the old one counts"


def test_whoever_comes_back_is_looked_at_anew(avatar: Avatar, clip: list[Frame]) -> None:
    """A glimpse of somebody and, later, another elsewhere are not one face at rest."""
    with Session(avatar) as session:
        for shot in played(clip[:8]):
            session.look(shot)
        session.look(Shot(np.zeros_like(clip[0]), 1.0))
        for number, frame in enumerate(clip[:20]):
            assert session.look(Shot(frame, 9.0 + number / 25)).rest is None
        assert session.state == "resting"


def test_the_engine_is_asked_for_one_frame_alone(clip: list[Frame]) -> None:
    """The neutral frame comes second in the track, and is never made."""
    made = []

    class Counting(type(engines.create("still", size=128))):  # type: ignore[misc]
        def generate(self, identity, motion):  # type: ignore[no-untyped-def]
            for frame in super().generate(identity, motion):
                made.append(len(made))
                yield frame

    with Session(Avatar(Counting(size=128), samples.mona_lisa)) as session:
        shown = [session.look(shot) for shot in played(clip)]
        for sight in shown:
            session.paint(sight)
    moving = sum(sight.rest is not None for sight in shown)
    assert moving > 40 and len(made) == moving


class StubSession:
    """Takes its time; a frame's number is its brightness."""

    state, shape = "live", (48, 64)

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.rests, self.painted = seconds, 0, 0

    def take_rest(self) -> None:
        self.rests += 1

    def look(self, shot: Shot) -> Sight:
        return Sight(shot.at, picture=shot.frame)

    def paint(self, sight: Sight) -> Frame:
        time.sleep(self.seconds)
        self.painted += 1
        assert sight.picture is not None
        if int(sight.picture[0, 0, 0]) == 251:
            raise MediaError("it broke")
        return sight.picture


class Screen:
    """Remembers what it showed."""

    def __init__(self) -> None:
        self.shown: list[int] = []

    def __enter__(self) -> "Screen":
        return self

    def __exit__(self, *failure: object) -> None:
        return

    def show(self, frame: Frame) -> None:
        self.shown.append(int(frame[0, 0, 0]))


def given(numbers: list[int], fps: float) -> Source:
    return Source("numbers", fps, lambda: paced(lambda: (numbered(number) for number in numbers), fps, loop=False))


def test_who_is_slow_leaves_frames_out_and_shows_the_last() -> None:
    meter, screen = Meter(), Screen()
    drive(given(list(range(100)), 200.0), StubSession(0.03), screen, meter)
    assert screen.shown[-1] == 99, "the newest counts"
    assert screen.shown == sorted(set(screen.shown)) and 3 < len(screen.shown) < 40
    told = meter.report()
    assert told["captured"] == 100 and told["shown"] == len(screen.shown)
    assert told["dropped"] == 100 - len(screen.shown)
    assert told["latency_median_ms"] >= 30
    assert told["latency_95_ms"] < 2000, "frames do not queue up"


def test_it_stops_when_somebody_wants_it_or_time_is_over() -> None:
    wishes, endless = Wishes(), Source("x", 50.0, lambda: paced(lambda: iter([GREY]), 50.0, loop=True))
    session = StubSession()
    wishes.hear("r")
    threading.Timer(0.3, wishes.hear, ("q",)).start()
    drive(endless, session, Screen(), Meter(), wishes=wishes)
    assert session.rests == 1
    before = threading.active_count()
    begun = time.monotonic()
    drive(endless, session, Screen(), Meter(), seconds=0.2)
    assert time.monotonic() - begun < 10 and threading.active_count() <= before
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize("where", ["painting", "capturing", "showing"])
def test_errors_of_any_stage_are_raised(where: str) -> None:
    def broken() -> Iterator[Shot]:
        yield Shot(GREY, 0.0)
        if where == "capturing":
            raise MediaError("it broke")
        yield Shot(numbered(251), 0.1)

    screen = Screen()
    if where == "showing":
        screen.show = lambda frame: (_ for _ in ()).throw(MediaError("it broke"))  # type: ignore[method-assign]
    with pytest.raises(MediaError, match="it broke"):
        drive(Source("x", 25.0, broken), StubSession(), screen, Meter())
    assert not any(thread.name.startswith("_stage") for thread in threading.enumerate())
