"""Dancer and choreography to film: the whole path of the engine `dance`."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from living_portraits import body, draw, engines, places, provenance, samples, skeleton, stance, video
from living_portraits import choreography as dances
from living_portraits.animator import Progress
from living_portraits.choreography import Choreography
from living_portraits.engine import Frame
from living_portraits.engines.dance import dancer as dancers
from living_portraits.engines.dance.engine import Dance
from living_portraits.engines.dance.repertoire import warn_of_guesses
from living_portraits.errors import MediaError, OptionError
from living_portraits.pipeline import ahead
from living_portraits.result import Result

_MOST_TIMES = 1000
_SLOWEST, _QUICKEST = 1.0, 240.0  # frames a second; between two of one, a second is painted that nobody sees


@dataclass(frozen=True, kw_only=True)
class Staging:
    """What may be chosen about a film.

    Attributes:
        start, end: seconds of the choreography. fps: frames a second; None: the choreography's.
        sound: "choreography" (none where it is danced more than once), "none" or a file.
        smoothing: of the tracked body, in [0, 1].
        times: how often the choreography is gone through, end to beginning.
        side_by_side: the choreography's skeleton beside the film.
        save_choreography: where to keep what was tracked, some kilobytes that drive any dancer.
        mark, consent, certificate, key: as for every film, see `film_options`; the consent that was given when the
            dancer was taught is said again, unless there is another.
    """

    start: float = 0.0
    end: float | None = None
    fps: float | None = None
    sound: str | Path = "choreography"
    smoothing: float = 0.5
    times: int = 1
    side_by_side: bool = False
    save_choreography: Path | None = None
    mark: bool = True
    consent: str | None = None
    certificate: Path | None = None
    key: Path | None = None


def dance(
    out: Path | str,
    *,
    identity: Path | str | None = None,
    choreography: Path | str | None = None,
    runtime: str = engines.AUTO,
    progress: Callable[[Progress], None] | None = None,
    **options: Any,
) -> Result:
    """Make the film in which a dancer dances a choreography.

    Args:
        out: `.mp4`, `.webm`, `.gif`, or a folder for PNG frames.
        identity: a dancer's name or file, made by `living-portraits dance train`; None: the one that comes along.
        choreography: a clip of anybody dancing, a `.dance` file, or a sample's name; None: the first sample.
        runtime: where the dancer's network runs, as `load` has it; "torch" or "openvino".
        progress: called after every frame; raising stops the film.
        options: the fields of `Staging`, as keywords.

    Raises:
        LivingPortraitsError: whatever the caller can mend, in one sentence.
    """
    begun = time.perf_counter()
    chosen = _chosen(options)
    if identity is None and not comes_along():
        raise OptionError("No dancer comes along: teach one with `living-portraits dance train`, then name them.")
    engines.check_runtime("dance", runtime)
    engine = Dance(
        file=None if identity is None else dancers.DANCERS.find(str(identity)),
        runtime=None if runtime == engines.AUTO else runtime,
    )
    steps = open_choreography(choreography, chosen)
    _check_places(Path(out), engine, steps, chosen)
    with _film(out, engine, steps, chosen) as film:
        motion = steps.read(progress and (lambda done: progress(Progress("track", done, steps.expected))))
        for frame in _frames(engine, motion, chosen):
            film.write(frame)
            if progress:
                progress(Progress("generate", film.frames, len(motion), frame))
    if chosen.save_choreography is not None and steps.found is not None:
        dances.save(chosen.save_choreography, steps.found)
    height, width = _shape(engine, chosen)
    return Result(Path(out), film.frames, steps.fps, width, height, time.perf_counter() - begun)


def comes_along() -> bool:
    """Whether this copy has a dancer of its own."""
    return bool(engines.available("body"))


def known_dancers() -> tuple[str, ...]:
    """The names of the dancers who were taught here."""
    return dancers.DANCERS.known()


def _chosen(options: dict[str, Any]) -> Staging:
    try:
        chosen = Staging(**options)
    except TypeError:
        known = ", ".join(Staging.__dataclass_fields__)
        unknown = next(name for name in options if name not in Staging.__dataclass_fields__)
        raise OptionError(f"There is no option {unknown}; choose from {known}.") from None
    if not 1 <= chosen.times <= _MOST_TIMES:
        raise OptionError(f"A choreography is danced once to {_MOST_TIMES:,} times, not {chosen.times:,} times.")
    if chosen.fps is not None and not _SLOWEST <= chosen.fps <= _QUICKEST:
        raise OptionError(f"A dance has {_SLOWEST:g} to {_QUICKEST:g} frames a second, not {chosen.fps:g}.")
    if not 0 <= chosen.smoothing <= 1:
        raise OptionError(f"The smoothing takes a number from 0 to 1, not {chosen.smoothing:g}.")
    return chosen


# --- the choreography -------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Steps:
    """A choreography to be read: a clip that must be tracked, or a file that was.

    Attributes:
        path: of the clip or file. fps: frames a second of the film. expected: about how many frames to track.
        sound: what is heard in it, cut as its frames are.
    """

    path: Path
    fps: float
    expected: int
    sound: video.Sound | None
    options: Staging
    found: Choreography | None = None

    def read(self, on_frame: Callable[[int], None] | None = None) -> Choreography:
        """The body's points; tracked when first asked for. Raises BodyError."""
        if self.found is None:
            frames = video.read_frames(self.path, start=self.options.start, end=self.options.end, fps=self.options.fps)
            self.found = body.follow(frames, fps=self.fps, smoothing=self.options.smoothing, on_frame=on_frame)
        return dances.repeated(self.found, self.options.times)


def open_choreography(given: Path | str | None, options: Staging) -> Steps:
    """What is to be danced; a clip's header alone is read. Raises MediaError."""
    known = samples.DANCES
    path = next(iter(known.values())) if given is None else Path(given)
    if not path.exists():
        path = known.get(str(given), path)
    if path.suffix.lower() == dances.SUFFIX:
        part = dances.part(dances.load(path), start=options.start, end=options.end)
        part = dances.resampled(part, fps=options.fps or part.fps)
        return Steps(path, part.fps, len(part), None, options, part)
    if video.is_still(path):
        raise MediaError(f"{path} is a single picture, which is no dance; take a clip or a {dances.SUFFIX} file.")
    info = video.probe(path)
    fps = options.fps or info.fps
    sound = video.Sound(path, options.start, options.end) if info.sound and options.times == 1 else None
    end = min(options.end or info.duration, info.duration)
    return Steps(path, fps, max(round((end - options.start) * fps), 1), sound, options)


# --- the film ---------------------------------------------------------------------------------------------------------


def _frames(engine: Dance, motion: Choreography, options: Staging) -> Iterator[Frame]:
    identity = engine.encode_identity()
    fitted = stance.normalised(motion, identity.stance, size=identity.size)
    if identity.repertoire is not None:
        warn_of_guesses(identity.repertoire, fitted, height=identity.stance.near_height)
    # The engine paints the next frames while this one is encoded.
    frames: Iterator[Frame] = ahead(engine.generate(identity, engine.encode_motion(motion)))
    if options.side_by_side:
        drawn = (skeleton.draw_skeleton(points, size=identity.size) for points in fitted.points)
        frames = (draw.side_by_side(*pair) for pair in zip(drawn, frames, strict=True))
    return (provenance.mark(frame) for frame in frames) if options.mark else frames


def _shape(engine: Dance, options: Staging) -> tuple[int, int]:
    return engine.spec.size, engine.spec.size * (2 if options.side_by_side else 1)


def _film(out: Path | str, engine: Dance, steps: Steps, options: Staging) -> video.Film:
    """The film, open and empty; it signs itself before it takes its place."""
    claim = _claim(engine, steps, options)
    provenance.check_signer(certificate=options.certificate, key=options.key)
    height, width = _shape(engine, options)
    sound = {"choreography": steps.sound, "none": None}.get(str(options.sound), video.Sound(Path(options.sound)))
    sign = partial(provenance.sign, claim=claim, certificate=options.certificate, key=options.key, title=Path(out).name)
    return video.Film(
        out, width=width, height=height, fps=steps.fps, sound=sound, metadata=provenance.metadata(claim), seal=sign
    )


def _claim(engine: Dance, steps: Steps, options: Staging) -> provenance.Claim:
    source: Literal["source"] = "source"
    settings = {name: value for name, value in vars(options).items() if name in ("start", "end", "fps", "sound")}
    return provenance.Claim(
        engine=engine.spec.name,
        ingredients=(
            provenance.Ingredient(engine.file.name, engine.file, source),
            provenance.Ingredient(steps.path.name, steps.path, "driver"),
        ),
        settings=settings | {"size": engine.spec.size, "smoothing": options.smoothing, "times": options.times},
        mark_shown=options.mark,
        consent=options.consent or engine.dancer.about.get("consent"),
        source_type="trainedAlgorithmicMedia",
    )


def _check_places(out: Path, engine: Dance, steps: Steps, options: Staging) -> None:
    """Raises OptionError if what is to be written would overwrite what is read, or each other."""
    written = [path for path in (out, options.save_choreography) if path is not None]
    for target in written:
        places.spare(target, (engine.file, steps.path, options.sound, options.certificate, options.key))
    if len({target.resolve() for target in written}) < len(written):
        raise OptionError(f"{out} is to be written twice; give the film and its choreography each a name.")
    if options.save_choreography is not None and options.save_choreography.suffix.lower() != dances.SUFFIX:
        raise OptionError(
            f"{options.save_choreography} is to hold a choreography; give it a name that ends in {dances.SUFFIX}."
        )
    for target in written[1:]:
        places.check_writable(target)
