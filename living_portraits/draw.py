"""Pictures of points: landmark drawings, contact sheets, films side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from living_portraits import geometry
from living_portraits.engine import Frame, Points

SKIN, BROWS, EYES, IRISES, NOSE, LIPS, MOUTH = (
    (150, 150, 150),
    (230, 140, 60),
    (90, 180, 250),
    (250, 250, 110),
    (120, 210, 120),
    (240, 90, 110),
    (250, 170, 180),
)
"""The colour of each feature, RGB."""

OPEN_LINES = (  # MediaPipe's numbering, from the picture's left to its right
    (BROWS, (70, 63, 105, 66, 107)),
    (BROWS, (336, 296, 334, 293, 300)),
    (NOSE, (168, 6, 197, 195, 5, 4)),
    (NOSE, (98, 97, 2, 326, 327)),
)
CLOSED_LINES = (
    (SKIN, geometry.FACE_OVAL),
    (EYES, geometry.RIGHT_EYE),
    (EYES, geometry.LEFT_EYE),
    (LIPS, geometry.LIPS_OUTER),
    (MOUTH, geometry.LIPS_INNER),
)
_FRACTION_BITS = 4  # cv2 takes points in sixteenths of a pixel
Drawing: TypeAlias = UInt8[np.ndarray, "_ _ 3"]  # like a Frame, but no two need to be of one size
PAPER, INK = (24, 24, 24), (225, 225, 225)


def landmarks(picture: Frame, points: Points) -> Frame:
    """The face's features as coloured lines on a copy of `picture`; `points` in its pixels."""
    drawing = picture.copy()
    size = float(np.ptp(points[:, 1]))
    thickness = max(round(size / 180), 1)
    places = np.rint(points[:, :2] * 2**_FRACTION_BITS).astype(np.int32)
    for features, closed in ((OPEN_LINES, False), (CLOSED_LINES, True)):
        for colour, line in features:
            cv2.polylines(drawing, [places[list(line)]], closed, colour, thickness, cv2.LINE_AA, _FRACTION_BITS)
    for centre, *rim in (geometry.RIGHT_IRIS, geometry.LEFT_IRIS):
        radius = round(float(np.linalg.norm(places[rim] - places[centre], axis=1).mean()))
        middle = int(places[centre, 0]), int(places[centre, 1])
        cv2.circle(drawing, middle, radius, IRISES, thickness, cv2.LINE_AA, _FRACTION_BITS)
    return drawing


def portrait_of(points: Points, *, size: int) -> Drawing:
    """The landmarks alone, on dark paper `[size, size, 3]`; `points` in its pixels."""
    return landmarks(np.full((size, size, 3), PAPER, np.uint8), points)


def fit(picture: Drawing, *, height: int) -> Drawing:
    """`picture` scaled to `height` pixels, its proportions kept."""
    rows = picture.shape[0]
    if rows == height:
        return picture
    smooth = cv2.INTER_AREA if height < rows else cv2.INTER_CUBIC
    size = (fitted_width(picture.shape[:2], height=height), height)
    return np.asarray(cv2.resize(picture, size, interpolation=smooth), dtype=np.uint8)


def fitted_width(shape: tuple[int, ...], *, height: int) -> int:
    """How wide a picture of `shape` = (height, width) becomes when it is scaled to `height`."""
    return max(round(shape[1] * height / shape[0]), 1)


def held(shape: tuple[int, ...], *, largest: int) -> tuple[int, int]:
    """`shape` = (height, width) with no side longer than `largest`, its proportions kept."""
    height = min(shape[0], largest, max(shape[0] * largest // shape[1], 1))
    return height, fitted_width(shape, height=height)


def side_by_side(*pictures: Drawing) -> Drawing:
    """Pictures in a row, all as high as the last."""
    height = pictures[-1].shape[0]
    return np.hstack([fit(picture, height=height) for picture in pictures])


@dataclass(frozen=True)
class Strip:
    """One film on a contact sheet: its name, some of the driver's frames, and the result's at the same moments."""

    title: str
    driver: Sequence[Drawing]
    result: Sequence[Drawing]


def contact_sheet(source: Drawing, strips: Sequence[Strip], *, cell: int = 220) -> Drawing:
    """The source, and for each film the driver's frames over the result's, in cells of `cell` pixels' height."""
    blocks = [_block(strip, cell) for strip in strips]
    width = max(block.shape[1] for block in blocks)
    films = np.vstack([_widen(block, width) for block in blocks])
    left = fit(source, height=2 * cell)
    edge = np.full((films.shape[0], 8, 3), PAPER, np.uint8)
    column = np.full((films.shape[0], left.shape[1], 3), PAPER, np.uint8)
    lead = _caption("", 1, cell).shape[0]
    column[lead : lead + 2 * cell] = left
    return np.hstack([edge, column, edge, films, edge])


def _block(strip: Strip, cell: int) -> Drawing:
    rows = []
    width = max(picture.shape[1] * cell // picture.shape[0] for picture in [*strip.driver, *strip.result])
    for pictures in (strip.driver, strip.result):
        rows.append(np.hstack([_centred(fit(picture, height=cell), width + 4) for picture in pictures]))
    return np.vstack([_caption(strip.title, rows[0].shape[1], cell), *rows])


def _centred(picture: Drawing, width: int) -> Drawing:
    """`picture` on paper `width` wide; what does not fit is cut off at both sides alike."""
    extra = picture.shape[1] - width
    if extra > 0:
        return picture[:, extra // 2 : extra // 2 + width]
    paper = np.full((picture.shape[0], width, 3), PAPER, np.uint8)
    left = -extra // 2
    paper[:, left : left + picture.shape[1]] = picture
    return paper


def _widen(picture: Drawing, width: int) -> Drawing:
    paper = np.full((picture.shape[0], width, 3), PAPER, np.uint8)
    paper[:, : picture.shape[1]] = picture
    return paper


def _caption(text: str, width: int, cell: int) -> Drawing:
    size = max(cell // 12, 12)
    paper = Image.new("RGB", (width, 2 * size), PAPER)
    ImageDraw.Draw(paper).text((4, size // 2), text, fill=INK, font=ImageFont.load_default(size))
    return np.asarray(paper)
