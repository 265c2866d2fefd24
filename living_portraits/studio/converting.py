"""A finished film in another form: a GIF for messages, single frames for editors. Each says what the film says."""

import zipfile
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from living_portraits import draw, provenance, video
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
    folder = shot.out.with_suffix("")
    _write(shot, order, folder)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as pack:  # PNG is packed already
        for frame in sorted(folder.iterdir()):
            pack.write(frame, f"{folder.name}/{frame.name}")
            frame.unlink()
    folder.rmdir()
    return out


def _write(shot: Shot, order: Order, out: Path, *, fps: float | None = None, height: int | None = None) -> None:
    info = video.probe(shot.out)
    rows = min(height or info.height, info.height)
    columns = draw.fitted_width((info.height, info.width), height=rows)
    claim = _claim(shot, order)
    sign = partial(provenance.sign, claim=claim, title=out.name)
    tags = provenance.metadata(claim)
    with video.Film(out, width=columns, height=rows, fps=fps or info.fps, metadata=tags, seal=sign) as film:
        for frame in video.read_frames(shot.out, fps=fps):
            film.write(draw.fit(frame, height=rows))


def _claim(shot: Shot, order: Order) -> provenance.Claim:
    """What the film itself claims, to be said again."""
    said = provenance.verify(shot.out).claim or {}
    return provenance.Claim(
        engine=shot.engine,
        ingredients=(
            provenance.Ingredient(order.source.name, order.source, "source"),
            provenance.Ingredient(shot.driver.name, shot.driver, "driver"),
        ),
        settings=said.get("settings") or order.choices.options(),
        mark_shown=bool(said.get("mark_shown", True)),
        consent=order.consent,
        source_type="trainedAlgorithmicMedia"
        if said.get("source_type") == "trainedAlgorithmicMedia"
        else "compositeSynthetic",
    )
