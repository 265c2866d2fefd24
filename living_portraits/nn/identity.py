"""Who is it: MobileFaceNet's 128 numbers, from an aligned crop that gradients can pass through."""

import pickle
from pathlib import Path
from typing import TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from living_portraits.errors import WeightsError
from living_portraits.geometry import LEFT_EYE, NOSE_TIP, RIGHT_EYE

Pictures: TypeAlias = Float[Tensor, "batch 3 height width"]
PointsBatch: TypeAlias = Float[Tensor, "batch 478 3"]
Embedding: TypeAlias = Float[Tensor, "batch 128"]

SIZE = 112
# Where both eyes, the nose's tip and the mouth's corners lie in the 112 px crop that such networks were taught on.
FIVE = ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))
_MOUTH_CORNERS = (61, 291)
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # RGB in [0, 1]
_STAGES = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))  # widening, to, times, stride


class _Conv(nn.Sequential):
    """Convolution, batch norm, ReLU6."""

    def __init__(self, channels: int, to: int, *, kernel: int = 3, stride: int = 1, groups: int = 1) -> None:
        conv = nn.Conv2d(channels, to, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False)
        super().__init__(conv, nn.BatchNorm2d(to), nn.ReLU6())


class _Bottleneck(nn.Module):
    """MobileNetV2's inverted residual: widen, filter each channel, narrow."""

    def __init__(self, channels: int, to: int, *, widening: int, stride: int) -> None:
        super().__init__()
        wide = channels * widening
        self.residual = stride == 1 and channels == to
        self.conv = nn.Sequential(
            _Conv(channels, wide, kernel=1),
            _Conv(wide, wide, stride=stride, groups=wide),
            nn.Conv2d(wide, to, 1, bias=False),
            nn.BatchNorm2d(to),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


class _Separable(nn.Module):
    """A filter for each channel, then a mix of channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn2(self.pointwise(F.relu(self.bn1(self.depthwise(x))))))


class _GlobalDepthwise(nn.Module):
    """The weighted mean of each channel's 7x7 map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, groups=channels, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.depthwise(x))


class MobileFaceNet(nn.Module):
    """Chen et al. 2018 (arXiv 1804.07573): 1.0 M parameters, 128 components; names as in foamliu's weights."""

    mean: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = _Conv(3, 64, stride=2)  # [B, 64, 56, 56]
        self.dw_conv = _Separable(64)
        blocks, channels = [], 64
        for widening, to, times, stride in _STAGES:
            for index in range(times):
                blocks.append(_Bottleneck(channels, to, widening=widening, stride=stride if index == 0 else 1))
                channels = to
        self.features = nn.Sequential(*blocks)  # [B, 128, 7, 7]
        self.conv2 = _Conv(channels, 512, kernel=1)
        self.gdconv = _GlobalDepthwise(512)  # [B, 512, 1, 1]
        self.conv3 = nn.Conv2d(512, 128, 1)
        self.bn = nn.BatchNorm2d(128)
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("spread", torch.tensor(_SPREAD).view(1, 3, 1, 1), persistent=False)

    @classmethod
    def read(cls, path: Path) -> "MobileFaceNet":
        """The network with the weights of a PyTorch file, frozen, in evaluation mode.

        Raises:
            WeightsError: the file is missing, damaged or holds another network.
        """
        if not path.is_file():
            raise WeightsError(f"The identity network's file {path.name} is missing from {path.parent}.")
        net = cls()
        try:
            net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        except (RuntimeError, pickle.UnpicklingError, TypeError, AttributeError, EOFError) as error:
            raise WeightsError(
                f"{path} holds no MobileFaceNet of 128 components as foamliu/MobileFaceNet publishes it."
            ) from error
        return net.eval().requires_grad_(False)

    def forward(self, faces: Float[Tensor, "batch 3 112 112"]) -> Embedding:
        """Embeddings of length 1; `faces` aligned (see `align`), RGB in [-1, 1]."""
        x = (faces * 0.5 + 0.5 - self.mean) / self.spread
        x = self.conv2(self.features(self.dw_conv(self.conv1(x))))
        return F.normalize(self.bn(self.conv3(self.gdconv(x))).flatten(1).float(), dim=1)

    def embed(self, pictures: Pictures, points: PointsBatch) -> Embedding:
        """Embeddings of the faces at `points` (px) in pictures in [-1, 1]."""
        return self(align(pictures, points))


def five_points(points: PointsBatch) -> Float[Tensor, "batch 5 2"]:
    """Both eyes' middles (the picture's left first), nose tip, mouth corners, in px."""
    eyes = [points[:, ring, :2].mean(dim=1) for ring in (RIGHT_EYE, LEFT_EYE)]
    return torch.stack([*eyes, points[:, NOSE_TIP, :2], *(points[:, i, :2] for i in _MOUTH_CORNERS)], dim=1)


def align(pictures: Pictures, points: PointsBatch) -> Float[Tensor, "batch 3 112 112"]:
    """The faces turned and scaled so that their five points come nearest to `FIVE` (least squares, no reflection).

    Differentiable in the pictures; the points are constants. Pixel centres at integers; edges are repeated.
    """
    source = five_points(points.detach()).float()
    target = source.new_tensor(FIVE)
    source_mean, target_mean = source.mean(dim=1, keepdim=True), target.mean(dim=0)
    s, t = source - source_mean, target - target_mean
    # A similarity is one complex number: picture - mean = z (crop - mean), with z = sum(conj(t) s) / sum(|t|^2).
    power = t.square().sum()
    real = (s * t).sum(dim=(1, 2)) / power
    imaginary = (t[:, 0] * s[..., 1] - t[:, 1] * s[..., 0]).sum(dim=1) / power
    axis = torch.arange(SIZE, device=pictures.device, dtype=torch.float32)
    u, v = axis[None, None, :] - target_mean[0], axis[None, :, None] - target_mean[1]
    a, b = real.view(-1, 1, 1), imaginary.view(-1, 1, 1)
    x = a * u - b * v + source_mean[:, :, :1]  # px of the picture
    y = b * u + a * v + source_mean[:, :, 1:]
    shrink = max(int(torch.hypot(real, imaginary).min()), 1)  # averaged beforehand, so that nothing aliases
    if shrink > 1:
        pictures = F.avg_pool2d(pictures, shrink)
        x, y = ((place - (shrink - 1) / 2) / shrink for place in (x, y))
    height, width = pictures.shape[-2:]
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)
    return F.grid_sample(pictures.float(), grid, padding_mode="border", align_corners=False)


def identity_loss(net: MobileFaceNet, output: Pictures, target: Pictures, points: PointsBatch) -> Float[Tensor, ""]:
    """`mean(1 - <f(x^), f(x)>)` over aligned crops; both pictures show a face at `points`. No gradient into `target`.

    Stands where FSTH and MP put a perceptual loss on VGGFace features, which cannot be had here.
    """
    with torch.no_grad():
        truth = net.embed(target, points)
    return (1 - (net.embed(output, points) * truth).sum(dim=1)).mean()
