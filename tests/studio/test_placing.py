"""A face corrected by hand."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gradio", reason="the studio needs the extra 'app'")

import drawn
from PIL import Image

from living_portraits import samples
from living_portraits.studio.placing import (
    HANDLES,
    found_face,
    guessed_places,
    lines,
    placed_face,
    places_of,
    sight,
)
from living_portraits.studio.source_panel import look
from living_portraits.studio.trouble import Trouble


@pytest.fixture
def nobody(tmp_path: Path) -> Path:
    path = tmp_path / "nobody.png"
    Image.fromarray(drawn.picture(300, 260)).save(path)
    return path


def test_beside_the_faces_that_were_found_another_can_be_placed() -> None:
    assert len(sight(samples.mona_lisa).faces) == 1 and found_face(samples.mona_lisa, 1) is None
    places = {name: [x + 40, y + 300] for name, (x, y) in guessed_places(samples.mona_lisa).items()}
    after = places_of(placed_face(samples.mona_lisa, 1, places).points)
    assert after["nose_tip"] == pytest.approx(places["nose_tip"], abs=4)
    note, *_, box, editor = look(str(samples.mona_lisa), 1, "en", None)[2:]
    assert "None of the faces" in note and box["open"] and editor["value"]["places"] and not editor["lines"]


def test_moved_points_are_met_and_the_rest_of_the_face_follows_smoothly() -> None:
    found = found_face(samples.mona_lisa, 0)
    assert found is not None
    places = places_of(found.points)
    x, y = places["chin"]
    placed = placed_face(samples.mona_lisa, 0, places | {"chin": [x + 10, y + 6]})
    after = places_of(placed.points)
    assert after["chin"] == pytest.approx([x + 10, y + 6], abs=0.2)
    for name in HANDLES[:5]:
        assert after[name] == pytest.approx(places[name], abs=0.6), name
    moved = np.linalg.norm((placed.points - found.points)[:, :2], axis=1)
    assert moved.max() < 14  # nothing flies away
    assert np.median(moved[list(range(0, 468, 7))]) < 7


def test_points_left_alone_change_nothing() -> None:
    found = found_face(samples.mona_lisa, 0)
    assert found is not None
    placed = placed_face(samples.mona_lisa, 0, places_of(found.points))
    assert np.abs(placed.points - found.points)[:468, :2].max() < 0.3


def test_where_nobody_is_found_the_points_make_a_face(nobody: Path) -> None:
    assert found_face(nobody, 0) is None
    places = guessed_places(nobody)
    after = places_of(placed_face(nobody, 0, places).points)
    for name in HANDLES:
        assert after[name] == pytest.approx(places[name], abs=1.5), name


def test_impossible_points_and_faces_that_are_not_there_are_refused(nobody: Path) -> None:
    places = guessed_places(nobody)
    mirrored = places | {"left_eye": places["right_eye"], "right_eye": places["left_eye"]}
    for wrong in (mirrored, {name: [5.0, 5.0] for name in HANDLES}, {"left_eye": [1.0, 2.0]}, {"left_eye": "here"}):
        with pytest.raises(Trouble, match="no possible face"):
            placed_face(nobody, 0, wrong)
    with pytest.raises(Trouble, match="no face number 3"):
        found_face(samples.mona_lisa, 3)


def test_lines_lie_on_the_face() -> None:
    found = found_face(samples.mona_lisa, 0)
    assert found is not None
    seen = sight(samples.mona_lisa)
    drawn_lines = lines(found.points)
    assert len(drawn_lines) == 9
    everywhere = np.concatenate([np.array(line) for line in drawn_lines])
    left, top, right, bottom = found.box
    assert everywhere.min(axis=0) == pytest.approx([left, top], abs=2)
    assert everywhere.max(axis=0) == pytest.approx([right, bottom], abs=2)
    assert seen.width == 743
