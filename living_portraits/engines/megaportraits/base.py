"""MegaPortraits' base model (Drobyshev et al. 2022, arXiv 2207.07621, section 3.1).

    v_s, e_s = E_app(x_s);  (pose, z) = E_mtn(x)
    v_c = G3D( w_{s->} o v_s ),  w_{s->} = W_{s->}(pose_s, z_s, e_s)
    x^  = G2D( P( w_{->d} o v_c ) ),  w_{->d} = W_{->d}(pose_d, z_d, e_s)

z and e are added. The driver's warp takes the source's e, also in training: the driver's own would carry the driver's
face along. What the paper does otherwise: its E_mtn's pose network is somebody else's, here the tracker teaches it;
poses have a size as well, because crops do; the expression network sees the face cut out by its pose, or the tracker
says what it would see (`Config.hears`); and G2D may copy the source's own pixels (`carried_along`), at any size.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from living_portraits.engines.megaportraits import pose as poses
from living_portraits.engines.megaportraits.config import Config
from living_portraits.engines.megaportraits.leading import Lead, led
from living_portraits.engines.megaportraits.networks import (
    Appearance,
    AppearanceEncoder,
    CanonicalNet,
    Decoder,
    ExpressionNet,
    Painted,
    Pictures,
    PoseNet,
    Surface,
    ToldExpression,
    Volume,
    Way,
    carried_along,
    enlarged,
    face_of,
)
from living_portraits.engines.megaportraits.pose import Pose
from living_portraits.engines.megaportraits.warps import (
    Shape,
    WarpGenerator,
    driver_places,
    lattice,
    look_up,
    source_places,
)
from living_portraits.nn.quantise import Ranges

Code = Float[Tensor, "batch code"]
Places = Float[Tensor, "batch 478 3"]
Matte = Float[Tensor, "batch 1 size size"]
Field = Float[Tensor, "batch 3 _ _ _"]


class Network(nn.Module):
    """What a network with weights in the plane and in space needs to be trained by the common loop."""

    def to(self, *args: Any, **kwargs: Any) -> "Network":
        """As any module's; channels come last in space, too, where that is asked for in the plane."""
        if kwargs.get("memory_format") is not torch.channels_last:
            return super().to(*args, **kwargs)
        super().to(*args, **{key: value for key, value in kwargs.items() if key != "memory_format"})
        formats = {4: torch.channels_last, 5: torch.channels_last_3d}
        for parameter in self.parameters():
            if parameter.ndim in formats:
                parameter.data = parameter.data.contiguous(memory_format=formats[parameter.ndim])
        return self

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Each part for itself: training calls them apart."""
        for part in self.children():
            part.compile(*args, **kwargs)


class Identity(NamedTuple):
    """All that is kept of a source: made once, drawn from for every frame.

    Attributes:
        volume: v_c, canonical. descriptor: e_s.
        picture, pose, field: the source itself, and how its motion was taken off: for what is copied.
    """

    volume: Volume
    descriptor: Code
    picture: Pictures
    pose: Pose
    field: Field

    def each(self, change: Callable[[Tensor], Tensor]) -> "Identity":
        """With every tensor changed."""
        pose = Pose(*map(change, self.pose))
        return Identity(change(self.volume), change(self.descriptor), change(self.picture), pose, change(self.field))


class Known(NamedTuple):
    """What is known of a source beside what the network keeps of it; all of it concerns the pixels that are carried.

    Attributes:
        still: its `Base.still_way`, which is then taken off every way.
        way: where it is known better than by volumes. lead: points of the driven face, and where they came from: in
            training.
    """

    still: Way | None = None
    way: Way | None = None
    lead: Lead | None = None


NOTHING = Known()


class Drawn(NamedTuple):
    """What a driven frame consists of.

    Attributes:
        painted: by G2D.
        way: back to where in the source each place of the driven surface was. carried: the source's own pixels from
            there. depth: of that surface, see `Surface`. None where the network copies nothing; no depth where the way
            was known.
    """

    painted: Painted
    way: Way | None = None
    carried: Pictures | None = None
    depth: Float[Tensor, "batch side side"] | None = None

    @property
    def picture(self) -> Pictures:
        """The person, in [-1, 1]."""
        return self.painted.picture if self.carried is None else self.painted.over(self.carried)

    @property
    def matte(self) -> Matte:
        """Where that is the person, in [0, 1]."""
        return self.painted.matte

    def halves(self) -> "tuple[Drawn, Drawn]":
        """The first and the second half of the batch."""
        count = len(self.matte) // 2
        return self._part(slice(None, count)), self._part(slice(count, None))

    def _part(self, part: slice) -> "Drawn":
        beside = (None if each is None else each[part] for each in self[1:])
        return Drawn(self.painted.part(part), *beside)


class Base(Network):
    """All that is learned, and the two halves of an animation: `identity` once a source, `draw` once a frame.

    `ranges`: of the convolutions that G2D has, by their names in it, for 8 bits; none if unknown.
    """

    ranges: Ranges

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, self.ranges = config, {}
        self.appearance = AppearanceEncoder(config)
        self.pose = PoseNet(config)
        self.expression = ToldExpression(config) if config.hears else ExpressionNet(config)
        self.unwarp, self.warp = WarpGenerator(config), WarpGenerator(config)
        self.canonical = CanonicalNet(config)
        self.decoder = Decoder(config)
        self.surface = Surface(config) if config.copies else None
        self.shape = Shape(config.depth, config.side, config.side, config.reach)

    def forward(self, source: Pictures, driver: Pictures) -> Drawn:
        """The source as the driver moves. Absolute, all from pixels, which a base that hears does not read."""
        pose_s, pose_d = self.pose(source), self.pose(driver)
        identity = self.identity(source, self.appearance(source), pose_s, self.seen_code(source, pose_s))
        return self.draw(identity, pose_d, self.seen_code(driver, pose_d))

    def seen_code(self, picture: Pictures, pose: Pose) -> Code:
        """z of the face that lies there, from its pixels."""
        return self.expression(face_of(picture, pose, side=self.config.look))

    def told_code(self, places: Places, pose: Pose, blendshapes: Float[Tensor, "batch 52"]) -> Code:
        """z of the face whose points are these places of the picture, for a base that hears."""
        return self.expression(pose.to_canonical(places), blendshapes)

    def identity(self, picture: Pictures, seen: Appearance, pose: Pose, z: Code) -> Identity:
        """The source without its pose and expression."""
        return self.rest(picture, seen, pose, self.unwarp(z + seen.descriptor))

    def rest(self, picture: Pictures, seen: Appearance, pose: Pose, field: Field) -> Identity:
        """`identity` where the expression's field is at hand."""
        places = source_places(field, pose, self._cells(seen.volume), reach=self.shape.reach)
        volume = self.canonical(look_up(seen.volume, places, reach=self.shape.reach))
        return Identity(volume, seen.descriptor, picture, pose, field)

    def draw(self, identity: Identity, pose: Pose, z: Code, known: Known = NOTHING) -> Drawn:
        """The source with a pose and an expression."""
        return self.show(identity, pose, self.warp(z + identity.descriptor), known)

    def show(self, identity: Identity, pose: Pose, field: Field, known: Known = NOTHING) -> Drawn:
        """`draw` where the expression's field is at hand."""
        places = driver_places(field, pose, self._cells(identity.volume), reach=self.shape.reach)
        driven = look_up(identity.volume, places, reach=self.shape.reach)
        if self.surface is None:
            return Drawn(self.decoder(driven))
        depth, way = None, known.way
        if way is None:
            depth = self.surface(driven)
            way = self.way(identity, pose, field, depth)
            if known.still is not None:
                way = way - carried_along(way, known.still)
        if known.lead is not None:  # in cells that a lid fits between
            way = led(enlarged(way, 2 * self.config.size), known.lead)
        carried = carried_along(way, identity.picture)
        return Drawn(self.decoder(driven, carried), way, carried, depth)

    def still_way(self, identity: Identity, pose: Pose, z: Code) -> Way | None:
        """The way to the source in its own pose and expression: none, had the two warps learned to undo each other."""
        field = self.warp(z + identity.descriptor)
        depth = self.show(identity, pose, field).depth
        return None if depth is None else self.way(identity, pose, field, depth)

    def way(self, identity: Identity, pose: Pose, field: Field, depth: Float[Tensor, "batch side side"]) -> Way:
        """From each place of the driven surface back to where it is in the source, through both warps."""
        flat = lattice(Shape(1, *self.shape[1:3], self.shape.reach), depth)[0, ..., :2]  # [h, w, 2]
        surface = torch.cat([flat.expand(len(depth), -1, -1, -1), depth[..., None]], dim=-1)
        canonical = driver_places(field, pose, surface, reach=self.shape.reach)
        places = source_places(identity.field, identity.pose, canonical, reach=self.shape.reach)[..., :2]
        return (places - flat).movedim(-1, 1)

    def _cells(self, volume: Volume) -> Float[Tensor, "batch depth side side 3"]:
        return lattice(self.shape, volume).expand(len(volume), -1, -1, -1, -1)


def joined(*identities: Identity) -> Identity:
    """Batches one after another."""
    volumes, descriptors, pictures, taken, fields = zip(*identities, strict=True)
    return Identity(
        torch.cat(volumes), torch.cat(descriptors), torch.cat(pictures), poses.join(*taken), torch.cat(fields)
    )


def parts(base: Base) -> dict[str, Callable[..., Any]]:
    """The parts by the paper's names, and what is not the paper's."""
    ours = {"surface": base.surface} if base.surface is not None else {}
    return ours | {
        "E_app": base.appearance, "E_mtn pose": base.pose, "E_mtn expression": base.expression,
        "W_s->": base.unwarp, "W_->d": base.warp, "G3D": base.canonical, "G2D": base.decoder,
    }  # fmt: skip
