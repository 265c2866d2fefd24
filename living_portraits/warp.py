"""A head as a mesh: face points, and round them a grid that carries hair, neck and background along.

The mesh turns moved points into a *sampling map*: for every pixel of the new frame, where in the source its colour
comes from. Triangles are drawn back to front, so a nose hides the cheek behind it instead of tearing through.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Int32, UInt8

from living_portraits import geometry as geo
from living_portraits.engine import Frame
from living_portraits.motion import AdaptedHead, SourceShape
from living_portraits.sway import Field

SamplingMap = Float32[np.ndarray, "size size 2"]
"""(x, y) in source pixels for every pixel of the target; pixel centres at integers."""

_GRID = 18  # cells of the outer grid along a side: fine enough for a smooth falloff, coarse enough to draw in 2 ms
_GAP_CM = 0.8  # grid points keep this distance from the face's outline
_SUBPIXEL = 4  # fractional bits of the triangle corners handed to OpenCV

# How far outside the outline (cm) the head stays rigid, and over which distance its motion then fades.
# Hair moves with the skull, the neck bends at once.
_RIGID = {"up": 4.5, "side": 2.2, "down": 0.0}
_FADE = {"up": 8.0, "side": 8.0, "down": 7.0}
# The same where it is known how everything else moves: the head leads less far.
_RIGID_IN_SWAY = {"up": 1.0, "side": 0.3, "down": 0.0}
_FADE_IN_SWAY = {"up": 3.0, "side": 2.0, "down": 2.0}
_BORDER = 0.14  # share of the crop's side over which all motion fades out towards its border
_RECEDE = 1.1  # cm of depth lost per cm outside the outline
_RELAXATIONS = 40
_INSET = 2  # in 400ths of the face's height
_FOLD_BACK = np.radians(14)
_EDGE_ON = 0.12  # share of its frontal area below which a triangle counts as folded away
_SQUEEZE = 0.15
_SPECK = 0.5  # px^2, twice the area of a triangle that is next to none
_DENSITY = 4  # as sharp as Lanczos itself at half a pixel, at a seventh of its time
_CREASED = 512  # px, the side of films up to which a blur of three pixels is wide enough
_SKIN_STRETCH_CM = 2.5  # reach of the jaw's motion into the neck


@dataclass(frozen=True, eq=False)
class HeadMesh:
    """The mesh of one source: 478 face points (the irises unused) followed by the outer points.

    Attributes:
        size: side of the crop.
        rest: `[N, 2]` positions in the source's crop, px.
        outer: `[M, 3]` outer points in the face frame, cm.
        follow: `[M]` how far each outer point follows the head: 1 rigidly, 0 not at all.
        near: `[M]` the same where the sway of what surrounds the head is known.
        stretch: `[M, 36]` how far it follows the expression of each point of the face's outline.
        triangles: `[K, 3]` indices into the N points.
        source: the face that the mesh was built on.
    """

    size: int
    rest: Float32[np.ndarray, "points 2"]
    outer: Float[np.ndarray, "outer 3"]
    follow: Float[np.ndarray, "outer"]
    near: Float[np.ndarray, "outer"]
    stretch: Float[np.ndarray, "outer 36"]
    triangles: Int32[np.ndarray, "triangles 3"]
    source: SourceShape

    @classmethod
    def around(cls, points: Float32[np.ndarray, "478 3"], size: int) -> "HeadMesh":
        """Builds the mesh for a face whose points are given in pixels of a square crop."""
        source = SourceShape.of(points)
        points = unfold(points)
        outline = points[list(geo.FACE_OVAL), :2]
        grid = _outer_grid(outline, size, gap=_GAP_CM * source.pose.scale)
        outer = _lift(grid, source)
        rest = np.concatenate([points[:, :2], grid]).astype(np.float32)
        triangles = np.concatenate([geo.TRIANGLES, _outer_triangles(outline, grid)]).astype(np.int32)
        follow = _follow(outer, source.shape, _RIGID, _FADE) * _border_fade(grid, size)
        near = _follow(outer, source.shape, _RIGID_IN_SWAY, _FADE_IN_SWAY)
        return cls(size, rest, outer, follow, near, _stretch(outer, source.shape), triangles, source)

    def move(self, head: AdaptedHead, field: Field | None = None) -> Float[np.ndarray, "points 3"]:
        """All points where the moved head takes them: (x, y) px of the crop, z for hiding (smaller is nearer).

        Outer points travel by `f h + t (1 - f) s`: f how far they follow the head, h the head's travel, s what `field`
        says, t how far it is trusted. The less it is, the farther f reaches.
        """
        rigid = head.pose.to_picture(self.outer)
        still = self.source.pose.to_picture(self.outer)
        oval = list(geo.FACE_OVAL)
        deformed = (head.shape - self.source.shape)[oval].astype(np.float64)
        pulled = head.pose.scale * self.stretch @ (deformed @ head.pose.rotation.T)
        trust = 0.0 if field is None else field.trust
        follow = (trust * self.near + (1 - trust) * self.follow)[:, None]
        travel = follow * (rigid - still) + geo.flip(pulled)
        if field is not None:
            travel[:, :2] += trust * (1 - follow) * field.at(self.rest[geo.POINT_COUNT :], self.size)
        travel[:, 2] = rigid[:, 2] - still[:, 2]
        outer = still + travel
        outer[:, :2] += self.rest[geo.POINT_COUNT :] - still[:, :2]
        if field is not None:
            self._cover(outer)
        face = head.points.astype(np.float64)
        # What was unfolded to be seen in the source folds back as the head turns and shows its true shape. Without
        # motion, this also lands every point on itself to the last bit, whatever rounding the pose brought.
        unmoved = self.source.pose.to_picture(self.source.shape.astype(np.float64))[:, :2].astype(np.float32)
        turn = np.linalg.norm(geo.rotation_vector(head.pose.rotation @ self.source.pose.rotation.T))
        unfolded = 1 - smoothstep(np.array(turn / _FOLD_BACK))
        face[:, :2] += unfolded * (self.rest[: geo.POINT_COUNT] - unmoved)
        return np.concatenate([face, outer])

    def _cover(self, outer: Float[np.ndarray, "outer 3"]) -> None:
        """Keeps points of the crop's border from leaving it bare: there they move outwards or along. In place."""
        flat, rest = outer[:, :2], self.rest[geo.POINT_COUNT :]
        np.minimum(flat, rest, out=flat, where=rest < 0)
        np.maximum(flat, rest, out=flat, where=rest > self.size - 1)

    def seen(self, moved: Float[np.ndarray, "points 3"]) -> "Seen":
        """The mesh with its points there, drawn."""
        corners = moved[self.triangles]
        order = np.argsort(-corners[..., 2].max(axis=1), kind="stable")
        return Seen(self, corners[..., :2], _draw_indices(corners[..., :2], order, self.size // 2))


@dataclass(frozen=True, eq=False)
class Seen:
    """A mesh as a new frame shows it.

    Drawn at half the resolution: inside a triangle the map is affine, so nothing is lost by it.

    Attributes:
        corners: `[K, 3, 2]` of its triangles, px of the frame.
        index: the triangle that lies in front at each place.
    """

    mesh: HeadMesh
    corners: Float[np.ndarray, "triangles 3 2"]
    index: Int32[np.ndarray, "half half"]

    def sampling_map(self) -> SamplingMap:
        """Where each pixel of the new frame comes from, px of the source's crop."""
        size = self.mesh.size
        return cv2.resize(self.travel, (size, size), interpolation=cv2.INTER_LINEAR) + pixel_grid(size)

    def coarse_map(self) -> SamplingMap:
        """The same at half the resolution, in the same px."""
        half = self.mesh.size // 2
        return self.travel + (2 * pixel_grid(half) + np.float32(0.5))

    @cached_property
    def travel(self) -> Float32[np.ndarray, "half half 2"]:
        """How far off each place of the new frame comes from, px of the source's crop."""
        return _rounded(spread(self.affine, self.index))

    @cached_property
    def affine(self) -> Float32[np.ndarray, "triangles 2 3"]:
        """Where each triangle comes from, see `affine_maps`."""
        return affine_maps(self.corners, self.mesh.rest[self.mesh.triangles].astype(np.float64))

    @cached_property
    def mirrored(self) -> Float32[np.ndarray, "898 2 3"]:
        """Where each triangle of the face would come from if it were the one across the nose."""
        others = self.mesh.rest[geo.MIRRORED[geo.TRIANGLES]]
        return affine_maps(self.corners[: len(others)], others.astype(np.float64))


def _rounded(travel: Float32[np.ndarray, "half half 2"]) -> Float32[np.ndarray, "half half 2"]:
    """Without the creases between triangles: blurred by a pixel, in larger films by as much of the side as at 512 px.

    Else a film of twice the size would show every crease twice as sharp.
    """
    soft = cv2.blur(travel, (3, 3), borderType=cv2.BORDER_REPLICATE)
    # Variances add up: a box of w pixels has (w^2 - 1) / 12.
    more = (3**2 - 1) * ((2 * len(travel) / _CREASED) ** 2 - 1)
    wide = 2 * round((math.sqrt(1 + max(more, 0)) - 1) / 2) + 1
    return np.asarray(cv2.blur(soft, (wide, wide), borderType=cv2.BORDER_REPLICATE) if wide > 1 else soft)


def spread(
    affine: Float32[np.ndarray, "triangles 2 3"],
    index: Int32[np.ndarray, "rows columns"],
    corner: tuple[int, int] = (0, 0),
) -> Float32[np.ndarray, "rows columns 2"]:
    """What affine maps of the frame's pixels say where their triangles are seen.

    `index` as in `Seen`, or a box of it whose first place (x, y) is `corner`.
    """
    rows, columns = index.shape
    x, y = (
        np.arange(start, start + count, dtype=np.float32) * 2 + 0.5
        for start, count in zip(corner, (columns, rows), strict=True)
    )
    # "clip" asks nothing about indices, all of which are some triangle's, and is twice as quick.
    own = np.take(affine.reshape(-1, 6), index, axis=0, mode="clip").reshape(rows, columns, 2, 3)
    found = own[..., 0] * x[None, :, None]
    found += own[..., 1] * y[:, None, None]
    found += own[..., 2]
    return np.asarray(found)


@dataclass(frozen=True, eq=False)
class Texture:
    """A picture at several times its density, so that quick bilinear sampling keeps the grain of the paint.

    Attributes:
        dense: `[n, n, 3]` with n = density (size - 1) + 1; the picture's own pixels, and Lanczos between them.
    """

    dense: Frame

    @classmethod
    def of(cls, crop: Frame) -> "Texture":
        """Densifies a square crop."""
        side = _DENSITY * (crop.shape[0] - 1) + 1
        dense = np.empty((side, side, 3), np.uint8)
        taps = [_lanczos(phase / _DENSITY) for phase in range(_DENSITY)]
        # One filter for each place between pixels: six times as quick as looking every sample up.
        for i, down in enumerate(taps):
            for j, across in enumerate(taps):
                places = dense[i::_DENSITY, j::_DENSITY]
                found = cv2.sepFilter2D(crop, -1, across, down, anchor=(3, 3), borderType=cv2.BORDER_REFLECT_101)
                places[:] = found[: places.shape[0], : places.shape[1]]
        return cls(dense)

    def sample(self, sampling: SamplingMap, *, border: int = cv2.BORDER_REFLECT_101) -> Frame:
        """The picture as the map rearranges it; the identity map gives it back to the last bit.

        `border`: how it goes on beyond its edges, as OpenCV calls it.
        """
        return cv2.remap(self.dense, _DENSITY * sampling, None, cv2.INTER_LINEAR, borderMode=border)


def _lanczos(past: float) -> Float32[np.ndarray, "8"]:
    """Weights of eight pixels for a sample that lies `past` the fourth, in [0, 1): a = 4, as OpenCV has it."""
    distance = np.arange(-3, 5) - past
    taps = np.sinc(distance) * np.sinc(distance / 4)
    return (taps / taps.sum()).astype(np.float32)


_grids: dict[int, SamplingMap] = {}


def pixel_grid(size: int) -> SamplingMap:
    """The sampling map that changes nothing."""
    if size not in _grids:
        across = np.arange(size, dtype=np.float32)
        _grids[size] = np.stack(np.broadcast_arrays(across[None, :], across[:, None]), axis=-1).copy()
    return _grids[size]


def density(sampling: SamplingMap) -> Float[np.ndarray, "size size"]:
    """How close the source's pixels lie, in the direction in which they are drawn apart most: 1 as in the source.

    The smaller singular value of the map's 2 x 2 Jacobian, from its determinant and its norm; 0 where it is turned
    over.
    """
    return closeness(np.gradient(sampling, axis=1), np.gradient(sampling, axis=0))


def closeness(dx: Float[np.ndarray, "*any 2"], dy: Float[np.ndarray, "*any 2"]) -> Float[np.ndarray, "*any"]:
    """`density` from a map's derivatives along x and y."""
    area = dx[..., 0] * dy[..., 1] - dx[..., 1] * dy[..., 0]
    total = (dx**2).sum(axis=-1) + (dy**2).sum(axis=-1)
    least = np.sqrt(np.maximum((total - np.sqrt(np.maximum(total**2 - 4 * area**2, 0))) / 2, 0))
    return np.asarray(np.where(area > 0, least, 0))


def unfold(points: Float32[np.ndarray, "478 3"]) -> Float32[np.ndarray, "478 3"]:
    """Brings the points that a turned head hides behind its own cheek or nose back into view.

    The picture holds no colour for what is hidden: left where they are, those points would carry the colours of what
    hides them, and a head that turns back would show its outline twice. The outline's points move out to the border
    of what is seen of the face; others that a fold hides move to the mean of their neighbours. Depth stays.
    """
    flat = points[: geo.MESH_COUNT, :2].astype(np.float64)
    away = _turned_over(flat)
    folded = np.isin(np.arange(geo.MESH_COUNT), geo.TRIANGLES[away])
    kept = np.isin(np.arange(geo.MESH_COUNT), geo.MIMIC)
    if not (folded & ~kept).any():
        return points
    oval = np.isin(np.arange(geo.MESH_COUNT), geo.FACE_OVAL)
    border = _visible_border(flat, geo.TRIANGLES[~away])
    for name in np.flatnonzero(folded & oval):
        flat[name] = _onto(border, flat[name], flat.mean(axis=0))
    loose = np.flatnonzero(folded & ~oval & ~kept)
    neighbours = [np.setdiff1d(geo.TRIANGLES[np.isin(geo.TRIANGLES, name).any(axis=1)], [name]) for name in loose]
    for _ in range(_RELAXATIONS):
        flat[loose] = [flat[around].mean(axis=0) for around in neighbours]
    result = points.copy()
    result[: geo.MESH_COUNT, :2] = flat
    return result


def _visible_border(
    flat: Float[np.ndarray, "468 2"], front: Int32[np.ndarray, "triangles 3"]
) -> Float[np.ndarray, "corners 2"]:
    """The border of the part of the face that is seen, a little inside it so that no background clings to it."""
    low, span = flat.min(axis=0), float(np.ptp(flat, axis=0).max())
    scale = 400 / span  # drawn at a fixed size, whatever the crop's
    drawn = np.rint((flat - low) * scale).astype(np.int32) + 20
    mask = np.zeros((441, 441), np.uint8)
    for triangle in front:
        cv2.fillConvexPoly(mask, drawn[triangle], 255)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    mask = cv2.erode(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _INSET + 1, 2 * _INSET + 1)))
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    longest = max(contours, key=cv2.contourArea)[:, 0].astype(np.float64)
    return (longest - 20) / scale + low


def _turned_over(flat: Float[np.ndarray, "468 2"]) -> Bool[np.ndarray, "898"]:
    """Which triangles of the mesh show their back, or are seen almost edge on."""
    edges = flat[geo.TRIANGLES[:, 1:]] - flat[geo.TRIANGLES[:, :1]]
    area = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]
    front = geo.CANONICAL[geo.TRIANGLES[:, 1:]] - geo.CANONICAL[geo.TRIANGLES[:, :1]]
    solid = np.linalg.norm(np.cross(front[:, 0], front[:, 1]), axis=1)
    unit = np.median(np.abs(area)) / np.median(solid)
    # Counted clockwise in the picture, where y points down, the mesh's triangles have a negative area in front.
    return -area < _EDGE_ON * unit * solid


def _onto(
    border: Float[np.ndarray, "corners 2"], point: Float[np.ndarray, "2"], centre: Float[np.ndarray, "2"]
) -> Float[np.ndarray, "2"]:
    """The point of a border that lies in the direction of `point` as seen from `centre`; the farthest of several."""
    ray, rays = point - centre, border - centre
    angle = np.abs(np.angle((rays @ [1, 1j]) / complex(*ray)))
    distance = np.linalg.norm(rays, axis=1)
    return border[np.argmax(np.where(angle < angle.min() + 0.02, distance, 0))]


def affine_maps(
    target: Float[np.ndarray, "triangles 3 2"], source: Float[np.ndarray, "triangles 3 2"]
) -> Float32[np.ndarray, "triangles 2 3"]:
    """For each triangle the map `travel = A (x, y, 1)` from target pixels to (source - target)."""
    edges = target[:, 1:] - target[:, :1]
    back = source[:, 1:] - source[:, :1]
    area = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]
    # A triangle that closes or turns over would fling its pixels across the picture: bound its magnification.
    own = np.abs(back[:, 0, 0] * back[:, 1, 1] - back[:, 0, 1] * back[:, 1, 0])
    seen = np.abs(area)
    area = np.copysign(np.maximum(seen, _SQUEEZE * own + 1e-3), area)
    inverse = np.empty((len(target), 2, 2))
    inverse[:, 0, 0], inverse[:, 0, 1] = edges[:, 1, 1], -edges[:, 0, 1]
    inverse[:, 1, 0], inverse[:, 1, 1] = -edges[:, 1, 0], edges[:, 0, 0]
    inverse /= area[:, None, None]
    linear = np.swapaxes(inverse @ back, 1, 2) - np.eye(2)
    # What is hardly a pixel, there and here, tells no direction: all of it goes where its corners go on average.
    speck = np.maximum(seen, own) < _SPECK
    linear[speck] = 0
    travel = source - target
    shift = np.where(speck[:, None], travel.mean(axis=1), travel[:, 0]) - np.einsum("tij,tj->ti", linear, target[:, 0])
    return np.concatenate([linear, shift[..., None]], axis=2).astype(np.float32)


def _draw_indices(
    corners: Float[np.ndarray, "triangles 3 2"], order: Int[np.ndarray, "triangles"], half: int
) -> Int32[np.ndarray, "half half"]:
    """Which triangle is seen at each pixel of the half-size frame; later in `order` lies in front."""
    fixed = np.rint((corners - 0.5) / 2 * (1 << _SUBPIXEL)).astype(np.int32)
    index = np.zeros((half, half), np.int32)
    for triangle in order.tolist():
        cv2.fillConvexPoly(index, fixed[triangle], triangle, lineType=cv2.LINE_8, shift=_SUBPIXEL)
    return index


def _outer_grid(outline: Float32[np.ndarray, "oval 2"], size: int, gap: float) -> Float[np.ndarray, "outer 2"]:
    """Regular points over the crop and a little beyond, but for the face and a rim round it."""
    # Beyond the border by a pixel, so that no pixel of the crop lies outside every triangle.
    across = np.linspace(-1.0, size, _GRID + 1)
    grid = np.stack(np.meshgrid(across, across), axis=-1).reshape(-1, 2)
    contour = outline.reshape(-1, 1, 2)
    inside = np.array([cv2.pointPolygonTest(contour, (float(x), float(y)), True) for x, y in grid])
    return grid[inside < -gap]


def _outer_triangles(
    outline: Float32[np.ndarray, "oval 2"], grid: Float[np.ndarray, "outer 2"]
) -> Int32[np.ndarray, "triangles 3"]:
    """Delaunay triangles between the grid and the face's outline, as indices of the whole mesh."""
    points = np.concatenate([outline, grid]).astype(np.float32)
    index = np.concatenate([np.array(geo.FACE_OVAL), geo.POINT_COUNT + np.arange(len(grid))])
    low, high = points.min(axis=0) - 8, points.max(axis=0) + 8
    subdivision = cv2.Subdiv2D((int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])))
    place = {tuple(np.round(point, 3)): number for number, point in zip(index, points, strict=True)}
    for point in points:
        subdivision.insert((float(point[0]), float(point[1])))
    triangles = []
    for row in np.asarray(subdivision.getTriangleList()).reshape(-1, 3, 2):
        names = [place.get(tuple(np.round(corner, 3))) for corner in row]
        centre = row.mean(axis=0)
        if (
            None in names
            or cv2.pointPolygonTest(outline.reshape(-1, 1, 2), (float(centre[0]), float(centre[1])), False) > 0
        ):
            continue
        triangles.append(names)
    return np.array(triangles, np.int32)


def _outline_distance(
    outer: Float[np.ndarray, "outer 3"], shape: Float32[np.ndarray, "478 3"]
) -> Float[np.ndarray, "outer 36"]:
    return np.linalg.norm(outer[:, None, :2] - shape[None, list(geo.FACE_OVAL), :2].astype(np.float64), axis=-1)


def _lift(grid: Float[np.ndarray, "outer 2"], source: SourceShape) -> Float[np.ndarray, "outer 3"]:
    """Gives flat points a depth, and so a place in the face frame (cm): the head recedes outside the outline."""
    pose, outline = source.pose, source.shape[list(geo.FACE_OVAL)].astype(np.float64)
    target = (grid * np.array([1, -1]) - pose.translation[:2]) / pose.scale
    depth = np.zeros(len(grid))
    for _ in range(6):
        flat = (target - depth[:, None] * pose.rotation[:2, 2]) @ np.linalg.inv(pose.rotation[:2, :2]).T
        places = np.column_stack([flat, depth])
        distance = _outline_distance(places, source.shape)
        nearness = np.exp(-(((distance - distance.min(axis=1, keepdims=True)) / 1.5) ** 2))
        at_outline = nearness @ outline[:, 2] / nearness.sum(axis=1)
        depth = np.maximum(at_outline - _RECEDE * distance.min(axis=1), -9.0)
    flat = (target - depth[:, None] * pose.rotation[:2, 2]) @ np.linalg.inv(pose.rotation[:2, :2]).T
    return np.column_stack([flat, depth])


def _follow(
    outer: Float[np.ndarray, "outer 3"],
    shape: Float32[np.ndarray, "478 3"],
    rigid: dict[str, float],
    fade: dict[str, float],
) -> Float[np.ndarray, "outer"]:
    centre = (shape[geo.CHIN, :2] + shape[geo.FOREHEAD, :2]) / 2
    away = outer[:, :2] - centre
    upward = away[:, 1] / (np.linalg.norm(away, axis=1) + 1e-6)
    up, down = np.clip(upward, 0, 1) ** 2, np.clip(-upward, 0, 1) ** 2

    def blend(table: dict[str, float]) -> Float[np.ndarray, "outer"]:
        return table["up"] * up + table["down"] * down + table["side"] * (1 - up - down)

    distance = _outline_distance(outer, shape).min(axis=1)
    return 1 - smoothstep((distance - blend(rigid)) / blend(fade))


def _border_fade(grid: Float[np.ndarray, "outer 2"], size: int) -> Float[np.ndarray, "outer"]:
    inward = np.minimum(grid, size - 1 - grid).min(axis=1) / (_BORDER * size)
    return smoothstep(inward)


def _stretch(outer: Float[np.ndarray, "outer 3"], shape: Float32[np.ndarray, "478 3"]) -> Float[np.ndarray, "outer 36"]:
    distance = _outline_distance(outer, shape)
    nearest = distance.min(axis=1, keepdims=True)
    share = np.exp(-(((distance - nearest) / 1.2) ** 2))
    return share / share.sum(axis=1, keepdims=True) * np.exp(-((nearest / _SKIN_STRETCH_CM) ** 2))


def smoothstep(x: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
    """0 below 0, 1 above 1, and 3x^2 - 2x^3 between."""
    x = np.clip(x, 0.0, 1.0)
    return np.asarray(x * x * (3 - 2 * x))


def box_round(
    polygon: Float32[np.ndarray, "corners 2"], margin: float, shape: tuple[int, ...]
) -> tuple[Int[np.ndarray, "2"], Int[np.ndarray, "2"]]:
    """First pixel (x, y) and one past the last of the box round a polygon, inside a picture of this shape."""
    limit = np.array([shape[1], shape[0]])
    low = np.clip(np.floor(polygon.min(axis=0) - margin).astype(int), 0, limit)
    high = np.clip(np.ceil(polygon.max(axis=0) + margin + 1).astype(int), 0, limit)
    return low, high


def about(
    ring: Float32[np.ndarray, "corners 2"], shape: tuple[int, int], room: float, soft: float | None = None
) -> Float32[np.ndarray, "height width"]:
    """1 on the hull of a ring of points (px of a box of this shape) and so far about it, px; softly 0 beyond.

    `soft`: the fall's sigma, px; by default 0.6 of the room.
    """
    mask: UInt8[np.ndarray, "height width"] = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(ring).astype(np.int32)), 255)
    reach = 2 * round(room) + 1
    mask = np.asarray(cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))), np.uint8)
    sigma = max(0.6 * room if soft is None else soft, 0.3)
    share = cv2.GaussianBlur(mask, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return share.astype(np.float32) / 255


def lay(
    area: UInt8[np.ndarray, "height width 3"],
    other: Float32[np.ndarray, "height width 3"],
    share: Float32[np.ndarray, "height width 1"],
) -> None:
    """Lays pixels over a part of a frame, as much of them as `share` in [0, 1] says. In place."""
    area[:] = np.rint(np.clip(area + share * (other - area), 0, 255)).astype(np.uint8)


def polygon_mask(
    polygon: Float32[np.ndarray, "corners 2"], corner: tuple[int, int], shape: tuple[int, int], feather: float
) -> Float32[np.ndarray, "height width"]:
    """Coverage in [0, 1] of a polygon (px) in a box whose first pixel is `corner`; soft inside the edge only."""
    mask: UInt8[np.ndarray, "height width"] = np.zeros(shape, np.uint8)
    fixed = np.rint((polygon - np.array(corner, np.float32)) * 16).astype(np.int32)
    cv2.fillPoly(mask, [fixed], 255, lineType=cv2.LINE_AA, shift=4)
    soft = cv2.GaussianBlur(mask, (0, 0), max(feather, 0.3)).astype(np.float32) / 255
    return np.clip(2 * soft - 1, 0, 1)
