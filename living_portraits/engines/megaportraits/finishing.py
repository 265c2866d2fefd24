"""What is done to a face last: its far side, eyes and mouth, which no volume of 128 px makes sharp.

The paper leaves them to G2D and its adversary, on many GPUs. Here mesh and layers draw them as the engine `puppet`
does, and the network that mends the engine `guided`'s frames, which an adversary taught, paints over them what it
knows better: lips in their light, teeth and tongue, lids.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from living_portraits.engine import Frame, Points
from living_portraits.far_side import FarSide
from living_portraits.features import Features
from living_portraits.geometry import LEFT_EYE, LIPS_OUTER, RIGHT_EYE
from living_portraits.mending.mender import Mender
from living_portraits.mending.net import SIDE
from living_portraits.mending.net import Features as Remembered
from living_portraits.motion import AdaptedHead
from living_portraits.warp import HeadMesh, Seen, about, box_round, lay

# So far about them, cm: all over the face it costs likeness.
_PAINTED = ((LIPS_OUTER, 0.5), (RIGHT_EYE, 0.4), (LEFT_EYE, 0.4))
_SOFT_CM = 0.3


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
        return cls(mesh, FarSide.of(crop, mesh), features, mender, mender.look(crop, points, engine="megaportraits"))

    def on(self, frame: Frame, head: AdaptedHead, seen: Seen) -> None:
        """Finishes a frame that shows the head as the mesh has it. In place."""
        self.far_side.mend(frame, seen)
        self.features.draw(frame, head)
        if self.remembered is None:
            return
        coarse = len(frame) >= SIDE  # half of less is less than the mender looks at
        [mended] = self.mender.mend(
            [(frame, head, seen.coarse_map() if coarse else seen.sampling_map())], self.remembered
        )
        self.features.spare(mended, frame, head)
        for ring, room in _PAINTED:
            _lay_about(mended, frame, head.points[list(ring), :2], room * head.pose.scale, _SOFT_CM * head.pose.scale)


def _lay_about(picture: Frame, frame: Frame, ring: Float32[np.ndarray, "corners 2"], room: float, soft: float) -> None:
    """Lays a picture over a frame about a ring of points, so far and softly, px. In place."""
    low, high = box_round(ring, margin=room + 3 * soft, shape=frame.shape)
    if (high - low).min() < 2:
        return
    box = np.s_[low[1] : high[1], low[0] : high[0]]
    share = about((ring - low).astype(np.float32), (int(high[1] - low[1]), int(high[0] - low[0])), room, soft)
    lay(frame[box], picture[box].astype(np.float32), share[..., None])
