"""Whether half the digits are half the time, or less."""

import torch


def bfloat16_is_fast(device: torch.device) -> bool:
    """Whether convolutions and products in bfloat16 are quicker than in single precision there.

    On a GPU they are. On a processor they are where it multiplies tiles (Intel's AMX): 2 to 5 times, forward and
    backward, on two cores; elsewhere bfloat16 is slower.
    """
    if device.type == "cuda":
        return True
    tiles = getattr(torch.cpu, "_is_amx_tile_supported", None)  # not on every version and system
    return device.type == "cpu" and tiles is not None and bool(tiles())
