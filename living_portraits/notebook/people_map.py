"""Embeddings on paper: a map of people, and how chance averages out."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from jaxtyping import Float
from torch import Tensor

from living_portraits.notebook.pictures import COLOURS, finish

MOST = 1000  # pairs of sets of T pictures that are tried


def map_of(each: Float[Tensor, "people poses numbers"], names: Sequence[str], *, taught: int) -> None:
    """The two strongest directions of embeddings: dots for poses that were taught, rings for those that were not.

    "anna, in spring" and "anna, in autumn" are one person, of one colour.
    """
    flat = each.flatten(0, 1)
    _, _, directions = torch.linalg.svd(flat - flat.mean(dim=0), full_matrices=False)
    places = ((each - flat.mean(dim=0)) @ directions[:2].T).numpy()
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    whose = [name.split(",")[0] for name in names]
    people = list(dict.fromkeys(whose))
    for number, person in enumerate(whose):
        colour, own = COLOURS[people.index(person) % len(COLOURS)], places[number]
        first = person if whose.index(person) == number else None
        axes.scatter(own[:taught, 0], own[:taught, 1], s=14, color=colour, label=first)
        axes.scatter(own[taught:, 0], own[taught:, 1], s=60, facecolors="none", edgecolors=colour)
    axes.legend(frameon=False, fontsize=9, bbox_to_anchor=(1, 1), loc="upper left")
    axes.set(xlabel="strongest direction", ylabel="second", xticks=[], yticks=[])
    finish(figure)


def strips(known: Mapping[str, Float[Tensor, "pictures numbers"]]) -> None:
    """Vectors less their mean as strips, a person below the other: a row for each picture, a column for each number."""
    mean = torch.cat(list(known.values())).mean(dim=0)
    away = {name: (vectors - mean).numpy() for name, vectors in known.items()}
    most = max(float(abs(part).max()) for part in away.values())
    figure, axes = plt.subplots(len(known), figsize=(8, 0.6 * len(known)), squeeze=False, layout="constrained")
    for place, (name, part) in zip(axes[:, 0], away.items(), strict=True):
        place.imshow(part, cmap="coolwarm", vmin=-most, vmax=most, aspect="auto", interpolation="nearest")
        place.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10)
        place.set(xticks=[], yticks=[])
    finish(figure)


def spread_of_means(each: Float[Tensor, "people poses numbers"]) -> list[float]:
    """For T = 1, 2, ...: how far the means of T pictures and of T others of the same person are apart.

    As a share of the way to the mean of T pictures of somebody else; 1 where the numbers do not know who it is.
    """
    people, poses = each.shape[:2]
    strangers, chance = ~torch.eye(people, dtype=torch.bool), torch.Generator().manual_seed(0)
    orders = [torch.randperm(poses, generator=chance) for _ in range(MOST)]
    spread = []
    for count in range(1, poses // 2 + 1):
        halves = [(each[:, order[:count]], each[:, order[count : 2 * count]]) for order in orders]
        ways = torch.stack([torch.cdist(one.mean(dim=1), other.mean(dim=1)) for one, other in halves])
        spread.append(float(ways.diagonal(dim1=1, dim2=2).mean() / ways[:, strangers].mean()))
    return spread
