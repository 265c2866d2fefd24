"""How a head moves, freed from whose head it is.

A driver's points are read in the frame of their own head: pose goes one way, expression, lids and gaze the other.
`adapt` puts that motion onto another face's shape. Every engine that is driven by points shares these two steps,
so that a stranger's jaw never bends the painting's jaw.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from living_portraits import begun
from living_portraits import geometry as geo
from living_portraits.engine import Drive, Track

UPPER_LIP, LOWER_LIP = 13, 14  # the middles of the inner lips
# Eye opening is read at three places of each lid and averaged: one point alone jitters.
_RIGHT_LIDS = ((159, 145), (160, 144), (158, 153))
_LEFT_LIDS = ((386, 374), (387, 373), (385, 380))
_EYES = (
    (_RIGHT_LIDS, geo.RIGHT_EYE_UPPER, geo.RIGHT_EYE_LOWER, geo.RIGHT_IRIS),
    (_LEFT_LIDS, geo.LEFT_EYE_UPPER, geo.LEFT_EYE_LOWER, geo.LEFT_IRIS),
)
# Height over width of an eye's opening: what the tracker still reads where lids have met, and the least that counts
# as an open eye; most open eyes read 0.25 to 0.4.
_SHUT, _OPEN = 0.07, 0.2
_WIDEST = 1.2
# Of an open eye's opening: lids move together. In 8,900 frames of people who do not wink the tracker tells them apart
# by .02 in the middle and .38 at most, and most where both are nearly shut, one of which would stay open.
_WINK = 0.45
_LIP_DEADBAND_CM = 0.04
_UNLIKE_CM = 0.18  # faces of one person in two clips are 0.15 apart, those of two people 0.32 (medians)
_GAZE = slice(11, 19)  # blendshapes eyeLookDown ... eyeLookUp: where somebody looks is hardly an expression
_MOUTH = slice(23, 50)  # jaw and mouth
_BLINKS = slice(9, 11)
_USUAL_TURN = np.radians(15)  # so far from the clip's usual pose counts as much as one shape at full strength
_PARTED_CM = 1.0  # and so does a gap this wide between the inner lips, in the middle


def _weights() -> Float32[np.ndarray, "52"]:
    """How much each blendshape counts as expression."""
    weights = np.ones(52, dtype=np.float32)
    weights[0] = 0  # MediaPipe's own "neutral"
    weights[_GAZE] = 0.25
    weights[_MOUTH] = weights[_BLINKS] = 2  # what shows most when taken as rest
    return weights


_WEIGHTS = _weights()


@dataclass(frozen=True)
class HeadMotion:
    """A clip's motion, T frames, in units of the driver's own head.

    Attributes:
        rotation: `[T, 3, 3]`; since the neutral frame where `relative`, else the head's very orientation.
        shift: `[T, 2]` travel of the head's centre since the neutral frame, cm, x right and y up.
        zoom: `[T]` apparent size over the neutral frame's.
        expression: `[T, 468, 3]` displacement of the mesh in the face frame since the neutral frame, cm.
        lids: `[T, 2]` opening of the right and left eye as a share of an open eye's: the neutral frame's; 0 is shut.
        gaze: `[T, 2, 2]` travel of the right and left iris since the neutral frame, (x, y up) in eye widths.
        neutral: `[478, 3]` the driver's own neutral shape, face frame, cm.
        relative: whether rotations are to be applied on top of the source's own pose.
        detail: `[T, 468, 3]` displacement, cm, on top of `expression`, that only pictures tell; None without pictures.
        strength: factor that expressions were scaled with, for what the neutral frame itself expresses (`begun`).
    """

    rotation: Float32[np.ndarray, "time 3 3"]
    shift: Float32[np.ndarray, "time 2"]
    zoom: Float32[np.ndarray, "time"]
    expression: Float32[np.ndarray, "time 468 3"]
    lids: Float32[np.ndarray, "time 2"]
    gaze: Float32[np.ndarray, "time 2 2"]
    neutral: Float32[np.ndarray, "478 3"]
    relative: bool
    detail: Float32[np.ndarray, "time 468 3"] | None = None
    strength: float = 1.0

    def __len__(self) -> int:
        return len(self.zoom)

    def expression_on(
        self, shape: Float32[np.ndarray, "478 3"], frames: slice | int = slice(None)
    ) -> Float32[np.ndarray, "*frames 468 3"]:
        """`expression` as a source of that shape is to wear it: see `begun`."""
        return begun.corrected(self.expression[frames], self.neutral, shape, strength=self.strength)


def measure(driver: Track, drive: Drive) -> HeadMotion:
    """Reads a driver's motion from its points, and does to it what `drive` says."""
    poses = [geo.fit_pose(points) for points in driver.points]
    shapes = np.stack(  # in single precision, for there is one for every frame of the clip
        [
            pose.to_face(points.astype(np.float64)).astype(np.float32)
            for pose, points in zip(poses, driver.points, strict=True)
        ]
    )
    start, neutral = poses[drive.neutral], shapes[drive.neutral]
    strength = drive.strength
    if drive.relative:
        turns = [pose.rotation @ start.rotation.T for pose in poses]
    else:
        turns = [pose.rotation for pose in poses]
    extra = on_top(drive)
    rotation = np.stack([extra @ geo.rotation_matrix(strength * geo.rotation_vector(turn)) for turn in turns])
    shift = np.stack([(pose.translation - start.translation)[:2] / start.scale for pose in poses])
    zoom = np.array([pose.scale / start.scale for pose in poses]) ** drive.travel
    opening, iris = eye_openings(shapes), iris_places(shapes)
    # Shut is shut and open is open, also where the neutral frame happens to squint or blink.
    lids = (opening - _SHUT) / (np.maximum(opening[drive.neutral], _OPEN) - _SHUT)
    lids = _together(np.clip(lids, 0.0, _WIDEST))
    face = strength * drive.expression
    return HeadMotion(
        rotation=rotation.astype(np.float32),
        shift=(drive.travel * shift).astype(np.float32),
        zoom=zoom.astype(np.float32),
        expression=(face * (shapes - neutral)[:, : geo.MESH_COUNT]).astype(np.float32),
        lids=np.clip(1 - face * (1 - lids), 0.0, _WIDEST).astype(np.float32),
        gaze=(face * (iris - iris[drive.neutral])).astype(np.float32),
        neutral=neutral.astype(np.float32),
        # A turn that begins from a frontal head is the source's very pose, whatever its own was.
        relative=drive.relative and not drive.frontal,
        strength=face,
    )


def _together(lids: Float[np.ndarray, "time 2"]) -> Float[np.ndarray, "time 2"]:
    """Lids that are as far open as each other, but for a wink: of a difference d stays d^5 / (d^4 + _WINK^4)."""
    apart = lids[:, 0] - lids[:, 1]
    kept = apart**5 / (apart**4 + _WINK**4)
    return np.asarray(lids.mean(axis=1, keepdims=True) + kept[:, None] * [0.5, -0.5])


def on_top(drive: Drive) -> Float[np.ndarray, "3 3"]:
    """The turn that is asked for on top of the driver's, x right, y up, z towards the viewer."""
    return geo.rotation_matrix(np.radians([-drive.pitch, drive.yaw, -drive.roll]))


def neutral_frame(points: Float32[np.ndarray, "time 478 3"], blendshapes: Float32[np.ndarray, "time 52"]) -> int:
    """Index of the frame of least expression (mouth and lids above all) whose pose is near the clip's usual one."""
    return int(np.argmin(unrest(points, blendshapes)))


def unrest(
    points: Float32[np.ndarray, "time 478 3"], blendshapes: Float32[np.ndarray, "time 52"]
) -> Float[np.ndarray, "time"]:
    """How far each frame is from a face at rest in its usual pose, 0 or more: `expressed`, and turns."""
    poses = [geo.fit_pose(face) for face in points]
    turns = np.stack([geo.rotation_vector(pose.rotation) for pose in poses])
    off = np.linalg.norm(turns - np.median(turns, axis=0), axis=1) / _USUAL_TURN
    return _expressed(points, blendshapes, poses) + off**2


def expressed(
    points: Float32[np.ndarray, "time 478 3"], blendshapes: Float32[np.ndarray, "time 52"]
) -> Float[np.ndarray, "time"]:
    """How far each frame's face is from one at rest, whatever its pose, 0 or more.

    Lips that meet count most. A portrait's closed mouth cannot close further, so where the driver's rest were an open
    one, all that is said with lips closer than that would be lost. Blendshapes are all zero where they were not
    measured; lips decide then.
    """
    return _expressed(points, blendshapes, [geo.fit_pose(face) for face in points])


def forgotten(
    points: Float32[np.ndarray, "time 478 3"], blendshapes: Float32[np.ndarray, "time 52"]
) -> Float[np.ndarray, "time"]:
    """What of `expressed` is lost where a frame counts as neutral: all but parted lips, and what parts them."""
    gaps = _gaps(points, [geo.fit_pose(face) for face in points])
    shut = np.interp(gaps, begun.PARTED, (1, 0))
    kept = blendshapes.copy()
    kept[:, _MOUTH] *= shut[:, None]
    return np.asarray(kept**2 @ _WEIGHTS)


def _expressed(
    points: Float32[np.ndarray, "time 478 3"], blendshapes: Float32[np.ndarray, "time 52"], poses: list[geo.Pose]
) -> Float[np.ndarray, "time"]:
    parted = np.maximum(_gaps(points, poses), 0) / _PARTED_CM
    return np.asarray(blendshapes**2 @ _WEIGHTS + parted**2)


def _gaps(points: Float32[np.ndarray, "time 478 3"], poses: list[geo.Pose]) -> Float[np.ndarray, "time"]:
    """Between the inner lips, in the middle, cm."""
    lips = points[:, [UPPER_LIP, LOWER_LIP]].astype(np.float64)
    return np.array([pose.to_face(pair)[:, 1] @ [1, -1] for pose, pair in zip(poses, lips, strict=True)])


def eye_openings(shapes: Float[np.ndarray, "time 478 3"]) -> Float[np.ndarray, "time 2"]:
    """Height over width of the right and the left eye's opening, shapes in the face frame."""
    return np.stack(
        [
            np.mean([shapes[:, high, 1] - shapes[:, low, 1] for high, low in pairs], axis=0)
            / (shapes[:, upper[-1], 0] - shapes[:, upper[0], 0])
            for pairs, upper, _, _ in _EYES
        ],
        axis=1,
    )


def iris_places(shapes: Float[np.ndarray, "time 478 3"]) -> Float[np.ndarray, "time 2 2"]:
    """Where each iris sits between its eye's corners: (x, y up) from their middle, in eye widths."""
    places = []
    for _, upper, _, iris in _EYES:
        corners = shapes[:, [upper[0], upper[-1]], :2]
        width = corners[:, 1:, 0] - corners[:, :1, 0]
        places.append((shapes[:, iris[0], :2] - corners.mean(axis=1)) / width)
    return np.stack(places, axis=1)


def _expression_weights() -> Float32[np.ndarray, "468"]:
    """How far each mesh point's displacement may be believed.

    The tracker's depth is poorest along the silhouette, where a turned head looks like a deformed one: points of
    the oval above the jaw, and their neighbours by distance, are damped.
    """
    upper_oval = [i for i in geo.FACE_OVAL if geo.CANONICAL[i, 1] > -4.5]
    distance = np.linalg.norm(geo.CANONICAL[:, None] - geo.CANONICAL[None, upper_oval], axis=-1).min(axis=1)
    return (0.1 + 0.9 * np.clip(distance / 3.5, 0, 1)).astype(np.float32)


_EXPRESSION_WEIGHTS = _expression_weights()


@dataclass(frozen=True)
class SourceShape:
    """A source's own face: pose in its picture and shape in the face frame (`[478, 3]`, cm)."""

    pose: geo.Pose
    shape: Float32[np.ndarray, "478 3"]

    @classmethod
    def of(cls, points: Float32[np.ndarray, "478 3"]) -> "SourceShape":
        """Reads it from points in pixels of the source's crop."""
        pose = geo.fit_pose(points)
        return cls(pose, pose.to_face(points.astype(np.float64)).astype(np.float32))

    @property
    def points(self) -> Float32[np.ndarray, "478 3"]:
        """What `of` was given."""
        return np.asarray(self.pose.to_picture(self.shape.astype(np.float64)), dtype=np.float32)


@dataclass(frozen=True)
class AdaptedHead:
    """One frame of motion on one source.

    Attributes:
        pose: where the source's head goes, in pixels of its crop.
        shape: its deformed shape, face frame, cm.
        points: the two together: pixels of the crop.
    """

    pose: geo.Pose
    shape: Float32[np.ndarray, "478 3"]
    points: Float32[np.ndarray, "478 3"]


def adapt(source: SourceShape, motion: HeadMotion, frame: int) -> AdaptedHead:
    """Puts frame number `frame` of a motion onto a source's face.

    Pose: R = R_motion R_source (relative) or R_motion (absolute), scale times zoom, travel in the source's own size.
    Expression: displacement, with lips as far apart as the driver's (`begun`), and detail as far as the two faces are
    alike, times the ratio of their mouths where it concerns the mouth; lids close by the driver's share of the
    source's own opening; irises travel in eye widths; lips never cross.
    """
    shape = source.shape.copy()
    offsets = motion.expression_on(source.shape, frame)
    if motion.detail is not None:
        offsets = offsets + _likeness(source.shape, motion.neutral) * motion.detail[frame]
    offsets = offsets * _EXPRESSION_WEIGHTS[:, None]
    shape[: geo.MESH_COUNT] += offsets * _mouth_ratio(source.shape, motion.neutral)
    _part_lips(shape, source.shape)
    for side in range(2):
        _close_lids(shape, source.shape, side, float(motion.lids[frame, side]))
        _turn_eye(shape, source.shape, side, motion.gaze[frame, side])
    turn = motion.rotation[frame].astype(np.float64)
    rotation = turn @ source.pose.rotation if motion.relative else turn
    scale = source.pose.scale * float(motion.zoom[frame])
    travel = np.append(motion.shift[frame].astype(np.float64), 0.0) * source.pose.scale
    pose = geo.Pose(scale, rotation, source.pose.translation + travel)
    return AdaptedHead(pose, shape, pose.to_picture(shape.astype(np.float64)).astype(np.float32))


def _mouth_nearness() -> Float32[np.ndarray, "468 1"]:
    centre = geo.CANONICAL[list(geo.LIPS_INNER)].mean(axis=0)
    distance = np.linalg.norm((geo.CANONICAL - centre) / np.array([1.4, 1.0, 1.6], np.float32), axis=1)
    return np.clip(1.8 - distance / 2.5, 0, 1)[:, None].astype(np.float32)


_MOUTH_NEARNESS = _mouth_nearness()


def _mouth_ratio(
    source: Float32[np.ndarray, "478 3"], driver: Float32[np.ndarray, "478 3"]
) -> Float32[np.ndarray, "468 3"]:
    """Factor on displacements: source's mouth width over the driver's near the mouth, 1 elsewhere."""

    def width(shape: Float32[np.ndarray, "478 3"]) -> float:
        return float(np.linalg.norm(shape[geo.LIPS_OUTER_UPPER[-1]] - shape[geo.LIPS_OUTER_UPPER[0]]))

    ratio = np.clip(width(source) / width(driver), 0.75, 1.33)
    return np.repeat(1 + (ratio - 1) * _MOUTH_NEARNESS, 3, axis=1).astype(np.float32)


def _likeness(source: Float32[np.ndarray, "478 3"], driver: Float32[np.ndarray, "478 3"]) -> np.float32:
    """1 / (1 + (d / d0)^2), d the root mean square distance of two faces' points: 1 where they are the same.

    How this nose widens is no news of a nose of another shape. What is measured is a shape, not a person.
    """
    apart = (source - driver)[: geo.MESH_COUNT]
    return np.float32(1 / (1 + (apart**2).sum(axis=1).mean() / _UNLIKE_CM**2))


def _part_lips(shape: Float32[np.ndarray, "478 3"], source: Float32[np.ndarray, "478 3"]) -> None:
    """Keeps lips from crossing, and as the source has them while they move by no more than noise. In place."""
    upper, lower = list(geo.LIPS_INNER_UPPER), list(geo.LIPS_INNER_LOWER)
    gap = shape[upper, 1] - shape[lower, 1]
    rest = source[upper, 1] - source[lower, 1]
    opened = np.maximum(gap - rest, 0)
    closed = np.maximum(np.minimum(gap, rest), np.minimum(rest, 0))
    wanted = closed + opened**2 / (opened + _LIP_DEADBAND_CM)
    correction = (wanted - gap) / 2
    shape[upper, 1] += correction
    shape[lower, 1] -= correction


def _close_lids(
    shape: Float32[np.ndarray, "478 3"], source: Float32[np.ndarray, "478 3"], side: int, share: float
) -> None:
    """Sets an eye's opening to `share` of the source's own; the upper lid does most of the way. In place."""
    _, upper, lower, _ = _EYES[side]
    high, low = list(upper[1:-1]), list(lower[1:-1])
    wanted = share * (source[high] - source[low])
    missing = wanted - (shape[high] - shape[low])
    shape[high] += 0.85 * missing
    shape[low] -= 0.15 * missing


def _turn_eye(
    shape: Float32[np.ndarray, "478 3"],
    source: Float32[np.ndarray, "478 3"],
    side: int,
    travel: Float32[np.ndarray, "2"],
) -> None:
    """Moves an iris by `travel` eye widths from where the source has it, within what an eye can do. In place."""
    _, upper, _, iris = _EYES[side]
    corners = [upper[0], upper[-1]]
    width = float(source[corners[1], 0] - source[corners[0], 0])
    follow = shape[corners].mean(axis=0) - source[corners].mean(axis=0)
    shape[list(iris)] = source[list(iris)] + follow
    shape[list(iris), :2] += np.clip(travel, [-0.22, -0.12], [0.22, 0.12]).astype(np.float32) * width
