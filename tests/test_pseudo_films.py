"""Stills set in motion: every pixel's way is known, and what the mesh makes up is marked."""

import dataclasses
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn import driver, face, picture, source

from living_portraits import geometry
from living_portraits.data import pseudo_films as pseudo
from living_portraits.data.dataset import Clip, Dataset, Mattes
from living_portraits.engine import Drive
from living_portraits.errors import MediaError
from living_portraits.motion import measure
from living_portraits.warp import density, pixel_grid

SIZE = 128
ALL = np.full((64, 64), 255, np.uint8)


@pytest.fixture(scope="module")
def doll() -> pseudo.Marionette:
    still = source(SIZE)
    return pseudo.Marionette(still.crops[0], still.points[0], person=ALL, seen=ALL)


@pytest.fixture(scope="module")
def motion():
    return measure(driver(SIZE, frames=9), Drive())


def inside(ring: tuple[int, ...], points: np.ndarray) -> np.ndarray:
    polygon = np.rint(points[list(ring), :2]).astype(np.int32)
    return cv2.fillPoly(np.zeros((SIZE, SIZE), np.uint8), [polygon], 1) > 0


def test_at_rest_nothing_moves_and_all_but_eyes_and_mouth_is_valid(doll, motion):
    frame, head, sampling = doll.pose(motion, 0)
    assert frame.shape == (SIZE, SIZE, 3)
    np.testing.assert_allclose(sampling, pixel_grid(SIZE), atol=1e-3)
    valid = doll.valid(head, sampling)
    features = sum(inside(ring, head.points) for ring in (geometry.RIGHT_EYE, geometry.LEFT_EYE, geometry.LIPS_INNER))
    assert not valid[features > 0].any()
    around = cv2.dilate((features > 0).astype(np.uint8), np.ones((7, 7))) > 0
    assert valid[~around].all()


def test_a_point_of_a_moved_face_comes_from_that_point_of_the_still(doll, motion):
    _, head, sampling = doll.pose(motion, 4)
    cheeks = [50, 280, 5, 151, 101, 330, 9]
    x, y = head.points[cheeks, 0], head.points[cheeks, 1]
    came_from = cv2.remap(sampling, x[None], y[None], cv2.INTER_LINEAR)[0]
    assert np.linalg.norm(head.points[cheeks, :2] - doll.mesh.rest[cheeks], axis=1).max() > 1.0
    np.testing.assert_allclose(came_from, doll.mesh.rest[cheeks], atol=0.6)


def test_the_coarse_flow_warps_the_still_to_the_frame_where_it_is_valid(doll, motion):
    still = source(SIZE).crops[0]
    frame, head, sampling = doll.pose(motion, 4)
    flow = pseudo.coarse(sampling - pixel_grid(SIZE))
    way = pixel_grid(SIZE) + cv2.resize(flow, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    warped = cv2.remap(still, way, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    valid = doll.valid(head, sampling)
    moved = valid & (np.linalg.norm(sampling - pixel_grid(SIZE), axis=2) > 2)
    assert moved.sum() > 300

    def error(guess: np.ndarray) -> float:
        return float(np.abs(guess[moved].astype(int) - frame[moved]).mean())

    assert error(warped) < 0.3 * error(still)


def test_an_open_mouth_is_marked_as_made_up(doll, motion):
    _, head, sampling = doll.pose(motion, 4)
    mouth = inside(geometry.LIPS_INNER, head.points)
    assert mouth.sum() > 30
    assert not doll.valid(head, sampling)[mouth].any()


def test_background_that_is_dragged_along_is_marked_and_what_stands_still_is_not(motion):
    still = source(SIZE)
    nobody = pseudo.Marionette(still.crops[0], still.points[0], person=np.zeros((64, 64), np.uint8), seen=ALL)
    _, head, sampling = nobody.pose(motion, 4)
    valid = nobody.valid(head, sampling)
    travel = np.linalg.norm(sampling - pixel_grid(SIZE), axis=2)
    assert (travel > 1).sum() > 1000
    assert not valid[travel > 1].any()
    assert valid[travel < 0.2].mean() > 0.9


def test_what_was_made_up_beyond_the_pictures_edges_is_never_valid(motion):
    still, half = source(SIZE), ALL.copy()
    half[:, :32] = 0
    doll = pseudo.Marionette(still.crops[0], still.points[0], person=ALL, seen=half)
    _, head, sampling = doll.pose(motion, 4)
    valid = doll.valid(head, sampling)
    assert not valid[sampling[..., 0] < SIZE / 2 - 2].any()
    assert valid[sampling[..., 0] > SIZE / 2 + 2].mean() > 0.8


@pytest.mark.parametrize(
    ("scale", "expected"),
    [((1.0, 1.0), False), ((1 / 2, 1.0), False), ((1 / 3, 1.0), True), ((1.0, 1 / 3), True), ((3.0, 2.0), False),
     ((-1.0, 1.0), True)],
    ids=["same", "twice as wide", "thrice as wide", "thrice as high", "squeezed", "turned over"],
)  # fmt: skip
def test_skin_that_is_drawn_out_is_told_by_its_factor(scale, expected):
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    sampling = (pixel_grid(SIZE) @ (turn @ np.diag(scale)).T).astype(np.float32)
    assert ((density(sampling) < 1 / pseudo.STRETCH) == expected).all()


def test_motion_that_one_still_cannot_follow_is_not_taken():
    wild = driver(SIZE, frames=9)
    wild.points[3] = face((SIZE / 2, SIZE / 2), zoom=SIZE / 45, roll=0.6)
    wild.points[5] = face((SIZE / 2 + 12, SIZE / 2), zoom=SIZE / 45)
    wild.points[6] = face((SIZE / 2, SIZE / 2), zoom=1.2 * SIZE / 45)
    assert pseudo.bearable(measure(wild, Drive())).tolist() == [0, 1, 2, 4, 7, 8]


def test_frames_are_taken_far_apart():
    rows = np.array([[0.0], [0.1], [0.2], [5.0], [10.0]])
    assert pseudo.spread(rows, 3, first=0) == [0, 4, 3]
    assert pseudo.spread(rows, 9, first=2)[0] == 2
    assert sorted(pseudo.spread(rows, 9, first=2)) == [0, 1, 2, 3, 4]


def test_expressions_vary_by_film_and_turns_by_frame(motion):
    spans, turns = [], []
    for seed in range(12):
        other = pseudo.varied(motion, np.random.default_rng(seed))
        factor = other.expression[4] / np.where(np.abs(motion.expression[4]) > 1e-3, motion.expression[4], np.nan)
        spans.append(float(np.nanmedian(factor)))
        np.testing.assert_allclose(other.expression, spans[-1] * motion.expression, atol=1e-5)
        extra = other.rotation @ motion.rotation.transpose(0, 2, 1)
        turns.append([np.degrees(np.linalg.norm(geometry.rotation_vector(turn.astype(float)))) for turn in extra])
        np.testing.assert_array_equal(other.lids, motion.lids)
    assert pseudo.STRENGTHS[0] <= min(spans) < 0.9 and 1.2 < max(spans) <= pseudo.STRENGTHS[1]
    assert 4 < np.median(turns) < 12 and np.std(turns, axis=1).min() > 0.5


class Shelf(Dataset):
    """A dataset in memory: three pictures of two people, and films of two."""

    folder = Path("shelf")

    def __init__(self, *kinds: str) -> None:
        self.clips = tuple(
            Clip(f"{kind} {who}", kind, who, "train", SIZE, 9 if kind == "video" else 1, 25.0, "", "", "", 0, {}, (),
                 (1.0, 0.0, 0.0, 0.0, 1.0, 0.0), (SIZE, SIZE))
            for kind in kinds for who in ("ann", "bob")
        )  # fmt: skip

    def points(self, clip: Clip) -> np.ndarray:
        return driver(SIZE, frames=9).points if clip.kind == "video" else source(SIZE).points

    def blendshapes(self, clip: Clip) -> np.ndarray:
        return np.zeros((clip.frames, 52), np.float32)

    def frames(self, clip: Clip, *, frames: slice) -> np.ndarray:
        return picture(SIZE, SIZE, seed=len(clip.id))[None]

    def mattes(self, clip: Clip) -> Mattes:
        return Mattes(ALL[None], ALL[None], ALL)


def test_the_stream_moves_people_by_others_and_is_the_same_for_a_seed():
    films = list(islice(pseudo.pseudo_films(Shelf("video", "still"), size=SIZE, frames=3, seed=5), 6))
    assert {film.source.identity for film in films} == {"ann", "bob"}
    for film in films:
        assert film.source.kind == "still" and film.driver.kind == "video"
        assert film.source.identity != film.driver.identity
        assert film.frames.shape == (3, SIZE, SIZE, 3) and film.points.shape == (3, 478, 3)
        assert film.flow.shape == (3, 64, 64, 2) and film.valid.shape == (3, 64, 64)
        assert 0.3 < film.valid.mean() / 255 < 1
    again = list(islice(pseudo.pseudo_films(Shelf("video", "still"), size=SIZE, frames=3, seed=5), 6))
    for first, second in zip(films, again, strict=True):
        np.testing.assert_array_equal(first.frames, second.frames)
        np.testing.assert_array_equal(first.flow, second.flow)
    other = next(pseudo.pseudo_films(Shelf("video", "still"), size=SIZE, frames=3, seed=6))
    assert not np.array_equal(other.frames, films[0].frames)


def test_the_labels_of_a_film_are_as_strong_as_its_expressions(monkeypatch):
    shelf = Shelf("video", "still")
    shapes = np.zeros((9, 52), np.float32)
    shapes[:, [10, 15, 25]] = np.linspace(0, 0.6, 9)[:, None]  # eyeBlinkRight, eyeLookOutLeft, jawOpen
    monkeypatch.setattr(shelf, "blendshapes", lambda clip: shapes if clip.kind == "video" else np.zeros_like(shapes))
    monkeypatch.setattr(pseudo, "neutral_frame", lambda points, shapes: 0)
    ratios = set()  # of a jaw that is scaled to lids that are not
    for number in range(3):
        film = pseudo.pseudo_film(shelf, number, size=SIZE, frames=3)
        np.testing.assert_allclose(film.blendshapes[:, 10], film.blendshapes[:, 15])
        loudest = film.blendshapes[film.blendshapes[:, 10].argmax()]
        ratios.add(round(float(loudest[25] / loudest[10]), 3))
    assert len(ratios) == 3 and pseudo.STRENGTHS[0] <= min(ratios) < max(ratios) <= pseudo.STRENGTHS[1]


def test_every_fourth_film_moves_somebody_who_does_not_exist_and_no_film_moves_a_film():
    shelf = Shelf("video", "still", "edits", "pseudo")
    kinds = [{clip.kind for clip in pseudo.candidates(shelf, number, size=SIZE)[0]} for number in range(8)]
    assert kinds == [{"still"}, {"still"}, {"still"}, {"edits"}] * 2
    without = [pseudo.candidates(Shelf("video", "still"), number, size=SIZE) for number in (0, 3)]
    assert without[0] == without[1] and len(without[0][0]) == 2


def test_a_picture_is_moved_by_a_film_of_its_own_side_only():
    shelf = Shelf("video", "still")
    sides = {"video ann": "train", "video bob": "val", "still ann": "val", "still bob": "train"}
    shelf.clips = tuple(dataclasses.replace(clip, split=sides[clip.id], identity=clip.id) for clip in shelf.clips)
    films = [pseudo.pseudo_film(shelf, number, size=SIZE, frames=2) for number in range(6)]
    assert {(film.source.id, film.driver.id) for film in films} == {
        ("still ann", "video bob"),
        ("still bob", "video ann"),
    }
    shelf.clips = tuple(clip for clip in shelf.clips if clip.id != "video bob")
    assert [clip.id for clip in pseudo.candidates(shelf, 0, size=SIZE)[0]] == ["still bob"]


@pytest.mark.parametrize("kinds", [("video",), ("still",)])
def test_without_pictures_or_films_there_is_no_stream(kinds):
    with pytest.raises(MediaError, match="to set pictures in motion takes both"):
        next(pseudo.pseudo_films(Shelf(*kinds), size=SIZE))
