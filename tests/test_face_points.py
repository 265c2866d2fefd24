"""Faces placed by hand, and faces fitted to 68 points."""

import json
import sys
import types
import urllib.error
import urllib.request

import drawn
import numpy as np
import pytest

from living_portraits import face, geometry, samples, video
from living_portraits.errors import FaceError, OptionError, OutputError, WeightsError
from living_portraits.face.face_alignment_backend import FILES
from living_portraits.face.mesh_fit import canonical_478, fit_mesh
from living_portraits.face.model import distance, extent
from living_portraits.face.points_file import NAMES
from living_portraits.landmarks68 import SIXTY_EIGHT, to_68


@pytest.fixture(scope="module")
def measured():
    (only,) = face.find(video.read_picture(samples.young_woman).rgb)
    return only


def write(path, content):
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_what_is_written_is_read(tmp_path, measured) -> None:
    path = tmp_path / "Gesicht für später.json"
    face.write_points(path, measured)
    again = face.read_points(path)
    np.testing.assert_allclose(again.points, measured.points, atol=0.0051)
    assert again.found_by == "points file" and again.points.dtype == np.float32
    off = again.head[:3, :3] @ measured.head[:3, :3].T
    assert np.degrees(np.arccos((np.trace(off) - 1) / 2)) < 10


def test_68_points_are_met_and_the_rest_is_near(tmp_path, measured) -> None:
    wanted = to_68(measured.points)
    for content in (wanted.tolist(), {"points": wanted.tolist()}):
        placed = face.read_points(write(tmp_path / "68.json", content))
        np.testing.assert_allclose(to_68(placed.points), wanted, atol=0.01)
        assert distance(measured.points, placed.points) < 0.08
    assert np.corrcoef(placed.points[:468, 2], measured.points[:468, 2])[0, 1] > 0.9
    assert not placed.blendshapes.any()


def test_478_flat_points_get_a_depth(tmp_path, measured) -> None:
    placed = face.read_points(write(tmp_path / "flat.json", measured.points[:, :2].tolist()))
    np.testing.assert_allclose(placed.points[:, :2], measured.points[:, :2], atol=0.01)
    assert np.corrcoef(placed.points[:468, 2], measured.points[:468, 2])[0, 1] > 0.9


def test_named_places_are_met(tmp_path, measured) -> None:
    places = {name: measured.points[list(indices), :2].mean(axis=0).tolist() for name, indices in NAMES.items()}
    few = {name: places[name] for name in ("left_eye", "right_eye", "nose_tip", "mouth_left", "mouth_right")}
    for content, near in ((places, 0.12), (few, 0.25)):
        placed = face.read_points(write(tmp_path / "named.json", content))
        assert distance(measured.points, placed.points) < near
        for name in content:
            where = placed.points[list(NAMES[name]), :2].mean(axis=0)
            np.testing.assert_allclose(where, content[name], atol=0.03 * extent(measured.points))


def test_the_names_are_those_of_the_picture() -> None:
    mesh = canonical_478()
    for name in ("eye", "cheek"):
        left, right = (mesh[list(NAMES[f"{side}_{name}"]), 0].mean() for side in ("left", "right"))
        assert left < -2 and right > 2
    assert mesh[NAMES["mouth_left"][0], 0] < 0 < mesh[NAMES["mouth_right"][0], 0]


@pytest.mark.parametrize("turn", [(0.0, 0.0, 0.0), (0.0, 0.5, 0.0), (0.3, -0.3, 0.4), (0.0, 0.0, 2.8)])
def test_the_fit_recovers_a_posed_head(turn) -> None:
    pose = geometry.Pose(7.0, geometry.rotation_matrix(np.array(turn)), np.array([300.0, -200.0, 0.0]))
    truth = pose.to_picture(canonical_478())
    anchors = list(SIXTY_EIGHT)
    fitted = fit_mesh(canonical_478()[anchors], truth[anchors, :2])
    off = fitted[:468] - truth[:468]
    off[:, 2] -= off[:, 2].mean()  # how far away the head is, its picture does not say
    assert np.abs(off).max() < 0.05 * extent(fitted)
    for iris, ring in ((geometry.RIGHT_IRIS, geometry.RIGHT_EYE), (geometry.LEFT_IRIS, geometry.LEFT_EYE)):
        np.testing.assert_allclose(fitted[iris[0], :2], fitted[list(ring), :2].mean(axis=0), atol=0.01)
        radii = np.linalg.norm(fitted[list(iris[1:]), :2] - fitted[iris[0], :2], axis=1)
        assert radii.min() == pytest.approx(radii.max(), rel=1e-3) and 0.3 * 7 < radii[0] < 0.8 * 7


def test_the_fitted_iris_points_are_in_the_trackers_order(measured) -> None:
    fitted = fit_mesh(canonical_478()[list(SIXTY_EIGHT)], to_68(measured.points).astype(np.float64))
    for iris in (geometry.RIGHT_IRIS, geometry.LEFT_IRIS):
        for index in iris[1:]:
            ours = fitted[index, :2] - fitted[iris[0], :2]
            theirs = measured.points[index, :2] - measured.points[iris[0], :2]
            assert ours @ theirs > 0.7 * np.linalg.norm(ours) * np.linalg.norm(theirs)


GOOD = {"left_eye": [80, 100], "right_eye": [140, 100], "chin": [110, 200]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "cannot be read: No such file"),
        ("{", "is not JSON"),
        ("[[1, 2], [3, 4]]", "shape 2 x 2: give 478 points"),
        (json.dumps([[1, 2, 3, 4]] * 478), "shape 478 x 4"),
        ("[]", "shape 0"),
        ('"here"', "lists of numbers"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ("[" * 200 + "]" * 200, "lists of numbers|shape"),
        (json.dumps([[1, 10**400]] * 68), "lists of numbers"),
        (json.dumps([[1, 2]] * 67 + [[1]]), "lists of numbers, all of one length"),
        (json.dumps([[1, 2]] * 67 + [[1, "two"]]), "lists of numbers"),
        (json.dumps([[1, 2]] * 67 + [[1, None]]), "not finite"),
        (json.dumps([[5, 5]] * 68), "in one place or on one line"),
        (json.dumps([[i, 2 * i, 0] for i in range(478)]), "in one place or on one line"),
        (json.dumps({**GOOD, "ear": [1, 2]}), "names ear: it may name left_eye, right_eye, nose_tip"),
        (json.dumps({"left_eye": [80, 100], "right_eye": [140, 100]}), "at least one more place"),
        (json.dumps({"left_eye": [80, 100], "chin": [140, 200]}), "must name left_eye, right_eye"),
        (json.dumps({**GOOD, "left_eye": [140, 100], "right_eye": [80, 100]}), "mirrored face"),
        (json.dumps({**GOOD, "chin": [110, 10]}), "mirrored face"),
        (json.dumps({**GOOD, "chin": [200, 100]}), "on one line"),
        (json.dumps({**GOOD, "chin": 7}), "lists of numbers"),
        (json.dumps({name: [1] for name in GOOD}), "two numbers, x and y"),
        (json.dumps(GOOD), None),
    ],
)
def test_bad_files_get_a_sentence(tmp_path, text: str | None, expected: str | None) -> None:
    path = tmp_path / "points.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    if expected is None:
        assert face.read_points(path).points.shape == (478, 3)
        return
    with pytest.raises(FaceError, match=expected) as caught:
        face.read_points(path)
    assert path.name in str(caught.value)


# The face of `GOOD` is wider and higher than its three places: about 30 to 190 across, 20 to 200 down.
@pytest.mark.parametrize(
    ("shape", "shift", "outside"),
    [
        ((260, 220), (0, 0), False),
        ((260, 135), (0, 0), False),  # the picture ends right of the nose
        ((260, 85), (0, 0), True),
        ((135, 220), (0, 0), False),
        ((85, 220), (0, 0), True),
        ((260, 220), (-85, 0), False),  # and here it begins left of it
        ((260, 220), (-135, 0), True),
        ((260, 220), (0, -85), False),
        ((260, 220), (0, -135), True),
        ((100, 90), (1000, 1000), True),
        ((260, 220), (-1000, -1000), True),  # both sides of the box lie outside: no area, nor a negative one squared
        (None, (1000, 1000), False),
    ],
)
def test_points_of_another_picture_get_a_sentence(tmp_path, shape, shift, outside: bool) -> None:
    moved = {name: [place[0] + shift[0], place[1] + shift[1]] for name, place in GOOD.items()}
    path = write(tmp_path / "points.json", moved)
    if not outside:
        assert face.read_points(path, shape=shape).points.shape == (478, 3)
        return
    with pytest.raises(FaceError) as caught:
        face.read_points(path, shape=shape)
    assert str(caught.value) == (
        f"The points of {path} lie outside the picture ({shape[1]} x {shape[0]}); "
        "were they placed on a copy of another size?"
    )


def test_points_that_cannot_be_written_get_a_sentence(tmp_path, measured) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        face.write_points(tmp_path / "missing" / "points.json", measured)


def fake_face_alignment(answer):
    """The package as far as it is used; it remembers how."""
    module = types.ModuleType("face_alignment")
    module.calls = []

    class FaceAlignment:
        def __init__(self, kind, **options):
            module.calls.append((kind, options))

        def get_landmarks_from_image(self, picture):
            return answer

    module.FaceAlignment = FaceAlignment
    module.LandmarksType = types.SimpleNamespace(TWO_D="2D")
    return module


def test_face_alignment_gives_whole_faces_largest_first(monkeypatch, measured) -> None:
    large = to_68(measured.points)
    small = (0.5 * large).astype(np.float32)
    module = fake_face_alignment([small, large])
    monkeypatch.setitem(sys.modules, "face_alignment", module)
    first, second = face.find(drawn.picture(), backend="face-alignment")
    np.testing.assert_allclose(to_68(first.points), large, atol=0.01)
    np.testing.assert_allclose(to_68(second.points), small, atol=0.01)
    assert first.found_by == "face-alignment" and distance(measured.points, first.points) < 0.08
    assert module.calls == [("2D", {"device": "cpu", "compile": False})]


def test_face_alignment_finds_nothing(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "face_alignment", fake_face_alignment(None))
    assert face.find(drawn.picture(), backend="face-alignment") == []


def test_face_alignment_not_installed(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "face_alignment", None)
    with pytest.raises(OptionError, match=r"pip install 'living-portraits\[face-alignment\]'"):
        face.find(drawn.picture(), backend="face-alignment")


@pytest.mark.parametrize("present", [(), FILES[:1]])
def test_face_alignment_without_its_weights_names_files_and_folder(monkeypatch, tmp_path, present) -> None:
    module = fake_face_alignment(None)

    def refuse(kind, **options):
        raise urllib.error.URLError("no network")

    module.FaceAlignment = refuse
    monkeypatch.setitem(sys.modules, "face_alignment", module)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    for name in present:
        (folder / name).touch()
    with pytest.raises(WeightsError) as caught:
        face.find(drawn.picture(), backend="face-alignment")
    assert str(folder) in str(caught.value)
    assert [name in str(caught.value) for name in FILES] == [name not in present for name in FILES]


def test_the_real_face_alignment_offline(monkeypatch, tmp_path) -> None:
    pytest.importorskip("face_alignment", reason="face-alignment is not installed")

    def refuse(*args, **kwargs):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr("torch.hub.urlopen", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match=FILES[0]):
        face.find(drawn.picture(), backend="face-alignment")
