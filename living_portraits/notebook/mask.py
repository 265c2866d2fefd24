"""The canonical face, turned: what a pose is, without a picture."""

import matplotlib.pyplot as plt
import numpy as np

from living_portraits import geometry


def mask(pitch: float = 0.0, yaw: float = 0.0, roll: float = 0.0) -> None:
    """The mesh of 468 points with a head's pose, angles in degrees as `turn_of` gives them."""
    rotation = geometry.rotation_matrix(np.radians([pitch, yaw, -roll]))
    place = geometry.CANONICAL @ rotation.T
    figure, axes = plt.subplots(figsize=(3.4, 3.6), layout="constrained")
    triangles = geometry.TRIANGLES
    nearest = np.argsort(place[triangles, 2].mean(axis=1))  # painted from the far to the near
    shade = _facing(place[triangles[nearest]])
    axes.tripcolor(place[:, 0], place[:, 1], triangles[nearest], facecolors=shade, cmap="copper", edgecolors="none")
    axes.set_aspect("equal")
    axes.set(xlim=(-12, 12), ylim=(-12, 12))
    axes.axis("off")
    plt.show()
    plt.close(figure)


def _facing(corners: np.ndarray) -> np.ndarray:
    """How far each triangle `[n, 3, 3]` faces the viewer, in [0, 1]."""
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normal, axis=1)
    return np.clip(np.abs(normal[:, 2]) / np.maximum(length, 1e-9), 0, 1)
