"""Who is live in the studio: a seat for each, with a portrait and whoever is before the camera."""

import base64
import binascii
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import cv2
import numpy as np

from living_portraits.engine import Frame
from living_portraits.live import Avatar, Session
from living_portraits.live.source import Shot
from living_portraits.studio.trouble import Trouble
from living_portraits.studio.views import picture_data

SEATS = 2
"""As many at a time; more would all be slow."""

IDLE_SECONDS = 30.0
"""A seat from which nothing has come for so long is free."""

_LARGEST_FRAME = 2_000_000  # characters; a camera's frame is some ten thousand
_MOST_PIXELS = 1280 * 1280
_PREFIX = "data:image/jpeg;base64,"
_QUALITY = 80


@dataclass(eq=False)
class _Seat:
    """One who is live. Two frames may be on their way at once: one is looked at while the one before it is painted."""

    session: Session
    engine: str
    looking: Lock = field(default_factory=Lock)
    painting: Lock = field(default_factory=Lock)
    heard: float = field(default_factory=time.monotonic)
    empty: bool = False


class Seats:
    """All who are live, by keys that nobody can guess."""

    def __init__(self, limit: int = SEATS) -> None:
        self._limit, self._lock = limit, Lock()
        self._taken: dict[str, _Seat] = {}

    def __len__(self) -> int:
        return len(self._taken)

    def take(self, avatar: Avatar) -> str:
        """The key of a seat for this avatar. Raises Trouble if all are taken."""
        with self._lock:
            idle = [key for key, seat in self._taken.items() if time.monotonic() - seat.heard > IDLE_SECONDS]
            left = [self._taken.pop(key) for key in idle]
            full = len(self._taken) >= self._limit
            key = secrets.token_urlsafe(18)
            if not full:
                self._taken[key] = _Seat(Session(avatar).__enter__(), avatar.engine.spec.name)
        for seat in left:
            _clear(seat)
        if full:
            raise Trouble("run", "live.full")
        return key

    def leave(self, key: Any) -> None:
        """Frees the seat of that key, if there is one."""
        with self._lock:
            seat = self._taken.pop(key, None) if isinstance(key, str) else None
        if seat is not None:
            _clear(seat)

    def frame(self, told: Any) -> dict[str, Any]:
        """What the portrait does at a frame of the camera.

        Args:
            told: "seat": its key, "picture": a JPEG as a data URL, "rest": whether this is the neutral face.

        Returns:
            "state": as `Session.state`, or "ended" if there is no such seat; "picture": a JPEG as a data URL.
        """
        told = told if isinstance(told, Mapping) else {}
        seat = self._taken.get(str(told.get("seat")))
        frame = _decoded(told.get("picture"))
        if seat is None or frame is None:
            return {"state": "ended", "picture": ""}
        seat.heard = time.monotonic()
        with seat.looking:
            if seat.empty:
                return {"state": "ended", "picture": ""}
            if told.get("rest"):
                seat.session.take_rest()
            sight = seat.session.look(Shot(frame, time.perf_counter()))
            state = seat.session.state
        with seat.painting:
            painted = seat.session.paint(sight)
        data = picture_data(painted, height=painted.shape[0], quality=_QUALITY)
        return {"state": state, "picture": data, "engine": seat.engine}


def _clear(seat: _Seat) -> None:
    with seat.looking, seat.painting:
        seat.empty = True
        seat.session.__exit__(None, None, None)


def _decoded(picture: Any) -> Frame | None:
    """The frame of a data URL; None if it is none."""
    if not isinstance(picture, str) or not picture.startswith(_PREFIX) or len(picture) > _LARGEST_FRAME:
        return None
    try:
        data = base64.b64decode(picture.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    if not data:
        return None
    seen = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if seen is None or seen.shape[0] * seen.shape[1] > _MOST_PIXELS:
        return None
    return np.asarray(cv2.cvtColor(seen, cv2.COLOR_BGR2RGB))
