"""What an animator gives back: a film, and how it went."""

import base64
import html
from dataclasses import dataclass
from pathlib import Path

EMBEDDED_BYTES = 40_000_000
"""Largest film that is put into a notebook's page; a larger one is named instead."""

_TYPES = {".mp4": "video/mp4", ".webm": "video/webm", ".gif": "image/gif", ".png": "image/png"}


@dataclass(frozen=True)
class Result:
    """A finished film.

    Attributes:
        path: the film, or the folder of its frames.
        frames: how many there are.
        fps: frames a second when it is played.
        width, height: of the frames as they were made, in pixels; mp4 pads odd sides by one.
        seconds: how long it took to make.
    """

    path: Path
    frames: int
    fps: float
    width: int
    height: int
    seconds: float

    @property
    def speed(self) -> float:
        """Frames made in a second, tracking and encoding included."""
        return self.frames / max(self.seconds, 1e-9)

    def __str__(self) -> str:
        return f"{self.path}: {self.frames} frames in {self.seconds:.1f} s, {self.speed:.1f} frames a second"

    def _repr_html_(self) -> str:
        """The film itself, for a notebook's page."""
        shown = min(self.path.glob("*.png"), default=self.path) if self.path.is_dir() else self.path
        kind = _TYPES.get(shown.suffix.lower())
        if kind is None or not shown.is_file() or shown.stat().st_size > EMBEDDED_BYTES:
            return f"<p>{html.escape(str(self))}</p>"
        data = f"data:{kind};base64,{base64.b64encode(shown.read_bytes()).decode()}"
        if kind.startswith("image"):
            return f'<img src="{data}" alt="{html.escape(shown.name)}" style="max-width: 100%">'
        return f'<video src="{data}" controls loop playsinline style="max-width: 100%; max-height: 80vh"></video>'
