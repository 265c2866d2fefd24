"""Dancers in the studio: what may be asked for, films, and lessons that can be watched and stopped."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("gradio", reason="the studio needs the extra 'app'")

import bodies
from clips import write_clip

from living_portraits import choreography, provenance, samples, skeleton, video, weights
from living_portraits.people import FOLDER_VARIABLE
from living_portraits.studio import components
from living_portraits.studio import dance_film as films
from living_portraits.studio import dance_order as orders
from living_portraits.studio.dance_views import curve, schooling
from living_portraits.studio.shelf import Limits
from living_portraits.studio.trouble import Trouble
from living_portraits.studio.views import films as shown
from living_portraits.studio.views import title_of

LIMITS = Limits(seconds=4.0, target_seconds=4.0)


@pytest.fixture(autouse=True)
def kept(people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Anna alone can dance, in a folder that nobody else writes to."""
    folder = tmp_path / "people"
    shutil.copytree(people, folder)
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    monkeypatch.delitem(weights.FILES, "dancer", raising=False)
    return folder


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """3.2 s in which, as a toy tracker says, somebody waves."""
    bodies.see_somebody_wave(monkeypatch)
    write_clip(tmp_path / "clip.mp4", frames=80)
    return tmp_path / "clip.mp4"


# --- what may be asked for --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "place", "words"),
    [
        ({"dancer": "bert"}, "dancer", "no dancer called bert; there are: anna"),
        ({"choreography": []}, "drivers", "Choose a choreography"),
        ({"choreography": ["tango"]}, "drivers", "no choreography 'tango'"),
        ({"clip": "words.mp4"}, "drivers", "words.mp4 cannot be read"),
        ({"clip": "long.mp4"}, "drivers", "long.mp4 is 5 s long"),
        ({"times": 1.5}, "options", "from 1 to 10 times"),
        ({"times": 11}, "options", "from 1 to 10 times"),
        ({"start": "soon"}, "options", "start takes a number"),
        ({"sound": "loud"}, "options", "choreography or none"),
    ],
)
def test_what_cannot_be_danced_is_refused_beside_its_cause(
    tmp_path: Path, given: dict[str, Any], place: str, words: str
) -> None:
    (tmp_path / "words.mp4").write_text("no film")
    write_clip(tmp_path / "long.mp4", frames=125)
    given = {"dancer": "anna", "choreography": ["wave"]} | given
    if "clip" in given:
        given["clip"] = str(tmp_path / given["clip"])
    with pytest.raises(Trouble, match=words) as trouble:
        orders.take_dance(given, LIMITS)
    assert trouble.value.place == place and trouble.value.sentence("it")


@pytest.mark.parametrize(
    ("given", "place", "words"),
    [
        ({"target": None}, "target", "Choose a clip"),
        ({"target": str(samples.mona_lisa)}, "target", "cannot be read as a film"),
        ({"name": ""}, "name", "Give them a name"),
        ({"name": "../anna"}, "name", "Give them a name"),
        ({"name": " anna "}, "name", "called anna already"),
        ({"consent": False}, "consent", "tick the sentence"),
        ({"lesson": "endless"}, "target", "lesson is one of"),
        ({"size": 1024}, "target", "size one of"),
        ({"target": str(samples.sing)}, "target", "sing.mp4 is"),
    ],
)
def test_who_cannot_be_taught_is_refused_beside_the_cause(
    clip: Path, given: dict[str, Any], place: str, words: str
) -> None:
    with pytest.raises(Trouble, match=words) as trouble:
        orders.take_lesson({"target": str(clip), "name": "bert", "consent": True} | given, LIMITS)
    assert trouble.value.place == place and trouble.value.sentence("it")


def test_without_a_dancer_one_sentence_says_how_to_teach_one(kept: Path) -> None:
    (kept / "anna.dancer").unlink()
    assert orders.dancer_names() == []
    with pytest.raises(Trouble, match="teach one below") as trouble:
        orders.take_dance({"choreography": ["wave"]}, LIMITS)
    assert trouble.value.place == "dancer"


def test_an_order_says_what_dance_takes(clip: Path) -> None:
    order = orders.take_dance({"choreography": ["wave"], "times": 2, "end": 1, "beside": True}, LIMITS)
    assert (order.identity, order.steps, order.film) == ("anna", samples.wave, "anna_wave.mp4")
    assert order.options == {"start": 0.0, "end": 1.0, "times": 2, "sound": "choreography", "side_by_side": True}
    own = orders.take_dance({"dancer": "anna", "choreography": ["wave"], "clip": str(clip)}, LIMITS)
    assert own.steps == clip  # a file of the user's own goes before the gallery's
    assert orders.take_lesson({"target": str(clip), "name": "bert", "consent": True}, LIMITS).minutes == 3.0


# --- films ------------------------------------------------------------------------------------------------------------


def test_a_film_is_watched_made_and_says_who_agreed(clip: Path, tmp_path: Path) -> None:
    order = orders.take_dance({"dancer": "anna", "clip": str(clip), "end": 0.2}, LIMITS)
    shots = list(films.dance(order, tmp_path / "files"))
    assert shots[0].stage == "waiting" and shots[-1].stage == "done" and shots[-1].total == 5
    film, kept = films.files_of(shots[-1])
    assert (film.name, kept.name) == ("anna_clip.mp4", "anna_clip.dance")
    assert video.probe(film).frames == 5 and len(choreography.load(kept)) == 5
    claim = provenance.verify(film).claim
    assert claim is not None and claim["consent"] == "Anna agreed."


@pytest.mark.filterwarnings("ignore:.*they are guesses")
def test_poses_that_were_not_taught_are_said_beside_the_film(clip: Path, tmp_path: Path) -> None:
    known = choreography.load(samples.wave)
    points = known.points.copy()
    points[20:40, skeleton.LEFT_ANKLE, 0] += 150
    choreography.save(tmp_path / "split.dance", choreography.Choreography(points, known.fps))
    *_, shot = films.dance(orders.take_dance({"clip": str(tmp_path / "split.dance")}, LIMITS), tmp_path / "files")
    assert len(shot.notices) == 1 and "20 of 160 frames show poses" in shot.notices[0]
    assert "20 of 160 frames show poses" in shown([shot], None, "en")


def test_a_film_that_nobody_waits_for_leaves_nothing(tmp_path: Path) -> None:
    making = films.dance(orders.take_dance({"choreography": ["sunrise"]}, Limits()), tmp_path / "files")
    while next(making).stage != "generate":
        pass
    making.close()
    assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []


def test_what_the_tracker_says_of_a_clip_stands_beside_it_without_its_folder(tmp_path: Path) -> None:
    write_clip(tmp_path / "nobody.mp4", frames=10)
    order = orders.take_dance({"clip": str(tmp_path / "nobody.mp4")}, LIMITS)
    with pytest.raises(Trouble, match="nobody") as trouble:
        list(films.dance(order, tmp_path / "files"))
    assert trouble.value.place == "drivers" and str(tmp_path) not in trouble.value.sentence("en")


# --- lessons ----------------------------------------------------------------------------------------------------------


def lesson(clip: Path, **changes: Any) -> Any:
    config = dataclasses.replace(bodies.QUICK, **changes)
    return films.teach(orders.LessonOrder(clip, "bert", 1.0, bodies.SIZE), config=config, shape=bodies.TINY)


@pytest.mark.filterwarnings("ignore:.*will be guesses")
def test_a_lesson_is_watched_and_its_dancer_kept_by_name(clip: Path, kept: Path) -> None:
    states = list(lesson(clip))
    assert states[0].stage == "track" and states[-1].stage == "done" and states[-1].share == 1.0
    assert len(states[-1].errors) == 7 and states[-1].preview is not None  # a look after every step
    assert len(states[-1].notices) == 1 and states[-1].notices[0].startswith("clip.mp4 shows")
    assert "clip.mp4 shows" in schooling(states[-1], "en")
    assert (kept / "bert.dancer").is_file() and orders.dancer_names() == ["anna", "bert"]
    shots = list(films.dance(orders.take_dance({"dancer": "bert", "choreography": ["wave"], "end": 0.1}, LIMITS), kept))
    claim = provenance.verify(shots[-1].out).claim
    assert claim is not None and claim["consent"] == orders.AGREED


@pytest.mark.filterwarnings("ignore:.*will be guesses")
@pytest.mark.parametrize(("looked", "expected"), [(True, ["anna", "bert"]), (False, ["anna"])])
def test_a_lesson_that_is_stopped_keeps_the_best_so_far(clip: Path, looked: bool, expected: list[str]) -> None:
    states = lesson(clip, steps=10_000, check_seconds=0.0 if looked else 1e6)
    for state in states:
        if state.stage != "track" and bool(state.errors) == looked:
            break
    states.close()
    assert orders.dancer_names() == expected


def test_a_clip_that_teaches_nothing_is_refused(tmp_path: Path) -> None:
    write_clip(tmp_path / "short.mp4", frames=20)
    with pytest.raises(Trouble, match="3 s at least") as trouble:
        list(lesson(tmp_path / "short.mp4"))
    assert trouble.value.place == "target"


# --- what the page shows ----------------------------------------------------------------------------------------------


def test_a_lesson_shows_how_far_it_is_and_a_falling_curve() -> None:
    state = films.Schooling("<b>", "full", 0.5, (0.4, 0.2, 0.1), np.zeros((96, 64, 3), np.uint8))
    shown = schooling(state, "it")
    assert 'aria-valuenow="50"' in shown and "0.100" in shown and "<b><b>" not in shown and "data:image" in shown
    places = [tuple(map(float, pair.split(","))) for pair in curve((0.4, 0.2, 0.1)).split('"')[9].split()]
    assert [y for _, y in places] == sorted(y for _, y in places)  # y goes down the page
    assert schooling(dataclasses.replace(state, stage="done"), "en").count("&lt;b&gt; can dance now")
    assert "lp-curve" not in schooling(films.Schooling("bert"), "en")


def test_the_gallery_shows_each_dance_in_a_pose_of_its_own() -> None:
    shown = components.items(samples.DANCES, "it")
    assert [item["title"] for item in shown] == ["Da lato a lato", "Onda", "Alba"]
    assert len({item["picture"] for item in shown}) == 3 and not any(item["clip"] for item in shown)
    assert title_of(samples.wave, "it") == "Onda"
