"""What a tracker's points miss of a driver's motion, found in its pictures.

A tracker says where a nose should be on such a head; how far this nose has gone is to be seen. So every point of the
neutral frame is looked for in each other frame, from where the tracker says it went (Lucas and Kanade 1981), and back
again: what does not find its way home (Kalal et al. 2010, forward-backward error), or looks different there, is not
believed.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from living_portraits import geometry as geo
from living_portraits.engine import Frame, Points

SEARCHED = 128
"""Pixels a side at which points are looked for."""

_WINDOW = (5, 5)  # px: an eighth of a mouth, so that a lip and a chin are told apart
_LEVELS = 1  # of the pyramid above the picture itself: tracked points are seldom off by more than 5 px
_STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 15, 0.02)
_STRAY, _FAR = 1.0, 6.0  # px from home, and px from where the tracker says, that are believed by a third
_OTHER = 12.0  # evened grey levels between what is looked for and what is found that are believed by a third
# Their median over all points: at most 10 in clips of one person, at least 11 between one person and another.
_BELIEVED, _DOUBTED = 9.0, 13.0
_ALIKE = 3.0  # px about which brightness and contrast are made alike: a head that turns goes in and out of the light
_FLAT = 30.0  # grey levels squared: less contrast than that is noise
_REACH = 0.35  # cm over which neighbours share what they have found
_FARTHEST = 6.0  # of these reaches: what is beyond them counts nothing, and takes a processor long to multiply
_SHY = 0.1  # points whose neighbours are as few as that stay where the tracker says

Grey = UInt8[np.ndarray, "128 128"]
Where = Float32[np.ndarray, "468 2"]


def _neighbours() -> Float32[np.ndarray, "468 468"]:
    apart = np.linalg.norm(geo.CANONICAL[: geo.MESH_COUNT, None] - geo.CANONICAL[None, : geo.MESH_COUNT], axis=-1)
    near = np.where(apart < _FARTHEST * _REACH, np.exp(-((apart / _REACH) ** 2) / 2), 0)
    # Lips that part and lids that close change what a window shows: their edges learn from what is around them.
    near[:, sorted({*geo.LIPS_INNER, *geo.LEFT_EYE, *geo.RIGHT_EYE})] = 0
    return np.asarray(near, dtype=np.float32)


_NEIGHBOURS = _neighbours()


class Detail:
    """Finds the points of one frame again in others.

    Args:
        rest: the neutral frame's crop `[size, size, 3]`. points: its points, px of it.
    """

    def __init__(self, rest: Frame, points: Points) -> None:
        self._rest, self._home = _evened(rest), _places(points, rest.shape[0])

    def missed(self, crop: Frame, points: Points) -> Where:
        """How far (x, y), px of the crop, the mesh's points lie from where `points` say in a crop of the same size."""
        size = crop.shape[0]
        seen, told = _evened(crop), _places(points, size)
        found, there, other = _follow(self._rest, seen, self._home, told)
        back, here, _ = _follow(seen, self._rest, found, self._home)
        off = found - told
        stray = np.linalg.norm(back - self._home, axis=1) / _STRAY
        far = np.linalg.norm(off, axis=1) / _FAR
        belief = (there & here) * np.exp(-(stray**2) - far**2 - (other / _OTHER) ** 2)
        shared = _NEIGHBOURS @ (belief[:, None] * off) / ((_NEIGHBOURS @ belief)[:, None] + _SHY)
        doubt = (float(np.median(other)) - _BELIEVED) / (_DOUBTED - _BELIEVED)
        return np.asarray((1 - min(max(doubt, 0.0), 1.0)) * shared * (size / SEARCHED), dtype=np.float32)


def _follow(
    start: Grey, end: Grey, places: Where, guess: Where
) -> tuple[Where, Bool[np.ndarray, "468"], Float32[np.ndarray, "468"]]:
    """Where the places of one picture are in another, which were found at all, and how different they look there."""
    found, known, other = cv2.calcOpticalFlowPyrLK(
        start,
        end,
        places[:, None],
        guess[:, None].copy(),
        winSize=_WINDOW,
        maxLevel=_LEVELS,
        criteria=_STEPS,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    there = known[:, 0] > 0  # of the others OpenCV leaves behind what happened to be in memory
    return np.where(there[:, None], found[:, 0], guess), there, np.where(there, other[:, 0], np.inf).astype(np.float32)


def _places(points: Points, size: int) -> Where:
    """The mesh's points at the size at which they are looked for; pixel centres at integers."""
    return np.asarray((points[: geo.MESH_COUNT, :2] + 0.5) * (SEARCHED / size) - 0.5, dtype=np.float32)


def _evened(crop: Frame) -> Grey:
    """Grey, of the same brightness and contrast everywhere."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (SEARCHED, SEARCHED), interpolation=cv2.INTER_AREA).astype(np.float32)
    apart = small - cv2.GaussianBlur(small, (0, 0), _ALIKE)
    contrast = np.sqrt(cv2.GaussianBlur(apart * apart, (0, 0), _ALIKE) + _FLAT)
    return np.asarray(np.clip(128 + 40 * apart / contrast, 0, 255), dtype=np.uint8)
