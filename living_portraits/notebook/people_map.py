"""Embeddings on paper: a map of people, and how chance averages out."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import matplotlib.pyplot as plt
import torch
from jaxtyping import Float
from torch import Tensor

from living_portraits.notebook.pictures import COLOURS, finish

MOST = 60  # sets of T pictures that are tried; there are many


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
    """Vectors as strips of grey, a person below the other: a row for each picture, a column for each number."""
    figure, axes = plt.subplots(len(known), figsize=(8, 0.6 * len(known)), squeeze=False, layout="constrained")
    for place, (name, vectors) in zip(axes[:, 0], known.items(), strict=True):
        place.imshow(vectors.numpy(), cmap="gray", aspect="auto", interpolation="nearest")
        place.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10)
        place.set(xticks=[], yticks=[])
    finish(figure)


def spread_of_means(each: Float[Tensor, "people poses numbers"]) -> list[float]:
    """For T = 1, 2, ...: how far the mean of T of a person's pictures is from the mean of all, on average."""
    whole, poses = each.mean(dim=1), each.shape[1]
    spread = []
    for count in range(1, poses):
        sets = list(combinations(range(poses), count))[:: max(1, len(list(combinations(range(poses), count))) // MOST)]
        means = torch.stack([each[:, list(chosen)].mean(dim=1) for chosen in sets])
        spread.append(float((means - whole).norm(dim=2).mean()))
    return spread
