"""The visible mark: a small sign in the corner of every frame."""

import functools

import numpy as np
from jaxtyping import UInt8, UInt16
from PIL import Image, ImageDraw, ImageFont

MARK_TEXT = "AI-generated"
MARK_SIZE = 0.03  # height of the mark's type, as a share of the frame's shorter side
MARK_MIN_SIZE = 11  # px; smaller type is not readable after video compression


def mark(frame: UInt8[np.ndarray, "height width channels"]) -> UInt8[np.ndarray, "height width channels"]:
    """Put the small "AI-generated" sign into the lower right corner.

    Takes uint8 `[H, W, 3]` RGB or `[H, W, 4]` RGBA (straight alpha, where the sign is opaque enough to be seen on
    nothing) and returns a new array; pixels outside the sign's box are equal to the given ones.
    """
    height, width, channels = frame.shape
    top, left, ink, cover = _stamp(height, width)
    marked = frame.copy()
    box = marked[top : top + len(ink), left : left + ink.shape[1]]
    kept = 255 - cover
    if channels == 4:
        kept = (kept * box[..., 3:] + 127) // 255
        alpha = np.maximum(cover + kept, 1)
        box[..., :3] = (ink + kept * box[..., :3] + alpha // 2) // alpha
        box[..., 3:] = cover + kept
    else:
        box[...] = (ink + kept * box + 127) // 255
    return marked


@functools.lru_cache(maxsize=8)
def _stamp(
    height: int, width: int
) -> tuple[int, int, UInt16[np.ndarray, "rows columns 3"], UInt16[np.ndarray, "rows columns 1"]]:
    """The sign for one frame size: top, left, colour times cover (0 to 65025), cover (0 to 255).

    White type on a dark translucent pill: one of the two contrasts with any picture. Narrow frames get smaller type.
    """
    widest = width / 8.6  # pill and margins are at most 8.6 times as wide as the type is high
    size = max(1, int(min(max(MARK_MIN_SIZE, round(MARK_SIZE * min(height, width))), widest)))
    font = ImageFont.load_default(size=size)
    x0, x1 = font.getbbox(MARK_TEXT)[0::2]
    columns, rows = round(x1 - x0 + 1.2 * size), round(1.6 * size)
    pill = Image.new("L", (4 * columns, 4 * rows))  # drawn large and reduced, for smooth corners
    ImageDraw.Draw(pill).rounded_rectangle((0, 0, 4 * columns - 1, 4 * rows - 1), radius=2 * rows, fill=158)
    text = Image.new("L", (columns, rows))
    cap_top, cap_bottom = font.getbbox("A")[1::2]
    ImageDraw.Draw(text).text((round(0.6 * size - x0), round((rows - cap_top - cap_bottom) / 2)), MARK_TEXT, 245, font)
    dark, light = np.asarray(pill.reduce(4), np.uint16), np.asarray(text, np.uint16)
    cover = light + (255 - light) * dark // 255
    ink = np.repeat(255 * light[..., None], 3, axis=2)
    gap = round(0.6 * size)
    top, left = max(0, height - rows - gap), max(0, width - columns - gap)
    ink, cover = ink[: height - top, : width - left], cover[: height - top, : width - left, None]
    return top, left, ink, cover
