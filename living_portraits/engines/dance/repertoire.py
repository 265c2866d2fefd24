"""The poses that a dancer was taught, and what of a dance lies beyond them.

A network that knows one person from one clip paints what the clip showed. Everything else is a guess: a third leg, an
arm that ends at the elbow. So a dancer's file keeps poses of the clip, and a dance is held against them limb by limb,
as an arm is painted from what was seen of that arm, whatever the legs did meanwhile:

    d(limb) = min over known poses k of max over the limb's joints j of |(p_j - p_root) - (q_kj - q_k,root)| / height

in the dancer's own stage, where heights and floors agree.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32, Float64

from living_portraits import skeleton
from living_portraits.choreography import Choreography
from living_portraits.notices import tell
from living_portraits.variety import spread

KEPT = 256  # poses: of a minute's film, all others are within .02 heights of one of them
FAR = 0.1
"""Of the height. Frames of a clip's own end stay within .07, dances that come out well within .05."""

LIMBS: dict[str, tuple[int, tuple[int, ...]]] = {
    "left arm": (skeleton.LEFT_SHOULDER, (skeleton.LEFT_ELBOW, skeleton.LEFT_WRIST)),
    "right arm": (skeleton.RIGHT_SHOULDER, (skeleton.RIGHT_ELBOW, skeleton.RIGHT_WRIST)),
    "left leg": (skeleton.LEFT_HIP, (skeleton.LEFT_KNEE, skeleton.LEFT_ANKLE)),
    "right leg": (skeleton.RIGHT_HIP, (skeleton.RIGHT_KNEE, skeleton.RIGHT_ANKLE)),
    "trunk": (
        skeleton.LEFT_HIP,
        (skeleton.RIGHT_HIP, skeleton.LEFT_SHOULDER, skeleton.RIGHT_SHOULDER, skeleton.NOSE),
    ),
    "feet": (skeleton.LEFT_ANKLE, (skeleton.RIGHT_ANKLE,)),  # how far apart
}
"""The joint that each limb hangs from, and those that it moves."""

Repertoire = Float32[np.ndarray, "poses 13 2"]
"""Of each pose the limbs' joints, one limb after the other, from where the limb hangs, in heights."""


class UntaughtPosesWarning(UserWarning):
    """A dance asks for poses that the dancer's clip does not show."""


def of(points: Float32[np.ndarray, "time 33 3"], *, height: float) -> Repertoire:
    """Up to `KEPT` poses of a clip, as unlike each other as they come; points and height in the same px."""
    poses = _joints(points, height)
    return poses[spread(poses.reshape(len(poses), -1).astype(np.float64), KEPT, first=0)]


def beyond(
    known: Repertoire, points: Float32[np.ndarray, "time 33 3"], *, height: float
) -> dict[str, Float64[np.ndarray, "time"]]:
    """How far each frame's limbs are from any known pose's, in heights: d above, by limb."""
    asked, found, start = _joints(points, height), dict[str, Float64[np.ndarray, "time"]](), 0
    for name, (_, joints) in LIMBS.items():
        part = slice(start, start + len(joints))
        away = [np.linalg.norm(known[:, part] - pose[part], axis=-1).max(axis=1).min() for pose in asked]
        found[name], start = np.array(away, np.float64), part.stop
    return found


def warn_of_guesses(known: Repertoire, dance: Choreography, *, height: float) -> None:
    """Says which part of a dance the dancer was not taught, where there is one; `dance` in px of their stage."""
    away = beyond(known, dance.points, height=height)
    guessed = {limb: values > FAR for limb, values in away.items()}
    some: Bool[np.ndarray, "time"] = np.any(list(guessed.values()), axis=0)
    if not some.any():
        return
    often = [limb for limb in sorted(guessed, key=lambda limb: -guessed[limb].sum()) if guessed[limb].any()]
    tell(
        UntaughtPosesWarning(
            f"{some.sum()} of {len(dance)} frames show poses that the dancer was never taught ({_listed(often[:3])}; "
            f"first at {some.argmax() / dance.fps:.1f} s): they are guesses. A clip that shows such poses teaches them."
        )
    )


def _listed(limbs: Sequence[str]) -> str:
    return " and ".join([", ".join(limbs[:-1]), limbs[-1]] if len(limbs) > 1 else limbs)


def _joints(points: Float32[np.ndarray, "time 33 3"], height: float) -> Repertoire:
    parts = [points[:, list(joints), :2] - points[:, [root], :2] for root, joints in LIMBS.values()]
    return (np.concatenate(parts, axis=1) / height).astype(np.float32)
