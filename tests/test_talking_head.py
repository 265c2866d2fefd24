"""Few-shot talking heads: networks of the paper's sizes, who and how kept apart, the engine on a file of weights."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from drawn import driver, source

from living_portraits import weights
from living_portraits.engine import Drive, Track
from living_portraits.engines.guided import Guided
from living_portraits.engines.talking_head import TalkingHead, lending, person
from living_portraits.engines.talking_head.engine import drawings, read_head, read_networks
from living_portraits.engines.talking_head.networks import (
    SCORE_SCALE,
    SHAPES,
    Discriminator,
    FewShot,
    Generator,
    Shape,
    composed,
)
from living_portraits.errors import WeightsError
from living_portraits.motion import SourceShape, adapt
from living_portraits.nn.blocks import SelfAttention, fold, spectral_layers
from living_portraits.nn.pixels import to_frames, to_tensor
from living_portraits.restraint import restrain
from living_portraits.training.publish_talking_head import publish
from living_portraits.watching import watch

SIZE = 64
TINY = Shape(True, (8, 8, 16, 16), 1, (16, 16, 8), (8, 8, 16, 16, 16, 16))
TINY_FULL = replace(TINY, halved=False, picture=(16, 16, 8, 8))
CARRIES = {"network": "small", "size": SIZE, "carries": True}
TINY_WIDE = replace(TINY, look=(8, 8, 16, 16, 16, 24))
PAPER = SHAPES["paper"]


@pytest.fixture(autouse=True)
def calm(monkeypatch: pytest.MonkeyPatch):
    """A seed, one thread (two are slower at such work), and networks that a test can afford."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    monkeypatch.setitem(SHAPES, "small", TINY)
    monkeypatch.setitem(SHAPES, "paper", TINY_WIDE)
    yield
    torch.set_num_threads(threads)


def awake(net: torch.nn.Module) -> torch.nn.Module:
    """The network with its attention, which begins as nothing, at work."""
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, SelfAttention):
                module.gamma.fill_(0.5)
    return net


def pictures(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, 3, SIZE, SIZE) * 2 - 1


def written(folder: Path, *, carries: bool = False, **changes) -> Path:
    """A file as the recipe's snapshot makes it, of random weights."""
    head, discriminator = awake(FewShot(TINY, carries=carries)), awake(Discriminator(TINY, identities=5))
    changes = ({"train": CARRIES} if carries else {}) | changes
    state = {f"head.{name}": value.half() for name, value in head.state_dict().items()}
    state |= {f"discriminator.{name}": value.half() for name, value in discriminator.state_dict().items()}
    config = {"recipe": "talking-head", "step": 1, "train": {"network": "small", "size": SIZE}, **changes}
    path = folder / "head.safetensors"
    weights.write(path, config=config, state=state)
    return path


# --- networks ---------------------------------------------------------------------------------------------------------


def test_the_papers_sizes() -> None:
    with torch.device("meta"):  # counted, not made
        head, critic = FewShot(PAPER), Discriminator(PAPER)
    count = {
        "G": sum(p.numel() for part in (head.generator, head.projection) for p in part.parameters()),
        "E": sum(p.numel() for p in head.embedder.parameters()),
        "D": sum(p.numel() for p in critic.parameters()),
    }
    assert {name: round(number / 1e6) for name, number in count.items()} == {"G": 38, "E": 15, "D": 20}


@pytest.mark.parametrize("carries", [False, True], ids=["drawn", "carried"])
@pytest.mark.parametrize("shape", [TINY, TINY_FULL], ids=["halved", "full"])
def test_shapes_and_gradients_that_reach_every_parameter(shape: Shape, carries: bool) -> None:
    head, critic = awake(FewShot(shape, carries=carries)), awake(Discriminator(shape, identities=2))
    shown = torch.cat([pictures(2)] * (1 + carries), dim=1)
    colour, mask, embedding = head(pictures(2, 3), pictures(2, 3), shown)
    output = composed(shown, colour, mask)
    assert output.shape == (2, 3, SIZE, SIZE) and output.abs().max() <= 1
    assert embedding.shape == (2, 16) and embedding.min() >= 0
    score, seen = critic(output, pictures(2), critic.columns)
    assert score.shape == (2,) and [len(each) for each in seen] == [2] * 7
    (output.square().mean() + score.sum() + embedding.sum()).backward()
    for net in (head, critic):
        assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum()] == []


def test_every_convolution_and_linear_layer_has_spectral_norm() -> None:
    for net in (FewShot(TINY), FewShot(TINY, carries=True), Discriminator(TINY)):
        layers = [module for module in net.modules() if isinstance(module, torch.nn.Conv2d | torch.nn.Linear)]
        assert layers and len(layers) == len(list(spectral_layers(net)))


def test_the_embedding_is_the_mean_over_pictures() -> None:
    head = awake(FewShot(TINY)).eval()
    a, b = pictures(1, 1), pictures(1, 1)
    both = head.embed(torch.cat([a, b], dim=1), torch.cat([a, b], dim=1))
    assert torch.allclose(both, (head.embed(a, a) + head.embed(b, b)) / 2, atol=1e-5)


def test_an_embedding_is_as_long_at_any_size_and_the_sum_at_256() -> None:
    head = awake(FewShot(TINY)).eval()
    small, large = (torch.full((1, 1, 3, side, side), 0.5) for side in (128, 256))
    a, b = head.embed(small, small), head.embed(large, large)
    assert torch.linalg.vector_norm(a - b) < 0.6 * torch.linalg.vector_norm(b)  # four times as many places
    _, seen = head.embedder(large[:, 0], large[:, 0])
    assert seen[-1].shape[2:] == (4, 4)
    assert torch.allclose(b, seen[-1].relu().sum(dim=(2, 3)) / 64, atol=1e-5)


def test_the_numbers_of_the_style_are_all_used_and_no_more() -> None:
    for shape, carries in ((TINY, False), (TINY_FULL, False), (TINY, True), (TINY_FULL, True)):
        generator = awake(Generator(shape, carries=carries))
        style = torch.randn(4, generator.style_length, requires_grad=True)
        shown = torch.cat([pictures(4)] * (1 + carries), dim=1)
        generator(shown, style).square().sum().backward()
        assert (style.grad.abs().sum(dim=0) > 0).float().mean() > 0.98  # a ReLU may shut one off
        with pytest.raises((RuntimeError, StopIteration)):
            generator(shown, style[:, :-2])


@pytest.mark.parametrize("shape", [TINY, TINY_FULL], ids=["halved", "full"])
def test_what_is_carried_shows_through_the_mask(shape: Shape) -> None:
    """x^ = (1 - m) w + m h; a fresh mask is faint, so a fresh network gives back what it was shown."""
    generator = Generator(shape, carries=True).eval()
    shown, style = torch.cat([pictures(2), pictures(2)], dim=1), torch.zeros(1, generator.style_length)
    colour, mask = generator.paint(shown, style)
    assert mask.shape == (2, 1, SIZE, SIZE) and mask.min() >= 0 and mask.max() < 1 and mask.mean() < 0.4
    expected = (1 - mask) * shown[:, 3:] + mask * colour
    assert torch.allclose(generator(shown, style), expected, atol=1e-5)
    assert (colour - shown[:, 3:]).abs().mean() > 0.1


def test_in_use_a_thin_veil_is_none_and_a_thick_mask_is_as_it_was() -> None:
    generator = Generator(TINY, carries=True)
    shown, style = torch.cat([pictures(1), pictures(1)], dim=1), torch.zeros(1, generator.style_length)
    for bias, expected in ((-3.5, 0.0), (2.0, None)):
        with torch.no_grad():
            generator.leave.weight[12:] = 0
            generator.leave.bias[12:] = bias
        taught = generator.train().paint(shown, style)[1]
        used = generator.eval().paint(shown, style)[1]
        assert taught.min() > 0.02
        torch.testing.assert_close(used, taught if expected is None else torch.zeros_like(used))


def test_fresh_generators_draw_no_chessboard() -> None:
    output = Generator(TINY)(pictures(1), torch.zeros(1, Generator(TINY).style_length))
    fours = torch.nn.functional.pixel_unshuffle(output, 2).view(1, 3, 4, SIZE // 2, SIZE // 2)
    assert torch.allclose(fours, fours[:, :, :1].expand_as(fours), atol=1e-6)


def test_the_score_takes_the_column_to_the_vector() -> None:
    critic = Discriminator(TINY).eval()
    x, y = pictures(1), pictures(1)
    vector, _ = critic.look(x, y)
    base, _ = critic(x, y, torch.zeros(1, 16))
    score, _ = critic(x, y, torch.full((1, 16), 0.25))
    assert torch.allclose(score - base, SCORE_SCALE * 0.25 * vector.sum(dim=1), atol=1e-4)
    assert torch.allclose(base, critic.general(SCORE_SCALE * vector)[:, 0])


def test_another_identity_changes_the_looks_and_not_the_place() -> None:
    """A light and a dark person, left and right of the middle: the numbers say who, the drawing where."""
    left, right = torch.full((3, 32, 32), -1.0), torch.full((3, 32, 32), -1.0)
    left[:, 8:24, 2:14], right[:, 8:24, 18:30] = 1.0, 1.0
    drawn = torch.stack([left, right, left, right])
    looks = torch.tensor([0.9, 0.9, -0.3, -0.3]).view(4, 1, 1, 1)
    generator = Generator(TINY)
    people = torch.randn(2, generator.style_length).requires_grad_()
    optimiser = torch.optim.Adam([*generator.parameters(), people], lr=2e-2)
    for _ in range(100):
        wanted = torch.where(drawn > 0, looks, torch.tensor(-0.9))
        loss = (generator(drawn, people[[0, 0, 1, 1]]) - wanted).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        mine, swapped = generator(drawn, people[[0, 0, 1, 1]]), generator(drawn, people[[1, 1, 0, 0]])
    for before, after, here, brighter in zip(mine, swapped, drawn > 0, (-1, -1, 1, 1), strict=True):
        assert brighter * (after - before)[here].mean().item() > 0.6  # of 1.2 between the two
        assert abs((after - before)[~here].mean().item()) < 0.15
        assert after[here].mean() > after[~here].mean() + 0.3  # and the place is the drawing's


# --- the engine -------------------------------------------------------------------------------------------------------


def engine(tmp_path: Path, **options) -> TalkingHead:
    return TalkingHead(size=SIZE, file=written(tmp_path), **options)


def run(made: TalkingHead, given: Track, drive: Drive | None = None) -> list[np.ndarray]:
    return list(made.generate(made.encode_identity(given), made.encode_motion(driver(SIZE), drive or Drive())))


def test_the_engine_draws_a_frame_for_each_of_the_drivers(tmp_path: Path) -> None:
    frames = run(engine(tmp_path), source(SIZE))
    assert len(frames) == 6 and all(f.shape == (SIZE, SIZE, 3) and f.dtype == np.uint8 for f in frames)
    assert any((frame != frames[0]).any() for frame in frames)


def test_what_is_carried_reaches_the_film_at_any_size(tmp_path: Path) -> None:
    """With a mask of nothing the film is the carrying engine's, at the network's own size and at twice that."""
    path = written(tmp_path, carries=True)
    config, state = weights.read(path)
    state["head.generator.leave.weight"][12:] = 0  # the mask's four of sixteen: see `Generator`
    state["head.generator.leave.bias"][12:] = -60
    weights.write(path, config=config, state=state)
    for size in (SIZE, 2 * SIZE):
        given, moved = source(size), driver(size)
        made, carrier = TalkingHead(size=size, file=path), Guided(size=size)
        assert made.side == SIZE
        frames = list(made.generate(made.encode_identity(given), made.encode_motion(moved, Drive())))
        expected = list(carrier.generate(carrier.encode_identity(given), carrier.encode_motion(moved, Drive())))
        for ours, theirs in zip(frames, expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert any((frame != frames[0]).any() for frame in frames)


def test_what_is_drawn_over_it_is_the_networks(tmp_path: Path) -> None:
    path = written(tmp_path, carries=True)
    config, state = weights.read(path)
    state["head.generator.leave.bias"][12:] = 60  # all mask
    weights.write(path, config=config, state=state)
    made, carrier = TalkingHead(size=SIZE, file=path), Guided(size=SIZE)
    frames = run(made, source(SIZE))
    theirs = list(carrier.generate(carrier.encode_identity(source(SIZE)), carrier.encode_motion(driver(SIZE), Drive())))
    assert np.abs(frames[3].astype(int) - theirs[3]).mean() > 10


def test_more_pictures_lend_their_faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strangers' own further pictures, and for somebody known those that their file holds; nobody, for a moment."""
    monkeypatch.setattr(lending, "likeness", lambda engine, one, other: 1.0)
    path = written(tmp_path, carries=True)
    config, state = weights.read(path)
    state["head.generator.leave.weight"][12:] = 0
    state["head.generator.leave.bias"][12:] = -60  # no mask: what is carried is seen as it is
    weights.write(path, config=config, state=state)
    one, moved = source(SIZE), driver(SIZE, frames=25)
    face = SourceShape.of(one.points[0])
    widest = adapt(face, restrain(watch(moved, Drive())[0], face.pose), 12).points
    grey = np.full_like(one.crops[0], 40)
    both = Track([one.crops[0], grey], np.stack([one.points[0], widest]), np.zeros((2, 52), np.float32))
    alone, stranger = TalkingHead(size=SIZE, file=path), TalkingHead(size=SIZE, file=path)
    known = person.Person(torch.zeros(1, read_head(path).generator.style_length), {}).holding(both)
    person.write(tmp_path / "ada.person", known, base=path)
    friend = TalkingHead(size=SIZE, file=path, person=tmp_path / "ada.person")

    def films(driven: Track) -> list[np.ndarray]:
        shown = ((alone, one), (stranger, both), (friend, one))
        return [np.stack(list(e.generate(e.encode_identity(s), e.encode_motion(driven, Drive())))) for e, s in shown]

    plain, *lent = films(moved)
    for given in lent:
        np.testing.assert_array_equal(given[0], plain[0])
        assert np.abs(given[12].astype(int) - plain[12]).mean() > 2
    np.testing.assert_allclose(lent[0], lent[1], atol=4)  # but for what a JPEG takes
    plain, *lent = films(moved.pick([0, 12]))
    for given in lent:
        np.testing.assert_array_equal(given, plain)


def test_strength_zero_stands_still(tmp_path: Path) -> None:
    frames = run(engine(tmp_path), source(SIZE), Drive(strength=0.0))
    for frame in frames[1:]:
        np.testing.assert_array_equal(frame, frames[0])


def test_at_rest_the_drawing_is_the_sources_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver's face is freed from its shape: at its neutral frame the source's own landmarks are drawn."""
    made, given, drawn = engine(tmp_path), source(SIZE), []
    kept = made._head.generator.paint
    made._head.generator.paint = lambda drawing, style: drawn.append(drawing) or kept(drawing, style)  # type: ignore[method-assign]
    run(made, given)
    assert (drawn[0] - drawings([given.points[0]], size=SIZE)).abs().mean() < 0.01
    assert (drawn[3] - drawn[0]).abs().mean() > 0.01


def test_several_pictures_make_one_identity_in_any_order(tmp_path: Path) -> None:
    made, one = engine(tmp_path), source(SIZE)
    crops = [one.crops[0] // (i + 1) for i in range(11)]
    points, shapes = np.repeat(one.points, 11, axis=0), np.repeat(one.blendshapes, 11, axis=0)
    forward = made.encode_identity(Track(crops, points, shapes)).style
    assert torch.allclose(forward, made.encode_identity(Track(crops[::-1], points, shapes)).style, atol=1e-4)
    assert not torch.allclose(forward, made.encode_identity(one).style, atol=1e-2)


def test_folding_changes_no_picture(tmp_path: Path) -> None:
    path = written(tmp_path)
    head, _ = read_networks(path)
    x = pictures(1, 2)
    expected = head.eval()(x, x, x[:, 0])[0]
    assert torch.allclose(read_head(path)(x, x, x[:, 0])[0], expected, atol=1e-4)


def test_frames_to_tensors_and_back() -> None:
    frames = [np.arange(48, dtype=np.uint8).reshape(4, 4, 3) * 5]
    np.testing.assert_array_equal(to_frames(to_tensor(frames)), frames)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda path: path.unlink(), "is missing from"),
        (lambda path: path.write_bytes(b"nothing"), "is no safetensors file"),
        (lambda path: respell(path, recipe="guided"), "holds no talking head, but what the recipe 'guided' made"),
        (lambda path: respell(path, train={"network": "huge"}), "holds no talking head"),
        (lambda path: respell(path, train={"network": "paper"}), "holds a talking head of other sizes"),
        (lambda path: respell(path, without="discriminator."), "lacks parts of the discriminator: general.bias"),
    ],
)
def test_files_that_are_no_talking_head(tmp_path: Path, spoil, expected: str) -> None:
    path = written(tmp_path)
    spoil(path)
    with pytest.raises(WeightsError, match=expected):
        TalkingHead(size=SIZE, file=path)


def respell(path: Path, *, without: str = "nothing", **changes) -> None:
    config, state = weights.read(path)
    kept = {name: value for name, value in state.items() if not name.startswith(without)}
    weights.write(path, config={**config, **changes}, state=kept)


def test_a_file_serves_without_the_table_of_people(tmp_path: Path) -> None:
    path = written(tmp_path)
    respell(path, without="discriminator.columns")
    assert len(run(TalkingHead(size=SIZE, file=path), source(SIZE))) == 6


# --- a fine-tuned person ----------------------------------------------------------------------------------------------


def somebody(base: Generator) -> tuple[Generator, person.Person]:
    """A generator that differs along few directions, and what its file would hold."""
    own = person.tuned(base, person.Person(torch.zeros(1, base.style_length), {}))
    with torch.no_grad():
        for parameter in own.parameters():
            if parameter.ndim > 1:
                matrix = parameter.flatten(1)
                change = torch.randn(matrix.shape[0], 1) @ torch.randn(1, matrix.shape[1])
                parameter.add_(0.02 * change.view_as(parameter))
            else:
                parameter.add_(0.02)
    style = torch.randn(1, base.style_length)
    return own, person.Person(style, person.difference(base, own), {"name": "ada", "pictures": 3})


def test_a_person_survives_the_file_and_the_file_is_small(tmp_path: Path) -> None:
    path = written(tmp_path)
    base = read_head(path).generator
    own, ada = somebody(base)
    length = person.write(tmp_path / "ada.person", ada, base=path)
    again = person.read(tmp_path / "ada.person", base=path)
    assert again.about == {"name": "ada", "pictures": 3}
    x = pictures(2)
    output = person.tuned(base, again)(x, again.style)
    assert (output - own(x, ada.style)).abs().max() < 0.02
    assert (output - base(x, ada.style)).abs().mean() > 0.02  # the file makes a difference
    assert length < 0.5 * 2 * sum(p.numel() for p in base.parameters())
    engine = TalkingHead(size=SIZE, file=path, person=tmp_path / "ada.person")
    assert torch.equal(engine.encode_identity(source(SIZE)).style, again.style)
    assert (run(engine, source(SIZE))[0] != run(TalkingHead(size=SIZE, file=path), source(SIZE))[0]).any()


def test_pictures_survive_the_file_too(tmp_path: Path) -> None:
    path, one = written(tmp_path), source(SIZE)
    crops = [cv2.GaussianBlur(np.roll(one.crops[0], 9 * turn, axis=1), (0, 0), 1) for turn in range(3)]
    three = Track(crops, np.concatenate([one.points + turn for turn in range(3)]), np.zeros((3, 52), np.float32))
    for count, pictures in ((3, three), (1, one)):
        ada = person.Person(torch.zeros(1, read_head(path).generator.style_length), {}).holding(pictures)
        person.write(tmp_path / "ada.person", ada, base=path)
        again = person.read(tmp_path / "ada.person", base=path)
        assert again.picture is not None
        np.testing.assert_array_equal(again.picture, pictures.crops[0])
        assert (len(again.pictures) if again.pictures else 1) == count
        if again.pictures:
            np.testing.assert_array_equal(again.pictures.points, pictures.points)
            for ours, theirs in zip(again.pictures.crops, pictures.crops, strict=True):
                assert np.abs(ours.astype(int) - theirs).mean() < 2


@pytest.mark.parametrize("damage", ["gone", "junk", "points", "nowhere"])
def test_a_persons_damaged_pictures_are_refused(tmp_path: Path, damage: str) -> None:
    path, one = written(tmp_path), source(SIZE)
    both = Track([one.crops[0]] * 2, one.points.repeat(2, axis=0), one.blendshapes.repeat(2, axis=0))
    ada = person.Person(torch.zeros(1, read_head(path).generator.style_length), {}).holding(both)
    person.write(tmp_path / "ada.person", ada, base=path)
    config, state = weights.read(tmp_path / "ada.person")
    if damage == "gone":
        del state["picture.1"]
    elif damage == "junk":
        state["picture.1"] = torch.zeros(99, dtype=torch.uint8)
    elif damage == "points":
        state["points"] = state["points"][:, :400]
    else:
        state["points"] = state["points"] * torch.nan
    weights.write(tmp_path / "ada.person", config=config, state=state)
    with pytest.raises(WeightsError, match=r"ada\.person holds damaged pictures"):
        person.read(tmp_path / "ada.person", base=path)


def test_as_few_directions_are_kept_as_draw_the_same() -> None:
    base = Generator(TINY)
    fold(base.eval())
    own, ada = somebody(base)
    with torch.no_grad():  # what training leaves everywhere and no picture shows
        noise = {name: change + 1e-5 * torch.randn_like(change) for name, change in ada.changes.items()}
    noisy, drawn = replace(ada, changes=noise), pictures(2)
    small = person.compact(base, noisy, drawn)
    ranks = [int(torch.linalg.matrix_rank(c.flatten(1), rtol=1e-3)) for c in small.changes.values() if c.ndim > 1]
    assert set(ranks) <= {0, 1} and 1 in ranks
    assert (person.tuned(base, small)(drawn, ada.style) - own(drawn, ada.style)).abs().mean() < 0.02
    strict = person.compact(base, noisy, drawn, decibel=1e3)
    assert strict.changes is noisy.changes


def test_the_base_is_not_changed(tmp_path: Path) -> None:
    path = written(tmp_path)
    base = read_head(path).generator
    before = [p.clone() for p in base.parameters()]
    _, ada = somebody(base)
    person.tuned(base, ada)
    assert all(torch.equal(a, b) for a, b in zip(before, base.parameters(), strict=True))


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda file, base: respell(base, step=2), "was fine-tuned from other weights than head.safetensors"),
        (lambda file, base: respell(file, recipe="x"), "is no person's file"),
        (lambda file, base: respell(file, without="style"), "is no person's file"),
        (lambda file, base: file.unlink(), "is missing"),
    ],
)
def test_files_that_are_no_person(tmp_path: Path, spoil, expected: str) -> None:
    base, file = written(tmp_path), tmp_path / "ada.person"
    person.write(file, somebody(read_head(base).generator)[1], base=base)
    spoil(file, base)
    with pytest.raises(WeightsError, match=expected):
        TalkingHead(size=SIZE, file=base, person=file)


def test_a_person_of_other_sizes_is_refused() -> None:
    base = Generator(TINY)
    fold(base.eval())
    with pytest.raises(WeightsError, match="other sizes"):
        person.tuned(base, person.Person(torch.zeros(1, 3), {}))


def test_the_config_is_json(tmp_path: Path) -> None:
    config, _ = weights.read(written(tmp_path))
    assert json.loads(json.dumps(config)) == config


def test_what_is_shipped_holds_nobody_of_the_training(tmp_path: Path) -> None:
    publish(written(tmp_path), tmp_path / "out.safetensors")
    _, state = weights.read(tmp_path / "out.safetensors")
    assert not any("columns" in name for name in state)
    read_networks(tmp_path / "out.safetensors")


def test_a_stranger_is_drawn_at_the_size_that_was_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path)  # learned at SIZE
    seen = []
    real = FewShot.embed

    def embed(self: FewShot, pictures: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        seen.append((pictures.shape[-1], drawn.shape[-1]))
        return real(self, pictures, drawn)

    monkeypatch.setattr(FewShot, "embed", embed)
    large = TalkingHead(size=2 * SIZE, file=file)
    frames = run(large, source(2 * SIZE))
    assert large.side == SIZE and seen == [(SIZE, SIZE)]
    assert frames[0].shape == (2 * SIZE, 2 * SIZE, 3)
    mean = frames[0].astype(float).reshape(SIZE, 2, SIZE, 2, 3).mean(axis=(1, 3))
    assert np.abs(mean - run(TalkingHead(size=SIZE, file=file), source(SIZE))[0]).mean() < 12
