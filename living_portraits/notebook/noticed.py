"""What each loss notices: one frame with four faults, and one answer where nine are true."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32
from torch import Tensor, nn

from living_portraits.engine import Frame, Points, Track
from living_portraits.errors import WeightsError
from living_portraits.geometry import LIPS_INNER
from living_portraits.nn import losses
from living_portraits.nn.perceptual import LPIPS
from living_portraits.nn.pixels import to_tensor
from living_portraits.notebook.pictures import finish

SIDE = 128  # px
STEPS, BATCH = 120, 4  # of the critic's lessons, and pictures of either kind in each
_UPPER = [6, 4, 33, 263, 168, 1, 2]  # points of nose and eyes' corners, which a jaw does not move
_WAYS = (-2.0, 0.0, 2.0)  # px, by which nine equally true pictures differ across and down

Table = dict[str, dict[str, float]]


@dataclass(frozen=True, eq=False)
class Spoilt:
    """A frame with an open mouth.

    Attributes:
        truth: the frame. points: its face's, px.
        faults: the same with one thing wrong, by what that is.
    """

    truth: Frame
    points: Points
    faults: dict[str, Frame]


def spoilt(clip: Track) -> Spoilt:
    """The frame of a clip whose mouth is widest open, and what may go wrong with it; the clip's mouth is shut once."""
    upper, lower = LIPS_INNER[5], LIPS_INNER[15]
    gap = np.linalg.norm(clip.points[:, upper, :2] - clip.points[:, lower, :2], axis=1)
    truth, points = clip.crops[int(gap.argmax())], clip.points[int(gap.argmax())]
    away = np.linalg.norm(clip.points[:, _UPPER, :2] - points[_UPPER, :2], axis=-1).mean(axis=1)
    shut = int((gap + away / 2).argmin())
    faults = {
        "blurred": np.asarray(cv2.GaussianBlur(truth, (0, 0), 1.0)),
        "shifted": shifted(truth, 1.5),
        "tinted": np.clip(truth + np.array([8.0, 0.0, -8.0]), 0, 255).astype(np.uint8),
        "mouth shut": _with_mouth(truth, points, clip.crops[shut], clip.points[shut]),
    }
    return Spoilt(truth, points, faults)


def shifted(frame: Frame, across: float, down: float = 0.0) -> Frame:
    """A frame moved by px, its edges mirrored."""
    way = np.array([[1, 0, across], [0, 1, down]], np.float64)
    size = frame.shape[1::-1]
    return np.asarray(cv2.warpAffine(frame, way, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT), np.uint8)


def _with_mouth(frame: Frame, points: Points, other: Frame, others: Points) -> Frame:
    """A frame with the mouth of another, brought over by nose and eyes."""
    way, _ = cv2.estimateAffinePartial2D(others[_UPPER, :2], points[_UPPER, :2])
    brought = cv2.warpAffine(other, way, frame.shape[1::-1], borderMode=cv2.BORDER_REFLECT)
    weight = losses.mouth_weight(torch.from_numpy(points[None]), size=frame.shape[0])[0, 0].numpy()
    soft = cv2.GaussianBlur(cv2.dilate(weight, np.ones((9, 9))), (0, 0), 2)[..., None]
    return np.clip(frame + soft * (brought.astype(np.float64) - frame), 0, 255).astype(np.uint8)


# --- nine truths and the one answer that L1 likes best ----------------------------------------------------------------


def truths(frame: Frame) -> list[Frame]:
    """Nine pictures, equally true where nobody says to the pixel where the head is."""
    return [shifted(frame, across, down) for across in _WAYS for down in _WAYS]


def median(frames: Sequence[Frame]) -> Frame:
    """What L1 makes of pictures that are equally true: of each pixel the median."""
    return torch.from_numpy(np.stack(list(frames))).median(dim=0).values.numpy()


# --- a critic ---------------------------------------------------------------------------------------------------------


class Critic(nn.Module):
    """Looks at patches of ten pixels and says of each whether it is real: larger is more real (PatchGAN's idea)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(3, 16, 4, 2, 1), nn.Conv2d(16, 32, 4, 2, 1), nn.Conv2d(32, 1, 1)])

    def forward(self, x: Float[Tensor, "batch 3 height width"]) -> list[Tensor]:
        """What each layer says; the last is the verdict."""
        seen = []
        for layer in self.layers[:-1]:
            x = F.leaky_relu(layer(x), 0.2)
            seen.append(x)
        return [*seen, self.layers[-1](x)]


def critic_of(real: Sequence[Frame], fake: Sequence[Frame], *, seed: int = 0) -> Critic:
    """A critic, taught by the hinge to tell these frames from those."""
    torch.manual_seed(seed)
    critic, pictures = Critic(), (to_tensor(list(real)), to_tensor(list(fake)))
    optimiser = torch.optim.Adam(critic.parameters(), lr=2e-3, betas=(0.5, 0.99))
    for _ in range(STEPS):
        right, wrong = (critic(some[torch.randint(len(some), (BATCH,))])[-1] for some in pictures)
        loss = losses.hinge_discriminator([right], [wrong])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return critic.eval()


# --- what is noticed --------------------------------------------------------------------------------------------------


def lpips() -> LPIPS | None:
    """AlexNet's perceptual distance, where its weights are at hand: they do not come along."""
    try:
        return LPIPS.load("alexnet")
    except WeightsError:
        return None


@torch.no_grad()
def noticed(frame: Frame, points: Points, answers: Mapping[str, Frame], critic: Critic) -> Table:
    """Each loss of each answer where `frame` is the truth; the adversary's beyond what it says of the truth."""
    truth, where = to_tensor([frame]), losses.mouth_weight(torch.from_numpy(points[None]), size=frame.shape[0])
    known, perceptual = critic(truth), lpips()
    table: Table = {"L1": {}, "L1 of the mouth": {}, "LPIPS": {}, "feature matching": {}, "adversary": {}}
    for name, answer in answers.items():
        picture = to_tensor([answer])
        seen = critic(picture)
        table["L1"][name] = float(losses.l1(picture, truth) / 2)
        table["L1 of the mouth"][name] = float(losses.l1(picture, truth, where) / 2)
        table["feature matching"][name] = float(losses.feature_matching([known[:-1]], [seen[:-1]]))
        table["adversary"][name] = float(losses.hinge_generator([seen[-1]]) - losses.hinge_generator([known[-1]]))
        if perceptual is not None:
            table["LPIPS"][name] = float(perceptual(picture, truth))
    return {name: row for name, row in table.items() if row}


def heat(table: Table) -> None:
    """A table's rows, each as shares of its largest; a loss that notices nothing has shares of 0."""
    names = list(next(iter(table.values())))
    shares: Float32[np.ndarray, "rows columns"] = np.array(
        [[max(row[name], 0.0) / max(1e-9, *row.values()) for name in names] for row in table.values()], np.float32
    )
    figure, place = plt.subplots(figsize=(1.4 * len(names) + 1.5, 0.45 * len(table) + 0.5), layout="constrained")
    place.imshow(shares, cmap="YlOrRd", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        place.text(column, row, f"{share:.2f}", ha="center", va="center", color="white" if share > 0.6 else "black")
    place.set_xticks(range(len(names)), names)
    place.set_yticks(range(len(table)), list(table))
    place.tick_params(length=0, labeltop=True, labelbottom=False)
    place.spines[:].set_visible(False)
    finish(figure)
