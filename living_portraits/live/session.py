"""One driver and one avatar: from a frame of the one to a frame of the other."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float32

from living_portraits.engine import Frame, Points
from living_portraits.face import Watcher
from living_portraits.live.avatar import Avatar
from living_portraits.live.calm import USUAL, Calm
from living_portraits.live.rest import Rest, RestFinder
from living_portraits.live.source import Shot

State: TypeAlias = Literal["searching", "resting", "live"]
"""No face is seen; the neutral face is being taken; the portrait moves."""


@dataclass(frozen=True, eq=False)
class Sight:
    """What was seen in a shot, ready to be painted.

    Attributes:
        at: when it was taken.
        rest: the neutral face it is to be compared with; None: nothing is to move.
        points, blendshapes: px of `rest.crop`. picture: what that shows, if pictures are wanted.
    """

    at: float
    rest: Rest | None = None
    picture: Frame | None = None
    points: Points | None = None
    blendshapes: Float32[np.ndarray, "52"] | None = None


class Session:
    """`look` and `paint` may run side by side, each in a thread of its own, the one a frame ahead of the other.

    The neutral face is taken in the first second in which there is a face, and again after `take_rest`.
    """

    def __init__(self, avatar: Avatar, *, smoothing: float = USUAL) -> None:
        self.state: State = "searching"
        self._avatar, self._calm = avatar, Calm(smoothing)
        self._watcher = Watcher()
        self._finder: RestFinder | None = None
        self._rest: Rest | None = None
        self._shown = avatar.still
        self.take_rest()

    def __enter__(self) -> "Session":
        self._watcher.__enter__()
        return self

    def __exit__(self, *failure: object) -> None:
        self._watcher.__exit__(None, None, None)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of what `paint` gives."""
        return self._avatar.still.shape[0], self._avatar.still.shape[1]

    def take_rest(self) -> None:
        """The face of the next second is the neutral one; until then the old one counts."""
        self._finder = RestFinder(self._avatar.driver_size, pictures=self._avatar.wants_pictures)

    def look(self, shot: Shot) -> Sight:
        """Finds the driver's face."""
        found = self._watcher.look(shot.frame)
        if found is None:
            self._calm.forget()
            if self._finder is not None:
                self.take_rest()  # whoever comes back may be another, elsewhere
            self.state = "searching"
            return Sight(shot.at)
        points, blendshapes = self._calm(found, shot.at)
        if self._finder is not None:
            self.state = "resting"
            rest = self._finder.see(shot.frame, points, blendshapes, shot.at)
            if rest is not None:
                self._rest, self._finder = rest, None
        if self._rest is None:
            return Sight(shot.at)
        if self._finder is None:
            self.state = "live"
        crop = self._rest.crop
        picture = crop.take(shot.frame) if self._avatar.wants_pictures else None
        return Sight(shot.at, self._rest, picture, crop.to_crop(points), blendshapes)

    def paint(self, sight: Sight) -> Frame:
        """The portrait; as it was before where the driver's face is not to be seen."""
        if sight.rest is not None and sight.points is not None and sight.blendshapes is not None:
            self._shown = self._avatar.moved(sight.rest, sight.picture, sight.points, sight.blendshapes)
        return self._shown
