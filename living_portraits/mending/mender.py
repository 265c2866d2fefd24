"""What repairs a frame that a mesh has carried: the network of the engine `guided`, on frames of any size.

The engine `megaportraits` has its faces repaired, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from living_portraits import weights
from living_portraits.doll import Posed
from living_portraits.engine import Frame, Points
from living_portraits.geometry import FACE_OVAL, LIPS_INNER
from living_portraits.mending.net import SIDE, Features, RepairConfig, RepairNet, carried, swayed
from living_portraits.mending.view import drawing, shrunk, view
from living_portraits.motion import AdaptedHead, SourceShape
from living_portraits.nn import runtime as runtimes
from living_portraits.nn.pixels import to_tensor
from living_portraits.nn.runtime import Ranges
from living_portraits.notices import tell
from living_portraits.warp import box_round, lay, pixel_grid, polygon_mask

WEIGHTS = "guided"

TOO_MUCH = 0.03
"""Of the range from black to white: a network that would change a still's own face by more does not know such faces."""

_SOFT_CM = 0.05  # of the lips' edges


class OddFaceWarning(UserWarning):
    """The network would repair what needs no repair, so frames are shown as they are."""


class Mender:
    """The network, ready to be asked.

    Args:
        file: a snapshot of the recipe `guided`; None: the one that comes with the project.
        runtime: one of `among`; None: see `runtime.choose`.

    Raises WeightsError, and OptionError for a runtime that cannot be had.
    """

    def __init__(
        self, *, file: Path | None = None, runtime: str | None = None, among: Sequence[str] = runtimes.RUNTIMES
    ) -> None:
        self._net, ranges = read_net(file or weights.path(WEIGHTS))
        self.runtime = runtimes.choose(runtime, ranges=ranges, among=among)
        self.stitching = Stitching(self._net)
        with torch.inference_mode():
            example = self.stitching.example()
            self._run = runtimes.compiled(self.stitching, example, runtime=self.runtime, ranges=ranges)

    @torch.inference_mode()
    def look(self, crop: Frame, points: Points, *, engine: str) -> Features | None:
        """What the network remembers of a source; points in px of the crop.

        None, with an `OddFaceWarning` that names the engine, where it cannot be trusted with this face: see `needless`.
        """
        seen = shrunk(crop, SIDE // 2), drawing(points, size=len(crop))
        features = self._net.encode(*(to_tensor([picture]) for picture in seen))
        if self.needless(crop, points, features) <= TOO_MUCH:
            return features
        tell(
            OddFaceWarning(
                "This face is unlike those that the repairing network learned from, so the engine "
                f"{engine} moves it without repairs."
            )
        )
        return None

    @torch.inference_mode()
    def mend(self, frames: Sequence[Posed], features: Features) -> list[Frame]:
        """The frames repaired; asked for together, see `runtime.batches`."""
        seen = [view(*each) for each in frames]
        places = torch.from_numpy(np.stack([each.places for each in seen]).astype(np.float32)).movedim(-1, 1)
        posed, drawings, stretch = (
            to_tensor([getattr(each, name) for each in seen]) for name in ("posed", "drawing", "stretch")
        )
        known = (each.expand(len(seen), -1, -1, -1) for each in features)
        found = self._run(posed, drawings, stretch, places, *known)
        stitches = (Stitches(_picture(nudge), _picture(mix)) for nudge, mix in zip(*found, strict=True))
        return [mend(frame, each, head) for (frame, head, _), each in zip(frames, stitches, strict=True)]

    def needless(self, crop: Frame, points: Points, features: Features) -> float:
        """How much the network would change of a still at rest, which needs no repair.

        The mean absolute difference within the face's outline, 0 to 1: a measure of how well it knows such faces; 1
        where a face is too small to tell.
        """
        source, size = SourceShape.of(points), len(crop)
        rest = AdaptedHead(source.pose, source.shape, points)
        [changed] = self.mend([(crop, rest, pixel_grid(size))], features)
        face = polygon_mask(points[list(FACE_OVAL), :2], (0, 0), (size, size), feather=1.0) > 0.5
        if not face.any():
            return 1.0
        return float(np.abs(changed[face].astype(np.float32) - crop[face]).mean()) / 255


class Stitching(nn.Module):
    """A `RepairNet` from what a `View` holds to what `Stitches` holds: tensors alone, as runtimes want it."""

    def __init__(self, net: RepairNet) -> None:
        super().__init__()
        self.net = net

    def forward(
        self, posed: Tensor, drawing: Tensor, stretch: Tensor, places: Tensor, *features: Tensor
    ) -> tuple[Tensor, ...]:
        carry = carried(places)
        repair = self.net(posed, drawing, stretch, places, carry, swayed(carry), features)
        return repair.nudge, repair.mix()

    def example(self) -> tuple[Tensor, ...]:
        """One of each input."""
        sides = ((3, SIDE), (3, SIDE // 2), (1, SIDE // 2), (2, SIDE // 4))
        pictures = [torch.zeros(1, channels, side, side) for channels, side in sides]
        return (*pictures, *self.net.encode(pictures[1], pictures[1]))


@dataclass(frozen=True)
class Stitches:
    """A `Repair` of one frame as arrays.

    Attributes:
        nudge: px of `SIDE`.
        mix: what is added, in [-1, 1], and how much of the moved picture is kept.
    """

    nudge: Float32[np.ndarray, "quarter quarter 2"]
    mix: Float32[np.ndarray, "side side 4"]


def read_net(path: Path) -> tuple[RepairNet, Ranges | None]:
    """The network of a snapshot, ready for use on the CPU, and its ranges for 8 bits if known. Raises WeightsError."""
    config, state = weights.read(path)
    known = {each.name for each in fields(RepairConfig)}
    shape = RepairConfig.of({name: value for name, value in config["train"].items() if name in known})
    net = RepairNet(shape)
    net.load_state_dict({name.removeprefix("net."): value.float() for name, value in state.items()})
    return net.eval().to(memory_format=torch.channels_last), config.get("ranges")  # type: ignore[call-overload]


def mend(posed: Frame, stitches: Stitches, head: AdaptedHead | None = None) -> Frame:
    """`Repair.apply` on bytes: a frame `[size, size, 3]` of any size, with sharper sampling than in training.

    In whole numbers, right to a level or two: four times as quick as in floating point. Between the lips of the head,
    if it is given, all grain passes, however thick the paint: teeth were drawn finer than the network sees.
    """
    size = posed.shape[0]
    moved = posed
    if stitches.nudge.any():
        places = cv2.add(_sized(stitches.nudge * np.float32(size / SIDE), size), pixel_grid(size))
        moved = cv2.remap(posed, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    kept = stitches.mix[..., 3:]
    # Black is -1: what of the picture is not kept takes its share of that with it.
    added = np.rint(127.5 * (stitches.mix[..., :3] + 1 - kept)).astype(np.int16)
    share = cv2.cvtColor(_sized(np.rint(255 * kept[..., 0]).astype(np.uint8), size), cv2.COLOR_GRAY2RGB)
    mended = np.asarray(cv2.add(cv2.multiply(moved, share, scale=1 / 255), _sized(added, size), dtype=cv2.CV_8U))
    if head is not None and size > SIDE:
        _pass_grain(mended, moved, share, head)
    return mended


def _pass_grain(mended: Frame, moved: Frame, share: Frame, head: AdaptedHead) -> None:
    """Adds to a mended frame what else of the picture's grain lies between the lips; `share` passed (255 all)."""
    ring = head.points[list(LIPS_INNER), :2]
    low, high = box_round(ring, margin=3.0, shape=mended.shape)
    if (high - low).min() < 2:
        return
    box = np.s_[low[1] : high[1], low[0] : high[0]]
    shape = (int(high[1] - low[1]), int(high[0] - low[0]))
    within = polygon_mask(ring, (int(low[0]), int(low[1])), shape, feather=_SOFT_CM * head.pose.scale)[..., None]
    grain = moved[box].astype(np.float32) - _sized(shrunk(moved, SIDE), mended.shape[0])[box]
    lay(mended[box], mended[box] + grain, within * (1 - share[box].astype(np.float32) / 255)[..., :1])


def _picture(field: Tensor) -> np.ndarray:
    """A field of one picture as an array `[rows, columns, channels]`."""
    return np.ascontiguousarray(field.movedim(0, -1).numpy())


def _sized(field: np.ndarray, size: int) -> np.ndarray:
    return field if field.shape[0] == size else cv2.resize(field, (size, size), interpolation=cv2.INTER_LINEAR)
