"""The guided engine: poses the doll, asks the network what to mend, and mends it at the crop's own size."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from living_portraits import weights
from living_portraits.doll import Doll
from living_portraits.engine import Drive, Frame, Spec, Track
from living_portraits.engines.guided.net import SIDE, Features, Repair, RepairConfig, RepairNet
from living_portraits.engines.guided.view import View, drawing, shrunk, view
from living_portraits.motion import HeadMotion, measure
from living_portraits.restraint import restrain
from living_portraits.warp import pixel_grid

WEIGHTS = "guided"


@dataclass(frozen=True, eq=False)
class GuidedIdentity:
    """One portrait: its doll, and what the network remembers of it."""

    doll: Doll
    features: Features


class Guided:
    """Engine: the posed doll, repaired by a network that learned from film what no copy can give.

    Args:
        size: side of the crops, px.
        weights_file: a snapshot of the recipe `guided`; None: the one that comes with the project.
    """

    spec = Spec(
        name="guided",
        title="the puppet, repaired by a small network: mouths, lids, folds and the far cheek",
        weights=(WEIGHTS,),
    )

    def __init__(self, *, size: int = spec.size, weights_file: Path | None = None) -> None:
        self.spec = replace(Guided.spec, size=size)
        self._net = read_net(weights_file or weights.path(WEIGHTS))

    @torch.inference_mode()
    def encode_identity(self, source: Track) -> GuidedIdentity:
        """The first crop of the track as a doll, and its features."""
        crop, points = source.crops[0], source.points[0]
        seen = shrunk(crop, SIDE // 2), drawing(points, size=self.spec.size)
        return GuidedIdentity(Doll.of(crop, points), self._net.encode(*(_batch(picture) for picture in seen)))

    def encode_motion(self, driver: Track, drive: Drive) -> HeadMotion:
        """What the driver's points say."""
        return measure(driver, drive)

    def generate(self, identity: GuidedIdentity, motion: HeadMotion) -> Iterator[Frame]:
        """One frame per driver frame, the motion held within what one picture can bear."""
        bearable = restrain(motion, identity.doll.mesh.source.pose)
        for number in range(len(motion)):
            posed, head, sampling = identity.doll.pose(bearable, number)
            yield mend(posed, self._repair(view(posed, head, sampling), identity.features))

    @torch.inference_mode()
    def _repair(self, seen: View, features: Features) -> Repair:
        places = torch.from_numpy(seen.places.astype(np.float32)).movedim(-1, 0)[None]
        return self._net(_batch(seen.posed), _batch(seen.drawing), _batch(seen.stretch), places, features)


def read_net(path: Path) -> RepairNet:
    """The network of a snapshot, ready for use on the CPU. Raises WeightsError."""
    config, state = weights.read(path)
    known = {each.name for each in fields(RepairConfig)}
    shape = RepairConfig.of({name: value for name, value in config["train"].items() if name in known})
    net = RepairNet(shape)
    net.load_state_dict({name.removeprefix("net."): value.float() for name, value in state.items()})
    return net.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def mend(posed: Frame, repair: Repair) -> Frame:
    """`Repair.apply` on bytes: a frame `[size, size, 3]` of any size, with sharper sampling than in training."""
    size = posed.shape[0]
    nudge, shade, colour, mask = (_picture(getattr(repair, each.name), size) for each in fields(Repair))
    mask = mask.reshape(size, size, 1)
    moved = cv2.remap(
        posed, pixel_grid(size) + (size / SIDE) * nudge, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    lit = moved + 127.5 * shade
    mended = lit + mask * (127.5 * (colour + 1) - lit)
    return np.asarray(np.rint(mended).clip(0, 255), dtype=np.uint8)


def _picture(field: Tensor, size: int) -> np.ndarray:
    """A field of one picture as an array `[size, size, channels]`."""
    array = np.ascontiguousarray(field[0].movedim(0, -1).numpy())
    return array if array.shape[0] == size else cv2.resize(array, (size, size), interpolation=cv2.INTER_LINEAR)


def _batch(picture: np.ndarray) -> Tensor:
    """uint8 `[H, W, C]` as float `[1, C, H, W]` in [-1, 1]."""
    return torch.from_numpy(picture).movedim(-1, 0)[None].float() / 127.5 - 1
