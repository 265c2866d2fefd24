"""Teeth and tongue as pictures, made to the measure of a mouth and in the colours of a portrait.

Teeth have two looks. Lips that speak hang before them and keep the light out. Lips that smile lie close to them, so
they catch it: of 41 people who smile, seen with closed lips as well, teeth are as light as the lightest of their skin
(`weights/LOG.md`).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from living_portraits.geometry import Pose
from living_portraits.tone import LIGHTNESS
from living_portraits.warp import smoothstep

TEXEL = 1 / 32
"""Cm of a pixel of a layer."""

HALF_WIDTH, HALF_HEIGHT = 3.2, 2.4
"""Cm from a layer's middle, where the lips meet, to its edges."""

_EDGE = 0.34  # cm that the upper teeth reach below the line where the lips meet
_LOWER_EDGE = 0.12  # cm that the lower teeth stay below it
_HEIGHT = 1.0
_WIDTHS = (0.86, 0.66, 0.76, 0.66, 0.6, 0.7)  # cm from the middle outwards: incisors, canine, premolars, a molar
_ROUNDED = (0.0, 0.09, 0.02, 0.1, 0.16, 0.2)  # cm that their edges are higher
_ARCH = 2.6  # cm, radius
_STEEPEST = 0.97  # of the radius: from there on a row goes no farther back
_STEPS = 257  # from side to side, between which is known how far back a row is
_NOWHERE = 2 * HALF_WIDTH  # beside every layer
_IVORY = np.array((1.03, 1.0, 0.9), np.float32)
_LIT = (6.0, 0.68, 1.45)  # a, b and c: in the light, teeth are as light as a l^b, at most c l, where skin is as l

Colour = Float32[np.ndarray, "3"]
Layer = Float32[np.ndarray, "rows columns 4"]
"""Premultiplied RGBA, float32; colour in [0, 255], alpha in [0, 1]."""


@dataclass(frozen=True)
class Look:
    """How a row of teeth looks.

    Attributes:
        colour: of the middle teeth, RGB in [0, 255].
        falloff, crease: of the light, what is gone at the last tooth, and between two teeth.
        ends: cm from the middle where a row ends, of a mouth that is 4.3 cm wide.
    """

    colour: Colour
    falloff: float
    crease: float
    ends: float

    @classmethod
    def in_shade(cls, skin: Colour, *, mono: float, yellow: float) -> "Look":
        """Behind lips, beside skin (the lightest) that is in one colour and has yellowed so far (`tone`).

        Ivory under the portrait's light: brighter skin, a quarter of its colour gone. Less, where what is gone would
        be a varnish's, or the one colour that a picture has.
        """
        white = float(skin @ LIGHTNESS) * _IVORY
        ivory = skin + (0.25 - 0.15 * yellow) * (1 - mono) * (white - skin)
        return cls(np.minimum(0.86 * ivory, 215).astype(np.float32), falloff=0.62, crease=0.2, ends=2.3)

    @classmethod
    def in_light(cls, skin: Colour, *, mono: float, yellow: float) -> "Look":
        """In a smile: whiter, and nearly as light in every face, so that they outshine dark skin."""
        light = max(float(skin @ LIGHTNESS), 1.0)
        tint = skin / light
        tint = tint + (0.4 - 0.3 * yellow) * (1 - mono) * (1 - tint)
        lightness = min(_LIT[0] * light ** _LIT[1], _LIT[2] * light)
        return cls(np.minimum(lightness * tint, 250).astype(np.float32), falloff=0.58, crease=0.25, ends=2.8)

    def dimmed(self, share: float, *, plus: Colour) -> "Look":
        """With so much of its light, and a colour added."""
        return Look(np.asarray(share * self.colour + plus, np.float32), self.falloff, self.crease, self.ends)


def row(look: Look, width: float, *, upper: bool) -> Layer:
    """A row of teeth; its biting edge is scalloped, its ends sink into shadow. `width`: the mouth's, in 4.3 cm."""
    u, v = _plane()
    u = u / width
    height = v + _EDGE if upper else -v + _LOWER_EDGE  # cm above the biting edge, towards the gum
    # The arch turns away: seen from the front its teeth grow narrower towards the corners.
    along = _ARCH * np.arcsin(np.clip(np.abs(u) / _ARCH, 0, 0.999))
    ends = np.cumsum(_WIDTHS)
    tooth = np.minimum(np.searchsorted(ends, along), len(ends) - 1)
    start = np.concatenate([[0.0], ends[:-1]])[tooth]
    place = (along - start) / np.array(_WIDTHS)[tooth]  # 0 to 1 across a tooth
    rounding = 0.07 * (2 * np.abs(place - 0.5)) ** 3 + np.array(_ROUNDED)[tooth]
    inside = smoothstep((height - rounding) / 0.08)
    inside *= 1 - smoothstep((height - _HEIGHT) / 0.25)
    inside *= 1 - smoothstep((np.abs(u) - look.ends) / 0.4)
    light = 1.06 - look.falloff * smoothstep(np.abs(u) / _ARCH) - 0.16 * smoothstep(height / _HEIGHT)
    light = light * (1 - look.crease * np.exp(-((np.minimum(place, 1 - place) / 0.055) ** 2)))
    return cv2.GaussianBlur(_layer(look.colour, light, inside), (0, 0), 1.2)


def tongue(colour: Colour, width: float) -> Layer:
    """A soft hump that rises from the jaw."""
    u, v = _plane()
    radius = np.hypot(u / (1.55 * width), (v + 0.35) / 0.9)
    light = 0.75 + 0.25 * smoothstep(1 - np.abs(u) / 0.9) - 0.12 * np.exp(-((u / 0.12) ** 2))
    return _layer(colour, light, 1 - smoothstep((radius - 0.55) / 0.5))


def mixed(one: Layer, other: Layer, share: float) -> Layer:
    """So much of the other layer in the place of the one."""
    return one if share == 0 else cv2.addWeighted(one, 1 - share, other, share, 0)


def receding(u: Float[np.ndarray, "*any"], width: float) -> Float[np.ndarray, "*any"]:
    """How far behind its middle a row lies u cm to the side, cm; `width`: the mouth's, in 4.3 cm."""
    radius = _ARCH * width
    return radius - np.sqrt(radius**2 - np.minimum(np.abs(u), _STEEPEST * radius) ** 2)


def texels(
    middle: Float[np.ndarray, "3"],
    width: float,
    pose: Pose,
    low: Float[np.ndarray, "2"] | Int[np.ndarray, "2"],
    shape: tuple[int, int],
) -> Float32[np.ndarray, "height width 2"]:
    """Which place of a layer, px, each pixel of a box in the picture shows. Layers turn with the skull, and are bent.

    A layer's place is u to the side, v up, and z(u) behind its middle, so it is seen at `x = a u + b v + c z(u)` and
    `y = d u + e v + f z(u)`. `e x - b y` is without v: a function of u alone, which rises as far as the row is seen,
    and falls where it goes behind itself.

    Args:
        middle: of the layer, face frame, cm. width: see `receding`.
        pose: the head's. low: the box's upper left corner, px. shape: its rows and columns.
    """
    start, *ends = pose.to_picture(middle + np.concatenate([np.zeros((1, 3)), np.eye(3)]))[:, :2]
    (a, d), (b, e), (c, f) = np.array(ends) - start
    x = np.arange(shape[1]) + (low - start)[0]
    y = (np.arange(shape[0]) + (low - start)[1])[:, None]
    flat, bent = a * e - b * d, c * e - b * f  # what u and z(u) add to `e x - b y`
    side = np.sign(flat)
    table = np.linspace(-HALF_WIDTH, HALF_WIDTH, _STEPS)
    rising = side * (flat * table - bent * receding(table, width))
    seen = _about_middle(np.diff(rising) > 0)
    u = np.interp(side * (e * x - b * y), rising[seen], table[seen], left=-_NOWHERE, right=_NOWHERE)
    v = (y - d * u + f * receding(u, width)) / e
    return np.stack([(u + HALF_WIDTH) / TEXEL, (HALF_HEIGHT - v) / TEXEL], axis=-1).astype(np.float32)


def _about_middle(rises: Bool[np.ndarray, "steps"]) -> slice:
    """The places about the middle one between which every step rises."""
    middle, falls = len(rises) // 2, np.flatnonzero(~rises)
    before, behind = falls[falls < middle], falls[falls >= middle]
    return slice(before[-1] + 1 if len(before) else 0, behind[0] + 1 if len(behind) else len(rises) + 1)


def _layer(colour: Colour, light: np.ndarray, inside: np.ndarray) -> Layer:
    alpha = inside.astype(np.float32)[..., None]
    return np.concatenate([colour * light[..., None] * alpha, alpha], axis=2).astype(np.float32)


def _plane() -> tuple[Float32[np.ndarray, "height width"], Float32[np.ndarray, "height width"]]:
    """(u, v) in cm of every pixel: u to the picture's right, v up, 0 where the lips meet."""
    across = np.arange(-HALF_WIDTH, HALF_WIDTH, TEXEL, dtype=np.float32)
    up = np.arange(HALF_HEIGHT, -HALF_HEIGHT, -TEXEL, dtype=np.float32)
    u, v = np.meshgrid(across, up)
    return u, v
