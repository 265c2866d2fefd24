"""Engines on trial: which trials, and what comes out for engines whose answer is known."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from shelf import MARKED, PEOPLE, SIZE, Clip, Copy, Faceless, Shelf, spare_instruments

from living_portraits.engine import Drive, Frame, Track
from living_portraits.errors import OptionError, WeightsError
from living_portraits.evaluate import IDENTITY_VARIABLE, Card, evaluate
from living_portraits.evaluate.bench import small
from living_portraits.evaluate.figures import PROBES
from living_portraits.evaluate.judge import Footage
from living_portraits.evaluate.scale import peak_memory
from living_portraits.evaluate.trials import MADE_UP, Trial, choose_trials
from living_portraits.evaluate.unrest import unrest
from living_portraits.evaluate.watch import Watcher
from living_portraits.face.model import Face
from living_portraits.metrics.perceptual import Perceptual

MODEL = Path(__file__).parents[2] / "shared" / "data" / "models" / "mobilefacenet.pt"


# --- trials -----------------------------------------------------------------------------------------------------------


def _choose(clips: int, pairs: int) -> list:
    return choose_trials(Shelf(*PEOPLE), split="val", size=SIZE, clips=clips, pairs=pairs)


def test_people_take_turns() -> None:
    trials = _choose(6, 0)
    assert [trial.kind for trial in trials] == ["self"] * 6
    people = [trial.driver.identity for trial in trials]
    assert {*people[:3]} == {"ann", "ben", "cem"}, "everybody once"
    assert {*people[3:5]} == {"ann", "ben"}, "then who has more"
    assert people[5] == "gus", "a pair of photographs for every five films"


def test_trials_are_the_same_every_time_and_only_what_was_asked_for() -> None:
    first, again = _choose(20, 20), _choose(20, 20)
    assert [trial.name for trial in first] == [trial.name for trial in again]
    drivers, sources = {trial.driver.id for trial in first}, {trial.source.id for trial in first}
    assert drivers & {"short", "elsewhere", "large", "still0"} == set()
    assert sources & {"elsewhere", "large"} == set() and "short" in sources, "its first frame is a portrait"
    assert len({trial.name for trial in first}) == len(first)


def test_cross_trials_bring_strangers_together() -> None:
    trials = [trial for trial in _choose(1, 5) if trial.kind == "cross"]
    assert len(trials) == 5
    assert all(trial.source.identity != trial.driver.identity for trial in trials)
    assert {trial.source.tags[-1] for trial in trials[:4]} == {"made", "paintings", "generated", "pairs"}
    drivers = [trial.driver.id for trial in trials if trial.driver.identity == "ben"]
    assert drivers[0] == "b2", "the liveliest mouth comes first"


def test_what_is_mostly_made_up_is_no_source() -> None:
    """Neither the portrait cut too close nor the film; but such a film may still drive."""
    shelf = Shelf(
        Clip("whole", "ann", kind="still", frames=1, tags=("whole",), quality={"outside": MADE_UP}),
        Clip("smeared", "ben", kind="still", frames=1, tags=("smeared",), quality={"outside": 0.77}),
        Clip("film", "cem", quality={"outside": 0.1}),
        Clip("close", "dan", quality={"outside": 0.7, "mouth_spread": 1.0}),
    )
    trials = choose_trials(shelf, split="val", size=SIZE, clips=9, pairs=9)
    assert {trial.name for trial in trials} == {"film", "whole x close"}


@pytest.mark.parametrize("kind", ["pseudo", "edits"])
def test_what_a_program_set_in_motion_is_on_no_trial(kind: str) -> None:
    shelf = Shelf(Clip("film", "ann"), Clip("made", "ben", kind=kind), Clip("still", "cem", kind="still", frames=1))
    trials = choose_trials(shelf, split="val", size=SIZE, clips=9, pairs=9)
    assert {trial.name for trial in trials} == {"film", "still x film"}


@pytest.mark.parametrize(
    ("split", "size", "message"),
    [("test", SIZE, "no video in the split test at size 64; it has train at 64, val at 128, val at 64"),
     ("val", 512, "no video in the split val at size 512")],
)  # fmt: skip
def test_no_footage(split: str, size: int, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        choose_trials(Shelf(*PEOPLE), split=split, size=size, clips=1, pairs=1)


# --- figures of engines whose answer is known -------------------------------------------------------------------------


@pytest.fixture(scope="module", autouse=True)
def cheap_instruments():
    with pytest.MonkeyPatch.context() as patch:
        spare_instruments(patch)
        yield


@pytest.fixture(scope="module")
def card(cheap_instruments) -> Card:
    """Still, puppet, a perfect copy and a film without faces, judged by a toy tracker."""
    shelf = Shelf(*PEOPLE)
    told: list[tuple[int, int]] = []
    result = evaluate(
        [Copy(), Faceless()], shelf, size=SIZE, clips=3, pairs=2, find=shelf.find,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert told == [(i, 5) for i in range(1, 6)]
    return result


@pytest.mark.parametrize(
    ("kind", "engine", "key", "expected"),
    [
        ("self", "copy", "psnr", 10 * math.log10(255**2 * 12)),
        ("self", "copy", "ssim", 1.0),
        ("self", "copy", "l1_face", 0.0),
        ("self", "copy", "keypoints", 0.0),
        ("self", "copy", "pose", 0.0),
        ("self", "copy", "shape_transfer", 0.0),
        ("self", "copy", "motion_gain", 1.0),
        ("self", "copy", "jitter", 1.0),
        ("self", "copy", "missing", 0.0),
        ("self", "still", "shape_transfer", 1.0),
        ("self", "still", "motion_gain", 0.0),
        ("self", "still", "turn_gain", 0.0),
        ("self", "still", "jitter", 0.0),
        ("self", "still", "sharpness", 1.0),
        ("cross", "still", "shape_transfer", 1.0),
        ("cross", "still", "mouth", 0.0),
        ("cross", "still", "background", 0.0),
        ("cross", "copy", "mouth", 1.0),
        ("cross", "copy", "relative_pose", 0.0),
        ("cross", "copy", "motion_gain", 1.0),
        ("self", "faceless", "missing", 2 / 3),
        ("self", "faceless", "keypoints", 0.0),
    ],
)  # fmt: skip
def test_known_answers(card: Card, kind: str, engine: str, key: str, expected: float) -> None:
    found = card.summary(kind, engine, key)
    assert found.trials > 0 and found.frames > 0
    assert found.mean == pytest.approx(expected, abs=2e-3)


def test_the_film_that_stands_still_is_wrong_where_the_truth_moves(card: Card) -> None:
    for key in ("keypoints", "pose", "l1_face"):
        assert card.summary("self", "still", key).mean > 10 * card.summary("self", "copy", key).mean + 0.01, key
    assert card.summary("cross", "still", "relative_pose").mean > 1
    assert card.summary("cross", "copy", "background").mean > 0.05


def test_still_and_puppet_are_always_there_and_counted(card: Card) -> None:
    assert card.engines == ("still", "puppet", "copy", "faceless")
    assert len(card.trials["self"]) == 3 and len(card.trials["cross"]) == 2
    assert card.summary("self", "copy", "psnr").frames == 3 * 11, "frame 0 is the source and does not count"
    assert card.summary("self", "faceless", "keypoints").frames == 3 * 3
    assert card.summary("self", "puppet", "memory").mean == card.summary("cross", "still", "memory").mean == 12.5
    assert card.summary("self", "copy", "memory").trials == 0, "an engine that is no name has no process of its own"


class Listening(Copy):
    """Notes how it is driven."""

    def __init__(self) -> None:
        self.drives: list[Drive] = []

    def encode_motion(self, driver, drive):
        self.drives.append(drive)
        return driver


RESTS = (6, 7)  # the frames at which a driver that begins in mid-word comes to rest, as like as two frames can be
SPEAKER, SITTER = Clip("speaker", "ann", begins=5), Clip("sitter", "ben", kind="still", frames=1)


def test_a_strangers_motion_is_measured_from_the_calmest_frame_and_ones_own_from_the_source() -> None:
    shelf, engine = Shelf(SPEAKER, SITTER), Listening()
    found = evaluate(engine, shelf, size=SIZE, clips=1, pairs=1, find=shelf.find)
    of_oneself, of_a_stranger = (drive.neutral for drive in engine.drives)
    assert of_oneself == 0 and of_a_stranger in RESTS
    for kind, key in (("self", "shape_transfer"), ("cross", "shape_transfer"), ("cross", "relative_pose")):
        assert found.summary(kind, "copy", key).mean == pytest.approx(0, abs=0.03), (kind, key)


@pytest.mark.parametrize(("hidden", "skipped"), [((0,), []), (RESTS, ["sitter x speaker"])])
def test_a_driver_whose_calmest_frame_shows_no_face_is_skipped(hidden: tuple[int, ...], skipped: list[str]) -> None:
    shelf = Shelf(SPEAKER, SITTER)
    whole = shelf.track

    def track(clip: Clip, *, frames: slice | None = None) -> Track:
        found = whole(clip, frames=frames)
        for number in hidden if clip is SPEAKER else ():
            found.crops[number][:MARKED, :MARKED] = 0
        return found

    shelf.track = track
    assert evaluate(Copy(), shelf, size=SIZE, clips=0, pairs=1, find=shelf.find).about["skipped"] == skipped


def test_a_portrait_that_is_read_differently_at_every_look_is_skipped() -> None:
    """The toy tracker's hand shakes over one of two portraits."""
    steady, shaky = (Clip(name, name, kind="still", frames=1, tags=(name,)) for name in ("steady", "shaky"))
    shelf, random = Shelf(Clip("film", "ann"), steady, shaky), np.random.default_rng(0)
    whole, look = shelf.track, shelf.find
    painted = set()

    def track(clip: Clip, *, frames: slice | None = None) -> Track:
        found = whole(clip, frames=frames)
        if clip is shaky:
            painted.add(found.crops[0][0, 0].tobytes())
        return found

    def find(frame: Frame) -> Face | None:
        face = look(frame)
        if face is not None and frame[MARKED, MARKED].tobytes() in painted:
            face.points[:, :2] += random.normal(0, 2.0, (478, 2))
        return face

    shelf.track = track
    found = evaluate(Copy(), shelf, size=SIZE, clips=0, pairs=2, find=find)
    assert found.trials["cross"] == ("steady x film",) and found.about["skipped"] == ["shaky x film"]


def test_unrest_is_what_moves_that_should_not() -> None:
    shelf = Shelf(SITTER)
    portrait = small(shelf.track(SITTER).crops)[0]
    assert unrest(portrait, Watcher(shelf.find).read) == pytest.approx(0, abs=1e-3)
    assert math.isnan(unrest(np.zeros_like(portrait), Watcher(shelf.find).read))


def test_the_contact_sheet_shows_the_frame_furthest_from_the_neutral_one() -> None:
    shelf = Shelf(SPEAKER, SITTER)
    driver = Watcher(shelf.find).read(list(small(shelf.track(SPEAKER).crops)))
    footage = Footage(
        Trial("cross", SITTER, SPEAKER), np.zeros((256, 256, 3), np.uint8), np.zeros((12, 256, 256, 3), np.uint8),
        driver[:1], driver, neutral=RESTS[0],
    )  # fmt: skip
    assert footage.peak in (0, 1), "where the swing is at its height"
    assert replace(footage, neutral=0).peak in RESTS


def test_memory_is_what_one_film_takes() -> None:
    """The puppet of a larger picture takes more; an engine that cannot be made is not weighed."""
    shelf = Shelf(Clip("a", "ann"))
    track = shelf.track(shelf.clips[0])
    large = Track([np.zeros((512, 512, 3), np.uint8)] * 3, track.points[:3] * 8, track.blendshapes[:3])
    still, puppet = (peak_memory(name, size=512, source=large, driver=large) for name in ("still", "puppet"))
    assert still is not None and puppet is not None
    assert 0 <= still < 5 < puppet < 500
    assert peak_memory("nobody", size=512, source=large, driver=large) is None


def test_networks_are_asked_where_they_are_there(monkeypatch) -> None:
    """With a network that measures the mean difference of brightness, by hand."""

    class Brightness(Perceptual):
        def __init__(self, backbone: str) -> None:
            self.channels = 512 if backbone == "vgg16" else 256

        def look(self, frame: Frame) -> list[torch.Tensor]:
            return [torch.full((self.channels, 1, 1), float(frame[32:].mean()))]

        def distance(self, result: list[torch.Tensor], truth: list[torch.Tensor]) -> float:
            return float((result[0] - truth[0]).abs().mean())

    class Brighter(Copy):
        spec = replace(Copy.spec, name="brighter")

        def generate(self, identity, motion):
            for crop in motion.crops:
                frame = crop.copy()
                frame[MARKED:] = np.minimum(crop[MARKED:], 245) + np.uint8(10)
                yield frame

    monkeypatch.setattr("living_portraits.evaluate.Perceptual", Brightness)
    shelf = Shelf(*(clip for clip in PEOPLE if clip.kind == "video"))
    found = evaluate([Copy(), Brighter()], shelf, size=SIZE, clips=3, pairs=0, find=shelf.find)
    assert found.summary("self", "copy", "lpips_alex").mean == 0.0
    assert found.summary("self", "copy", "frechet_vgg").mean == pytest.approx(0.0, abs=1e-3)
    moved = found.summary("self", "brighter", "lpips_vgg").mean
    assert 9 < moved <= 10.01
    assert found.summary("self", "brighter", "frechet_vgg").mean == pytest.approx(512 * moved**2, rel=0.05)
    assert found.summary("self", "brighter", "frechet_vgg").frames == 3 * PROBES
    assert "lpips_alex" not in found.absent
    hasty = evaluate(Copy(), shelf, size=SIZE, clips=1, pairs=0, find=shelf.find, backbones=["alexnet"])
    assert hasty.summary("self", "copy", "lpips_alex").trials == 1
    assert hasty.summary("self", "copy", "lpips_vgg").trials == 0
    assert hasty.absent["lpips_vgg"] == hasty.absent["frechet_vgg"] == "left out to save time"


def test_a_clip_whose_first_frame_shows_no_face_is_skipped() -> None:
    shelf = Shelf(Clip("a", "ann"), Clip("b", "ben"))
    hidden = shelf.track

    def track(clip: Clip, *, frames: slice | None = None) -> Track:
        whole = hidden(clip, frames=frames)
        if clip.id == "a":
            whole.crops[0][:MARKED, :MARKED] = 0
        return whole

    shelf.track = track
    found = evaluate(Copy(), shelf, size=SIZE, clips=2, pairs=0, find=shelf.find)
    assert found.trials == {"self": ("b",), "cross": ()}
    assert found.about["skipped"] == ["a"] and found.about["self_people"] == 1


def test_engines_that_are_being_taught_are_called_as_the_caller_likes() -> None:
    shelf = Shelf(Clip("a", "ann"))
    found = evaluate({"early": Faceless(), "late": Copy()}, shelf, size=SIZE, clips=1, pairs=0, find=shelf.find)
    assert found.engines == ("still", "puppet", "early", "late")
    assert found.summary("self", "early", "missing").mean > 0.5 > found.summary("self", "late", "missing").mean


@pytest.mark.parametrize(
    ("engine", "size", "error", "message"),
    [("nobody", SIZE, OptionError, "no engine 'nobody'; choose from"),
     ("puppet", 100, OptionError, "does not work at size 100"),
     (Copy(), 96, OptionError, "copy works at size 64, not at 96"),
     ([Copy(), Copy()], SIZE, OptionError, "Two engines on the card would be called copy"),
     ({"puppet": Copy()}, SIZE, OptionError, "Two engines on the card would be called puppet")],
)  # fmt: skip
def test_engines_that_cannot_be_tried(engine, size: int, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        evaluate(engine, Shelf(*PEOPLE), size=size)


@pytest.mark.parametrize("frames", [1, 7])
def test_films_of_a_few_frames_are_not_judged(frames: int) -> None:
    with pytest.raises(OptionError, match=f"frames is {frames}, and films so short say too little"):
        evaluate(Copy(), Shelf(*PEOPLE), size=SIZE, frames=frames)


def test_identity_weights_come_from_the_option_or_the_environment(tmp_path: Path, monkeypatch) -> None:
    shelf = Shelf(*PEOPLE)
    with pytest.raises(WeightsError, match="nothing"):
        evaluate(Copy(), shelf, size=SIZE, identity_weights=tmp_path / "nothing.pt", find=shelf.find)
    monkeypatch.setenv(IDENTITY_VARIABLE, str(tmp_path / "other.pt"))
    with pytest.raises(WeightsError, match="other"):
        evaluate(Copy(), shelf, size=SIZE, find=shelf.find)


def test_identity_figures_where_there_are_weights() -> None:
    if not MODEL.is_file():
        pytest.skip("the MobileFaceNet weights are not at hand")
    shelf = Shelf(*PEOPLE)
    found = evaluate(Copy(), shelf, size=SIZE, clips=1, pairs=1, find=shelf.find, identity_weights=MODEL)
    assert found.summary("self", "copy", "csim_truth").mean == pytest.approx(1.0, abs=1e-5)
    assert found.summary("self", "still", "csim_source").mean == pytest.approx(1.0, abs=1e-5)
    assert found.summary("cross", "copy", "csim_source").mean < 0.9
    kept = found.summary("self", "copy", "csim_source").mean
    for engine in ("still", "copy"):  # whatever an engine makes of them, people are as like themselves as they are
        assert found.summary("self", engine, "csim_people").mean == pytest.approx(kept, abs=1e-5)
    assert kept < 1
    assert "csim_truth" not in found.absent
