"""Where a training runs: one device, or several processes that torchrun or `accelerate launch` started."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from living_portraits.errors import OptionError
from living_portraits.nn.precision import bfloat16_is_fast


@dataclass(frozen=True)
class Place:
    """A device, and which of how many processes this is.

    Attributes:
        device: of this process. rank: its number; 0 writes the files. world: how many there are.
        accelerator: what joins them; None for one.
    """

    device: torch.device
    rank: int = 0
    world: int = 1
    accelerator: Any = None

    @property
    def first(self) -> bool:
        return self.rank == 0

    @property
    def gpu(self) -> bool:
        return self.device.type == "cuda"

    def autocast(self) -> AbstractContextManager[Any]:
        """bfloat16 where it is fast; plain elsewhere."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bfloat16_is_fast(self.device))

    def average(self, gradients: Sequence[Tensor]) -> None:
        """Puts the mean over all processes into the gradients."""
        if self.world == 1 or not gradients:
            return
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        flat = self.accelerator.reduce(flat, reduction="mean")
        parts = flat.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def any(self, flag: bool) -> bool:
        """Whether it is so in any process; all get the same answer."""
        if self.world == 1:
            return flag
        total = self.accelerator.reduce(torch.tensor(float(flag), device=self.device), reduction="sum")
        return bool(total > 0)

    def wait(self) -> None:
        """Until all processes are here, and the device has done what it was given."""
        if self.accelerator is not None:
            self.accelerator.wait_for_everyone()
        self.sync()

    def sync(self) -> None:
        if self.gpu:
            torch.cuda.synchronize(self.device)

    def free_bytes(self) -> int:
        """Memory for frames that nobody uses."""
        if self.gpu:
            return int(torch.cuda.mem_get_info(self.device)[0])
        try:
            return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // self.world
        except (ValueError, OSError, AttributeError):  # not on every system
            return 4 * 2**30

    def describe(self) -> str:
        name = torch.cuda.get_device_name(self.device) if self.gpu else f"CPU, {torch.get_num_threads()} threads"
        return f"{self.world} x {name}" if self.world > 1 else name


def find_place() -> Place:
    """The GPU if there is one, else the CPU; a process's own where torchrun or accelerate started several.

    Raises:
        OptionError: there are several processes and accelerate is not installed.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        try:
            accelerate = import_module("accelerate")
        except ImportError as error:
            raise OptionError(
                "Training in several processes needs accelerate: pip install 'living-portraits[train]', "
                "or start one process."
            ) from error
        accelerator = accelerate.Accelerator()
        return Place(accelerator.device, accelerator.process_index, accelerator.num_processes, accelerator)
    return Place(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
