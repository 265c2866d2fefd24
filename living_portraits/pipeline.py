"""Stages that work side by side: while one frame is written, the next is being made."""

from collections.abc import Generator, Iterable
from queue import Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

from living_portraits.notices import along

Item = TypeVar("Item")

_POLL_SECONDS = 0.1  # how soon a thread that waits for room hears that nobody wants its items any more


class _End(Generic[Item]):
    """What follows the last item: nothing, or the error that ended them."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(items: Iterable[Item], *, depth: int = 3) -> Generator[Item, None, None]:
    """Yields what `items` yields, in order, made by a thread that runs at most `depth` items ahead.

    An error in `items` is raised here, after the items before it. Closing this generator stops the thread.
    """
    queue: Queue[Item | _End[Item]] = Queue(depth)
    unwanted = Event()

    def offer(item: Item | _End[Item]) -> bool:
        while not unwanted.is_set():
            try:
                queue.put(item, timeout=_POLL_SECONDS)
            except Full:
                continue
            return True
        return False

    def produce() -> None:
        try:
            wanted = all(offer(item) for item in items)
        except BaseException as error:
            offer(_End(error))
        else:
            if wanted:
                offer(_End())

    thread = Thread(target=along(produce), daemon=True)
    thread.start()
    try:
        while not isinstance(item := queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        unwanted.set()
        thread.join()
