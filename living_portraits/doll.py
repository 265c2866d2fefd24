"""A still, ready to be moved: its mesh, its paint, and its eyes and mouth, put together frame by frame."""

from dataclasses import dataclass
from typing import TypeAlias

from living_portraits.engine import Frame, Points
from living_portraits.far_side import FarSide, Lent
from living_portraits.features import Features
from living_portraits.motion import AdaptedHead, HeadMotion, adapt
from living_portraits.sway import Field
from living_portraits.warp import HeadMesh, SamplingMap, Texture

Posed: TypeAlias = tuple[Frame, AdaptedHead, SamplingMap]
"""What `Doll.pose` gives."""


@dataclass(frozen=True, eq=False)
class Doll:
    """What `HeadMesh` and `Features` make of one square crop.

    Attributes:
        far_side: what mends a cheek that a turn draws apart; None: it is shown as the mesh leaves it.
    """

    texture: Texture
    mesh: HeadMesh
    features: Features
    far_side: FarSide | None = None

    @classmethod
    def of(cls, crop: Frame, points: Points, *, mended: bool = False) -> "Doll":
        """Made from a crop `[size, size, 3]` and its points (px of it)."""
        mesh = HeadMesh.around(points, crop.shape[0])
        far_side = FarSide.of(crop, mesh) if mended else None
        return cls(Texture.of(crop), mesh, Features.of(crop, points, mesh.source), far_side)

    def pose(self, motion: HeadMotion, number: int, field: Field | None = None) -> Posed:
        """Frame `number` of a motion: its pixels, the head in it, and where each pixel comes from.

        `field` says how what surrounds the head moves; None: it stays, and bends with the head.
        """
        return self.follow(adapt(self.mesh.source, motion, number), field)

    def follow(self, head: AdaptedHead, field: Field | None = None) -> Posed:
        """The same for a head that is given as it is."""
        return self.shown(head, field)[0]

    def shown(self, head: AdaptedHead, field: Field | None = None) -> tuple[Posed, Lent | None]:
        """The same, and where its far side was mended."""
        seen = self.mesh.seen(self.mesh.move(head, field))
        sampling = seen.sampling_map()
        frame = self.texture.sample(sampling)
        lent = None if self.far_side is None else self.far_side.mend(frame, seen)
        self.features.draw(frame, head)
        return (frame, head, sampling), lent
