"""A dancer's file: the networks that learned one person, the empty stage, and where the person stood on it."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from living_portraits import weights
from living_portraits.engine import Frame
from living_portraits.engines.dance.networks import FaceResidual, Generator, Shape
from living_portraits.engines.dance.repertoire import Repertoire
from living_portraits.errors import WeightsError
from living_portraits.people import People
from living_portraits.stance import Stance

SUFFIX = ".dancer"
DANCERS = People("dancer", SUFFIX, "teach one with `living-portraits dance train`")
RECIPE = "dance"


@dataclass(frozen=True, eq=False)
class Dancer:
    """Somebody who was learned.

    Attributes:
        generator: of the body. face: what refines its face; None where that was not taught.
        plate: the empty stage, `[size, size, 3]`.
        stance: where they stand on it, px.
        fps: frames a second that were taught.
        repertoire: poses that were taught; None in files of dancers who were taught before these were kept.
        about: name, source, steps and terms; JSON values.
    """

    generator: Generator
    face: FaceResidual | None
    plate: Frame
    stance: Stance
    fps: float
    repertoire: Repertoire | None = None
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return int(self.plate.shape[0])


def write(path: Path, dancer: Dancer) -> None:
    """Writes the file, in half precision. Raises WeightsError where it cannot be written."""
    config = {
        "recipe": RECIPE,
        "shape": asdict(dancer.generator.shape),
        "stance": asdict(dancer.stance),
        "fps": dancer.fps,
        "about": dancer.about,
    }
    weights.write(path, config=config, state=_state(dancer))


def _state(dancer: Dancer) -> dict[str, Tensor]:
    nets = {"generator": dancer.generator, **({"face": dancer.face} if dancer.face is not None else {})}
    state = {f"{key}.{name}": value.half() for key, net in nets.items() for name, value in net.state_dict().items()}
    state["plate"] = torch.from_numpy(np.ascontiguousarray(dancer.plate))
    if dancer.repertoire is not None:
        state["repertoire"] = torch.from_numpy(np.ascontiguousarray(dancer.repertoire)).half()
    return state


def read(path: Path) -> Dancer:
    """A dancer, ready for use on the CPU.

    Raises:
        WeightsError: the file is missing, damaged or no dancer's.
    """
    config, state = weights.read(path)
    if config.get("recipe") != RECIPE or "plate" not in state:
        raise WeightsError(f"{path} is no dancer's file: teach one with `living-portraits dance train`.")
    try:
        shape = Shape.of(config["shape"])
        generator = Generator(shape)
        generator.load_state_dict(_part(state, "generator"))
        face = FaceResidual(shape) if any(key.startswith("face.") for key in state) else None
        if face is not None:
            face.load_state_dict(_part(state, "face"))
        standing = Stance(**config["stance"])
    except (RuntimeError, KeyError, TypeError) as error:
        raise WeightsError(f"{path} holds a dancer of another version: teach them anew.") from error
    for net in (generator, face):
        if net is not None:
            net.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    poses = state["repertoire"].float().numpy() if "repertoire" in state else None
    return Dancer(
        generator, face, state["plate"].numpy(), standing, float(config["fps"]), poses, config.get("about", {})
    )


def _part(state: dict[str, Tensor], key: str) -> dict[str, Tensor]:
    start = f"{key}."
    return {name.removeprefix(start): value.float() for name, value in state.items() if name.startswith(start)}
