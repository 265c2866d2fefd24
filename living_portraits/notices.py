"""What its maker is told beside a film: choices that were made for them, and what will not look as they hope.

A notice is an ordinary warning, so that scripts and notebooks treat it as any other. Who shows films elsewhere than in
a terminal gathers what one of them gave rise to, while other threads make others.
"""

import contextvars
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Made = TypeVar("Made")


class Notice(UserWarning):
    """A choice that was made for the user, who may want another."""


_gatherers: contextvars.ContextVar[tuple[list[UserWarning], ...]] = contextvars.ContextVar("gatherers", default=())


def tell(notice: UserWarning, *, stacklevel: int = 2) -> None:
    """Warns of `notice`; as in `warnings.warn`, stacklevel 2 names the line of who called who tells."""
    for gathered in _gatherers.get():
        if str(notice) not in map(str, gathered):
            gathered.append(notice)
    warnings.warn(notice, stacklevel=stacklevel + 1)


@contextmanager
def gather(into: list[UserWarning] | None = None) -> Iterator[list[UserWarning]]:
    """All that is told meanwhile, in order and each sentence once, by this thread and those that it starts `along`."""
    found: list[UserWarning] = [] if into is None else into
    token = _gatherers.set((*_gatherers.get(), found))
    try:
        yield found
    finally:
        _gatherers.reset(token)


def along(work: Callable[Given, Made]) -> Callable[Given, Made]:
    """`work` for another thread, whose notices are gathered where this thread's are."""
    context = contextvars.copy_context()

    def run(*given: Given.args, **named: Given.kwargs) -> Made:
        return context.run(work, *given, **named)

    return run
