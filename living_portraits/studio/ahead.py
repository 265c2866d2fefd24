"""Clips are followed as soon as they are picked: whoever then asks for the film waits that much less."""

import logging
from collections.abc import Callable
from threading import Lock, Thread
from typing import Any, TypeAlias

Follow: TypeAlias = Callable[[Callable[[Any], None]], None]
"""Follows a clip; calls what it is given after every frame, and stops where that raises."""


class _Outdated(Exception):
    """Something else was picked in the meantime."""


class Ahead:
    """Does what was asked for last, in a thread; what was asked for before that is dropped."""

    def __init__(self) -> None:
        self._lock, self._busy = Lock(), False
        self._wish: Follow | None = None

    def wish(self, follow: Follow) -> None:
        """Begin with this as soon as what is going on has noticed it."""
        with self._lock:
            self._wish = follow
            if self._busy:
                return
            self._busy = True
        Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while follow := self._next():
            try:
                follow(self._check)
            except _Outdated:
                continue
            except Exception:  # what is wrong with a clip is said where its film is asked for; the next may be right
                logging.getLogger(__name__).debug("A clip could not be followed ahead.", exc_info=True)

    def _next(self) -> Follow | None:
        with self._lock:
            follow, self._wish = self._wish, None
            self._busy = follow is not None
        return follow

    def _check(self, progress: Any) -> None:
        if self._wish is not None:
            raise _Outdated
