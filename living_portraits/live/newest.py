"""The place between two stages that are not to wait for each other: it holds the newest item alone."""

from threading import Condition
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Newest(Generic[Item]):
    """Room for one item; a newer one takes its place.

    Attributes:
        left_out: items that were replaced before anyone took them.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._item: Item | None = None
        self._closed = False
        self._error: BaseException | None = None
        self.left_out = 0

    def put(self, item: Item) -> bool:
        """Leaves it there, in place of what nobody has taken; False if nobody wants anything any more."""
        with self._changed:
            if self._closed:
                return False
            self.left_out += self._item is not None
            self._item = item
            self._changed.notify()
            return True

    def take(self, *, timeout: float | None = None) -> Item | None:
        """The newest item, once there is one; None at the end, or if there was none for `timeout` seconds.

        Raises what `close` was given, after the last item.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed, timeout)
            item, self._item = self._item, None
            if item is None and self._error is not None:
                raise self._error
            return item

    @property
    def ended(self) -> bool:
        """Whether nothing is there and nothing will come."""
        return self._closed and self._item is None

    def close(self, error: BaseException | None = None) -> None:
        """The end, from either side; what is there can still be taken."""
        with self._changed:
            self._closed = True
            self._error = self._error or error
            self._changed.notify_all()
