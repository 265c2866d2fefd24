"""What is kept, and who makes it."""

import os
from pathlib import Path
from threading import Event, Thread

import pytest

from living_portraits.recent import Recent, version_of


def test_the_last_used_are_kept() -> None:
    kept: Recent[int] = Recent(2)
    made: list[str] = []

    def of(key: str) -> int:
        return kept.of(key, lambda: made.append(key) or len(made))

    assert [of(key) for key in "abacab"] == [1, 2, 1, 3, 1, 4]
    assert made == ["a", "b", "c", "b"]


def test_without_room_everything_is_made_anew() -> None:
    none: Recent[object] = Recent(0)
    assert none.of("a", object) is not none.of("a", object)


def test_a_folder_is_another_when_what_is_in_it_is(tmp_path: Path) -> None:
    picture = tmp_path / "0001.png"
    picture.write_bytes(b"one")
    first = version_of(tmp_path)
    assert version_of(tmp_path) == first
    picture.write_bytes(b"two")  # in its place, which a folder's own time does not tell
    os.utime(picture, ns=(first[1] + 10**9, first[1] + 10**9))
    assert version_of(tmp_path) != first


def test_an_error_is_raised_and_not_kept() -> None:
    kept: Recent[int] = Recent(1)
    with pytest.raises(ZeroDivisionError):
        kept.of("a", lambda: 1 // 0)
    assert kept.of("a", lambda: 3) == 3


@pytest.mark.parametrize("fails", [False, True])
def test_what_one_thread_is_making_another_waits_for(fails: bool) -> None:
    kept: Recent[str] = Recent(1)
    begun, go, got = Event(), Event(), []

    def first() -> str:
        begun.set()
        go.wait(30)
        if fails:
            raise KeyboardInterrupt
        return "first"

    def ask() -> None:
        try:
            got.append(kept.of("a", first))
        except KeyboardInterrupt:
            got.append("stopped")

    maker = Thread(target=ask)
    maker.start()
    assert begun.wait(30)
    waiter = Thread(target=lambda: got.append(kept.of("a", lambda: "second")))
    waiter.start()
    waiter.join(0.2)
    assert waiter.is_alive(), "it waits"
    go.set()
    maker.join(30)
    waiter.join(30)
    assert sorted(got) == (["second", "stopped"] if fails else ["first", "first"])
