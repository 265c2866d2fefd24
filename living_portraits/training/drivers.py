"""What drives a student while it learns: a dataset's clips, a few telling frames of each, and the bundled films."""

import dataclasses
import hashlib
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from living_portraits import face, samples
from living_portraits.align import Crop, resized
from living_portraits.driver import Driver, DriverCrops
from living_portraits.engine import Track
from living_portraits.film_options import Options
from living_portraits.motion import neutral_frame
from living_portraits.recent import Recent
from living_portraits.training.recipe import Clip, Source
from living_portraits.variety import spread

BUNDLED = "bundled"
"""Kind of the clips that come with the package."""

_FILM = "video"  # of other kinds the first frame is at rest
_SHAPES = 0.3  # a blendshape at full strength counts as so much of a head's size


@dataclass(frozen=True)
class Bundled:
    """A driver that comes with the package, as a dataset lists its clips."""

    id: str
    size: int
    frames: int
    kind: str = BUNDLED
    split: str = "train"

    @property
    def identity(self) -> str:
        return self.id


class Drivers:
    """Source: clips of which only some frames are left, that lie far from each other, and last the one at rest.

    Args:
        dataset: whose clips; None: the bundled ones alone.
        frames: of each of its clips, at most. bundled: of each of the bundled drivers.
        side: of the crops that are given, px.
        said: size of the bundled drivers as they are listed, px: a recipe takes clips of one size alone, and that is
            to be the dataset's. None: `side`.
        folder: where they are kept, so that another run need not wait for them; None: nowhere.
    """

    def __init__(
        self,
        dataset: Source | None = None,
        *,
        frames: int = 12,
        bundled: int = 64,
        side: int = 128,
        said: int | None = None,
        folder: Path | None = None,
    ) -> None:
        self._dataset, self._side, self._folder = dataset, side, folder
        self._films: Recent[Track] = Recent(len(samples.DRIVERS))
        self._whole = {clip.id: clip for clip in dataset.clips} if dataset else {}
        thin = [dataclasses.replace(clip, frames=min(clip.frames, frames)) for clip in self._whole.values()]
        ours = [Bundled(name, said or side, bundled) for name in samples.DRIVERS] if bundled else []
        self._clips: list[Any] = [*thin, *ours]

    @property
    def clips(self) -> Sequence[Any]:
        return self._clips

    def track(self, clip: Clip) -> Track:
        """The clip's chosen frames."""
        # All that is known of the clip: another dataset may have other people under the same names.
        told = f"{self._whole.get(clip.id, clip)} {clip.frames} {self._side}"
        key = hashlib.sha256(told.encode()).hexdigest()[:20]
        path = None if self._folder is None else self._folder / f"driver-{key}.npz"
        if path is not None and path.is_file():
            with np.load(path) as kept:
                return Track(list(kept["crops"]), kept["points"], kept["blendshapes"], float(kept["fps"]))
        track = resized(self._chosen(clip), self._side)
        if path is not None:
            keep(path, crops=np.stack(track.crops), points=track.points, blendshapes=track.blendshapes, fps=track.fps)
        return track

    def _chosen(self, clip: Clip) -> Track:
        if clip.kind == BUNDLED:
            whole, first = self._film(clip.id), 0
        else:
            assert self._dataset is not None
            whole = self._dataset.track(self._whole[clip.id])
            first = at_rest(whole, clip)
        rest, *others = spread(_looks(whole), clip.frames, first=first)
        chosen = [*others, rest]
        crops = [whole.crops[number] for number in chosen]
        return Track(crops, whole.points[chosen], whole.blendshapes[chosen], whole.fps)

    def valid(self, clip: Clip) -> np.ndarray:
        """All of it: what a teacher draws is there."""
        return np.full((clip.frames, 64, 64), 255, np.uint8)

    def _film(self, name: str) -> Track:
        """Followed once: threads decode clips side by side, and what one of them follows the others wait for."""
        return self._films.of(name, lambda: film(samples.DRIVERS[name], size=self._side))


def film(path: Path, *, size: int) -> Track:
    """A clip as the animator shows it to an engine, the face cut out as it lies in the first frame."""
    driver = Driver(path, Options())
    found: face.FaceTrack = driver.follow()
    crop = Crop.around(found.points[0], size=size)
    crops = list(DriverCrops(driver, crop, len(found)))
    return Track(crops, crop.to_crop(found.points), found.blendshapes, found.fps)


def keep(path: Path, **arrays: Any) -> None:
    """Writes arrays in one step: several threads may do so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.stem}.{threading.get_ident()}.npz")
    np.savez(beside, **arrays)
    beside.replace(path)


def at_rest(track: Track, clip: Clip) -> int:
    """The frame that counts as no expression: of every other film the calmest, of the rest the first, as users do."""
    if clip.kind != _FILM or zlib.crc32(clip.id.encode()) % 2:
        return 0
    return neutral_frame(track.points, track.blendshapes)


def _looks(track: Track) -> Float64[np.ndarray, "time numbers"]:
    """Numbers in which frames that look different lie far apart: points less the clip's usual place, and shapes."""
    some = track.points[:, ::6].astype(np.float64)
    some -= some.mean(axis=(0, 1))
    some /= max(float(np.sqrt(np.square(some).mean(axis=0).sum())), 1e-6)
    shapes = _SHAPES * track.blendshapes.astype(np.float64)
    return np.concatenate([some.reshape(len(some), -1), shapes], axis=1)
