"""A fine-tuned person's file: what sets their generator apart from everybody's, and their AdaIN numbers.

Fine-tuning changes every weight, but by little, and mostly along few directions: of each weight's change, as a matrix
[out, the rest], only the largest singular values are kept, as few as draw the same person (`compact`).
"""

import copy
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from living_portraits import geometry, weights
from living_portraits.engine import Frame, Track
from living_portraits.engines.talking_head.networks import Generator
from living_portraits.errors import WeightsError
from living_portraits.people import People

SHARES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
"""Of each weight's change, as a sum of squares: what `compact` tries to do with, before it keeps everything."""

SAME_DB = 42.0
"""PSNR between drawings by the whole change and by the part that is kept: nobody sees a difference."""

SUFFIX = ".person"
PERSONS = People("person", SUFFIX, "make one with `living-portraits finetune`", shelf="talking-head/")

_EXACT = 1 - 1e-6  # share that a file keeps of what it is given
_LEFT, _RIGHT, _WHOLE, _STYLE, _PICTURE = ".left", ".right", ".whole", "style", "picture"
_OTHER, _POINTS = "picture.", "points"


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody the network was fine-tuned on.

    Attributes:
        style: `[1, numbers]` AdaIN numbers.
        changes: of the folded generator's weights, by name.
        about: name, number of pictures, steps; JSON values.
        picture: the first of theirs, cut out around the face: what a film begins with that is given no other.
        pictures: all of them, where they are several: they lend their faces to films.
    """

    style: Float[Tensor, "1 numbers"]
    changes: dict[str, Tensor]
    about: dict[str, Any] = field(default_factory=dict)
    picture: Frame | None = None
    pictures: Track | None = None

    def holding(self, pictures: Track) -> "Person":
        """The same, with these pictures."""
        return replace(self, picture=pictures.crops[0], pictures=pictures if len(pictures) > 1 else None)


def difference(base: Generator, own: Generator) -> dict[str, Tensor]:
    """What makes `own` of `base`, both with spectral norms folded in."""
    before = dict(base.named_parameters())
    return {name: (value - before[name]).detach().clone() for name, value in own.named_parameters()}


@torch.no_grad()
def compact(
    base: Generator, person: Person, shown: Float[Tensor, "count channels height width"], *, decibel: float = SAME_DB
) -> Person:
    """The person with the smallest part of the changes that draws what is `shown` the same to within `decibel`."""
    expected = tuned(base, person)(shown, person.style)
    for share in SHARES:
        changes = {name: _strongest(change, share) for name, change in person.changes.items()}
        smaller = replace(person, changes=changes)
        error = (tuned(base, smaller)(shown, person.style) - expected).square().mean()
        if 10 * torch.log10(4 / error.clamp_min(1e-12)) >= decibel:  # pictures span 2
            return smaller
    return person


def _strongest(change: Tensor, share: float) -> Tensor:
    """The change along as few directions as hold `share` of its sum of squares; vectors stay whole."""
    if change.ndim < 2:
        return change
    u, s, v = torch.linalg.svd(change.flatten(1), full_matrices=False)
    rank = _rank(s, share)
    return ((u[:, :rank] * s[:rank]) @ v[:rank]).view_as(change)


def _rank(singular: Float[Tensor, "count"], share: float) -> int:
    energy = singular.square().cumsum(0)
    return int((energy < share * energy[-1]).sum()) + 1


@torch.no_grad()
def tuned(base: Generator, person: Person) -> Generator:
    """The person's own generator, a changed copy of the folded `base`. Raises WeightsError if they do not fit."""
    own = copy.deepcopy(base)
    parameters = dict(own.named_parameters())
    if base.style_length != person.style.shape[1] or set(person.changes) - set(parameters):
        raise WeightsError("The person's file belongs to a talking head of other sizes: fine-tune anew.")
    for name, change in person.changes.items():
        parameters[name].add_(change.view_as(parameters[name]))
    return own.eval().requires_grad_(False)


def write(path: Path, person: Person, *, base: Path) -> int:
    """Writes the file, in half precision; returns its length in bytes. `base` is the network's file.

    Raises:
        WeightsError: the file cannot be written there.
    """
    state = {_STYLE: person.style.half()}
    if person.picture is not None:
        state[_PICTURE] = torch.from_numpy(person.picture)
    if person.pictures is not None:
        state |= {
            f"{_OTHER}{number}": _pressed(person.pictures.crops[number]) for number in range(1, len(person.pictures))
        }
        state[_POINTS] = torch.from_numpy(person.pictures.points)
    for name, change in person.changes.items():
        state |= _compressed(name, change.float())
    config = {**person.about, "recipe": "talking-head person", "base": _hash(base)}
    weights.write(path, config=config, state=state)
    return path.stat().st_size


def read(path: Path, *, base: Path) -> Person:
    """Somebody from a file that `write` made.

    Raises:
        WeightsError: the file is missing, damaged, no person's, or made from another network than `base`.
    """
    config, state = weights.read(path)
    if config.get("recipe") != "talking-head person" or _STYLE not in state:
        raise WeightsError(f"{path} is no person's file: make one with `living-portraits finetune`.")
    if config.get("base") not in _names(base):
        raise WeightsError(f"{path} was fine-tuned from other weights than {base.name}: run `finetune` again.")
    changes = {}
    for key, value in state.items():
        if key.endswith(_LEFT):
            name = key.removesuffix(_LEFT)
            changes[name] = value.float() @ state[name + _RIGHT].float()
        elif key.endswith(_WHOLE):
            changes[key.removesuffix(_WHOLE)] = value.float()
    about = {name: value for name, value in config.items() if name not in ("recipe", "base")}
    picture = state[_PICTURE].numpy() if _PICTURE in state else None
    try:
        return Person(state[_STYLE].float(), changes, about, picture, _pictures(state))
    except (KeyError, OSError, ValueError) as error:
        raise WeightsError(f"{path} holds damaged pictures: fine-tune anew.") from error


def _pictures(state: Mapping[str, Tensor]) -> Track | None:
    """All pictures. Raises KeyError, OSError or ValueError where they are damaged."""
    if _POINTS not in state:
        return None
    points = state[_POINTS].numpy()
    crops = [state[_PICTURE].numpy(), *(_opened(state[f"{_OTHER}{number}"]) for number in range(1, len(points)))]
    if points.shape[1:] != (geometry.POINT_COUNT, 3) or not np.isfinite(points).all():
        raise ValueError(f"points of shape {points.shape}")
    if {crop.shape for crop in crops} != {crops[0].shape}:
        raise ValueError("pictures of several sizes")
    return Track(crops, points, np.zeros((len(points), 52), np.float32))


def _pressed(picture: Frame) -> UInt8[Tensor, "length"]:
    """As a JPEG that nobody can tell from the picture: a sixth of its bytes."""
    store = io.BytesIO()
    Image.fromarray(picture).save(store, "JPEG", quality=95, subsampling=0)
    return torch.frombuffer(bytearray(store.getvalue()), dtype=torch.uint8)


def _opened(pressed: UInt8[Tensor, "length"]) -> Frame:
    with Image.open(io.BytesIO(pressed.numpy().tobytes())) as picture:
        return np.asarray(picture.convert("RGB"))


def _compressed(name: str, change: Tensor) -> dict[str, Tensor]:
    """A change as the product of a tall and a wide matrix, or whole where that is no shorter."""
    if change.ndim > 1:
        matrix = change.flatten(1)
        u, s, v = torch.linalg.svd(matrix, full_matrices=False)
        rank = _rank(s, _EXACT)
        if rank * sum(matrix.shape) < matrix.numel():
            root = s[:rank].sqrt()
            return {name + _LEFT: (u[:, :rank] * root).half(), name + _RIGHT: (root[:, None] * v[:rank]).half()}
    return {name + _WHOLE: change.half()}


def _names(base: Path) -> tuple[str, ...]:
    """What the network's file hashes to, and files that held the same numbers."""
    own = _hash(base)
    return (own, *(former for file in weights.FILES.values() if file.sha256 == own for former in file.formerly))


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
