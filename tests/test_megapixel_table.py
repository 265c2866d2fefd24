"""The table of 1024 px: what counts as flicker, and one row of it."""

import cv2
import numpy as np
import pytest
from drawn import driver

from living_portraits import samples
from living_portraits.commands import megapixel_table as table
from living_portraits.commands.megapixel_table import Row, flicker, judge, main, markdown

EVERYWHERE = np.ones((256, 256), bool)


def grey(level: float, side: int = 512) -> np.ndarray:
    return np.full((side, side, 3), round(level), np.uint8)


def test_light_that_comes_and_goes_flickers_and_what_grows_evenly_does_not() -> None:
    assert flicker([grey(90), grey(100), grey(90)], EVERYWHERE) == pytest.approx(20, abs=0.01)
    assert flicker([grey(90), grey(100), grey(110)], EVERYWHERE) == pytest.approx(0, abs=0.01)
    apart = EVERYWHERE.copy()
    apart[:, :128] = False
    half = grey(90)
    half[:, :200] = 200
    assert flicker([grey(90), half, grey(90)], apart) == pytest.approx(0, abs=0.01)


def test_cracks_that_move_are_no_flicker() -> None:
    """Shrunk without a blur they glimmer."""
    rng = np.random.default_rng(0)
    cracks = (rng.random((1024, 1024 + 8)) < 0.02).astype(np.float32) * 150
    frames = [np.repeat(np.uint8(200 - cracks[:, t : t + 1024])[..., None], 3, axis=2) for t in range(8)]
    plain = np.stack(
        [cv2.resize(each[..., 0].astype(np.float32), (256, 256), interpolation=cv2.INTER_AREA) for each in frames]
    )
    glimmer = np.abs(plain[2:] - 2 * plain[1:-1] + plain[:-2]).mean()
    assert 0 < flicker(frames, EVERYWHERE) < 0.1 * glimmer


def test_a_row(monkeypatch) -> None:
    monkeypatch.setattr(table, "ENGINE", "still")
    monkeypatch.setattr(table, "_LATER", 0)

    def embed(frame: np.ndarray, points: np.ndarray) -> np.ndarray:
        return np.append(frame.reshape(-1, 3).mean(axis=0), 1).astype(np.float32)

    row = judge("mona_lisa", samples.PORTRAITS["mona_lisa"], driver(512, frames=3), embed, frames=3)
    assert row.height == pytest.approx(224, abs=10)
    assert row.energy[0] < row.energy[1] == pytest.approx(row.own_energy)
    assert row.flicker == (0, 0) and row.likeness[1] == pytest.approx(1, abs=1e-5)
    assert row.more == pytest.approx(0, abs=1e-4) and row.error < 1e-5


def test_the_table_names_its_columns_in_the_rows_order() -> None:
    [head, _, line] = markdown([Row("ada", 276, (1.0, 2.0), 3.0, (0.4, 0.5), 0.1, 0.01, (6.0, 7.0))]).splitlines()
    assert line == "| ada, a face of 276 px | 1.0, 2.0, 3.0 | 0.4000, 0.5000, +0.1000 ± 0.0100 | 6.00, 7.00 |"
    assert head.count("|") == line.count("|")


def test_a_portrait_that_is_none_gets_a_sentence(monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["megapixel_table", "--identity-weights", "x", "--portraits", "nobody"])
    assert main() == 1 and "no portrait 'nobody'" in capsys.readouterr().err


def test_weights_that_are_missing_get_a_sentence(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["megapixel_table", "--identity-weights", str(tmp_path / "none.pt")])
    assert main() == 1 and "none.pt" in capsys.readouterr().err
