"""Films of dancers, and the lessons that make them: work that can be watched and stopped."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from living_portraits import choreography, dancing
from living_portraits.engine import Frame
from living_portraits.errors import LivingPortraitsError
from living_portraits.notices import gather
from living_portraits.rehearsal.learning import Heard, learn
from living_portraits.rehearsal.lesson import DanceConfig
from living_portraits.studio.dance_order import AGREED, DancerOrder, LessonOrder, explained
from living_portraits.studio.filming import Shot, sentences, watched
from living_portraits.studio.job import Stopped, follow
from living_portraits.studio.shelf import new_folder

LOOKS = 40  # at the held-out end in a lesson
LOOK_SECONDS = 3.0  # at least, between two
PATIENCE = 12  # looks without a better one that end a stage


def dance(order: DancerOrder, root: Path) -> Iterator[Shot]:
    """Makes the film in a folder of its own; yields how far it is. Closing it stops the work. Raises Trouble."""
    out = new_folder(root) / order.film
    options = dict(order.options)
    if order.steps.suffix.lower() != choreography.SUFFIX:
        options["save_choreography"] = out.with_suffix(choreography.SUFFIX)

    def work(report: Callable[[Any], None]) -> float:
        found = dancing.dance(out, identity=order.identity, choreography=order.steps, progress=report, **options)
        return found.speed

    shot = Shot("dance", order.steps, out)
    yield shot
    try:
        yield from watched(shot, work, order.steps)
    except LivingPortraitsError as error:
        raise explained(error, order.steps, "drivers") from error


def files_of(shot: Shot) -> list[Path]:
    """What can be downloaded: the film, and the choreography where it was tracked for it."""
    return [file for file in (shot.out, shot.out.with_suffix(choreography.SUFFIX)) if file.exists()]


@dataclass(frozen=True, eq=False)
class Schooling:
    """How far a lesson is.

    Attributes:
        name: whom it makes.
        stage: "track" while the clip is read, then what is taught; "done" once they are kept. share: of it all.
        errors: on the held-out end at each look so far, less is better.
        preview: held-out poses over what is painted of them over the clip's own frames.
        notices: what there is to say of the clip; sentences of the library's.
    """

    name: str
    stage: Literal["track", "half", "full", "face", "done"] = "track"
    share: float = 0.0
    errors: tuple[float, ...] = ()
    preview: Frame | None = field(default=None, repr=False)
    notices: tuple[str, ...] = ()

    def report(self) -> dict[str, Any]:
        """For scripts."""
        return {"name": self.name, "stage": self.stage, "share": round(self.share, 3), "errors": list(self.errors)}


def teach(order: LessonOrder, *, config: DanceConfig | None = None, **more: Any) -> Iterator[Schooling]:
    """Teaches somebody; yields how far it is. Closing it ends the lesson, and the best so far is kept. Raises Trouble.

    `config` and `more` replace what `learn` is given.
    """
    seconds = max(60 * order.minutes / LOOKS, LOOK_SECONDS)
    config = config or DanceConfig(minutes=order.minutes, check_seconds=seconds, patience=PATIENCE)
    looks: list[Heard] = []
    notices: list[UserWarning] = []

    def work(report: Callable[[Any], None]) -> None:
        def hear(heard: Heard) -> None:
            if heard.preview is not None:
                looks.append(heard)
            try:
                report(heard)
            except Stopped:
                raise KeyboardInterrupt from None  # a course then ends with its best

        with gather(notices):
            learn(order.target, name=order.name, size=order.size, config=config, consent=AGREED, hear=hear, **more)

    state = Schooling(order.name)
    yield state
    lesson = follow(work)
    try:
        for heard in lesson:
            errors = tuple(look.error for look in looks if look.error is not None)
            preview = looks[-1].preview if looks else None
            told = sentences(notices, order.target)
            state = Schooling(order.name, heard.stage, heard.share, errors, preview, told)
            yield state
    except LivingPortraitsError as error:
        raise explained(error, order.target, "target") from error
    finally:
        lesson.close()
    errors = tuple(look.error for look in looks if look.error is not None)
    yield replace(state, stage="done", share=1.0, errors=errors, preview=looks[-1].preview if looks else None)
