"""What is trained, and on what: `TrainConfig`, `Batch`, `Recipe`, and the registry of recipes by name."""

import dataclasses
import math
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from living_portraits.engine import Track
from living_portraits.errors import LivingPortraitsError, OptionError


class TrainingError(LivingPortraitsError):
    """The training cannot go on: the message says from where it could, and with what changed."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What every recipe can be told. A recipe that needs more inherits; each default stands here or there alone.

    Attributes:
        size: side of the crops, px.
        batch: samples a step, on each device.
        frames: frames a sample, all of one clip.
        spacing: "far" frames differ in pose and expression (neighbours teach copying), "next" follow each other.
        kinds: which clips of the dataset; those of the first kind are what is validated on.
        shares: of the samples, one for each of `kinds`; empty: each person as often as any other.
        flip: mirror every other sample.
        colour: strength of the change in brightness, contrast and tint, the same for a sample's frames; 0 is none.
        lr: the optimisers' rate, after `warmup` steps of rising.
        steps: stop after as many, and let the rate fall to a hundredth along a cosine; None: constant, no end.
        clip: gradients longer than this are shortened to it, each network for itself.
        ema: how much of the averaged weights a step keeps.
        compile: compile the networks, on a GPU.
        memory_gb: for decoded frames; None: half of what the device has free.
        pool_steps: where the frames do not fit, another part of the dataset is decoded after as many steps.
        check_steps: look for NaN after as many steps on a GPU; looking at every step would make it wait.
        good_steps: remember a state to step back to after as many.
        log_steps: write a line of figures after as many.
        sample_minutes, state_minutes: write pictures and validate; write state and snapshot.
        seed: of everything random.
    """

    size: int = 256
    batch: int = 8
    frames: int = 2
    spacing: Literal["far", "random", "next"] = "far"
    kinds: tuple[str, ...] = ("video",)
    shares: tuple[float, ...] = ()
    flip: bool = True
    colour: float = 0.1
    lr: float = 2e-4
    warmup: int = 100
    steps: int | None = None
    clip: float = 1.0
    ema: float = 0.999
    compile: bool = True
    memory_gb: float | None = None
    pool_steps: int = 500
    check_steps: int = 10
    good_steps: int = 100
    log_steps: int = 50
    sample_minutes: float = 5.0
    state_minutes: float = 5.0
    seed: int = 0

    def rate(self, step: int) -> float:
        """The factor on every optimiser's own rate at `step` (0 is the first)."""
        rising = min((step + 1) / (self.warmup + 1), 1.0)
        if self.steps is None:
            return rising
        return rising * (0.01 + 0.99 * (1 + math.cos(math.pi * min(step / self.steps, 1.0))) / 2)


@dataclass(frozen=True)
class Batch:
    """Samples on the device.

    Attributes:
        frames: in [-1, 1], RGB.
        points: px of the crop. blendshapes: in [0, 1].
        identity: number of the person among the training set's; -1 in validation.
        extra: what `Recipe.extra` made of each frame: pictures, uint8 there and in [-1, 1] here; fields as they were.
    """

    frames: Float[Tensor, "batch frames 3 size size"]
    points: Float[Tensor, "batch frames 478 3"]
    blendshapes: Float[Tensor, "batch frames 52"]
    identity: Int64[Tensor, "batch"]
    extra: Mapping[str, Float[Tensor, "batch frames channels rows columns"]] = field(default_factory=dict)


@runtime_checkable
class Clip(Protocol):
    """What the loop reads of a clip; `data.dataset.Clip` has it."""

    @property
    def id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def identity(self) -> str: ...
    @property
    def split(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def frames(self) -> int: ...


@runtime_checkable
class Source(Protocol):
    """What the loop reads of a dataset; `data.dataset.Dataset` has it."""

    @property
    def clips(self) -> Sequence[Any]: ...

    def track(self, clip: Any) -> Track: ...

    def valid(self, clip: Any) -> np.ndarray:
        """uint8 `[T, 64, 64]`: 255 where a frame is to be believed, less where it was made up in part."""
        ...


class Recipe(nn.Module, ABC):
    """The networks, the losses and the pictures of one kind of training.

    Sub-modules that `networks` does not name (perceptual nets) move to the device but are not trained or kept.
    """

    title: ClassVar[str]
    coloured: ClassVar[tuple[str, ...]] = ()
    """Extras that show what the frames show. Where these change their colours (`TrainConfig.colour`), so do they."""
    Config: ClassVar[type[TrainConfig]] = TrainConfig

    def __init__(self, config: TrainConfig, *, identities: int = 1) -> None:
        super().__init__()
        self.config: Any = config
        self.identities = identities

    @classmethod
    def source(cls, dataset: Source, config: Any) -> Source:
        """What is learned from where the user gives `dataset`: it, unless a recipe adds to it or leaves out of it."""
        return dataset

    @abstractmethod
    def networks(self) -> dict[str, nn.Module]:
        """What is trained, by name."""

    @abstractmethod
    def step(self, batch: Batch) -> dict[str, Tensor]:
        """The losses, weighted, each named "network/loss"; a network takes a step down the sum of its own.

        A network that no loss names is left as it is. Gradients reach the network that a loss is named after and no
        other. Losses of different networks must not share a graph: give a discriminator `output.detach()`.
        Random numbers come from torch alone, whose state the loop sets before each step.
        """

    @abstractmethod
    def pictures(self, batch: Batch) -> list[Float[Tensor, "batch 3 height width"]]:
        """Columns of the sample sheet, in [-1, 1]: what went in, what came out, what should have."""

    def optimiser(self, name: str) -> torch.optim.Optimizer:
        """For the network called `name`."""
        return torch.optim.AdamW(
            self.networks()[name].parameters(), lr=self.config.lr, betas=(0.5, 0.999), weight_decay=0.0
        )

    def snapshot(self) -> tuple[str, ...]:
        """The networks that the engine needs; their averaged weights make the snapshot. All, unless told otherwise."""
        return tuple(self.networks())

    def extra(self, source: Source, clip: Clip, track: Track) -> dict[str, np.ndarray]:
        """What to keep beside each frame, made once as a clip is decoded, `[T, height, width, channels]`.

        Pictures are uint8, fields float16. A field whose name ends in "places" holds places in a picture, (x, y) in
        [-1, 1] as `grid_sample` counts them with `align_corners=False`: its x changes sign where a sample is mirrored.
        """
        return {}

    def gathered(self) -> None:
        """Called before steps with frames that were decoded anew: to make use of what `extra` has seen of all of them.

        What changes here is part of every state that the training goes back to.
        """

    def extra_bytes(self) -> int:
        """Memory for one frame's `extra`."""
        return 0


RECIPES: dict[str, str] = {
    "enhancer": "living_portraits.training.enhancer:Enhancing",
    "guided": "living_portraits.training.guided:Guided",
    "megaportraits": "living_portraits.training.megaportraits:MegaPortraits",
    "smoke": "living_portraits.training.smoke:Smoke",
    "student": "living_portraits.training.student:Distillation",
    "talking-head": "living_portraits.training.talking_head:TalkingHead",
}
"""Every recipe: its name, its module and class. A module is imported when its recipe is asked for."""


def available() -> tuple[str, ...]:
    """The recipes' names."""
    return tuple(RECIPES)


def find(name: str) -> type[Recipe]:
    """The recipe called `name`; raises OptionError, with the choices, where there is none."""
    if name not in RECIPES:
        raise OptionError(f"There is no recipe {name!r}; choose from {', '.join(available())}.")
    module, _, attribute = RECIPES[name].partition(":")
    recipe: type[Recipe] = getattr(import_module(module), attribute)
    return recipe


def configure(kind: type[TrainConfig], given: Mapping[str, Any]) -> TrainConfig:
    """A config with some fields given, as values or as words from the command line.

    Raises:
        OptionError: a field that does not exist, or a word that is no value of its type; the message has the choices.
    """
    known = {option.name: option for option in dataclasses.fields(kind)}
    hints = typing.get_type_hints(kind)
    values = {}
    for name, value in given.items():
        if name not in known:
            raise OptionError(f"There is no setting {name!r}; choose from {', '.join(known)}.")
        values[name] = _parsed(name, value, hints[name]) if isinstance(value, str) else value
        if isinstance(value, list):
            values[name] = tuple(value)  # JSON knows no tuples
    return kind(**values)


def _parsed(name: str, word: str, kind: Any) -> Any:
    """`word` as a value of type `kind`."""
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        if word.lower() == "none":
            return None
        kind = next(choice for choice in typing.get_args(kind) if choice is not type(None))
    if typing.get_origin(kind) is Literal:
        return _chosen(name, word, {str(choice): choice for choice in typing.get_args(kind)})
    if typing.get_origin(kind) is tuple:
        return tuple(_parsed(name, part, typing.get_args(kind)[0]) for part in word.split(",") if word)
    if kind is str:
        return word
    if kind is bool:
        return _chosen(name, word.lower(), {"true": True, "false": False})
    try:
        value = kind(word)
    except ValueError:
        raise OptionError(f"{name} is {_WORDS.get(kind, kind)}, not {word!r}.") from None
    if kind in (int, float) and not 0 <= value < math.inf:
        raise OptionError(f"{name} is at least 0, not {word}.")
    return value


_WORDS: dict[Any, str] = {int: "a whole number", float: "a number"}


def _chosen(name: str, word: str, choices: Mapping[str, Any]) -> Any:
    if word not in choices:
        raise OptionError(f"{name} is one of {', '.join(choices)}, not {word!r}.")
    return choices[word]


def parameters(modules: Sequence[nn.Module]) -> int:
    """How many numbers the modules learn."""
    return sum(parameter.numel() for module in modules for parameter in module.parameters() if parameter.requires_grad)
