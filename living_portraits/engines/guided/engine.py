"""The guided engine: poses the doll, asks the network what to mend, and mends it at the crop's own size."""

import warnings
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
from living_portraits.engines.guided.net import SIDE, Features, Repair, RepairConfig, RepairNet, carried, swayed
from living_portraits.engines.guided.view import View, drawing, shrunk, view
from living_portraits.geometry import FACE_OVAL
from living_portraits.motion import HeadMotion, measure
from living_portraits.nn.pixels import to_tensor
from living_portraits.restraint import restrain
from living_portraits.warp import pixel_grid, polygon_mask

WEIGHTS = "guided"

TOO_MUCH = 0.03
"""Of the range from black to white: a network that would change a still's own face by more does not know such faces."""


class OddFaceWarning(UserWarning):
    """The network would repair what needs no repair, so the doll is shown as it is."""


@dataclass(frozen=True, eq=False)
class GuidedIdentity:
    """One portrait.

    Attributes:
        doll: what is posed.
        features: what the network remembers of it; None where it is better left out.
    """

    doll: Doll
    features: Features | None


class Guided:
    """Engine: the posed doll, repaired by a network that learned from film what no copy can give.

    Args:
        size: side of the crops, px.
        file: a snapshot of the recipe `guided`; None: the one that comes with the project.
    """

    spec = Spec(
        name="guided",
        title="the puppet, repaired by a small network: mouths, lids, folds and the far cheek",
        weights=(WEIGHTS,),
    )

    def __init__(self, *, size: int = spec.size, file: Path | None = None) -> None:
        self.spec = replace(Guided.spec, size=size)
        self._net = read_net(file or weights.path(WEIGHTS))

    @torch.inference_mode()
    def encode_identity(self, source: Track) -> GuidedIdentity:
        """The first crop of the track as a doll, and its features.

        Warns with `OddFaceWarning` where the network cannot be trusted with this face: see `needless`.
        """
        crop, points = source.crops[0], source.points[0]
        doll, seen = Doll.of(crop, points), (shrunk(crop, SIDE // 2), drawing(points, size=self.spec.size))
        identity = GuidedIdentity(doll, self._net.encode(*(to_tensor([picture]) for picture in seen)))
        if self.needless(identity) <= TOO_MUCH:
            return identity
        warnings.warn(
            "This face is unlike those that the guided engine learned from, so it is moved without repairs, "
            "as the engine puppet does.",
            OddFaceWarning,
            stacklevel=2,
        )
        return replace(identity, features=None)

    def encode_motion(self, driver: Track, drive: Drive) -> HeadMotion:
        """What the driver's points say."""
        return measure(driver, drive)

    def generate(self, identity: GuidedIdentity, motion: HeadMotion) -> Iterator[Frame]:
        """One frame per driver frame, the motion held within what one picture can bear."""
        bearable = restrain(motion, identity.doll.mesh.source.pose)
        for number in range(len(motion)):
            posed, head, sampling = identity.doll.pose(bearable, number)
            if identity.features is None:
                yield posed
            else:
                yield mend(posed, self._repair(view(posed, head, sampling), identity.features))

    def needless(self, identity: GuidedIdentity) -> float:
        """How much the network would change of a still at rest, which needs no repair.

        The mean absolute difference within the face's outline, 0 to 1: a measure of how well it knows such faces.
        """
        doll = identity.doll
        points = doll.mesh.source.pose.to_picture(doll.mesh.source.shape.astype(np.float64)).astype(np.float32)
        rest = measure(Track([], points[None], np.zeros((1, 52), np.float32)), Drive())
        still, head, sampling = doll.pose(rest, 0)
        if identity.features is None:
            return 0.0
        changed = mend(still, self._repair(view(still, head, sampling), identity.features))
        face = polygon_mask(points[list(FACE_OVAL), :2], (0, 0), still.shape[:2], feather=1.0) > 0.5
        return float(np.abs(changed[face].astype(np.float32) - still[face]).mean()) / 255

    @torch.inference_mode()
    def _repair(self, seen: View, features: Features) -> Repair:
        places = torch.from_numpy(seen.places.astype(np.float32)).movedim(-1, 0)[None]
        pictures = (to_tensor([picture]) for picture in (seen.posed, seen.drawing, seen.stretch))
        carry = carried(places)
        return self._net(*pictures, places, carry, swayed(carry), features)


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
