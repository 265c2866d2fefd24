"""Teeth that a portrait shows itself, and how they go on behind its lips."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from living_portraits.engine import Frame
from living_portraits.teeth import Colour

_TEETH_LIGHT = 0.62  # of the skin's brightness, from which what shows between the lips counts as teeth
_ENOUGH = 20  # px
_RIM_CM = 0.12  # within the lips' edge as the tracker sees it, where there may still be lip
_UP_CM, _BESIDE_CM = 0.9, 0.4  # how far behind the lips teeth and gums go on
_CROWN_CM, _LEAST_CM = 1.0, 0.08  # a tooth from the gum to its edge, and how much of one lips always hide
_GUM_EDGE_CM = 0.15

Lips = Float32[np.ndarray, "20 2"]
"""Outline of the mouth's opening, px of the crop."""
Mask = Bool[np.ndarray, "size size"]


@dataclass(frozen=True, eq=False)
class OwnTeeth:
    """What a source shows between its lips, in its crop.

    Attributes:
        shown: the crop, with more of the same teeth behind the lips, and gums above them.
        bared: the same without what of the upper lip lies within the edge that the tracker sees.
        cover: 255 where that is to be seen once lips uncover it.
    """

    shown: Frame
    bared: Frame
    cover: UInt8[np.ndarray, "size size"]

    @classmethod
    def of(cls, crop: Frame, lips: Lips, skin: Colour, gums: Colour, *, gap: float, unit: float) -> "OwnTeeth | None":
        """Looks between the lips; None where little there is as light as teeth.

        Args:
            skin: its brightest colour. gums: their colour. gap: between the lips, cm. unit: px in a cm.
        """
        opening = filled(lips, crop.shape)
        inside = cv2.erode(opening, np.ones((3, 3), np.uint8)) > 128
        light = crop.astype(np.float32).mean(axis=2)
        if inside.sum() <= _ENOUGH or np.percentile(light[inside], 60) <= _TEETH_LIGHT * float(skin.mean()):
            return None
        clear = _shrunk(opening > 128, _RIM_CM * unit)
        clear = clear if clear.any() else inside
        made = _continued(crop, clear, gums, crown=max(_CROWN_CM - gap, 0.0), unit=unit)
        shown = np.where((cv2.dilate(opening, np.ones((3, 3), np.uint8)) > 0)[..., None], crop, made)
        highest = np.where(clear.any(axis=0), clear.argmax(axis=0), 0)
        bared = np.where((np.arange(len(crop))[:, None] < highest)[..., None], made, shown)
        # Below its old edge the picture ends and the made mouth begins.
        cover = cv2.dilate(opening, np.ones((max(int(_UP_CM * unit), 1), 3), np.uint8), anchor=(1, 0))
        cover = cv2.dilate(cover, np.ones((3, max(int(2 * _BESIDE_CM * unit), 3)), np.uint8))
        return cls(shown, bared, np.asarray(cover, np.uint8))


def filled(polygon: Float32[np.ndarray, "corners 2"], shape: tuple[int, ...]) -> UInt8[np.ndarray, "height width"]:
    """255 within a polygon of a picture of that shape, less along its edge."""
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(polygon * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    return mask


def _continued(crop: Frame, clear: Mask, gums: Colour, *, crown: float, unit: float) -> Frame:
    """The colour of the nearest pixel that is clear, and gums beyond so much of a crown, cm.

    Lips that rise uncover more of the same teeth; to fill in between teeth and the skin beyond the lips
    (`cv2.inpaint`) would show skin between lips.
    """
    distance, labels = cv2.distanceTransformWithLabels(
        (~clear).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest = np.empty((labels.max() + 1, 3), np.float32)
    nearest[labels[clear]] = crop[clear]
    made = nearest[labels]
    beyond = (distance / unit - crown - _LEAST_CM - _RIM_CM) / _GUM_EDGE_CM
    made += np.clip(beyond, 0, 1)[..., None] * (gums - made)
    return np.asarray(np.rint(cv2.GaussianBlur(made, (0, 0), max(_RIM_CM * unit / 4, 0.5))), np.uint8)


def _shrunk(mask: Mask, by: float) -> Mask:
    side = 2 * max(round(by), 1) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.erode(mask.astype(np.uint8), disc) > 0)
