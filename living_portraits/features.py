"""What of a face no warp can make sharp: eyes that close, and what lies behind lips that part. Drawn last."""

from dataclasses import dataclass

from living_portraits.engine import Frame, Points
from living_portraits.eyes import Eye, both_eyes
from living_portraits.motion import AdaptedHead, SourceShape
from living_portraits.mouth import Mouth


@dataclass(frozen=True, eq=False)
class Features:
    """A source's own eyes, and a mouth made to its measure and in its colours."""

    eyes: tuple[Eye, Eye]
    mouth: Mouth

    @classmethod
    def of(cls, crop: Frame, points: Points, source: SourceShape) -> "Features":
        """From a crop `[size, size, 3]` and its points (px of it)."""
        return cls(both_eyes(crop, points, source), Mouth.of(crop, points, source))

    def draw(self, frame: Frame, head: AdaptedHead) -> None:
        """Into a frame of the crop's size. In place."""
        for eye in self.eyes:
            eye.draw(frame, head)
        self.mouth.draw(frame, head)

    def spare(self, repaired: Frame, frame: Frame, head: AdaptedHead) -> None:
        """Puts back into a frame that was repaired what is the source's own, see `Mouth.spare`. In place."""
        self.mouth.spare(repaired, frame, head)
