"""The bundled portraits and drivers are what the gallery promises: one face each, well lit terms, small files."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from living_portraits import face, samples, video

ALL = {**samples.PORTRAITS, **samples.DRIVERS, **samples.DANCES}
FOLDER = Path(samples.__file__).parent
JAW_OPEN = 25  # in MediaPipe's order of blendshapes


def _rows() -> dict[str, list[str]]:
    """The README's tables: file name -> cells."""
    rows = {}
    for line in (FOLDER / "README.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        name = re.match(r"`([\w.]+)`", cells[0])
        if name and len(cells) == 4:
            rows[name[1]] = cells
    return rows


def test_there_is_a_choice_of_faces_and_temperaments() -> None:
    assert len(samples.PORTRAITS) >= 6
    assert len(samples.DRIVERS) >= 4
    assert next(iter(samples.PORTRAITS)) == "mona_lisa"
    assert samples.TITLES.keys() == ALL.keys()
    assert len(set(samples.TITLES.values())) == len(ALL)


@pytest.mark.parametrize("name", ALL)
def test_every_sample_is_an_attribute_of_its_name(name: str) -> None:
    assert getattr(samples, name) == ALL[name]


def test_the_folder_holds_the_samples_and_nothing_else() -> None:
    found = {path.name for path in FOLDER.iterdir() if path.name != "__pycache__"}
    assert found == {path.name for path in ALL.values()} | {"README.md", "__init__.py"}


def test_together_they_stay_under_12_megabytes() -> None:
    assert sum(path.stat().st_size for path in ALL.values()) < 12_000_000


@pytest.mark.parametrize("name", ALL)
def test_the_readme_gives_source_and_licence(name: str) -> None:
    _, _, source, licence = _rows()[ALL[name].name]
    assert re.match(r"(npm|PyPI) `|made by hand: `|the same", source)
    assert re.match(r"public domain|MIT \(1\)|Pexels licence \(2\)|Apache-2.0", licence)


def test_the_readme_lists_no_file_that_is_not_there() -> None:
    assert _rows().keys() == {path.name for path in ALL.values()}


@pytest.mark.parametrize("name", samples.PORTRAITS)
def test_a_portrait_shows_one_face_large_enough_to_animate(name: str) -> None:
    picture = video.read_picture(samples.PORTRAITS[name]).rgb
    found = face.find(picture)
    assert len(found) == 1
    x0, y0, x1, y1 = found[0].box
    assert min(x1 - x0, y1 - y0) >= 80
    assert 0 <= x0 < x1 <= picture.shape[1]
    assert 0 <= y0 < y1 <= picture.shape[0]
    size = re.search(r"`\S+` (\d+)x(\d+)", _rows()[samples.PORTRAITS[name].name][0])
    assert size is not None
    assert (int(size[2]), int(size[1])) == picture.shape[:2]


@pytest.mark.parametrize("name", samples.DRIVERS)
def test_a_driver_is_a_short_square_clip_at_25_frames_a_second(name: str) -> None:
    info = video.probe(samples.DRIVERS[name])
    assert (info.codec, info.fps, info.variable_rate, info.sound) == ("h264", 25.0, False, None)
    assert 256 <= info.width == info.height <= 512
    frames = list(video.read_frames(samples.DRIVERS[name]))
    assert 75 <= len(frames) <= 200
    size = re.search(r"`\S+` (\d+)x(\d+), (\d+) frames", _rows()[samples.DRIVERS[name].name][0])
    assert size is not None
    assert tuple(map(int, size.groups())) == (info.width, info.height, len(frames))


@pytest.mark.parametrize("name", samples.DRIVERS)
def test_a_driver_moves_without_a_cut(name: str) -> None:
    """Neighbouring frames of one take are nearly alike; at a cut the picture changes all at once."""
    frames = [frame[::4, ::4].mean(axis=2).ravel() for frame in video.read_frames(samples.DRIVERS[name])]
    likeness = [np.corrcoef(before, after)[0, 1] for before, after in itertools.pairwise(frames)]
    assert min(likeness) > 0.85
    assert max(np.abs(frame - frames[0]).mean() for frame in frames) > 1, "nothing moves"


@pytest.mark.parametrize("name", samples.DRIVERS)
def test_a_driver_begins_with_one_frontal_face_and_closed_jaw(name: str) -> None:
    found = face.find(next(iter(video.read_frames(samples.DRIVERS[name]))))
    assert len(found) == 1
    x0, _, x1, _ = found[0].box
    assert x1 - x0 >= 80
    assert found[0].blendshapes[JAW_OPEN] < 0.1
    forward = found[0].head[:3, 2] / np.linalg.norm(found[0].head[:3, 2])
    assert forward[2] > np.cos(np.radians(20))
