"""Users' files: names that cannot be guessed, and a broom."""

import os
import time
from pathlib import Path

import pytest

pytest.importorskip("gradio", reason="the studio needs the extra 'app'")

from living_portraits.studio.shelf import DAY_SECONDS, new_folder, place_in, sweep


def test_folders_have_names_of_their_own(tmp_path: Path) -> None:
    names = {new_folder(tmp_path).name for _ in range(20)}
    assert len(names) == 20
    assert min(map(len, names)) >= 24


def test_a_folder_that_a_user_names_keeps_what_was_in_it(tmp_path: Path) -> None:
    place = place_in(tmp_path)
    assert place.parent == tmp_path and place_in(None) != place_in(None)
    picture = tmp_path / "wedding.jpg"
    picture.write_bytes(b"picture")
    os.utime(picture, (0, 0))
    new_folder(place)
    sweep(place)
    assert picture.exists()


def test_what_is_gone_already_or_held_stops_no_broom(tmp_path: Path, monkeypatch) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "film.mp4").write_bytes(b"film")
        os.utime(tmp_path / name / "film.mp4", (0, 0))
        os.utime(tmp_path / name, (0, 0))
    stat = Path.stat

    def gone(path: Path, **options: bool) -> os.stat_result:
        if path.name == "a":
            raise FileNotFoundError
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", gone)
    assert sweep(tmp_path) == 2


def test_what_is_older_than_a_day_goes_and_the_rest_stays(tmp_path: Path) -> None:
    old, new = new_folder(tmp_path), new_folder(tmp_path)
    for folder, age in ((old, DAY_SECONDS + 60), (new, DAY_SECONDS - 60)):
        film = folder / "film.mp4"
        film.write_bytes(b"film")
        then = time.time() - age
        os.utime(film, (then, then))
        os.utime(folder, (then, then))
    assert sweep(tmp_path) == 1
    assert not (old / "film.mp4").exists()
    assert (new / "film.mp4").exists()
    os.utime(old, (0, 0))
    assert sweep(tmp_path) == 0
    assert not old.exists()
