"""Which pixels of a crop are the face, which the person, and which the footage ever showed. Coarse: 64 x 64.

The face follows from its points. The person (hair, neck, shoulders) is an estimate: GrabCut at low resolution, told
by the head's geometry where to begin; good enough to weigh a loss by, not to cut a figure out.
"""

from typing import TypeAlias

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from living_portraits import geometry
from living_portraits.engine import Frame, Points

SIDE = 64
"""Pixels along a side of every matte."""

EVERY = 12
"""Frames from one estimate of the person to the next; between them the matte is interpolated."""

_WORK = 96  # side at which GrabCut runs, px: more than the matte's, which gives it soft edges
_ROUNDS = 1  # more change one pixel in a hundred
_LEAST, _MOST = 0.5, 0.93  # of the head's ellipse, and of the crop: what an estimate must cover to be believed

Matte: TypeAlias = UInt8[np.ndarray, "64 64"]
"""0 outside, 255 inside; pixel (i, j) covers the same area as the crop's pixels there."""


def face_matte(points: Points, *, size: int) -> Matte:
    """The face from forehead to chin within its outline; points in px of a crop with side `size`."""
    outline = points[list(geometry.FACE_OVAL), :2]
    return _area(cv2.convexHull(outline)[:, 0], size)


def seen_matte(matrix: Float64[np.ndarray, "2 3"], picture: tuple[int, int], *, size: int) -> Matte:
    """Where a crop shows the picture itself, not its reflection beyond the edges.

    `matrix` carries pixels of the picture, of width and height `picture`, to pixels of the crop.
    """
    width, height = picture
    corners = np.array([[-0.5, -0.5], [width - 0.5, -0.5], [width - 0.5, height - 0.5], [-0.5, height - 0.5]])
    return _area((corners @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32), size)


def person_mattes(
    crops: dict[int, Frame], points: Float32[np.ndarray, "time 478 3"]
) -> tuple[UInt8[np.ndarray, "time 64 64"], float]:
    """The person in every frame of a clip, and the share of estimates that GrabCut made, in [0, 1].

    Where its answer is not credible, the head and shoulders that the geometry suggests stand in.

    Args:
        crops: frames by number; those named by `looked_at` are needed.
        points: of all frames, px of the crops.
    """
    numbers = looked_at(len(points))
    estimates = [_person(crops[number], points[number]) for number in numbers]
    mattes = np.stack([matte for matte, _ in estimates]).astype(np.float32)
    places = np.interp(np.arange(len(points)), numbers, np.arange(len(numbers)))
    low = np.floor(places).astype(int)
    high = np.minimum(low + 1, len(numbers) - 1)
    share = (places - low).astype(np.float32)[:, None, None]
    blended = mattes[low] * (1 - share) + mattes[high] * share
    return np.rint(blended).astype(np.uint8), float(np.mean([cut for _, cut in estimates]))


def looked_at(count: int) -> list[int]:
    """Numbers of the frames, of `count`, in which the person is estimated: the first, every twelfth, and the last."""
    return sorted({*range(0, count, EVERY), count - 1})


def _person(crop: Frame, points: Points) -> tuple[Matte, bool]:
    """The person in one frame, and whether GrabCut found them."""
    size = crop.shape[0]
    scale = _WORK / size
    small = cv2.resize(crop, (_WORK, _WORK), interpolation=cv2.INTER_AREA)
    labels, likely = _seeds((points[:, :2] + 0.5) * scale - 0.5)
    try:
        cv2.setRNGSeed(0)  # GrabCut begins with a random clustering
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(small[..., ::-1].copy(), labels, None, *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    except cv2.error:  # a crop of one colour has nothing to cluster
        return _reduced(likely), False
    inside = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
    inside = _around_face(inside, labels == cv2.GC_FGD)
    if inside.mean() > _MOST or (inside & likely).sum() < _LEAST * likely.sum():
        return _reduced(likely), False
    return _reduced(inside), True


def _seeds(
    flat: Float32[np.ndarray, "478 2"],
) -> tuple[UInt8[np.ndarray, "rows columns"], Bool[np.ndarray, "rows columns"]]:
    """What GrabCut is told, and the head and shoulders that the geometry suggests; points in working pixels."""
    top, chin = flat[geometry.FOREHEAD], flat[geometry.CHIN]
    oval = flat[list(geometry.FACE_OVAL)]
    height, width = float(np.linalg.norm(top - chin)), float(np.ptp(oval[:, 0]))
    middle = (top + chin) / 2
    labels = np.full((_WORK, _WORK), cv2.GC_PR_BGD, np.uint8)
    head = _ellipse(middle - np.array([0.0, 0.12 * height]), (0.72 * max(width, 0.75 * height), 0.85 * height))
    shoulders = _ellipse(chin + np.array([0.0, 1.25 * height]), (1.15 * height, 0.95 * height))
    neck = np.zeros_like(labels)
    reach = np.array([0.27 * height, 0.0])
    drop = np.array([0.0, 0.75 * height])
    column = np.array([chin - reach, chin + reach, chin + reach + drop, chin - reach + drop])
    cv2.fillConvexPoly(neck, np.rint(column).astype(np.int32), 1)
    likely = (head | shoulders | neck).astype(bool)
    labels[likely] = cv2.GC_PR_FGD
    face = np.zeros_like(labels)
    shrunk = middle + 0.92 * (cv2.convexHull(oval)[:, 0] - middle)
    cv2.fillConvexPoly(face, np.rint(shrunk).astype(np.int32), 1)
    # Above the shoulders nothing of a person reaches the crop's border, but for the widest hats.
    edge, end = max(_WORK // 24, 1), int(np.clip(chin[1] - 0.15 * height, 0, _WORK))
    for border in (labels[:edge], labels[:end, :edge], labels[:end, -edge:]):
        border[border == cv2.GC_PR_BGD] = cv2.GC_BGD
    torso = neck.astype(bool) & (np.arange(_WORK)[:, None] < chin[1] + 0.3 * height)
    labels[face.astype(bool) | torso] = cv2.GC_FGD
    return labels, likely


def _ellipse(
    centre: Float32[np.ndarray, "2"] | Float64[np.ndarray, "2"], radii: tuple[float, float]
) -> UInt8[np.ndarray, "rows columns"]:
    y, x = np.mgrid[:_WORK, :_WORK]
    inside = ((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2 <= 1
    return inside.astype(np.uint8)


def _around_face(
    inside: Bool[np.ndarray, "rows columns"], face: Bool[np.ndarray, "rows columns"]
) -> Bool[np.ndarray, "rows columns"]:
    """The part that hangs together with the face, smoothed, its holes filled."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    smooth = cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_OPEN, kernel) | face.astype(np.uint8)
    _, parts = cv2.connectedComponents(smooth, connectivity=4)
    person = np.isin(parts, np.unique(parts[face & (parts > 0)]))
    person = cv2.morphologyEx(person.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    _, holes, sizes, _ = cv2.connectedComponentsWithStats(1 - person, connectivity=4)
    small = [number for number in range(1, len(sizes)) if sizes[number, cv2.CC_STAT_AREA] < 0.01 * _WORK**2]
    return np.asarray((person > 0) | np.isin(holes, small))


def _reduced(inside: Bool[np.ndarray, "rows columns"]) -> Matte:
    return np.asarray(cv2.resize(255 * inside.astype(np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def _area(polygon: Float32[np.ndarray, "corners 2"], size: int) -> Matte:
    """A polygon in pixels of a crop as a matte, drawn four times as fine for soft edges."""
    fine = 4 * SIDE
    mask = np.zeros((fine, fine), np.uint8)
    places = (polygon.astype(np.float64) + 0.5) * fine / size - 0.5
    cv2.fillPoly(mask, [np.rint(np.clip(places, -8 * fine, 8 * fine)).astype(np.int32)], 255)
    return np.asarray(cv2.resize(mask, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
