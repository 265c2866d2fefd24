"""One recipe's networks, optimisers and averages, and how they take a step, go back, and are kept."""

import copy
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from living_portraits.training.augment import Augment
from living_portraits.training.ema import Average
from living_portraits.training.place import Place
from living_portraits.training.profile import Clock, count_flops
from living_portraits.training.recipe import Batch, Recipe, TrainConfig, TrainingError
from living_portraits.training.source import Sampler

_FORMAT = 1
_MOST_RETREATS = 5  # in a row, from one and the same state


class Trainer:
    """Everything that changes while training. The result of step k depends on the state before it and on k alone."""

    def __init__(self, recipe: Recipe, sampler: Sampler, place: Place) -> None:
        self.recipe, self.sampler, self.place = recipe.to(place.device), sampler, place
        self.config: TrainConfig = recipe.config
        self.networks = recipe.networks()
        for net in self.networks.values():
            net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimisers = {name: recipe.optimiser(name) for name in self.networks}
        for optimiser in self.optimisers.values():
            for group in optimiser.param_groups:
                group["initial_lr"] = group["lr"]
        self.average = Average(self.networks, decay=self.config.ema)
        self.augment = Augment(self.config, device=place.device, coloured=recipe.coloured)
        self.step, self.retreats, self.clock = 0, 0, Clock()
        self.lengths: dict[str, Tensor] = {}  # of the last gradients, by network
        self._sums: dict[str, Tensor] = {}
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._healthy = torch.ones((), dtype=torch.bool, device=place.device)
        self._good: dict[str, Any] = {}
        self._in_a_row = 0

    def compile(self) -> None:
        """Compiles the networks for this GPU; nothing on a CPU, where it gains less than it costs."""
        if self.place.gpu and self.config.compile:
            for net in self.networks.values():
                net.compile()

    def advance(self) -> dict[str, Tensor]:
        """Takes one step; returns its losses."""
        with self.clock.waiting():
            batch = self.sampler.batch(self.step, salt=self.retreats)
        self.recipe.gathered()
        if not self._good:
            self._remember()
        torch.manual_seed(self._seed())
        losses = self._learn(self.augment(batch))
        self.step += 1
        self.clock.steps += 1
        self.average.update(self.step)
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, torch.zeros_like(value)) + value
            self._counts[name] += 1
        return losses

    def _seed(self) -> int:
        """Another for every step, process and retreat."""
        parts = (self.config.seed, self.place.rank, self.retreats, self.step)
        seed = 0
        for part in parts:
            seed = (seed * 1_000_003 + part + 1) % (2**63 - 1)
        return seed

    def _learn(self, batch: Batch) -> dict[str, Tensor]:
        rate = self.config.rate(self.step)
        with self.place.autocast():
            losses = self.recipe.step(batch)
        for name, own in self._by_network(losses).items():
            parameters = [parameter for parameter in self.networks[name].parameters() if parameter.requires_grad]
            total = torch.stack([value.float() for value in own.values()]).sum()
            torch.autograd.backward([total], inputs=parameters)
            gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
            self.place.average(gradients)
            self.lengths[name] = nn.utils.clip_grad_norm_(parameters, self.config.clip)
            self._healthy &= torch.isfinite(self.lengths[name]) & torch.isfinite(total.detach())
            for group in self.optimisers[name].param_groups:
                group["lr"] = group["initial_lr"] * rate
            self.optimisers[name].step()
            self.optimisers[name].zero_grad(set_to_none=True)
        return {name: value.detach() for name, value in losses.items()}

    def _by_network(self, losses: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
        found: defaultdict[str, dict[str, Tensor]] = defaultdict(dict)
        for name, value in losses.items():
            network, _, loss = name.partition("/")
            if network not in self.networks or not loss:
                raise ValueError(f"The loss {name!r} names none of the networks {', '.join(self.networks)}.")
            found[network][loss] = value
        return dict(found)

    def flops(self) -> int:
        """Work of one step, counted on one that is not taken."""
        batch = self.sampler.batch(self.step)
        self.recipe.gathered()
        states = {name: copy.deepcopy(net.state_dict()) for name, net in self.networks.items()}  # counters, too

        def work() -> None:
            with self.place.autocast():
                losses = self.recipe.step(batch)
            for name, own in self._by_network(losses).items():
                parameters = [parameter for parameter in self.networks[name].parameters() if parameter.requires_grad]
                total = torch.stack([value.float() for value in own.values()]).sum()
                torch.autograd.backward([total], inputs=parameters)

        counted = count_flops(work)
        for name, net in self.networks.items():
            net.zero_grad(set_to_none=True)
            net.load_state_dict(states[name])
        return counted

    # --- looking back ----------------------------------------------------------------------------------------------

    def check(self) -> str | None:
        """Whether all went well since the last check; if not, goes back, and says so in a sentence.

        Raises:
            TrainingError: going back to the same state has not helped several times.
        """
        if bool(self._healthy):
            if not self._good or self.step - self._good["step"] >= self.config.good_steps:
                self._remember()
                self._in_a_row = 0
            return None
        self._in_a_row += 1
        was, retreats = self.step, self.retreats
        if self._in_a_row > _MOST_RETREATS:
            raise TrainingError(
                f"The losses keep becoming NaN or infinite after step {self._good['step']}: resume with a lower lr "
                f"(--set lr={self.config.lr / 4:g})."
            )
        self.restore(self._good)
        self.retreats = retreats + 1  # other samples than those that led astray
        self._sums.clear()
        self._counts.clear()
        return f"NaN or infinity before step {was}: back to step {self.step}, on with other samples"

    def _remember(self) -> None:
        self._good = copy.deepcopy(self.state())

    def state(self) -> dict[str, Any]:
        """All that resuming takes; tensors are the live ones."""
        return {
            "format": _FORMAT,
            "step": self.step,
            "retreats": self.retreats,
            "networks": {name: dict(net.state_dict()) for name, net in self.networks.items()},
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "average": self.average.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from `state`.

        Raises:
            TrainingError: it is another version's or another recipe's.
        """
        if state.get("format") != _FORMAT or set(state["networks"]) != set(self.networks):
            raise TrainingError("The state to resume from was written by another version or recipe: start a new run.")
        try:
            for name, net in self.networks.items():
                net.load_state_dict(state["networks"][name])
                self._restore_optimiser(self.optimisers[name], state["optimisers"][name])
            self.average.load(state["average"])
        except (RuntimeError, ValueError, KeyError) as error:
            raise TrainingError(
                "The state to resume from is of networks with other sizes: leave the settings that shape them as "
                "they were."
            ) from error
        self.step, self.retreats = int(state["step"]), int(state["retreats"])
        self._healthy.fill_(True)

    @staticmethod
    def _restore_optimiser(optimiser: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
        """Its memory comes from `state`, its rate from the config: a run may be resumed with another."""
        rates = [group["initial_lr"] for group in optimiser.param_groups]
        optimiser.load_state_dict(copy.deepcopy(dict(state)))
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["initial_lr"] = rate

    # --- figures -----------------------------------------------------------------------------------------------------

    def figures(self) -> dict[str, Any]:
        """Mean losses, gradient lengths and speed since the last figures."""
        losses = {name: float(value) / self._counts[name] for name, value in self._sums.items()}
        self._sums.clear()
        self._counts.clear()
        speed, waiting = self.clock.read()
        return {
            "step": self.step,
            "losses": losses,
            "gradients": {name: float(length) for name, length in self.lengths.items()},
            "steps_per_second": round(speed, 3),
            "waiting": round(waiting, 4),
        }

    def validate(self, batch: Batch) -> tuple[dict[str, float], list[Tensor]]:
        """Losses and pictures of `batch` with averaged weights; the same every time for the same weights."""
        devices = [self.place.device] if self.place.gpu else []
        eager = torch.compiler.set_stance("force_eager")  # not worth a compilation of its own
        with torch.random.fork_rng(devices), self.average.in_use(), self.place.autocast(), eager:
            torch.manual_seed(self.config.seed)
            losses = {name: float(value) for name, value in self.recipe.step(batch).items()}
            return losses, [column.detach() for column in self.recipe.pictures(batch)]

    def snapshot(self) -> dict[str, Tensor]:
        """Averaged weights of the networks that the engine needs."""
        wanted = self.recipe.snapshot()
        return {name: value for name, value in self.average.state().items() if name.split(".")[0] in wanted}
