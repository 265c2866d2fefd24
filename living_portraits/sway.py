"""How everything round a head moves: shoulders that lean, hair that swings, a chair that stays.

A face's points say nothing of all that. The driver's pictures do: a coarse field, too smooth to hold anybody's
outline, tells how far each region has gone since the neutral frame, wherever the head itself does not lead
(`warp.HeadMesh.move`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from living_portraits.engine import Frame

# Of the range from black to white, a mean over the picture: flow that leaves less of a frame unexplained is believed,
# flow that leaves more is not. 99 of 100 frames of talking people leave less than .025, the other side of a cut .053.
_BELIEVED, _DOUBTED = 0.035, 0.05
# Flow is found where there is something to find. On a bare wall, or where the crop lies beyond the footage's edges and
# repeats its last pixels in streaks, it is made up: regions that show less than the one are filled from around them.
_TEXTURE = 2.0  # grey levels a px in the direction in which they change least: half as good as any more
_BARE, _RICH = 0.1, 0.4  # of a region's pixels, by how good they are
_ASTRAY = 2.5  # px from home that are believed by a third; what a leaving hand uncovered comes home 3 to 12 px off
_AROUND = 1.5  # regions
_STILLNESS = 0.25  # what nothing is known of, as far as that reaches, stays

_STEADY_SECONDS = 0.12
# A region that goes its own way, or for a moment another one, was mistaken for something else: as when a hand in the
# neutral frame is gone. Of the crop's side; regions of people who talk are seldom half as far from what is usual.
_OWN_WAY, _OWN_MOMENT = 0.03, 0.015
_MOMENT = 0.08  # seconds, before and after
_TOGETHER = 256  # frames

CELLS = 16
"""Regions along a side of the crop."""

SEARCHED = 128
"""Pixels a side at which motion is searched."""

Grey = UInt8[np.ndarray, "128 128"]
Flow = Float32[np.ndarray, "128 128 2"]


@dataclass(frozen=True)
class Field:
    """One frame's sway.

    Attributes:
        travel: (x, y) that each region of the neutral frame has gone, as a share of the crop's side.
        trust: 0 where the frame cannot be the same scene, 1 where it surely is.
    """

    travel: Float32[np.ndarray, "16 16 2"]
    trust: float

    def at(self, places: Float32[np.ndarray, "points 2"], size: int) -> Float[np.ndarray, "points 2"]:
        """The travel of places in a crop of `size`, both in px of it; smooth between the middles of regions."""
        cells = ((places + 0.5) * (CELLS / size) - 0.5).astype(np.float32)
        told = cv2.remap(self.travel, cells[None], None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(told[0] * size, dtype=np.float64)


UNKNOWN = Field(np.zeros((CELLS, CELLS, 2), np.float32), trust=0.0)
"""Of a frame that nobody has seen."""


@dataclass(frozen=True)
class Sway:
    """A clip's sway, T frames, as `Field` has one.

    Attributes:
        travel: `[T, 16, 16, 2]`. trust: `[T]`.
    """

    travel: Float32[np.ndarray, "time 16 16 2"]
    trust: Float32[np.ndarray, "time"]

    @classmethod
    def of(cls, fields: Sequence[Field]) -> "Sway":
        """Frame by frame."""
        travel, trust = [field.travel for field in fields], [field.trust for field in fields]
        return cls(np.stack(travel).astype(np.float32), np.asarray(trust, np.float32))

    def __len__(self) -> int:
        return len(self.trust)

    def __getitem__(self, number: int) -> Field:
        return Field(self.travel[number], float(self.trust[number]))

    def __iter__(self) -> Iterator[Field]:
        return (self[number] for number in range(len(self)))

    def steadied(self, fps: float) -> "Sway":
        """With trust that comes and goes as slowly as anything in a film does, of frames that follow each other.

        A frame that leaves a little more unexplained than its neighbours would else let go of all that surrounds the
        head at once. With G a Gaussian over time, t the trust and s the travel:

            t' = G t;  s' = t s + (1 - t) G(t s) / G t

        What a region does for a moment alone is not believed (Hampel 1974), at rates that know moments.
        """
        believed = self.trust[:, None, None, None] * self.travel
        spread = _STEADY_SECONDS * fps
        trust = _over_time(self.trust[:, None], spread)[:, 0]
        around = _over_time(believed.reshape(len(self), -1), spread) / np.maximum(trust, 1e-6)[:, None]
        doubted = (1 - self.trust)[:, None] * around
        travel = believed + doubted.reshape(self.travel.shape)
        moment = int(_MOMENT * fps)
        return Sway(_near(travel, _usual(travel, moment), _OWN_MOMENT) if moment else travel, trust)

    def scaled(self, strength: float) -> "Sway":
        """With every travel times `strength`."""
        return replace(self, travel=self.travel * np.float32(strength))


def _over_time(values: Float32[np.ndarray, "time n"], spread: float) -> Float32[np.ndarray, "time n"]:
    """A Gaussian mean over `spread` frames; the first and the last go on."""
    return np.asarray(
        cv2.GaussianBlur(
            values, (1, 2 * int(3 * spread) + 1), sigmaX=0.1, sigmaY=spread, borderType=cv2.BORDER_REPLICATE
        )
    ).reshape(values.shape)


def _usual(travel: Float32[np.ndarray, "time 16 16 2"], reach: int) -> Float32[np.ndarray, "time 16 16 2"]:
    """The median over `reach` frames before and after; the first and the last go on."""
    padded = np.pad(travel, ((reach, reach), (0, 0), (0, 0), (0, 0)), mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
    # Some at a time: a median copies what it looks at.
    some = [np.median(around[start : start + _TOGETHER], axis=-1) for start in range(0, len(around), _TOGETHER)]
    return np.concatenate(some).astype(np.float32)


def _near(
    travel: Float32[np.ndarray, "*frames 2"], usual: Float32[np.ndarray, "*frames 2"], reach: float
) -> Float32[np.ndarray, "*frames 2"]:
    """`u + exp(-(|s - u| / a)^2) (s - u)`: as it is where it is near the usual, and the usual where it is far."""
    apart = travel - usual
    far = np.linalg.norm(apart, axis=-1, keepdims=True) / reach
    return np.asarray(usual + np.exp(-(far**2)) * apart, dtype=np.float32)


class Surroundings:
    """Finds the pixels of one frame again in others.

    Dense inverse search (Kroeger et al. 2016), averaged over each region, textured pixels counting most. One thread
    at a time: the search keeps its work in itself.

    Args:
        rest: the neutral frame's crop `[size, size, 3]`.
    """

    def __init__(self, rest: Frame) -> None:
        self._search, self._rest = _search(), _small(rest)
        self._good = _texture(self._rest)

    def still(self) -> Field:
        """Of the neutral frame itself."""
        return Field(np.zeros((CELLS, CELLS, 2), np.float32), trust=1.0)

    def field(self, crop: Frame) -> Field:
        """Of another frame."""
        seen = _lit(_small(crop), like=self._rest)
        flow, back = (self._search.calc(*pair, _nothing()) for pair in ((self._rest, seen), (seen, self._rest)))
        doubt = (_unexplained(self._rest, seen, flow) - _BELIEVED) / (_DOUBTED - _BELIEVED)
        good = self._good * np.exp(-((_astray(flow, back) / _ASTRAY) ** 2))
        return Field(_of_regions(flow, good) / np.float32(SEARCHED), 1 - min(max(doubt, 0.0), 1.0))


_PLACES = np.stack(np.meshgrid(*[np.arange(SEARCHED, dtype=np.float32)] * 2), axis=-1)


def _nothing() -> Flow:
    return np.zeros((SEARCHED, SEARCHED, 2), np.float32)


def _lit(seen: Grey, *, like: Grey) -> Grey:
    """In the same light on the whole: a camera that opens its shutter farther shows no other scene."""
    (mean, spread), (wanted, width) = ((float(each.mean()), float(each.std())) for each in (seen, like))
    gain = min(max(width / max(spread, 1.0), 0.5), 2.0)
    return cv2.convertScaleAbs(seen, alpha=gain, beta=wanted - gain * mean)


def _unexplained(rest: Grey, seen: Grey, flow: Flow) -> float:
    """What differs after all, on average, of the range from black to white."""
    return float(cv2.absdiff(_moved(seen, flow), rest).mean()) / 255


def _astray(flow: Flow, back: Flow) -> Float32[np.ndarray, "128 128"]:
    """How far from home, px, each pixel comes by going there and back (Kalal et al. 2010)."""
    return np.asarray(np.linalg.norm(flow + _moved(back, flow), axis=-1), dtype=np.float32)


def _moved(picture: np.ndarray, flow: Flow) -> np.ndarray:
    """The picture, or field, where the flow leads."""
    places = flow + _PLACES
    return np.asarray(cv2.remap(picture, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _texture(grey: Grey) -> Float32[np.ndarray, "128 128"]:
    """How well motion can be seen about each pixel, 0 to 1: by the structure tensor's smaller eigenvalue (Shi and
    Tomasi 1994), which streaks do not have."""
    picture = grey.astype(np.float32)
    x, y = (cv2.Sobel(picture, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    xx, yy, xy = (cv2.blur(product, (9, 9)) for product in (x * x, y * y, x * y))
    least = np.maximum((xx + yy) / 2 - np.sqrt(((xx - yy) / 2) ** 2 + xy**2), 0)
    return np.asarray(least / (least + _TEXTURE**2), dtype=np.float32)


def _of_regions(
    flow: Float32[np.ndarray, "128 128 2"], good: Float32[np.ndarray, "128 128"]
) -> Float32[np.ndarray, "16 16 2"]:
    """The flow's mean over each region, and what surrounds it where it shows too little itself."""
    told, weight = (
        cv2.resize(each, (CELLS, CELLS), interpolation=cv2.INTER_AREA) for each in (flow * good[..., None], good)
    )
    around, near = (cv2.GaussianBlur(each, (0, 0), _AROUND) for each in (told, weight))
    known = np.clip((weight - _BARE) / (_RICH - _BARE), 0, 1)[..., None]
    mean = known * told / (weight + 1e-6)[..., None] + (1 - known) * around / (near + _STILLNESS)[..., None]
    usual = cv2.merge([cv2.medianBlur(np.ascontiguousarray(axis, np.float32), 3) for axis in cv2.split(mean)])
    return np.asarray(_near(mean / SEARCHED, usual / SEARCHED, _OWN_WAY) * SEARCHED, dtype=np.float32)


def _search() -> cv2.DISOpticalFlow:
    """Few patches, and no refinement: averaged over regions, both show in the time alone (1.7 against 4.4 ms)."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setPatchStride(5)
    search.setVariationalRefinementIterations(0)
    return search


def _small(crop: Frame) -> Grey:
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (SEARCHED, SEARCHED), interpolation=cv2.INTER_AREA))
