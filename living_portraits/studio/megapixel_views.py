"""What the page shows of one film at two sizes: HTML from values, every text escaped."""

import html
from pathlib import Path

import cv2
import numpy as np

from living_portraits import video
from living_portraits.engine import Frame
from living_portraits.studio.production import Production
from living_portraits.studio.views import name_of, picture_data
from living_portraits.studio.words import say

SHARE, LOW = 0.3, 0.55  # from the eyes to the mouth: of the frame's side, and where its middle is
SIDE = 480


def closer(made: Production, language: str) -> str:
    """The face at the films' middle, all shown at one size, and what a frame took."""
    figures = []
    for shot in made.shots:
        name = name_of(shot, language)
        words = "" if shot.ms is None else say("megapixel.ms", language, ms=round(shot.ms))
        data = picture_data(close_up(shot.out), height=SIDE, quality=92)
        figures.append(
            f'<figure><img alt="{html.escape(name)}" src="{data}"><figcaption><b>{html.escape(name)}</b>'
            f"<span>{html.escape(words)}</span></figcaption></figure>"
        )
    words = html.escape(say("megapixel.closer", language))
    return f'<p class="lp-note">{words}</p><div class="lp-films lp-close">{"".join(figures)}</div>'


def close_up(film: Path) -> Frame:
    """The middle of the frame in a film's middle, `SIDE` px: enlarged, pixels in between are guessed from those around.

    Raises MediaError.
    """
    frame = next(iter(video.read_frames(film, start=video.probe(film).duration / 2)))
    side = round(SHARE * frame.shape[0])
    top, left = round(LOW * frame.shape[0]) - side // 2, (frame.shape[1] - side) // 2
    part = frame[top : top + side, left : left + side]
    return np.asarray(cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.uint8)
