"""What is done before anybody asks for it."""

from collections.abc import Callable
from threading import Event
from typing import Any

import pytest

from living_portraits.errors import MediaError
from living_portraits.studio.ahead import Ahead


def test_the_newest_wish_ends_the_one_before_and_drops_those_between() -> None:
    ahead, begun, told, done = Ahead(), Event(), Event(), Event()
    heard: list[str] = []

    def slow(check: Callable[[Any], None]) -> None:
        heard.append("slow begins")
        begun.set()
        told.wait(30)
        check(None)
        heard.append("slow ends")

    ahead.wish(slow)
    assert begun.wait(30)
    ahead.wish(lambda check: heard.append("dropped"))
    ahead.wish(lambda check: (check(None), heard.append("newest"), done.set()))
    told.set()
    assert done.wait(30)
    assert heard == ["slow begins", "newest"]


@pytest.mark.parametrize("error", [MediaError("no clip"), RuntimeError("nobody thought of this")])
def test_a_clip_that_cannot_be_followed_does_not_end_it(error: Exception) -> None:
    ahead, tried, done = Ahead(), Event(), Event()

    def broken(check: Callable[[Any], None]) -> None:
        tried.set()
        raise error

    ahead.wish(broken)
    assert tried.wait(30)
    ahead.wish(lambda check: done.set())
    assert done.wait(30)
