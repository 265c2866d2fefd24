"""Several pictures of one person: which one gives each frame its face, and how it is set in."""

from itertools import pairwise, product

import numpy as np
import pytest
from drawn import driver, source

from living_portraits.engine import Drive, Track
from living_portraits.engines.puppet import Puppet
from living_portraits.engines.talking_head import lending
from living_portraits.engines.talking_head.lending import RESTLESS, brought, lend, lent, shares
from living_portraits.geometry import NOSE_TIP

SIZE = 128


def at(*places: float) -> np.ndarray:
    """How pictures or frames look that differ in one number."""
    return np.array(places, np.float64)[:, None]


def test_whoever_looks_most_like_a_stretch_of_the_film_gives_it_its_face() -> None:
    share = shares(at(0, 5, 9), at(*[0] * 12, *[5] * 12, *[9] * 12))
    np.testing.assert_allclose(share.sum(axis=1), 1, atol=1e-6)
    assert [int(share[number].argmax()) for number in (0, 5, 18, 30, 35)] == [0, 0, 1, 2, 2]
    assert share[[0, 5, 18, 30, 35]].max(axis=1) == pytest.approx(1)
    change = np.abs(np.diff(share, axis=0)).max()
    assert change == pytest.approx(1 / 7)  # faded over, never switched


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([0.4] * 20, 0),
        ([0.6] * 20, 1),
        ([0, 0, 0.75, 0, 0], 0),  # for one frame nobody comes and goes
    ],
)
def test_the_picture_itself_is_left_for_a_reason(places: list[float], expected: int) -> None:
    share = shares(at(0, 1), at(*places))
    np.testing.assert_allclose(share[:, expected], 1)


@pytest.mark.parametrize("seed", range(5))
def test_no_other_way_through_the_pictures_costs_less(seed: int) -> None:
    costs = np.random.default_rng(seed).uniform(0, 2 * RESTLESS, (6, 3))

    def price(path: tuple[int, ...]) -> float:
        return sum(costs[i, j] for i, j in enumerate(path)) + RESTLESS * sum(a != b for a, b in pairwise(path))

    found, best = tuple(lending._cheapest(costs)), min(product(range(3), repeat=6), key=price)
    assert found == best
    assert price(best) < price(tuple(costs.argmin(axis=1)))  # going to the nearest every time is dearer


def test_a_lent_face_comes_with_its_marks_but_not_with_its_light() -> None:
    [frame], [points] = source(SIZE).crops, source(SIZE).points
    x, y = points[NOSE_TIP, :2].round().astype(int)
    marked = frame.copy()
    marked[y - 3 : y + 3, x - 3 : x + 3] = 255 - frame[y - 3 : y + 3, x - 3 : x + 3]
    result = lend(frame, [(1.0, marked)], points)
    off = np.abs(result.astype(int) - frame).mean(axis=2)
    assert off[y - 2 : y + 2, x - 2 : x + 2].mean() > 40
    assert off[:10].max() == 0 == off[:, :10].max()  # beyond the face all is the frame's own
    [frame] = [np.clip(frame, 100, 255)]  # light that no channel is cut off by
    darker = frame - np.array([60, 90, 80], np.uint8)
    assert np.abs(lend(frame, [(1.0, darker)], points).astype(int) - frame).max() <= 2


def test_a_half_lent_face_lies_half_way() -> None:
    [frame], [points] = source(SIZE).crops, source(SIZE).points
    other = np.roll(frame, 7, axis=1)
    whole, half = (lend(frame, [(share, other)], points).astype(int) for share in (1.0, 0.5))
    assert np.abs(half - (whole + frame) / 2).max() <= 1
    assert np.abs(whole - frame).mean() > 2


def test_a_picture_is_brought_to_where_the_points_are() -> None:
    """A dot on a cheek of the picture lies where the points that were asked for have it."""
    [frame], [own] = source(SIZE).crops, source(SIZE).points
    x, y = own[50, :2].round().astype(int)
    dotted = frame.copy()
    dotted[y - 1 : y + 2, x - 1 : x + 2] = (0, 255, 0)
    asked = own + np.float32([6, -4, 0])
    [moved] = brought(Puppet(size=SIZE), dotted, own, [asked])
    x, y = asked[50, :2].round().astype(int)
    green = moved[..., 1].astype(int) - moved[..., [0, 2]].max(axis=-1)
    assert green[y - 2 : y + 3, x - 2 : x + 3].max() > 100


def film(*, others: Track, moved: Track) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The puppet's film of the source, as it is and with faces from other pictures."""
    engine, own = Puppet(size=SIZE), source(SIZE)
    plain = list(engine.generate(engine.encode_identity(own), engine.encode_motion(moved, Drive())))
    return plain, list(lent(engine, iter(plain), others, own.points[0], list(moved.points)))


def test_an_open_mouth_comes_from_the_picture_that_shows_one() -> None:
    """The other picture has its mouth open, and is black but for that: where the film's is open, it is dark."""
    moved = driver(SIZE, frames=31)
    wide = moved.pick([15])
    other = Track([np.zeros_like(crop) for crop in wide.crops], wide.points, wide.blendshapes)
    plain, given = film(others=other, moved=moved)
    x, y = moved.points[15][13, :2].round().astype(int)
    face = [
        np.abs(a.astype(int) - b)[y - 20 : y + 20, x - 20 : x + 20].mean() for a, b in zip(plain, given, strict=True)
    ]
    assert face[0] == face[1] == face[-1] == 0
    assert min(face[12:19]) > 10
    grown = np.abs(np.diff(face)).max()
    assert grown < 0.3 * max(face)  # it comes and goes by and by


def test_whoever_has_lent_their_last_face_is_let_go() -> None:
    """A picture in use holds many megabytes, and there may be 32 of them."""
    open_films: list[int] = []

    class Watched(Puppet):
        def generate(self, identity, motion):
            open_films.append(len(motion))
            try:
                yield from super().generate(identity, motion)
            finally:
                open_films.remove(len(motion))

    own, moved = source(SIZE), driver(SIZE, frames=31)
    wide = moved.pick([15])
    plain = iter([own.crops[0]] * len(moved))
    held = [len(open_films) for _ in lent(Watched(size=SIZE), plain, wide, own.points[0], list(moved.points))]
    assert held[0] == 0 and held[15] == 1 and held[-1] == 0
