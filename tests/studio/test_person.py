"""People who are learned in the studio from a few pictures: what may be asked for, lessons, and films."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("gradio", reason="the studio needs the extra 'app'")

import drawn
import few_shot
import torch
from clips import write_clip
from PIL import Image

from living_portraits import motion_file, provenance, samples, video, weights
from living_portraits.engines.still import Still
from living_portraits.engines.talking_head.content import Weights
from living_portraits.errors import FaceError
from living_portraits.finetune import kept as people_kept
from living_portraits.finetune import learning
from living_portraits.finetune.tune import Material, TuneConfig
from living_portraits.finetune.views import own, posed
from living_portraits.people import FOLDER_VARIABLE
from living_portraits.studio import person_order as orders
from living_portraits.studio import person_views as shown
from living_portraits.studio.engine_list import EngineList
from living_portraits.studio.person_film import Learning, learn_person
from living_portraits.studio.production import Production, produce
from living_portraits.studio.shelf import Limits
from living_portraits.studio.trouble import Trouble

LIMITS = Limits(seconds=4.0, target_seconds=4.0)
QUICK = TuneConfig(
    content=Weights(vgg=0.0, face=0.0), steps=9, check_steps=3, lr=1e-2, adversary=0.0, features=0.0, patience=99
)


@pytest.fixture(autouse=True)
def calm() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which ada is kept, who was learned for no time at all; the network is tiny."""
    folder = tmp_path_factory.mktemp("people")
    with pytest.MonkeyPatch.context() as patch:
        base = few_shot.ship(patch, tmp_path_factory.mktemp("weights"))
        few_shot.keep(folder / "ada.person", base=base, size=few_shot.SIZE)
        bundled = [name for name in weights.FILES if name.startswith("talking-head/")]
        for name in bundled:  # were made for another network
            patch.delitem(weights.FILES, name)
        yield folder


@pytest.fixture(autouse=True)
def folder(ada: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ada alone is known, in a folder that nobody else writes to."""
    place = tmp_path / "people"
    place.mkdir()
    (place / "ada.person").write_bytes((ada / "ada.person").read_bytes())
    monkeypatch.setenv(FOLDER_VARIABLE, str(place))
    return place


@pytest.fixture
def nod(tmp_path: Path) -> Path:
    """Three frames of a motion that was measured before."""
    track = drawn.driver(frames=3)
    motion_file.save_motion(tmp_path / "nod.motion", track.points, track.blendshapes, track.fps)
    return tmp_path / "nod.motion"


# --- what may be asked for --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "place", "words"),
    [
        ({"pictures": [], "portraits": []}, "target", "Choose pictures"),
        ({"pictures": ["words.txt"]}, "target", "words.txt cannot be read, neither"),
        ({"pictures": ["own.png", "clip.mp4"]}, "target", "clip.mp4 is a clip: give it alone"),
        ({"pictures": ["long.mp4"]}, "target", "long.mp4 is 5 s long"),
        ({"pictures": ["own.png"] * 33}, "target", "At most 32 pictures"),
        ({"portraits": ["nobody"]}, "target", "no portrait 'nobody'"),
        ({"name": "../ada"}, "name", "Give them a name"),
        ({"name": " ada "}, "name", "called ada is kept already"),
        ({"pictures": ["own.png"]}, "consent", "tick the sentence"),
        ({"lesson": "endless"}, "target", "lesson is one of short"),
    ],
)
def test_who_cannot_be_learned_is_refused_beside_the_cause(
    tmp_path: Path, given: dict[str, Any], place: str, words: str
) -> None:
    Image.fromarray(drawn.picture(60, 50)).save(tmp_path / "own.png")
    (tmp_path / "words.txt").write_text("nothing")
    write_clip(tmp_path / "clip.mp4", frames=10)
    write_clip(tmp_path / "long.mp4", frames=125)
    if "pictures" in given:
        given = given | {"pictures": [str(tmp_path / name) for name in given["pictures"]]}
    with pytest.raises(Trouble, match=words) as trouble:
        orders.take_learning({"portraits": ["mona_lisa"], "name": "bert"} | given, LIMITS)
    assert trouble.value.place == place and trouble.value.sentence("it")


def test_a_lesson_says_who_agreed(tmp_path: Path) -> None:
    order = orders.take_learning({"portraits": ["mona_lisa"], "name": " mona "}, LIMITS)
    assert order == orders.LearnOrder((samples.mona_lisa,), "mona", 2.5, orders.ARTWORK)
    Image.fromarray(drawn.picture(60, 50)).save(tmp_path / "own.png")
    given = {"pictures": [str(tmp_path / "own.png"), str(samples.mona_lisa)], "portraits": ["erasmus"], "name": "me"}
    own = orders.take_learning(given | {"consent": True, "lesson": "medium"}, dataclasses.replace(LIMITS, minutes=3.0))
    assert own.pictures == (tmp_path / "own.png", samples.mona_lisa)  # files go before the gallery's
    assert (own.minutes, own.consent) == (3.0, orders.AGREED)


@pytest.mark.parametrize(
    ("given", "place", "words"),
    [
        ({"person": "bert"}, "person", "Nobody called bert was learned; there are: ada"),
        ({"drivers": []}, "drivers", "Choose at least one clip"),
        ({"end": "soon"}, "options", "end takes a float"),
    ],
)
def test_what_cannot_be_filmed_is_refused(tmp_path: Path, given: dict[str, Any], place: str, words: str) -> None:
    with pytest.raises(Trouble, match=words) as trouble:
        orders.take_person({"drivers": ["smile"], "end": 1.0} | given, LIMITS, tmp_path)
    assert trouble.value.place == place


def test_without_anybody_one_sentence_says_how_to_begin(folder: Path, tmp_path: Path) -> None:
    (folder / "ada.person").unlink()
    assert orders.person_names() == []
    with pytest.raises(Trouble, match="begin below") as trouble:
        orders.take_person({"drivers": ["smile"], "end": 1.0}, LIMITS, tmp_path)
    assert trouble.value.place == "person"


@pytest.mark.parametrize(("how", "words"), [("damaged", r"ada\.person"), ("foreign", "from other weights")])
def test_a_file_that_will_not_do_is_said_beside_the_person(folder: Path, tmp_path: Path, how: str, words: str) -> None:
    config, state = weights.read(folder / "ada.person")
    weights.write(folder / "ada.person", config={**config, "base": "another"}, state=state)
    if how == "damaged":
        (folder / "ada.person").write_bytes(b"nothing")
    with pytest.raises(Trouble, match=words) as trouble:
        orders.take_person({"drivers": ["smile"], "end": 1.0}, LIMITS, tmp_path)
    assert trouble.value.place == "person" and str(folder) not in trouble.value.sentence("en")


# --- films ------------------------------------------------------------------------------------------------------------


def made(order: Any, root: Path) -> Production:
    *_, last = produce(order, root, EngineList())
    return last


def test_a_film_of_somebody_says_who_agreed_and_stands_beside_that_of_before(nod: Path, tmp_path: Path) -> None:
    order = orders.take_person({"person": "ada", "clips": [str(nod)], "before": True}, LIMITS, tmp_path / "root")
    assert (order.source.name, order.consent, order.choices.identity) == ("ada.png", "Ada agreed.", "ada")
    last = made(order, tmp_path / "root")
    assert [(shot.out.name, shot.identity, shot.size) for shot in last.shots] == [
        ("ada_before.mp4", "", few_shot.SIZE),
        ("ada_after.mp4", "ada", few_shot.SIZE),
    ]
    claim = provenance.verify(last.shots[1].out).claim
    assert claim is not None and (claim["consent"], claim["engine"]) == ("Ada agreed.", "talking-head")
    assert [film["version"] for film in last.report()["films"]] == ["before", "after"]


def test_the_film_shows_who_was_learned(nod: Path, folder: Path, tmp_path: Path) -> None:
    """Somebody with other numbers is drawn otherwise."""
    from living_portraits.engines.talking_head import person

    base = weights.path("talking-head")
    ada = person.read(folder / "ada.person", base=base)
    bert = dataclasses.replace(ada, style=3 * ada.style, about={"name": "bert"})
    person.write(folder / "bert.person", bert, base=base)
    films = []
    for name in ("ada", "bert"):
        order = orders.take_person({"person": name, "clips": [str(nod)]}, LIMITS, tmp_path / name)
        films.append(np.stack(list(video.read_frames(made(order, tmp_path / name).shots[0].out))).astype(int))
        assert name == "ada" or order.consent == "Not stated for bert."
    assert films[0].shape == films[1].shape and np.abs(films[0] - films[1]).mean() > 1


# --- lessons ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def lesson(monkeypatch: pytest.MonkeyPatch) -> orders.LearnOrder:
    """Erasmus, without views: those are the tests' of `finetune`."""
    [erasmus] = own(few_shot.sitter(few_shot.SIZE))
    clips = [drawn.driver(few_shot.SIZE, frames=9)] * 3
    _, asked = posed(Still(size=few_shot.SIZE), erasmus, clips, count=3)
    monkeypatch.setattr(learning, "taught", lambda track, tell: Material(asked=asked))
    return orders.LearnOrder((samples.erasmus,), "bert", 1.0, "Bert agreed.")


def test_somebody_is_learned_watched_and_kept_by_name(lesson: orders.LearnOrder) -> None:
    states = list(learn_person(lesson, config=QUICK))
    assert states[0].stage == "read" and states[-1].stage == "done" and states[-1].share == 1.0
    last = states[-1]
    assert len(last.errors) == len(last.mimics) == 4 and min(last.errors) < 0.95 * last.errors[0]
    assert last.before is not None and last.now is not None
    assert last.before.shape == (few_shot.SIZE, 5 * few_shot.SIZE, 3)
    side = few_shot.SIZE
    errors = [np.abs(row[:, side : 2 * side].astype(int) - row[:, :side]).mean() for row in (last.before, last.now)]
    assert errors[1] < errors[0]  # the picture as it is drawn, once and in the end
    assert people_kept.known() == ("ada", "bert") and people_kept.consent_of("bert") == "Bert agreed."
    assert last.report()["errors"] == list(last.errors)


@pytest.mark.parametrize(("looked", "expected"), [(True, ["ada", "bert"]), (False, ["ada"])])
def test_a_lesson_that_is_stopped_keeps_the_best_so_far(
    lesson: orders.LearnOrder, looked: bool, expected: list[str]
) -> None:
    states = learn_person(lesson, config=dataclasses.replace(QUICK, steps=100_000))
    for state in states:
        if len(state.errors) > 1 or not looked:
            break
    states.close()
    assert orders.person_names() == expected


def test_what_is_wrong_with_a_picture_is_said_without_its_folder(
    lesson: orders.LearnOrder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(drawn.picture(60, 50)).save(tmp_path / "nobody.png")

    def refuse(*_: Any, **__: Any) -> None:
        raise FaceError(f"There is no face to be found in {tmp_path / 'nobody.png'}: leave it out.")

    monkeypatch.setattr(learning.sources, "open_sources", refuse)
    with pytest.raises(Trouble, match=r"found in nobody\.png") as trouble:
        list(learn_person(dataclasses.replace(lesson, pictures=(tmp_path / "nobody.png",)), config=QUICK))
    assert trouble.value.place == "target" and orders.person_names() == ["ada"]


def test_the_page_shows_before_and_now_a_bar_and_a_falling_curve() -> None:
    row = np.zeros((64, 320, 3), np.uint8)
    state = Learning("<b>", "learn", 0.5, (0.4, 0.2, 0.1), (3.0, 2.0, 1.0), row, row)
    html = shown.learning(state, "it")
    assert 'aria-valuenow="50"' in html and "0.40 prima, 0.10 ora" in html and "<b><b>" not in html
    assert html.count("data:image") == 2 and "Ora" in html and "lp-curve" in html
    done = shown.learning(dataclasses.replace(state, stage="done"), "en")
    assert "&lt;b&gt; is learned" in done and "After" in done
    begun = shown.learning(Learning("bert"), "en")
    assert "lp-curve" not in begun and "data:image" not in begun
