"""Motion against motion: what a tracker reads off a result, compared with what it reads off the truth or the driver.

A `Reading` is one face through T frames, tracked frame by frame without smoothing; frames in which no face was found
are NaN throughout and count nowhere but in `missing`. Points are in pixels, shapes in centimetres of the canonical
face with the head's pose and size taken out (face frame: x to the picture's right, y up).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64

from living_portraits import geometry as geo
from living_portraits.motion import LOWER_LIP, UPPER_LIP, eye_openings, iris_places

NAN = float("nan")

BROWS = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55, 336, 296, 334, 293, 300, 285, 295, 282, 283, 276)
EXPRESSIVE = tuple(sorted({*geo.MIMIC, *BROWS}))
"""The points that expressions move: lips, lids, brows. Elsewhere a tracker mostly reports its own noise."""

EYEBALL = 1.2  # cm, radius; nearly the same in everybody
EYE_WIDTH = float(np.linalg.norm(geo.CANONICAL[geo.RIGHT_EYE_UPPER[0]] - geo.CANONICAL[geo.RIGHT_EYE_UPPER[-1]]))

LEAST_MOUTH = 0.06  # cm; a driver whose mouth opening spreads less (standard deviation) says nothing about mouths
BLINK = 0.5  # of the clip's median opening; a driver whose lids never come below it does not blink
OPEN = 0.4  # likewise; behind lids nearer than this a tracker guesses where the iris is


@dataclass(frozen=True)
class Reading:
    """One face through T frames; NaN where it was not found.

    Attributes:
        points: `[T, 478, 3]` px.
        blendshapes: `[T, 52]` in [0, 1].
        shapes: `[T, 478, 3]` cm, pose-free.
        rotations: `[T, 3, 3]` the head's, face frame to picture.
    """

    points: Float32[np.ndarray, "time 478 3"]
    blendshapes: Float32[np.ndarray, "time 52"]
    shapes: Float64[np.ndarray, "time 478 3"]
    rotations: Float64[np.ndarray, "time 3 3"]

    @classmethod
    def of(cls, points: Float32[np.ndarray, "time 478 3"], blendshapes: Float32[np.ndarray, "time 52"]) -> "Reading":
        """Takes the poses out of tracked points."""
        shapes = np.full(points.shape, NAN, np.float64)
        rotations = np.full((len(points), 3, 3), NAN)
        for number, face in enumerate(points):
            if np.isfinite(face).all():
                pose = geo.fit_pose(face)
                shapes[number], rotations[number] = pose.to_face(face.astype(np.float64)), pose.rotation
        return cls(points, blendshapes, shapes, rotations)

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, part: slice) -> "Reading":
        return Reading(self.points[part], self.blendshapes[part], self.shapes[part], self.rotations[part])

    @property
    def found(self) -> Bool[np.ndarray, "time"]:
        """In which frames there is a face."""
        return np.isfinite(self.points[:, 0, 0])


def missing(result: Reading) -> float:
    """Share of frames in which no face is found, in [0, 1]."""
    return float(1 - result.found.mean())


def keypoint_distance(result: Reading, truth: Reading) -> float:
    """AKD: mean Euclidean distance of the 478 points in the picture plane, in pixels."""
    return _mean(np.linalg.norm((result.points - truth.points)[..., :2], axis=-1))


def expression_distance(result: Reading, truth: Reading) -> float:
    """Mean absolute difference of the 51 blendshapes (the 52nd, "neutral", is always 0), in [0, 1]."""
    return _mean(np.abs(result.blendshapes - truth.blendshapes)[:, 1:])


def pose_error(result: Reading, truth: Reading) -> float:
    """Mean angle between the heads' rotations, `arccos((trace(R_a R_b^T) - 1) / 2)`, in degrees."""
    return _mean(_angles(result.rotations, truth.rotations))


def relative_pose_error(result: Reading, source: Reading, driver: Reading, *, neutral: int = 0) -> float:
    """Mean angle in degrees between the result's turn since the source and the driver's since its neutral frame.

    Turns are `R(t) R(0)^T`; `source` holds one frame.
    """
    return _mean(_angles(_turns(result, source.rotations[0]), _turns(driver, driver.rotations[neutral])))


def gaze_error(result: Reading, truth: Reading) -> float:
    """Mean angle in degrees between the eyes' directions in the head, where the truth's eyes are open.

    Read from where the irises sit between the corners of the eyes, on an eyeball of 1.2 cm: no gaze network, so
    good for comparing results and not for comparing with figures from one.
    """
    openings = eye_openings(truth.shapes)
    with np.errstate(invalid="ignore"):
        seen = openings > OPEN * np.nanmedian(openings, axis=0) if truth.found.any() else openings > np.inf
    cosine = (_gaze(result.shapes) * _gaze(truth.shapes)).sum(axis=-1)
    return _mean(np.where(seen, np.degrees(np.arccos(np.clip(cosine, -1, 1))), NAN))


def shape_transfer(result: Reading, driver: Reading, *, neutral: int = 0) -> float:
    """How much of the driver's expression did not arrive: 0 is a perfect copy, 1 a film that never moves.

    `sum |d_result - d_driver| / sum |d_driver|`, where d is the displacement in cm of a pose-free expressive point
    (x, y in the face frame), the result's and the driver's, since the driver's neutral frame, or the next to it in
    which both have a face: what both look like there is a matter of `opening_error`. The denominator is what a frozen
    film would score. Above 1: worse than not moving. NaN for a driver that does not move.
    The tracker's own noise sets a floor: a driver's clip of a second, merely cut out at 0.93 of the scale and tracked
    again, scores 0.15 to 0.45, the more the less it moves.
    """
    both = np.flatnonzero(result.found & driver.found)
    if not len(both):
        return NAN
    start = both[np.abs(both - neutral).argmin()]
    moved, wanted = (_displacements(reading.shapes[both], reading.shapes[start]) for reading in (result, driver))
    error = np.linalg.norm(moved - wanted, axis=-1).sum()
    return _ratio(float(error), float(np.linalg.norm(wanted, axis=-1).sum()))


def motion_gain(result: Reading, driver: Reading) -> float:
    """Spread of the result's expression over the driver's: 0 frozen, 1 the same range, above 1 exaggerated.

    Spread is the root-mean-square distance in cm of the pose-free expressive points (x, y) from their mean place.
    """
    return _ratio(_spread(result.shapes[:, EXPRESSIVE, :2]), _spread(driver.shapes[:, EXPRESSIVE, :2]))


def turn_gain(result: Reading, driver: Reading) -> float:
    """Spread of the result's head rotation over the driver's: root-mean-square angle from the first frame's."""
    first, other = (reading.rotations[reading.found] for reading in (result, driver))
    if not len(first) or not len(other):
        return NAN
    spreads = [np.sqrt(np.mean(_angles(turns, turns[:1]) ** 2)) for turns in (first, other)]
    return _ratio(float(spreads[0]), float(spreads[1]))


def mouth_correlation(result: Reading, driver: Reading) -> float:
    """Pearson correlation over time of the inner lips' gap; NaN where the driver's mouth hardly opens and closes."""
    wanted = mouth_gap(driver)
    return NAN if not _spread(wanted) > LEAST_MOUTH else correlation(mouth_gap(result), wanted)


def opening_error(result: Reading, driver: Reading) -> float:
    """Mean difference of the inner lips' gaps, cm: a mouth is shut where the driver's is, and opens as wide."""
    return _mean(np.abs(mouth_gap(result) - mouth_gap(driver)))


def blink_correlation(result: Reading, driver: Reading) -> float:
    """Pearson correlation over time of the eyes' opening (both eyes' mean); NaN where the driver does not blink."""
    wanted = eye_openings(driver.shapes).mean(axis=1)
    seen = wanted[np.isfinite(wanted)]
    if not len(seen) or seen.min() > BLINK * np.median(seen):
        return NAN
    return correlation(eye_openings(result.shapes).mean(axis=1), wanted)


def mouth_gap(reading: Reading) -> Float64[np.ndarray, "time"]:
    """Distance of the inner lips in the middle, cm, pose-free."""
    return np.asarray(reading.shapes[:, UPPER_LIP, 1] - reading.shapes[:, LOWER_LIP, 1])


def correlation(result: Float[np.ndarray, "time"], driver: Float[np.ndarray, "time"]) -> float:
    """Pearson's over the frames that both have, in [-1, 1]; 0 where the result does not move, NaN under 3 frames."""
    both = np.isfinite(result) & np.isfinite(driver)
    if both.sum() < 3:
        return NAN
    a, b = result[both] - result[both].mean(), driver[both] - driver[both].mean()
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / scale if scale > 1e-12 else 0.0


def jitter(reading: Reading) -> float:
    """Mean length of the points' second differences, `|p(t+1) - 2 p(t) + p(t-1)|`, in pixels of the picture plane.

    NaN under three frames in a row.
    """
    return _mean(np.linalg.norm(np.diff(reading.points[..., :2], n=2, axis=0), axis=-1))


def jitter_ratio(result: Reading, driver: Reading) -> float:
    """The result's jitter over the driver's own: 0 frozen, 1 as lively as the driver, above 1 it trembles."""
    return _ratio(jitter(result), jitter(driver))


def _displacements(
    shapes: Float64[np.ndarray, "time 478 3"], start: Float64[np.ndarray, "478 3"]
) -> Float64[np.ndarray, "time points 2"]:
    return np.asarray(shapes[:, EXPRESSIVE, :2] - start[list(EXPRESSIVE), :2])


def _turns(reading: Reading, start: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, "time 3 3"]:
    return np.asarray(reading.rotations @ start.T)


def _angles(a: Float64[np.ndarray, "time 3 3"], b: Float64[np.ndarray, "#time 3 3"]) -> Float64[np.ndarray, "time"]:
    """Degrees. From the rotations' difference, `2 arcsin(|A - B| / sqrt 8)`: exact for the smallest angles too."""
    length = np.linalg.norm(a - b, axis=(1, 2)) / np.sqrt(8)
    return np.asarray(np.degrees(2 * np.arcsin(np.clip(length, 0, 1))))


def _gaze(shapes: Float64[np.ndarray, "time 478 3"]) -> Float64[np.ndarray, "time 2 3"]:
    """Unit vectors (x, y up, z out of the head) of the right and the left eye."""
    place = iris_places(shapes) * EYE_WIDTH / EYEBALL
    length = np.linalg.norm(place, axis=-1, keepdims=True)
    place = place / np.maximum(length / 0.99, 1.0)
    return np.concatenate([place, np.sqrt(1 - (place**2).sum(axis=-1, keepdims=True))], axis=-1)


def _spread(values: Float64[np.ndarray, "time *any"]) -> float:
    """Root mean square of the distances from the mean over time; NaN without frames."""
    known = values[np.isfinite(values.reshape(len(values), -1)).all(axis=1)]
    return float(np.sqrt(np.mean((known - known.mean(axis=0)) ** 2))) if len(known) else NAN


def _mean(values: Float[np.ndarray, "*any"]) -> float:
    """Over what is known; NaN where nothing is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else NAN


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 1e-9 else NAN
