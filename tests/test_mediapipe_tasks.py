"""MediaPipe's tasks are started and ended whole, whoever interrupts, and without noise."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from living_portraits import mediapipe_tasks
from living_portraits.mediapipe_tasks import ended, started

SOON = 0.2  # seconds; long enough for a signal to be heard


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """Shells start what runs in the background with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Recorded:
    """A task that takes its time, and notes who closes it."""

    def __init__(self, *, interrupts: bool = False) -> None:
        self.closed_by: list[threading.Thread] = []
        self._interrupts = interrupts

    def close(self) -> None:
        if self._interrupts:
            interrupt()
        self.closed_by.append(threading.current_thread())


def interrupt() -> None:
    """Ctrl-C, once whoever waits does wait, and time for it to be heard."""
    time.sleep(SOON)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(SOON)


def test_a_task_is_made_and_closed_where_ctrl_c_does_not_come() -> None:
    made_by: list[threading.Thread] = []
    task = started(lambda: made_by.append(threading.current_thread()) or Recorded())
    assert made_by[0] is not threading.main_thread() and not task.closed_by
    ended(task)
    assert len(task.closed_by) == 1 and task.closed_by[0] is not threading.main_thread()


def test_one_that_is_interrupted_while_it_starts_is_made_whole_and_closed_once() -> None:
    task = Recorded()
    with pytest.raises(KeyboardInterrupt):
        started(lambda: interrupt() or task)
    assert len(task.closed_by) == 1


def test_one_that_is_interrupted_while_it_ends_is_closed_whole() -> None:
    task = Recorded(interrupts=True)
    with pytest.raises(KeyboardInterrupt):
        ended(task)
    assert len(task.closed_by) == 1


def test_what_goes_wrong_at_the_start_is_told() -> None:
    def fail() -> Recorded:
        raise RuntimeError("no such model")

    with pytest.raises(RuntimeError, match="no such model"):
        started(fail)


def test_two_threads_that_hush_leave_stderr_as_it_was() -> None:
    inside, begun = threading.Barrier(2, timeout=0.5), os.fstat(2)

    def hush() -> None:
        with mediapipe_tasks.hushed(), contextlib.suppress(threading.BrokenBarrierError):
            inside.wait()  # both at once, were that possible

    threads = [threading.Thread(target=hush) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    now = os.fstat(2)
    assert (now.st_dev, now.st_ino) == (begun.st_dev, begun.st_ino) and inside.broken


def test_one_that_is_ended_while_it_starts_is_closed_too() -> None:
    """As a batch's workers are: by an exit, not by Ctrl-C."""
    task, before = Recorded(), signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

    def start() -> Recorded:
        time.sleep(SOON)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(SOON)
        return task

    try:
        with pytest.raises(SystemExit):
            started(start)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert len(task.closed_by) == 1


def test_one_that_is_interrupted_at_once_is_closed_too() -> None:
    """While its thread is only starting."""
    for _ in range(5):
        task = Recorded()

        def start(task: Recorded = task) -> Recorded:
            os.kill(os.getpid(), signal.SIGINT)
            sum(range(200_000))  # holds Python's lock, so that nobody else goes on
            return task

        with pytest.raises(KeyboardInterrupt):
            started(start)
        assert len(task.closed_by) == 1
