"""The report card: its numbers on paper, and the command that writes it."""

import argparse
import dataclasses
import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from shelf import PEOPLE, SIZE, Clip, Copy, Faceless, Shelf, spare_instruments

from living_portraits import report
from living_portraits.commands import evaluate as command
from living_portraits.engine import Track
from living_portraits.errors import OptionError, OutputError
from living_portraits.evaluate import Card, evaluate
from living_portraits.evaluate.card import Summary
from living_portraits.evaluate.judge import Sample
from living_portraits.evaluate.sheet import HEADER, ROWS, TILE, contact_sheet


@pytest.fixture(scope="module", autouse=True)
def cheap_instruments():
    with pytest.MonkeyPatch.context() as patch:
        spare_instruments(patch)
        yield


@pytest.fixture(scope="module")
def card(cheap_instruments) -> Card:
    shelf = Shelf(*PEOPLE)
    return evaluate([Copy(), Faceless()], shelf, size=SIZE, clips=3, pairs=2, find=shelf.find)


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


def test_a_trial_without_a_face_keeps_its_place(monkeypatch) -> None:
    """Of three films the first shows no face: nobody can say whose it is."""

    class FacelessAtFirst(Copy):
        films = 0

        def generate(self, identity, motion):
            self.films += 1
            for crop in motion.crops:
                yield np.zeros_like(crop) if self.films == 1 else crop

    shelf = Shelf(*PEOPLE)
    monkeypatch.setattr("living_portraits.evaluate.load_embedding", lambda path: lambda frame, points: points[4])
    card = evaluate(FacelessAtFirst(), shelf, size=SIZE, clips=3, pairs=1, find=shelf.find)
    for key in ("csim_source", "csim_truth"):
        cell = card.as_data()["figures"]["self"][key]["engines"]["copy"]
        lost, *known = cell["values"]
        assert lost is None and len(known) == 2 == cell["trials"]
        assert cell["mean"] == pytest.approx(np.mean(known), abs=1e-5)
    row = next(line for line in report.markdown(card).splitlines() if line.startswith("| CSIM to truth"))
    assert "| 1.000 ± 0.000 |" in row and "2 trials, 8 frames or 3 trials, 12 frames" in row
    assert "csim_truth" not in card.samples["cross"]["copy"] and len(card.samples["cross"]["copy"]["csim_source"]) == 1


def test_markdown_names_backbone_and_number_of_samples_in_every_row(card: Card) -> None:
    text = report.markdown(card)
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| Figure", "| ---"))]
    assert len(rows) == len(card.figures("self")) + len(card.figures("cross"))
    for row in rows:
        assert re.search(r"(MediaPipe|arithmetic|LPIPS v0.1)[^;|]*; .*\d+ frames|not measured", row), row
    assert "FID" in text and "Frechet distance, VGG16 features" in text
    assert not any(re.match(r"\| FID", row) for row in rows)


def test_one_person_is_no_people(card: Card) -> None:
    about = dataclasses.replace(card, about=card.about | {"self_people": 1})
    assert "of 1 person;" in report.markdown(about) and "1 people" not in report.markdown(about)
    two = dataclasses.replace(card, about=card.about | {"self_people": 2})
    assert "of 2 people;" in report.markdown(two)


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


@pytest.mark.parametrize(
    ("words", "least"),
    [(("--size", "large"), 1), (("--clips", "0"), 1), (("--pairs", "-3"), 1), (("--frames", "9.5"), 8),
     (("--frames", "1"), 8)],
)  # fmt: skip
def test_numbers_that_are_none(words: Sequence[str], least: int, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("living_portraits.data.Dataset", lambda folder: Shelf(*PEOPLE))
    given = _parsed("--data", str(tmp_path), "--out", str(tmp_path / "card"), *words)
    with pytest.raises(OptionError, match=f"{words[0]} takes a whole number of at least {least}, not {words[1]}"):
        given.run(given)
    assert not (tmp_path / "card").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [((), {"clips": 24, "pairs": 20, "frames": 50, "backbones": ["alexnet", "vgg16"]}),
     (("--quick",), {"clips": 8, "pairs": 6, "frames": 25, "backbones": ["alexnet"]}),
     (("--quick", "--pairs", "9", "--size", "512"), {"clips": 8, "pairs": 9, "size": 512}),
     (("--engine", "still", "--engine", "nobody"), {"engines": ["still", "nobody"]})],
)  # fmt: skip
def test_what_the_command_asks_for(words: Sequence[str], expected: dict, tmp_path: Path, monkeypatch, card) -> None:
    asked = {}

    def note(engines, dataset, **options) -> Card:
        asked.update(options, engines=engines)
        return card

    monkeypatch.setattr("living_portraits.data.Dataset", lambda folder: Shelf(*PEOPLE))
    monkeypatch.setattr("living_portraits.evaluate.evaluate", note)
    given = _parsed("--data", str(tmp_path), "--out", str(tmp_path / "card"), *words)
    assert given.run(given) == 0
    assert {name: asked[name] for name in expected} == expected


@pytest.mark.parametrize("folder", ["taken", "filled"])
def test_no_trial_is_held_for_a_card_that_cannot_be_written(folder: str, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "taken").write_text("a file")
    (tmp_path / "filled" / "card.html").mkdir(parents=True)
    monkeypatch.setattr("living_portraits.data.Dataset", lambda folder: Shelf(*PEOPLE))
    monkeypatch.setattr("living_portraits.evaluate.evaluate", None)
    given = _parsed("--data", str(tmp_path), "--out", str(tmp_path / folder))
    with pytest.raises(OutputError, match=r"taken cannot be made|card\.html is a folder"):
        given.run(given)


def test_a_card_that_could_be_written_no_more_is_printed(tmp_path: Path, monkeypatch, capsys, card) -> None:
    monkeypatch.setattr("living_portraits.data.Dataset", lambda folder: Shelf(*PEOPLE))
    out = tmp_path / "card"

    def judged(*_, **__) -> Card:
        (out / "card.md").mkdir()  # while the trials are held
        return card

    monkeypatch.setattr("living_portraits.evaluate.evaluate", judged)
    given = _parsed("--data", str(tmp_path), "--out", str(out))
    with pytest.raises(OutputError, match="The card cannot be written to"):
        given.run(given)
    assert "| Shape transfer |" in capsys.readouterr().out


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
