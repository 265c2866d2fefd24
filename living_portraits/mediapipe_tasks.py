"""How MediaPipe's tasks are started and ended: whole, without noise, and with a sentence where a library lacks."""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Protocol, TypeVar, runtime_checkable

from living_portraits.errors import SystemLibraryError


@runtime_checkable
class Task(Protocol):
    """A MediaPipe task, such as a FaceLandmarker."""

    def close(self) -> None:
        """Frees what its graph holds."""
        ...


AnyTask = TypeVar("AnyTask", bound=Task)
Result = TypeVar("Result")


def started(start: Callable[[], AnyTask]) -> AnyTask:
    """The task that `start` makes.

    In a thread of its own: Ctrl-C reaches the main thread alone, between any two of its steps, and a task that is left
    half made or half closed (closing twice frees its graph twice) takes the process with it.
    """
    making: Future[AnyTask] = Future()
    with hushed():
        try:
            return _beside(start, making)
        except BaseException:
            making.add_done_callback(_unwanted)
            raise


def ended(task: Task) -> None:
    """Closes the task, in a thread of its own, for the same reason."""
    _beside(task.close, Future())


def _beside(work: Callable[[], Result], told: "Future[Result]") -> Result:
    """What `work` gives, done in a thread that has ended when this returns or raises; `told` gets to know it, too."""

    def run() -> None:
        try:
            told.set_result(work())
        except BaseException as error:
            told.set_exception(error)

    thread = threading.Thread(target=run)
    try:
        thread.start()
        return told.result()
    finally:
        if thread.ident is not None:
            thread.join()


def _unwanted(made: "Future[AnyTask]") -> None:
    if made.exception() is None:
        made.result().close()


@contextlib.contextmanager
def explained(what: str = "Face tracking") -> Iterator[None]:
    """A missing system library as one sentence; every other failure as it is."""
    try:
        yield
    except (ImportError, OSError) as error:
        if ".so" not in str(error):
            raise
        raise SystemLibraryError(
            f"{what} needs graphics libraries that this system lacks ({error}): "
            "on Debian and Ubuntu install them with `apt-get install libegl1 libgles2 libgl1`."
        ) from error


_ONE_AT_A_TIME = threading.RLock()


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Silence what MediaPipe's C++ writes to the process's stderr while a task starts; it has no switch of its own.

    One thread at a time: the second would keep the silence, and restore it for good.
    """
    with _ONE_AT_A_TIME:
        sys.stderr.flush()
        kept = os.dup(2)
        try:
            with open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
