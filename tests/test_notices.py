"""What is told beside a film, and who hears it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from living_portraits.notices import along, gather, tell
from living_portraits.pipeline import ahead
from living_portraits.recent import Recent


class SmallWarning(UserWarning):
    """Of these tests alone."""


pytestmark = pytest.mark.filterwarnings("ignore::test_notices.SmallWarning")


def said(notices: list[UserWarning]) -> list[str]:
    return [str(notice) for notice in notices]


def test_a_notice_is_an_ordinary_warning() -> None:
    with pytest.warns(SmallWarning, match="^small$"):
        tell(SmallWarning("small"))


def test_gathered_are_those_told_meanwhile_each_once() -> None:
    tell(SmallWarning("before"))
    with gather() as outer:
        tell(SmallWarning("a"))
        with gather() as inner:
            tell(SmallWarning("b"))
            tell(SmallWarning("b"))
    tell(SmallWarning("after"))
    assert said(outer) == ["a", "b"] and said(inner) == ["b"]


def test_another_threads_notices_are_gathered_where_it_was_sent_from_and_no_one_elses() -> None:
    def work() -> None:
        tell(SmallWarning("there"))

    with gather() as heard, ThreadPoolExecutor(1) as other:
        other.submit(work).result()
        assert heard == []
        other.submit(along(work)).result()
    assert said(heard) == ["there"]


def test_a_stage_that_works_ahead_is_heard() -> None:
    def frames() -> Iterator[int]:
        yield 1
        tell(SmallWarning("half of it"))

    with gather() as heard:
        assert list(ahead(frames())) == [1]
    assert said(heard) == ["half of it"]


def test_what_was_told_of_a_thing_is_told_again_to_who_is_given_it_later() -> None:
    kept: Recent[int] = Recent(1)

    def make() -> int:
        tell(SmallWarning("odd"))
        return 3

    for _ in range(2):
        with gather() as heard:
            assert kept.of("key", make) == 3
        assert said(heard) == ["odd"]
