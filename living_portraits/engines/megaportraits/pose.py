"""Where a head is: rotation, place and size, between the canonical frame and the picture's.

Both frames count in halves of the crop's side: x right, y down, z away from the viewer, each in [-1, 1] across the
crop, the head's origin (between the ears) at depth 0. In the canonical frame the head looks straight ahead, its origin
in the middle, as large as heads in crops are by the median.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from living_portraits import geometry

UNIT = 0.0516
"""Of the canonical frame to a centimetre of the face: the median of crops with room for hair and shoulders."""

NUMBERS = 9  # six for the rotation, two for the place, one for the size
_LARGEST = 3.0  # factor on the median size, either way

Matrices = Float[Tensor, "batch 3 3"]
PointsBatch = Float[Tensor, "batch 478 3"]


class Pose(NamedTuple):
    """`picture = size * rotation @ canonical + (place, 0)` for a batch of heads.

    Attributes:
        rotation: proper. place: of the origin, (x, y). size: over the median.
    """

    rotation: Matrices
    place: Float[Tensor, "batch 2"]
    size: Float[Tensor, "batch 1"]

    def to_picture(self, places: Float[Tensor, "batch *any 3"]) -> Float[Tensor, "batch *any 3"]:
        """Where canonical places are in the picture."""
        flat = self.size[..., None] * _turned(places.flatten(1, -2), self.rotation)
        return (flat + F.pad(self.place, (0, 1))[:, None]).view_as(places)

    def to_canonical(self, places: Float[Tensor, "batch *any 3"]) -> Float[Tensor, "batch *any 3"]:
        """The inverse: where places of the picture are in the canonical frame."""
        flat = places.flatten(1, -2) - F.pad(self.place, (0, 1))[:, None]
        return (_turned(flat, self.rotation.mT) / self.size[..., None]).view_as(places)

    def pick(self, index: slice) -> "Pose":
        """Some of the poses."""
        return Pose(*(part[index] for part in self))

    def detach(self) -> "Pose":
        return Pose(*(part.detach() for part in self))


def _turned(places: Float[Tensor, "batch places 3"], rotation: Matrices) -> Float[Tensor, "batch places 3"]:
    """`rotation @ place`, column by column: a matrix product would be rounded to eight bits in mixed precision."""
    columns = rotation[:, None].unbind(dim=-1)
    return torch.stack([places[..., i : i + 1] * columns[i] for i in range(3)]).sum(dim=0)


def either(which: Tensor, a: Pose, b: Pose) -> Pose:
    """`a` where `which` (bool, `[batch]`) says so, else `b`."""
    return Pose(*(torch.where(which.view(-1, *[1] * (x.ndim - 1)), x, y) for x, y in zip(a, b, strict=True)))


def join(*poses: Pose) -> Pose:
    """Batches one after another."""
    return Pose(*(torch.cat(parts) for parts in zip(*poses, strict=True)))


def from_numbers(numbers: Float[Tensor, "batch 9"]) -> Pose:
    """What the pose network's numbers say; all zeros are the canonical pose itself.

    Rotation: the first two columns' offsets from the identity's, made orthonormal (Zhou et al. 2019, arXiv 1812.07035,
    eq. 15): continuous where angles are not.
    """
    numbers = numbers.float()
    a = numbers[:, 0:3] + numbers.new_tensor((1.0, 0.0, 0.0))
    b = numbers[:, 3:6] + numbers.new_tensor((0.0, 1.0, 0.0))
    first = F.normalize(a, dim=1)
    second = F.normalize(b - (first * b).sum(dim=1, keepdim=True) * first, dim=1)
    rotation = torch.stack([first, second, torch.linalg.cross(first, second)], dim=2)  # columns
    size = numbers[:, 8:9].clamp(-1.0, 1.0).mul(torch.log(numbers.new_tensor(_LARGEST))).exp()
    return Pose(rotation, numbers[:, 6:8], size)


def of_points(points: PointsBatch, *, size: int) -> Pose:
    """The tracker's pose, as `geometry.fit_pose` has it, of points in px of crops with side `size`. No gradients.

    Umeyama's similarity without a decomposition, which would make a GPU wait: the rotation is the orthogonal factor of
    the correlation's polar decomposition, found by Newton's iteration `X <- (X + X^-T) / 2` (Higham 1986).
    """
    points = points.detach().float()
    with torch.autocast(points.device.type, enabled=False):
        return _umeyama(points, size)


def _umeyama(points: PointsBatch, size: int) -> Pose:
    model = points.new_tensor(geometry.CANONICAL) * points.new_tensor((1.0, -1.0, -1.0)) * UNIT
    share = points.new_tensor(geometry.POSE_WEIGHTS)
    share = (share / share.sum())[:, None]
    places = _halves(points[:, : geometry.MESH_COUNT], size)
    mean, model_mean = (share * places).sum(dim=1), (share * model).sum(dim=0)
    model = model - model_mean
    correlation = ((places - mean[:, None]) * share).mT @ model  # [B, 3, 3]
    rotation = _orthogonal(correlation)
    scale = (rotation * correlation).sum(dim=(1, 2)) / (share * model.square()).sum()
    origin = mean - scale[:, None] * (rotation @ model_mean)
    return Pose(rotation, origin[:, :2], scale[:, None])


def places_of(points: PointsBatch, *, size: int) -> Float[Tensor, "batch 478 3"]:
    """Tracked points (px) in the picture's frame; their depth counts from the head's origin."""
    points = points.detach().float()
    mesh = points.new_tensor(geometry.CANONICAL) * points.new_tensor((1.0, -1.0, -1.0)) * UNIT
    share = points.new_tensor(geometry.POSE_WEIGHTS)
    share = share / share.sum()
    pose, places = of_points(points, size=size), _halves(points, size)
    # Depth has an origin of its own in the tracker: put the fitted mesh's mean where the pose says that it is.
    fitted = pose.to_picture((share[:, None] * mesh).sum(dim=0).expand(len(points), 1, 3))[:, 0, 2]
    tracked = (share * places[:, : geometry.MESH_COUNT, 2]).sum(dim=1)
    return torch.cat([places[..., :2], places[..., 2:] + (fitted - tracked)[:, None, None]], dim=2)


def canonical_points(like: Tensor) -> Float[Tensor, "468 3"]:
    """MediaPipe's canonical face, at rest, in the canonical frame."""
    return like.new_tensor(geometry.CANONICAL) * like.new_tensor((1.0, -1.0, -1.0)) * UNIT


def _halves(points: Float[Tensor, "batch places 3"], size: int) -> Float[Tensor, "batch places 3"]:
    """Pixels as halves of the crop's side; pixel centres are at integers."""
    return torch.cat([(2 * points[..., :2] + 1) / size - 1, points[..., 2:] * (2 / size)], dim=2)


def _orthogonal(matrices: Matrices, *, rounds: int = 12) -> Matrices:
    x = matrices / matrices.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, 1, 1) * 3**0.5
    for _ in range(rounds):
        a, b, c = x.unbind(dim=1)
        cofactor = torch.stack([torch.linalg.cross(b, c), torch.linalg.cross(c, a), torch.linalg.cross(a, b)], dim=1)
        determinant = (a * cofactor[:, 0]).sum(dim=1).clamp_min(1e-12).view(-1, 1, 1)
        # Scaled to determinant 1, flat shapes (a face is one) converge in few rounds.
        factor = determinant.pow(-1 / 3)
        x = (x * factor + cofactor / determinant / factor) / 2
    return x
