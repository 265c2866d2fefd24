"""What is behind the lips: a mouth made to measure for a portrait that was painted with it closed.

Teeth sit on the skull, lower teeth and tongue on the jaw, and the lips uncover them: so a small opening shows a
dark line, a larger one the edge of the upper teeth, a wide one tongue and depth. Lips that smile let light in
(`teeth.py`). A source whose mouth is open brings its own teeth, which stay on the skull too. Colours come from the
portrait, and grain (`grain.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from living_portraits import geometry as geo
from living_portraits.begun import smile
from living_portraits.engine import Frame
from living_portraits.grain import Grain, grain_about
from living_portraits.motion import AdaptedHead, SourceShape
from living_portraits.own_teeth import OwnTeeth, filled
from living_portraits.teeth import Colour, Layer, Look, mixed, row, texels, tongue
from living_portraits.tone import LIGHTNESS, monochrome, yellowed
from living_portraits.warp import about, box_round, lay, polygon_mask, smoothstep

_SMILES = (0.15, 0.65)  # more than at rest (`begun.smile`): lips begin to lie close to teeth, and do. See `teeth`.
_RAISED, _SMILING_RAISED = 0.25, 0.12  # how far up teeth are: of the way that the upper lip is, and cm in a smile
_TOOTH = (0.4, 0.65)  # of the light of a smile's teeth: up to the one it is none, from the other on it is
_LIGHTER = (1.05, 1.2)  # times a lip's light: so much more than it was drawn with is repair, and that is a tooth
_GUMS, _BARE_GUMS = 0.75, 0.85  # of the lip's light, what a smile shows beside teeth, and above its own
_WIDE = (0.9, 1.7)  # cm between lips: up to the one a smile shows that, from the other on the depth
_DEPTH = 0.3  # cm that the teeth lie behind the lips: less than in life, lest a nod hide them
_LIP_CM, _LOWERED = 0.06, 0.2  # cm of the lower lip within the edge that the tracker sees; fully from so far down
_OPEN = 0.22  # cm between the lips from which a source may show teeth of its own
_SLIT = (0.02, 0.14)  # cm between lips: up to the one it is a line, from the other on an opening
_TONE_CM, _LIPS_CM = 0.1, 0.3  # over which colours are looked at, and how far about the lips
_DARK = 4.0  # levels: what is darker has no colour to speak of
_DARKEST, _FLESHY = 0.45, 0.3  # of the darkest tone and of the lip, in the depth
_FLESH = np.array((1.0, 0.55, 0.5), np.float32)


@dataclass(frozen=True, eq=False)
class Mouth:
    """The inside of one source's mouth.

    Attributes:
        source: the face it belongs to.
        width: from corner to corner, in 4.3 cm.
        centre: `[3]` where the lips meet, face frame, cm; the textures are centred here.
        upper, smiling, lower, tongue: layers, `TEXEL` cm a pixel; the upper teeth in the shade, and in the light.
        cavity, gums: `[3]` colour of the depth, and of what is seen of it in a smile.
        closed: `[11]` gap between the lips at which nothing is to be drawn, cm: the source's, unless it shows teeth.
        own: the source's own teeth; None where it shows none.
        rest: `[20, 2]` its inner lips in the crop, px.
        grain: of the source's surface; None where it is too small to have any.
        light: of teeth in a smile, in [0, 255].
        foreign: how far its colours are none that people have in photographs, in [0, 1], see `tone`.
    """

    source: SourceShape
    width: float
    centre: Float32[np.ndarray, "3"]
    upper: Layer
    smiling: Layer
    lower: Layer
    tongue: Layer
    cavity: Colour
    gums: Colour
    closed: Float32[np.ndarray, "11"]
    own: OwnTeeth | None
    rest: Float32[np.ndarray, "20 2"]
    grain: Grain | None
    light: float
    foreign: float

    @classmethod
    def of(cls, crop: Frame, points: Float32[np.ndarray, "478 3"], source: SourceShape) -> "Mouth":
        """Makes a mouth to the measure and in the colours of a source."""
        bright, lip, dark = _palette(crop, points)
        width = float(np.linalg.norm(source.shape[308] - source.shape[78])) / 4.3
        mono, yellow = monochrome(crop, points), yellowed(bright, lip)
        shaded, lit = (look(bright, mono=mono, yellow=yellow) for look in (Look.in_shade, Look.in_light))
        gaps = source.shape[list(geo.LIPS_INNER_UPPER), 1] - source.shape[list(geo.LIPS_INNER_LOWER), 1]
        gap = float(gaps.max())
        rest = points[list(geo.LIPS_INNER), :2]
        unit = source.pose.scale
        own = OwnTeeth.of(crop, rest, bright, _BARE_GUMS * lip, gap=gap, unit=unit) if gap > _OPEN else None
        meeting = (source.shape[13] + source.shape[14]) / 2
        meeting[1] = source.shape[13, 1] - 0.15 * max(gap, 0.0)
        return cls(
            source=source,
            width=width,
            centre=meeting.astype(np.float32),
            upper=row(shaded, width, upper=True),
            smiling=row(lit, width, upper=True),
            lower=row(shaded.dimmed(0.6, plus=0.12 * lip), 0.85 * width, upper=False),
            tongue=tongue(0.66 * lip, width),
            cavity=_DARKEST * dark + _FLESHY * lip * _less(_FLESH, mono),
            gums=_GUMS * lip,
            closed=gaps if own is None else np.zeros_like(gaps),
            own=own,
            rest=rest,
            grain=grain_about(rest.mean(axis=0), crop, points, scale=unit),
            light=float(lit.colour @ LIGHTNESS),
            foreign=max(mono, yellow),
        )

    def draw(self, frame: Frame, head: AdaptedHead) -> None:
        """Draws the mouth into the opening that the moved lips leave. In place."""
        polygon = head.points[list(geo.LIPS_INNER), :2]
        gap = self._gap(head)
        if gap < _SLIT[0]:
            return
        low, high = box_round(polygon, margin=3.0, shape=frame.shape)
        if (high - low).min() < 2:
            return
        shape = (int(high[1] - low[1]), int(high[0] - low[0]))
        unit = head.pose.scale
        mask = polygon_mask(polygon, (int(low[0]), int(low[1])), shape, feather=0.035 * unit)
        inside = self._inside(head, low, shape, gap)
        if self.own is not None:
            inside = self._keep_own(inside, head, low, shape)
        else:
            inside *= _shade(mask, 0.22 * unit)[..., None]
        area = frame[low[1] : high[1], low[0] : high[0]]
        blend = (mask * self._made(gap))[..., None]
        area[:] = np.rint(area * (1 - blend) + np.clip(inside, 0, 255) * blend).astype(np.uint8)

    def spare(self, repaired: Frame, frame: Frame, head: AdaptedHead) -> None:
        """Gives a mouth that was repaired the source's own colours, grain and, if it shows any, teeth. In place.

        What a picture shows, no network knows better: one that has learned from photographs paints a crimson tongue
        in a grey face, green teeth under yellowed varnish, teeth that are shorter than they are, and all as smooth as
        skin.
        """
        polygon, made = head.points[list(geo.LIPS_INNER), :2], self._made(self._gap(head))
        if self.foreign and made:
            _tone(repaired, frame, head, made * self.foreign)
        low, high = box_round(polygon, margin=3.0, shape=frame.shape)
        if not made or (high - low).min() < 2:
            return
        box = np.s_[low[1] : high[1], low[0] : high[0]]
        shape = (int(high[1] - low[1]), int(high[0] - low[0]))
        mask = polygon_mask(polygon, (int(low[0]), int(low[1])), shape, feather=0.035 * head.pose.scale)[..., None]
        if lit := self._smile(head) * made:
            drawn = frame[box].astype(np.float32)
            # Whose lip is how high is a guess: teeth half as drawn and half a little higher are no teeth.
            teeth = smoothstep((drawn @ LIGHTNESS / self.light - _TOOTH[0]) / (_TOOTH[1] - _TOOTH[0]))[..., None]
            lay(repaired[box], drawn, np.asarray(lit * np.maximum(self.foreign, teeth) * mask, np.float32))
            _keep_lips(repaired, frame, head, lit)
        if self.grain is not None:
            grain = self.grain.carried(self._carry(head, low), shape)
            lay(repaired[box], repaired[box] * grain[..., None], made * mask)
        if self.own is not None:
            lay(repaired[box], frame[box].astype(np.float32), mask * self._own_cover(head, low, shape))

    def _smile(self, head: AdaptedHead) -> float:
        """How far lips are drawn back from the teeth by a smile, in [0, 1]: by more than they are at rest."""
        more = smile(head.shape) - max(float(smile(self.source.shape)), 0.0)
        return float(smoothstep(np.array((more - _SMILES[0]) / (_SMILES[1] - _SMILES[0]))))

    def _moved(self, lip: Sequence[int], head: AdaptedHead) -> float:
        """How far up the middle of a lip's edge is of where the source has it, cm."""
        middle = list(lip[3:8])
        return float((head.shape[middle, 1] - self.source.shape[middle, 1]).mean())

    def _gap(self, head: AdaptedHead) -> float:
        """How far the lips have parted more than in the source, cm."""
        upper, lower = list(geo.LIPS_INNER_UPPER), list(geo.LIPS_INNER_LOWER)
        return float((head.shape[upper, 1] - head.shape[lower, 1] - self.closed).max())

    def _made(self, gap: float) -> float:
        """How much of what lies behind the lips is made up, in [0, 1]: a slit is a line that they show already."""
        return 1.0 if self.own is not None else float(smoothstep(np.array((gap - _SLIT[0]) / (_SLIT[1] - _SLIT[0]))))

    def _inside(
        self, head: AdaptedHead, low: np.ndarray, shape: tuple[int, int], gap: float
    ) -> Float32[np.ndarray, "height width 3"]:
        """Cavity, tongue, lower and upper teeth, back to front, in a box of the frame."""
        lower, upper = list(geo.LIPS_INNER_LOWER[3:8]), list(geo.LIPS_INNER_UPPER[3:8])
        drop = float(head.shape[lower, 1].mean() - self.centre[1])
        shift = float((head.shape[[78, 308], 0] - self.source.shape[[78, 308], 0]).mean())
        # A smile that bares no gap must not bare teeth through closed lips, nor a murmur a white flicker.
        shown = float(smoothstep(np.array((gap - 0.10) / 0.35)))
        raised = _RAISED * max(float((head.shape[upper, 1] - self.source.shape[upper, 1]).mean()), 0.0)
        lit = self._smile(head)
        narrow = 1 - float(smoothstep(np.array((gap - _WIDE[0]) / (_WIDE[1] - _WIDE[0]))))
        depth = self.cavity + lit * narrow * (self.gums - self.cavity)
        inside = np.broadcast_to(depth, (*shape, 3)).astype(np.float32)
        upper_shown = shown if self.own is None else 0.0  # a source's own are there
        for layer, offset, alpha in (
            (self.tongue, (0.5 * shift, drop), 1.0),
            (self.lower, (0.6 * shift, drop), shown),
            (mixed(self.upper, self.smiling, lit), (0.0, raised + lit * (_SMILING_RAISED - raised)), upper_shown),
        ):
            middle = self.centre + np.array([*offset, -_DEPTH])
            placed = cv2.remap(layer, texels(middle, self.width, head.pose, low, shape), None, cv2.INTER_LINEAR)
            inside = inside * (1 - alpha * placed[..., 3:]) + alpha * placed[..., :3]
        return inside

    def _keep_own(
        self, inside: Float32[np.ndarray, "height width 3"], head: AdaptedHead, low: np.ndarray, shape: tuple[int, int]
    ) -> Float32[np.ndarray, "height width 3"]:
        """Lays the source's own open mouth over the made one, fixed to the skull."""
        assert self.own is not None
        raised = self._moved(geo.LIPS_INNER_UPPER, head)
        bared = float(smoothstep(np.array(raised / _LOWERED)))
        picture = cv2.addWeighted(self.own.shown, 1 - bared, self.own.bared, bared, 0)
        matrix = self._carry(head, low)
        picture = cv2.warpAffine(picture, matrix, shape[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        cover = self._own_cover(head, low, shape)
        return inside * (1 - cover) + picture * cover

    def _carry(self, head: AdaptedHead, low: np.ndarray) -> Float32[np.ndarray, "2 3"]:
        """From the source's crop to a box of the frame, as the skull carries what is fixed to it."""
        plane = (self.centre + np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)).astype(np.float64)
        old = self.source.pose.to_picture(plane)[:, :2].astype(np.float32)
        new = (head.pose.to_picture(plane)[:, :2] - low).astype(np.float32)
        return cv2.getAffineTransform(old, new).astype(np.float32)

    def _own_cover(
        self, head: AdaptedHead, low: np.ndarray, shape: tuple[int, int]
    ) -> Float32[np.ndarray, "height width 1"]:
        """Where the source's own mouth lies over the made one, in [0, 1]."""
        assert self.own is not None
        # Below its old edge the picture ends and the made mouth begins, and what of its lower lip lies within that
        # edge stays with the lip as that goes down.
        lowered = -self._moved(geo.LIPS_INNER_LOWER, head)
        kept = _LIP_CM * self.source.pose.scale * float(smoothstep(np.array(lowered / _LOWERED)))
        opening = self.own.cover
        opening = np.minimum(opening, _above(self.rest, opening.shape, kept)) if kept else opening
        cover = cv2.warpAffine(opening, self._carry(head, low), shape[::-1], flags=cv2.INTER_LINEAR)
        return cover.astype(np.float32)[..., None] / 255


def _above(
    lips: Float32[np.ndarray, "20 2"], shape: tuple[int, ...], margin: float
) -> UInt8[np.ndarray, "height width"]:
    """255 above the lower lip by a margin, px, and above the mouth's corners beside it."""
    lower = lips[[0, *range(19, 9, -1)]] - np.array([0, margin], np.float32)
    left, right = (np.array([[x, y]], np.float32) for x, y in ((-1, lower[0, 1]), (shape[1], lower[-1, 1])))
    top = np.array([[shape[1], -1], [-1, -1]], np.float32)
    return filled(np.concatenate([left, lower, right, top]), shape)


def _palette(crop: Frame, points: Float32[np.ndarray, "478 3"]) -> tuple[Colour, Colour, Colour]:
    """Bright skin, lip and darkest tone of a portrait."""
    skin = _pixels(crop, points[[50, 280, 5, 151, 101, 330], :2], radius=6)
    lips = _pixels(crop, points[[17, 84, 314, 0, 37, 267], :2], radius=2)
    order = skin[np.argsort(skin.sum(axis=1))]
    bright = order[int(0.7 * len(order)) :].mean(axis=0)
    oval = np.zeros(crop.shape[:2], np.uint8)
    cv2.fillPoly(oval, [np.rint(points[list(geo.FACE_OVAL), :2]).astype(np.int32)], 255)
    face = crop[oval > 0].astype(np.float32)
    dark = face[np.argsort(face.sum(axis=1))][: max(len(face) // 50, 1)].mean(axis=0)
    dark = dark * min(1.0, 0.3 * float(bright.mean()) / max(float(dark.mean()), 1.0))
    return bright.astype(np.float32), lips.mean(axis=0).astype(np.float32), dark.astype(np.float32)


def _less(tint: Colour, mono: float) -> Colour:
    """A tint that fades towards its own lightness where a picture has one colour."""
    return np.asarray(tint + mono * (tint @ LIGHTNESS - tint), np.float32)


def _tone(repaired: Frame, frame: Frame, head: AdaptedHead, much: float) -> None:
    """Gives lips, and what lies between them, the colours of the frame as it was, at the lightness they have. In place.

    Colours are looked at broadly: what the network paints has other edges.
    """
    ring, unit = head.points[list(geo.LIPS_OUTER), :2], head.pose.scale
    low, high = box_round(ring, margin=2.5 * _LIPS_CM * unit + 2, shape=frame.shape)
    if (high - low).min() < 2:
        return
    box = np.s_[low[1] : high[1], low[0] : high[0]]
    share = about((ring - low).astype(np.float32), repaired[box].shape[:2], _LIPS_CM * unit)[..., None]
    colours = cv2.GaussianBlur(frame[box].astype(np.float32) + _DARK, (0, 0), _TONE_CM * unit)
    light = (repaired[box].astype(np.float32) @ LIGHTNESS)[..., None]
    lay(repaired[box], np.asarray(light * colours / (colours @ LIGHTNESS)[..., None], np.float32), much * share)


def _keep_lips(repaired: Frame, frame: Frame, head: AdaptedHead, much: float) -> None:
    """Takes teeth off lips that were drawn without. In place."""
    outer, inner = (head.points[list(ring), :2] for ring in (geo.LIPS_OUTER, geo.LIPS_INNER))
    low, high = box_round(outer, margin=3.0, shape=frame.shape)
    box, corner = np.s_[low[1] : high[1], low[0] : high[0]], (int(low[0]), int(low[1]))
    drawn = frame[box].astype(np.float32)
    lips, opening = (
        polygon_mask(ring, corner, drawn.shape[:2], feather=0.035 * head.pose.scale) for ring in (outer, inner)
    )
    lighter = (repaired[box].astype(np.float32) @ LIGHTNESS + 1) / (drawn @ LIGHTNESS + 1)
    share = much * lips * (1 - opening) * smoothstep((lighter - _LIGHTER[0]) / (_LIGHTER[1] - _LIGHTER[0]))
    lay(repaired[box], drawn, share[..., None].astype(np.float32))


def _pixels(crop: Frame, places: Float32[np.ndarray, "places 2"], radius: int) -> Float32[np.ndarray, "pixels 3"]:
    limit = crop.shape[0] - 1
    found = []
    for x, y in np.clip(np.rint(places), 0, limit).astype(int):
        found.append(crop[max(y - radius, 0) : y + radius + 1, max(x - radius, 0) : x + radius + 1].reshape(-1, 3))
    return np.concatenate(found).astype(np.float32)


def _shade(mask: Float32[np.ndarray, "height width"], reach: float) -> Float32[np.ndarray, "height width"]:
    """The lips' shadow on what lies behind them: darkest at the edge, from above more than from below."""
    soft = cv2.GaussianBlur(mask, (0, 0), max(reach, 0.8))
    below = np.roll(soft, max(int(reach * 0.7), 1), axis=0)
    return np.clip(0.25 + 0.95 * below, 0, 1.0)
