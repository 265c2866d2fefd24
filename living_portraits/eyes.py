"""Eyes behind lids: the eyeball is its own layer, so that a closing lid covers it instead of squashing it."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from living_portraits import geometry as geo
from living_portraits.engine import Frame
from living_portraits.lids import Lid, covered, places_of_box
from living_portraits.motion import AdaptedHead, SourceShape, eye_openings
from living_portraits.warp import box_round, lay, polygon_mask, smoothstep

_FEATHER = 0.012  # of the eye's width in pixels: lids have a crisp edge
_PARALLAX = 0.35  # radii of the iris
_IRIS_REACH = 2.9  # iris radii from the iris' centre to where the white stays put
_BARE = 0.15  # radii of the iris that may come to lie bare below the upper lid
_EDGE = 0.05  # of the eye's width
_ABOVE = 0.1  # of the eye's width above the opening's lower edge, where the eye is surely seen
_ALIKE = 100.0  # squared levels: an eye that differs less from the skin cannot be told from it
_SPILT = (0.15, 0.4)  # of the way from the skin's colours to the eye's: skin, and the eye's own
_UNDER = 0.14  # of the eye's width below the opening, where painted eyes reach that were tracked too small


@dataclass(frozen=True, eq=False)
class Eye:
    """One eyeball of the source, in pixels of its crop.

    Attributes:
        ring: indices of the points round the opening.
        iris: indices of the iris points, centre first.
        texture: the crop with what lies round the opening painted over in the colours of the eye, so that a lid
            can open wider than it was painted.
        under: the crop with skin where the eye reaches below the opening that was tracked.
        rest: `[478, 2]` the source's points.
        source: the face it belongs to.
        lid: what closes over it; None where the mesh had better do that.
    """

    ring: tuple[int, ...]
    iris: tuple[int, ...]
    texture: Frame
    under: Frame
    rest: Float32[np.ndarray, "478 2"]
    source: SourceShape
    lid: Lid | None

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
        opening = _filled(polygon - low, (int(high[1] - low[1]), int(high[0] - low[0])))
        texture = crop.copy()
        area = np.s_[low[1] : high[1], low[0] : high[0]]
        outside = np.where(cv2.dilate(opening, np.ones((3, 3), np.uint8)) > 0, 0, 255).astype(np.uint8)
        texture[area] = cv2.inpaint(np.ascontiguousarray(crop[area]), outside, 3, cv2.INPAINT_TELEA)
        _complete_iris(texture, rest[list(iris)], outside, low)
        return cls(
            ring,
            iris,
            texture,
            _without_spill(crop, polygon),
            rest,
            source,
            Lid.of(crop, points, ring, scale=source.pose.scale),
        )

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
        x, y = places_of_box(back, low, high)
        centre = self.rest[self.iris[0]]
        radius = float(np.linalg.norm(self.rest[list(self.iris[1:])] - centre, axis=1).mean())
        moved = self._moved(head, back, radius)
        distance = np.hypot(x - centre[0] - moved[0], y - centre[1] - moved[1]) / max(radius, 1.0)
        pull = 1 - smoothstep((distance - 1.0) / (_IRIS_REACH - 1.0))
        x, y = x - (moved[0] * pull).astype(np.float32), y - (moved[1] * pull).astype(np.float32)
        ball = cv2.remap(self.texture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        lay(frame[low[1] : high[1], low[0] : high[0]], ball.astype(np.float32), mask[..., None])
        self._cover(frame, head, back)
        if self.lid is not None:
            self.lid.close(frame, polygon, back, self._opened(head))

    def _cover(self, frame: Frame, head: AdaptedHead, back: Float32[np.ndarray, "2 3"]) -> None:
        """Lays skin over what of a painted eye lies below the opening, as lids close. In place."""
        share = covered(self._opened(head))
        polygon = head.points[list(self.ring), :2]
        strip = _beneath(polygon)
        low, high = box_round(strip, margin=2.0, shape=frame.shape)
        if share == 0 or (high - low).min() < 2:
            return
        width = float(np.linalg.norm(polygon[8] - polygon[0]))
        shape = (int(high[1] - low[1]), int(high[0] - low[0]))
        mask = polygon_mask(strip, (int(low[0]), int(low[1])), shape, feather=2 * _FEATHER * width)
        x, y = places_of_box(back, low, high)
        skin = cv2.remap(self.under, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        lay(frame[low[1] : high[1], low[0] : high[0]], skin.astype(np.float32), share * mask[..., None])

    def _opened(self, head: AdaptedHead) -> float:
        """How far its lids are open, of the source's own opening: in the face frame, where a nod closes none."""
        now, own = eye_openings(np.stack([head.shape, self.source.shape]))[:, int(self.ring == geo.LEFT_EYE)]
        return float(now / max(own, 1e-6))

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
        across, down = looking - excess * turned
        return np.array([across, min(down, self._lowest(head, back, radius, float(across)))], np.float32)

    def _lowest(self, head: AdaptedHead, back: Float32[np.ndarray, "2 3"], radius: float, across: float) -> float:
        """How far down the iris may go, px of the source: as near to the upper lid as it is there, or a little less.

        What a lid has always covered nobody painted; and lids follow a glance.
        """
        centre, upper = self.rest[self.iris[0]], list(self.ring[:9])
        lid = head.points[upper, :2] @ back[:, :2].T + back[:, 2]
        if any((np.diff(line[:, 0]) <= 0).any() for line in (lid, self.rest[upper])):
            return float(np.inf)  # seen from the side, where a lid folds over itself
        bare = centre[1] - radius - np.interp(centre[0], *self.rest[upper].T)
        now = centre[1] - radius - np.interp(centre[0] + across, *lid.T)
        return float(max(bare, 0.0) + _BARE * radius - now)

    def _to_source(self, head: AdaptedHead) -> Float32[np.ndarray, "2 3"]:
        """The similarity from the moved eye's corners back to the source's."""
        a, b = self.ring[0], self.ring[8]
        new, old = head.points[b, :2] - head.points[a, :2], self.rest[b] - self.rest[a]
        turn = complex(*old) / complex(*new)
        linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
        shift = self.rest[a] - linear @ head.points[a, :2]
        return np.column_stack([linear, shift]).astype(np.float32)


def _beneath(ring: Float32[np.ndarray, "16 2"]) -> Float32[np.ndarray, "18 2"]:
    """The strip below an opening, as a ring: from its lower edge on, across the line between its corners."""
    edge = np.concatenate([ring[8:], ring[:1]])
    along = ring[8] - ring[0]
    down = _UNDER * np.array([-along[1], along[0]])
    return np.concatenate([edge, edge[::-1] + down]).astype(np.float32)


def _filled(polygon: Float[np.ndarray, "corners 2"], shape: tuple[int, int]) -> UInt8[np.ndarray, "height width"]:
    mask: UInt8[np.ndarray, "height width"] = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.rint(polygon * 16).astype(np.int32)], 255, shift=4)
    return mask


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


def _without_spill(crop: Frame, ring: Float32[np.ndarray, "16 2"]) -> Frame:
    """The crop with skin where the eye reaches below the opening: mirrored from below, strokes and all.

    What there resembles the eye above more than the skin below is the eye's: lashes and the lid's rim stay.
    """
    along = ring[8] - ring[0]
    width = max(float(np.linalg.norm(along)), 1.0)
    right = along / width
    down = np.array([-right[1], right[0]])
    low, high = box_round(np.concatenate([ring, ring + 2 * _UNDER * width * down]).astype(np.float32), 2.0, crop.shape)
    if (high - low).min() < 2:
        return crop
    places = np.stack(np.meshgrid(*(np.arange(*ends) for ends in zip(low, high, strict=True))), axis=-1)
    edge = np.concatenate([ring[8:], ring[:1]])[::-1] - ring[0]
    if (np.diff(edge @ right) <= 0).any():
        return crop  # seen from the side, where a lid folds over itself
    u, h = (places - ring[0]) @ right, (places - ring[0]) @ down
    depth = (h - np.interp(u, edge @ right, edge @ down)) / width

    def at(deep: np.ndarray) -> Float32[np.ndarray, "height width 3"]:
        x, y = np.moveaxis(places + ((deep - depth) * width)[..., None] * down, -1, 0).astype(np.float32)
        return cv2.remap(crop, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)

    skin, eye = at(2 * _UNDER - depth), at(np.full_like(depth, -_ABOVE))
    usual = at(np.full_like(depth, 1.5 * _UNDER))
    own = cv2.GaussianBlur(at(depth), (0, 0), max(_EDGE * width / 2, 0.5))
    like = ((own - usual) * (eye - usual)).sum(axis=-1) / np.maximum(((eye - usual) ** 2).sum(axis=-1), _ALIKE)
    strip = smoothstep((_UNDER - depth) / (0.4 * _UNDER)) * (depth > -_EDGE) * (u > 0) * (u < width)
    share = (smoothstep((like - _SPILT[0]) / (_SPILT[1] - _SPILT[0])) * strip).astype(np.float32)[..., None]
    result = crop.copy()
    lay(result[low[1] : high[1], low[0] : high[0]], skin, share)
    return result


def both_eyes(crop: Frame, points: Float32[np.ndarray, "478 3"], source: SourceShape) -> tuple[Eye, Eye]:
    """The source's right and left eye."""
    return (
        Eye.of(crop, points, geo.RIGHT_EYE, geo.RIGHT_IRIS, source),
        Eye.of(crop, points, geo.LEFT_EYE, geo.LEFT_IRIS, source),
    )
