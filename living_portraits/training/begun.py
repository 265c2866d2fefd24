"""Fits `begun.CHANGES`: how a face changes as its lips part, and as it laughs.

    python -m living_portraits.training.begun living_portraits/begun.npy

From the bundled clips alone. Within each clip every point's travel is explained, by ridge regression, by how far the
lips are parted, how much the face smiles, and its turn, which the tracker's depth lets leak into shapes and which is
left out afterwards. Both sides of a face are taken to do the same, and what is far from the mouth to stay: there the
pose, which is fitted to all of a face, gives way to what the mouth does.
"""

import sys
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64

from living_portraits import begun, face, geometry, samples, video
from living_portraits.warp import smoothstep

CLIPS = ("laugh", "look_around", "sing", "smile", "sorrow", "surprise", "talk")
_NEAR, _FAR = 5.0, 8.0  # cm from the lips
_RIDGE = np.diag([0.5, 0.5, 0.1, 0.1, 0.1])


def fitted(clips: list[Float32[np.ndarray, "_ 478 3"]]) -> Float64[np.ndarray, "2 468 3"]:
    """From every clip's points, px."""
    causes, changes = [], []
    for clip in clips:
        poses = [geometry.fit_pose(points) for points in clip]
        shapes = np.stack([pose.to_face(points.astype(np.float64)) for pose, points in zip(poses, clip, strict=True)])
        said = begun.expressed(shapes)
        turns = np.stack([geometry.rotation_vector(pose.rotation) for pose in poses])
        cause, change = np.hstack([said, turns]), shapes[:, : geometry.MESH_COUNT].reshape(len(clip), -1)
        causes.append(cause - cause.mean(axis=0))
        changes.append(change - change.mean(axis=0))
    x, y = np.concatenate(causes), np.concatenate(changes)
    found = np.linalg.solve(x.T @ x + _RIDGE, x.T @ y)[:2].reshape(2, -1, 3)
    across = found[:, geometry.MIRRORED[: geometry.MESH_COUNT]] * np.array([-1, 1, 1])
    away = np.linalg.norm(geometry.CANONICAL - geometry.CANONICAL[list(geometry.LIPS_INNER)].mean(axis=0), axis=1)
    near = 1 - smoothstep((away - _NEAR) / (_FAR - _NEAR))
    return np.asarray(near[:, None] * (found + across) / 2)


def main(out: Path) -> None:
    """Looks through the bundled clips and writes the table."""
    clips = [face.follow(video.read_frames(path), fps=25.0).points for path in (getattr(samples, n) for n in CLIPS)]
    np.save(out, fitted(clips).astype(np.float16))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
