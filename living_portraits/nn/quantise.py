"""Convolutions in 8 bits: ranges of what reaches them, measured once, and a network that rounds as the processor will.

Post-training quantisation as in Jacob et al. 2018 (equation 1): a real r is kept as the integer q of `r = S (q - Z)`.
Activations have one scale S and zero point Z a layer, in 0..255; weights a scale for each output channel, Z = 0, in
-127..127. The rounded network runs anywhere as floats; a runtime that knows 8-bit arithmetic computes the same faster.
"""

import copy
from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

Ranges = dict[str, tuple[float, float]]
"""Of each convolution's input, by the layer's name: lowest and highest value."""

SMALLEST = 1e-8
"""Peak of a channel's weights below which all of them are 0."""


def ranges(net: nn.Module, run: Callable[[], object]) -> Ranges:
    """What reaches each convolution of `net` while `run` uses it, as often and as variously as in real use.

    All of it: what is rare, as an open mouth, is what would be missed most. 0 is always inside, because padding is 0.

    Raises:
        ValueError: `run` does not use it, or it runs elsewhere than in PyTorch.
    """
    found: Ranges = {}

    def watch(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def look(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            least, most = found.get(name, (0.0, 0.0))
            found[name] = min(least, float(inputs[0].min())), max(most, float(inputs[0].max()))

        return look

    convolutions = ((name, layer) for name, layer in net.named_modules() if isinstance(layer, nn.Conv2d))
    watches = [layer.register_forward_pre_hook(watch(name)) for name, layer in convolutions]
    try:
        with torch.inference_mode():
            run()
    finally:
        for each in watches:
            each.remove()
    if not found:
        raise ValueError("What reaches the convolutions can be watched in PyTorch alone, and none was run there.")
    return found


def quantised(net: nn.Module, found: Mapping[str, tuple[float, float]]) -> nn.Module:
    """A copy of `net` whose convolutions named in `found` round their inputs and weights to 8 bits."""
    rounded = copy.deepcopy(net)
    for name, (low, high) in found.items():
        parent, _, own = name.rpartition(".")
        holder = rounded.get_submodule(parent)
        layer = holder.get_submodule(own)
        if not isinstance(layer, nn.Conv2d):
            raise TypeError(f"{name} is a {type(layer).__name__}, not a Conv2d")
        holder.register_module(own, QuantisedConv(layer, low, high))
    return rounded


def steps_of(low: float, high: float) -> tuple[float, int]:
    """Scale S and zero point Z of a range."""
    scale = max(high - low, 1e-6) / 255
    return scale, min(255, max(0, round(-low / scale)))


class QuantisedConv(nn.Module):
    """A convolution that rounds its input and its weights to 8 bits.

    Args:
        conv: what to round; it is kept.
        low, high: range of the input.
    """

    steps: Tensor

    def __init__(self, conv: nn.Conv2d, low: float, high: float) -> None:
        super().__init__()
        self.conv = conv
        self.scale, self.zero = steps_of(low, high)
        peaks = conv.weight.detach().abs().amax(dim=(1, 2, 3)).clamp(min=SMALLEST)
        steps = (peaks / 127).view(-1, 1, 1, 1)
        with torch.no_grad():
            conv.weight.copy_((conv.weight / steps).round() * steps)
        self.register_buffer("steps", steps.flatten())

    def forward(self, x: Float[Tensor, "batch inputs rows columns"]) -> Float[Tensor, "batch outputs _ _"]:
        rounded = torch.fake_quantize_per_tensor_affine(x, self.scale, self.zero, 0, 255)
        weight = torch.fake_quantize_per_channel_affine(
            self.conv.weight, self.steps, torch.zeros_like(self.steps, dtype=torch.int32), 0, -127, 127
        )
        return nn.functional.conv2d(
            rounded, weight, self.conv.bias, self.conv.stride, self.conv.padding, self.conv.dilation, self.conv.groups
        )
