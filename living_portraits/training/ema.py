"""Weights averaged over the steps, which draw better than the last ones."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """`average <- d average + (1 - d) weights` after each step, with `d = min(decay, (1 + step) / (10 + step))`.

    Buffers are taken as they are. The weights are those of several networks, named "network.parameter".
    """

    def __init__(self, networks: Mapping[str, nn.Module], *, decay: float) -> None:
        self.networks, self.decay = dict(networks), decay
        self._names = [f"{key}.{name}" for key, net in networks.items() for name, _ in net.named_parameters()]
        self._live = [parameter for net in networks.values() for parameter in net.parameters()]
        self._average = [parameter.detach().clone() for parameter in self._live]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Takes in the weights after `step` steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._average, [parameter.detach() for parameter in self._live], 1 - decay)

    def state(self) -> dict[str, Tensor]:
        """Parameters averaged, buffers as they are."""
        buffers = {
            f"{key}.{name}": value
            for key, net in self.networks.items()
            for name, value in net.state_dict().items()
            if f"{key}.{name}" not in self._names
        }
        return {**dict(zip(self._names, self._average, strict=True)), **buffers}

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        """Goes on from `state`."""
        for name, tensor in zip(self._names, self._average, strict=True):
            tensor.copy_(state[name])

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """The networks with averaged weights, in evaluation mode; as they were afterwards."""
        modes = {key: net.training for key, net in self.networks.items()}
        self._exchange()
        try:
            for net in self.networks.values():
                net.eval()
            with torch.no_grad():
                yield
        finally:
            self._exchange()
            for key, net in self.networks.items():
                net.train(modes[key])

    @torch.no_grad()
    def _exchange(self) -> None:
        for live, average in zip(self._live, self._average, strict=True):
            kept = live.detach().clone()
            live.copy_(average)
            average.copy_(kept)
