"""Films of a thousand pixels a side: what is said beforehand, and what is shown afterwards."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("gradio", reason="the studio needs the extra 'app'")

from living_portraits import samples, video
from living_portraits.studio import megapixel_tab, megapixel_views
from living_portraits.studio.choices import Choices
from living_portraits.studio.engine_list import EngineList
from living_portraits.studio.filming import Shot, plan, watched
from living_portraits.studio.order import Order
from living_portraits.studio.production import Production
from living_portraits.studio.running import Studio
from living_portraits.studio.shelf import Limits


def test_one_clip_gives_a_film_of_the_head_at_two_sizes(tmp_path: Path) -> None:
    order = megapixel_tab.take_both({"source": str(samples.erasmus), "drivers": ["smile"], "end": 1.0}, Limits())
    assert order.choices.framing == "head"
    shots = plan(order, tmp_path)
    assert [(shot.size, shot.out.name, shot.title) for shot in shots] == [
        (512, "erasmus_512.mp4", "512 px"),
        (1024, "erasmus_1024.mp4", "1024 px"),
    ]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (samples.rembrandt, r"\d{3} px across in this picture: a film of 1024 px gains nothing"),
        (samples.girl_with_a_pearl_earring, r"10\d\d px across in this picture: enough"),
    ],
)
def test_the_page_says_whether_a_picture_is_large_enough(source: Path, words: str) -> None:
    assert re.search(words, megapixel_tab.glance_at_head(str(source), "en")[2])


def test_what_is_wrong_with_a_picture_is_said_instead(tmp_path: Path) -> None:
    (tmp_path / "words.png").write_text("no picture")
    assert "cannot be read" in megapixel_tab.glance_at_head(str(tmp_path / "words.png"), "en")[2]
    assert megapixel_tab.glance_at_head(None, "en")[2] == ""


def test_the_expected_time_follows_the_clip_and_what_was_measured(tmp_path: Path) -> None:
    known = EngineList()
    expected = megapixel_tab._expected(Studio(tmp_path, Limits(), known))

    def seconds(*given: Any) -> int:
        found = re.search(r"take about (\d+) s", expected(*given, "en"))
        assert found is not None
        return int(found[1])

    known.note("guided", 10.0)
    assert seconds(["smile"], None, 0.0, 2.0) == 5 + 20  # four times the pixels
    assert seconds(["smile"], None, 1.0, 2.0) == round(2.5 + 10)
    assert seconds([], [str(tmp_path / "nod.motion")], 0.0, 2.0) == 25  # a guess, as that file is nowhere
    known.note("guided", 5.0, size=1024)
    assert seconds(["smile"], None, 0.0, 2.0) == 5 + 10
    assert "about 10 frames" in known.line("guided", "en")  # a film of the usual size is as quick as before


def test_a_close_up_is_the_same_part_of_both_films(tmp_path: Path) -> None:
    shots = []
    for size in (64, 128):
        rows = np.arange(size)[:, None] * np.full((1, size), 256 // size)
        frame = np.repeat(rows[..., None], 3, axis=2).astype(np.uint8)
        with video.Film(tmp_path / f"{size}.mp4", width=size, height=size, fps=10.0) as film:
            for number in range(9):
                film.write(frame if number == 4 else np.full_like(frame, 255))
        shots.append(Shot("still", samples.smile, tmp_path / f"{size}.mp4", "done", ms=7.6, title=f"{size} px"))
    views = [megapixel_views.close_up(shot.out) for shot in shots]
    assert [view.shape for view in views] == [(480, 480, 3)] * 2
    assert np.abs(views[0].astype(int) - views[1]).mean() < 6
    assert views[0][-1].mean() - views[0][0].mean() > 40 and views[0].max() < 220  # of the frame in the middle
    order = Order(samples.erasmus, (samples.smile,), Choices(), None, "")
    shown = megapixel_views.closer(Production(order, tuple(shots)), "it")
    assert shown.count("8 ms per fotogramma") == 2 and "64 px" in shown and shown.count("data:image") == 2


def test_the_time_of_a_frame_is_that_between_the_first_and_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    from living_portraits.animator import Progress
    from living_portraits.studio import filming

    now = iter([0.0, 0.25, 1.0] * 4)
    monkeypatch.setattr(filming.time, "perf_counter", lambda: next(now))

    def work(report: Any) -> float:
        report(Progress("track", 1, 3))
        for done in (1, 2, 3):
            report(Progress("generate", done, 3))
        return 3.0

    *_, last = watched(Shot("still", samples.smile, Path("film.mp4")), work)
    assert last.stage == "done" and last.ms == pytest.approx(500.0)
