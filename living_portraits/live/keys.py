"""Keys pressed in the terminal, as they are pressed."""

import contextlib
import os
import sys
from collections.abc import Iterator
from threading import Event, Thread

from living_portraits.live.wishes import Wishes

try:
    import select
    import termios
    import tty
except ImportError:  # Windows
    HERE = False
else:
    HERE = True

_POLL = 0.1  # s


@contextlib.contextmanager
def heard(wishes: Wishes) -> Iterator[bool]:
    """While in this block, keys go to `wishes`; gives False where there is no terminal that could be listened to."""
    terminal = _terminal()
    if terminal is None:
        yield False
        return
    before, enough = termios.tcgetattr(terminal), Event()

    def listen() -> None:
        while not enough.is_set():
            if select.select([terminal], [], [], _POLL)[0]:
                wishes.hear(os.read(terminal, 1).decode(errors="replace"))

    thread = Thread(target=listen, daemon=True)
    tty.setcbreak(terminal)
    thread.start()
    try:
        yield True
    finally:
        enough.set()
        thread.join()
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _terminal() -> int | None:
    """The number of the terminal's file, if this process is the one that its keys go to."""
    try:
        number = sys.stdin.fileno()
        return number if HERE and os.isatty(number) and os.tcgetpgrp(number) == os.getpgrp() else None
    except (OSError, ValueError, AttributeError):  # nothing at all, or closed
        return None
