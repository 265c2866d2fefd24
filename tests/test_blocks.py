"""What networks are built of: norms that are what they say, blocks of the right size, gradients everywhere."""

import copy

import pytest
import torch
from torch import nn

from living_portraits.nn import blocks
from living_portraits.nn.blocks import (
    InstanceNorm,
    ResAdaptive,
    ResDown,
    SelfAttention,
    SpectralConv2d,
    SpectralLinear,
    adaptive_norm,
    fold,
)


@pytest.fixture(autouse=True)
def same_numbers():
    torch.manual_seed(0)


@pytest.mark.parametrize("make", [lambda: SpectralConv2d(5, 7), lambda: SpectralLinear(9, 4)])
def test_the_weight_that_is_used_has_norm_one(make) -> None:
    layer = make()
    with torch.no_grad():
        layer.weight.mul_(37.0)
    for _ in range(30):
        layer.normalised()
    assert torch.linalg.matrix_norm(layer.normalised().flatten(1), 2).item() == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("layer", [SpectralConv2d(32, 32), SpectralLinear(8, 40), SpectralConv2d(6, 24, 1)])
def test_fresh_weights_are_orthogonal_and_their_norm_is_known(layer: nn.Module) -> None:
    singular = torch.linalg.svdvals(layer.normalised().flatten(1))
    assert torch.allclose(singular, torch.ones_like(singular), atol=1e-4)
    assert not layer.bias.any()


def test_the_norms_vector_moves_in_training_alone() -> None:
    layer, x = SpectralConv2d(4, 6), torch.randn(1, 4, 5, 5)
    with torch.no_grad():
        layer.weight.copy_(torch.randn_like(layer.weight))
    before = layer.u.clone()
    layer.eval()
    assert torch.equal(layer(x), layer(x)) and torch.equal(layer.u, before)
    layer.train()
    layer(x)
    assert not torch.equal(layer.u, before)


def test_two_passes_before_one_backward() -> None:
    """The vector is overwritten by the second pass and must not be part of the first one's graph."""
    layer = SpectralLinear(6, 3)
    (layer(torch.randn(2, 6)).sum() + layer(torch.randn(2, 6)).sum()).backward()
    assert layer.weight.grad is not None


def test_the_norms_are_computed_in_single_precision() -> None:
    layer, x = SpectralLinear(64, 64), torch.randn(2, 64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer.normalised().dtype == torch.float32
        assert layer(x).dtype == torch.bfloat16


def test_folded_layers_give_the_same_without_work() -> None:
    net = nn.Sequential(ResDown(3, 8, first=True), ResDown(8, 16, norm=True), SelfAttention(16)).eval()
    with torch.no_grad():
        net[2].gamma.fill_(0.7)
    x = torch.randn(2, 3, 16, 16)
    folded = copy.deepcopy(net)
    fold(folded)
    assert torch.allclose(net(x), folded(x), atol=1e-5)
    assert all(layer.folded for layer in blocks.spectral_layers(folded))
    assert torch.equal(folded[0].conv1.normalised(), folded[0].conv1.weight)


def test_adaptive_norm_sets_mean_and_spread() -> None:
    x = 5 + 3 * torch.randn(2, 4, 12, 12)
    shift, scale = torch.randn(2, 4), torch.rand(2, 4)
    y = adaptive_norm(x, torch.cat([shift, scale], dim=1))
    assert torch.allclose(y.mean(dim=(2, 3)), shift, atol=1e-4)
    assert torch.allclose(y.std(dim=(2, 3), correction=0), 1 + scale, atol=1e-3)
    assert torch.allclose(InstanceNorm(4)(x), nn.functional.instance_norm(x), atol=1e-4)


def test_adaptive_norm_of_a_flat_channel_is_its_shift() -> None:
    y = adaptive_norm(torch.full((1, 1, 4, 4), 9.0), torch.tensor([[0.5, 2.0]]))
    assert torch.allclose(y, torch.full_like(y, 0.5), atol=0.02)


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (ResDown(6, 8, first=True), (8, 4, 4)),
        (ResDown(6, 8, norm=True), (8, 4, 4)),
        (ResDown(6, 6, pool=False), (6, 8, 8)),
        (ResDown(6, 9, pool=False, first=True), (9, 8, 8)),
        (ResAdaptive(6, 6), (6, 8, 8)),
        (ResAdaptive(6, 4, up=True), (4, 16, 16)),
    ],
)
def test_sizes_and_gradients(block: nn.Module, expected: tuple[int, ...]) -> None:
    x = torch.randn(2, 6, 8, 8, requires_grad=True)
    styles = [torch.randn(2, number, requires_grad=True) for number in getattr(block, "numbers", ())]
    y = block(x, *styles)
    assert y.shape == (2, *expected)
    y.square().sum().backward()
    reached = [x, *styles, *block.parameters()]
    assert all(tensor.grad is not None and tensor.grad.abs().sum() > 0 for tensor in reached)


def test_the_first_block_sees_dark_as_well_as_light() -> None:
    block = ResDown(1, 4, first=True).eval()
    assert not torch.allclose(block(torch.full((1, 1, 4, 4), -1.0)), block(torch.full((1, 1, 4, 4), -0.5)))


def test_attention_begins_as_nothing_and_then_looks_afar() -> None:
    attention, x = SelfAttention(16).eval(), torch.randn(1, 16, 8, 8)
    assert torch.equal(attention(x), x)
    with torch.no_grad():
        attention.gamma.fill_(1.0)
    changed = x.clone()
    changed[..., 0, 0] += 3
    assert not torch.allclose(attention(x)[..., -1, -1], attention(changed)[..., -1, -1])
    attention(x).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in attention.parameters())
