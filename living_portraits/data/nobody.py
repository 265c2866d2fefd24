"""Faces of people who do not exist, and the same face with another mouth, other lids or another gaze.

The network is MobileStyleGAN (Belousov 2021, arXiv 2104.04767), 8 M parameters, taught on FFHQ at 1024 px. Its weights
are read from the files that the PyPI package `random-face` carries: graphs of OpenVINO, which are XML beside raw
numbers, so that neither OpenVINO nor the package need be installed. The wheel is Apache-2.0; FFHQ's terms are
non-commercial, and whatever learns from these faces has to say so.

An edit moves the styles along a direction, within a soft mask alone: outside it the picture stays as it was, so two
frames of one person differ in mouth and eyes and in nothing else. nobody.npz holds the directions (unit: one standard
deviation of the fit), fitted by this project on faces of this network that the tracker had measured, or that were
looked at, and the mean w.
"""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from xml.etree import ElementTree

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, Float64
from torch import Tensor, nn

from living_portraits import geometry
from living_portraits.engine import Frame, Points
from living_portraits.errors import WeightsError

WHEEL = "random-face==2021.6.9.0"
LICENCE = "network: Apache-2.0 (random-face); taught on FFHQ, whose terms are non-commercial"
SIZE = 512
"""Side of the pictures, px: the low band of the network's 1024, where its fine grain begins to repeat."""

TRUNCATION = 0.75
"""How far from the mean face a person may be, as a share: at 1 there are hats of flesh, at 0.5 everybody is alike."""

DIRECTIONS = ("mouth", "smile", "eye", "gaze")
"""Along which a face can be edited; positive opens the mouth, smiles, opens the eyes."""

GROWN_UP = 0.32
"""Where a person lies along the direction "child", in standard deviations: from here on somebody else is drawn. Of 311
faces looked at, this leaves 5 in 100 of the children and 81 in 100 of all others (each judged by a fit without it)."""

DARK = 0.56
"""Of the cheeks' brightness, what the skin right below the eyes exceeds unless there are dark glasses before it."""

EDITED = range(4, 13)
"""Numbers of the modulations that move lips, lids and gaze at the least cost in likeness: 8 to 64 px."""

_BLOCKS = 7  # from 4 px to 512, doubling
_CHANNELS, _LEAK = 512, 0.2
_STEM = "random_face/data/mobilestylegan_ffhq_"
_CHEEKS, _LIPS = (234, 454), (13, 14)
_BRIGHT = (50, 280, 205, 425)  # on the cheeks' front
_SORTS = {  # what a constant is, by the layer that it enters and its number of dimensions
    ("MatMul", 2): "linear",
    ("Add", 2): "bias",
    ("Reshape", 1): "bias",
    ("Multiply", 2): "scale",
    ("Multiply", 4): "scale",
    ("Convolution", 4): "filter",
    ("GroupConvolution", 5): "filter",
    ("Add", 4): "offset",
    ("Broadcast", 4): "start",
}

Graph: TypeAlias = Mapping[str, Sequence[Tensor]]
"""The numbers of a network by what they do, each sort in the order in which they are used."""

Styles: TypeAlias = list[Float[Tensor, "_ _ _ _"]]
"""What modulates each of the 23 layers, `[1, C, 1, 1]` or, where edited, a value at each place: `[1, C, H, W]`."""

Mask: TypeAlias = Float32[np.ndarray, "512 512"]
"""How much of an edit each pixel takes, in [0, 1]."""


@dataclass(frozen=True)
class Move:
    """An edit: the direction's name, how many standard deviations, and where."""

    direction: str
    strength: float
    mask: Mask


class Nobody(nn.Module):
    """Two networks: numbers drawn from a normal distribution -> w, the person -> the picture."""

    mean: Tensor
    child: Tensor
    start: Tensor

    def __init__(self, mapping: Graph, synthesis: Graph) -> None:
        super().__init__()
        self.mapping = nn.ModuleList(_linear(*numbers) for numbers in _scaled(mapping, mapping["scale"]))
        # Each block's first layer, which doubles the resolution, is modulated without a factor.
        factors, one = iter(synthesis["scale"]), torch.ones(1)
        upward = range(1, 3 * _BLOCKS + 1, 3)
        scales = [one if number in upward else next(factors) for number in range(3 * _BLOCKS + 2)]
        self.modulations = nn.ModuleList(_linear(*numbers) for numbers in _scaled(synthesis, scales))
        self.filters = nn.ParameterList(synthesis["filter"])
        self.offsets = nn.ParameterList(synthesis["offset"])
        self.register_buffer("start", synthesis["start"][0])
        fitted = np.load(Path(__file__).with_name("nobody.npz"))
        for name in ("mean", "child"):
            self.register_buffer(name, torch.from_numpy(fitted[name]))
        self.directions = {name: torch.from_numpy(fitted[name]) for name in DIRECTIONS}
        self.requires_grad_(False).eval()

    @classmethod
    def read(cls, path: Path) -> "Nobody":
        """From the wheel of `random-face`, or a folder that it was unpacked or installed into.

        Raises:
            WeightsError: there is no such file, or it is another one.
        """
        try:
            files = [[_file(path, f"{_STEM}{net}.{kind}") for kind in ("xml", "bin")] for net in ("mnet", "snet")]
            return cls(*(_graph(xml, data) for xml, data in files))
        except FileNotFoundError as error:
            raise WeightsError(
                f"{path} holds no random-face ({error}); fetch it with `pip download --no-deps {WHEEL}` and give the "
                "wheel that it leaves."
            ) from None
        except (OSError, ValueError, LookupError, StopIteration, zipfile.BadZipFile, ElementTree.ParseError) as error:
            raise WeightsError(f"{path} is damaged or not the wheel of {WHEEL} ({error}).") from error

    def person(self, *seed: int) -> Float[Tensor, "1 512"]:
        """w of somebody grown up; the same numbers give the same person."""
        random = np.random.default_rng(seed)
        while True:
            away = self._drawn(random) - self.mean
            if float(away @ self.child) < GROWN_UP:
                return self.mean + TRUNCATION * away

    def _drawn(self, random: np.random.Generator) -> Float[Tensor, "1 512"]:
        """w of anybody: numbers from a normal distribution, made of mean square 1, through the mapping network."""
        x = torch.from_numpy(random.normal(size=(1, _CHANNELS)).astype(np.float32))
        x = x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)
        for layer in self.mapping:
            x = F.leaky_relu(layer(x), _LEAK)
        return x

    def styles(self, w: Float[Tensor, "1 512"], moves: Sequence[Move] = ()) -> Styles:
        """What makes the picture of w, edited."""
        styles = [layer(w)[:, :, None, None] for layer in self.modulations]
        for move in moves:
            mask = torch.from_numpy(move.mask)[None, None]
            there = w + move.strength * self.directions[move.direction]
            for number in EDITED:
                small = F.interpolate(mask, size=_side(number), mode="area")
                layer = self.modulations[number]
                styles[number] = styles[number] + small * (layer(there) - layer(w))[:, :, None, None]
        return styles

    def forward(self, styles: Styles) -> Float[Tensor, "1 3 512 512"]:
        """The picture, RGB in about [-1, 1]. Most of its time goes into memory, so each pass over it counts."""
        filters, offsets = iter(self.filters), iter(self.offsets)

        def activated(x: Tensor, mix: Tensor, padding: int = 0) -> Tensor:
            noise, bias = next(offsets), next(offsets)
            return F.leaky_relu_(F.conv2d(x, mix, bias.flatten(), padding=padding).add_(noise), _LEAK)

        x = activated(self.start * styles[0], next(filters), padding=1)  # [1, 512, 4, 4]
        for block in range(_BLOCKS):
            first = 3 * block + 1
            x = unsplit(x * styles[first]).contiguous(
                memory_format=torch.channels_last
            )  # [1, C / 4, 2H, 2W], a third faster
            for number in (first + 1, first + 2):
                depthwise = next(filters)
                if number in EDITED:  # and in the same way where it is not edited, to the last bit
                    x = x * styles[number]
                else:  # the same everywhere: the filter can carry it
                    depthwise = depthwise * styles[number].transpose(0, 1)
                x = activated(F.conv2d(x, depthwise, padding=1, groups=depthwise.shape[0]), next(filters))
        bands = F.conv2d(x, next(filters)[:3] * styles[-1])  # the low band of [1, 12, 512, 512]
        return (bands + next(offsets)[:, :3]) / 2

    def picture(self, styles: Styles) -> Frame:
        """The picture as a frame, uint8 RGB `[512, 512, 3]`."""
        with torch.inference_mode():
            levels = self(styles)[0].clamp(-1, 1).mul(127.5).add(127.5).round().byte()
        return np.ascontiguousarray(levels.permute(1, 2, 0).numpy())


def unsplit(bands: Float[Tensor, "batch bands rows columns"]) -> Float[Tensor, "batch channels height width"]:
    """Haar's wavelet backwards: the low band of every channel, then its three others, to twice the resolution.

    Of a channel's bands (a, b, c, d) the four pixels are (a ± b ± c ± d) / 2: b tells upper from lower row, c left
    from right column, d the diagonal.
    """
    batch, channels, rows, columns = bands.shape
    low = bands[:, : channels // 4]
    b, c, d = bands[:, channels // 4 :].reshape(batch, channels // 4, 3, rows, columns).unbind(dim=2)
    upper, lower, sums, differences = (low + b) / 2, (low - b) / 2, (c + d) / 2, (c - d) / 2
    pixels = bands.new_empty(batch, channels // 4, rows, 2, columns, 2)
    pixels[:, :, :, 0, :, 0], pixels[:, :, :, 0, :, 1] = upper + sums, upper - sums
    pixels[:, :, :, 1, :, 0], pixels[:, :, :, 1, :, 1] = lower + differences, lower - differences
    return pixels.view(batch, channels // 4, 2 * rows, 2 * columns)


def region(points: Points, name: str) -> Mask:
    """The soft mask of "mouth" (with chin and cheeks) or "eyes" (with lids); points in px of the picture."""
    flat = points[:, :2].astype(np.float64)
    if name == "eyes":
        corners = [flat[[ring[0], ring[8]]] for ring in (geometry.RIGHT_EYE_UPPER, geometry.LEFT_EYE_UPPER)]
        widths = [float(np.linalg.norm(np.subtract(*ends))) for ends in corners]
        places = [(ends.mean(axis=0), (0.8 * width, 0.6 * width)) for ends, width in zip(corners, widths, strict=True)]
        return _soft(places, blur=10.0)
    height = float(np.linalg.norm(flat[geometry.FOREHEAD] - flat[geometry.CHIN]))
    width = float(np.linalg.norm(flat[_CHEEKS[0]] - flat[_CHEEKS[1]]))
    centre = flat[list(_LIPS)].mean(axis=0) + np.array([0.0, 0.10 * height])
    return _soft([(centre, (0.42 * width, 0.30 * height))], blur=16.0)


def dark_glasses(picture: Frame, points: Points) -> bool:
    """Whether the skin right below both eyes is much darker than the cheeks: behind glasses nobody sees an edit."""
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    flat = points[:, :2]
    cheeks = np.zeros_like(luma)
    for x, y in np.rint(flat[list(_BRIGHT)]).astype(int).tolist():
        cv2.circle(cheeks, (x, y), round(0.03 * luma.shape[0]), 1, -1)
    levels = []
    for ring in (geometry.RIGHT_EYE, geometry.LEFT_EYE):
        eye, below = np.zeros_like(luma), np.zeros_like(luma)
        drop = np.array([0.0, 0.35 * np.linalg.norm(flat[ring[0]] - flat[ring[8]])])
        cv2.fillPoly(eye, [np.rint(flat[list(ring)]).astype(np.int32)], 1)
        cv2.fillPoly(below, [np.rint(flat[list(ring)] + drop).astype(np.int32)], 1)
        levels.append(luma[(below > 0) & (eye == 0)])
    if not cheeks.any() or not all(level.size for level in levels):
        return False
    return bool(max(np.median(level) for level in levels) < DARK * np.median(luma[cheeks > 0]))


def _soft(ellipses: Sequence[tuple[Float64[np.ndarray, "2"], tuple[float, float]]], *, blur: float) -> Mask:
    y, x = np.mgrid[:SIZE, :SIZE]
    inside = np.zeros((SIZE, SIZE), bool)
    for centre, radii in ellipses:
        inside |= ((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2 <= 1
    soft = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), blur, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(soft)


def _side(modulation: int) -> int:
    """Rows of what a modulation meets: a block's first layer still has those of the block before."""
    block, place = divmod(modulation - 1, 3)
    return 4 << block + (place > 0)


def _scaled(graph: Graph, scales: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """Weights and biases with the factors that follow them multiplied in: a leaky ReLU lets them pass."""
    for weight, bias, scale in zip(graph["linear"], graph["bias"], scales, strict=True):
        yield weight * scale.item(), bias * scale.item()


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.weight.data, layer.bias.data = weight, bias.flatten()
    return layer


def _file(path: Path, name: str) -> bytes:
    """A file of the wheel; in a folder it may lie at the end of any part of its path."""
    if path.is_file():
        with zipfile.ZipFile(path) as wheel:
            return wheel.read(name)
    parts = Path(name).parts
    for start in range(len(parts)):
        file = path.joinpath(*parts[start:])
        if file.is_file():
            return file.read_bytes()
    raise FileNotFoundError(f"there is no {parts[-1]}")


def _graph(xml: bytes, data: bytes) -> Graph:
    """The numbers of a graph by what they do, each sort in the order in which the network uses them."""
    root = ElementTree.fromstring(xml)
    layers = {layer.get("id"): layer for layer in root.iter("layer")}
    graph: dict[str, list[Tensor]] = {name: [] for name in _SORTS.values()}
    edges = [(layers[edge.get("from-layer")], layers[edge.get("to-layer")]) for edge in root.iter("edge")]
    for constant, layer in sorted(edges, key=lambda edge: _place(edge[1])):
        facts = constant.find("data")
        if constant.get("type") != "Const" or facts is None or facts.get("element_type") != "f32":
            continue
        shape = [int(side) for side in str(facts.get("shape")).split(",")]
        sort = _SORTS.get((str(layer.get("type")), len(shape)))
        if sort is None or str(layer.get("name")).startswith("Div") or (sort == "bias" and shape == [1, 1]):
            continue  # the two last belong to the normalisation of z, which is written out above
        start, size = int(facts.get("offset", 0)), int(facts.get("size", 0))
        value = torch.from_numpy(np.frombuffer(data[start : start + size], np.float32).reshape(shape).copy())
        graph[sort].append(value[:, 0] if value.ndim == 5 else value)
    return graph


def _place(layer: ElementTree.Element) -> float:
    """Layers are numbered in the order of their work, but the last, which is called by what it gives."""
    number = str(layer.get("name")).rpartition("_")[2]
    return float(number) if number.isdecimal() else np.inf
