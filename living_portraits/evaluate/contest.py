"""An engine at work, watched with a clock."""

import time
from dataclasses import dataclass
from typing import Any

from living_portraits.engine import Drive, Engine, Frame, Track


@dataclass(frozen=True)
class Take:
    """One film by one engine.

    Attributes:
        frames: uint8 RGB at the engine's size, one for each of the driver's.
        fps: frames a second of `generate` alone.
    """

    frames: list[Frame]
    fps: float


def make_take(engine: Engine[Any, Any], source: Track, driver: Track, *, drive: Drive) -> Take:
    """Makes the film of one source and one driver."""
    identity, motion = engine.encode_identity(source), engine.encode_motion(driver, drive)
    begun = time.perf_counter()
    frames = list(engine.generate(identity, motion))
    seconds = time.perf_counter() - begun
    return Take(frames, len(frames) / max(seconds, 1e-9))
