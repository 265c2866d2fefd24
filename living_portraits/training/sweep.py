"""The broad part of a student's flow, found by least squares from what its teacher drew."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from living_portraits.engines.megaportraits.student import AXES, Student, Sweep, heard

_SHY = 0.02  # of the mean square of a number: how much is asked for before a field is believed


@torch.no_grad()
def fit(student: Student, films: Sequence[Mapping[str, np.ndarray]], *, first: int = 0) -> None:
    """Sets `student.sweep`, from films as `Films.of` makes them, whose portraits' numbers begin at `first`.

    The axes are the principal directions of all that was heard, not centred: rest stays rest. Where they are fitted
    already, only the films' portraits are.
    """
    sweep, device = student.sweep, student.sweep.maps.device
    told = torch.cat([_told(film) for film in films]).to(device)
    avatar = np.concatenate([film["avatar"].ravel() for film in films]).astype(int)
    flow = torch.cat([_flow(film, student.config.drawn) for film in films]).to(device)
    with torch.autocast(device.type, enabled=False):  # half precision solves nothing
        _fit(sweep, told, avatar, flow, first=first)


def _fit(sweep: Sweep, told: Tensor, avatar: np.ndarray, flow: Tensor, *, first: int) -> None:
    if not sweep.fitted:
        _, spread, directions = torch.linalg.svd(told, full_matrices=False)
        count = min(AXES, len(spread))
        sweep.axes.weight.zero_()
        scale = (spread[:count] / len(told) ** 0.5).clamp_min(1e-3)
        sweep.axes.weight[:count] = directions[:count] / scale[:, None]
        sweep.fitted.fill_(1)
    numbers = sweep.axes(told)
    for number in sorted(set(avatar.tolist())):
        mine = torch.from_numpy(np.flatnonzero(avatar == number)).to(flow.device)
        a = numbers[mine]
        shy = _SHY * max(len(mine), AXES) * torch.eye(AXES, device=flow.device)
        fields = torch.linalg.solve(a.mT @ a + shy, a.mT @ flow[mine].flatten(1))
        sweep.maps[first + number] = fields.reshape(2 * AXES, *flow.shape[2:])


def _told(film: Mapping[str, np.ndarray]) -> Tensor:
    words = torch.from_numpy(film["words"]).float().flatten(1)
    return heard(words, torch.from_numpy(film["sway"]).float().movedim(-1, 1))


def _flow(film: Mapping[str, np.ndarray], side: int) -> Tensor:
    """In half sides, from where things are found."""
    places = torch.from_numpy(film["places"]).float().movedim(-1, 1)
    count = places.shape[-1]
    middles = (2 * torch.arange(count) + 1) / count - 1
    y, x = torch.meshgrid(middles, middles, indexing="ij")
    flow = places - torch.stack([x, y])
    return flow if count == side else torch.nn.functional.interpolate(flow, size=(side, side), mode="area")
