"""What a file holds, in words."""

from collections.abc import Iterator
from pathlib import Path

from living_portraits import choreography, face, motion_file, provenance, video
from living_portraits.errors import MediaError


def describe(path: Path) -> Iterator[tuple[str, str]]:
    """Name and value of everything worth knowing about a picture, clip, motion or choreography. Raises MediaError."""
    yield "file", str(path)
    if path.suffix.lower() == motion_file.SUFFIX:
        points, _, fps = motion_file.load_motion(path)
        yield "holds", "motion of a face"
        yield "frames", f"{len(points)} at {fps:g} a second, {len(points) / fps:.2f} s"
        return
    if path.suffix.lower() == choreography.SUFFIX:
        dance = choreography.load(path)
        yield "holds", "motion of a body"
        yield "frames", f"{len(dance)} at {dance.fps:g} a second, {len(dance) / dance.fps:.2f} s"
        return
    yield from _picture(path) if video.is_still(path) else _moving(path)
    yield "provenance", provenance.verify(path).sentence


def _moving(path: Path) -> Iterator[tuple[str, str]]:
    try:
        yield from _film(path)
    except MediaError:
        if not video.named_as_picture(path):
            raise
        yield from _picture(path, holds="a picture that moves, of which the first can be read")


def _picture(path: Path, *, holds: str = "a picture") -> Iterator[tuple[str, str]]:
    picture = video.read_picture(path)
    height, width = picture.rgb.shape[:2]
    yield "holds", holds + (" with transparency" if picture.alpha is not None else "")
    yield "size", f"{width} x {height}"
    faces = face.find(picture.rgb)
    yield "faces", str(len(faces))
    for number, found in enumerate(faces):
        left, top, right, bottom = found.box
        yield f"face {number}", f"{right - left:.0f} x {bottom - top:.0f} at {left:.0f}, {top:.0f}"


def _film(path: Path) -> Iterator[tuple[str, str]]:
    film = video.probe(path)
    varying = ", at a varying rate" if film.variable_rate else ""
    yield "holds", f"a film ({film.codec})"
    yield "size", f"{film.width} x {film.height}" + (f", turned by {film.rotation} degrees" if film.rotation else "")
    yield "frames", f"{film.frames} at {film.fps:g} a second{varying}, {film.duration:.2f} s"
    yield "sound", film.sound or "none"
