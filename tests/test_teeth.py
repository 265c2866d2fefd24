"""What is behind the lips of somebody who smiles, and of somebody who speaks."""

import cv2
import numpy as np
import pytest
from drawn import face, picture

from living_portraits import begun
from living_portraits import geometry as geo
from living_portraits.motion import AdaptedHead, SourceShape
from living_portraits.mouth import Mouth
from living_portraits.teeth import HALF_HEIGHT, HALF_WIDTH, TEXEL, Look, mixed, receding, row, texels
from living_portraits.tone import LIGHTNESS

SIZE, CM = 320, 14.0
UPPER, LOWER = list(geo.LIPS_INNER_UPPER[1:-1]), list(geo.LIPS_INNER_LOWER[1:-1])
SKIN = np.array([200, 160, 140], np.float32)


def opened(skin: np.ndarray, *, laugh: float, gap: float) -> tuple[Mouth, np.ndarray, AdaptedHead]:
    """A plain face, moved: its lips parted by `gap` cm, in a laugh or not; and what is drawn of it."""
    points = face((160, 160), zoom=CM)
    points[UPPER] = points[LOWER] = (points[UPPER] + points[LOWER]) / 2
    crop = picture(SIZE, SIZE)  # in many colours, as no print is
    for ring, colour in ((geo.FACE_OVAL, skin), (geo.LIPS_OUTER, skin * [0.9, 0.7, 0.8])):
        cv2.fillPoly(crop, [np.rint(points[list(ring), :2]).astype(np.int32)], colour.tolist())
    source = SourceShape.of(points)
    mouth = Mouth.of(crop, points, source)
    shape = source.shape.copy()
    shape[: geo.MESH_COUNT] += laugh * begun.CHANGES[1]
    middle = (source.shape[UPPER, 1] + source.shape[LOWER, 1]) / 2
    shape[UPPER, 1], shape[LOWER, 1] = middle + gap / 2, middle - gap / 2
    head = AdaptedHead(source.pose, shape, source.pose.to_picture(shape.astype(np.float64)).astype(np.float32))
    mouth.draw(crop, head)
    return mouth, crop, head


def between(crop: np.ndarray, head: AdaptedHead, *, aside: float = 0.3) -> np.ndarray:
    """Lightness down a line between the lips, beside their middle."""
    x = int(head.points[13, 0] + aside * CM)
    top, bottom = (int(head.points[lip, 1]) for lip in (13, 14))
    return crop[top + 1 : bottom - 1, x].astype(np.float32) @ LIGHTNESS


@pytest.mark.parametrize("light", [1.0, 0.5])
def test_teeth_in_a_smile_are_as_light_as_skin_and_outshine_dark_skin(light: float) -> None:
    skin = light * SKIN
    smiling, speaking = (between(*opened(skin, laugh=laugh, gap=0.9)[1:]).max() for laugh in (1.2, 0.0))
    own = float(skin @ LIGHTNESS)
    assert speaking < 0.9 * own < 0.97 * own < smiling < 1.5 * own
    if light < 1:
        assert smiling > 1.1 * own


def darkest(crop: np.ndarray, head: AdaptedHead) -> float:
    """Lightness of a tenth of what is between the lips."""
    mask = cv2.fillPoly(np.zeros(crop.shape[:2], np.uint8), [np.rint(head.points[geo.LIPS_INNER, :2]).astype(int)], 1)
    return float(np.percentile(crop[cv2.erode(mask, np.ones((3, 3))) > 0] @ LIGHTNESS, 10))


def test_a_smile_shows_no_dark_beside_teeth_and_a_wide_laugh_does() -> None:
    narrow, speaking, wide = (
        darkest(*opened(SKIN, laugh=laugh, gap=gap)[1:]) for laugh, gap in ((1.2, 0.8), (0.0, 0.8), (1.2, 2.0))
    )
    assert narrow > 1.1 * max(speaking, wide)


def test_teeth_come_into_the_light_little_by_little() -> None:
    seen = [between(*opened(SKIN, laugh=laugh, gap=0.9)[1:]).max() for laugh in np.linspace(0, 1.2, 25)]
    assert np.abs(np.diff(seen)).max() < 0.35 * (seen[-1] - seen[0])
    assert seen[-1] > 1.2 * seen[0]


def test_lit_teeth_are_whiter_and_no_whiter_than_varnish_and_prints_let_them_be() -> None:
    def tint(skin: np.ndarray, look: Look) -> float:
        return float((look.colour / look.colour.max()).min() / (skin / skin.max()).min())

    looks = [Look.in_light(SKIN, mono=mono, yellow=yellow) for mono, yellow in ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0))]
    plain, varnished, printed = (tint(SKIN, look) for look in looks)
    assert plain > tint(SKIN, Look.in_shade(SKIN, mono=0.0, yellow=0.0)) > 1
    assert plain > varnished > 1 and printed == pytest.approx(1.0, abs=1e-5)


def test_a_row_is_scalloped_and_as_wide_as_its_mouth() -> None:
    look = Look.in_light(SKIN, mono=0.0, yellow=0.0)
    layer, wide = row(look, 0.8, upper=True), row(look, 1.0, upper=True)
    assert layer[..., 3].min() >= 0 and layer[..., 3].max() <= 1.001
    assert (layer[..., 3].max(axis=0) > 0.5).sum() < (wide[..., 3].max(axis=0) > 0.5).sum()
    edge = layer[..., 3].shape[0] - (layer[::-1, :, 3] > 0.5).argmax(axis=0)  # of each column, its lowest tooth
    middle = layer.shape[1] // 2
    assert np.ptp(edge[middle - 20 : middle + 20]) >= 2
    np.testing.assert_array_equal(mixed(layer, wide, 0.0), layer)
    np.testing.assert_allclose(mixed(layer, wide, 1.0), wide, atol=1e-4)


@pytest.mark.parametrize("turn", [-40, 0, 20])
def test_rows_are_bent_and_what_lies_behind_is_not_seen(turn: float) -> None:
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    pose = geo.Pose(40.0, np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]), np.array([160.0, 0, 0]))
    middle, width = np.array([0.1, -4.0, 5.0]), 0.9
    found = texels(middle, width, pose, np.array([0, 0]), (SIZE, SIZE))
    for u in (-1.9, -0.8, 0.0, 0.8, 1.9):
        place = np.array([u, 0.4, -receding(np.array([u]), width)[0]])
        x, y = pose.to_picture(middle + place)[:2]
        shown = cv2.remap(found, np.full((1, 1), x, np.float32), np.full((1, 1), y, np.float32), cv2.INTER_LINEAR)
        there = np.allclose(shown[0, 0] * TEXEL, (u + HALF_WIDTH, HALF_HEIGHT - 0.4), atol=0.05)
        away = np.degrees(np.arctan2(abs(u), np.sqrt((2.6 * width) ** 2 - u**2)))  # so far to the side the tooth looks
        assert there == (u * turn <= 0 or away + abs(turn) < 90)
    assert receding(np.array([0.0]), width) == 0 and receding(np.array([1.9]), width) > 0.6


@pytest.mark.parametrize("left", [0.4, 0.7, 1.1])
@pytest.mark.parametrize("laugh", [0.0, 1.2])
@pytest.mark.parametrize("yellow", [False, True])
def test_a_repaired_smile_keeps_its_teeth_as_drawn_and_under_varnish_what_lies_behind(
    left: float, laugh: float, yellow: bool
) -> None:
    """A network leaves so much of the light between the lips; without a smile that is its affair."""
    skin = np.array([200, 165, 75], np.float32) if yellow else SKIN
    mouth, drawn, head = opened(skin, laugh=laugh, gap=0.9)
    repaired = np.clip(left * drawn, 0, 255).astype(np.uint8)
    mouth.spare(repaired, drawn, head)
    was, now = between(drawn, head), between(repaired, head)
    lightest, darkest = was.argmax(), was.argmin()
    smiles = laugh > 0
    assert now[lightest] / was[lightest] == pytest.approx(1 if smiles else left, abs=0.08)
    assert now[darkest] / was[darkest] == pytest.approx(1 if smiles and yellow else left, abs=0.18)


@pytest.mark.parametrize("laugh", [0.0, 1.2])
def test_no_teeth_are_painted_onto_a_smiles_lips(laugh: float) -> None:
    mouth, drawn, head = opened(SKIN, laugh=laugh, gap=0.9)
    x, y = np.rint((head.points[13, :2] + 2 * head.points[0, :2]) / 3).astype(int)  # of the upper lip
    repaired = drawn.copy()
    repaired[y, x - 20 : x + 20] = 255
    mouth.spare(repaired, drawn, head)
    light = repaired[y, x].astype(int).mean()
    assert light < drawn[y, x].mean() + 8 if laugh else light == 255
