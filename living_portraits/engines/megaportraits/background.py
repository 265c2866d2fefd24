"""What is behind the person: a plate without them, and how they are put before it."""

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from living_portraits.engine import Frame
from living_portraits.engines.megaportraits.base import Drawn

Picture = Float[Tensor, "1 3 size size"]
_WORK = 128  # side at which the plate is filled in, px
_ROOM = 1.0 / 24  # of the side: how far round the person the plate is not trusted


def before(plate: Picture, drawn: Drawn) -> Picture:
    """The person, with what is carried along of their surroundings, before the plate.

    Nobody has taught what is painted outside of the matte.
    """
    if drawn.carried is None or drawn.bare is None:
        return plate + drawn.matte * (drawn.picture - plate)
    person = drawn.carried + drawn.matte * (drawn.picture - drawn.carried)
    return person + drawn.bare * (plate - person)


def plate(crop: Frame, matte: Float32[np.ndarray, "size size"]) -> Picture:
    """What would be behind the person: the crop where the matte is 0, filled in from there elsewhere; in [-1, 1].

    The paper inpaints with LaMa. What is filled in shows only where the person was and is no more: a soft
    continuation of the surroundings serves.
    """
    size = crop.shape[0]
    reach = 2 * max(round(_ROOM * size), 1) + 1
    person = cv2.dilate((matte > 0.5).astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    work = min(size, _WORK)
    small = cv2.resize(crop, (work, work), interpolation=cv2.INTER_AREA)
    hole = (cv2.resize(person, (work, work), interpolation=cv2.INTER_AREA) > 0).astype(np.uint8)
    hole = cv2.dilate(hole, np.ones((3, 3), np.uint8))
    if hole.all():  # nothing to continue from
        filled = np.full_like(small, 127)
    else:
        filled = cv2.GaussianBlur(cv2.inpaint(small, hole, 3, cv2.INPAINT_TELEA), (0, 0), work / 64)
    whole = cv2.resize(filled, (size, size), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    share = cv2.GaussianBlur(person.astype(np.float32), (0, 0), size / 128)[..., None]
    mixed = crop.astype(np.float32) * (1 - share) + whole * share
    return torch.from_numpy(np.asarray(mixed / 127.5 - 1, dtype=np.float32)).movedim(-1, 0)[None]
