"""A driver whose face's shape and colours say nothing any more, while its expression still shows (MP, section 3.2).

What a motion code could betray of the driver's identity is destroyed before the motion is read: a thin-plate spline
bends the face, the cut-out is moved, turned and stretched, colours change severely.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from living_portraits.engines.megaportraits.networks import cut_out_grid, face_of
from living_portraits.engines.megaportraits.pose import Pose

Pictures = Float[Tensor, "batch 3 height width"]
Grid = Float[Tensor, "batch side side 2"]
CONTROLS = 5  # control points along a side


def disguised(picture: Pictures, pose: Pose, *, side: int, strength: float) -> Float[Tensor, "batch 3 side side"]:
    """The face that lies there, cut out, bent and recoloured; `strength` 0 leaves it as it is, 1 is severe."""
    inside = bent(len(picture), side=side, strength=strength, like=pose.place)
    return severely_recoloured(face_of(picture, pose, side=side, inside=inside), strength)


def bent(count: int, *, side: int, strength: float, like: Tensor) -> Grid:
    """Where each pixel of a cut-out looks: a random thin-plate spline after a random change of place, size and turn."""
    grid = cut_out_grid(side, like)
    moves = 0.09 * strength * _normal((count, CONTROLS**2, 2), like)
    basis = thin_plate(cut_out_grid(CONTROLS, like).reshape(-1, 2), grid.reshape(-1, 2))  # [side^2, controls]
    with torch.autocast(like.device.type, enabled=False):
        spline = grid + (basis @ moves).view(count, side, side, 2)
    stretch = 1 + 0.12 * strength * _even((count, 1, 1, 2), like)
    angle = 0.12 * strength * _even((count, 1, 1), like)
    x, y = (spline * stretch).unbind(dim=-1)
    turned = torch.stack([x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos()], dim=-1)
    return turned + 0.08 * strength * _even((count, 1, 1, 2), like)


def thin_plate(
    controls: Float[Tensor, "controls 2"], places: Float[Tensor, "places 2"]
) -> Float[Tensor, "places controls"]:
    """The matrix that carries moves of control points to moves of places (Bookstein 1989, kernel r^2 log r).

    Each row sums to 1, and moves that are affine in the control points are affine everywhere.
    """
    count = len(controls)
    affine = torch.cat([controls.new_ones(count, 1), controls], dim=1)
    system = controls.new_zeros(count + 3, count + 3)
    system[:count, :count] = _kernel(controls, controls)
    system[:count, count:], system[count:, :count] = affine, affine.mT
    inverse = torch.linalg.inv(system.double().cpu())[:, :count].to(controls)  # small, and exact there
    here = torch.cat([_kernel(places, controls), places.new_ones(len(places), 1), places], dim=1)
    with torch.autocast(places.device.type, enabled=False):
        return here @ inverse


def _kernel(a: Float[Tensor, "a 2"], b: Float[Tensor, "b 2"]) -> Float[Tensor, "a b"]:
    square = (a[:, None] - b[None]).square().sum(dim=-1)
    return 0.5 * square * square.clamp_min(1e-12).log()


def severely_recoloured(pictures: Pictures, strength: float) -> Pictures:
    """Another brightness, contrast, saturation and tint for each picture, some blurred; held within [-1, 1]."""
    count = (len(pictures), 1, 1, 1)
    grey = pictures.mean(dim=1, keepdim=True)
    colour = (1 + strength * _even(count, pictures)).clamp_min(0.0)  # 0 is grey, 2 garish
    x = grey + colour * (pictures - grey)
    x = x * (1 + 0.4 * strength * _even(count, pictures)) + 0.3 * strength * _even(count, pictures)
    x = x + 0.2 * strength * _even((len(pictures), 3, 1, 1), pictures)
    soft = F.interpolate(F.avg_pool2d(x, 2), scale_factor=2.0, mode="bilinear")
    x = torch.where(torch.rand(count, device=x.device) < 0.25 * strength, soft, x)
    return x.clamp(-1, 1)


def _even(shape: tuple[int, ...], like: Tensor) -> Tensor:
    return torch.rand(shape, device=like.device) * 2 - 1


def _normal(shape: tuple[int, ...], like: Tensor) -> Tensor:
    return torch.randn(shape, device=like.device)
