"""Few-shot talking heads so small that they learn five portraits while a class waits, and know nobody else."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from living_portraits import engines, samples
from living_portraits.engine import Drive, Frame, Track
from living_portraits.engines.talking_head.engine import drawings
from living_portraits.engines.talking_head.networks import FewShot, Shape
from living_portraits.motion import SourceShape, adapt, measure
from living_portraits.nn.pixels import to_frames, to_tensor
from living_portraits.notebook.faces import cut_out, driver_track, find_one

SIDE = 64  # px, of what the network sees and draws
POSED = 128  # px, of what the puppet makes for it
CLOSE = 1.6  # sides of the crop in face heights: at 64 px there is no room for shoulders
EVERY = 6  # frames of the driver from one pose to the next
KEPT = 2  # poses at the end that are for asking, not for teaching
SMALL = Shape(True, (16, 24, 32, 48), 1, (48, 32, 24), (16, 24, 32, 48, 48, 48))

BLOCKS = ["middle 1", "up 1", "up 2", "up 3", "end"]
"""Where the generator takes AdaIN numbers."""

FIVE = ("mona_lisa", "girl_with_a_pearl_earring", "rembrandt", "astronaut", "young_woman")


@dataclass(frozen=True, eq=False)
class People:
    """Some people, each in the same poses, in [-1, 1].

    Attributes:
        names: of the people.
        pictures, drawings: `[people, poses, 3, 64, 64]`; the last `KEPT` poses are never taught.
    """

    names: list[str]
    pictures: Float[Tensor, "people poses 3 64 64"]
    drawings: Float[Tensor, "people poses 3 64 64"]

    @property
    def taught(self) -> int:
        """How many poses, from the first, are for teaching."""
        return self.pictures.shape[1] - KEPT

    def frame(self, person: int, pose: int) -> Frame:
        """One picture."""
        return to_frames(self.pictures[person, pose : pose + 1])[0]

    def drawing(self, person: int, pose: int) -> Frame:
        """One drawing."""
        return to_frames(self.drawings[person, pose : pose + 1])[0]


def people(*names: str, driver: Path = samples.look_around, seconds: float = 2.0) -> People:
    """Bundled portraits, set in motion by the puppet: what a talking head is taught with where nobody was filmed."""
    whole = driver_track(driver, seconds=seconds, size=POSED)
    clip = Track((), whole.points[::EVERY], whole.blendshapes[::EVERY], whole.fps)
    posed = [_posed(samples.PORTRAITS[name], clip) for name in names or FIVE]
    return People(list(names or FIVE), *(torch.stack(parts) for parts in zip(*posed, strict=True)))


def _posed(path: Path, clip: Track) -> tuple[Tensor, Tensor]:
    """One portrait's pictures and drawings."""
    source = cut_out(*find_one(path), size=POSED, scale=CLOSE)
    puppet, face = engines.create("puppet", size=POSED), SourceShape.of(source.points[0])
    motion = measure(clip, Drive())
    frames = puppet.generate(puppet.encode_identity(source), puppet.encode_motion(clip, Drive()))
    small = [np.asarray(cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8) for frame in frames]
    points = [shrunk_points(adapt(face, motion, number).points) for number in range(len(clip))]
    return to_tensor(small), drawings(points, size=SIDE)


def shrunk_points(points: Float32[np.ndarray, "478 3"]) -> Float32[np.ndarray, "478 3"]:
    corner = np.array([0.5, 0.5, 0.0], np.float32)  # of the first pixel, half a pixel before its centre
    return np.asarray((points + corner) * np.float32(SIDE / POSED) - corner, np.float32)


def teach(known: People, *, steps: int = 140, seed: int = 0, rate: float = 6e-3) -> tuple[FewShot, list[float]]:
    """Embedder, generator and projection, taught by L1 alone; and the error at each step, in shares of white.

    Each step takes two poses of everybody: one picture says who it is, the other is to be drawn from its drawing.
    """
    torch.manual_seed(seed)
    net, everybody = FewShot(SMALL), torch.arange(len(known.names))
    optimiser = torch.optim.Adam(net.parameters(), lr=rate, betas=(0.0, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    errors = []
    for _ in range(steps):
        asked, shown = torch.randint(known.taught, (2, len(everybody)))
        output, _, _ = net(
            known.pictures[everybody, shown][:, None],
            known.drawings[everybody, shown][:, None],
            known.drawings[everybody, asked],
        )
        error = (output - known.pictures[everybody, asked]).abs().mean()
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
        schedule.step()
        errors.append(error.item() / 2)
    return net.eval(), errors


@torch.no_grad()
def embeddings(net: FewShot, known: People) -> Float[Tensor, "people poses numbers"]:
    """What the embedder says of every single picture."""
    flat = net.embed(known.pictures.flatten(0, 1)[:, None], known.drawings.flatten(0, 1)[:, None])
    return flat.view(*known.pictures.shape[:2], -1)


@torch.no_grad()
def drawn(net: FewShot, embedding: Float[Tensor, "numbers"], drawing: Float[Tensor, "3 height width"]) -> Frame:
    """A person, known by an embedding, in the pose of a drawing."""
    return to_frames(net.generator(drawing[None], net.style(embedding[None])))[0]


@torch.no_grad()
def drawn_mixed(
    net: FewShot,
    embedding: Float[Tensor, "numbers"],
    other: Float[Tensor, "numbers"],
    drawing: Float[Tensor, "3 height width"],
    *,
    blocks: tuple[int, int],
) -> tuple[Frame, list[str]]:
    """A person with somebody else's AdaIN numbers in blocks start to stop, and what these are called."""
    start, stop = blocks
    own, others = (torch.split(net.style(one[None]), net.generator.numbers, dim=1) for one in (embedding, other))
    switched = range(2 * start, 2 * stop)  # two norms a block; the last stands alone
    style = torch.cat([others[i] if i in switched else own[i] for i in range(len(own))], dim=1)
    return to_frames(net.generator(drawing[None], style))[0], BLOCKS[start:stop]


@torch.no_grad()
def stages(
    net: FewShot, embedding: Float[Tensor, "numbers"], drawing: Float[Tensor, "3 height width"]
) -> dict[str, Float32[np.ndarray, "rows columns"]]:
    """What goes through the generator on its way to a frame: after each block, how strongly each place responds."""
    seen: dict[str, Float32[np.ndarray, "rows columns"]] = {}
    parts = {"enter": net.generator.enter, **_numbered("down", net.generator.down)}
    parts |= {**_numbered("middle", net.generator.middle), **_numbered("up", net.generator.up)}

    def keep(name: str) -> Callable[..., None]:
        return lambda module, given, x: seen.__setitem__(name, x[0].abs().mean(dim=0).numpy())

    hooks = [part.register_forward_hook(keep(name)) for name, part in parts.items()]
    net.generator(drawing[None], net.style(embedding[None]))
    for hook in hooks:
        hook.remove()
    return seen


def _numbered(name: str, blocks: torch.nn.ModuleList) -> dict[str, torch.nn.Module]:
    return {f"{name} {number}": block for number, block in enumerate(blocks, 1)}
