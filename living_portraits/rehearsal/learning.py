"""From a clip to a dancer who is kept by name, watched at every step: what the studio's lesson is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from living_portraits import places, video
from living_portraits.engine import Frame
from living_portraits.engines.dance import dancer as dancers
from living_portraits.engines.dance.networks import Shape, shape_for
from living_portraits.errors import WeightsError
from living_portraits.rehearsal.footage import open_target, rate
from living_portraits.rehearsal.lesson import LOOKS, DanceConfig, Lesson, Look, Stage, load_look
from living_portraits.rehearsal.teach import Course, Report, Taught


@dataclass(frozen=True, eq=False)
class Heard:
    """How far a lesson is.

    Attributes:
        stage: "track" while the clip is read, else the course's. share: of this stage of reading, or of the course.
        error: on held-out frames, less is better; None before the first look.
        preview: held-out poses over what the networks make of them over the film's own frames.
    """

    stage: Literal["track"] | Stage
    share: float
    error: float | None = None
    preview: Frame | None = None


Hear = Callable[[Heard], None]


def learn(
    target: Path,
    *,
    name: str,
    config: DanceConfig,
    size: int = 256,
    shape: Shape | None = None,
    consent: str | None = None,
    hear: Hear | None = None,
) -> Taught:
    """Teaches a dancer from a clip and keeps them as `name`.

    Args:
        hear: told of every frame that is read, every step and every look. If it raises KeyboardInterrupt, the best so
            far is kept; before the first look there is nothing to keep, and KeyboardInterrupt goes on.

    Raises:
        LivingPortraitsError: whatever the caller can mend, in one sentence.
    """
    out = dancers.DANCERS.place(name)
    places.make_room(out)
    tell = hear or (lambda heard: None)
    frames = max(round(min(video.probe(target).duration, 1e6) * rate(target)), 1)
    footage = open_target(target, size=size, on_frame=lambda done: tell(Heard("track", min(done / frames, 1.0))))
    lesson = _Watched(footage, shape or shape_for(size), config, look=look_at_hand(), hear=tell)
    course = Course(lesson, about={"name": name, "source": target.name, "consent": consent})
    taught = course.run(lesson.report)
    if not taught.reports:
        raise KeyboardInterrupt
    dancers.write(out, taught.dancer)
    return taught


def look_at_hand() -> Look | None:
    """The first of the perceptual losses whose weights are here; None where there is none: pixels alone then count."""
    for name in LOOKS:
        try:
            return load_look(name)
        except WeightsError:
            continue
    return None


class _Watched(Lesson):
    """A lesson that says after each step where it stands."""

    def __init__(self, *given: Any, hear: Hear, **more: Any) -> None:
        super().__init__(*given, **more)
        self._hear, self._last = hear, Heard("half", 0.0)

    def step(self, stage: Stage, *, judged: bool, rate: float) -> dict[str, float]:
        """As in `Lesson`."""
        self._hear(Heard(stage, self._last.share, self._last.error))
        return super().step(stage, judged=judged, rate=rate)

    def report(self, report: Report) -> None:
        """Hears what a course says at each look."""
        self._last = Heard(report.stage, report.share, report.error, report.preview)
        self._hear(self._last)
