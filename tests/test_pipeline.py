"""A thread that works ahead: the same items, the same errors, and it stops when nobody listens."""

import threading
import time
from itertools import count

import pytest

from living_portraits.pipeline import ahead


def test_everything_arrives_in_order():
    assert list(ahead(range(50), depth=2)) == list(range(50))
    assert list(ahead([])) == []
    assert list(ahead([None, None])) == [None, None]


def test_an_error_comes_after_the_items_before_it():
    def failing():
        yield 1
        yield 2
        raise ValueError("third")

    stream = ahead(failing())
    assert [next(stream), next(stream)] == [1, 2]
    with pytest.raises(ValueError, match="third"):
        next(stream)


def test_it_works_ahead_but_not_far():
    made = []

    def items():
        for number in range(100):
            made.append(number)
            yield number

    stream = ahead(items(), depth=3)
    assert next(stream) == 0
    deadline = time.monotonic() + 5
    while len(made) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    assert len(made) == 5  # one was taken, three wait, one is in its hands
    stream.close()


def test_closing_stops_the_thread():
    before = threading.active_count()
    stream = ahead(count())
    assert next(stream) == 0
    assert threading.active_count() == before + 1
    stream.close()
    assert threading.active_count() == before
