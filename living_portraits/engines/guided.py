"""The guided engine: poses the doll, asks the network what to mend, and mends it at the crop's own size."""

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from living_portraits import sway
from living_portraits.doll import Doll, Posed
from living_portraits.engine import Drive, Frame, Spec, Track
from living_portraits.far_side import Lent
from living_portraits.mending.mender import WEIGHTS, Mender
from living_portraits.mending.net import Features
from living_portraits.motion import AdaptedHead, HeadMotion, adapt
from living_portraits.nn import quantise
from living_portraits.nn import runtime as runtimes
from living_portraits.nn.runtime import Ranges
from living_portraits.pipeline import ahead
from living_portraits.restraint import restrain, restrain_sway
from living_portraits.sway import Sway
from living_portraits.watching import watch


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
        title="the puppet, repaired by a small network: mouths, lids and folds",
        reads_driver_pixels=True,
        driver_size=sway.SEARCHED,
        weights=(WEIGHTS,),
        runtimes=runtimes.RUNTIMES,
    )

    def __init__(self, *, size: int = spec.size, file: Path | None = None, runtime: str | None = None) -> None:
        self.spec = replace(Guided.spec, size=size)
        self._mender = Mender(file=file, runtime=runtime)
        self.runtime = self._mender.runtime

    def sized(self, size: int) -> "Guided":
        """See `fineness.Sizable`."""
        other = copy.copy(self)
        other.spec = replace(self.spec, size=size)
        return other

    def encode_identity(self, source: Track) -> GuidedIdentity:
        """The first crop of the track as a doll, and its features; see `Mender.look`."""
        crop, points = source.crops[0], source.points[0]
        features = self._mender.look(crop, points, engine=self.spec.name)
        return GuidedIdentity(Doll.of(crop, points, mended=True), features)

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
                yield from (posed for (posed, _, _), _ in some)
                continue
            mended = self._mender.mend([posed for posed, _ in some], identity.features)
            for ((posed, head, _), lent), frame in zip(some, mended, strict=True):
                if lent is not None:
                    lent.spare(frame, posed, head)
                identity.doll.features.spare(frame, posed, head)
                yield frame

    def _poses(
        self, doll: Doll, heads: Iterator[AdaptedHead], count: int, fields: Sway | None
    ) -> Iterator[list[tuple[Posed, Lent | None]]]:
        """The doll in every frame's pose, those that the network is to see at once together."""
        for some in runtimes.batches(self.runtime, count):
            yield [doll.shown(next(heads), None if fields is None else fields[number]) for number in some]

    def ranges(self, films: Iterable[tuple[Track, Track, Drive]]) -> Ranges:
        """What reaches each convolution over films of (source, driver, drive): what 8 bits need to know.

        The runtime is to be PyTorch, whose layers can be watched.
        """

        def run() -> None:
            for source, driver, drive in films:
                for _ in self.generate(self.encode_identity(source), self.encode_motion(driver, drive)):
                    pass

        return quantise.ranges(self._mender.stitching, run)
