"""Long work that can be watched and stopped."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("gradio", reason="the studio needs the extra 'app'")

from living_portraits.studio.job import Stopped, follow


def test_it_yields_reports_and_returns_what_was_made() -> None:
    def work(report: Callable[[Any], None]) -> str:
        for number in range(1000):
            report(number)
        return "film"

    def watch() -> Any:
        made = yield from follow(work)
        yield made

    *seen, made = watch()
    assert made == "film"
    assert seen == sorted(seen)
    assert 1 <= len(seen) < 1000  # those that come too fast are dropped


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
