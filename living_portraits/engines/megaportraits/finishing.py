"""What is done to a face last: its far side, eyes and mouth, which no volume of 128 px makes sharp.

The paper leaves them to G2D and its adversary, on many GPUs. Here mesh and layers draw them as the engine `puppet`
does, and the network that mends the engine `guided`'s frames, which an adversary taught, paints over them what it
knows better: lips in their light, teeth and tongue, lids.
"""

from dataclasses import dataclass

import numpy as np

from living_portraits.engine import Frame, Points
from living_portraits.far_side import FarSide
from living_portraits.features import Features
from living_portraits.geometry import FACE_OVAL
from living_portraits.mending.mender import Mender
from living_portraits.mending.net import Features as Remembered
from living_portraits.motion import AdaptedHead
from living_portraits.warp import HeadMesh, Seen, box_round, polygon_mask

_SOFT_CM = 0.6  # over which mending fades out towards the face's outline: hair and neck are the volume's


@dataclass(frozen=True, eq=False)
class Finish:
    """One sitter's.

    Attributes:
        mesh: what the face goes by. remembered: of the sitter by the mender; None where it is better left out.
    """

    mesh: HeadMesh
    far_side: FarSide
    features: Features
    mender: Mender
    remembered: Remembered | None

    @classmethod
    def of(cls, crop: Frame, points: Points, mender: Mender) -> "Finish":
        """From a crop `[size, size, 3]` and its points (px of it)."""
        mesh = HeadMesh.around(points, len(crop))
        features = Features.of(crop, points, mesh.source)
        return cls(mesh, FarSide(crop), features, mender, mender.look(crop, points, engine="megaportraits"))

    def on(self, frame: Frame, head: AdaptedHead, seen: Seen) -> None:
        """Finishes a frame that shows the head as the mesh has it. In place."""
        self.far_side.mend(frame, seen)
        self.features.draw(frame, head)
        if self.remembered is None:
            return
        [mended] = self.mender.mend([(frame, head, seen.sampling_map())], self.remembered)
        self.features.spare(mended, frame, head)
        outline = head.points[list(FACE_OVAL), :2]
        low, high = box_round(outline, margin=1.0, shape=frame.shape)
        if (high - low).min() < 2:
            return
        size = int(high[1] - low[1]), int(high[0] - low[0])
        share = polygon_mask(outline, (int(low[0]), int(low[1])), size, feather=_SOFT_CM * head.pose.scale)[..., None]
        box = np.s_[low[1] : high[1], low[0] : high[0]]
        frame[box] = np.rint(frame[box] + share * (mended[box].astype(np.float32) - frame[box])).astype(np.uint8)
