"""The guided engine: poses the doll, asks the network what to mend, and mends it at the crop's own size."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from living_portraits import sway, weights
from living_portraits.doll import Doll, Posed
from living_portraits.engine import Drive, Frame, Spec, Track
from living_portraits.engines.guided.net import SIDE, Features, RepairConfig, RepairNet, carried, swayed
from living_portraits.engines.guided.view import View, drawing, shrunk, view
from living_portraits.geometry import FACE_OVAL
from living_portraits.motion import AdaptedHead, HeadMotion, adapt, measure
from living_portraits.nn import quantise
from living_portraits.nn import runtime as runtimes
from living_portraits.nn.pixels import to_tensor
from living_portraits.nn.runtime import Ranges
from living_portraits.notices import tell
from living_portraits.pipeline import ahead
from living_portraits.restraint import restrain, restrain_sway
from living_portraits.sway import Sway
from living_portraits.warp import pixel_grid, polygon_mask
from living_portraits.watching import watch

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


@dataclass(frozen=True, eq=False)
class GuidedMotion:
    """What a driver does.

    Attributes:
        head: how its head moves.
        sway: how all the rest moves; None where there are no pictures of the driver.
    """

    head: HeadMotion
    sway: Sway | None


class Guided:
    """Engine: the posed doll, repaired by a network that learned from film what no copy can give.

    Args:
        size: side of the crops, px.
        file: a snapshot of the recipe `guided`; None: the one that comes with the project.
        runtime: one of `runtime.RUNTIMES`; None: see `runtime.choose`.

    Raises WeightsError, and OptionError for a runtime that cannot be had.
    """

    spec = Spec(
        name="guided",
        title="the puppet, repaired by a small network: mouths, lids, folds and the far cheek",
        reads_driver_pixels=True,
        driver_size=sway.SEARCHED,
        weights=(WEIGHTS,),
        runtimes=runtimes.RUNTIMES,
    )

    def __init__(self, *, size: int = spec.size, file: Path | None = None, runtime: str | None = None) -> None:
        self.spec = replace(Guided.spec, size=size)
        self._net, ranges = read_net(file or weights.path(WEIGHTS))
        self.runtime = runtimes.choose(runtime, ranges=ranges)
        self._stitching = Stitching(self._net)
        with torch.inference_mode():
            example = self._stitching.example()
            self._run = runtimes.compiled(self._stitching, example, runtime=self.runtime, ranges=ranges)

    def sized(self, size: int) -> "Guided":
        """See `fineness.Sizable`."""
        other = copy.copy(self)
        other.spec = replace(self.spec, size=size)
        return other

    @torch.inference_mode()
    def encode_identity(self, source: Track) -> GuidedIdentity:
        """The first crop of the track as a doll, and its features.

        Warns with `OddFaceWarning` where the network cannot be trusted with this face: see `needless`.
        """
        crop, points = source.crops[0], source.points[0]
        doll, seen = Doll.of(crop, points, mended=True), (shrunk(crop, SIDE // 2), drawing(points, size=self.spec.size))
        identity = GuidedIdentity(doll, self._net.encode(*(to_tensor([picture]) for picture in seen)))
        if self.needless(identity) <= TOO_MUCH:
            return identity
        tell(
            OddFaceWarning(
                "This face is unlike those that the guided engine learned from, so it is moved without repairs, "
                "as the engine puppet does."
            )
        )
        return replace(identity, features=None)

    def encode_motion(self, driver: Track, drive: Drive) -> GuidedMotion:
        """What the driver's points and pictures say."""
        return GuidedMotion(*watch(driver, drive))

    def generate(self, identity: GuidedIdentity, motion: GuidedMotion) -> Iterator[Frame]:
        """One frame per driver frame, the motion held within what one picture can bear."""
        source = identity.doll.mesh.source
        bearable = restrain(motion.head, source.pose)
        fields = None if motion.sway is None else restrain_sway(motion.sway, source.pose, self.spec.size)
        heads = (adapt(source, bearable, number) for number in range(len(bearable)))
        yield from self._followed(identity, heads, len(bearable), fields)

    def follow(self, identity: GuidedIdentity, heads: Sequence[AdaptedHead]) -> Iterator[Frame]:
        """One frame per head, as it is given, px of the crop: nothing is adapted or restrained."""
        yield from self._followed(identity, iter(heads), len(heads), None)

    def _followed(
        self, identity: GuidedIdentity, heads: Iterator[AdaptedHead], count: int, fields: Sway | None
    ) -> Iterator[Frame]:
        poses = self._poses(identity.doll, heads, count, fields)
        if count > runtimes.LIVE:  # the next frames are posed while the network looks at these
            poses = ahead(poses, depth=1)
        for some in poses:
            if identity.features is None:
                yield from (posed for posed, _, _ in some)
                continue
            stitches = self._stitches([view(*each) for each in some], identity.features)
            yield from (mend(posed, each) for (posed, _, _), each in zip(some, stitches, strict=True))

    def _poses(
        self, doll: Doll, heads: Iterator[AdaptedHead], count: int, fields: Sway | None
    ) -> Iterator[list[Posed]]:
        """The doll in every frame's pose, those that the network is to see at once together."""
        for some in runtimes.batches(self.runtime, count):
            yield [doll.follow(next(heads), None if fields is None else fields[number]) for number in some]

    def needless(self, identity: GuidedIdentity) -> float:
        """How much the network would change of a still at rest, which needs no repair.

        The mean absolute difference within the face's outline, 0 to 1: a measure of how well it knows such faces.
        """
        doll = identity.doll
        points = doll.mesh.source.points
        rest = measure(Track([], points[None], np.zeros((1, 52), np.float32)), Drive())
        still, head, sampling = doll.pose(rest, 0)
        if identity.features is None:
            return 0.0
        [stitches] = self._stitches([view(still, head, sampling)], identity.features)
        changed = mend(still, stitches)
        face = polygon_mask(points[list(FACE_OVAL), :2], (0, 0), still.shape[:2], feather=1.0) > 0.5
        return float(np.abs(changed[face].astype(np.float32) - still[face]).mean()) / 255

    def ranges(self, films: Iterable[tuple[Track, Track]]) -> Ranges:
        """What reaches each convolution over films of (source, driver): what 8 bits need to know.

        The runtime is to be PyTorch, whose layers can be watched.
        """

        def run() -> None:
            for source, driver in films:
                for _ in self.generate(self.encode_identity(source), self.encode_motion(driver, Drive())):
                    pass

        return quantise.ranges(self._stitching, run)

    def _stitches(self, seen: Sequence[View], features: Features) -> "list[Stitches]":
        places = torch.from_numpy(np.stack([each.places for each in seen]).astype(np.float32)).movedim(-1, 1)
        posed, drawings, stretch = (
            to_tensor([getattr(each, name) for each in seen]) for name in ("posed", "drawing", "stretch")
        )
        known = (each.expand(len(seen), -1, -1, -1) for each in features)
        nudges, mixes = self._run(posed, drawings, stretch, places, *known)
        return [Stitches(_picture(nudge), _picture(mix)) for nudge, mix in zip(nudges, mixes, strict=True)]


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


def mend(posed: Frame, stitches: Stitches) -> Frame:
    """`Repair.apply` on bytes: a frame `[size, size, 3]` of any size, with sharper sampling than in training.

    In whole numbers, right to a level or two: four times as quick as in floating point.
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
    return np.asarray(cv2.add(cv2.multiply(moved, share, scale=1 / 255), _sized(added, size), dtype=cv2.CV_8U))


def _picture(field: Tensor) -> np.ndarray:
    """A field of one picture as an array `[rows, columns, channels]`."""
    return np.ascontiguousarray(field.movedim(0, -1).numpy())


def _sized(field: np.ndarray, size: int) -> np.ndarray:
    return field if field.shape[0] == size else cv2.resize(field, (size, size), interpolation=cv2.INTER_LINEAR)
