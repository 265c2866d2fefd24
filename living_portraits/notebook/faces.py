"""Faces cut out and measured, as engines see them; and pictures that make finding them hard."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, Float64

from living_portraits import face, geometry, video
from living_portraits.align import FRAMING, Crop
from living_portraits.engine import Frame, Points, Track
from living_portraits.errors import FaceError
from living_portraits.face import Face

SHAPES = (
    "_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff",
    "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight",
    "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker",
    "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft",
    "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight",
)  # fmt: skip
"""ARKit's blendshapes in MediaPipe's order."""


def source_track(path: Path, *, size: int = 256) -> Track:
    """A portrait's face, cut out: one frame. Raises FaceError where there is none."""
    return cut_out(*find_one(path), size=size)


def find_one(path: Path) -> tuple[Frame, Face]:
    """A picture and its largest face. Raises FaceError where there is none."""
    picture = video.read_picture(path).rgb
    found = face.find(picture)
    if not found:
        raise FaceError(f"There is no face in {path}: choose another picture.")
    return picture, found[0]


def cut_out(picture: Frame, found: Face, *, size: int = 256, scale: float = FRAMING) -> Track:
    """A face of a picture as an engine's source."""
    return face.as_source(picture, found, size=size, scale=scale)[1]


def driver_track(
    path: Path,
    *,
    seconds: float = 2.0,
    fps: float | None = None,
    size: int = 256,
    smoothing: float = 0.5,
    scale: float = FRAMING,
) -> Track:
    """The first seconds of a driver clip, at its own frames a second or others, cut out by its first frame's face."""
    rate = fps or video.probe(path).fps
    frames = list(video.read_frames(path, end=seconds, fps=fps))
    track = face.follow(frames, fps=rate, smoothing=smoothing)
    crop = Crop.around(track.points[0], size=size, scale=scale)
    return Track([crop.take(frame) for frame in frames], crop.to_crop(track.points), track.blendshapes, track.fps)


def first(track: Track) -> Track:
    """A track's first frame, as a source."""
    return Track([track.crops[0]], track.points[:1], track.blendshapes[:1])


def thinned(track: Track, every: int) -> Track:
    """Every so many frames of a track, from the first."""
    crops, fps = list(track.crops)[::every], track.fps / every
    return Track(crops, track.points[::every], track.blendshapes[::every], fps)


def harder(picture: Frame) -> dict[str, Frame]:
    """The same picture as museums, cameras and copyists hand it on, by what was done to it."""
    height, width = picture.shape[:2]
    noise = np.random.default_rng(0).normal(0, 40, (height, width, 1))
    wall = np.full((4 * height, 4 * width, 3), 200, np.uint8)
    wall[2 * height : 3 * height, width : 2 * width] = picture
    return {
        "as it is": picture,
        "on its side": np.ascontiguousarray(np.rot90(picture)),
        "coarse grain": np.clip(picture + noise, 0, 255).astype(np.uint8),
        "one of a wall": np.asarray(cv2.resize(wall, (width, height), interpolation=cv2.INTER_AREA)),
        "in the dark": (picture * 0.06).astype(np.uint8),
    }


def turn_of(points: Points) -> Float64[np.ndarray, "3"]:
    """A head's pitch (down), yaw (to the picture's right) and roll (clockwise) against a head that looks ahead.

    Degrees, as a rotation vector.
    """
    pitch, yaw, roll = np.degrees(geometry.rotation_vector(geometry.fit_pose(points).rotation))
    return np.array([pitch, yaw, -roll])


def lopsided(points: Points) -> dict[str, float]:
    """How far the mouth's and the eyes' outer corners are from being each other's mirror image, of their distance.

    Measured in the face's own frame, so a turned head is no lopsided one: faces have less than 0.1.
    """
    shape = geometry.fit_pose(points).to_face(points.astype(np.float64))
    found = {}
    for name, (right, left) in {"mouth": (61, 291), "eyes": (33, 263)}.items():
        across, up = shape[right, 0] + shape[left, 0], shape[right, 1] - shape[left, 1]
        found[name] = float(np.hypot(across, up) / abs(shape[left, 0] - shape[right, 0]))
    return found


def expression(blendshapes: Float32[np.ndarray, "52"], *, most: int = 8) -> dict[str, float]:
    """The strongest blendshapes by name, in [0, 1]; looking about is left out."""
    ranked = np.argsort(-blendshapes)
    chosen = [number for number in ranked if number and not SHAPES[number].startswith("eyeLook")]
    return {SHAPES[number]: float(blendshapes[number]) for number in chosen[:most]}
