"""Model files: which there are, where they lie, and whether they are what they should be."""

import functools
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from living_portraits.errors import WeightsError

if TYPE_CHECKING:
    import torch  # at run time only where tensors are read: a tracker's file must not cost the import of torch


@dataclass(frozen=True)
class WeightsFile:
    """A file that comes with the project.

    Attributes:
        file: where it lies in the weights folder.
        sha256: what it must hash to, hexadecimal.
        size: its length in bytes.
        licence: on what terms it may be passed on.
        formerly: what files hashed to that held the same numbers, and told something else beside them.
    """

    file: str
    sha256: str
    size: int
    licence: str
    formerly: tuple[str, ...] = ()


FILES: dict[str, WeightsFile] = {
    "dancer": WeightsFile(
        file="dance/dancer.safetensors",
        sha256="d55bfb8537ddea74597a6c3cb0cbee6162e4be53dbb3f2eb293c72bf6ac6a97a",
        size=11_607_510,
        licence="GPL-3.0, as the film it was taught from: weights/dance/README.md",
    ),
    "drawn-head": WeightsFile(
        file="talking-head/drawn.safetensors",
        sha256="bb11a63513c358f8acf9081d1ffc1ecaba590235953915f3bcf39946e2d5a9d7",
        size=8_351_436,
        licence="Apache-2.0; what it was trained on, and on which terms: weights/talking-head/README.md",
    ),
    "drawn-head/mona_lisa": WeightsFile(
        file="talking-head/drawn_mona_lisa.safetensors",
        sha256="30cf9c8914d32b3227d7b9af21abdcf75bec6dc49a7dde78bd6cb04ad425bba7",
        size=3_818_252,
        licence="Apache-2.0; what it was trained on, and on which terms: weights/talking-head/README.md",
    ),
    "face_landmarker": WeightsFile(
        file="trackers/face_landmarker.task",
        sha256="64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
        size=3_758_596,
        licence="Apache-2.0, Google LLC (MediaPipe)",
    ),
    "guided": WeightsFile(
        file="guided/guided.safetensors",
        sha256="7a19b3fd6f4c33af2ec5d88e9ab018224aa9c2f9d1ec0aed30078eb4ba497187",
        size=1_709_106,
        licence="Apache-2.0; what it was trained on, and on which terms: weights/guided/README.md",
    ),
    "megaportraits": WeightsFile(
        file="megaportraits/megaportraits.safetensors",
        sha256="01b888a0d204dfc5107011e2e8580972ee9cf23428558920b8034f9dc8526115",
        size=8_897_162,
        licence="Apache-2.0; what it was trained on, and on which terms: weights/megaportraits/README.md",
    ),
    "megaportraits/enhancer": WeightsFile(
        file="megaportraits/enhancer.safetensors",
        sha256="db97e007f35a5df9ea0fdc6f67e7acd9c64fd5ba7c44028214897ebd3d26ca77",
        size=233_984,
        licence="Apache-2.0; what it was trained on, and on which terms: weights/megaportraits/README.md",
    ),
    "pose_landmarker": WeightsFile(
        file="trackers/pose_landmarker_full.task",
        sha256="4eaa5eb7a98365221087693fcc286334cf0858e2eb6e15b506aa4a7ecdcec4ad",
        size=9_398_198,
        licence="Apache-2.0, Google LLC (MediaPipe)",
    ),
    "student": WeightsFile(
        file="student/student.safetensors",
        sha256="39609f31680adda2e307dc3b062a323a24b389781f1c5ed6ef2a5df3f6b5dc65",
        size=41_314_709,
        licence="Apache-2.0; what it was trained on, and on which terms: weights/student/README.md",
    ),
    "talking-head": WeightsFile(
        file="talking-head/talking-head.safetensors",
        sha256="e3e5774f448a3c51e1f823b61dd9641e2a431e25398afee55aece6347bf8526f",
        size=8_449_292,
        licence="Apache-2.0; what it was trained on, and on which terms: weights/talking-head/README.md",
        formerly=("538fee838e5c4ec60e74df11ba80bb1ae0583f2ee2668602e48a2ee364f94b7e",),
    ),
    "talking-head/mona_lisa": WeightsFile(
        file="talking-head/mona_lisa.safetensors",
        sha256="fb34b79894090065010ec832ea0c0f847376b80808dc6e26c30ee32a95403ff9",
        size=1_106_876,
        licence="Apache-2.0; what it was trained on, and on which terms: weights/talking-head/README.md",
    ),
}
"""Every file of the weights folder, by the name that `Spec.weights` and `path` use."""


def folder() -> Path:
    """The weights folder: inside the package where it was installed from a wheel, beside it in a clone."""
    package = Path(__file__).parent
    installed = package / "_weights"
    return installed if installed.is_dir() else package.parent / "weights"


def path(name: str) -> Path:
    """Where the file called `name` lies, its hash verified once per process.

    Raises:
        WeightsError: the registry has no such name, or the file is missing or not the one it should be.
    """
    if name not in FILES:
        raise WeightsError(f"No model file is called {name!r}: the registry has {', '.join(sorted(FILES))}.")
    expected = FILES[name]
    return _verified(folder() / expected.file, expected)


@functools.cache
def _verified(path: Path, expected: WeightsFile) -> Path:
    mend = "install the package again or restore the file from the repository"
    if not path.is_file():
        raise WeightsError(f"The model file {path.name} is missing from {path.parent}: {mend}.")
    if path.stat().st_size != expected.size or _sha256(path) != expected.sha256:
        raise WeightsError(f"The model file {path.name} in {path.parent} is damaged or of another version: {mend}.")
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(path: Path) -> "tuple[dict[str, Any], dict[str, torch.Tensor]]":
    """A model's config (JSON values) and its state, on the CPU, from a safetensors file that `write` made.

    Raises:
        WeightsError: the file is missing, is no safetensors file or carries no config.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise WeightsError(f"The model file {path.name} is missing from {path.parent}.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)
    except SafetensorError as error:
        raise WeightsError(f"The model file {path.name} in {path.parent} is no safetensors file ({error}).") from error
    if "config" not in metadata:
        raise WeightsError(f"The model file {path.name} in {path.parent} carries no config in its header.")
    return json.loads(metadata["config"]), state


def write(path: Path, *, config: Mapping[str, Any], state: "Mapping[str, torch.Tensor]") -> None:
    """Writes a model with its config (JSON values) in the header; a file of that name is replaced in one step.

    Raises:
        WeightsError: the file cannot be written there.
    """
    from safetensors.torch import save

    contiguous = {key: tensor.detach().contiguous() for key, tensor in state.items()}
    data = save(contiguous, metadata={"config": json.dumps(dict(config), sort_keys=True)})
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as beside:
            try:
                beside.write(data)
                beside.close()
                os.chmod(beside.name, 0o644)  # temporary files are their owner's alone
                os.replace(beside.name, path)
            except BaseException:
                beside.close()
                os.unlink(beside.name)
                raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise WeightsError(f"The model file {path.name} cannot be written to {path.parent}: {reason}.") from error
