"""The student: locked portraits, distillation through the loop, and the engine that refuses a stranger."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from drawn import driver, face, picture, source
from test_megaportraits_training import DrawnPeople

from living_portraits import weights
from living_portraits.engine import Drive
from living_portraits.engines.megaportraits.base import Base
from living_portraits.engines.megaportraits.config import preset
from living_portraits.engines.megaportraits.student import (
    Student,
    StudentConfig,
    letters,
    likeness,
    thumbnail,
    word,
)
from living_portraits.engines.megaportraits.student_engine import StudentEngine, read_student
from living_portraits.errors import FaceError, OptionError, WeightsError
from living_portraits.training import recipe
from living_portraits.training import student as distillation
from living_portraits.training.loop import Order, train
from living_portraits.training.place import Place
from living_portraits.training.profile import count_flops
from living_portraits.training.source import validation_batch

SIZE = 128  # the smallest that it draws
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread():
    """Such small work is slower on two, and the more so where others compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def student() -> Student:
    torch.manual_seed(0)
    made = Student(StudentConfig.at(SIZE), avatars=3)
    for name, value in made.named_parameters():
        if name.endswith(".maps"):
            torch.nn.init.normal_(value, std=0.3)
    return made.eval()


def looks(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    return torch.rand(1, 3, 128, 128) * 2 - 1, torch.rand(1, 3, 128, 128) * 2 - 1


@pytest.mark.parametrize("size", [128, 256, 512])
def test_it_draws_at_its_size_for_at_most_12_gflop(size: int) -> None:
    """Two cores in eight-bit numbers make 25 of them in 0.6 seconds."""
    with torch.device("meta"):
        made, look = Student(StudentConfig.at(size), avatars=12), torch.empty(1, 3, 128, 128)
        number = torch.zeros(1, dtype=torch.int64)
        assert made(look, look, number).shape == (1, 3, size, size)
        assert count_flops(lambda: made(look, look, number)) < 12e9
    maps = sum(value.numel() for name, value in made.named_parameters() if name.endswith(".maps"))
    assert maps / 12 < 2.1e6  # four megabytes a portrait in half precision; MP's are eight


def test_who_is_shown_depends_on_the_number_and_how_on_the_driver(student: Student) -> None:
    now, rest = looks()
    other, _ = looks(1)
    with torch.no_grad():
        first, second = (student(now, rest, torch.tensor([i])) for i in (0, 1))
        moved = student(other, rest, torch.tensor([0]))
        both = student(now.expand(2, -1, -1, -1), rest.expand(2, -1, -1, -1), torch.tensor([1, 0]))
    assert (first - second).abs().mean() > 0.01 and (first - moved).abs().mean() > 1e-4
    torch.testing.assert_close(both, torch.cat([second, first]), atol=1e-4, rtol=0)
    assert first.abs().max() <= 1


def test_one_portrait_can_be_taken_out_and_others_put_in(student: Student) -> None:
    now, rest = looks()
    student.names[2] = letters("mona_lisa")
    with torch.no_grad():
        expected = student(now, rest, torch.tensor([2]))
        lone, grown = student.only([2]).eval(), student.grown(2).eval()
        torch.testing.assert_close(lone(now, rest, torch.tensor([0])), expected)
        torch.testing.assert_close(grown(now, rest, torch.tensor([2])), expected)
        new = grown(now, rest, torch.tensor([4]))
    assert len(grown.faces) == 5 and word(lone.names[0]) == "mona_lisa" and word(grown.names[4]) == ""
    assert (new - expected).abs().mean() > 1e-3
    torch.testing.assert_close(grown.blocks[0].spade1.maps[3], student.blocks[0].spade1.maps.mean(dim=0))


def test_a_portraits_tensors_hear_of_nobody_else(student: Student) -> None:
    now, rest = looks()
    student(now, rest, torch.tensor([1])).sum().backward()
    for name, value in student.named_parameters():
        assert value.grad is not None, name
        if name.endswith(".maps"):
            assert value.grad[1].any() and not value.grad[[0, 2]].any(), name


def test_a_size_that_does_not_fold() -> None:
    with pytest.raises(ValueError, match="2 times that is not 300"):
        Student(StudentConfig(size=300), avatars=1)


def test_names_are_bytes_and_thumbnails_know_a_picture_again() -> None:
    assert word(letters("Francesco d'Este")) == "Francesco d'Este" and word(letters("é" * 40)) == "é" * 32
    a, b = (torch.from_numpy(picture(96, 96, seed=s)).movedim(-1, 0)[None].float() / 127.5 - 1 for s in (1, 2))
    faces = torch.stack([thumbnail(a), thumbnail(b)])
    assert likeness(thumbnail(0.8 * b + 0.1), faces).tolist() == pytest.approx([0.0, 1.0], abs=0.2)


# --- distillation -----------------------------------------------------------------------------------------------------


class LargePeople(DrawnPeople):
    clips = tuple(replace(clip, size=SIZE) for clip in DrawnPeople.clips)

    def track(self, clip):
        small = super().track(clip)
        crops = [picture(SIZE, SIZE, seed=t + 7) for t in range(clip.frames)]
        return replace(small, crops=crops, points=small.points * 2)


@pytest.fixture
def teacher(tmp_path, monkeypatch):
    """A base that was not taught, and two portraits; returns its file."""
    torch.manual_seed(0)
    base = Base(preset("tiny", size=SIZE))
    path = tmp_path / "teacher.safetensors"
    state = {f"base.{name}": value for name, value in base.state_dict().items()}
    weights.write(path, config={"recipe": "megaportraits", "train": {"network": "tiny", "size": SIZE}}, state=state)
    portraits = [
        distillation.Portrait(name, picture(SIZE, SIZE, seed=i), face((64, 64), zoom=3.2, roll=0.2 * i))
        for i, name in enumerate(("mona", "ada"))
    ]
    monkeypatch.setattr(distillation, "gather", lambda folder, *, size: portraits)
    monkeypatch.setitem(recipe.RECIPES, "student", "living_portraits.training.student:Distillation")
    return path


def settings(teacher, **changes) -> dict:
    return {
        "size": SIZE, "batch": 2, "perceptual": 0.0, "adversary_from": 0, "critic": 8, "critic_scales": 2, "warmup": 0,
        "teacher": str(teacher), **changes,
    }  # fmt: skip


def made(teacher, **changes) -> distillation.Distillation:
    torch.manual_seed(0)
    return distillation.Distillation(distillation.StudentTrainConfig(**settings(teacher, **changes)))


def batch_of(toy):
    people = LargePeople()
    clips = [clip for clip in people.clips if clip.split == "train"]
    return validation_batch(people, clips, toy.config, device=CPU)


def test_the_teacher_is_not_taught_and_every_weight_of_the_student_is(teacher) -> None:
    toy = made(teacher)
    batch = batch_of(toy)
    with torch.random.fork_rng():
        found = toy.step(batch)
    assert {name.split("/")[0] for name in found} == {"student", "critic"}
    sum(value for name, value in found.items() if name.startswith("student/")).backward()
    silent = [name for name, p in toy.student.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []
    assert all(not p.requires_grad and p.grad is None for p in toy.teacher.parameters())
    assert [word(raw) for raw in toy.student.names] == ["mona", "ada"]


def test_the_driver_at_rest_is_the_frame_of_less_expression(teacher) -> None:
    toy = made(teacher)
    batch = batch_of(toy)
    shapes = batch.blendshapes.clone()
    shapes[0, 0], shapes[0, 1], shapes[1, 0], shapes[1, 1] = 0.9, 0.1, 0.1, 0.9
    frames, points = distillation.at_rest_first(replace(batch, blendshapes=shapes))
    torch.testing.assert_close(frames[0], batch.frames[0].flip(0))
    torch.testing.assert_close(frames[1], batch.frames[1])
    torch.testing.assert_close(points[0], batch.points[0].flip(0))


def test_a_driver_at_rest_leaves_each_portrait_as_the_teacher_has_it(teacher) -> None:
    toy = made(teacher)
    batch = batch_of(toy)
    still = batch.frames[:, :1].expand(-1, 2, -1, -1, -1), batch.points[:, :1].expand(-1, 2, -1, -1)
    avatar = torch.tensor([1, 0])
    identity = toy.teacher.identity(avatar)
    with torch.no_grad():
        own = toy.teacher.base.draw(identity, identity.pose, toy.teacher.codes[avatar])
    expected = torch.lerp(toy.teacher.plates[avatar], own.picture, own.matte)
    torch.testing.assert_close(toy.teacher.draw(avatar, *still).picture, expected, atol=1e-3, rtol=0)
    points = toy.teacher.points(avatar, still[1])
    portraits = distillation.gather("", size=SIZE)
    for number, chosen in enumerate(avatar.tolist()):
        np.testing.assert_allclose(points[number, :, :2], portraits[chosen].points[:, :2], atol=0.01)


def test_a_run_leaves_an_engine_that_knows_its_portraits_and_no_other(teacher, tmp_path) -> None:
    order = Order("student", "drawn", tmp_path / "run", 60.0, settings(teacher, steps=2, flip=False))
    train(order, LargePeople(), place=Place(CPU))
    engine = StudentEngine(size=SIZE, file=tmp_path / "run" / "snapshot.safetensors")
    assert engine.names == ("mona", "ada")
    clip = driver(SIZE, frames=3)
    clip = replace(clip, crops=[picture(SIZE, SIZE, seed=20 + t) for t in range(3)])
    ada = replace(source(SIZE), crops=[picture(SIZE, SIZE, seed=1)])
    identity = engine.encode_identity(ada)
    frames = list(engine.generate(identity, engine.encode_motion(clip, Drive())))
    assert identity == 1 and [(f.shape, f.dtype) for f in frames] == [((SIZE, SIZE, 3), np.uint8)] * 3
    assert (frames[0] != frames[2]).any()
    still = list(engine.generate(identity, engine.encode_motion(clip, Drive(strength=0.0))))
    np.testing.assert_array_equal(still[2], still[0])
    np.testing.assert_array_equal(still[0], frames[0])
    with pytest.raises(FaceError, match="animates mona, ada and no other face"):
        engine.encode_identity(replace(source(SIZE), crops=[picture(SIZE, SIZE, seed=5)]))
    for wish in (Drive(relative=False), Drive(strength=0.5)):
        with pytest.raises(OptionError, match="moves as the driver does"):
            engine.encode_motion(clip, wish)
    with pytest.raises(OptionError, match="reads motion from pixels"):
        engine.encode_motion(replace(clip, crops=[]), Drive())
    with pytest.raises(OptionError, match="draws 128 px, not 256"):
        StudentEngine(size=256, file=tmp_path / "run" / "snapshot.safetensors")


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"teacher": ""}, "needs its teacher"), ({"size": 256}, "The teacher draws 128 px")],
)
def test_a_teacher_that_does_not_fit(teacher, changes, message) -> None:
    with pytest.raises(OptionError, match=message):
        distillation.Distillation(distillation.StudentTrainConfig(**{**settings(teacher), **changes}))


def test_a_folder_without_pictures(tmp_path) -> None:
    with pytest.raises(OptionError, match="There are no pictures in"):
        distillation.gather(str(tmp_path), size=SIZE)


@pytest.mark.parametrize(
    ("config", "state", "message"),
    [
        ({"recipe": "smoke"}, {}, "no snapshot of the recipe student"),
        (
            {"recipe": "student", "train": {"size": 128}},
            {"student.faces": torch.zeros(1, 24, 24, 3)},
            "another version",
        ),
    ],
)
def test_other_files(tmp_path, config, state, message) -> None:
    weights.write(tmp_path / "other.safetensors", config=config, state=state)
    with pytest.raises(WeightsError, match=message):
        read_student(tmp_path / "other.safetensors")
