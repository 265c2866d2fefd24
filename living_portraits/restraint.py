"""How far one picture of a head can be moved before it shows what it does not hold."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float64

from living_portraits import geometry as geo
from living_portraits.motion import HeadMotion
from living_portraits.sway import Sway

# One picture of a head holds no other side of it: beyond the first figure motion is compressed, never past the second.
_TURN_LIMIT = (np.radians(22), np.radians(34))
# A head painted in three-quarter view can hardly turn to face us: its far cheek is not in the picture.
_REVEAL_LIMIT, _REVEAL_LOSS = np.radians(22), 0.42  # limit for a frontal head; lost for each radian it is turned away
_TRAVEL_LIMIT_CM = (1.5, 4.0)
_ZOOM_LIMIT = (0.08, 0.2)  # of the logarithm of the zoom


def restrain(motion: HeadMotion, source: geo.Pose) -> HeadMotion:
    """Compresses turns, travel and zoom beyond what one picture can bear; smooth, and untouched below the limits."""
    turns = np.stack([geo.rotation_vector(turn.astype(np.float64)) for turn in motion.rotation])
    if not motion.relative:
        turns = np.stack([geo.rotation_vector(geo.rotation_matrix(turn) @ source.rotation.T) for turn in turns])
    turns = _hide_far_side(soft_limit(turns, *_TURN_LIMIT), float(geo.rotation_vector(source.rotation)[1]))
    zoom = np.log(np.maximum(motion.zoom.astype(np.float64), 1e-3))[:, None]
    return replace(
        motion,
        rotation=np.stack([geo.rotation_matrix(turn) for turn in turns]).astype(np.float32),
        shift=soft_limit(motion.shift.astype(np.float64), *_TRAVEL_LIMIT_CM).astype(np.float32),
        zoom=np.exp(soft_limit(zoom, *_ZOOM_LIMIT))[:, 0].astype(np.float32),
        relative=True,
    )


def restrain_sway(sway: Sway, source: geo.Pose, size: int) -> Sway:
    """Compresses what surrounds the head as far as `restrain` does the head's own travel; `size` is the crop's, px."""
    knee, limit = (cm * source.scale / size for cm in _TRAVEL_LIMIT_CM)
    held = soft_limit(sway.travel.reshape(-1, 2).astype(np.float64), knee, limit)
    return replace(sway, travel=held.reshape(sway.travel.shape).astype(np.float32))


def _hide_far_side(turns: Float64[np.ndarray, "time 3"], yaw: float) -> Float64[np.ndarray, "time 3"]:
    """Holds back the part of each turn (rotation vectors) that would bring the hidden side of a turned head forward."""
    limit = max(_REVEAL_LIMIT - _REVEAL_LOSS * abs(yaw), np.radians(3))
    revealing = np.maximum(-np.sign(yaw) * turns[:, 1:2], 0)
    held = soft_limit(revealing, 0.5 * limit, limit)
    result = turns.copy()
    result[:, 1:2] += np.sign(yaw) * (revealing - held)
    return result


def soft_limit(
    vectors: Float64[np.ndarray, "time axes"], knee: float, limit: float
) -> Float64[np.ndarray, "time axes"]:
    """Shortens vectors whose length passes `knee` so that it approaches but never passes `limit`."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    room = limit - knee
    shorter = knee + room * np.tanh(np.maximum(length - knee, 0) / room)
    return np.where(length > knee, vectors * shorter / np.maximum(length, 1e-9), vectors)
