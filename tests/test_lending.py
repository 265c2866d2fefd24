"""Several pictures of one person: which one gives each frame its face, and how it is set in."""

from itertools import pairwise, product

import cv2
import numpy as np
import pytest
from drawn import driver, face, picture, source

from living_portraits.detail import Detail
from living_portraits.engine import Drive, Track
from living_portraits.engines.puppet import Puppet
from living_portraits.engines.talking_head import lending
from living_portraits.engines.talking_head.lending import LIKE, RESTLESS, Shot, brought, lend, lent, likeness, shares
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
    [moved] = brought(Puppet(size=SIZE), Shot(dotted, own), [asked])
    x, y = asked[50, :2].round().astype(int)
    green = moved[..., 1].astype(int) - moved[..., [0, 2]].max(axis=-1)
    assert green[y - 2 : y + 3, x - 2 : x + 3].max() > 100


def painted(*, seed: int = 0) -> Shot:
    """A face in broad strokes."""
    return Shot(cv2.GaussianBlur(picture(SIZE, SIZE, seed=seed), (0, 0), 4), source(SIZE).points[0])


@pytest.fixture
def anyone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody may lend to everybody."""
    monkeypatch.setattr(lending, "likeness", lambda engine, one, other: 1.0)


def film(*, others: list[Shot], moved: Track) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The puppet's film of the source, as it is and with faces from other pictures."""
    engine, own = Puppet(size=SIZE), source(SIZE)
    plain = list(engine.generate(engine.encode_identity(own), engine.encode_motion(moved, Drive())))
    return plain, list(lent(engine, iter(plain), Shot(own.crops[0], own.points[0]), others, list(moved.points)))


def test_an_open_mouth_comes_from_the_picture_that_shows_one(anyone: None) -> None:
    """The other picture has its mouth open, and is black but for that: where the film's is open, it is dark."""
    moved = driver(SIZE, frames=31)
    wide = moved.pick([15])
    plain, given = film(others=[Shot(np.zeros_like(wide.crops[0]), wide.points[0])], moved=moved)
    x, y = moved.points[15][13, :2].round().astype(int)
    off = [
        np.abs(a.astype(int) - b)[y - 20 : y + 20, x - 20 : x + 20].mean() for a, b in zip(plain, given, strict=True)
    ]
    assert off[0] == off[1] == off[-1] == 0
    assert min(off[12:19]) > 10
    grown = np.abs(np.diff(off)).max()
    assert grown < 0.3 * max(off)  # it comes and goes by and by


def test_whoever_has_lent_their_last_face_is_let_go(anyone: None) -> None:
    """A picture in use holds many megabytes, and there may be 32 of them."""
    open_films: list[int] = []

    class Watched(Puppet):
        def follow(self, identity, heads):
            open_films.append(len(heads))
            try:
                yield from super().follow(identity, heads)
            finally:
                open_films.remove(len(heads))

    own, moved = source(SIZE), driver(SIZE, frames=31)
    wide = moved.pick([15])
    plain = iter([own.crops[0]] * len(moved))
    shots = [Shot(each.crops[0], each.points[0]) for each in (own, wide)]
    held = [len(open_films) for _ in lent(Watched(size=SIZE), plain, shots[0], shots[1:], list(moved.points))]
    assert held[0] == 0 and held[15] == 1 and held[-1] == 0


def test_the_same_face_is_alike_in_any_light_and_place_and_another_is_not() -> None:
    engine, here = Puppet(size=SIZE), painted()
    asked = face((SIZE / 2 + 6, SIZE / 2 - 4), zoom=SIZE / 42, roll=0.1)
    [moved] = brought(engine, here, [asked])
    dim = (moved * np.float32([0.5, 0.45, 0.4]) + 20).astype(np.uint8)
    assert likeness(engine, here, here) > 0.98
    assert likeness(engine, here, Shot(dim, asked)) > LIKE
    assert likeness(engine, here, painted(seed=3)) < 0.4


def test_points_are_found_again_where_the_films_own_picture_has_them() -> None:
    """Another picture, whose tracker was off by two pixels to the right: it is brought as if it had not been."""
    here, asked = painted(), driver(SIZE, frames=9).points[:1]
    [crop] = brought(Puppet(size=SIZE), here, list(asked))
    off = asked[0] + np.float32([2, 0, 0])
    found = lending._found_again(Detail(here.frame, here.points), Shot(crop, off)).points
    inner = [NOSE_TIP, 50, 280, 205, 425]
    assert np.abs(found[inner, 0] - asked[0][inner, 0]).mean() < 1 < np.abs(off[inner, 0] - asked[0][inner, 0]).mean()


def test_whoever_is_not_alike_lends_nothing_and_the_next_best_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two others look like the film's open mouth: somebody else's, a little more, and the person's own."""
    engine, here, moved = Puppet(size=SIZE), painted(), driver(SIZE, frames=31)
    [opened] = brought(engine, here, [moved.points[14]])
    marked = opened.copy()
    x, y = moved.points[14][NOSE_TIP, :2].round().astype(int)
    marked[y - 4 : y + 4, x - 4 : x + 4] = 255
    stranger = Shot(painted(seed=3).frame, moved.points[15])
    monkeypatch.setattr(lending, "likeness", lambda engine, one, other: LIKE - 0.01 if other is stranger else LIKE)
    plain = [here.frame] * len(moved)
    seen = [
        list(lent(engine, iter(plain), here, others, list(moved.points)))
        for others in ([stranger], [Shot(marked, moved.points[14])], [stranger, Shot(marked, moved.points[14])])
    ]
    for ours, theirs in zip(seen[0], plain, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert np.abs(seen[1][15].astype(int) - plain[15]).mean() > 1
    for ours, theirs in zip(seen[2], seen[1], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_as_much_time_weighs_as_much_at_any_frame_rate() -> None:
    places = [0] * 12 + [1] * 6 + [0] * 12
    slow, quick = (
        shares(at(0, 1), at(*places), fps=25.0),
        shares(at(0, 1), at(*(place for place in places for _ in range(4))), fps=100.0),
    )
    assert slow[15, 1] > 0.8
    np.testing.assert_allclose(slow[:, 1], quick[1::4, 1], atol=0.15)
    brief = [0] * 48 + [0.7] * 4 + [0] * 48  # as long as a single frame of 25
    assert shares(at(0, 1), at(*brief), fps=100.0)[:, 1].max() == 0
