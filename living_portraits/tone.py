"""Colours that no people have in photographs: of pictures in black and white, toned prints, and under old varnish."""

import cv2
import numpy as np
from jaxtyping import Float32

from living_portraits import geometry as geo
from living_portraits.engine import Frame, Points
from living_portraits.warp import smoothstep

LIGHTNESS = np.array([0.299, 0.587, 0.114], np.float32)
"""Of red, green and blue (Rec. 601)."""

_SIDE = 96  # px at which colours are looked at: finer, a file's own noise counts
_STEP = 16  # levels of lightness: a toned print's shadows have another colour than its lights, and each step has one
_BLACK = 24.0  # levels: what is darker has no colour to speak of
_FEW = 8  # pixels
_MONO, _MANY = 0.014, 0.024  # mean distance of colours from that of their lightness: in prints, and in faces
_YELLOW = (0.52, 0.66)  # of blue to green in skin and lips: under old varnish, and less than in lamplight

Colour = Float32[np.ndarray, "3"]


def yellowed(*colours: Colour) -> float:
    """How far colours, of skin and lips, have yellowed, in [0, 1]: by their blue, for their green.

    Warm light takes blue away as well, but green with it.
    """
    return 1 - _step(float(np.mean([colour[2] / max(float(colour[1]), 1.0) for colour in colours])), *_YELLOW)


def monochrome(crop: Frame, points: Points) -> float:
    """How surely a picture is in one colour, in [0, 1]: all of it, and its lips (points in px) beside its skin.

    A face before a grey wall has few colours, but its lips differ; a painter may have painted lips in skin's colour,
    but not the coat.
    """
    small = cv2.resize(crop, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    light = small @ LIGHTNESS
    colours = (small - light[..., None]) / (light[..., None] + _BLACK / 3)
    lips, face = (_within(points[list(ring), :2] * (_SIDE / len(crop))) for ring in (geo.LIPS_OUTER, geo.FACE_OVAL))
    bright = light > _BLACK
    whole = _variety(colours, light, bright, bright)
    of_lips = _variety(colours, light, lips & bright, face & ~lips & bright)
    return (1 - _step(whole, _MONO, _MANY)) * (1 - _step(of_lips, _MONO, _MANY))


def _variety(colours: np.ndarray, light: np.ndarray, these: np.ndarray, those: np.ndarray) -> float:
    """The mean distance of these colours from the usual one of those that are as light; 0 where there is none."""
    apart = []
    for step in range(0, 256, _STEP):
        here = (light >= step) & (light < step + _STEP)
        if (those & here).sum() >= _FEW:
            apart.append(np.abs(colours[these & here] - np.median(colours[those & here], axis=0)))
    return float(np.concatenate(apart).mean()) if sum(map(len, apart)) else 0.0


def _within(ring: Float32[np.ndarray, "corners 2"]) -> np.ndarray:
    mask = np.zeros((_SIDE, _SIDE), np.uint8)
    cv2.fillPoly(mask, [np.rint(ring).astype(np.int32)], 1)
    return mask > 0


def _step(value: float, low: float, high: float) -> float:
    return float(smoothstep(np.array((value - low) / (high - low))))
