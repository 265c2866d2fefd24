"""Long work that can be watched and stopped."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("gradio", reason="the studio needs the extra 'app'")

from living_portraits.studio.job import Stopped, follow


def test_it_yields_reports_and_returns_what_was_made() -> None:
    watched = threading.Event()

    def work(report: Callable[[Any], None]) -> str:
        report(0)
        assert watched.wait(30)  # work that ends before anybody looks has nothing to report
        for number in range(1, 1000):
            report(number)
        return "film"

    def watch() -> Any:
        made = yield from follow(work)
        yield made

    seen: list[Any] = []
    for report in watch():
        seen.append(report)
        watched.set()
    assert seen[0] == 0 and seen[-1] == "film"
    assert seen[:-1] == sorted(seen[:-1])
    assert len(seen) < 1000  # those that come too fast are dropped


def test_an_error_arrives_here() -> None:
    def work(report: Callable[[Any], None]) -> None:
        report(1)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(follow(work))


def test_closing_it_stops_the_work_and_waits_for_its_end() -> None:
    ended = threading.Event()
    reasons: list[BaseException] = []

    def work(report: Callable[[Any], None]) -> None:
        try:
            while True:
                report(1)
                time.sleep(0.01)
        except Stopped as reason:
            reasons.append(reason)
            time.sleep(0.05)  # cleaning up
            ended.set()
            raise

    following = follow(work)
    next(following)
    following.close()
    assert ended.is_set()
    assert len(reasons) == 1
