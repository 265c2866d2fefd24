"""What the student hears of a driver: the tracker's word for face and head, and the surroundings' sway.

The paper's student looks at the driver's frame. Whoever animates has tracked that face already, and motion that is read
from points moves every portrait alike, whoever the driver is: what pixels can tell beyond that is how the rest of the
picture moves, which optical flow reads without having learned anything.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from living_portraits import geometry as geo
from living_portraits.engine import Drive, Track
from living_portraits.motion import HeadMotion, SourceShape
from living_portraits.restraint import restrain, restrain_sway
from living_portraits.sway import CELLS, Sway
from living_portraits.watching import watch

SPOKEN = tuple(sorted({*range(0, geo.MESH_COUNT, 6), *geo.MIMIC}))
"""Points of the mesh whose displacement is told: all about mouth and eyes, every sixth of the rest."""

WORDS = 3 + 2 + 1 + 2 + 4 + 3 * len(SPOKEN)
"""Numbers a frame: turn, travel, zoom, lids, gaze, displacements; scaled so that all vary by about 1."""

_TURN, _TRAVEL, _ZOOM, _GAZE, _SHAPE, _SWAY = 4.0, 0.7, 8.0, 6.0, 2.0, 16.0
MOST = 4.0
"""What a word is held within."""


@dataclass(frozen=True, eq=False)
class Performance:
    """A clip as the student hears it.

    Attributes:
        head: how the driver's head moves.
        sway: how all the rest moves; None where there are no pictures of the driver.
    """

    head: HeadMotion
    sway: Sway | None

    @classmethod
    def of(cls, driver: Track, drive: Drive) -> "Performance":
        """Reads it, and does to it what `drive` says."""
        return cls(*watch(driver, drive))

    def on(
        self, source: SourceShape, *, size: int
    ) -> tuple[Float32[np.ndarray, "time words"], Float32[np.ndarray, "time 3 16 16"]]:
        """For a portrait in a crop of `size` px: words, and sway (x, y) with how far to trust it.

        Held within what one picture can bear.
        """
        head = restrain(self.head, source.pose)
        turns = np.stack([geo.rotation_vector(turn.astype(np.float64)) for turn in head.rotation])
        count = len(head)
        parts = (
            _TURN * turns,
            _TRAVEL * head.shift,
            _ZOOM * np.log(np.maximum(head.zoom, 1e-3))[:, None],
            head.lids - 1,
            _GAZE * head.gaze.reshape(count, -1),
            _SHAPE * head.expression_on(source.shape)[:, list(SPOKEN)].reshape(count, -1),
        )
        words = np.concatenate(parts, axis=1).clip(-MOST, MOST).astype(np.float32)
        if self.sway is None:
            return words, np.zeros((count, 3, CELLS, CELLS), np.float32)
        held = restrain_sway(self.sway, source.pose, size)
        trust = held.trust[:, None, None, None]
        travel = np.moveaxis(_SWAY * held.travel, -1, 1) * trust
        return words, np.concatenate([travel, np.broadcast_to(trust, (count, 1, CELLS, CELLS))], axis=1)
