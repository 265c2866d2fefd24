"""A run's folder: options, figures, log, pictures, snapshot, state.

options.json              recipe, its config, dataset, versions
stats.jsonl               figures, a line at a time: step, seconds, losses, steps a second, share of waiting
log.txt                   what was printed
samples/000500.png        what the networks make of the validation batch
snapshot.safetensors      averaged weights in half precision, with their config: for use
state.pt                  everything that resuming takes; state.previous.pt is the one before
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from living_portraits import weights
from living_portraits.errors import OutputError, WeightsError
from living_portraits.training.recipe import TrainingError
from living_portraits.training.state import write_bytes

OPTIONS, STATS, LOG, SAMPLES, SNAPSHOT, STATE = (
    "options.json", "stats.jsonl", "log.txt", "samples", "snapshot.safetensors", "state.pt",
)  # fmt: skip
FILES = (OPTIONS, STATS, LOG, f"{SAMPLES}/STEP.png", SNAPSHOT, STATE, "state.previous.pt")


@dataclass(frozen=True)
class RunFolder:
    """Where a run writes. With `writes=False` (not the first process) nothing is written."""

    path: Path
    writes: bool = True

    @property
    def state(self) -> Path:
        return self.path / STATE

    @property
    def snapshot(self) -> Path:
        return self.path / SNAPSHOT

    def begin(self, options: Mapping[str, Any]) -> None:
        """Makes the folder and writes the options; raises OutputError where another run lies there already."""
        if (self.path / OPTIONS).exists():
            raise OutputError(f"{self.path} holds a run already: go on with --resume, or name another folder.")
        if not self.writes:
            return
        try:
            (self.path / SAMPLES).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.path} cannot be made: {error.strerror or error}.") from error
        self.write_options(options)

    def write_options(self, options: Mapping[str, Any]) -> None:
        if self.writes:
            write_bytes(self.path / OPTIONS, (json.dumps(options, indent=1) + "\n").encode())

    def options(self) -> dict[str, Any]:
        """What the run was started with; raises TrainingError where there is no run."""
        try:
            return dict(json.loads((self.path / OPTIONS).read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise TrainingError(f"{self.path} holds no run to resume: its {OPTIONS} cannot be read.") from error

    def say(self, text: str) -> None:
        """Prints a line and keeps it in the log."""
        if not self.writes:
            return
        print(text, file=sys.stderr, flush=True)
        if self.path.is_dir():
            with (self.path / LOG).open("a", encoding="utf-8") as file:
                file.write(f"{text}\n")

    def record(self, figures: Mapping[str, Any]) -> None:
        """Adds a line to the figures."""
        if self.writes:
            with (self.path / STATS).open("a", encoding="utf-8") as file:
                file.write(json.dumps(figures) + "\n")

    def figures(self) -> list[dict[str, Any]]:
        """All lines of the figures that are whole."""
        if not (self.path / STATS).is_file():
            return []
        found = []
        for line in (self.path / STATS).read_text(encoding="utf-8").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue  # the run was killed while it wrote this line
        return found

    def forget_after(self, step: int) -> None:
        """Drops the figures of steps that a resumed run will make again."""
        if self.writes:
            kept = [json.dumps(figures) + "\n" for figures in self.figures() if figures["step"] <= step]
            write_bytes(self.path / STATS, "".join(kept).encode())

    def write_pictures(self, step: int, columns: Sequence[Float[Tensor, "batch 3 height width"]]) -> Path:
        """The columns side by side, a sample a row, at most eight rows."""
        rows = torch.cat([column[:8].float() for column in columns], dim=3)
        sheet = rows.permute(0, 2, 3, 1).reshape(-1, rows.shape[3], 3)
        pixels = ((sheet.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).cpu().numpy()
        path = self.path / SAMPLES / f"{step:06d}.png"
        if self.writes:
            Image.fromarray(np.ascontiguousarray(pixels)).save(path)
        return path

    def write_snapshot(self, config: Mapping[str, Any], state: Mapping[str, Tensor]) -> None:
        """Averaged weights in half precision; numbers that half precision cannot hold stay as they are."""
        if not self.writes:
            return
        try:
            weights.write(self.snapshot, config=config, state={name: _half(value) for name, value in state.items()})
        except WeightsError as error:
            raise OutputError(str(error)) from error


def _half(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu()
    if not tensor.is_floating_point():
        return tensor
    half = tensor.half()
    return half if bool(torch.isfinite(half).all()) else tensor
