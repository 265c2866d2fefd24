"""Where a run begins that does not begin from nothing."""

from pathlib import Path

from torch import nn

from living_portraits import weights
from living_portraits.errors import WeightsError


def start_from(net: nn.Module, file: Path, *, name: str) -> None:
    """Takes over from a snapshot what has the same name and shape; the rest of the network begins anew.

    Args:
        name: what the recipe calls this network. A snapshot of the recipe or what ships of it will do.

    Raises WeightsError for a file that cannot be read or of which nothing fits.
    """
    _, state = weights.read(file)
    own = net.state_dict()
    given = {key.removeprefix(f"{name}."): value.float() for key, value in state.items()}
    fitting = {key: value for key, value in given.items() if key in own and own[key].shape == value.shape}
    if not fitting:
        raise WeightsError(f"Nothing in the model file {file.name} fits this network.")
    net.load_state_dict(own | fitting)
