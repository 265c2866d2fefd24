"""The volume of MegaPortraits and its warps, with a painting in it and without a network: geometry alone."""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32
from torch import Tensor

from living_portraits import geometry
from living_portraits.engine import Frame, Points
from living_portraits.engines.megaportraits import pose as poses
from living_portraits.engines.megaportraits.pose import Pose
from living_portraits.engines.megaportraits.warps import Shape, driver_places, lattice, look_up, source_places
from living_portraits.nn.pixels import to_frames

SHAPE = Shape(32, 96, 96, 0.5)
SPLATS = 60
"""Points of the skin for each triangle of the mesh; a coloured drop of paint each."""

ROOM = 12  # cells around the head that pictures leave out
AHEAD = 0.045  # of half a side: how far the skin of a head that looks ahead may be off

Volume = Float[Tensor, "1 4 32 96 96"]


@dataclass(frozen=True, eq=False)
class Head:
    """A portrait's skin as a volume, (red, green, blue, how full) in each cell, and the pose that it is in."""

    volume: Volume
    pose: Pose

    @classmethod
    def of(cls, crop: Frame, points: Points) -> "Head":
        """The paint of a crop on the mesh of its points, dropped into the cells of the volume."""
        batch, size = torch.from_numpy(points)[None], crop.shape[0]
        places = poses.places_of(batch, size=size)[0, : geometry.MESH_COUNT]
        corners = places[torch.from_numpy(geometry.skin_triangles().astype(np.int64))]  # [triangles, 3, 3]
        skin = torch.einsum("sc,tcx->tsx", _shares(), corners).reshape(-1, 3)
        colours = _colours(crop, skin)
        return cls(_dropped(skin, colours), poses.of_points(batch, size=size))

    def canonical(self) -> "Head":
        """The head looking ahead, in the middle: the source's warp takes its pose away."""
        places = source_places(_no_expression(), self.pose, _cells(), reach=SHAPE.reach)
        return Head(look_up(self.volume, places, reach=SHAPE.reach), pose())

    def driven(self, to: Pose) -> "Head":
        """The canonical head in a pose: the driver's warp puts it on."""
        places = driver_places(_no_expression(), to, _cells(), reach=SHAPE.reach)
        return Head(look_up(self.volume, places, reach=SHAPE.reach), to)

    def picture(self) -> Frame:
        """The volume seen from the front: cells hide what lies behind them."""
        colour, full = self.volume[0, :3], self.volume[0, 3:].clamp(0, 1)
        seen = torch.cumprod(torch.cat([torch.ones_like(full[:, :1]), 1 - full[:, :-1]], dim=1), dim=1) * full
        light = (colour / self.volume[0, 3:].clamp_min(1e-4)).clamp(0, 1)
        covered = seen.sum(dim=1).clamp_min(0.5)  # skin that falls between two cells is no darker for it
        frame = to_frames((2 * (light * seen).sum(dim=1) / covered - 1)[None])[0]
        return np.ascontiguousarray(frame[ROOM:-ROOM, ROOM:-ROOM])

    def side(self) -> str:
        """Where it looks, in the picture: where its skin is, beside the head's origin between the ears."""
        across = self.volume[0, 3].sum(dim=(0, 1))
        off = across @ torch.linspace(-1, 1, SHAPE.width) / across.sum() - self.pose.place[0, 0]
        return "ahead" if abs(off) < AHEAD else "to the right" if off > 0 else "to the left"


def pose(*, pitch: float = 0.0, yaw: float = 0.0, roll: float = 0.0, size: float = 1.0) -> Pose:
    """A pose in the middle of the crop; angles in degrees: down, to the picture's right, clockwise."""
    turn = geometry.rotation_matrix(np.radians([-pitch, -yaw, roll]))  # y and z point the other way here
    return Pose(torch.tensor(turn, dtype=torch.float32)[None], torch.zeros(1, 2), torch.tensor([[size]]))


def field(to: Pose) -> Float32[np.ndarray, "32 96 96 3"]:
    """Where each cell of the driven volume looks in the canonical one, less where it lies itself: (x, y, z)."""
    places = driver_places(_no_expression(), to, _cells(), reach=SHAPE.reach)
    return np.asarray((places - _cells())[0].numpy(), np.float32)


def arrows(to: Pose, *, depth: float = -0.25, step: int = 8) -> None:
    """The field in one slice of the volume, at a depth in halves of the crop's side; colour is the way in depth."""
    slice_ = round((depth / SHAPE.reach + 1) / 2 * SHAPE.depth - 0.5)
    way = field(to)[slice_, step // 2 :: step, step // 2 :: step]
    at = lattice(SHAPE, torch.zeros(1))[slice_, step // 2 :: step, step // 2 :: step].numpy()
    figure, axes = plt.subplots(figsize=(4.2, 3.6), layout="constrained")
    drawn = axes.quiver(
        at[..., 0], at[..., 1], way[..., 0], way[..., 1], way[..., 2], angles="xy", scale_units="xy", scale=1,
        cmap="coolwarm", clim=(-0.5, 0.5), width=0.005,
    )  # fmt: skip
    axes.set(xlim=(-1.1, 1.1), ylim=(1.1, -1.1), aspect="equal", title="where each place looks", xticks=[], yticks=[])
    figure.colorbar(drawn, label="way in depth", shrink=0.8)
    plt.show()
    plt.close(figure)


def _cells() -> Float[Tensor, "1 depth height width 3"]:
    return lattice(SHAPE, torch.zeros(1))[None]


def _no_expression() -> Float[Tensor, "1 3 2 2 2"]:
    return torch.zeros(1, 3, 2, 2, 2)


def _shares() -> Float[Tensor, "splats 3"]:
    """Evenly scattered places of a triangle, as shares of its corners."""
    shares = np.random.default_rng(0).dirichlet(np.ones(3), SPLATS)
    return torch.tensor(shares, dtype=torch.float32)


def _colours(crop: Frame, skin: Float[Tensor, "drops 3"]) -> Float[Tensor, "drops 3"]:
    picture = torch.from_numpy(crop).movedim(-1, 0)[None].float() / 255
    return F.grid_sample(picture, skin[None, None, :, :2], align_corners=False)[0, :, 0].T


def _dropped(skin: Float[Tensor, "drops 3"], colours: Float[Tensor, "drops 3"]) -> Volume:
    """The mean colour of the drops in each cell, times how full it is, and that."""
    sides = torch.tensor([SHAPE.width, SHAPE.height, SHAPE.depth])
    reach = torch.tensor([1.0, 1.0, SHAPE.reach])
    x, y, z = ((skin / reach + 1) / 2 * sides).long().clamp_min(0).minimum(sides - 1).T
    cell = (z * SHAPE.height + y) * SHAPE.width + x
    heap = torch.zeros(SHAPE.depth * SHAPE.height * SHAPE.width, 4)
    heap.index_add_(0, cell, torch.cat([colours, torch.ones(len(skin), 1)], dim=1))
    full = heap / heap[:, 3:].clamp_min(1)
    return full.T.reshape(1, 4, SHAPE.depth, SHAPE.height, SHAPE.width)
