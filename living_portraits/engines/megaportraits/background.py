"""What is behind the person: a plate without them, and how they are put before it."""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from living_portraits.engine import Frame
from living_portraits.engines.megaportraits.base import Drawn
from living_portraits.engines.megaportraits.ground import Share, grounded
from living_portraits.mending.view import shrunk
from living_portraits.nn.pixels import to_frames
from living_portraits.warp import Texture, pixel_grid

_WORK = 128  # side at which the plate is filled in, px
_ROOM = 1.0 / 24  # of the side: how far round the person the plate is not trusted
_FAINT = 1 / 512  # less of the plate than that changes no pixel


def before(plate: Frame, drawn: Drawn, source: Texture, person: Share) -> Frame:
    """The person as drawn, of the plate's size.

        y = (1 - b) s(way) + b plate;  x = (1 - w) y + w paint,  w = matte (1 - share)

    What is carried along from the source s, their surroundings too, has its grain; what is painted has none that a
    larger picture would miss. Nobody has taught what is painted outside of the matte. b: see `grounded`.

    Args:
        source: that the way leads to. person: its matte.
    """
    size, painted = len(plate), drawn.painted
    [paint] = to_frames(painted.picture)
    if drawn.way is None or painted.share is None:
        return _mixed(plate, paint, painted.matte[0, 0].numpy())
    matte = painted.matte[0, 0].numpy()
    way, bare = grounded(np.ascontiguousarray(drawn.way[0].movedim(0, -1).numpy()), matte, person)
    places = cv2.add(shrunk(way * np.float32(size / 2), size), pixel_grid(size))
    behind = source.sample(places, border=cv2.BORDER_REPLICATE)
    _lay_bare(behind, plate, bare)
    return _mixed(behind, paint, matte * (1 - painted.share[0, 0].numpy()))


def _lay_bare(frame: Frame, plate: Frame, bare: Share) -> None:
    """Lays the plate where the ground is bare, mostly nowhere. In place."""
    rows, columns = np.nonzero(bare > _FAINT)
    if not len(rows):
        return
    scale, reach = len(frame) / len(bare), 1  # what is enlarged reaches into the next place
    low = [max(int((found.min() - reach) * scale), 0) for found in (rows, columns)]
    high = [int((found.max() + 1 + reach) * scale) for found in (rows, columns)]
    box = np.s_[low[0] : high[0], low[1] : high[1]]
    share = np.ascontiguousarray(shrunk(bare, len(frame))[box])
    frame[box] = cv2.blendLinear(plate[box], frame[box], share, 1 - share)


def _mixed(behind: Frame, paint: UInt8[np.ndarray, "side side 3"], share: Share) -> Frame:
    """Paint of any size over a frame, as much of it as `share` in [0, 1] says."""
    size = len(behind)
    share = shrunk(share, size)
    return np.asarray(cv2.blendLinear(shrunk(paint, size), behind, share, 1 - share), np.uint8)


def plate(crop: Frame, matte: Float32[np.ndarray, "size size"]) -> Frame:
    """What would be behind the person: the crop where the matte is 0, filled in from there elsewhere.

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
    return np.rint(mixed).astype(np.uint8)
