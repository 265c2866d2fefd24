"""What the network of the engine `guided` does to a film: the posed doll alone, and the doll repaired."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from jaxtyping import Float64

from living_portraits import weights
from living_portraits.engine import Drive, Frame, Track
from living_portraits.engines.guided import Guided
from living_portraits.geometry import FACE_OVAL
from living_portraits.mending.mender import WEIGHTS
from living_portraits.notebook.faces import first
from living_portraits.warp import polygon_mask


@dataclass(frozen=True, eq=False)
class Repaired:
    """A clip made again from its own first frame, so that its other frames are the truth.

    Attributes:
        truth: the clip. doll: without the network. mended: with it.
        before, change: of all pixels within the faces' outlines, red, green and blue, levels of 255: what the doll is
            away from the truth, and what the network added.
    """

    truth: list[Frame]
    doll: list[Frame]
    mended: list[Frame]
    before: Float64[np.ndarray, "pixels 3"]
    change: Float64[np.ndarray, "pixels 3"]

    def strength(self) -> float:
        """How much the network changes a pixel of the face, mean, levels of 255."""
        return float(np.abs(self.change).mean())

    def left(self) -> float:
        """How much of the doll's error in the face is left, as a share."""
        return float(np.abs(self.change + self.before).mean() / np.abs(self.before).mean())

    def agreement(self) -> tuple[float, float]:
        """Whether the change goes the right way, in light and in tint (red less blue): 1 exactly, 0 by chance.

        The cosine between what was added and what was missing.
        """
        light, tint = np.array([1.0, 1.0, 1.0]), np.array([1.0, 0.0, -1.0])
        return _cosine(self.change @ light, -self.before @ light), _cosine(self.change @ tint, -self.before @ tint)

    def changes(self, times: int = 8) -> list[Frame]:
        """What the network changed, `times` as strong, on grey."""
        pairs = zip(self.mended, self.doll, strict=True)
        return [np.clip(128 + times * (a.astype(float) - b), 0, 255).astype(np.uint8) for a, b in pairs]


def repaired(clip: Track, **hands: float) -> Repaired:
    """The clip's first frame, driven by the clip: by the doll alone and as the engine `guided` shows it.

    `hands`: where only some of the network's hands ("shade", "paint"; "nudge" is tied) are to act, how strongly each.
    """
    size = clip.crops[0].shape[0]
    with TemporaryDirectory() as folder:
        # With all hands tied: what is done without the network stays, such as grain in a mouth.
        idle = Guided(size=size, file=_with_hands({}, Path(folder)), runtime="torch")
        file = _with_hands(hands, Path(folder)) if hands else None
        engine = Guided(size=size, file=file, runtime="torch" if hands else None)
    motion = engine.encode_motion(clip, Drive())
    doll, mended = (list(one.generate(one.encode_identity(first(clip)), motion)) for one in (idle, engine))
    truth, shape = list(clip.crops), clip.crops[0].shape[:2]
    faces = [polygon_mask(points[list(FACE_OVAL), :2], (0, 0), shape, 1.0) > 0.5 for points in clip.points]
    before, change = (_within(faces, a, b) for a, b in ((doll, truth), (mended, doll)))
    return Repaired(truth, doll, mended, before, change)


def _with_hands(hands: Mapping[str, float], folder: Path) -> Path:
    """The network's file with the last layer of each hand made stronger or weaker; 0 for those that are not named."""
    config, state = weights.read(weights.path(WEIGHTS))
    for hand in ("nudge", "shade", "paint"):
        for part in ("weight", "bias"):
            state[f"net.{hand}.{part}"] = state[f"net.{hand}.{part}"] * hands.get(hand, 0.0)
    weights.write(folder / "hands.safetensors", config=config, state=state)
    return folder / "hands.safetensors"


def _within(faces: list[np.ndarray], a: list[Frame], b: list[Frame]) -> Float64[np.ndarray, "pixels 3"]:
    """a - b within the faces, of all frames."""
    return np.concatenate([x[face].astype(np.float64) - y[face] for face, x, y in zip(faces, a, b, strict=True)])


def _cosine(a: Float64[np.ndarray, "pixels"], b: Float64[np.ndarray, "pixels"]) -> float:
    length = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / length) if length > 0 else 0.0
