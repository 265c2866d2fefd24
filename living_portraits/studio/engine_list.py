"""Which engines there are, whether they can be used here, and how fast they were."""

import tempfile
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from living_portraits import engines, samples, weights
from living_portraits.animator import Animator, Progress, load
from living_portraits.errors import LivingPortraitsError, WeightsError
from living_portraits.studio.choices import FITTED, USUAL
from living_portraits.studio.words import known, say

TRIALS = (0.1, 1.0)
"""Seconds of the clips that are filmed when the studio opens: one to load what is needed, one to measure the speed."""

FPS = 15.0
"""Frames a second of an engine that was not tried yet: a guess for two cores."""

HEARD = 5
"""Films of each engine and size whose speeds are remembered."""

REMEMBERED = 4
"""Portraits and clips that each engine keeps in memory."""


@dataclass(frozen=True)
class Entry:
    """An engine that could be chosen; `why_not` is empty where it can."""

    name: str
    why_not: str

    @property
    def usable(self) -> bool:
        return not self.why_not


class EngineList:
    """What the registry has, with the speeds measured so far."""

    def __init__(self) -> None:
        self._speeds: defaultdict[tuple[str, int], deque[float]] = defaultdict(lambda: deque(maxlen=HEARD))
        self._animators: dict[tuple[str, int], Animator] = {}
        self._changed, self._waiting = threading.Condition(), 0

    def entries(self) -> tuple[Entry, ...]:
        """Those for faces, the default first."""
        faces = [name for name in engines.ENGINES if engines.spec(name).region == "face"]
        names = sorted(faces, key=lambda name: name != engines.DEFAULT)
        return tuple(Entry(name, _why_not(name)) for name in names)

    def usable(self) -> tuple[str, ...]:
        return tuple(entry.name for entry in self.entries() if entry.usable)

    def note(self, name: str, fps: float, *, size: int = FITTED) -> None:
        """Remembers how fast an engine was; the latest films speak for this machine as it is now."""
        self._speeds[name, size].append(fps)
        if 0 < size <= USUAL:  # what is said of an engine is meant for a film of the usual size
            self._speeds[name, FITTED].append(fps)

    def seconds(self, name: str, size: int, frames: int) -> float:
        """About how long a film of so many frames takes here: as the last ones did, else by the number of pixels."""
        usual = self._speed(name, FITTED) or FPS
        return frames / (self._speed(name, size) or usual * min((USUAL / (size or USUAL)) ** 2, 1.0))

    def _speed(self, name: str, size: int) -> float | None:
        """Of the last films, that in the middle: one that had to share the machine says little of it."""
        heard = self._speeds.get((name, size))
        return median(heard) if heard else None

    def animator(self, name: str, size: int, identity: str = "") -> Animator:
        """One that remembers portraits and clips, as people try several of one with the other. Raises OptionError."""
        if identity:  # who is kept under that name may change
            return Animator(engines.create(name, size=size or None, identity=identity), identity=identity)
        if (name, size) not in self._animators:
            made = engines.create(name, size=size or None)
            self._animators[name, size] = Animator(made, remember=REMEMBERED, fits=size == FITTED)
        return self._animators[name, size]

    def line(self, name: str, language: str) -> str:
        """What it is good for, and how fast it is here."""
        words = say(f"engine.{name}", language) if known(f"engine.{name}") else engines.spec(name).title
        speed = self._speed(name, FITTED)
        if not speed:
            return f"{name}: {words}"
        fps = f"{speed:.0f}" if speed >= 2 else f"{speed:.1f}"
        return f"{name}: {words}; {say('engine.speed', language, fps=fps)}"

    def choices(self, language: str) -> list[tuple[str, str]]:
        """(line, name) of those that can be used."""
        return [(self.line(name, language), name) for name in self.usable()]

    def excuses(self, language: str) -> list[str]:
        """One line for each that cannot be used."""
        lost = [entry for entry in self.entries() if not entry.usable]
        return [f"{entry.name}: {say('engine.unusable', language, why=entry.why_not)}" for entry in lost]

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """While somebody waits for films: trials stand still, which would make them wait longer."""
        with self._changed:
            self._waiting += 1
        try:
            yield
        finally:
            with self._changed:
                self._waiting -= 1
                self._changed.notify_all()

    def warm_up(self) -> threading.Thread:
        """Makes a moment of film with each, in a thread: its speed is known then, and the first user need not wait."""
        thread = threading.Thread(target=self._try_all, daemon=True)
        thread.start()
        return thread

    def _try_all(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for name in self.usable():
                # The default engine is kept for whoever comes first; all of them would fill the memory.
                animator = self.animator(name, FITTED) if name == engines.DEFAULT else load(name)
                for end in TRIALS:
                    speed = self._trial(animator, Path(folder, f"{name}.mp4"), end)
                if speed and not self._speed(name, FITTED):
                    self.note(name, speed)

    def _trial(self, animator: Animator, out: Path, end: float) -> float | None:
        """Frames a second, of a film that nobody's work came between; None where the engine makes none."""
        stops = [True]

        def hear(progress: Progress) -> None:
            # Not while the clip is followed: the film that somebody waits for may be waiting for just that.
            stops.append(self._stand_still() if progress.stage == "generate" else self._waiting > 0)

        while any(stops):
            self._stand_still()
            stops.clear()
            try:
                speed = animator.animate(samples.mona_lisa, samples.smile, out, end=end, progress=hear).speed
            except LivingPortraitsError:  # whoever chooses it will be told
                return None
        return speed

    def _stand_still(self) -> bool:
        """Waits until nobody waits for films; whether there was anybody."""
        with self._changed:
            stood = self._waiting > 0
            self._changed.wait_for(lambda: not self._waiting)
        return stood


def _why_not(name: str) -> str:
    try:
        for file in engines.spec(name).weights:
            weights.path(file)
    except WeightsError as error:
        return str(error)
    except ImportError as error:
        return f"{error.name} is not installed"
    return ""
