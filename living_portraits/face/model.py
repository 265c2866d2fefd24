"""What a face is once it has been found: numbers, no pixels."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from living_portraits.engine import Points


@dataclass(frozen=True)
class Face:
    """One face in one picture.

    Attributes:
        points: float32 `[478, 3]`, pixels of the whole picture: x to the right, y down, z in the same
            unit and smaller towards the viewer.
        blendshapes: float32 `[52]` in [0, 1], ARKit's shapes in MediaPipe's order (0 is "neutral").
            All zero where the points were not measured by MediaPipe.
        head: float32 `[4, 4]`, canonical face (centimetres; x right, y up, z towards the viewer) to the
            camera. The rotation is that of the head in the picture; the translation is MediaPipe's own
            guess of a camera, and zero where the points were not measured by it.
        found_by: how it was found: a rung of the ladder, a backend, or "points file".
        confidence: in [0, 1]; how well two independent looks at the face agree (1: to the pixel).
    """

    points: Points
    blendshapes: Float32[np.ndarray, "52"]
    head: Float32[np.ndarray, "4 4"]
    found_by: str
    confidence: float = 1.0

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the points, in pixels."""
        (left, top), (right, bottom) = self.points[:, :2].min(axis=0), self.points[:, :2].max(axis=0)
        return float(left), float(top), float(right), float(bottom)

    @property
    def area(self) -> float:
        """Of the box, in square pixels."""
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)


@dataclass(frozen=True)
class FaceTrack:
    """One face through T frames of a clip.

    Attributes:
        points: float32 `[T, 478, 3]`, as in `Face`.
        blendshapes: float32 `[T, 52]` in [0, 1].
        heads: float32 `[T, 4, 4]`.
        fps: frames a second.
        gaps: frames without a detection that were filled in, as (first, one past the last).
    """

    points: Float32[np.ndarray, "time 478 3"]
    blendshapes: Float32[np.ndarray, "time 52"]
    heads: Float32[np.ndarray, "time 4 4"]
    fps: float
    gaps: tuple[tuple[int, int], ...] = ()

    def __len__(self) -> int:
        return len(self.points)

    @property
    def bridged(self) -> int:
        """Number of frames that were filled in."""
        return sum(stop - start for start, stop in self.gaps)

    @property
    def detected(self) -> Bool[np.ndarray, "time"]:
        """Whether each frame shows the face; the points of the others were filled in."""
        found = np.ones(len(self), bool)
        for start, stop in self.gaps:
            found[start:stop] = False
        return found


def overlap(a: Points, b: Points) -> float:
    """Intersection over union of the boxes of two sets of points, in [0, 1]."""
    low = np.maximum(a[:, :2].min(axis=0), b[:, :2].min(axis=0))
    high = np.minimum(a[:, :2].max(axis=0), b[:, :2].max(axis=0))
    both = float(np.prod(np.maximum(high - low, 0)))
    areas = sum(float(np.prod(np.ptp(points[:, :2], axis=0))) for points in (a, b))
    return both / max(areas - both, 1e-6)


def extent(points: Points) -> float:
    """Root-mean-square distance of the points from their centre, in pixels: a size that a turn of the head keeps."""
    return float(np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean()))


def distance(a: Points, b: Points) -> float:
    """Mean distance of two sets of points in the picture plane, in extents of the first."""
    return float(np.linalg.norm(a[:, :2] - b[:, :2], axis=1).mean()) / extent(a)


def apart(a: Points, b: Points) -> float:
    """Distance of the centres of two sets of points in the picture plane, in extents of the first."""
    return float(np.linalg.norm(a[:, :2].mean(axis=0) - b[:, :2].mean(axis=0))) / extent(a)
