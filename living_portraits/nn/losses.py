"""What training minimises: pure functions of tensors, each with its formula and where it comes from.

Papers: FSTH = Zakharov et al. 2019 (arXiv 1905.08233), MP = MegaPortraits, Drobyshev et al. 2022 (arXiv 2207.07621),
EDN = Everybody Dance Now, Chan et al. 2019 (arXiv 1808.07371), pix2pixHD = Wang et al. 2018 (arXiv 1711.11585).
Every function gives the bare term; the weight that a paper puts before it belongs to the recipe.
"""

from collections.abc import Sequence
from typing import TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32
from torch import Tensor

from living_portraits.geometry import LEFT_EYE, LIPS_OUTER, RIGHT_EYE

Pictures: TypeAlias = Float[Tensor, "batch channels height width"]
Weight: TypeAlias = Float[Tensor, "batch 1 height width"]
PointsBatch: TypeAlias = Float[Tensor, "batch 478 3"]
Scalar: TypeAlias = Float[Tensor, ""]
Logits: TypeAlias = Sequence[Float[Tensor, "..."]]
"""What a discriminator says, one tensor of any shape for each of its scales; larger means more real."""

_MOUTH_ROOM, _EYE_ROOM = 1.35, 1.6  # an ellipse about the lips or lids, over the box of their points
_LEAST_RADIUS = 0.4  # of an ellipse's other radius: a shut eye is still an eye


# --- pixels -----------------------------------------------------------------------------------------------------------


def l1(output: Pictures, target: Pictures, weight: Weight | None = None) -> Scalar:
    """`sum(w |output - target|) / (C sum(w))`: the mean absolute difference where `weight` is 1.

    `weight` in [0, inf), for instance a validity map or foreground matte; None is 1 everywhere. A weight that is 0
    everywhere gives 0.
    """
    difference = (output - target).abs()
    if weight is None:
        return difference.mean()
    return (difference * weight).sum() / (weight.sum() * output.shape[1]).clamp_min(1e-6)


def mouth_weight(points: PointsBatch, *, size: int) -> Float32[Tensor, "batch 1 size size"]:
    """1 on the mouth, falling softly to 0 outside: an ellipse about the outer lips. `points` in px of the crop."""
    return _ellipse(points[:, LIPS_OUTER, :2], size, _MOUTH_ROOM)


def eye_weight(points: PointsBatch, *, size: int) -> Float32[Tensor, "batch 1 size size"]:
    """1 on both eyes, lids included, falling softly to 0 outside. `points` in px of the crop."""
    eyes = (_ellipse(points[:, ring, :2], size, _EYE_ROOM) for ring in (RIGHT_EYE, LEFT_EYE))
    return torch.maximum(*eyes)


def _ellipse(ring: Float[Tensor, "batch ring 2"], size: int, room: float) -> Float32[Tensor, "batch 1 size size"]:
    ring = ring.detach().float()
    low, high = ring.amin(dim=1), ring.amax(dim=1)
    radius = (high - low) / 2
    radius = torch.maximum(radius, radius.flip(1) * _LEAST_RADIUS).clamp_min(1.0) * room
    centre = (low + high) / 2
    axis = torch.arange(size, device=ring.device, dtype=torch.float32)
    x = ((axis - centre[:, :1]) / radius[:, :1])[:, None, None, :]
    y = ((axis - centre[:, 1:]) / radius[:, 1:])[:, None, :, None]
    return (2.0 - 2.0 * (x.square() + y.square()).sqrt()).clamp(0.0, 1.0)  # 1 up to half the radius, 0 at its end


def mouth_l1(output: Pictures, target: Pictures, points: PointsBatch, *, boost: float = 4.0) -> Scalar:
    """`l1` with the weight `1 + boost * mouth_weight`: teeth and lips are few pixels and matter most."""
    return l1(output, target, 1.0 + boost * mouth_weight(points, size=output.shape[-1]))


def eye_l1(output: Pictures, target: Pictures, points: PointsBatch) -> Scalar:
    """Gaze and blink: `l1` with the weight `eye_weight`, so on the eyes alone.

    Stands where MP puts a gaze loss on features of a network distilled from RT-GENE and RT-BENE (weight 5), which
    cannot be had here; it sees the iris and the lid directly.
    """
    return l1(output, target, eye_weight(points, size=output.shape[-1]))


# --- adversaries ------------------------------------------------------------------------------------------------------


def hinge_discriminator(real: Logits, fake: Logits) -> Scalar:
    """`sum_k mean(max(0, 1 - D_k(x))) + mean(max(0, 1 + D_k(x^)))` over scales k (FSTH's L_DSC; MP)."""
    _same_scales(real, fake)
    return _total([F.relu(1 - a).mean() + F.relu(1 + b).mean() for a, b in zip(real, fake, strict=True)])


def hinge_generator(fake: Logits) -> Scalar:
    """`-sum_k mean(D_k(x^))` (the first half of FSTH's L_ADV; MP)."""
    return _total([-a.mean() for a in fake])


def least_squares_discriminator(real: Logits, fake: Logits) -> Scalar:
    """`sum_k 1/2 mean((D_k(x) - 1)^2) + 1/2 mean(D_k(x^)^2)` (LSGAN, as pix2pixHD and EDN use it)."""
    _same_scales(real, fake)
    return _total([((a - 1).square().mean() + b.square().mean()) / 2 for a, b in zip(real, fake, strict=True)])


def least_squares_generator(fake: Logits) -> Scalar:
    """`sum_k 1/2 mean((D_k(x^) - 1)^2)` (LSGAN, as pix2pixHD and EDN use it)."""
    return _total([(a - 1).square().mean() / 2 for a in fake])


def feature_matching(real: Sequence[Logits], fake: Sequence[Logits]) -> Scalar:
    """`sum_k sum_i 1/N_i |D_k^i(x) - D_k^i(x^)|_1` over scales k and layers i with N_i values (pix2pixHD eq. 4).

    `real[k][i]` is what layer i of the discriminator's scale k says. No gradient flows into `real`.
    Weights: FSTH 10, MP 40, EDN 10.
    """
    _same_scales(real, fake)
    pairs = [pair for a, b in zip(real, fake, strict=True) for pair in zip(a, b, strict=True)]
    return _total([(a.detach() - b).abs().mean() for a, b in pairs])


def match(embedding: Float[Tensor, "batch components"], column: Float[Tensor, "batch components"]) -> Scalar:
    """`|e_i - W_i|_1 / N`: the embedder and the discriminator's column for the same person agree (FSTH's L_MCH).

    The mean over the N components, not the sum. Published weights (80, 10, 0.01) follow several conventions.
    """
    return (embedding - column).abs().mean()


def _same_scales(real: Sequence[object], fake: Sequence[object]) -> None:
    if len(real) != len(fake):
        raise ValueError(f"{len(real)} scales of the real picture, {len(fake)} of the other.")


def _total(terms: list[Tensor]) -> Scalar:
    return torch.stack(terms).sum()


# --- cycles -----------------------------------------------------------------------------------------------------------


def cycle(
    base: Float[Tensor, "batch channels low low"], high: Float[Tensor, "batch channels high high"], *, shrink: int = 4
) -> Scalar:
    """`L1(DS_4(x^_c), DS_8(x^_c^HR))`: both shrunk to one size by averaging squares (MP, high resolution; weight 10).

    `shrink` is the base picture's; the other's follows from the sizes, which must be multiples.
    """
    ratio, rest = divmod(high.shape[-1], base.shape[-1])
    if rest or ratio < 1:
        raise ValueError(f"{high.shape[-1]} px is no multiple of {base.shape[-1]} px.")
    return (F.avg_pool2d(base, shrink) - F.avg_pool2d(high, shrink * ratio)).abs().mean()


def cycle_contrast(
    outputs: Sequence[Float[Tensor, "batch components"]],
    driver: Float[Tensor, "batch components"],
    other: Float[Tensor, "batch components"],
    *,
    scale: float = 5.0,
    margin: float = 0.2,
) -> Scalar:
    """Motion read back from outputs is the driver's and nobody else's (MP's L_cos; weight 2, s = 5, m = 0.2).

    With `d(a, b) = s <a, b> / |a||b|` and every output `o` of one driver (MP: z_{s->d} and z_{s*->d}):
    `sum_o -log( exp(d(o, z_d) - s m) / (exp(d(o, z_d) - s m) + sum_o' exp d(o', z_d*)) )`, its mean over the batch.
    The margin is CosFace's (arXiv 1801.09414, eq. 4): taken from the positives alone; taken from both it would cancel.

    Args:
        outputs: motion codes of pictures generated with this driver, each from another source.
        driver: z_d, the driver's own.
        other: z_d*, another driver's.
    """
    positives = torch.stack([scale * (F.cosine_similarity(o, driver) - margin) for o in outputs])
    negatives = torch.stack([scale * F.cosine_similarity(o, other) for o in outputs])
    everything = torch.logaddexp(positives, negatives.logsumexp(dim=0))
    return (everything - positives).sum(dim=0).mean()
