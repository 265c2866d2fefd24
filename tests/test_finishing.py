"""What is done to a MegaPortraits face last: far side, eyes and mouth, and the mender, inside the face alone."""

from collections.abc import Sequence

import cv2
import numpy as np
from drawn import face, picture

from living_portraits import geometry as geo
from living_portraits.doll import Posed
from living_portraits.engine import Drive, Frame, Points, Track
from living_portraits.engines.megaportraits.finishing import Finish
from living_portraits.far_side import FarSide
from living_portraits.features import Features
from living_portraits.mending import Features as Remembered
from living_portraits.mending import Mender
from living_portraits.motion import adapt, measure

SIZE = 192
SCALE = 4.0  # px a cm
RED = np.array([255, 0, 0], np.uint8)


class Painter(Mender):
    """Paints everything red; what it was shown is kept."""

    def __init__(self, *, knows: bool = True) -> None:
        self.knows, self.shown = knows, list[Posed]()

    def look(self, crop: Frame, points: Points, *, engine: str) -> Remembered | None:
        assert engine == "megaportraits"
        return () if self.knows else None

    def mend(self, frames: Sequence[Posed], features: Remembered) -> list[Frame]:
        self.shown += frames
        return [np.broadcast_to(RED, frame.shape).copy() for frame, _, _ in frames]


def finished(mender: Mender) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A frame of a head that has moved, before and after, and the head's points."""
    points = face((SIZE / 2, SIZE / 2), zoom=SCALE)
    finish = Finish.of(picture(SIZE, SIZE), points, mender)
    moved = points + np.array([9, 4, 0], np.float32)
    clip = Track([], np.stack([points, moved]), np.zeros((2, 52), np.float32), 25.0)
    head = adapt(finish.mesh.source, measure(clip, Drive()), 1)
    frame = picture(SIZE, SIZE, seed=1)
    before = frame.copy()
    finish.on(frame, head, finish.mesh.seen(finish.mesh.move(head)))
    return before, frame, head.points


def test_the_mender_paints_lips_and_eyes_where_they_have_moved_to_and_softly_about_them() -> None:
    before, after, points = finished(Painter())
    red = np.clip((after.astype(float) - before)[..., 0] / np.maximum(255.0 - before[..., 0], 1), 0, 1)
    away = np.full((SIZE, SIZE), np.inf)  # from lips and lids, cm
    for ring in (geo.LIPS_OUTER, geo.LEFT_EYE, geo.RIGHT_EYE):
        hull = np.zeros((SIZE, SIZE), np.uint8)
        cv2.fillConvexPoly(hull, cv2.convexHull(np.rint(points[list(ring), :2]).astype(np.int32)), 1)
        away = np.minimum(away, cv2.distanceTransform(1 - hull, cv2.DIST_L2, 5) / SCALE)
    assert red[away == 0].min() > 0.8
    assert 0.2 < red[(away > 0.4) & (away < 0.55)].mean() < 0.8
    np.testing.assert_array_equal(after[away > 1.8], before[away > 1.8])
    shares = [red[(away > low) & (away <= low + 0.25)].mean() for low in np.arange(0, 1.5, 0.25)]
    assert (np.diff(shares) < 0).all() and shares[-1] < 0.03  # no step, also where the boxes end


def test_the_mender_sees_the_frame_with_its_eyes_and_mouth_and_the_way_it_came() -> None:
    painter = Painter()
    before, _, points = finished(painter)
    [(frame, head, sampling)] = painter.shown
    np.testing.assert_allclose(head.points, points)
    assert sampling.shape == (SIZE, SIZE, 2)
    x, y = np.rint(head.points[geo.NOSE_TIP, :2]).astype(int)
    assert np.abs(sampling[y, x] - (x - 9, y - 4)).max() < 1.5
    assert frame.shape == before.shape


def test_far_side_first_then_eyes_and_mouth_then_the_mender(monkeypatch) -> None:
    done = []
    monkeypatch.setattr(FarSide, "mend", lambda own, frame, seen: done.append("far side"))
    monkeypatch.setattr(Features, "draw", lambda own, frame, head: done.append("features"))
    mended = np.zeros((SIZE, SIZE, 3), np.uint8)
    monkeypatch.setattr(Painter, "mend", lambda own, frames, known: done.append("mender") or [mended])
    monkeypatch.setattr(Features, "spare", lambda own, repaired, frame, head: done.append(("spare", repaired, frame)))
    _, frame, _ = finished(Painter())
    *first, (last, repaired, shown) = done
    assert [*first, last] == ["far side", "features", "mender", "spare"]
    assert repaired is mended and shown is frame


def test_a_face_that_the_mender_does_not_know_is_left_as_it_is() -> None:
    painter = Painter(knows=False)
    before, after, _ = finished(painter)
    assert not painter.shown
    assert np.abs(before.astype(int) - after)[..., 0].mean() < 8  # eyes and mouth alone
