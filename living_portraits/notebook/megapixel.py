"""Films of several sizes: what they cost, and how much detail is in them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float64, UInt8

from living_portraits import engines, weights
from living_portraits.align import Crop
from living_portraits.engine import Drive, Frame, Track
from living_portraits.engines.megaportraits import enhancer
from living_portraits.engines.megaportraits.enhancer import read_enhancer
from living_portraits.metrics import pixels
from living_portraits.nn.pixels import to_frames, to_tensor
from living_portraits.notebook.faces import find_one


@dataclass(frozen=True, eq=False)
class Timed:
    """A film, and what it took: milliseconds to get ready, and for the quickest frame, as other work slows the rest."""

    frames: list[Frame]
    ready: float
    each: float


def crop_zoom(path: Path, size: int) -> float:
    """Pixels of a crop of `size` for one of the picture's. Raises FaceError where there is no face."""
    _, found = find_one(path)
    return float(Crop.around(found.points, size=size).zoom)


def with_crop(track: Track, crop: Frame) -> Track:
    """A source of one picture with another in its place, of any size; the points go along."""
    zoom = crop.shape[0] / track.crops[0].shape[0]
    points = (track.points + 0.5) * np.float32(zoom) - 0.5  # of the first pixel, half a pixel before its centre
    points[..., 2] = track.points[..., 2] * zoom
    return Track([crop], points.astype(np.float32), track.blendshapes, track.fps)


def timed(engine: str, source: Track, driver: Track) -> Timed:
    """The film that an engine makes at the size of the source's crop, by the clock; the engine is loaded before."""
    made = engines.create(engine, size=source.crops[0].shape[0])
    marks, frames = [time.perf_counter()], []
    identity, motion = made.encode_identity(source), made.encode_motion(driver, Drive())
    marks.append(time.perf_counter())
    for frame in made.generate(identity, motion):
        frames.append(frame)
        marks.append(time.perf_counter())
    steps = 1000 * np.diff(marks)
    each = steps[2:] if len(frames) > 1 else steps[1:]  # the first frame still warms up
    return Timed(frames, float(steps[0]), float(each.min()))


def enlarged(frame: Frame, size: int) -> UInt8[np.ndarray, "size size 3"]:
    """Bicubic: the pixels between are guessed from those around."""
    return np.asarray(cv2.resize(frame, (size, size), interpolation=cv2.INTER_CUBIC), np.uint8)


def redrawn(crop: Frame) -> Frame:
    """What MegaPortraits' high-resolution step makes of a crop that was enlarged to its size; others stay."""
    net = read_enhancer(weights.path("megaportraits/enhancer"))
    with torch.inference_mode():
        [frame] = to_frames(enhancer.redrawn(net, to_tensor([crop])))
    return frame


def middle(frame: Frame, share: float = 0.25) -> UInt8[np.ndarray, "side side 3"]:
    """The middle of a frame, to look at closely."""
    side = round(frame.shape[0] * share)
    start = (frame.shape[0] - side) // 2
    return frame[start : start + side, start : start + side]


def detail(frame: Frame, *, size: int) -> float:
    """How much finest detail a frame has once it is shown at `size`: its Laplacian's root mean square in the middle."""
    shown = middle(frame if frame.shape[0] == size else enlarged(frame, size), 0.5)
    return float(np.sqrt(pixels.laplacian_energy(shown, np.ones(shown.shape[:2], bool))))


def fidelity(frames: Sequence[Frame], truth: Sequence[Frame]) -> Float64[np.ndarray, "time"]:
    """PSNR of each frame, dB."""
    return np.array([pixels.psnr(one, other) for one, other in zip(frames, truth, strict=True)])
