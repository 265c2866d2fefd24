"""Live: a portrait that moves as somebody in front of a camera does, now.

A camera or a clip gives frames (`source`), a `Session` follows the face and paints the portrait, a sink shows it
(`sinks`, `mjpeg`). `drive` lets the three work side by side; whoever is late takes the newest frame and leaves out the
others. What went by is in a `Meter`.
"""

from living_portraits.live.avatar import Avatar, best_engine, open_avatar
from living_portraits.live.drive import drive
from living_portraits.live.meter import Meter
from living_portraits.live.session import Session
from living_portraits.live.wishes import Wishes

__all__ = ["Avatar", "Meter", "Session", "Wishes", "best_engine", "drive", "open_avatar"]
