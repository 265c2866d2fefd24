"""One engine, one film, measured: run as a program, so that its memory is its own."""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from living_portraits import engines, face, memory, provenance, samples, video
from living_portraits.align import Canvas, Crop
from living_portraits.animator import Animator, Progress, load
from living_portraits.engine import Drive, Engine, Frame, Track
from living_portraits.errors import LivingPortraitsError
from living_portraits.film_options import Options
from living_portraits.nn import process
from living_portraits.portrait import Portrait, open_portrait

SOURCE, DRIVER = samples.mona_lisa, samples.talk
_WARM = 0.4  # seconds of the driver that the first film takes, which is not counted

Found = TypeVar("Found")


def measure(engine: str, size: int, seconds: float, runtime: str) -> dict[str, Any]:
    """The fields of `Figures`."""
    animator, load_time = timed(lambda: load(engine, size=size, runtime=runtime))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "film.mp4"
        animator.animate(SOURCE, DRIVER, out, end=min(_WARM, seconds), mark=True)
        first: list[float] = []
        begun = time.perf_counter()

        def look(step: Progress) -> None:
            if step.frame is not None and not first:
                first.append(time.perf_counter() - begun)

        busy = time.process_time()
        result, film_time = timed(lambda: animator.animate(SOURCE, DRIVER, out, end=seconds, progress=look))
        busy = time.process_time() - busy
        held = memory.peak() / 1e6  # of the film: the stages by themselves hold all frames at once
        stages = measured_stages(animator, seconds, out)
    work = operations(engine, animator.engine.spec.size)
    return {
        "engine": engine,
        "size": animator.engine.spec.size,
        "runtime": getattr(animator.engine, "runtime", ""),
        "load": load_time,
        "first_frame": first[0],
        "fps": result.frames / film_time,
        "cpu": 1000 * busy / result.frames,
        "stages": stages,
        "work": work,
        "memory": held,
        "frames": result.frames,
    }


def measured_stages(animator: Animator, seconds: float, out: Path) -> dict[str, float]:
    """Milliseconds a frame of each stage, one after the other."""
    engine, portrait = animator.engine, open_portrait(SOURCE, Options())
    fps = video.probe(DRIVER).fps
    frames, decode = timed(lambda: list(video.read_frames(DRIVER, end=seconds)))
    track, follow = timed(lambda: face.follow(frames, fps=fps))
    crop, identity, motion = cast(engine, portrait, track, frames)
    patches, generate = timed(lambda: list(engine.generate(identity, motion)))
    canvas = Canvas(portrait.opaque, crop)
    pasted, paste = timed(lambda: [canvas.paste(patch) for patch in patches])
    marked, mark = timed(lambda: [provenance.mark(frame) for frame in pasted])
    _, encode = timed(lambda: write(out, marked, fps))
    spent = {"decode": decode, "track": follow, "generate": generate, "paste": paste, "mark": mark, "encode": encode}
    return {name: 1000 * each / len(frames) for name, each in spent.items()}


def cast(
    engine: Engine[Any, Any], portrait: Portrait, track: face.FaceTrack, frames: Sequence[Frame]
) -> tuple[Crop, Any, Any]:
    """Where the portrait's face is, who it is, and how the driver moves, as the animator has it."""
    crop, source = face.as_source(portrait.opaque, portrait.faces[0], size=engine.spec.size)
    identity = engine.encode_identity(source)
    there = Crop.around(track.points[0], size=engine.spec.driver_size or engine.spec.size)
    crops = [there.take(frame) for frame in frames] if engine.spec.reads_driver_pixels else ()
    motion = engine.encode_motion(Track(crops, there.to_crop(track.points), track.blendshapes, track.fps), Drive())
    return crop, identity, motion


def operations(engine: str, size: int) -> float:
    """Billions of floating-point operations of the engine's networks in a frame, as PyTorch counts them; 0 without."""
    if not engines.spec(engine).weights:
        return 0.0
    from torch.utils.flop_counter import FlopCounterMode

    made = engines.create(engine, size=size, runtime="torch" if engines.spec(engine).runtimes else engines.AUTO)
    frames = list(video.read_frames(DRIVER, end=_WARM))
    track = face.follow(frames, fps=video.probe(DRIVER).fps)
    _, identity, motion = cast(made, open_portrait(SOURCE, Options()), track, frames)
    with FlopCounterMode(display=False) as counter:
        next(iter(made.generate(identity, motion)))
    return counter.get_total_flops() / 1e9


def write(out: Path, frames: Sequence[Frame], fps: float) -> None:
    """A film without sound or signature."""
    height, width = frames[0].shape[:2]
    with video.Film(out, width=width, height=height, fps=fps) as film:
        for frame in frames:
            film.write(frame)


def timed(work: Callable[[], Found]) -> tuple[Found, float]:
    """What it gives, and the seconds it took."""
    begun = time.perf_counter()
    found = work()
    return found, time.perf_counter() - begun


if __name__ == "__main__":
    process.makes_films_alone()  # as in the commands that are measured
    try:
        print(json.dumps(measure(**json.loads(sys.argv[1]))))
    except LivingPortraitsError as error:
        sys.exit(str(error))
