"""The puppet: a mesh, moved by the driver, carries the source's own pixels. Nothing is learned.

Identity is the source's mesh and texture, motion is what `motion.measure` reads, generation is one warp of the crop
with eyes and mouth drawn as layers behind the lids and lips.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace

from living_portraits.doll import Doll
from living_portraits.engine import Drive, Frame, Spec, Track
from living_portraits.motion import AdaptedHead, HeadMotion, measure
from living_portraits.restraint import restrain


class Puppet:
    """Engine: moves the portrait's own paint on a mesh."""

    spec = Spec(
        name="puppet", title="moves the portrait's own paint on a mesh: fast, nothing learned, keeps the brushwork"
    )

    def __init__(self, *, size: int = spec.size) -> None:
        self.spec = replace(Puppet.spec, size=size)

    def sized(self, size: int) -> "Puppet":
        """See `fineness.Sizable`."""
        other = copy.copy(self)
        other.spec = replace(self.spec, size=size)
        return other

    def encode_identity(self, source: Track) -> Doll:
        """The first crop of the track, its mesh, eyes and mouth."""
        return Doll.of(source.crops[0], source.points[0])

    def encode_motion(self, driver: Track, drive: Drive) -> HeadMotion:
        """What the driver's points say."""
        return measure(driver, drive)

    def generate(self, identity: Doll, motion: HeadMotion) -> Iterator[Frame]:
        """One frame per driver frame, the motion held within what one picture can bear."""
        bearable = restrain(motion, identity.mesh.source.pose)
        for number in range(len(motion)):
            yield identity.pose(bearable, number)[0]

    def follow(self, identity: Doll, heads: Sequence[AdaptedHead]) -> Iterator[Frame]:
        """One frame per head, as it is given, px of the crop: nothing is adapted or restrained."""
        for head in heads:
            yield identity.follow(head)[0]
