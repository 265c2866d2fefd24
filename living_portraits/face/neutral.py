"""Which frame of a clip shows a face at rest."""

from living_portraits import motion
from living_portraits.face.model import FaceTrack


def neutral_frame(track: FaceTrack) -> int:
    """Index of the frame of least expression near the usual pose, as `motion.neutral_frame` finds it."""
    return motion.neutral_frame(track.points, track.blendshapes)
