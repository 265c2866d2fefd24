"""One film, judged: every figure that a trial allows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, UInt8

from living_portraits.engine import Frame
from living_portraits.evaluate.figures import FIGURES, IDENTITY, PROBES
from living_portraits.evaluate.trials import Trial
from living_portraits.evaluate.unrest import SHAKY
from living_portraits.evaluate.watch import Watcher, once
from living_portraits.metrics import motion, pixels
from living_portraits.metrics.identity import csim
from living_portraits.metrics.motion import Reading
from living_portraits.metrics.perceptual import Look, Perceptual

SIDE = 256
"""Pixels; every film is judged at this size, whatever size it was made at."""

Film: TypeAlias = UInt8[np.ndarray, "time 256 256 3"]
Looks: TypeAlias = dict[str, list[Look]]
"""By network: one look for each of a film's probe frames."""


@dataclass(frozen=True)
class Sample:
    """A figure of one film, and the number of frames it was taken from; NaN where the film does not allow it."""

    value: float
    frames: int


@dataclass(frozen=True, eq=False)
class Footage:
    """What a result is held against: source and driver at 256 px, read once for all engines.

    Attributes:
        source: one frame; `driver`: all frames. In a self trial the driver is the truth.
        neutral: the driver's frame that its motion is measured from; in a self trial the source itself.
        unrest: how far the tracker's own noise moves the source's points, cm.
        looks: what networks see in the truth's probe frames; empty in a cross trial.
    """

    trial: Trial
    source: Frame
    driver: Film
    source_reading: Reading
    driver_reading: Reading
    neutral: int = 0
    unrest: float = 0.0
    looks: Looks = field(default_factory=dict)

    @property
    def first(self) -> int:
        """The first frame that counts: in a self trial frame 0 is the source itself."""
        return 1 if self.trial.kind == "self" else 0

    @property
    def usable(self) -> bool:
        """Whether the tracker can read the source and the driver's neutral frame; else nothing can be compared."""
        seen = self.source_reading.found[0] and self.driver_reading.found[self.neutral]
        return bool(seen and self.unrest < SHAKY)

    @property
    def probes(self) -> list[int]:
        """Numbers of the frames that networks look at."""
        count = len(self.driver)
        return sorted(set(np.linspace(self.first, count - 1, min(PROBES, count)).round().astype(int).tolist()))

    @property
    def peak(self) -> int:
        """The frame that is furthest from the driver's neutral one in expression, for the contact sheet."""
        shapes = self.driver_reading.shapes[:, motion.EXPRESSIVE, :2]
        away = np.linalg.norm(shapes - shapes[self.neutral], axis=-1).mean(axis=1)
        return int(np.argmax(np.nan_to_num(away, nan=-1.0)))


@dataclass(frozen=True, eq=False)
class Judge:
    """The instruments.

    Attributes:
        watcher: tracks faces and embeds them.
        alex, vgg: perceptual networks, where their weights are there.
    """

    watcher: Watcher
    alex: Perceptual | None = None
    vgg: Perceptual | None = None

    def figures(self, film: Film, looks: Looks, footage: Footage) -> dict[str, Sample]:
        """Every figure but speed and memory, by key."""
        reading = self.watcher.read(list(film))
        found = self._likeness(film, footage) | _motion(reading, footage) | _sharpness(film, reading, footage)
        if footage.trial.kind == "self":
            return found | _errors(reading, footage) | self._fidelity(film, looks, footage)
        return found | _transfer(reading, footage) | _background(film, reading, footage)

    def look(self, film: Film, probes: Sequence[int]) -> Looks:
        """What the networks see in some of a film's frames; frames that are alike are looked at once."""
        networks = {"alexnet": self.alex, "vgg16": self.vgg}
        looks: Looks = {}
        for name, network in networks.items():
            if network is not None:
                known: dict[bytes, Look] = {}
                looks[name] = [once(known, film[number], network.look) for number in probes]
        return looks

    def _likeness(self, film: Film, footage: Footage) -> dict[str, Sample]:
        """Whose face it is."""
        chosen = footage.probes
        faces = self.watcher.embeddings([film[number] for number in chosen])
        source = self.watcher.embeddings([footage.source])
        # Where no frame shows a face each is NaN, not absent: a card's values are in the order of its trials.
        asked = [figure for figure in FIGURES if figure.backbone == IDENTITY and footage.trial.kind in figure.kinds]
        found = {figure.key: _mean([]) for figure in asked if self.watcher.knows_people}
        if faces is not None and source is not None:
            found["csim_source"] = _mean(csim(faces, source))
        truth = self.watcher.embeddings([footage.driver[number] for number in chosen])
        if truth is not None and footage.trial.kind == "self":
            if faces is not None:
                found["csim_truth"] = _mean(csim(faces, truth))
            if source is not None:
                found["csim_people"] = _mean(csim(truth, source))
        return found

    def _fidelity(self, film: Film, looks: Looks, footage: Footage) -> dict[str, Sample]:
        """Pixels and perception against the truth."""
        pairs = list(zip(film[1:], footage.driver[1:], strict=True))
        found = {
            "psnr": _mean([pixels.psnr(*pair) for pair in pairs]),
            "ssim": _mean([pixels.ssim(*pair) for pair in pairs]),
        }
        points = footage.driver_reading.points[1:]
        seen = footage.driver_reading.found[1:]
        found["l1_face"] = _mean(
            [
                pixels.l1(*pair, pixels.face_mask(face, SIDE))
                for pair, face, here in zip(pairs, points, seen, strict=True)
                if here
            ]
        )
        for key, name, network in (("lpips_alex", "alexnet", self.alex), ("lpips_vgg", "vgg16", self.vgg)):
            if network is not None:
                found[key] = _mean(
                    [network.distance(*pair) for pair in zip(looks[name], footage.looks[name], strict=True)]
                )
        return found


def _errors(reading: Reading, footage: Footage) -> dict[str, Sample]:
    """Points, pose, expression and gaze against the truth's, in the frames where both are seen."""
    result, truth = reading[1:], footage.driver_reading[1:]
    count = int((result.found & truth.found).sum())
    compared: dict[str, Callable[[Reading, Reading], float]] = {
        "keypoints": motion.keypoint_distance,
        "expression": motion.expression_distance,
        "pose": motion.pose_error,
        "gaze": motion.gaze_error,
    }
    return {key: Sample(compare(result, truth), count) for key, compare in compared.items()}


def _motion(reading: Reading, footage: Footage) -> dict[str, Sample]:
    """How much of the driver's motion arrived, and how steadily."""
    driver = footage.driver_reading
    count = int((reading.found & driver.found).sum())
    return {
        "missing": Sample(motion.missing(reading), len(reading)),
        "shape_transfer": Sample(motion.shape_transfer(reading, driver, neutral=footage.neutral), count),
        "motion_gain": Sample(motion.motion_gain(reading, driver), count),
        "turn_gain": Sample(motion.turn_gain(reading, driver), count),
        "jitter": Sample(motion.jitter_ratio(reading, driver), max(count - 2, 0)),
    }


def _transfer(reading: Reading, footage: Footage) -> dict[str, Sample]:
    """Turns, mouth and lids against the driver's, where there is no truth."""
    driver = footage.driver_reading
    count = int((reading.found & driver.found).sum())
    turned = motion.relative_pose_error(reading, footage.source_reading, driver, neutral=footage.neutral)
    return {
        "relative_pose": Sample(turned, count),
        "mouth": Sample(motion.mouth_correlation(reading, driver), count),
        "opening": Sample(motion.opening_error(reading, driver), count),
        "blink": Sample(motion.blink_correlation(reading, driver), count),
    }


def _sharpness(film: Film, reading: Reading, footage: Footage) -> dict[str, Sample]:
    """Fine detail in the face, over the source's."""
    own = pixels.laplacian_energy(footage.source, pixels.face_mask(footage.source_reading.points[0], SIDE))
    energies = [
        pixels.laplacian_energy(film[number], pixels.face_mask(reading.points[number], SIDE))
        for number in footage.probes
        if reading.found[number]
    ]
    return {"sharpness": _mean(np.array(energies) / max(own, 1e-6))}


def _background(film: Film, reading: Reading, footage: Footage) -> dict[str, Sample]:
    """How much changes where nothing should."""
    seen = reading.points[reading.found]
    mask = pixels.background_mask(np.concatenate([footage.source_reading.points, seen]), SIDE)
    return {"background": _mean([pixels.l1(film[number], footage.source, mask) for number in footage.probes])}


def _mean(values: Sequence[float] | Float[np.ndarray, "n"]) -> Sample:
    """Over the frames that have a value."""
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    return Sample(float(known.mean()) if len(known) else float("nan"), len(known))
