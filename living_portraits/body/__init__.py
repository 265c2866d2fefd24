"""Frames to body points: 33 a person, hands and face among them; nobody is identified."""

from living_portraits.body.landmarker import Body, BodyLandmarker
from living_portraits.body.tracking import find, follow, steadied_dance

__all__ = ["Body", "BodyLandmarker", "find", "follow", "steadied_dance"]
