"""Long work that can be watched and stopped: it runs in a thread, and its newest report is yielded."""

from collections.abc import Callable, Generator
from threading import Condition, Thread
from typing import Any, Generic, TypeVar

Made = TypeVar("Made")

EVERY_SECONDS = 0.4
"""How often at most a report is passed on; a page that is redrawn for every frame slows the frames down."""


class Stopped(Exception):
    """Raised inside the work at its next report, once nobody wants it any more."""


class _Slot(Generic[Made]):
    """What the thread has to say: its newest report, and how it ended."""

    def __init__(self) -> None:
        self.changed = Condition()
        self.report: Any = None
        self.ended = self.unwanted = False
        self.made: Made | None = None
        self.error: BaseException | None = None

    def tell(self, report: Any) -> None:
        with self.changed:
            if self.unwanted:
                raise Stopped
            self.report = report
            self.changed.notify()


def follow(work: Callable[[Callable[[Any], None]], Made]) -> Generator[Any, None, Made]:
    """Yields the newest of what `work` reports and returns what it returns; reports that come too fast are dropped.

    An error in `work` is raised here. Closing the generator stops the work at its next report and waits until it has
    ended, so that nothing of it is left.
    """
    slot: _Slot[Made] = _Slot()

    def run() -> None:
        try:
            slot.made = work(slot.tell)
        except BaseException as error:
            slot.error = error
        with slot.changed:
            slot.ended = True
            slot.changed.notify()

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        while not slot.ended:
            with slot.changed:
                slot.changed.wait_for(lambda: slot.report is not None or slot.ended)
                report, slot.report = slot.report, None
            if report is not None:
                yield report
            with slot.changed:  # sleeps, but not past the end
                slot.changed.wait_for(lambda: slot.ended, timeout=EVERY_SECONDS)
    finally:
        with slot.changed:
            slot.unwanted = True
        thread.join()
    if slot.error is not None:
        raise slot.error
    return slot.made  # type: ignore[return-value]  # it ended without error, so it is there
