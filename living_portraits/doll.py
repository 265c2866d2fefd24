"""A still, ready to be moved: its mesh, its paint, and its eyes and mouth, put together frame by frame."""

from dataclasses import dataclass
from typing import TypeAlias

from living_portraits.engine import Frame, Points
from living_portraits.features import Features
from living_portraits.motion import AdaptedHead, HeadMotion, adapt
from living_portraits.sway import Field
from living_portraits.warp import HeadMesh, SamplingMap, Texture

Posed: TypeAlias = tuple[Frame, AdaptedHead, SamplingMap]
"""What `Doll.pose` gives."""


@dataclass(frozen=True, eq=False)
class Doll:
    """What `HeadMesh` and `Features` make of one square crop."""

    texture: Texture
    mesh: HeadMesh
    features: Features

    @classmethod
    def of(cls, crop: Frame, points: Points) -> "Doll":
        """Made from a crop `[size, size, 3]` and its points (px of it)."""
        mesh = HeadMesh.around(points, crop.shape[0])
        return cls(Texture.of(crop), mesh, Features.of(crop, points, mesh.source))

    def pose(self, motion: HeadMotion, number: int, field: Field | None = None) -> Posed:
        """Frame `number` of a motion: its pixels, the head in it, and where each pixel comes from.

        `field` says how what surrounds the head moves; None: it stays, and bends with the head.
        """
        return self.follow(adapt(self.mesh.source, motion, number), field)

    def follow(self, head: AdaptedHead, field: Field | None = None) -> Posed:
        """The same for a head that is given as it is."""
        sampling = self.mesh.sampling_map(self.mesh.move(head, field))
        frame = self.texture.sample(sampling)
        self.features.draw(frame, head)
        return frame, head, sampling
