"""Learning somebody from a few pictures: work that can be watched and stopped."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from living_portraits.engine import Frame
from living_portraits.errors import LivingPortraitsError
from living_portraits.finetune.learning import Heard, learn
from living_portraits.finetune.tune import TuneConfig
from living_portraits.notices import gather
from living_portraits.studio.filming import sentences
from living_portraits.studio.job import Stopped, follow
from living_portraits.studio.person_order import LearnOrder, explained

CHECK_STEPS, PATIENCE = 10, 6
"""Looks twice as often as `TuneConfig` has it, as somebody waits for them, and twice as patiently."""

READING = 0.25  # of the bar, for what goes before the first step


@dataclass(frozen=True, eq=False)
class Learning:
    """How far it is.

    Attributes:
        name: who is learned.
        stage: "read" while the pictures are measured, then "learn"; "done" once they are kept. share: of it all.
        errors: of the likeness at each look so far, less is better; mimics: of lips and lids, px.
        before, now: a row of frames each: a picture, the same as it is drawn, positions that are never taught; before
            the first step, and now, or in the end as they are kept.
        notices: what there is to say of the pictures; sentences of the library's.
    """

    name: str
    stage: Literal["read", "learn", "done"] = "read"
    share: float = 0.0
    errors: tuple[float, ...] = ()
    mimics: tuple[float, ...] = ()
    before: Frame | None = field(default=None, repr=False)
    now: Frame | None = field(default=None, repr=False)
    notices: tuple[str, ...] = ()

    def report(self) -> dict[str, Any]:
        """For scripts."""
        errors, mimics = list(self.errors), list(self.mimics)
        return {
            "name": self.name, "stage": self.stage, "share": round(self.share, 3), "errors": errors, "mimics": mimics,
        }  # fmt: skip


def learn_person(order: LearnOrder, *, config: TuneConfig | None = None) -> Iterator[Learning]:
    """Learns somebody; yields how far it is. Closing it ends the lesson, and the best so far is kept. Raises Trouble.

    `config` replaces what `learn` is given.
    """
    chosen = config or TuneConfig(seconds=60 * order.minutes, check_steps=CHECK_STEPS, patience=PATIENCE)
    looks: list[Heard] = []
    notices: list[UserWarning] = []

    def work(report: Callable[[Any], None]) -> None:
        def hear(heard: Heard) -> None:
            if heard.check is not None:
                looks.append(heard)
            try:
                report(heard)
            except Stopped:
                raise KeyboardInterrupt from None  # it then ends with its best

        with gather(notices):
            learn(order.pictures, name=order.name, config=chosen, consent=order.consent, hear=hear)

    state = Learning(order.name)
    yield state
    lesson = follow(work)
    try:
        for heard in lesson:
            told = sentences(notices, *order.pictures)
            state = replace(state, stage=heard.stage, share=_share(heard), notices=told)
            state = _seen(state, looks, looks[-1:])
            yield state
    except LivingPortraitsError as error:
        raise explained(error, order.pictures) from error
    finally:
        lesson.close()
    yield _seen(replace(state, stage="done", share=1.0), looks, [look for look in looks if look.best])


def _share(heard: Heard) -> float:
    return READING * heard.share if heard.stage == "read" else READING + (1 - READING) * heard.share


def _seen(state: Learning, looks: list[Heard], shown: list[Heard]) -> Learning:
    """With the looks so far; of those `shown`, the last is that of now."""
    checks = [look.check for look in looks if look.check is not None]
    return replace(
        state,
        errors=tuple(round(check.likeness, 4) for check in checks),
        mimics=tuple(round(check.mimics, 3) for check in checks),
        before=looks[0].preview if looks else None,
        now=shown[-1].preview if shown else None,
    )
