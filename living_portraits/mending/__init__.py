"""A small network that repairs frames which a mesh has carried: its layers, what it sees, and how it is asked."""

from living_portraits.mending.mender import WEIGHTS, Mender, OddFaceWarning
from living_portraits.mending.net import Features

__all__ = ["WEIGHTS", "Features", "Mender", "OddFaceWarning"]
