"""The driver's neutral face: what expressions are measured from."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from living_portraits import motion
from living_portraits.align import Crop
from living_portraits.engine import Frame, Points

LOOK_SECONDS = 1.0
"""How long a face is looked at to find it at rest."""

_LOOKS = 12  # of that second; more would not be calmer, and each keeps a frame
_CALMEST = 1 / 3


@dataclass(frozen=True, eq=False)
class Rest:
    """A face at rest.

    Attributes:
        crop: the window on the driver's frames, for as long as this is the neutral face.
        picture: what it shows; None where nobody looks at pictures.
        points: in its pixels. blendshapes.
    """

    crop: Crop
    picture: Frame | None
    points: Points
    blendshapes: Float32[np.ndarray, "52"]


class RestFinder:
    """Looks at a face for a second and takes the mean of its calmest frames.

    Args:
        size: side of the crop, px.
        pictures: whether they are wanted too.
    """

    def __init__(self, size: int, *, pictures: bool) -> None:
        self._size, self._pictures = size, pictures
        self._seen: list[tuple[Points, Float32[np.ndarray, "52"], Frame]] = []
        self._begun = 0.0

    def see(self, frame: Frame, points: Points, blendshapes: Float32[np.ndarray, "52"], at: float) -> Rest | None:
        """The face in a frame at time `at`, s; the finding once there was time for it."""
        if not self._seen:
            self._begun = at
        if at - self._begun >= len(self._seen) * LOOK_SECONDS / _LOOKS:
            self._seen.append((points, blendshapes, frame))
        return self._found() if at - self._begun >= LOOK_SECONDS else None

    def _found(self) -> Rest:
        points, blendshapes = (np.stack([one[part] for one in self._seen]) for part in (0, 1))
        calmest = np.argsort(motion.unrest(points, blendshapes))[: max(round(_CALMEST * len(self._seen)), 1)]
        face = points[calmest].mean(axis=0)
        crop = Crop.around(face, size=self._size)
        picture = crop.take(self._seen[int(calmest[0])][2]) if self._pictures else None
        return Rest(crop, picture, crop.to_crop(face), blendshapes[calmest].mean(axis=0))
