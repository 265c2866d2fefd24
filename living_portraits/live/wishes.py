"""What people ask for while they are live, from whatever keyboard or button."""

from threading import Event


class Wishes:
    """Attributes:
    rest: the face as it is now is to be the neutral one.
    stop: it is enough.
    """

    def __init__(self) -> None:
        self.rest = Event()
        self.stop = Event()

    def hear(self, key: str) -> None:
        """A key: `r` for the neutral face, `q` or Escape for the end."""
        if key in ("r", "R"):
            self.rest.set()
        elif key in ("q", "Q", "\x1b"):
            self.stop.set()
