"""The body's 33 points, and the one drawing of them that networks are taught with and used with."""

import cv2
import numpy as np
from jaxtyping import Float32

from living_portraits.engine import Frame

COUNT = 33

NOSE, LEFT_EAR, RIGHT_EAR = 0, 7, 8
LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_ELBOW, RIGHT_ELBOW, LEFT_WRIST, RIGHT_WRIST = range(11, 17)
LEFT_HIP, RIGHT_HIP, LEFT_KNEE, RIGHT_KNEE, LEFT_ANKLE, RIGHT_ANKLE = range(23, 29)
LEFT_HEEL, RIGHT_HEEL, LEFT_TOE, RIGHT_TOE = range(29, 33)
"""MediaPipe's numbering; left and right are the person's own."""

FACE = tuple(range(11))
LEFT_HAND, RIGHT_HAND = (LEFT_WRIST, 17, 19, 21), (RIGHT_WRIST, 18, 20, 22)

MIRRORED = (0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, *(i + 1 if i % 2 else i - 1 for i in range(11, COUNT)))
"""Which point each becomes in a mirror."""

BodyPoints = Float32[np.ndarray, "33 3"]
"""x to the right and y down, px of the picture they belong to; and how sure it is that the point is seen, in [0, 1]."""

Colour = tuple[int, int, int]
LIMBS: tuple[tuple[Colour, tuple[int, ...]], ...] = (
    ((70, 60, 110), (LEFT_SHOULDER, LEFT_HIP, RIGHT_HIP, RIGHT_SHOULDER, LEFT_SHOULDER)),
    ((40, 110, 250), (LEFT_HIP, LEFT_KNEE)),
    ((60, 190, 250), (LEFT_KNEE, LEFT_ANKLE)),
    ((150, 230, 250), (LEFT_ANKLE, LEFT_HEEL, LEFT_TOE, LEFT_ANKLE)),
    ((250, 90, 40), (RIGHT_HIP, RIGHT_KNEE)),
    ((250, 160, 60), (RIGHT_KNEE, RIGHT_ANKLE)),
    ((250, 220, 150), (RIGHT_ANKLE, RIGHT_HEEL, RIGHT_TOE, RIGHT_ANKLE)),
    ((40, 170, 90), (LEFT_SHOULDER, LEFT_ELBOW)),
    ((110, 250, 110), (LEFT_ELBOW, LEFT_WRIST)),
    ((200, 250, 160), (LEFT_WRIST, 17, 19, LEFT_WRIST, 21)),
    ((190, 40, 150), (RIGHT_SHOULDER, RIGHT_ELBOW)),
    ((250, 90, 210), (RIGHT_ELBOW, RIGHT_WRIST)),
    ((250, 180, 240), (RIGHT_WRIST, 18, 20, RIGHT_WRIST, 22)),
    ((250, 250, 90), (LEFT_EAR, 3, 2, 1, NOSE)),
    ((230, 200, 40), (RIGHT_EAR, 6, 5, 4, NOSE)),
    ((250, 60, 60), (9, 10)),
)
"""Colour and course of each limb, the later ones over the earlier; every limb has a colour of its own."""

NECK: Colour = (200, 200, 200)
DIMMEST = 0.35  # brightness of a limb that is not seen: hidden ones are told apart, and none blinks in and out
WIDTH = 1 / 64  # of a line, in sides of the picture
_FINE = 0.5  # width of face, hands and feet beside that
_THIN = {LEFT_WRIST, RIGHT_WRIST, LEFT_ANKLE, RIGHT_ANKLE, LEFT_EAR, RIGHT_EAR, 9}  # where fine lines begin
_BITS = 4  # cv2 takes points in sixteenths of a pixel
_FAR = 4.0  # sides beyond the picture at which a point is held: cv2's numbers are small


def draw_skeleton(points: BodyPoints, *, size: int) -> Frame:
    """The skeleton on black paper `[size, size, 3]`, `points` in its px.

    Training and use both draw with this function alone: the network knows no other palette.
    """
    return draw_onto(np.zeros((size, size, 3), np.uint8), points)


def draw_onto(picture: Frame, points: BodyPoints) -> Frame:
    """The skeleton over a copy of `picture`."""
    drawing = picture.copy()
    side = max(picture.shape[:2])
    places = np.rint(np.clip(points[:, :2], -_FAR * side, _FAR * side) * 2**_BITS).astype(np.int32)
    neck = np.stack([places[[LEFT_SHOULDER, RIGHT_SHOULDER]].mean(axis=0).astype(np.int32), places[NOSE]])
    _line(drawing, neck, _dimmed(NECK, float(points[[LEFT_SHOULDER, RIGHT_SHOULDER], 2].mean())), WIDTH * side)
    for colour, course in LIMBS:
        width = WIDTH * side * (_FINE if course[0] in _THIN else 1.0)
        _line(drawing, places[list(course)], _dimmed(colour, float(points[list(course), 2].min())), width)
    return drawing


def _line(drawing: Frame, course: np.ndarray, colour: Colour, width: float) -> None:
    cv2.polylines(drawing, [course], False, colour, max(round(width), 1), cv2.LINE_AA, _BITS)


def _dimmed(colour: Colour, seen: float) -> Colour:
    light = DIMMEST + (1 - DIMMEST) * min(max(seen, 0.0), 1.0)
    red, green, blue = (round(light * value) for value in colour)
    return red, green, blue


def mirrored(points: BodyPoints, *, width: int) -> BodyPoints:
    """The points in the mirrored picture `width` px wide: left becomes right."""
    turned = points[list(MIRRORED)].copy()
    turned[:, 0] = width - 1 - turned[:, 0]
    return turned
