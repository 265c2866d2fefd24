"""A finished film in another form: a GIF for messages, single frames for editors. Each says what the film says."""

import shutil
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from living_portraits import draw, engines, provenance, video
from living_portraits.errors import OutputError
from living_portraits.studio.filming import Shot
from living_portraits.studio.order import Order

Form: TypeAlias = Literal["gif", "frames"]
FORMS: tuple[Form, ...] = ("gif", "frames")
GIF_HEIGHT, GIF_FPS = 360, 12.5


def convert(shot: Shot, order: Order, form: Form) -> Path:
    """The film as `.gif`, or as a `.zip` of PNG frames, beside it. Raises MediaError or OutputError."""
    out = shot.out.with_suffix(".gif" if form == "gif" else ".zip")
    if out.exists():
        return out
    if form == "gif":
        _write(shot, order, out, fps=GIF_FPS, height=GIF_HEIGHT)
        return out
    folder, part = shot.out.with_suffix(""), out.with_suffix(".part")
    _write(shot, order, folder)
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as pack:  # PNG is packed already
            for frame in sorted(folder.iterdir()):
                pack.write(frame, f"{folder.name}/{frame.name}")
        part.replace(out)
    except OSError as error:
        raise OutputError(f"{out.name} could not be written: {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
    return out


def _write(shot: Shot, order: Order, out: Path, *, fps: float | None = None, height: int | None = None) -> None:
    info, clear = video.probe(shot.out), order.choices.framing == "alpha"
    rows = min(height or info.height, info.height)
    columns = draw.fitted_width((info.height, info.width), height=rows)
    claim = _claim(shot, order)
    sign = partial(provenance.sign, claim=claim, title=out.name)
    tags = provenance.metadata(claim)
    with video.Film(
        out, width=columns, height=rows, fps=fps or info.fps, metadata=tags, alpha=clear, seal=sign
    ) as film:
        for frame in _cutouts(shot.out, info.fps, fps) if clear else video.read_frames(shot.out, fps=fps):
            parts = [draw.fit(frame[..., :3], height=rows)]
            if clear:
                parts.append(draw.fit(np.repeat(frame[..., 3:], 3, axis=2), height=rows)[..., :1])
            film.write(np.concatenate(parts, axis=2))


def _cutouts(film: Path, rate: float, fps: float | None) -> Iterator[np.ndarray]:
    """A film's frames with their transparency; at another rate, those that are nearest."""
    wanted = 0
    for number, frame in enumerate(video.read_cutouts(film)):
        while wanted * rate / (fps or rate) < number + 0.5:
            yield frame
            wanted += 1


def _claim(shot: Shot, order: Order) -> provenance.Claim:
    """What the film itself claims, to be said again; of one that carries no credential, what it was made with."""
    said = provenance.verify(shot.out).claim or {}
    size = {"size": shot.size} if shot.size else {}
    return provenance.Claim(
        engine=shot.engine,
        ingredients=(
            provenance.Ingredient(order.source.name, order.source, "source"),
            provenance.Ingredient(shot.driver.name, shot.driver, "driver"),
        ),
        settings=said.get("settings") or order.choices.options() | size,
        mark_shown=bool(said.get("mark_shown", True)),
        consent=order.consent,
        source_type="trainedAlgorithmicMedia" if engines.spec(shot.engine).weights else "compositeSynthetic",
    )
