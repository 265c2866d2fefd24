"""Contact sheets: what the figures look like."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from living_portraits.engine import Frame
from living_portraits.evaluate.watch import resized

TILE, GAP, HEADER, ROWS = 144, 4, 26, 12  # px; and the most rows that a sheet has
PAPER, INK = (247, 246, 243), (32, 32, 34)


def contact_sheet(columns: Sequence[str], rows: Sequence[Sequence[Frame]]) -> UInt8[np.ndarray, "rows columns 3"]:
    """A picture of square frames in rows, the columns named at the top; at most 12 rows, spread evenly over all."""
    chosen = [rows[i] for i in np.unique(np.linspace(0, len(rows) - 1, min(ROWS, len(rows))).round().astype(int))]
    step = TILE + GAP
    sheet = np.full((HEADER + step * len(chosen), step * len(columns) + GAP, 3), PAPER, np.uint8)
    for number, title in enumerate(columns):
        corner = (GAP + step * number + 2, HEADER - 8)
        cv2.putText(sheet, title, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.45, INK, 1, cv2.LINE_AA)
    for i, row in enumerate(chosen):
        for j, frame in enumerate(row):
            top, left = HEADER + step * i, GAP + step * j
            sheet[top : top + TILE, left : left + TILE] = resized(frame, TILE)
    return sheet
