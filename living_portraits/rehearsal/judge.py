"""How well a dancer was learned: their film's held-out end, painted from its poses and set beside it (EDN section 5).

SSIM and LPIPS against the film's own frames; the pose's distance, of a tracker on both; detections that are missed;
and flicker, the mean change from frame to frame where nobody ever is. Two rivals know no network: the mean of all
taught frames, and the taught frame whose pose is nearest.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Bool

from living_portraits.body import BodyLandmarker
from living_portraits.body.tracking import pose_distance
from living_portraits.choreography import Choreography
from living_portraits.engine import Frame
from living_portraits.engines.dance.dancer import Dancer
from living_portraits.engines.dance.engine import perform
from living_portraits.metrics import pixels
from living_portraits.rehearsal.detector import Detector, Told, middles
from living_portraits.rehearsal.footage import Footage, Shots, hides
from living_portraits.skeleton import BodyPoints

Tracker = Callable[[Frame], BodyPoints | None]
Look = Callable[[Frame, Frame], float]


@dataclass(frozen=True)
class Row:
    """One way of painting the held-out end, judged.

    Attributes:
        name: of the way. frames: how many were painted.
        ssim, lpips: means; lpips is nan without its network. person: L1 of the person's pixels, of 255.
        pose: mean distance, px. missed: share of looks at which nobody was found.
        flicker: mean change a frame of the empty background, of 255; the film's own is its noise.
    """

    name: str
    frames: int
    ssim: float
    lpips: float
    person: float
    pose: float
    missed: float
    flicker: float


def judge(
    footage: Footage, dancers: dict[str, Dancer], *, look: Look | None, every: int = 4, frames: int | None = None
) -> list[Row]:
    """Dancers by name, their rivals, and the film itself, over its held-out end; `every` so many frames are looked at.

    `look`: LPIPS of two frames. `frames`: at most so many of the end.
    """
    stop = len(footage.frames) if frames is None else min(footage.taught + frames, len(footage.frames))
    held = range(footage.taught, stop)
    dance = Choreography(footage.dance.points[held.start : held.stop], footage.dance.fps)
    truth = footage.frames[held.start : held.stop]
    ways: dict[str, Callable[[], Iterator[Frame] | Sequence[Frame]]] = {
        "film": lambda: list(truth),
        "mean frame": lambda: [mean_frame(footage)] * len(held),
        "nearest neighbour": lambda: [footage.frames[nearest(footage, pose)] for pose in dance.points],
    }
    ways |= {name: partial(perform, dancer, dance) for name, dancer in dancers.items()}
    away = empty_background(footage, dance)
    rows = []
    with BodyLandmarker() as landmarker:

        def track(frame: Frame) -> BodyPoints | None:
            found = landmarker.detect(frame)
            return found[0].points if found else None

        expected = [track(frame) for frame in truth[::every]]
        for name, way in ways.items():
            made = np.stack(list(way()))
            rows.append(_row(name, made, truth, dance, expected, track, look, away, every))
    return rows


def _row(
    name: str,
    made: Shots,
    truth: Shots,
    dance: Choreography,
    expected: Sequence[BodyPoints | None],
    track: Tracker,
    look: Look | None,
    away: Bool[np.ndarray, "size size"],
    every: int,
) -> Row:
    pairs = list(zip(made[::every], truth[::every], strict=True))
    found = [track(frame) for frame in made[::every]]
    apart = [pose_distance(a, b) for a, b in zip(found, expected, strict=True) if a is not None and b is not None]
    covered = [hides(points, size=made.shape[1]) for points in dance.points[::every]]
    off = [np.abs(a.astype(int) - b)[mask].mean() for (a, b), mask in zip(pairs, covered, strict=True)]
    change = np.abs(np.diff(made[:, away].astype(np.int16), axis=0))
    return Row(
        name,
        len(made),
        ssim=float(np.mean([pixels.ssim(a, b) for a, b in pairs])),
        lpips=float(np.mean([look(a, b) for a, b in pairs])) if look else float("nan"),
        person=float(np.mean(off)),
        pose=float(np.nanmean(apart)) if apart else float("nan"),
        missed=sum(points is None for points in found) / len(found),
        flicker=float(change.mean()) if change.size else 0.0,
    )


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    head = "| | SSIM | LPIPS | person L1 | pose, px | missed | flicker |\n|-|-|-|-|-|-|-|"
    lines = [
        f"| {row.name} | {row.ssim:.3f} | {row.lpips:.3f} | {row.person:.1f} | {row.pose:.2f} | {row.missed:.0%} "
        f"| {row.flicker:.2f} |"
        for row in rows
    ]
    return "\n".join([head, *lines])


def stages(dancers: dict[str, Dancer]) -> dict[str, Dancer]:
    """Each dancer as they are, and before it, where a face was taught, without: what the last stage is worth."""
    found: dict[str, Dancer] = {}
    for name, dancer in dancers.items():
        if dancer.face is not None:
            found[f"{name}, body alone"] = replace(dancer, face=None)
        found[name] = dancer
    return found


def detect(footage: Footage, dancer: Dancer, *, frames: int = 200, steps: int = 300) -> Told:
    """How well the dancer's frames can be told from the film's: learned on at most `frames` of the taught part."""
    first = max(footage.taught - frames, 0)
    taught, held = slice(first, footage.taught), slice(footage.taught, len(footage.frames))
    detector, points = Detector(), footage.dance.points

    def painted(part: slice) -> Shots:
        return np.stack(list(perform(dancer, Choreography(points[part], footage.dance.fps))))

    detector.learn(footage.frames[taught], painted(taught), middles(points[taught]), steps=steps)
    return detector.asked(footage.frames[held], painted(held), middles(points[held]))


# --- rivals -----------------------------------------------------------------------------------------------------------


def mean_frame(footage: Footage) -> Frame:
    """The mean of the taught frames."""
    return np.rint(footage.frames[: footage.taught].mean(axis=0)).astype(np.uint8)


def nearest(footage: Footage, pose: BodyPoints) -> int:
    """Which taught frame's pose is nearest."""
    taught = footage.dance.points[: footage.taught, :, :2]
    return int(np.linalg.norm(taught - pose[:, :2], axis=-1).mean(axis=1).argmin())


def empty_background(footage: Footage, dance: Choreography) -> Bool[np.ndarray, "size size"]:
    """Where nobody is in the whole dance."""
    hidden = [hides(points, size=footage.size) for points in dance.points]
    return ~np.logical_or.reduce(hidden)
