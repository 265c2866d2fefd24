"""What is read is never written over, whichever command writes, and a place that takes no file is known at once."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from clips import write_clip
from PIL import Image

from living_portraits import places, samples
from living_portraits.cli import main
from living_portraits.errors import OptionError, OutputError


def test_a_file_that_is_read_is_spared_under_any_spelling(tmp_path: Path) -> None:
    read = tmp_path / "clip.mp4"
    read.write_bytes(b"")
    (tmp_path / "link.mp4").symlink_to(read)
    for spelled in (read, tmp_path / "x" / ".." / "clip.mp4", tmp_path / "link.mp4"):
        with pytest.raises(OptionError, match=r"is read to learn the dancer and cannot be written"):
            places.spare(spelled, ["none", None, read], work="learn the dancer")
    places.spare(tmp_path / "film.mp4", [read])


def test_a_folder_that_holds_what_is_read_is_spared(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"0001\.png in the folder .* cannot be replaced"):
        places.spare(tmp_path / "frames", [tmp_path / "frames" / "0001.png"])
    with pytest.raises(OptionError, match="cannot be replaced"):
        places.spare(tmp_path, [tmp_path / "frames" / "0001.png"])


def test_a_place_that_takes_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="There is no folder"):
        places.check_writable(tmp_path / "nowhere" / "figures.json")
    with pytest.raises(OutputError, match="is a folder"):
        places.check_writable(tmp_path)
    places.check_writable(tmp_path / "figures.json")


def test_room_is_made_for_a_file(tmp_path: Path) -> None:
    places.make_room(tmp_path / "people" / "here" / "ada.person")
    assert (tmp_path / "people" / "here").is_dir()
    with pytest.raises(OutputError, match="here is a folder"):
        places.make_room(tmp_path / "people" / "here")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file cannot be made"):
        places.make_room(tmp_path / "file" / "ada.person")


@pytest.mark.parametrize(
    "command",
    [
        "dance train --target {clip} --out {folder} --name anna --steps 1 --size 64 --look none",
        "finetune --sources {picture} --name anna --out {folder}",
        "distill --sources {pictures} --teacher puppet --out {folder}",
    ],
)
def test_no_lesson_begins_for_a_file_that_cannot_be_written(command: str, tmp_path: Path, capsys) -> None:
    names = {"clip": tmp_path / "clip.mp4", "pictures": tmp_path / "pictures", "folder": tmp_path / "folder"}
    write_clip(names["clip"], frames=2)
    names["pictures"].mkdir()
    names["folder"].mkdir()
    names["picture"] = names["pictures"] / "picture.jpg"
    shutil.copy(samples.erasmus, names["picture"])
    assert main(command.format(**names).split()) == 2
    told = capsys.readouterr()
    assert "folder is a folder; choose another name" in told.err and not told.out
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4", "pictures", "folder"}  # and no preview of it


@pytest.mark.parametrize(
    "command",
    [
        "dance train --target {clip} --out {clip} --name anna --steps 1 --size 64 --look none",
        "dance --choreography {clip} --out {clip} --runtime torch",
        "finetune --sources {picture} --name anna --out {picture}",
        "live --engine puppet --size 64 --from {clip} --to {clip} --minutes 0.01",
        "live --engine puppet --size 64 --source {picture} --from {clip} --to {picture} --minutes 0.01",
        "animate --source {picture} --driver {clip} --out {clip} --engine puppet",
        "live --engine puppet --size 64 --from {clip} --to {folder}/film.mp4 --json {clip} --minutes 0.01",
        "live --engine puppet --size 64 --source {picture} --from {clip} --to {folder}/film.mp4 --json {picture}",
        "batch {jobs} --out {folder} --workers 1",
    ],
)
def test_no_command_writes_over_what_it_reads(command: str, tmp_path: Path, capsys) -> None:
    names = {"clip": tmp_path / "clip.mp4", "picture": tmp_path / "picture.jpg", "jobs": tmp_path / "jobs.csv"}
    write_clip(names["clip"], frames=8)
    shutil.copy(samples.erasmus, names["picture"])
    names["jobs"].write_text("source,driver,out,engine\npicture.jpg,clip.mp4,clip.mp4,puppet\n")
    before = {path: path.read_bytes() for path in names.values()}
    assert main(command.format(**names, folder=tmp_path).split()) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in names.values()} == before
    assert {path.name for path in tmp_path.iterdir()} <= {*(path.name for path in names.values()), ".batch"}


def test_a_live_film_and_its_figures_each_have_a_name(tmp_path: Path, capsys) -> None:
    write_clip(tmp_path / "clip.mp4", frames=4)
    film = tmp_path / "film.mp4"
    assert main(f"live --engine puppet --size 64 --from {tmp_path}/clip.mp4 --to {film} --json {film}".split()) == 2
    assert "is to be written twice" in capsys.readouterr().err and not film.exists()


def test_a_film_never_replaces_the_folder_that_its_source_is_in(tmp_path: Path, capsys) -> None:
    """Nor, with it, pictures that are called as frames are."""
    clip, picture = tmp_path / "clip.mp4", tmp_path / "pictures" / "20240101.png"
    write_clip(clip, frames=4)
    picture.parent.mkdir()
    Image.open(samples.erasmus).save(picture)
    before = picture.read_bytes()
    told = f"animate --source {picture} --driver {clip} --out {picture.parent} --engine puppet"
    assert main(told.split()) == 2
    assert "cannot be replaced" in capsys.readouterr().err
    assert picture.read_bytes() == before and len(list(picture.parent.iterdir())) == 1


def test_a_folder_is_held_by_one_process_at_a_time(tmp_path: Path) -> None:
    hold = "import sys, pathlib, living_portraits.places as p\nwith p.alone_in(pathlib.Path(sys.argv[1])):\n    "
    with places.alone_in(tmp_path / "dataset"):
        other = subprocess.run([sys.executable, "-c", f"{hold}print('in')", tmp_path / "dataset"], capture_output=True)
    assert not other.stdout and b"Another command is at work in" in other.stderr
    with places.alone_in(tmp_path / "dataset"):
        pass
    # Whoever dies in it leaves it free.
    killed = subprocess.run([sys.executable, "-c", f"{hold}import os; os.kill(os.getpid(), 9)", tmp_path / "dataset"])
    assert killed.returncode == -9
    with places.alone_in(tmp_path / "dataset"):
        pass


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="choose another"), places.alone_in(tmp_path / "file" / "dataset"):
        pass


def test_what_writes_a_folder_in_many_steps_does_so_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "videos" / "anna").mkdir(parents=True)
    shutil.copy(samples.mona_lisa, tmp_path / "videos" / "anna")
    prepare = ["prepare", "--videos", str(tmp_path / "videos"), "--out", str(tmp_path / "dataset"), "--sizes", "256"]
    with places.alone_in(tmp_path / "dataset"):
        assert main([*prepare, "--workers", "1"]) == 2
    assert "Another command is at work in" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "dataset").iterdir()) == [".lock"]
