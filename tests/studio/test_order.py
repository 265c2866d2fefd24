"""From the page's controls to an order, or to one sentence beside what it is about."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("gradio", reason="the studio needs the extra 'app'")

import drawn
from PIL import Image

from living_portraits import samples, video
from living_portraits.film_options import Options
from living_portraits.studio.choices import Choices, Settings, read_settings, write_settings
from living_portraits.studio.order import AGREED, COLLECTION, artwork, take_order
from living_portraits.studio.shelf import Limits
from living_portraits.studio.trouble import Trouble

LIMITS = Limits(upload_mb=1, seconds=2.0, drivers=2)
MONA = str(samples.mona_lisa)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    place = tmp_path_factory.mktemp("files")
    Image.fromarray(drawn.picture(60, 50)).save(place / "own.png")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (900, 900, 3), np.uint8)).save(place / "large.png")
    (place / "words.png").write_text("no picture")
    (place / "words.mp4").write_text("no film")
    shutil.copy(samples.mona_lisa, place / "copy.jpg")
    with video.Film(place / "clip.mp4", width=64, height=64, fps=10.0) as film:
        for _ in range(30):
            film.write(np.zeros((64, 64, 3), np.uint8))
    return {path.name: str(path) for path in place.iterdir()}


@pytest.mark.parametrize(
    ("given", "place", "words"),
    [
        ({"source": None}, "source", "Choose a portrait"),
        ({"portraits": ["astronaut"]}, "source", "no portrait 'astronaut'"),
        ({"source": "words.png"}, "source", "cannot be read as a picture"),
        ({"source": "clip.mp4"}, "source", "cannot be read as a picture"),
        ({"source": "large.png"}, "source", "at most 1 MB"),
        ({"source": "own.png"}, "consent", "tick the sentence"),
        ({"source": str(samples.astronaut)}, "consent", "tick the sentence"),
        ({"drivers": []}, "drivers", "at least one"),
        ({"drivers": ["sneeze"]}, "drivers", "no clip 'sneeze'"),
        ({"drivers": ["smile", "talk", "laugh"]}, "drivers", "At most 2"),
        ({"drivers": [], "clips": ["words.mp4"]}, "drivers", "words.mp4 cannot be read"),
        ({"drivers": [], "clips": ["clip.mp4"]}, "drivers", "clip.mp4 is 3 s long"),
        ({"drivers": [], "recording": "clip.mp4", "start": 0.5}, "drivers", "is 3 s long"),
        ({"head": "sideways"}, "options", "portrait, frontal, clip"),
        ({"strength": "much"}, "options", "strength takes a float"),
        ({"face": 0.5}, "options", "face takes a int"),
        ({"face": -1}, "options", "counted from 0"),
        ({"end": -1}, "options", "0 or more"),
        ({"start": float("nan")}, "options", "0 or more"),
        ({"start": 1.0}, "options", "after the start"),
        ({"strength": 5}, "options", "from 0 to 2"),
        ({"smoothing": 5}, "options", "from 0 to 1"),
        ({"yaw": 30}, "options", "at most 15 degrees"),
        ({"source": "/swept/away.png"}, "source", "no longer kept"),
    ],
)
def test_what_cannot_be_filmed_is_refused_beside_its_cause(
    files: dict[str, str], given: dict[str, Any], place: str, words: str
) -> None:
    order = {"source": MONA, "drivers": ["smile"], "end": 1.0} | (
        {"end": 0.0} if "clips" in given or "recording" in given else {}
    )
    order |= {name: _found(value, files) for name, value in given.items()}
    with pytest.raises(Trouble, match=words) as trouble:
        take_order(order, LIMITS)
    assert trouble.value.place == place
    assert trouble.value.sentence("it")


def _found(value: Any, files: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [files.get(one, one) for one in value]
    return files.get(value, value) if isinstance(value, str) else value


def test_an_order_knows_its_artwork_its_clips_and_its_points(files: dict[str, str]) -> None:
    points = {"places": {"chin": [1.0, 2.0]}, "moved": True}
    order = take_order(
        {"source": files["copy.jpg"], "drivers": ["talk"], "clips": [files["clip.mp4"]], "points": points,
         "start": 0.5, "end": 2, "size": "256"},
        LIMITS,
    )  # fmt: skip
    assert "artwork mona_lisa" in order.consent
    assert order.drivers == (Path(files["clip.mp4"]), samples.talk)  # where one is filmed, it is one's own
    assert order.places == {"chin": [1.0, 2.0]}
    assert order.choices == Choices(start=0.5, end=2.0, size=256)
    settings = order.settings()
    assert (settings.portrait, settings.drivers, settings.own_files) == ("mona_lisa", ("talk",), ("clip.mp4",))


@pytest.mark.parametrize(
    ("source", "names", "taken"),
    [
        (None, ["erasmus"], "erasmus.jpg"),
        (MONA, ["erasmus"], "erasmus.jpg"),
        ("copy.jpg", ["mona_lisa"], "copy.jpg"),
        ("copy.jpg", [], "copy.jpg"),
        ("own.png", ["erasmus"], "own.png"),
    ],
)
def test_whoever_is_quicker_than_the_server_gets_the_portrait_they_see_chosen(
    files: dict[str, str], source: str | None, names: list[str], taken: str
) -> None:
    given = {"source": _found(source, files), "portraits": names, "consent": True, "drivers": ["smile"], "end": 1}
    assert take_order(given, LIMITS).source.name == taken


def test_consent_is_recorded_and_points_that_nobody_moved_are_not(files: dict[str, str]) -> None:
    points = {"places": {"chin": [1.0, 2.0]}, "moved": False}
    given = {"source": files["own.png"], "consent": True, "drivers": ["smile"], "end": 1, "points": points}
    order = take_order(given, LIMITS)
    assert order.consent == AGREED
    assert order.places is None


def test_points_of_another_picture_are_not_taken(files: dict[str, str]) -> None:
    points = {"places": {"chin": [1.0, 2.0]}, "moved": True, "source": files["own.png"]}
    given = {"consent": True, "drivers": ["smile"], "end": 1, "points": points}
    assert take_order({**given, "source": files["copy.jpg"]}, LIMITS).places is None
    assert take_order({**given, "source": files["own.png"]}, LIMITS).places == {"chin": [1.0, 2.0]}


def test_the_collection_is_known_by_content_and_holds_no_photograph(files: dict[str, str]) -> None:
    assert artwork(Path(files["copy.jpg"])) == "mona_lisa"
    assert artwork(Path(files["own.png"])) is None
    assert "astronaut" not in COLLECTION and len(COLLECTION) == len(samples.PORTRAITS) - 1


def test_settings_come_back_as_they_were(tmp_path: Path) -> None:
    settings = Settings(
        Choices(engine="still", strength=0.5, framing="head"), "erasmus", ("smile", "talk"),
        {"chin": [1.5, 2.0]}, ("me.mp4",),
    )  # fmt: skip
    write_settings(tmp_path / "settings.json", settings)
    assert read_settings(tmp_path / "settings.json") == settings


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "other"}', '{"format": "living-portraits-studio"}'])
def test_other_files_are_no_settings(tmp_path: Path, text: str) -> None:
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(Trouble, match="not a settings file"):
        read_settings(tmp_path / "settings.json")


def test_options_as_the_animator_takes_them() -> None:
    options = Choices(head="clip", framing="head", neutral="auto", end=0.0).options(sound=Path("song.mp3"))
    assert options["relative"] is False and options["crop_only"] is True and options["end"] is None
    assert options["neutral_frame"] == "auto" and options["sound"] == Path("song.mp3")
    assert Choices(framing="alpha").suffix == ".webm"
    turned = Options.of(Choices(head="frontal", yaw=10.0, stay=True, expression=1.5).options())
    assert turned.relative and turned.frontal and turned.stay
    assert (turned.yaw, turned.pitch, turned.roll, turned.expression) == (10, 0, 0, 1.5)
