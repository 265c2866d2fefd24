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
from living_portraits.errors import OptionError, WeightsError
from living_portraits.nn.perceptual import LPIPS
from living_portraits.training import films, loop, publish_student
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


def distil(folder: Path, *words: str) -> int:
    return main(["distill", "--sources", str(folder), "--set", "perceptual=0", *words])


@pytest.fixture
def orders(monkeypatch) -> list[loop.Order]:
    """What the training is asked for, which takes no time: a student lies in the run's folder at once."""
    given = []

    def train(order, source) -> str:
        given.append(order)
        order.out.mkdir()
        state = {f"student.{name}": value for name, value in taught(1).state_dict().items()}
        config = {"recipe": "student", "step": int(order.settings.get("steps", 1)), "train": settings()}
        weights.write(order.out / "snapshot.safetensors", config=config, state=state)
        return "the 10 minutes are over"

    monkeypatch.setattr(loop, "train", train)
    return given


def test_a_second_call_begins_with_what_the_first_taught(folder, tmp_path, capsys, orders) -> None:
    path = written(STUDENTS.place("mine"), taught(2))
    assert distil(folder) == 0 and orders[-1].settings["begin"] == str(path)
    assert "portrait 0, portrait 1 already, and your portraits join them" in capsys.readouterr().err
    other = written(tmp_path / "other.safetensors", taught(1))
    assert distil(folder, "--student", str(other)) == 0 and orders[-1].settings["begin"] == str(other)
    assert "join" not in capsys.readouterr().err


def test_what_eight_bits_need_to_know_is_kept(folder, tmp_path, orders) -> None:
    begin = taught(2)
    begin.ranges = {"sense": (-1.0, 2.0)}
    assert distil(folder, "--student", str(written(tmp_path / "begin.safetensors", begin))) == 0
    assert read_student(STUDENTS.place("mine")).ranges == begin.ranges
    # Begun with nobody, it knows none.
    assert distil(folder, "--name", "own", "--set", "begin=") == 0
    assert read_student(STUDENTS.place("own")).ranges == {}


def test_a_run_without_a_step_leaves_what_was_there(folder, capsys, orders) -> None:
    path = written(STUDENTS.place("mine"), taught(1))
    before = path.read_bytes()
    assert distil(folder, "--set", "steps=0") == 1
    assert path.read_bytes() == before and not orders[0].out.exists()
    assert "as the 10 minutes are over; no student was written" in capsys.readouterr().out


def test_what_cannot_be_written_is_said_before_the_training(folder, tmp_path, capsys, orders) -> None:
    begin = written(tmp_path / "begin.safetensors", taught(1))
    assert distil(folder, "--student", str(begin), "--out", str(folder)) == 2
    assert "is a folder" in capsys.readouterr().err and not orders


def test_what_was_learned_is_kept_where_it_cannot_be_written(folder, tmp_path, capsys, monkeypatch, orders) -> None:
    begin = written(tmp_path / "begin.safetensors", taught(1))
    told = ["--student", str(begin), "--out", str(tmp_path / "full.student")]
    assert distil(folder, *told) == 0 and not orders[0].out.exists()
    write = weights.write

    def full(path: Path, **given) -> None:
        if path.parent == tmp_path:
            raise WeightsError(f"The model file {path.name} cannot be written to {path.parent}: No space left.")
        write(path, **given)

    monkeypatch.setattr(weights, "write", full)
    assert distil(folder, *told) == 2
    assert f"No space left; what was learned is kept in {orders[1].out}." in capsys.readouterr().err
    assert read_student(orders[1].out / "snapshot.safetensors")
    shutil.rmtree(orders[1].out.parent)


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
