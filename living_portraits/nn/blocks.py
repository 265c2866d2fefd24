"""What generators and discriminators are built of: spectral norm, adaptive norm, residual blocks, attention.

BigGAN = Brock et al. 2019 (arXiv 1809.11096), SAGAN = Zhang et al. 2019 (arXiv 1805.08318), SN = Miyato et al. 2018
(arXiv 1802.05957), AdaIN = Huang and Belongie 2017 (arXiv 1703.06868).
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

SPECTRAL_EPS = 1e-4
NORM_EPS = 1e-5


# --- spectral norm ----------------------------------------------------------------------------------------------------


class _Spectral(nn.Module):
    """A layer used as `W / sigma(W)`, sigma the largest singular value of the matrix [out, the rest] (SN eq. 8).

    One round of power iteration at every use; its vector is kept in training alone, so evaluation changes nothing.
    Computed in float32 whatever the autocast. `fold` makes the layer an ordinary one, for use.

    Weights begin orthogonal, as in BigGAN, and biases at 0: weights of any other kind lose most of the signal once they
    are divided by their largest singular value, and a stack of them without norms tells no two pictures apart.
    """

    weight: Tensor
    u: Tensor
    folded: bool

    def _begin(self, bias: Tensor | None) -> None:
        self.folded = False
        nn.init.orthogonal_(self.weight)
        if bias is not None:
            nn.init.zeros_(bias)
        self.register_buffer("u", F.normalize(torch.randn(self.weight.shape[0]), dim=0))

    def normalised(self) -> Tensor:
        """The weight that is used."""
        if self.folded:
            return self.weight
        with torch.autocast(self.weight.device.type, enabled=False):
            matrix = self.weight.flatten(1).float()
            with torch.no_grad():
                u, v = _round(matrix, self.u)
                if self.training:
                    self.u.copy_(u)
            return self.weight / torch.dot(u, matrix @ v)


def _round(matrix: Float[Tensor, "rows columns"], u: Float[Tensor, "rows"]) -> tuple[Tensor, Tensor]:
    """One round of power iteration from the left vector `u`: new left and right vectors of length 1."""
    v = F.normalize(matrix.T @ u, dim=0, eps=SPECTRAL_EPS)
    return F.normalize(matrix @ v, dim=0, eps=SPECTRAL_EPS), v


class SpectralConv2d(_Spectral, nn.Conv2d):
    """A convolution with spectral norm, stride 1, zero-padded to keep the size."""

    def __init__(self, channels: int, to: int, kernel: int = 3, *, bias: bool = True) -> None:
        nn.Conv2d.__init__(self, channels, to, kernel, padding=kernel // 2, bias=bias)
        self._begin(self.bias)

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch to height width"]:
        return F.conv2d(x, self.normalised(), self.bias, padding=self.kernel_size[0] // 2)


class SpectralLinear(_Spectral, nn.Linear):
    """A linear layer with spectral norm."""

    def __init__(self, channels: int, to: int, *, bias: bool = True) -> None:
        nn.Linear.__init__(self, channels, to, bias=bias)
        self._begin(self.bias)

    def forward(self, x: Float[Tensor, "*batch channels"]) -> Float[Tensor, "*batch to"]:
        return F.linear(x, self.normalised(), self.bias)


@torch.no_grad()
def fold(network: nn.Module) -> None:
    """Writes the normalised weights into the layers, in place: the same outputs in evaluation, without the norms' work.

    Fine for use and for fine-tuning, not for going on with training.
    """
    for layer in spectral_layers(network):
        modes, layer.training = layer.training, False
        layer.weight.copy_(layer.normalised())
        layer.training, layer.folded = modes, True


def spectral_layers(network: nn.Module) -> Iterator[_Spectral]:
    """All layers with spectral norm."""
    return (layer for layer in network.modules() if isinstance(layer, _Spectral))


# --- adaptive norm ----------------------------------------------------------------------------------------------------


def adaptive_norm(
    x: Float[Tensor, "batch channels height width"], style: Float[Tensor, "#batch numbers"]
) -> Float[Tensor, "batch channels height width"]:
    """AdaIN eq. 8: every channel of every picture brought to mean 0 and spread 1, then shifted and scaled by `style`.

    `style` is (shift of each channel, scale of each channel less 1). Statistics in float32.
    """
    shift, scale = style.float()[:, :, None, None].chunk(2, dim=1)
    # `torch.var_mean` takes six times as long on a CPU.
    mean, power = (values.mean(dim=(2, 3), keepdim=True) for values in (x.float(), x.float().square()))
    factor = (1 + scale) * torch.rsqrt((power - mean.square()).clamp_min(0) + NORM_EPS)
    return (x * factor + (shift - mean * factor)).to(x.dtype)


class InstanceNorm(nn.Module):
    """`adaptive_norm` whose shift and scale are learned, the same for all pictures."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.style = nn.Parameter(torch.zeros(1, 2 * channels))

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch channels height width"]:
        shift, scale = self.style[0].chunk(2)  # PyTorch's own takes one style for all, and a fourth of the time
        return F.instance_norm(x, weight=1 + scale, bias=shift, eps=NORM_EPS)


# --- residual blocks --------------------------------------------------------------------------------------------------


class ResDown(nn.Module):
    """BigGAN's block of the discriminator: `pool(conv(relu(conv(relu(x))))) + pool(conv1x1(x))`, halving by the mean.

    Args:
        norm: an `InstanceNorm` before each ReLU, as in the generator's way down; none in embedder and discriminator.
        first: the block sees a picture, which no ReLU may cut. pool: halve.
    """

    def __init__(self, channels: int, to: int, *, norm: bool = False, first: bool = False, pool: bool = True) -> None:
        super().__init__()
        self.conv1, self.conv2 = SpectralConv2d(channels, to), SpectralConv2d(to, to)
        self.skip = SpectralConv2d(channels, to, 1) if first or pool or channels != to else nn.Identity()
        self.norm1 = InstanceNorm(channels) if norm and not first else nn.Identity()
        self.norm2 = InstanceNorm(to) if norm else nn.Identity()
        self.first, self.pool = first, pool

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch to rows columns"]:
        y = x if self.first else F.relu(self.norm1(x))
        y = self.conv2(F.relu(self.norm2(self.conv1(y))))
        if self.pool:  # the mean and a 1 x 1 convolution commute: pooling first is a quarter of the work
            return F.avg_pool2d(y, 2) + self.skip(F.avg_pool2d(x, 2))
        return y + self.skip(x)


class ResAdaptive(nn.Module):
    """`conv(relu(adain(conv(up(relu(adain(x))))))) + conv1x1(up(x))`, doubling by repetition where `up` is set.

    `numbers` says how many of the style's numbers each of the two norms takes.
    """

    def __init__(self, channels: int, to: int, *, up: bool = False) -> None:
        super().__init__()
        self.conv1, self.conv2 = SpectralConv2d(channels, to), SpectralConv2d(to, to)
        self.skip = SpectralConv2d(channels, to, 1) if up or channels != to else nn.Identity()
        self.numbers, self.up = (2 * channels, 2 * to), up

    def forward(
        self, x: Float[Tensor, "batch channels height width"], style1: Tensor, style2: Tensor
    ) -> Float[Tensor, "batch to rows columns"]:
        y = F.relu(adaptive_norm(x, style1))
        if self.up:
            y = F.interpolate(y, scale_factor=2.0)
        y = self.conv2(F.relu(adaptive_norm(self.conv1(y), style2)))
        x = self.skip(x)  # before it is doubled: a quarter of the work
        return y + (F.interpolate(x, scale_factor=2.0) if self.up else x)


# --- attention --------------------------------------------------------------------------------------------------------


class SelfAttention(nn.Module):
    """SAGAN: `x + gamma o(softmax(q k^T) v)` with gamma from 0; keys and values at half the size (BigGAN)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query, self.key = (SpectralConv2d(channels, channels // 8, 1, bias=False) for _ in range(2))
        self.value = SpectralConv2d(channels, channels // 2, 1, bias=False)
        self.out = SpectralConv2d(channels // 2, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch channels height width"]:
        query, key, value = self.query(x), F.max_pool2d(self.key(x), 2), F.max_pool2d(self.value(x), 2)
        weights = torch.softmax(query.flatten(2).transpose(1, 2) @ key.flatten(2), dim=2)  # [B, H W, H W / 4]
        seen = value.flatten(2) @ weights.transpose(1, 2)  # [B, channels / 2, H W]
        return x + self.gamma * self.out(seen.view(*seen.shape[:2], *x.shape[2:]))
