"""distill: portraits in, a student out that knows them beside those it knew before; and how a student is judged."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn import driver, face
from test_megaportraits_student import SMALL, drawn_crop, nobodys_students, settings, taught, written  # noqa: F401

from living_portraits import samples, weights
from living_portraits.cli import main
from living_portraits.engines.megaportraits.student import word
from living_portraits.engines.megaportraits.student_engine import STUDENTS, StudentEngine, read_student
from living_portraits.errors import OptionError
from living_portraits.nn.perceptual import LPIPS
from living_portraits.training import films, publish_student
from living_portraits.training.student import bare

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def folder(tmp_path) -> Path:
    """Somebody's portraits, and a note among them."""
    (tmp_path / "portraits").mkdir()
    shutil.copy(samples.erasmus, tmp_path / "portraits" / "desiderius.jpg")
    (tmp_path / "portraits" / "note.txt").write_text("not a picture")
    return tmp_path / "portraits"


def test_a_portrait_is_added_to_those_that_were_known(folder, tmp_path, capsys, monkeypatch) -> None:
    begin = written(tmp_path / "begin.safetensors", taught(2))
    told = ["--sources", str(folder), "--student", str(begin), "--teacher", "puppet", "--minutes", "60"]
    quick = [f"--set={name}={value}" for name, value in {"steps": 2, "batch": 2, "bundled_frames": 2}.items()]
    assert main(["distill", *told, *quick, "--set", "perceptual=0"]) == 0
    path = STUDENTS.place("mine")
    assert f"{path} (" in capsys.readouterr().out
    made, before = read_student(path), read_student(begin)
    assert [word(raw) for raw in made.names] == ["portrait 0", "portrait 1", "desiderius"]
    assert made.pictures[2].any() and bool((made.pictures[:2] == before.pictures).all())
    torch.testing.assert_close(made.blocks[0].conv1.weight, before.blocks[0].conv1.weight, atol=1e-3, rtol=0)
    assert str(tmp_path) not in str(weights.read(path)[0])
    found = films.gather(str(folder), size=256)[0]
    track = films.Track([found.crop], found.points[None], found.blendshapes[None])
    assert StudentEngine(size=256, file=path).encode_identity(track).number == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sources", "nowhere"], "There is no folder nowhere"),
        (["--sources", ".", "--minutes", "soon"], "--minutes takes a number, not 'soon'"),
        (["--sources", ".", "--name", "../x"], "no such name"),
        (["--sources", ".", "--set", "flip"], "--set takes NAME=VALUE"),
    ],
)
def test_bad_input_gets_a_sentence(words, message, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    begin = written(tmp_path / "begin.safetensors", taught(1))
    assert main(["distill", *words, "--student", str(begin)]) == 2
    assert message in capsys.readouterr().err


def test_a_shipped_file_says_nothing_of_who_made_it() -> None:
    config = {"recipe": "student", "step": 7, "train": {**settings(films="/home/me/films", teacher="/home/me/a.pt")}}
    assert bare(config) == {
        "recipe": "student", "step": 7,
        "train": {"blocks": (8, 8, 8, 8), "code": 8, "kept": 256, "teacher": "a.pt"},
    }  # fmt: skip


def test_a_student_is_judged_against_its_teacher(tmp_path, monkeypatch) -> None:
    class Difference(torch.nn.Module):
        """In the place of LPIPS, whose weights are no part of the package."""

        def forward(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            return (output - target).abs().mean((1, 2, 3))

    monkeypatch.setattr(LPIPS, "load", lambda backbone: Difference())
    crops = [drawn_crop(i) for i in range(2)]
    points = face((128, 128), zoom=5.5)
    portraits = [films.Portrait(str(i), crop, points, np.zeros(52, np.float32)) for i, crop in enumerate(crops)]
    clip = driver(128)
    teacher = films.teacher("puppet")
    shown, still = publish_student.judged(teacher, teacher, portraits, [clip, clip])
    assert shown.psnr > 58 and shown.lpips_alex == 0
    assert still.psnr < 45 and still.lpips_vgg > 0
    pupil = StudentEngine(size=256, file=written(tmp_path / "a.safetensors", taught(2)))
    shown, again = publish_student.judged(pupil, teacher, portraits, [clip, clip])
    assert again == still and shown.psnr < 45
    with pytest.raises(OptionError, match="no drivers to judge"):
        publish_student.judged(pupil, teacher, portraits, [])
