"""Teaches MegaPortraits' base model: recipe `megaportraits`.

Three stages in one run: the tracker teaches what motion is and which place of the driver is which of the source;
then pictures; at last the adversary. MP = Drobyshev et al. 2022 (arXiv 2207.07621), section 3.2 and appendix A.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from living_portraits import geometry
from living_portraits.engine import Track
from living_portraits.engines.megaportraits import pose as poses
from living_portraits.engines.megaportraits.base import Base, Drawn, Identity, Known, joined
from living_portraits.engines.megaportraits.config import preset
from living_portraits.engines.megaportraits.critic import Critic
from living_portraits.engines.megaportraits.leading import Lead
from living_portraits.engines.megaportraits.networks import Appearance, ExpressionNet, face_of, shrunk
from living_portraits.engines.megaportraits.pose import Pose
from living_portraits.engines.megaportraits.warps import driver_places, source_places
from living_portraits.nn import losses
from living_portraits.nn.identity import MobileFaceNet, identity_loss
from living_portraits.nn.perceptual import LPIPS, VGG19Loss
from living_portraits.training.contest import judged, persuaded
from living_portraits.training.disguise import disguised
from living_portraits.training.recipe import Batch, Clip, Recipe, Source, TrainConfig
from living_portraits.training.start import start_from

Pictures = Float[Tensor, "batch 3 size size"]
PointsBatch = Float[Tensor, "batch 478 3"]
Loss = Float[Tensor, ""]
_MATTE = 64  # side of what is kept of a matte, px
_SPEAKING = [*geometry.MIMIC, *geometry.RIGHT_IRIS, *geometry.LEFT_IRIS]
_GREY = 0.0  # behind the person in the sheet


@dataclass(frozen=True, kw_only=True)
class MegaPortraitsConfig(TrainConfig):
    """Half an hour on one large GPU; weights of losses follow MP where its networks can be had.

    Attributes:
        network: widths, see `engines.megaportraits.config`.
        points_until: up to this step points alone teach, and the warps alone learn, of a base that hears: seven steps
            in the time of one with volumes.
        images_from: the first step that draws pictures; before it the tracker alone teaches, at a fraction of the time.
        adversary_from: the first step with the adversary.
        perceptual: VGG19 (MP 20, on features of another scale). pyramid: how many sizes of the picture it sees.
        lpips: AlexNet's features, at a tenth of that work; for processors.
        l1: of pixels, with `mouth` as much again on the mouth.
        eyes: of pixels of the eyes, for MP's gaze term (5).
        identity: 1 - cosine (for MP's VGGFace, 4). identity_net: MobileFaceNet's file; empty: no such term.
        stranger: the same between a picture of a stranger's motion and its source.
        adversary, matching: hinge (1) and feature matching (40).
        contrast: L_cos (2), with the second pair that MP draws: another sample of the batch.
        matte: where the person is. depth: how deep the face's points lie, as the tracker guesses.
        carried: of the source's pixels where they were carried to, before G2D.
        pose, shapes, flow: what the tracker says of pose, blendshapes, and where each point came from.
        speaking: how much more than other points those of lips, lids and irises count there.
        anchor: how much canonical places keep to the canonical face at rest; without it any face would do.
        disguise: how severely the driver's shape and colours are destroyed, 0 to 1.
        strangers_from: the first step that draws s* as well, which doubles the work of drawing; what the contrast says
            of pictures that are none yet drowns the rest.
        own_pose: share of samples that are drawn with poses read from pixels; the rest take the tracker's.
        own_pose_from: the first step that does so: wrong poses would teach the pictures nothing.
        critic: the adversary's channels. critic_rate: how many times `lr` it learns at (two rates: Heusel et al. 2017);
            spectral norms hold it back.
        start: a snapshot to start from, also of other widths: what does not fit begins anew.
    """

    network: Literal["shipped", "light", "paper", "tiny"] = "shipped"
    points_until: int = 0
    images_from: int = 300
    adversary_from: int = 8000
    perceptual: float = 10.0
    pyramid: int = 3
    lpips: float = 0.0
    l1: float = 10.0
    mouth: float = 3.0
    eyes: float = 5.0
    identity: float = 4.0
    identity_net: str = ""
    stranger: float = 1.0
    adversary: float = 1.0
    matching: float = 40.0
    contrast: float = 2.0
    matte: float = 2.0
    depth: float = 5.0
    carried: float = 10.0
    pose: float = 10.0
    shapes: float = 10.0
    flow: float = 200.0
    speaking: float = 8.0
    anchor: float = 5.0
    disguise: float = 1.0
    strangers_from: int = 0
    own_pose: float = 0.5
    own_pose_from: int = 2000
    critic: int = 64
    critic_rate: float = 4.0
    start: str = ""
    batch: int = 24
    kinds: tuple[str, ...] = ("video", "pseudo", "edits", "pair")
    shares: tuple[float, ...] = (0.5, 0.3, 0.15, 0.05)
    colour: float = 0.2
    lr: float = 2e-4
    warmup: int = 200


class Motion(NamedTuple):
    """What is known of a step's motion: poses to draw with, z_d, and the source's looks."""

    source: Pose
    driver: Pose
    z_driver: Float[Tensor, "batch code"]
    seen: Appearance
    source_field: Float[Tensor, "batch 3 _ _ _"]
    driver_field: Float[Tensor, "batch 3 _ _ _"]
    lead: Lead | None


class MegaPortraits(Recipe):
    """Frame 0 is the source s, frame 1 the driver d; s* and d* are those of the sample before (a roll of the batch)."""

    title = "MegaPortraits' base: a volume of appearance, moved by pose and expression read from pixels"
    Config = MegaPortraitsConfig

    def __init__(self, config: MegaPortraitsConfig, *, identities: int = 1) -> None:
        super().__init__(config, identities=identities)
        self.base = Base(preset(config.network, size=config.size))
        if config.start:
            start_from(self.base, Path(config.start), name="base")
        self.critic = Critic(width=config.critic)
        self.vgg = VGG19Loss.load() if config.perceptual else None
        self.alex = LPIPS.load("alexnet") if config.lpips else None
        named = bool(config.identity_net) and config.identity + config.stranger > 0
        self.face = MobileFaceNet.read(Path(config.identity_net)) if named else None

    def networks(self) -> dict[str, nn.Module]:
        return {"base": self.base, "critic": self.critic}

    def snapshot(self) -> tuple[str, ...]:
        return ("base",)

    def optimiser(self, name: str) -> torch.optim.Optimizer:
        """AdamW as MP has it."""
        parameters = self.networks()[name].parameters()
        rate = self.config.lr * (self.config.critic_rate if name == "critic" else 1.0)
        return torch.optim.AdamW(parameters, lr=rate, betas=(0.5, 0.999), eps=1e-8, weight_decay=1e-2)

    def extra(self, source: Source, clip: Clip, track: Track) -> dict[str, np.ndarray]:
        """`mattes`: where the person is, and what of it is no invention of the puppet's."""
        mattes = getattr(source, "mattes", None)  # `data.dataset.Dataset` has it
        person = mattes(clip).person if mattes else np.full((len(track), _MATTE, _MATTE), 255, np.uint8)
        return {"mattes": np.stack([person, source.valid(clip)], axis=-1)}

    def extra_bytes(self) -> int:
        return 2 * _MATTE**2

    # --- a step ------------------------------------------------------------------------------------------------------

    def step(self, batch: Batch) -> dict[str, Tensor]:
        if self.base.training:
            self.critic.taken += 1
        taken = int(self.critic.taken)
        if taken <= self.config.points_until and self.base.config.hears:
            return self._weighted(self._pointed(batch))
        motion, terms = self._motion(batch)
        if taken < self.config.images_from:
            return self._weighted(terms)
        source, driver = batch.frames[:, 0], batch.frames[:, 1]
        known = self._known(motion, source)
        contrast = self.config.contrast > 0 and not self.base.config.hears  # nothing reads a code from our pictures
        others = taken >= self.config.strangers_from and (contrast or self.face is not None)
        own, stranger = self._draw(motion, known) if others else (self._draw_own(motion, known), None)
        inside = self._inside(batch)
        shown = inside * own.picture + (1 - inside) * driver  # what no loss may see is the driver's own
        terms |= self._likeness(shown, batch) | self._geometry(own, inside, batch)
        if stranger is not None and contrast:
            terms |= self._contrast(motion, own, stranger)
        if self.face is not None:
            terms |= self._identity(shown, stranger, batch)
        if taken < self.config.adversary_from or not self.config.adversary:
            return self._weighted(terms)
        terms |= persuaded(self.critic, driver, shown)
        return self._weighted(terms) | {"critic/hinge": judged(self.critic, driver, shown)}

    def _weighted(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        weights = {name: float(getattr(self.config, name)) for name in terms}
        return {f"base/{name}": weights[name] * value for name, value in terms.items() if weights[name]}

    def _motion(self, batch: Batch) -> tuple[Motion, dict[str, Tensor]]:
        """Reads the motion from pixels, and says how far it is from the tracker's."""
        base, count = self.base, len(batch.frames)
        frames, points = batch.frames.transpose(0, 1).flatten(0, 1), batch.points.transpose(0, 1).flatten(0, 1)
        truth = poses.of_points(points, size=self.config.size)
        guess = base.pose(frames)
        first, second = slice(None, count), slice(count, None)
        source, driver = truth.pick(first), truth.pick(second)
        side, config = base.config.look, self.config
        shapes = batch.blendshapes.transpose(0, 1).flatten(0, 1)
        if self.base.config.hears:
            z = base.told_code(poses.places_of(points, size=config.size), truth, shapes)
        else:
            strengths = (config.disguise / 4, config.disguise)
            faces = [
                disguised(frames[part], pose, side=side, strength=strength)
                for part, pose, strength in zip((first, second), (source, driver), strengths, strict=True)
            ]
            z = base.expression(torch.cat(faces))
        seen = base.appearance(frames[:count])
        fields = base.unwarp(z[:count] + seen.descriptor), base.warp(z[count:] + seen.descriptor)
        ready = int(self.critic.taken) >= config.own_pose_from
        own = torch.rand(count, device=z.device) < (config.own_pose if ready else 0.0)
        motion = Motion(
            poses.either(own, guess.pick(first), source), poses.either(own, guess.pick(second), driver),
            z[count:], seen, *fields, self._lead(batch),
        )  # fmt: skip
        moved, rest = self._way(points[:count], points[count:], source, driver, fields)
        terms = {"pose": pose_distance(guess, truth), "flow": moved, "anchor": rest}
        if isinstance(base.expression, ExpressionNet):
            terms["shapes"] = (base.expression.blendshapes(z) - shapes).abs().mean()
        return motion, terms

    def _pointed(self, batch: Batch) -> dict[str, Tensor]:
        """What points alone say of the warps."""
        base = self.base
        (pose_s, z_s), (pose_d, z_d) = self._read(batch, 0), self._read(batch, 1)
        descriptor = base.appearance.describe(shrunk(batch.frames[:, 0], base.config.look))
        fields = base.unwarp(z_s + descriptor), base.warp(z_d + descriptor)
        moved, rest = self._way(batch.points[:, 0], batch.points[:, 1], pose_s, pose_d, fields)
        return {"flow": moved, "anchor": rest}

    def _way(
        self, source: PointsBatch, driver: PointsBatch, pose_s: Pose, pose_d: Pose, fields: tuple[Tensor, Tensor]
    ) -> tuple[Loss, Loss]:
        """Where the warps find the driver's points in the source and in the canonical frame: how far off, in halves.

        On pseudo-films the points are exact, elsewhere tracked. The depth, which the tracker guesses, counts a fifth.
        """
        reach, size = self.base.shape.reach, self.config.size
        start, goal = poses.places_of(driver, size=size), poses.places_of(source, size=size)
        canonical = driver_places(fields[1], pose_d, start, reach=reach)
        found = source_places(fields[0], pose_s, canonical, reach=reach)
        share = found.new_tensor((1.0, 1.0, 0.2)) * self._weights(found)
        rest = canonical[:, : geometry.MESH_COUNT] - poses.canonical_points(canonical)
        return ((found - goal).abs() * share).mean(), (rest.abs() * share[: geometry.MESH_COUNT]).mean()

    def _weights(self, like: Tensor) -> Float[Tensor, "478 1"]:
        """Of the points: lips, lids and irises are few, and what speaks. Their mean is 1."""
        weights = like.new_ones(geometry.MESH_COUNT + 10)
        weights[_SPEAKING] = self.config.speaking
        return (weights / weights.mean())[:, None]

    def _known(self, motion: Motion, source: Pictures) -> Identity:
        return self.base.rest(source, motion.seen, motion.source, motion.source_field)

    def _draw_own(self, motion: Motion, own: Identity) -> Drawn:
        """s with d's motion."""
        return self.base.show(own, motion.driver, motion.driver_field, Known(lead=motion.lead))

    def _lead(self, batch: Batch) -> Lead | None:
        """The face's points, which whoever animates has; of a base that reads faces nobody says them."""
        if not self.base.config.hears:
            return None
        source, driver = (poses.places_of(batch.points[:, i], size=self.config.size) for i in (0, 1))
        return Lead.of(driver, source)

    def _draw(self, motion: Motion, own: Identity) -> tuple[Drawn, Drawn]:
        """s with d's motion, and s* with d's motion: s* is the batch's s, rolled, and costs no second volume.

        d's points lead s, whose they are, too; nobody's lead s*.
        """
        other = own.each(lambda part: part.roll(1, dims=0))
        field = self.base.warp(motion.z_driver + other.descriptor)
        if motion.lead is not None:
            return self._draw_own(motion, own), self.base.show(other, motion.driver, field)
        fields = torch.cat([motion.driver_field, field])
        return self.base.show(joined(own, other), poses.join(motion.driver, motion.driver), fields).halves()

    # --- losses ------------------------------------------------------------------------------------------------------

    def _inside(self, batch: Batch) -> Float[Tensor, "batch 1 size size"]:
        """Where losses look: the person, as far as nothing was invented. MP: all losses see the foreground alone."""
        mattes = (batch.extra["mattes"][:, 1] + 1) / 2  # [B, 2, 64, 64]
        return self._full(mattes.prod(dim=1, keepdim=True))

    def _full(self, matte: Float[Tensor, "batch 1 64 64"]) -> Float[Tensor, "batch 1 size size"]:
        return F.interpolate(matte, size=(self.config.size,) * 2, mode="bilinear", align_corners=False)

    def _likeness(self, shown: Pictures, batch: Batch) -> dict[str, Tensor]:
        driver, points = batch.frames[:, 1], batch.points[:, 1]
        terms: dict[str, Tensor] = {
            "l1": losses.mouth_l1(shown, driver, points, boost=self.config.mouth),
            "eyes": losses.eye_l1(shown, driver, points),
        }
        if self.vgg is not None:
            terms["perceptual"] = pyramid(self.vgg, shown, driver, levels=self.config.pyramid)
        if self.alex is not None:
            terms["lpips"] = self.alex(shown, driver).float().mean()
        return terms

    def _contrast(self, motion: Motion, own: Drawn, stranger: Drawn) -> dict[str, Tensor]:
        """Motion read back from both pictures is d's and not d*'s.

        Codes count from the batch's mean: what all faces share would hold every cosine near 1, where it is flat. Our
        pictures teach the warps and G2D here, and not E_mtn: it would learn to read faces from what is none yet.
        """
        outputs = torch.cat([own.picture, stranger.picture])
        faces = face_of(outputs, poses.join(motion.driver, motion.driver), side=self.base.config.look)
        mean = motion.z_driver.detach().mean(dim=0)
        with frozen(self.base.expression):
            again = self.base.expression(faces) - mean
        z = motion.z_driver - mean
        return {"contrast": losses.cycle_contrast(again.chunk(2), z, z.roll(1, dims=0))}

    def _geometry(self, own: Drawn, inside: Float[Tensor, "batch 1 size size"], batch: Batch) -> dict[str, Tensor]:
        """Where the person is, how deep, and whether the pixels to copy are the right ones."""
        mattes, driver = (batch.extra["mattes"][:, 1] + 1) / 2, batch.frames[:, 1]
        terms = {"matte": losses.l1(own.matte, self._full(mattes[:, :1]), self._full(mattes[:, 1:]))}
        if own.carried is None or own.depth is None:
            return terms
        places = poses.places_of(batch.points[:, 1], size=self.config.size)  # [B, 478, 3]
        there = F.grid_sample(own.depth[:, None], places[:, None, :, :2], padding_mode="border", align_corners=False)
        terms["depth"] = (there[:, 0, 0] - places[..., 2]).abs().mean()
        terms["carried"] = losses.l1(own.carried, driver, inside)
        return terms

    def _identity(self, shown: Pictures, stranger: Drawn | None, batch: Batch) -> dict[str, Tensor]:
        """Who the two pictures show. A stranger's face lies about where the driver's points are."""
        assert self.face is not None
        here, there = batch.points[:, 1], batch.points[:, 0].roll(1, dims=0)
        terms = {"identity": identity_loss(self.face, shown, batch.frames[:, 1], here)}
        if stranger is None:
            return terms
        with torch.no_grad():
            truth = self.face.embed(batch.frames[:, 0].roll(1, dims=0), there)
        other = 1 - (self.face.embed(stranger.picture, here) * truth).sum(dim=1)
        return terms | {"stranger": other.mean()}

    # --- the sheet ---------------------------------------------------------------------------------------------------

    def pictures(self, batch: Batch) -> list[Float[Tensor, "batch 3 height width"]]:
        """Source, driver, the source as the driver; another's source, and it as the driver."""
        base, source, driver = self.base, batch.frames[:, 0], batch.frames[:, 1]
        (pose_s, z_s), (pose_d, z_d) = self._read(batch, 0), self._read(batch, 1)
        seen = base.appearance(source)
        fields = base.unwarp(z_s + seen.descriptor), base.warp(z_d + seen.descriptor)
        motion = Motion(pose_s, pose_d, z_d, seen, *fields, self._lead(batch))
        known = self._known(motion, source)
        drawn = self._draw_own(motion, known), self._draw(motion, known)[1]
        own, stranger = (half.matte * half.picture + (1 - half.matte) * _GREY for half in drawn)
        return [source, driver, own, source.roll(1, dims=0), stranger]

    def _read(self, batch: Batch, frame: int) -> tuple[Pose, Float[Tensor, "batch code"]]:
        """Pose and code as whoever animates has them."""
        if not self.base.config.hears:
            pose = self.base.pose(batch.frames[:, frame])
            return pose, self.base.seen_code(batch.frames[:, frame], pose)
        points, size = batch.points[:, frame], self.config.size
        pose = poses.of_points(points, size=size)
        return pose, self.base.told_code(poses.places_of(points, size=size), pose, batch.blendshapes[:, frame])


def pose_distance(guess: Pose, truth: Pose) -> Loss:
    """Mean differences of the matrices' entries, of places in halves of the crop, of sizes' logarithms."""
    rotation, place = (guess.rotation - truth.rotation).abs().mean(), (guess.place - truth.place).abs().mean()
    return rotation + place + (guess.size.log() - truth.size.clamp_min(1e-3).log()).abs().mean()


@contextmanager
def frozen(net: nn.Module) -> Iterator[None]:
    """What is computed meanwhile teaches what comes before `net`, and not `net` itself."""
    learning = [parameter for parameter in net.parameters() if parameter.requires_grad]
    try:
        for parameter in learning:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)


def pyramid(perceptual: nn.Module, output: Pictures, target: Pictures, *, levels: int) -> Loss:
    """The perceptual loss at full, half, ... size, its mean: coarse structure is seen as well as grain."""
    terms = []
    for _ in range(levels):
        terms.append(perceptual(output, target).float())
        output, target = F.avg_pool2d(output, 2), F.avg_pool2d(target, 2)
    return torch.stack(terms).mean()
