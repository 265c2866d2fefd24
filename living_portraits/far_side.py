"""The far side of a face that turns towards us, where the source shows little: its paint is drawn apart into strokes.

Faces are nearly symmetric, so the grain that is missing there is taken from the near side, in the mirror, as Hassner et
al. 2015 (Effective Face Frontalization, "soft symmetry") borrow what is hidden. Colour, light and shade stay the far
side's own. With w the picture as the mesh carries it and m its mirror image, carried by the same mesh:

    far = blur(w, S) * m / blur(m, s),  s < S
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32

from living_portraits import geometry as geo
from living_portraits.engine import Frame
from living_portraits.motion import AdaptedHead
from living_portraits.warp import (
    HeadMesh,
    Seen,
    about,
    box_round,
    closeness,
    lay,
    pixel_grid,
    smoothstep,
    spread,
)

_TORN, _WHOLE = 0.35, 0.75  # of the source's density: all is mended, nothing is
_GAIN = 0.3  # by so much closer the near side's pixels lie where all is mended
_SHADE_CM, _GRAIN_CM = 0.35, 0.1  # S and s: strokes drawn apart are finer than the one, shadows coarser than the other
_SOFT_CM, _RIM_CM = 0.2, 0.06  # over which mending sets in; beside the outline, where the surroundings shine through
_MIXED_CM, _MIXED = 0.25, 3e-3  # beside the outline the source's pixels are no longer skin alone: so much they count
_CONTRAST = 0.35  # of grain, at most
_BLACK = 8.0  # levels: what is darker has no grain to speak of
_EDGE = (2.0, 5.0)  # of the usual contrast between s and S: up to the one it is skin, from the other on an edge
_SMOOTH = 0.025  # the least that is usual
_DARK = (0.35, 0.65)  # of the usual light: below the one it is hair, from the other on skin
_LEAST = 0.02
_WIDER = 4.0  # times what was mended, at most all: of the shadow beside it nothing is wanted either
_FEATURES = ((geo.LIPS_OUTER, 0.3), (geo.RIGHT_EYE, 0.4), (geo.LEFT_EYE, 0.4))  # and how far about them, cm
_REACH = 1.2 * _SHADE_CM  # of what is looked at beside what is mended, px of the half-size frame for each px a cm


@dataclass(frozen=True, eq=False)
class Lent:
    """Where a frame was mended, and how far.

    Attributes:
        box: rows and columns of the frame.
        share: in [0, 1].
    """

    box: tuple[slice, slice]
    share: Float32[np.ndarray, "rows columns"]

    def spare(self, repaired: Frame, frame: Frame, head: AdaptedHead) -> None:
        """Puts back into a frame that was repaired, too, what was mended before, but for lips and lids. In place.

        A network that learned from cheeks drawn apart into strokes sees shadows on whole ones, and about them.
        """
        share = cv2.GaussianBlur(np.minimum(_WIDER * self.share, 1), (0, 0), _SOFT_CM * head.pose.scale)
        corner = np.array([self.box[1].start, self.box[0].start], np.float32)
        for ring, room in _FEATURES:
            share *= 1 - about(head.points[list(ring), :2] - corner, share.shape, room * head.pose.scale)
        lay(repaired[self.box], frame[self.box].astype(np.float32), share[..., None])


@dataclass(frozen=True, eq=False)
class FarSide:
    """For what the near side of a source lends to the far one.

    Attributes:
        crop: the source's `[size, size, 3]`.
        skin: how far each of its pixels is the face's alone, in [0, 1]: on the rim the surroundings shine through, and
            where the rim is drawn apart they would shade half a cheek.
    """

    crop: Frame
    skin: Float32[np.ndarray, "size size"]

    @classmethod
    def of(cls, crop: Frame, mesh: HeadMesh) -> "FarSide":
        """Of a source's crop and the mesh that was built on its face."""
        face = np.zeros(crop.shape[:2], np.uint8)
        cv2.fillPoly(face, [np.rint(mesh.rest[list(geo.FACE_OVAL)]).astype(np.int32)], 255)
        return cls(crop, _inner(face > 0, mesh.source.pose.scale, rim=_MIXED_CM))

    def mend(self, frame: Frame, seen: Seen) -> Lent | None:
        """Mends a frame that shows the crop as the mesh carries it. In place; None unless the head turns."""
        torn = _torn(seen)
        if torn.max() < _LEAST:
            return None
        scale = seen.mesh.source.pose.scale
        corners = seen.corners[: len(torn)][torn >= _LEAST].reshape(-1, 2).astype(np.float32)
        low, high = box_round((corners - 0.5) / 2, margin=_REACH * scale + 2, shape=seen.index.shape)
        if (high - low).min() < 2:
            return None
        index = seen.index[low[1] : high[1], low[0] : high[0]]
        face = index < len(torn)
        share = _share(np.where(face, torn[np.minimum(index, len(torn) - 1)], 0), face, scale / 2)
        part = _box_of(share >= _LEAST, margin=round(_REACH * scale) + 2)
        if part is None:
            return None
        # Of what is torn most lies hidden, often: on with the box that is seen.
        corner = int(low[0]) + part[1].start, int(low[1]) + part[0].start
        index, face, share = index[part], face[part], share[part]
        inner = _inner(face, scale / 2)
        rows, columns = (2 * side for side in index.shape)
        box = np.s_[2 * corner[1] : 2 * corner[1] + rows, 2 * corner[0] : 2 * corner[0] + columns]
        carried = frame[box].astype(np.float32)
        near = self._near(seen, np.where(face, index, 0), face, corner).astype(np.float32).mean(axis=2)
        pure = inner * np.maximum(self._skin(seen, np.where(face, index, 0), face, corner), _MIXED)
        made = _broad(carried, pure, scale) * _grain(near, inner, scale)[..., None]
        share = cv2.resize(share, (columns, rows), interpolation=cv2.INTER_LINEAR)
        lay(frame[box], made, share[..., None])
        return Lent(box, share)

    def _near(
        self, seen: Seen, index: np.ndarray, face: Bool[np.ndarray, "rows columns"], corner: tuple[int, int]
    ) -> Frame:
        """The near side in the mirror, in a box of the frame."""
        travel = _travel(seen.mirrored, index, face, corner)
        rows, columns = (2 * side for side in index.shape)
        x, y = 2 * corner[0], 2 * corner[1]
        grid = pixel_grid(seen.mesh.size)[y : y + rows, x : x + columns]
        places = cv2.resize(travel, (columns, rows), interpolation=cv2.INTER_LINEAR) + grid
        return np.asarray(cv2.remap(self.crop, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))

    def _skin(
        self, seen: Seen, index: np.ndarray, face: Bool[np.ndarray, "rows columns"], corner: tuple[int, int]
    ) -> Float32[np.ndarray, "rows columns"]:
        """`skin` as the mesh carries it, in a box of the half-size frame."""
        rows, columns = index.shape
        x, y = corner
        grid = 2 * pixel_grid(seen.index.shape[0])[y : y + rows, x : x + columns] + np.float32(0.5)
        places = _travel(seen.affine, index, face, corner) + grid
        return np.asarray(cv2.remap(self.skin, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _travel(
    affine: Float32[np.ndarray, "triangles 2 3"],
    index: np.ndarray,
    face: Bool[np.ndarray, "rows columns"],
    corner: tuple[int, int],
) -> Float32[np.ndarray, "rows columns 2"]:
    """How far off each place of a box comes from, px, if its triangles come from there; goes on beyond the face."""
    return _blurred(spread(affine, index, corner), face.astype(np.float32), 1.0)


def _box_of(where: Bool[np.ndarray, "rows columns"], margin: int) -> tuple[slice, slice] | None:
    """The rows and columns of a box round what is True; None where nothing is."""
    x, y, columns, rows = cv2.boundingRect(where.astype(np.uint8))
    if not rows:
        return None
    return np.s_[max(0, y - margin) : y + rows + margin, max(0, x - margin) : x + columns + margin]


def _grain(
    near: Float32[np.ndarray, "rows columns"], inner: Float32[np.ndarray, "half_rows half_columns"], scale: float
) -> Float32[np.ndarray, "rows columns"]:
    """What the near side's lightness is multiplied by from place to place; 1 where it is no plain skin.

    Hair that falls over it, or the edge of a nose, would be seen as lines on the far cheek.
    """
    inside = cv2.resize(inner, near.shape[::-1], interpolation=cv2.INTER_LINEAR)
    fine, wide = _blurred(near, inside, _GRAIN_CM * scale) + _BLACK, _broad(near, inner, scale) + _BLACK
    skin = inside > 0.5
    if not skin.any():  # a face of a few pixels
        return np.ones_like(near)
    edge = np.abs(np.log(fine / wide))
    usual = max(float(np.median(edge[skin])), _SMOOTH)  # a painter of thick strokes has edges everywhere
    plain = 1 - smoothstep((edge / usual - _EDGE[0]) / (_EDGE[1] - _EDGE[0]))
    plain *= smoothstep((wide / float(np.median(wide[skin])) - _DARK[0]) / (_DARK[1] - _DARK[0]))
    plain = cv2.GaussianBlur(cv2.erode(plain.astype(np.float32), np.ones((3, 3))), (0, 0), _GRAIN_CM * scale)
    grain = np.clip((near + _BLACK) / fine, 1 - _CONTRAST, 1 / (1 - _CONTRAST))
    return np.asarray(1 + plain * (grain - 1), np.float32)


def _torn(seen: Seen) -> Float[np.ndarray, "898"]:
    """How far each triangle of the face is to be mended, in [0, 1]."""
    own, other = _closeness(seen.affine[: len(seen.mirrored)]), _closeness(seen.mirrored, across=-1.0)
    return (1 - smoothstep((own - _TORN) / (_WHOLE - _TORN))) * smoothstep((other - own) / _GAIN)


def _closeness(affine: Float32[np.ndarray, "898 2 3"], *, across: float = 1.0) -> Float[np.ndarray, "898"]:
    """`warp.closeness` in each triangle; `across` -1: of what comes from there in the mirror."""
    linear = (affine[..., :2] + np.eye(2, dtype=np.float32)) * np.array([[across], [1]], np.float32)
    return closeness(linear[..., 0], linear[..., 1])


def _share(
    torn: Float[np.ndarray, "rows columns"], face: Bool[np.ndarray, "rows columns"], scale: float
) -> Float32[np.ndarray, "rows columns"]:
    """Of what is mended in the frame: soft between triangles, and none at the outline."""
    inside = face.astype(np.float32)
    return _blurred(torn.astype(np.float32), inside, _SOFT_CM * scale) * _inner(face, scale)


def _inner(
    face: Bool[np.ndarray, "rows columns"], scale: float, *, rim: float = _RIM_CM
) -> Float32[np.ndarray, "rows columns"]:
    """1 in the face, 0 outside and on its rim (cm); `scale` in px a cm, above of the half-size frame."""
    away = cv2.distanceTransform(face.astype(np.uint8), cv2.DIST_L2, 3)
    return np.asarray(np.clip(away / (rim * scale + 1) - 0.5, 0, 1), np.float32)


def _broad(
    picture: Float32[np.ndarray, "rows columns *channels"],
    inner: Float32[np.ndarray, "half_rows half_columns"],
    scale: float,
) -> Float32[np.ndarray, "rows columns *channels"]:
    """Colour, light and shade without grain; computed at half the size, where nothing of them is lost."""
    small = cv2.resize(picture, inner.shape[::-1], interpolation=cv2.INTER_AREA)
    soft = _blurred(small, inner, _SHADE_CM * scale / 2)
    return np.asarray(cv2.resize(soft, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR))


def _blurred(
    picture: Float32[np.ndarray, "rows columns *channels"], inside: Float32[np.ndarray, "rows columns"], sigma: float
) -> Float32[np.ndarray, "rows columns *channels"]:
    """A Gaussian mean of what is inside (Knutsson and Westin 1993: normalized convolution)."""
    wide = inside if picture.ndim == 2 else inside[..., None]
    weight = np.maximum(cv2.GaussianBlur(inside, (0, 0), sigma), 1e-6)
    return np.asarray(
        cv2.GaussianBlur(picture * wide, (0, 0), sigma) / (weight if picture.ndim == 2 else weight[..., None])
    )
