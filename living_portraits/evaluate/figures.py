"""The figures of a card: what each is called, what it means, and which films it is taken from."""

from dataclasses import dataclass

from living_portraits.evaluate.trials import Kind

TRACKER = "MediaPipe face landmarker"
IDENTITY = "MobileFaceNet"
ALEX, VGG = "AlexNet, LPIPS v0.1", "VGG16, LPIPS v0.1"
PROBES = 4
"""Frames of each film that networks look at, spread evenly; cheaper figures take every frame."""


@dataclass(frozen=True)
class Figure:
    """One row of a card.

    Attributes:
        key: in the JSON.
        title: in the tables.
        unit: "" where it is a share or a ratio.
        best: the value of a perfect film, in words.
        kinds: the trials it is taken from.
        meaning: one line; the formula stands with the function of `metrics` that computes it.
        backbone: the network it is read with; "" where it is plain arithmetic.
        digits: after the point.
    """

    key: str
    title: str
    unit: str
    best: str
    kinds: tuple[Kind, ...]
    meaning: str
    backbone: str = ""
    digits: int = 3


_SELF: tuple[Kind, ...] = ("self",)
_CROSS: tuple[Kind, ...] = ("cross",)
_BOTH: tuple[Kind, ...] = ("self", "cross")

FIGURES: tuple[Figure, ...] = (
    Figure("psnr", "PSNR", "dB", "high", _SELF, "pixel error against the truth, whole crop; equal is 58.9", digits=2),
    Figure("ssim", "SSIM", "", "1", _SELF, "structure against the truth, luma, whole crop"),
    Figure("lpips_alex", "LPIPS (Alex)", "", "0", _SELF, "perceptual distance to the truth, whole crop", ALEX),
    Figure("lpips_vgg", "LPIPS (VGG)", "", "0", _SELF, "the same with another network", VGG),
    Figure("l1_face", "L1 in the face", "", "0", _SELF, "mean absolute error in the hull of the truth's points",
           digits=4),
    Figure("keypoints", "AKD", "px at 256", "0", _SELF, "mean distance of 478 points from the truth's", TRACKER, 2),
    Figure("csim_truth", "CSIM to truth", "", "1", _SELF, "cosine of identity features, to the same frame", IDENTITY),
    Figure("csim_source", "CSIM to source", "", "1", _BOTH, "cosine of identity features, to the source", IDENTITY),
    Figure("csim_people", "CSIM to source, the truth's own", "", "as it is", _SELF,
           "the same of the truth: people, too, look a little less like themselves as they move", IDENTITY),
    Figure("expression", "Expression distance", "", "0", _SELF, "mean absolute difference of 51 blendshapes",
           TRACKER, 4),
    Figure("pose", "Head pose error", "degrees", "0", _SELF, "angle between the heads' rotations", TRACKER, 2),
    Figure("gaze", "Gaze error", "degrees", "0", _SELF, "angle between eye directions, from the irises", TRACKER, 2),
    Figure("shape_transfer", "Shape transfer", "", "0", _BOTH,
           "error of pose-free landmark motion since the neutral frame over a frozen film's: 1 is frozen, 0 perfect",
           TRACKER),
    Figure("relative_pose", "Relative pose error", "degrees", "0", _CROSS,
           "angle between the result's turn since the source and the driver's since its neutral frame", TRACKER, 2),
    Figure("mouth", "Mouth correlation", "", "1", _CROSS,
           "of the lips' gap over time, where the driver's moves", TRACKER),
    Figure("opening", "Mouth opening error", "cm", "0", _CROSS,
           "difference of the lips' gap from the driver's", TRACKER),
    Figure("blink", "Blink correlation", "", "1", _CROSS,
           "of the lids' opening over time, where the driver blinks", TRACKER),
    Figure("motion_gain", "Motion gain", "", "1", _BOTH, "spread of pose-free motion over the driver's", TRACKER),
    Figure("turn_gain", "Turn gain", "", "1", _BOTH, "spread of head turns over the driver's", TRACKER),
    Figure("background", "Background drift", "", "0", _CROSS,
           "mean absolute change since the source, outside head and shoulders", digits=4),
    Figure("jitter", "Jitter", "", "1", _BOTH, "second differences of the points over the driver's own", TRACKER),
    Figure("sharpness", "Sharpness", "", "1", _BOTH, "Laplacian energy in the face over the source's"),
    Figure("missing", "Missing faces", "", "0", _BOTH, "share of frames without a face", TRACKER),
    Figure("frechet_vgg", "Frechet distance, VGG16 features", "", "0", _SELF,
           "between all results and all truths; not FID, and biased by the number of frames", VGG, 2),
    Figure("fps", "Frames per second", "1/s", "high", _BOTH, "of generation, on this machine", digits=1),
    Figure("memory", "Peak memory", "MiB", "low", _BOTH, "what making one film adds to a process of its own",
           digits=0),
)  # fmt: skip
