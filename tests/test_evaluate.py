"""Engines on trial: which trials, what comes out for engines whose answer is known, and the card on paper."""

import argparse
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn import driver, picture

from living_portraits import report
from living_portraits.commands import evaluate as command
from living_portraits.engine import Frame, Spec, Track
from living_portraits.errors import OptionError, OutputError, WeightsError
from living_portraits.evaluate import IDENTITY_VARIABLE, Card, evaluate
from living_portraits.evaluate.card import Summary
from living_portraits.evaluate.figures import PROBES
from living_portraits.evaluate.judge import Sample
from living_portraits.evaluate.scale import peak_memory
from living_portraits.evaluate.sheet import HEADER, ROWS, TILE, contact_sheet
from living_portraits.evaluate.trials import choose_trials
from living_portraits.face.model import Face
from living_portraits.metrics.perceptual import Perceptual

SIZE = 64
MARKED = 8  # px: a frame's upper left corner tells the toy tracker which face to see
MODEL = Path(__file__).parents[2] / "shared" / "data" / "models" / "mobilefacenet.pt"


@dataclass(frozen=True)
class Clip:
    id: str
    identity: str
    kind: str = "video"
    split: str = "val"
    size: int = SIZE
    frames: int = 12
    quality: dict[str, float] = field(default_factory=dict)
    tags: tuple[str, ...] = ("made",)


class Shelf:
    """A dataset of drawn heads. Each frame carries its number, by which `find` knows the points again."""

    def __init__(self, *clips: Clip) -> None:
        self.clips = clips
        self.seen: dict[int, np.ndarray] = {0: np.full((478, 3), np.nan, np.float32)}

    def select(self, *, split=None, kind=None, size=None):
        return list(self.clips)

    def track(self, clip: Clip, *, frames: slice | None = None) -> Track:
        drawn = driver(SIZE, frames=clip.frames)
        crops = []
        for number, points in enumerate(drawn.points):
            crops.append(self.draw(points, seed=hash(clip.identity) % 1000 + number))
        part = frames or slice(None)
        return Track(crops[part], drawn.points[part], drawn.blendshapes[part], drawn.fps)

    def draw(self, points: np.ndarray, *, seed: int) -> Frame:
        code = len(self.seen)
        self.seen[code] = points
        frame = picture(SIZE, SIZE, seed=seed)
        frame[:MARKED, :MARKED] = [code // 256, code % 256, 0]
        return frame

    def find(self, frame: Frame) -> Face | None:
        """Points at the 256 px that films are judged at."""
        code = int(frame[MARKED, MARKED, 0]) * 256 + int(frame[MARKED, MARKED, 1])
        points = self.seen[code] * (frame.shape[0] / SIZE)
        if np.isnan(points).any():
            return None
        return Face(points.astype(np.float32), np.zeros(52, np.float32), np.eye(4, dtype=np.float32), "toy")


class Copy:
    """Shows the driver itself: perfect in a self trial."""

    spec = Spec(name="copy", title="a copy", size=SIZE, reads_driver_pixels=True)

    def encode_identity(self, source):
        return source

    def encode_motion(self, driver, drive):
        return driver

    def generate(self, identity, motion):
        yield from motion.crops


class Faceless(Copy):
    """Shows no face in two frames of three."""

    spec = replace(Copy.spec, name="faceless")

    def generate(self, identity, motion):
        for number, crop in enumerate(motion.crops):
            frame = crop.copy()
            if number % 3:
                frame[:MARKED, :MARKED] = 0
            yield frame


PEOPLE = (
    *(Clip(f"a{i}", "ann") for i in range(6)),
    *(Clip(f"b{i}", "ben", quality={"mouth_spread": i / 10}) for i in range(3)),
    Clip("c0", "cem"),
    Clip("short", "dan", frames=3),
    Clip("elsewhere", "eve", split="train"),
    Clip("large", "fay", size=128),
    Clip("pair", "gus", kind="pair", frames=2, tags=("stills", "pairs")),
    Clip("still0", "painting", kind="still", frames=1, tags=("stills", "paintings")),
    Clip("still1", "painting", kind="still", frames=1, tags=("stills", "paintings")),
    Clip("still2", "made", kind="still", frames=1, tags=("stills", "generated")),
)


@pytest.fixture(scope="module", autouse=True)
def cheap_instruments():
    """No perceptual networks and no process of its own for the scale: both have tests of their own."""

    def absent(backbone: str):
        raise WeightsError("the weights are left out")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("living_portraits.evaluate.Perceptual", absent)
        patch.setattr("living_portraits.evaluate.bench.peak_memory", lambda engine, *, size, source, driver: 12.5)
        yield


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


@pytest.mark.parametrize(
    ("split", "size", "message"),
    [("test", SIZE, "no video in the split test at size 64; it has train at 64, val at 128, val at 64"),
     ("val", 512, "no video in the split val at size 512")],
)  # fmt: skip
def test_no_footage(split: str, size: int, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        choose_trials(Shelf(*PEOPLE), split=split, size=size, clips=1, pairs=1)


# --- figures of engines whose answer is known -------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("engine", "size", "error", "message"),
    [("nobody", SIZE, OptionError, "no engine 'nobody'; choose from"),
     ("puppet", 100, OptionError, "does not work at size 100"),
     (Copy(), 96, OptionError, "copy works at size 64, not at 96")],
)  # fmt: skip
def test_engines_that_cannot_be_tried(engine, size: int, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        evaluate(engine, Shelf(*PEOPLE), size=size)


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
    assert "csim_truth" not in found.absent


# --- the card ---------------------------------------------------------------------------------------------------------


def test_a_summary_is_over_trials_that_have_the_figure() -> None:
    found = Summary.of([Sample(1.0, 10), Sample(math.nan, 10), Sample(3.0, 5)])
    assert (found.mean, found.trials, found.frames) == (2.0, 2, 15)
    assert found.error == pytest.approx(1.0)
    nothing = Summary.of([Sample(math.nan, 3)])
    assert math.isnan(nothing.mean) and nothing.trials == 0


def test_json_holds_every_number_and_no_nan(card: Card, tmp_path: Path) -> None:
    report.write(card, tmp_path / "card")
    data = json.loads((tmp_path / "card" / "card.json").read_text(), parse_constant=pytest.fail)
    cell = data["figures"]["self"]["shape_transfer"]["engines"]["copy"]
    assert cell["mean"] == pytest.approx(0, abs=2e-3) and cell["trials"] == 3 and len(cell["values"]) == 3
    assert data["figures"]["self"]["keypoints"]["backbone"] == "MediaPipe face landmarker"
    assert data["engines"] == list(card.engines)


def test_markdown_names_backbone_and_number_of_samples_in_every_row(card: Card) -> None:
    text = report.markdown(card)
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| Figure", "| ---"))]
    assert len(rows) == len(card.figures("self")) + len(card.figures("cross"))
    for row in rows:
        assert re.search(r"(MediaPipe|arithmetic|LPIPS v0.1)[^;|]*; .*\d+ frames|not measured", row), row
    assert "FID" in text and "Frechet distance, VGG16 features" in text
    assert not any(re.match(r"\| FID", row) for row in rows)


def test_what_is_not_measured_says_why(card: Card) -> None:
    assert "csim_truth" in card.absent
    row = next(line for line in report.markdown(card).splitlines() if line.startswith("| CSIM to truth"))
    assert "not measured: needs identity weights" in row and "| – |" in row


def test_the_page_is_whole_and_asks_nobody_for_anything(card: Card) -> None:
    text = report.page(card)
    assert text.count("data:image/jpeg;base64,") == 2 and text.count("<svg") > 10
    addresses = re.findall(r"""(?:src|href|url|@import)\s*[=(]\s*["']?([^"')\s>]{0,30})""", text)
    assert all(address.startswith("data:") for address in addresses), addresses
    assert "http" not in text and "<script" not in text


def test_names_are_escaped_on_the_page(card: Card) -> None:
    names = {"self": ("<b>&", "x", "y"), "cross": card.trials["cross"]}
    curves = {"<i>&": next(iter(card.curves.values()))}
    text = report.page(replace(card, trials=names, curves=curves))
    assert "<i>&" not in text and "&lt;i&gt;&amp;" in text


def test_a_card_that_cannot_be_written(card: Card, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match="The card cannot be written to"):
        report.write(card, tmp_path / "taken")


def test_a_contact_sheet_has_a_row_a_trial_up_to_its_limit() -> None:
    rows = [[np.full((32, 32, 3), 10 * i, np.uint8)] * 3 for i in range(20)]
    sheet = contact_sheet(("a", "b", "c"), rows)
    assert (sheet.shape[0] - HEADER) // TILE == ROWS and sheet.shape[1] // TILE == 3
    assert sheet[HEADER + TILE // 2, TILE // 2, 0] == 0 and sheet[-TILE // 2, TILE // 2, 0] == 190


# --- the command ------------------------------------------------------------------------------------------------------


def _parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    return parser.parse_args(["evaluate", *words])


@pytest.mark.parametrize("words", [("--size", "large"), ("--clips", "0"), ("--pairs", "-3"), ("--frames", "2.5")])
def test_numbers_that_are_none(words: Sequence[str], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("living_portraits.data.Dataset", lambda folder: Shelf(*PEOPLE))
    given = _parsed("--data", str(tmp_path), "--out", str(tmp_path / "card"), *words)
    with pytest.raises(OptionError, match=f"{words[0]} takes a whole number of at least 1, not {words[1]}"):
        given.run(given)


def test_the_command_writes_a_card_of_real_tracking(tmp_path: Path, monkeypatch, capsys) -> None:
    """The bundled samples as a dataset: one film of a driver by itself, one of a painting, tracked for real."""
    from living_portraits import face, samples, video
    from living_portraits.align import Crop

    class Samples(Shelf):
        def track(self, clip: Clip, *, frames: slice | None = None) -> Track:
            path = getattr(samples, clip.id)
            if clip.kind == "still":
                found = face.find(scene := video.read_picture(path).rgb)[0]
                crop = Crop.around(found.points, size=128)
                return Track([crop.take(scene)], crop.to_crop(found.points)[None], found.blendshapes[None])
            scenes = list(video.read_frames(path, start=1.0, end=1.7))
            tracked = face.follow(scenes, fps=25.0)
            crop = Crop.around(tracked.points[0], size=128)
            track = Track(
                [crop.take(scene) for scene in scenes], crop.to_crop(tracked.points), tracked.blendshapes, 25.0
            )
            part = frames or slice(None)
            return Track(track.crops[part], track.points[part], track.blendshapes[part], 25.0)

    shelf = Samples(Clip("smile", "someone", size=128), Clip("mona_lisa", "painting", kind="still", size=128, frames=1))
    monkeypatch.setattr("living_portraits.data.Dataset", lambda folder: shelf)
    out = tmp_path / "card"
    given = _parsed("--data", str(tmp_path), "--out", str(out), "--size", "128", "--clips", "1", "--pairs", "1")
    assert given.run(given) == 0
    assert "| Shape transfer |" in capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == ["card.html", "card.json", "card.md"]
    figures = json.loads((out / "card.json").read_text())["figures"]
    puppet, still = (
        {kind: {key: row["engines"][name]["mean"] for key, row in figures[kind].items()} for kind in figures}
        for name in ("puppet", "still")
    )
    assert puppet["self"]["shape_transfer"] < 0.8 < still["self"]["shape_transfer"] == 1.0
    assert puppet["self"]["keypoints"] < still["self"]["keypoints"]
    assert puppet["cross"]["shape_transfer"] < 1.0 and puppet["cross"]["motion_gain"] > 0.2
    assert puppet["cross"]["missing"] == 0.0
