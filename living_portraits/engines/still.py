"""Repeats the source: the floor under every metric, and the shortest example of an engine."""

from collections.abc import Iterator
from dataclasses import replace

from living_portraits.engine import Drive, Frame, Spec, Track


class Still:
    """Shows the source once for each of the driver's frames."""

    spec = Spec(name="still", title="repeats the painting; nothing moves")

    def __init__(self, *, size: int = spec.size) -> None:
        self.spec = replace(self.spec, size=size)

    def encode_identity(self, source: Track) -> Frame:
        """The source's first crop."""
        return source.crops[0]

    def encode_motion(self, driver: Track, drive: Drive) -> int:
        """How many frames there are to fill."""
        return len(driver)

    def generate(self, identity: Frame, motion: int) -> Iterator[Frame]:
        """The source, again and again."""
        for _ in range(motion):
            yield identity.copy()
