"""Eyes behind lids: the eyeball is its own layer, so that a closing lid covers it instead of squashing it."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32

from living_portraits import geometry as geo
from living_portraits.engine import Frame
from living_portraits.motion import AdaptedHead, SourceShape
from living_portraits.warp import box_round, polygon_mask, smoothstep

_FEATHER = 0.012  # of the eye's width in pixels: lids have a crisp edge
_PARALLAX = 0.35  # radii of the iris
_IRIS_REACH = 2.9  # iris radii from the iris' centre to where the white stays put


@dataclass(frozen=True, eq=False)
class Eye:
    """One eyeball of the source, in pixels of its crop.

    Attributes:
        ring: indices of the points round the opening.
        iris: indices of the iris points, centre first.
        texture: the crop with what lies round the opening painted over in the colours of the eye, so that a lid
            can open wider than it was painted.
        rest: `[478, 2]` the source's points.
        source: the face it belongs to.
    """

    ring: tuple[int, ...]
    iris: tuple[int, ...]
    texture: Frame
    rest: Float32[np.ndarray, "478 2"]
    source: SourceShape

    @classmethod
    def of(
        cls,
        crop: Frame,
        points: Float32[np.ndarray, "478 3"],
        ring: tuple[int, ...],
        iris: tuple[int, ...],
        source: SourceShape,
    ) -> "Eye":
        """Lifts one eye out of a source's crop."""
        rest = points[:, :2]
        polygon = rest[list(ring)]
        width = float(np.ptp(polygon[:, 0]))
        low, high = box_round(polygon, margin=0.5 * width + 2, shape=crop.shape)
        opening = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
        cv2.fillPoly(opening, [np.rint((polygon - low) * 16).astype(np.int32)], 255, shift=4)
        texture = crop.copy()
        area = (slice(low[1], high[1]), slice(low[0], high[0]))
        outside = np.where(cv2.dilate(opening, np.ones((3, 3), np.uint8)) > 0, 0, 255).astype(np.uint8)
        texture[area] = cv2.inpaint(np.ascontiguousarray(crop[area]), outside, 3, cv2.INPAINT_TELEA)
        _complete_iris(texture, rest[list(iris)], outside, low)
        return cls(ring, iris, texture, rest, source)

    def draw(self, frame: Frame, head: AdaptedHead) -> None:
        """Draws the eyeball into the opening that the moved lids leave. In place."""
        polygon = head.points[list(self.ring), :2]
        width = float(np.linalg.norm(self.rest[self.ring[0]] - self.rest[self.ring[8]]))
        low, high = box_round(polygon, margin=2.0, shape=frame.shape)
        if (high - low).min() < 2:
            return
        shape = (int(high[1] - low[1]), int(high[0] - low[0]))
        mask = polygon_mask(polygon, (int(low[0]), int(low[1])), shape, feather=_FEATHER * width)
        back = self._to_source(head)
        across, down = np.arange(low[0], high[0]), np.arange(low[1], high[1])
        x = (back[0, 0] * across[None] + back[0, 1] * down[:, None] + back[0, 2]).astype(np.float32)
        y = (back[1, 0] * across[None] + back[1, 1] * down[:, None] + back[1, 2]).astype(np.float32)
        centre = self.rest[self.iris[0]]
        radius = float(np.linalg.norm(self.rest[list(self.iris[1:])] - centre, axis=1).mean())
        moved = self._moved(head, back, radius)
        distance = np.hypot(x - centre[0] - moved[0], y - centre[1] - moved[1]) / max(radius, 1.0)
        pull = 1 - smoothstep((distance - 1.0) / (_IRIS_REACH - 1.0))
        x, y = x - (moved[0] * pull).astype(np.float32), y - (moved[1] * pull).astype(np.float32)
        ball = cv2.remap(self.texture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        area = frame[low[1] : high[1], low[0] : high[0]]
        blend = mask[..., None]
        area[:] = np.rint(area * (1 - blend) + ball * blend).astype(np.uint8)

    def _moved(self, head: AdaptedHead, back: Float32[np.ndarray, "2 3"], radius: float) -> Float32[np.ndarray, "2"]:
        """How far the iris has moved between the corners, px of the source.

        What the head's turn alone seems to move it counts up to `_PARALLAX`: depths about the eye are guessed, and a
        head that is brought to face us would roll its eyes.
        """
        centre = self.rest[self.iris[0]]
        looking = back[:, :2] @ head.points[self.iris[0], :2] + back[:, 2] - centre
        still = head.pose.to_picture(self.source.shape[list(self.iris[:1])].astype(np.float64))[0, :2]
        turned = back[:, :2] @ still + back[:, 2] - centre
        excess = max(0.0, 1 - _PARALLAX * radius / max(float(np.linalg.norm(turned)), 1e-6))
        return np.asarray(looking - excess * turned, np.float32)

    def _to_source(self, head: AdaptedHead) -> Float32[np.ndarray, "2 3"]:
        """The similarity from the moved eye's corners back to the source's."""
        a, b = self.ring[0], self.ring[8]
        new, old = head.points[b, :2] - head.points[a, :2], self.rest[b] - self.rest[a]
        turn = complex(*old) / complex(*new)
        linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
        shift = self.rest[a] - linear @ head.points[a, :2]
        return np.column_stack([linear, shift]).astype(np.float32)


def _complete_iris(texture: Frame, iris: Float32[np.ndarray, "5 2"], hidden: np.ndarray, low: np.ndarray) -> None:
    """Gives the iris the parts that the lids hide, mirrored from its visible half. In place.

    `hidden` is 255 where the lids cover the eye, in a box whose first pixel is `low`.
    """
    centre, radius = iris[0] - low, float(np.linalg.norm(iris[1:] - iris[0], axis=1).mean())
    height, width = hidden.shape
    across, down = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    mirrored = (2 * centre[1] - down).astype(np.float32)
    area = texture[low[1] : low[1] + height, low[0] : low[0] + width]
    twin = cv2.remap(area, across, mirrored, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    twin_seen = cv2.remap(255 - hidden, across, mirrored, cv2.INTER_LINEAR)
    inside = 1 - smoothstep((np.hypot(across - centre[0], down - centre[1]) / max(radius, 1.0) - 0.9) / 0.25)
    share = (inside * (hidden / 255.0) * (twin_seen / 255.0))[..., None]
    area[:] = np.rint(area * (1 - share) + twin * share).astype(np.uint8)


def both_eyes(crop: Frame, points: Float32[np.ndarray, "478 3"], source: SourceShape) -> tuple[Eye, Eye]:
    """The source's right and left eye."""
    return (
        Eye.of(crop, points, geo.RIGHT_EYE, geo.RIGHT_IRIS, source),
        Eye.of(crop, points, geo.LEFT_EYE, geo.LEFT_IRIS, source),
    )
