"""Takes the tremble out of a face as it comes: what `face.steady` does for clips, without the frames to come.

There each filter runs both ways and so does not lag. Here it can run forwards alone, and calm is paid for with delay;
so the filters hold less firmly.
"""

import numpy as np
from jaxtyping import Float, Float32

from living_portraits import geometry
from living_portraits.engine import Points
from living_portraits.face import Face
from living_portraits.face.steady import (
    EXPRESSION_GAIN,
    EXPRESSION_REST,
    PATIENCE,
    POSE_GAIN,
    POSE_REST,
    SPAN,
    WEIGHT_GAIN,
    WEIGHT_REST,
    nearest_rotations,
)
from living_portraits.smoothing import OneEuro

USUAL = 0.25
"""Strength that costs little delay: cut-offs at rest of 2.8 Hz for the pose and 5.7 Hz for the expression."""

_LONGEST = 0.2  # s; after a longer pause the face is another one, or elsewhere


class Calm:
    """One Euro filters for one face; `strength` in [0, 1] as for films, 0 is off."""

    def __init__(self, strength: float = USUAL) -> None:
        self._strength = strength
        calmer = 2.0 ** (6 * (0.5 - strength))

        def euro(rest: float, gain: float) -> OneEuro:
            return OneEuro(fps=25.0, rest=rest * calmer, gain=gain, patience=PATIENCE)

        self._place, self._size, self._turn = (euro(POSE_REST, POSE_GAIN) for _ in range(3))
        self._shape, self._weights = euro(EXPRESSION_REST, EXPRESSION_GAIN), euro(WEIGHT_REST, WEIGHT_GAIN)
        self._scale: float | None = None
        self._last = 0.0

    def __call__(self, face: Face, at: float) -> tuple[Points, Float32[np.ndarray, "52"]]:
        """Points and blendshapes of a face seen at that time, s."""
        if self._strength == 0:
            return face.points, face.blendshapes
        apart, self._last = at - self._last, at
        if not 0 < apart < _LONGEST:
            self.forget()
        pose = geometry.fit_pose(face.points)
        if self._scale is None:
            self._scale = pose.scale  # one for all, or a zoom would look like travel
        shape = pose.to_face(face.points.astype(np.float64))
        place = self._filtered(self._place, pose.translation / self._scale, apart) * self._scale
        size = float(np.exp(self._filtered(self._size, np.log([pose.scale]) * SPAN, apart)[0] / SPAN))
        turn = nearest_rotations(self._filtered(self._turn, pose.rotation * SPAN, apart)[None] / SPAN)[0]
        points = geometry.Pose(size, turn, place).to_picture(self._filtered(self._shape, shape, apart))
        weights = self._filtered(self._weights, face.blendshapes.astype(np.float64)[:, None], apart)[:, 0]
        return points.astype(np.float32), weights.clip(0, 1).astype(np.float32)

    def forget(self) -> None:
        """The next face is taken as it is."""
        self._scale = None
        for euro in (self._place, self._size, self._turn, self._shape, self._weights):
            euro.reset()

    @staticmethod
    def _filtered(euro: OneEuro, value: Float[np.ndarray, "*any"], apart: float) -> Float[np.ndarray, "*any"]:
        euro.fps = 1 / min(max(apart, 1e-3), _LONGEST)
        return euro(value)
