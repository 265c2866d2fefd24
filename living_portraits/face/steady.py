"""What was measured frame by frame, made whole and calm: holes bridged, trembling taken out."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float, Float64

from living_portraits import geometry
from living_portraits.face.model import Face, FaceTrack, apart, extent
from living_portraits.smoothing import steadied

JUMP = 1.0  # extents between two frames; no head moves that fast, so it is another scene
GROWTH = 1.5  # ratio of sizes between two frames; likewise

# One Euro filters at strength 0.5: cut-off at rest in Hz, and Hz for each centimetre (or weight) a second.
# A head is massive, so its pose may be held firmly; a lid shuts 1 cm in a tenth of a second and must not be held.
POSE_REST, POSE_GAIN = 1.0, 0.5
EXPRESSION_REST, EXPRESSION_GAIN = 2.0, 1.5
WEIGHT_REST, WEIGHT_GAIN = 2.0, 4.0
SPAN = 8.0  # cm; half a head: turns and zooms count by how far they carry its skin
PATIENCE = 4.0  # Hz; the speed's own cut-off must be quick enough for a blink


def bridged(seen: Sequence[Face | None], fps: float) -> FaceTrack:
    """A track in which frames without a face lie on the straight line between their neighbours.

    Before the first and after the last face, and in a hole that a cut lies in, the nearest face is repeated.
    `seen` holds at least one face.
    """
    known = np.array([index for index, face in enumerate(seen) if face is not None])
    faces = [face for face in seen if face is not None]
    every = np.arange(len(seen))
    after = np.searchsorted(known, every).clip(max=len(known) - 1)
    before = (np.searchsorted(known, every, side="right") - 1).clip(min=0)
    share = (every - known[before]) / np.maximum(known[after] - known[before], 1)
    for index in np.flatnonzero(before != after):
        if _jump(faces[before[index]], faces[after[index]]):
            share[index] = np.rint(share[index])

    def between(values: Float[np.ndarray, "known *any"]) -> Float[np.ndarray, "time *any"]:
        weight = share.reshape(-1, *[1] * (values.ndim - 1)).astype(np.float32)
        return values[before] * (1 - weight) + values[after] * weight

    heads = between(np.stack([face.head for face in faces]))
    heads[:, :3, :3] = nearest_rotations(heads[:, :3, :3].astype(np.float64))
    return FaceTrack(
        points=between(np.stack([face.points for face in faces])),
        blendshapes=between(np.stack([face.blendshapes for face in faces])),
        heads=heads,
        fps=float(fps),
        gaps=tuple(_gaps(seen)),
    )


def _jump(a: Face, b: Face) -> bool:
    ratio = extent(b.points) / extent(a.points)
    return apart(a.points, b.points) > 3 * JUMP or not 1 / GROWTH < ratio < GROWTH


def _gaps(seen: Sequence[Face | None]) -> Iterator[tuple[int, int]]:
    """Runs of frames without a face, as (first, one past the last)."""
    start = None
    for index, face in enumerate(seen):
        if face is None and start is None:
            start = index
        elif face is not None and start is not None:
            yield start, index
            start = None
    if start is not None:
        yield start, len(seen)


def nearest_rotations(matrices: Float64[np.ndarray, "time 3 3"]) -> Float64[np.ndarray, "time 3 3"]:
    """The proper rotation nearest to each matrix; zero stays zero, where no head was measured."""
    u, singular, vt = np.linalg.svd(matrices)
    u[:, :, -1] *= np.sign(np.linalg.det(u @ vt))[:, None]
    return np.where(singular[:, :1, None] > 1e-6, u @ vt, 0.0)


def steadied_track(track: FaceTrack, strength: float) -> FaceTrack:
    """The track through One Euro filters: the pose held firmly, the expression lightly, nothing across a cut.

    `strength` in [0, 1] moves the cut-off at rest: 0 is off, and each tenth from there lowers it by a third.
    All filters work in the face's own centimetres, so that the size of the picture does not matter.
    """
    if strength == 0 or len(track) < 2:
        return track
    parts = [_steadied_scene(part, strength) for part in _scenes(track)]
    return dataclasses.replace(
        track,
        points=np.concatenate([part.points for part in parts]),
        blendshapes=np.concatenate([part.blendshapes for part in parts]),
        heads=np.concatenate([part.heads for part in parts]),
    )


def _scenes(track: FaceTrack) -> Iterator[FaceTrack]:
    """The track, split wherever the face jumps."""
    centres = track.points[:, :, :2].mean(axis=1)
    sizes = np.array([extent(points) for points in track.points])
    steps = np.linalg.norm(np.diff(centres, axis=0), axis=1) / sizes[:-1]
    growth = np.exp(np.abs(np.diff(np.log(sizes))))
    cuts = np.flatnonzero((steps > JUMP) | (growth > GROWTH)) + 1
    bounds = [0, *cuts.tolist(), len(track)]
    for start, stop in itertools.pairwise(bounds):
        yield FaceTrack(
            points=track.points[start:stop],
            blendshapes=track.blendshapes[start:stop],
            heads=track.heads[start:stop],
            fps=track.fps,
        )


def _steadied_scene(track: FaceTrack, strength: float) -> FaceTrack:
    calmer = 2.0 ** (6 * (0.5 - strength))

    def calm(
        signal: Float[np.ndarray, "time *any axes"], rest: float, gain: float
    ) -> Float[np.ndarray, "time *any axes"]:
        return steadied(signal, fps=track.fps, rest=rest * calmer, gain=gain, patience=PATIENCE)

    def calm_turns(turns: Float64[np.ndarray, "time 3 3"]) -> Float64[np.ndarray, "time 3 3"]:
        return nearest_rotations(calm(turns * SPAN, POSE_REST, POSE_GAIN) / SPAN)

    poses = [geometry.fit_pose(points) for points in track.points]
    shapes = np.stack(
        [pose.to_face(points.astype(np.float64)) for pose, points in zip(poses, track.points, strict=True)]
    )
    scale = float(np.median([pose.scale for pose in poses]))  # px per cm; one for all, or a zoom would look like travel
    places = calm(np.stack([pose.translation / scale for pose in poses]), POSE_REST, POSE_GAIN) * scale
    sizes = np.exp(calm(np.log([[pose.scale] for pose in poses]) * SPAN, POSE_REST, POSE_GAIN) / SPAN)[:, 0]
    turns = calm_turns(np.stack([pose.rotation for pose in poses]))
    shapes = calm(shapes, EXPRESSION_REST, EXPRESSION_GAIN)
    points = [
        geometry.Pose(float(size), turn, place).to_picture(shape)
        for size, turn, place, shape in zip(sizes, turns, places, shapes, strict=True)
    ]
    heads = track.heads.astype(np.float64)
    heads[:, :3, :3] = calm_turns(heads[:, :3, :3])
    heads[:, :3, 3] = calm(heads[:, :3, 3], POSE_REST, POSE_GAIN)
    weights = calm(track.blendshapes.astype(np.float64)[..., None], WEIGHT_REST, WEIGHT_GAIN)[..., 0]
    return dataclasses.replace(
        track,
        points=np.stack(points).astype(np.float32),
        blendshapes=weights.clip(0, 1).astype(np.float32),
        heads=heads.astype(np.float32),
    )
