"""Films of 1024 px beside those of 512 px, enlarged: whether they are sharper, as like the sitter, and as calm.

python -m living_portraits.commands.megapixel_table --identity-weights FILE
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float32

from living_portraits import engines, face, samples, video
from living_portraits.engine import Drive, Frame, Track
from living_portraits.errors import FaceError, LivingPortraitsError, OptionError
from living_portraits.metrics.identity import Embed, csim, mobilefacenet
from living_portraits.metrics.pixels import face_mask, laplacian_energy
from living_portraits.nn import process
from living_portraits.training.drivers import film

ENGINE, USUAL, LARGE = "megaportraits", 512, 1024
PORTRAITS = ("girl_with_a_pearl_earring", "mona_lisa", "ada_lovelace", "rembrandt")
FRAMES = 48
_SEEN = 256  # px, the side at which flicker is looked for
_BLUR = 0.7  # px of that: without it, cracks too fine for such pictures would glimmer in them as they move
_LATER = 20  # frames in which the driver `talk` has not begun to speak


@dataclass(frozen=True)
class Row:
    """Of one portrait; pairs are of the film enlarged and of the large one.

    Attributes:
        height: of the face in the source's own pixels.
        energy: mean square of the Laplacian in the face. own_energy: of the source at 1024 px, before it is redrawn.
        likeness: CSIM to that. more: by how much the large film's is higher, frame by frame; error: of that mean.
        flicker: mean second difference of neighbouring frames' luma in the face, levels.
    """

    portrait: str
    height: int
    energy: tuple[float, float]
    own_energy: float
    likeness: tuple[float, float]
    more: float
    error: float
    flicker: tuple[float, float]


def judge(name: str, portrait: Path, driver: Track, embed: Embed, *, frames: int = FRAMES) -> Row:
    """One portrait's row; the faces are looked for in the film enlarged, and are in the same places in the other.

    Raises LivingPortraitsError where the portrait cannot be read.
    """
    picture = video.read_picture(portrait).rgb
    faces = face.find(picture)
    if not faces:
        raise FaceError(f"There is no face to be found in {portrait}.")
    found = faces[0]
    sources = {size: face.as_source(picture, found, size=size)[1] for size in (USUAL, LARGE)}
    enlarged = [
        np.asarray(cv2.resize(frame, (LARGE, LARGE), interpolation=cv2.INTER_CUBIC), np.uint8)
        for frame in _film(sources[USUAL], driver, USUAL, frames)
    ]
    large = _film(sources[LARGE], driver, LARGE, frames)
    crop, points = sources[LARGE].crops[0], sources[LARGE].points[0]
    mask, seen = face_mask(points, LARGE), face_mask(points * np.float32(_SEEN / LARGE), _SEEN)
    own = embed(crop, points)[None]
    alike = np.array(
        [
            [float(csim(own, embed(frame, there[0].points)[None])[0]) for frame in pair]
            for pair in zip(enlarged, large, strict=True)
            if (there := face.find(pair[0]))
        ]
    )
    if not len(alike):
        raise FaceError(f"There is no face to be found in the film of {name}.")
    more = alike[:, 1] - alike[:, 0]
    return Row(
        portrait=name,
        height=round(float(np.ptp(found.points[:, 1]))),
        energy=_pair(lambda film: float(np.mean([laplacian_energy(frame, mask) for frame in film])), enlarged, large),
        own_energy=laplacian_energy(crop, mask),
        likeness=(float(alike[:, 0].mean()), float(alike[:, 1].mean())),
        more=float(more.mean()),
        error=float(more.std() / np.sqrt(len(more))),
        flicker=_pair(lambda film: flicker(film, seen), enlarged, large),
    )


def flicker(frames: Sequence[Frame], mask: Bool[np.ndarray, "256 256"]) -> float:
    """Mean absolute second difference in time of the luma inside the mask of 256 px, levels; from three frames on."""
    luma = np.stack([_looked_at(frame) for frame in frames])
    return float(np.abs(luma[2:] - 2 * luma[1:-1] + luma[:-2])[:, mask].mean())


def _looked_at(frame: Frame) -> Float32[np.ndarray, "256 256"]:
    scale = len(frame) / _SEEN
    luma = cv2.GaussianBlur(cv2.cvtColor(frame.astype(np.float32), cv2.COLOR_RGB2GRAY), (0, 0), _BLUR * scale)
    return np.asarray(cv2.resize(luma, (_SEEN, _SEEN), interpolation=cv2.INTER_AREA))


def _pair(
    figure: Callable[[Sequence[Frame]], float], enlarged: Sequence[Frame], large: Sequence[Frame]
) -> tuple[float, float]:
    return float(figure(enlarged)), float(figure(large))


def _film(source: Track, driver: Track, size: int, frames: int) -> list[Frame]:
    engine = engines.create(ENGINE, size=size)
    motion = engine.encode_motion(driver, Drive(neutral=0))
    return list(islice(engine.generate(engine.encode_identity(source), motion), _LATER, _LATER + frames))


def markdown(rows: Sequence[Row]) -> str:
    """A table."""
    lines = [
        "| | Laplacian energy: enlarged, 1024 px, the source | CSIM to the source: enlarged, 1024 px, difference "
        "| flicker: enlarged, 1024 px |",
        "|-|-|-|-|",
    ]
    for row in rows:
        name, height, energy, own, likeness, more, error, calm = astuple(row)
        lines.append(
            f"| {name}, a face of {height} px | {energy[0]:.1f}, {energy[1]:.1f}, {own:.1f} "
            f"| {likeness[0]:.4f}, {likeness[1]:.4f}, {more:+.4f} ± {error:.4f} | {calm[0]:.2f}, {calm[1]:.2f} |"
        )
    return "\n".join(lines)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="megapixel_table", description="Films of 1024 px beside enlarged ones.")
    parser.add_argument("--identity-weights", type=Path, required=True)
    parser.add_argument("--portraits", default=",".join(PORTRAITS), help="names of bundled ones")
    args = parser.parse_args()
    try:
        names = args.portraits.split(",")
        if unknown := [name for name in names if name not in samples.PORTRAITS]:
            raise OptionError(f"There is no portrait {unknown[0]!r}; choose from {', '.join(samples.PORTRAITS)}.")
        embed = mobilefacenet(args.identity_weights)
        process.makes_films_alone()
        driver = film(samples.DRIVERS["talk"], size=USUAL)
        print(markdown([judge(name, samples.PORTRAITS[name], driver, embed) for name in names]))
    except LivingPortraitsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
