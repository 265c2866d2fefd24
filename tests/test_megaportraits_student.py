"""The student: locked portraits, distillation through the loop, and the engine that refuses a stranger."""

import importlib.util
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn import driver, face, picture, source
from test_megaportraits_training import DrawnPeople

from living_portraits import samples, weights
from living_portraits.engine import Drive, Track
from living_portraits.engines.megaportraits import student_engine
from living_portraits.engines.megaportraits.student import (
    Strokes,
    Student,
    StudentConfig,
    guide,
    letters,
    likeness,
    moved,
    thumbnail,
    word,
)
from living_portraits.engines.megaportraits.student_engine import STUDENTS, StudentEngine, composed, read_student
from living_portraits.engines.megaportraits.student_motion import MOST, WORDS, Performance
from living_portraits.errors import FaceError, OptionError, WeightsError
from living_portraits.motion import SourceShape
from living_portraits.nn import process
from living_portraits.nn.pixels import to_tensor
from living_portraits.training import drivers, films, sweep
from living_portraits.training import place as places
from living_portraits.training import student as distillation
from living_portraits.training.loop import Order, train
from living_portraits.training.place import Place
from living_portraits.training.profile import count_flops
from living_portraits.training.source import Sampler, choose, validation_batch
from living_portraits.training.trainer import Trainer
from living_portraits.warp import Texture

CPU = torch.device("cpu")
SMALL = {"blocks": (8, 8, 8, 8), "code": 8, "kept": 256}


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def nobodys_students(monkeypatch, tmp_path):
    """No student of whoever runs this."""
    monkeypatch.setenv("LIVING_PORTRAITS_PEOPLE", str(tmp_path / "people"))


def drawn_crop(seed: int) -> np.ndarray:
    return picture(256, 256, seed=seed)


def taught(avatars: int = 3, *, seed: int = 0, **changes) -> Student:
    """A student whose every weight matters, though it learned nothing."""
    torch.manual_seed(seed)
    made = Student(StudentConfig(**{**SMALL, **changes}), avatars=avatars)
    for name, value in made.named_parameters():
        if name.endswith(".maps"):
            torch.nn.init.normal_(value, std=0.3)
        elif name in ("paint.weight", "lead.weight"):
            torch.nn.init.normal_(value, std=0.1)
    made.sweep.fitted.fill_(1)
    for number in range(avatars):
        crop = drawn_crop(number)
        points = torch.from_numpy(face((128, 128), zoom=5.5))
        made.faces[number], made.names[number] = thumbnail(to_tensor([crop])), letters(f"portrait {number}")
        made.guides[number] = guide(to_tensor([crop]), points, side=made.config.side)
        if made.config.picture:
            made.pictures[number] = torch.from_numpy(crop).movedim(-1, 0)
    for _ in range(3):  # norms that are not those of the beginning
        made.train()(*motion(4), torch.arange(4) % avatars)
    return made.eval()


def motion(count: int = 1, *, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    return torch.randn(count, WORDS), torch.randn(count, 3, 16, 16)


def one(number: int) -> torch.Tensor:
    return torch.tensor([number])


# --- the network ------------------------------------------------------------------------------------------------------


def test_as_it_ships_a_frame_costs_little_and_a_portrait_little_room() -> None:
    with torch.device("meta"):
        made = Student(StudentConfig(), avatars=13)
        heard = torch.empty(1, WORDS), torch.empty(1, 3, 16, 16)
        number = torch.zeros(1, dtype=torch.int64)
        assert made(*heard, number).shape == (1, 3, 256, 256)
        assert count_flops(lambda: made.strokes(*heard, number)) < 1.2e9  # 25 of them a second on any processor
    kept = [value for name, value in made.state_dict().items() if name.endswith(".maps") or value.dtype == torch.uint8]
    assert sum(value.numel() * (2 if value.is_floating_point() else 1) for value in kept) / 13 < 3.1e6


def test_before_it_is_taught_it_shows_each_portrait_as_it_is() -> None:
    made = Student(StudentConfig(**SMALL), avatars=2).eval()
    made.pictures[1] = torch.from_numpy(drawn_crop(5)).movedim(-1, 0)
    with torch.no_grad():
        shown = made(*motion(), one(1))
    assert (shown - to_tensor([drawn_crop(5)])).abs().mean() < 0.05


def test_who_is_shown_depends_on_the_number_and_how_on_the_driver() -> None:
    student = taught()
    with torch.no_grad():
        first, second = (student(*motion(), one(i)) for i in (0, 1))
        otherwise = student(*motion(seed=1), one(0))
        both = student(*(value.expand(2, *value.shape[1:]) for value in motion()), torch.tensor([1, 0]))
    assert (first - second).abs().mean() > 0.01 and (first - otherwise).abs().mean() > 1e-3
    torch.testing.assert_close(both, torch.cat([second, first]), atol=1e-4, rtol=0)
    assert first.abs().max() <= 1


@pytest.mark.parametrize("heard", [0, 1], ids=["words", "sway"])
def test_it_listens_to_both(heard: int) -> None:
    student, told = taught(), list(motion())
    with torch.no_grad():
        before = student(*told, one(0))
        told[heard] = motion(seed=2)[heard]
        assert (student(*told, one(0)) - before).abs().mean() > 1e-4


def test_alone_a_portrait_looks_the_same() -> None:
    student = taught()
    with torch.no_grad():
        torch.testing.assert_close(student.alone(1)(*motion(), one(0)), student(*motion(), one(1)), atol=1e-4, rtol=0)
    assert all(not value.requires_grad for value in student.alone(1).parameters())
    assert all(value.requires_grad for value in student.parameters()), "it was spoilt by being copied"


def test_some_portraits_can_be_taken_out_and_others_put_in() -> None:
    student = taught()
    with torch.no_grad():
        expected = student(*motion(), one(2))
        lone, grown = student.only([2]).eval(), student.grown(2).eval()
        torch.testing.assert_close(lone(*motion(), one(0)), expected)
        torch.testing.assert_close(grown(*motion(), one(2)), expected)
    assert [word(raw) for raw in grown.names] == ["portrait 0", "portrait 1", "portrait 2", "", ""]
    assert word(lone.names[0]) == "portrait 2" and not grown.pictures[3:].any()
    maps = student.blocks[0].spade1.maps
    torch.testing.assert_close(grown.blocks[0].spade1.maps[3], maps.mean(dim=0))


def test_a_portraits_tensors_hear_of_nobody_else() -> None:
    student = taught()
    student(*motion(), one(1)).sum().backward()
    for name, value in student.named_parameters():
        assert value.grad is not None, name
        if name.endswith(".maps"):
            assert value.grad[1].any() and not value.grad[[0, 2]].any(), name


def test_the_papers_way_keeps_no_picture_and_draws_everything() -> None:
    student = taught(picture=False)
    assert student.pictures.numel() == 0
    with torch.no_grad():
        strokes = student.strokes(*motion(), one(0))
        torch.testing.assert_close(student(*motion(), one(0)), strokes.colour)


def test_a_flow_fetches_pixels_from_where_it_points() -> None:
    there = to_tensor([drawn_crop(3)])
    flow = torch.zeros(1, 2, 128, 128)
    flow[:, 0] = 2 * 8 / 256  # eight pixels to the right
    found = moved(there, flow)
    torch.testing.assert_close(found[..., :200], there[..., 8:208], atol=1e-3, rtol=0)


def test_bytes_are_composed_as_floats_are() -> None:
    student = taught()
    with torch.no_grad():
        flow = 0.02 * torch.nn.functional.interpolate(torch.randn(1, 2, 8, 8), size=(128, 128), mode="bilinear")
        mask = torch.rand(1, 1, 256, 256)
        strokes = Strokes(flow, mask, torch.rand(1, 3, 256, 256) * 2 - 1)
        expected = ((student.drawn(strokes, one(0)) + 1) * 127.5)[0].movedim(0, -1).numpy()
    share, added = 255 * (1 - mask), mask * (strokes.colour + 1) * 127.5
    arrays = (flow[0].movedim(0, -1), share[0, 0], added[0])
    found = composed(Texture.of(drawn_crop(0)), *(value.contiguous().numpy() for value in arrays), size=256)
    assert np.abs(found - expected).mean() < 2.5  # Lanczos against linear


@pytest.mark.parametrize(("paint", "kept"), [(200, 400), (256, 300)])
def test_sizes_that_do_not_fold(paint: int, kept: int) -> None:
    with pytest.raises(ValueError, match=f"paint no {paint} of {kept}"):
        Student(StudentConfig(paint=paint, kept=kept), avatars=1)


def test_names_are_bytes_and_thumbnails_know_a_picture_again() -> None:
    assert word(letters("Francesco d'Este")) == "Francesco d'Este" and word(letters("é" * 40)) == "é" * 32
    a, b = (to_tensor([picture(96, 96, seed=s)]) for s in (1, 2))
    faces = torch.stack([thumbnail(a), thumbnail(b)])
    assert likeness(thumbnail(0.8 * b + 0.1), faces).tolist() == pytest.approx([0.0, 1.0], abs=0.2)


def test_a_guide_marks_each_point_where_it_is() -> None:
    crop, points = to_tensor([drawn_crop(0)]), torch.from_numpy(face((128, 128), zoom=5.5))
    here = guide(crop, points, side=32)
    nose = here[10]
    row, column = divmod(int(nose.argmax()), 32)
    assert abs((column + 0.5) * 8 - 0.5 - points[1, 0]) < 8 and abs((row + 0.5) * 8 - 0.5 - points[1, 1]) < 8
    shifted = guide(crop, points + torch.tensor([16.0, 0, 0]), side=32)
    torch.testing.assert_close(shifted[:19, :, 2:], here[:19, :, :-2], atol=1e-4, rtol=0)


# --- what it hears ----------------------------------------------------------------------------------------------------


def test_a_driver_at_rest_says_nothing_and_one_that_moves_does() -> None:
    clip, face = driver(128), SourceShape.of(source(256).points[0])
    words, sway = Performance.of(clip, Drive()).on(face, size=256)
    assert words.shape == (6, WORDS) and sway.shape == (6, 3, 16, 16)
    np.testing.assert_allclose(words[0], 0, atol=1e-3)
    assert np.abs(words[3]).max() > 0.3 and np.abs(words).max() <= MOST
    assert not np.abs(Performance.of(clip, Drive(strength=0.0)).on(face, size=256)[0]).max() > 1e-3


def test_without_pictures_there_is_no_sway_and_no_trust_in_it() -> None:
    clip, face = driver(128), SourceShape.of(source(256).points[0])
    told, _ = Performance.of(clip, Drive()).on(face, size=256)
    words, sway = Performance.of(replace(clip, crops=()), Drive()).on(face, size=256)
    assert not sway.any()
    np.testing.assert_array_equal(words, told)
    shaken = replace(clip, crops=[np.roll(crop, 3 * number, axis=1) for number, crop in enumerate(clip.crops)])
    assert np.abs(Performance.of(shaken, Drive()).on(face, size=256)[1][1, :2]).max() > 0.1


# --- distillation -----------------------------------------------------------------------------------------------------


@pytest.fixture
def portraits(monkeypatch) -> list[films.Portrait]:
    """Two drawn portraits in the place of the bundled ones."""
    made = [
        films.Portrait(name, drawn_crop(i), face((128, 128), zoom=5.5, roll=0.2 * i), np.zeros(52, np.float32))
        for i, name in enumerate(("mona", "ada"))
    ]
    monkeypatch.setattr(distillation, "gather", lambda folder, *, size: made)
    return made


def settings(**changes) -> dict:
    return {
        **SMALL, "teacher": "puppet", "batch": 2, "perceptual": 0.0, "warmup": 0, "bundled_frames": 0,
        "kinds": ("video",), "shares": (), **changes,
    }  # fmt: skip


def recipe_of(**changes) -> distillation.Distillation:
    torch.manual_seed(0)
    return distillation.Distillation(distillation.StudentTrainConfig(**settings(**changes)))


def batch_of(toy):
    people = toy.source(DrawnPeople(), toy.config)
    clips = [clip for clip in people.clips if clip.split == "train"]
    batch = validation_batch(people, clips, toy.config, device=CPU, extra=toy.extra)
    toy.gathered()
    return batch


def test_every_weight_is_taught_and_the_teacher_is_not(portraits) -> None:
    toy = recipe_of(adversary=1.0, critic=8, critic_scales=2)
    found = toy.step(batch_of(toy))  # still in training
    assert {name.split("/")[0] for name in found} == {"student", "critic"}
    sum(value for name, value in found.items() if name.startswith("student/")).backward()
    silent = [name for name, value in toy.student.named_parameters() if value.grad is None]
    assert silent == ["sweep.maps", "sweep.axes.weight"] and toy.student.sweep.maps.any(), "found by least squares"
    assert [word(raw) for raw in toy.student.names] == ["mona", "ada"]
    assert set(toy.networks()) == {"student", "critic"} and toy.snapshot() == ("student",)
    assert [column.shape[1:] for column in toy.pictures(batch_of(toy))] == [(3, 256, 256)] * 4


def test_it_learns_what_it_is_shown(portraits) -> None:
    toy = recipe_of(lr=5e-3)
    batch, optimiser = batch_of(toy), toy.optimiser("student")
    toy.train()
    spent = []
    for _ in range(25):
        loss = sum(toy.step(batch).values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        spent.append(float(loss.detach()))
    assert min(spent[-5:]) < 0.8 * spent[0]


def some_films(count: int = 12, *, seed: int = 0) -> list[dict[str, np.ndarray]]:
    """As `Films.of` makes them, of two portraits."""
    random = np.random.default_rng(seed)
    return [
        {
            "avatar": (np.arange(count) % 2).astype(np.float16)[:, None, None, None],
            "words": random.normal(size=(count, 1, 1, WORDS)).astype(np.float16),
            "sway": random.normal(size=(count, 16, 16, 3)).astype(np.float16),
            "places": random.uniform(-1, 1, (count, 64, 64, 2)).astype(np.float16),
        }
    ]


def test_the_broad_part_is_found_in_full_precision_where_the_rest_runs_in_half() -> None:
    plain, half = taught(2), taught(2)
    sweep.fit(plain, some_films())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        sweep.fit(half, some_films())
    torch.testing.assert_close(half.sweep.maps, plain.sweep.maps)


def test_the_broad_part_is_found_where_the_student_is(monkeypatch) -> None:
    student, eye, solve = taught(2).to("meta"), torch.eye, torch.linalg.solve
    student.sweep.fitted = torch.zeros((), dtype=torch.uint8)  # has a value, as nothing else there
    monkeypatch.setattr(torch, "autocast", lambda *given, **options: nullcontext())  # knows no such device
    solved = []
    monkeypatch.setattr(torch, "eye", lambda *given, **options: solved.append(made := eye(*given, **options)) or made)
    monkeypatch.setattr(torch.linalg, "solve", lambda *both: solved.extend(both) or solve(*both))
    sweep.fit(student, some_films())
    assert len(solved) == 6 and all(tensor.is_meta for tensor in solved), "two portraits'"


def test_with_no_loss_on_pictures_none_are_drawn(portraits, monkeypatch) -> None:
    toy = recipe_of(l1=0.0)
    batch = batch_of(toy)
    monkeypatch.setattr(toy.student, "drawn", None)
    assert set(toy.step(batch)) == {"student/lead", "student/shy", "student/calm"}


def test_the_teachers_film_is_that_of_the_engine(portraits) -> None:
    cast = films.Films(films.teacher("puppet"), portraits)
    clip = driver(128)
    clip = Track(clip.crops[::-1], clip.points[::-1].copy(), clip.blendshapes, clip.fps)  # rest comes last
    made = cast.of(clip, "a name")
    assert sorted(np.unique(made["avatar"])) == [0, 1]
    engine = films.engines.create("puppet", size=256)
    for number, portrait in enumerate(portraits):
        mine = np.flatnonzero(made["avatar"].ravel() == number)
        identity = engine.encode_identity(Track([portrait.crop], portrait.points[None], np.zeros((1, 52), np.float32)))
        whole = list(engine.generate(identity, engine.encode_motion(clip, Drive(neutral=5))))
        for frame in mine:
            np.testing.assert_array_equal(made["target"][frame], whole[frame])
        words, _ = Performance.of(clip, Drive(neutral=5)).on(SourceShape.of(portrait.points), size=256)
        np.testing.assert_allclose(made["words"][mine, 0, 0], words[mine], atol=5e-3)


def test_films_are_made_once_and_kept(portraits, tmp_path, monkeypatch) -> None:
    clip = driver(128)
    first = films.Films(films.teacher("puppet"), portraits, folder=tmp_path / "films").of(clip, "x")
    again = films.Films(films.teacher("puppet"), portraits, folder=tmp_path / "films")
    monkeypatch.setattr(again, "drawn", None)
    second = again.of(clip, "x")
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


def test_kept_films_are_those_of_these_portraits_drivers_and_teacher(portraits) -> None:
    clip = driver(128)
    engine = films.teacher("puppet")
    other = replace(portraits[0], crop=255 - portraits[0].crop)
    moved = replace(clip, points=clip.points + 1)
    keys = {
        films.Films(engine, portraits)._key(clip, "x"),
        films.Films(engine, portraits, version="2")._key(clip, "x"),
        films.Films(engine, [other, *portraits[1:]])._key(clip, "x"),
        films.Films(engine, portraits)._key(moved, "x"),
    }
    assert len(keys) == 4


def test_drivers_are_a_few_frames_of_each_clip_and_last_that_at_rest(tmp_path) -> None:
    people = DrawnPeople()
    thin = drivers.Drivers(people, frames=3, bundled=0, folder=tmp_path)
    assert [clip.frames for clip in thin.clips] == [min(clip.frames, 3) for clip in people.clips]
    clip, whole = thin.clips[0], people.track(people.clips[0])
    track = thin.track(clip)
    rest = drivers.at_rest(whole, clip)
    assert len(track) == 3 and track.crops[0].shape == (128, 128, 3)
    scale = 128 / whole.crops[0].shape[0]
    np.testing.assert_allclose(track.points[-1, :, 0], whole.points[rest, :, 0] * scale + (scale - 1) / 2, atol=1e-3)
    people.track = None
    np.testing.assert_array_equal(thin.track(clip).points, track.points)  # kept


def test_kept_drivers_are_those_of_this_dataset(tmp_path) -> None:
    for identity in ("ann", "bob"):
        people = DrawnPeople()
        whole = people.track(people.clips[0])
        whole = replace(whole, points=whole.points + np.float32(identity == "bob"))
        people.clips, people.track = (replace(people.clips[0], identity=identity),), lambda clip, whole=whole: whole
        thin = drivers.Drivers(people, frames=9, side=64, bundled=0, folder=tmp_path)
        shown = np.sort(thin.track(thin.clips[0]).points, axis=0)
        np.testing.assert_array_equal(shown, np.sort(whole.points, axis=0))


def test_teachers_of_one_name_are_told_apart_by_their_weights(monkeypatch) -> None:
    known = [films.version(name) for name in ("guided", "megaportraits", "puppet")]
    assert len(set(known)) == 3 and known[2] == ""
    entry = weights.FILES["guided"]
    monkeypatch.setitem(weights.FILES, "guided", replace(entry, sha256="0" * 64))
    assert films.version("guided") == "0" * 64 and films.version("megaportraits") != known[1], "it is mended, too"


def test_the_bundled_drivers_are_added() -> None:
    thin = drivers.Drivers(bundled=5)
    assert [(clip.id, clip.kind, clip.frames) for clip in thin.clips] == [
        (name, "bundled", 5) for name in samples.DRIVERS
    ]
    assert thin.valid(thin.clips[0]).shape == (5, 64, 64)


@pytest.mark.parametrize("prepared", [(128,), (512,), (256, 512)])
def test_the_bundled_drivers_are_learned_from_beside_any_dataset(prepared: tuple[int, ...]) -> None:
    people = DrawnPeople()
    people.clips = tuple(replace(clip, id=f"{clip.id}@{size}", size=size) for clip in people.clips for size in prepared)
    config = distillation.StudentTrainConfig()
    clips = choose(distillation.Distillation.source(people, config), split="train", config=config)
    assert {clip.kind for clip in clips} == {"video", "bundled"} and {clip.size for clip in clips} == {prepared[0]}


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("counted", [False, True])
def test_the_broad_part_outlives_counted_work_and_nan(portraits, tmp_path, begun: bool, counted: bool) -> None:
    begin = str(written(tmp_path / "first.safetensors", strangers(taught(1)))) if begun else ""
    toy = recipe_of(begin=begin)
    people = toy.source(DrawnPeople(), toy.config)
    clips = [clip for clip in people.clips if clip.split == "train"]
    sampler = Sampler(people, clips, toy.config, device=CPU, budget=10**9, extra=toy.extra)
    trained, before = Trainer(toy, sampler, Place(CPU)), toy.student.sweep.maps.clone()
    if counted:
        trained.flops()
    else:
        trained.advance()
        trained._healthy.fill_(False)
        assert "back to step 0" in str(trained.check())
    assert toy.student.sweep.fitted
    assert all((after != maps).any() for after, maps in zip(toy.student.sweep.maps[-2:], before[-2:], strict=True))


@pytest.mark.parametrize("half", [False, True])
def test_a_run_leaves_an_engine_that_knows_its_portraits_and_no_other(portraits, tmp_path, monkeypatch, half) -> None:
    monkeypatch.setattr(places, "bfloat16_is_fast", lambda device: half)
    order = Order("student", "drawn", tmp_path / "run", 60.0, settings(steps=2, memory_gb=1.0, size=64))
    train(order, DrawnPeople(), place=Place(CPU))
    snapshot = tmp_path / "run" / "snapshot.safetensors"
    engine = StudentEngine(size=256, file=snapshot)
    assert engine.names == ("mona", "ada")
    clip = replace(driver(128), crops=[picture(128, 128, seed=20 + t) for t in range(6)])
    ada = replace(source(256), crops=[drawn_crop(1)])
    identity = engine.encode_identity(ada)
    frames = list(engine.generate(identity, engine.encode_motion(clip, Drive())))
    assert identity.number == 1 and [(f.shape, f.dtype) for f in frames] == [((256, 256, 3), np.uint8)] * 6
    assert np.abs(frames[0].astype(int) - drawn_crop(1)).mean() < 8
    with pytest.raises(FaceError, match=r"animates mona, ada and no other face.*living-portraits distill"):
        engine.encode_identity(replace(source(256), crops=[drawn_crop(5)]))
    with pytest.raises(OptionError, match="draws 256 px, not 512"):
        StudentEngine(size=512, file=snapshot)


def test_more_portraits_are_learned_and_those_before_stay_as_they_were(portraits, tmp_path) -> None:
    path = written(tmp_path / "first.safetensors", strangers(taught(2)))
    toy = recipe_of(begin=str(path), lr=0.01)
    before, batch = toy.student.only([0, 1]).eval(), batch_of(toy)
    optimiser = toy.optimiser("student")
    for _ in range(2):
        optimiser.zero_grad()
        sum(toy.train().step(batch).values()).backward()
        optimiser.step()
    after = toy.student.eval()
    with torch.no_grad():
        for number in (0, 1):
            torch.testing.assert_close(after(*motion(), one(number)), before(*motion(), one(number)))
    assert [word(raw) for raw in after.names] == ["portrait 0", "portrait 1", "mona", "ada"]
    maps = after.blocks[0].spade1.maps
    assert (maps[2] - maps[3]).abs().max() > 0


def strangers(student: Student) -> Student:
    """The same, its portraits not those that are drawn elsewhere."""
    student.faces.copy_(student.faces.flip(1, 2))
    return student


def test_who_is_known_already_is_learned_on_in_their_place(portraits, tmp_path) -> None:
    begun = taught(2)  # of which the first is Mona's picture, and the second
    begun.faces[1] = begun.faces[1].flip(0, 1)  # is nobody's any more
    toy = recipe_of(begin=str(written(tmp_path / "first.safetensors", begun)))
    assert [word(raw) for raw in toy.student.names] == ["portrait 1", "mona", "ada"] and toy.known == 1
    maps = [net.blocks[0].spade1.maps for net in (toy.student, begun)]
    torch.testing.assert_close(maps[0][:2], maps[1][[1, 0]])


def test_a_student_of_another_shape_is_not_begun_with(tmp_path) -> None:
    path = written(tmp_path / "first.safetensors", taught(1))
    with pytest.raises(OptionError, match="was made with code=8: leave that setting as it is"):
        recipe_of(begin=str(path), code=16)


def written(path: Path, student: Student) -> Path:
    path.parent.mkdir(exist_ok=True)
    train = {**settings(), "size": 128, "picture": student.config.picture}
    config = {"recipe": "student", "train": train, "ranges": student.ranges}
    weights.write(path, config=config, state={f"student.{name}": v for name, v in student.state_dict().items()})
    return path


# --- the engine -------------------------------------------------------------------------------------------------------


def test_sizes_come_from_the_pictures_that_it_keeps(tmp_path) -> None:
    path = written(tmp_path / "a.safetensors", taught(2))
    engine = StudentEngine(size=256, file=path)
    assert engine.spec.sizes == (256,)
    paper = StudentEngine(size=256, file=written(tmp_path / "b.safetensors", taught(2, picture=False)))
    [first] = list(
        paper.generate(
            paper.encode_identity(replace(source(256), crops=[drawn_crop(0)])),
            paper.encode_motion(replace(driver(128, frames=1), crops=()), Drive()),
        )
    )
    assert first.shape == (256, 256, 3)


def test_students_whom_the_user_taught_are_asked_too(tmp_path, monkeypatch) -> None:
    ours, theirs = written(tmp_path / "ours.safetensors", taught(1)), taught(3, seed=1)
    monkeypatch.setattr(student_engine.weights, "path", lambda name: ours)
    stranger = replace(source(256), crops=[drawn_crop(2)])
    with pytest.raises(FaceError):
        StudentEngine(size=256).encode_identity(stranger)
    STUDENTS.place("mine").parent.mkdir(parents=True)
    written(STUDENTS.place("mine"), theirs.only([2]))
    engine = StudentEngine(size=256)
    found = list(engine.generate(engine.encode_identity(stranger), engine.encode_motion(driver(128), Drive())))
    alone = StudentEngine(size=256, file=STUDENTS.place("mine"))
    expected = list(alone.generate(alone.encode_identity(stranger), alone.encode_motion(driver(128), Drive())))
    np.testing.assert_array_equal(found, expected)


def test_who_is_taught_anew_is_drawn_as_they_are_now(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(student_engine.weights, "path", lambda name: written(tmp_path / "ours.safetensors", taught(1)))
    stranger, theirs = replace(source(256), crops=[drawn_crop(2)]), taught(3, seed=1)
    STUDENTS.place("mine").parent.mkdir(parents=True)
    engine, seen = StudentEngine(size=256), []
    for shade in (0, 60):
        pupil = theirs.only([2])
        pupil.pictures.copy_((pupil.pictures.int() - shade).clamp(0, 255).to(pupil.pictures.dtype))
        written(STUDENTS.place("mine"), pupil)
        sitter = engine.encode_identity(stranger)
        seen.append(next(iter(engine.generate(sitter, engine.encode_motion(driver(128, frames=1), Drive())))))
    assert seen[1].mean() < seen[0].mean() - 30


def film(engine: StudentEngine, number: int) -> np.ndarray:
    """Portrait `number` of `taught`, driven."""
    identity = engine.encode_identity(replace(source(256), crops=[drawn_crop(number)]))
    clip = replace(driver(128), crops=[picture(128, 128, seed=20 + t) for t in range(6)])
    return np.stack(list(engine.generate(identity, engine.encode_motion(clip, Drive()))))


def test_a_film_is_drawn_as_single_frames_are(tmp_path, monkeypatch) -> None:
    engine = StudentEngine(size=256, file=written(tmp_path / "a.safetensors", taught(2)))
    whole = film(engine, 1)
    monkeypatch.setattr(student_engine.runtimes, "LIVE", 100)
    np.testing.assert_array_equal(film(engine, 1), whole)


def ranged(path: Path, avatars: int, *, seed: int = 0) -> Path:
    """A student who knows what reaches its convolutions."""
    student = taught(avatars, seed=seed)
    plain = StudentEngine(size=256, file=written(path, student))
    drawn = [replace(source(256), crops=[drawn_crop(number)]) for number in range(avatars)]
    student.ranges = plain.ranges((each, replace(driver(128), crops=[picture(128, 128)] * 6)) for each in drawn)
    return written(path, student)


def test_ranges_are_those_of_all_its_portraits(tmp_path) -> None:
    path = tmp_path / "a.safetensors"
    found = read_student(ranged(path, 2)).ranges
    layers = [name for name, layer in taught(1).named_modules() if isinstance(layer, torch.nn.Conv2d)]
    assert set(found) == {name for name in layers if not name.endswith(".read")}  # which is folded
    assert all(low <= 0 < high for low, high in found.values())
    one_of_them = StudentEngine(size=256, file=path).ranges(
        [(replace(source(256), crops=[drawn_crop(1)]), replace(driver(128), crops=[picture(128, 128)] * 6))]
    )
    assert all(found[name][0] <= low and high <= found[name][1] for name, (low, high) in one_of_them.items())
    assert one_of_them != found


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed")
def test_eight_bits_are_taken_where_their_ranges_are_known(tmp_path, monkeypatch) -> None:
    path, unknown = ranged(tmp_path / "a.safetensors", 2), written(tmp_path / "b.safetensors", taught(2))
    expected = film(StudentEngine(size=256, file=path), 1)  # a process that may train
    monkeypatch.setattr(process, "may_train", lambda: False)
    monkeypatch.setattr(student_engine.runtimes, "adds_bytes", lambda: True)
    engine = StudentEngine(size=256, file=path)
    assert engine.runtime == "int8" and StudentEngine(size=256, file=path, runtime="openvino").runtime == "openvino"
    found = film(engine, 1)
    assert 0 < np.abs(found.astype(int) - expected).mean() < 2
    assert StudentEngine(size=256, file=unknown).runtime == "openvino"
    with pytest.raises(OptionError, match="not measured for 8 bits"):
        StudentEngine(size=256, file=unknown, runtime="int8")


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed")
def test_a_students_own_ranges_count_or_none(tmp_path, monkeypatch) -> None:
    """Beside one in 8 bits, whoever was taught without ranges is drawn in single precision."""
    ours = ranged(tmp_path / "ours.safetensors", 1)
    monkeypatch.setattr(student_engine.weights, "path", lambda name: ours)
    monkeypatch.setattr(process, "may_train", lambda: False)
    monkeypatch.setattr(student_engine.runtimes, "adds_bytes", lambda: True)
    STUDENTS.place("mine").parent.mkdir(parents=True)
    written(STUDENTS.place("mine"), taught(3, seed=1).only([2]))
    engine = StudentEngine(size=256)
    assert engine.runtime == "int8"
    single = StudentEngine(size=256, file=STUDENTS.place("mine"), runtime="openvino")
    np.testing.assert_array_equal(film(engine, 2), film(single, 2))


@pytest.mark.parametrize(("name", "message"), [("nobody", "There is no teacher 'nobody'"), ("", "no teacher ''")])
def test_a_teacher_that_is_not_there(name, message) -> None:
    with pytest.raises(OptionError, match=message):
        films.teacher(name)


@pytest.mark.parametrize("settings_", [{"flip": True}, {"colour": 0.1}])
def test_films_cannot_be_mirrored_or_recoloured(settings_) -> None:
    with pytest.raises(OptionError, match="flip and colour stay off"):
        distillation.Distillation(distillation.StudentTrainConfig(**settings(**settings_)))


def test_a_folder_without_pictures(tmp_path) -> None:
    with pytest.raises(OptionError, match="There are no pictures in"):
        films.gather(str(tmp_path), size=256)
    with pytest.raises(OptionError, match="There is no folder"):
        films.gather(str(tmp_path / "nowhere"), size=256)


@pytest.mark.parametrize(
    ("config", "state", "message"),
    [
        ({"recipe": "smoke"}, {}, "no snapshot of the recipe student"),
        ({"recipe": "student", "train": {}}, {"student.faces": torch.zeros(1, 24, 24, 3)}, "another version"),
    ],
)
def test_other_files(tmp_path, config, state, message) -> None:
    weights.write(tmp_path / "other.safetensors", config=config, state=state)
    with pytest.raises(WeightsError, match=message):
        read_student(tmp_path / "other.safetensors")


@pytest.mark.parametrize("ranges", [{"nose": (0.0, 1.0)}, {"sense": ("a", "b")}, {"sense": 1.0}, [1]])
def test_ranges_of_nothing_that_it_has(tmp_path, ranges) -> None:
    student = taught(1)
    student.ranges = ranges
    with pytest.raises(WeightsError, match="another version"):
        read_student(written(tmp_path / "a.safetensors", student))


def test_a_student_without_ranges(tmp_path) -> None:
    student = taught(1)
    student.ranges = None
    assert read_student(written(tmp_path / "a.safetensors", student)).ranges == {}
