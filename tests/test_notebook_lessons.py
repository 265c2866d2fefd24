"""What the notebooks are made of: small experiments with known answers."""

from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch
from drawn import face, picture

from living_portraits import notebook as nb
from living_portraits import video
from living_portraits.notebook.tiny import SIDE, People


@pytest.fixture(autouse=True)
def _on_paper_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No windows, and films beside nobody's notebook."""
    mpl.use("agg")
    monkeypatch.chdir(tmp_path)


def test_the_names_of_the_blendshapes_are_mediapipes() -> None:
    landmarker = pytest.importorskip("mediapipe.tasks.python.vision.face_landmarker")
    names = [shape.name.lower() for shape in landmarker.Blendshapes]
    assert [name.lower().removeprefix("_") for name in nb.SHAPES] == [name.replace("_", "") for name in names]


def test_angles_are_read_as_the_mask_turns_them() -> None:
    ahead = face(zoom=4.0)
    assert np.abs(nb.turn_of(ahead)).max() < 1
    tilted = face(zoom=4.0, roll=np.radians(20))
    np.testing.assert_allclose(nb.turn_of(tilted), [0, 0, 20], atol=1)
    to_the_right = ahead.copy()
    turn = np.radians(25)
    x, z = ahead[:, 0] - 100, ahead[:, 2]
    to_the_right[:, 0], to_the_right[:, 2] = (
        100 + x * np.cos(turn) - z * np.sin(turn),
        x * np.sin(turn) + z * np.cos(turn),
    )
    np.testing.assert_allclose(nb.turn_of(to_the_right), [0, 25, 0], atol=1)


def test_the_detector_learns_what_it_is_shown_and_nothing_else() -> None:
    sharp = [np.random.default_rng(seed).integers(0, 256, (256, 256, 3), dtype=np.uint8) for seed in range(8)]
    soft = [nb.shrunk(frame, side=64) for frame in sharp]
    detector = nb.Detector(sharp[:4], soft[:4])
    assert detector.accuracy(sharp[4:], soft[4:]) == 1.0
    assert (detector.word(sharp[5]), detector.word(soft[5])) == ("real", "fake")
    assert detector.called_fake(soft) == 1.0, "and a true picture that was made smaller once is accused"


def test_a_finer_grain_has_more_power_at_the_fine_end() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    fine, coarse = nb.spectrum(noise), nb.spectrum(nb.shrunk(noise, side=64))
    assert fine.shape == (15,)
    assert fine[-1] - coarse[-1] > 2 > fine[0] - coarse[0]


def test_a_head_in_the_volume_turns_where_it_is_told() -> None:
    points = face((128, 128), zoom=5.0)
    head = nb.Head.of(picture(256, 256), points)
    canonical = head.canonical()
    assert canonical.side() == "ahead"
    assert canonical.driven(nb.pose(yaw=30.0)).side() == "to the right"
    assert canonical.driven(nb.pose(yaw=-30.0)).side() == "to the left"
    assert torch.equal(canonical.driven(nb.pose()).volume, canonical.volume)
    assert canonical.picture().shape == (72, 72, 3)


def test_the_mean_of_more_pictures_is_steadier() -> None:
    each = torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(0))
    spread = nb.spread_of_means(each)
    assert len(spread) == 5
    assert all(more < fewer for fewer, more in pairwise(spread))


def test_a_tiny_talking_head_learns_two_colours_and_switches_them() -> None:
    torch.set_num_threads(1)
    warm, cold = torch.tensor([0.8, 0.0, -0.8]), torch.tensor([-0.8, 0.0, 0.8])
    pictures = torch.stack([colour.view(1, 3, 1, 1).expand(4, 3, SIDE, SIDE) for colour in (warm, cold)])
    drawings = torch.zeros(2, 4, 3, SIDE, SIDE)
    known = People(["warm", "cold"], pictures.contiguous(), drawings)
    net, errors = nb.teach(known, steps=30, rate=1e-2)
    assert errors[-1] < errors[0] / 2
    means = nb.embeddings(net, known).mean(dim=1)
    first, second = (nb.drawn(net, one, drawings[0, 0]).reshape(-1, 3).mean(axis=0) for one in means)
    assert first[0] > first[2] and second[0] < second[2]
    switched, names = nb.drawn_mixed(net, means[0], means[1], drawings[0, 0], blocks=(4, 5))
    assert names == ["end"]
    assert nb.apart(switched, nb.drawn(net, means[1], drawings[0, 0])) < nb.apart(
        switched, nb.drawn(net, means[0], drawings[0, 0])
    )
    seen = nb.stages(net, means[0], drawings[0, 0])
    assert [response.shape[0] for response in seen.values()] == [32, 16, 8, 4, 4, 8, 16, 32]


def test_what_happens_to_films_happens(tmp_path: Path) -> None:
    frames = [picture(64, 64, seed=seed) for seed in range(12)]
    with video.Film(tmp_path / "film.mp4", width=64, height=64, fps=12.0) as film:
        for frame in frames:
            film.write(frame)
    changed, copied = nb.changed(tmp_path / "film.mp4"), nb.copied(tmp_path / "film.mp4")
    before, after = (tmp_path / "film.mp4").read_bytes(), changed.read_bytes()
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1
    assert len(nb.frames_of(copied)) == 12
