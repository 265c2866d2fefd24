"""Where a network runs: in PyTorch as it is, in OpenVINO, which is faster on an ordinary processor, or on a GPU.

    torch     PyTorch, eager: anywhere; the reference
    openvino  the same in single precision, compiled
    int8      convolutions in 8 bits, for networks whose ranges are known; see `quantise`
    cuda      PyTorch on an NVIDIA GPU, compiled, in half precision, several frames at once

What was compiled is kept in a cache folder, so that only the first run of a network on a machine waits for it.
"""

import contextlib
import copy
import functools
import hashlib
import importlib.util
import inspect
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from living_portraits.errors import OptionError
from living_portraits.nn import process
from living_portraits.nn.quantise import SMALLEST, steps_of
from living_portraits.notices import tell

RUNTIMES = ("torch", "openvino", "int8", "cuda")

TOGETHER = 8
"""Frames that a GPU computes at once: one alone leaves most of it idle."""

LIVE = 2
"""Frames of a motion that drives a portrait live: of now, and of rest. The first alone is wanted."""

_MADE = 3  # raised where networks are converted in another way: what was kept of them before is not taken

_AT_MOST = 32  # networks kept: every version of every engine has its own

FOLDER_VARIABLE = "LIVING_PORTRAITS_COMPILED"

Ranges: TypeAlias = Mapping[str, Sequence[float]]
Function: TypeAlias = Callable[..., tuple[Tensor, ...]]


def choose(asked: str | None = None, *, ranges: Ranges | None = None, among: Sequence[str] = RUNTIMES) -> str:
    """The runtime that was asked for; else the GPU where there is one, OpenVINO where it is installed and nothing is
    trained, in 8 bits where ranges are known and the processor adds bytes up, or else PyTorch.

    Args:
        asked: one of `RUNTIMES`, or None.
        ranges: of the network's convolutions, without which there are no 8 bits.
        among: those that the engine has.

    Raises OptionError for a name that is none, for "int8" without ranges, for OpenVINO where it is not installed, and
    for "cuda" where there is no GPU.
    """
    installed, gpu = importlib.util.find_spec("openvino") is not None, torch.cuda.is_available()
    if asked is None and gpu and "cuda" in among:
        return "cuda"
    if asked is None:
        quick = "int8" if ranges and "int8" in among and adds_bytes() else "openvino"
        return quick if installed and not process.may_train() and quick in among else "torch"
    if asked not in among:
        raise OptionError(f"There is no runtime {asked!r}; choose from {', '.join(among)}.")
    if asked == "int8" and not ranges:
        raise OptionError("These weights were not measured for 8 bits; choose the runtime openvino or torch.")
    if asked == "cuda" and not gpu:
        raise OptionError("The runtime cuda needs an NVIDIA GPU that PyTorch can use, and there is none here.")
    if asked in ("openvino", "int8") and not installed:
        raise OptionError(
            f"The runtime {asked} needs OpenVINO, which is not installed: pip install 'living-portraits[fast]'."
        )
    return asked


@functools.cache
def adds_bytes() -> bool:
    """Whether this processor sums products of bytes in 32 bits (VNNI).

    Others do it in 16, which overflow, and gain less time. Older versions of PyTorch cannot tell.
    """
    known: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(known.get(name) for name in ("avx_vnni", "avx512_vnni", "amx_int8"))


def compiled(
    net: nn.Module,
    example: Sequence[Tensor],
    *,
    runtime: str,
    ranges: Ranges | None = None,
    threads: int | None = None,
    any_side: bool = False,
) -> Function:
    """A function that computes `net(*inputs)` for inputs of `example`'s shapes; see `batches`.

    Args:
        net: takes tensors and gives a tuple of tensors.
        example: one of each input.
        runtime: one of `RUNTIMES`, see `choose`.
        ranges: for "int8".
        threads: processor cores to use; None: all.
        any_side: pictures may be higher and wider than the example's, or less so.
    """
    net = net.eval()
    if runtime == "torch":
        return torch.inference_mode()(net)
    if runtime == "cuda":
        return _GPU(net)
    return _OpenVINO(net, tuple(example), threads, ranges if runtime == "int8" else None, any_side=any_side)


def batches(runtime: str, frames: int) -> Iterator[range]:
    """Which of a film's frames an engine had better ask for at once, along the first axis of every input."""
    size = TOGETHER if runtime == "cuda" and frames > LIVE else 1
    for first in range(0, frames, size):
        yield range(first, min(first + size, frames))


class UncompiledWarning(UserWarning):
    """PyTorch could not compile for this GPU: it needs a C++ compiler and Triton, which not every system has."""


class _GPU:
    """A network on a GPU in half precision: convolutions and products; what is delicate stays single (autocast)."""

    def __init__(self, net: nn.Module, *, device: str = "cuda", compiles: bool = True) -> None:
        self._device = torch.device(device)
        self._own = copy.deepcopy(net).to(self._device)
        self._run: Callable[..., tuple[Tensor, ...]] = torch.compile(self._own) if compiles else self._own
        self._half = torch.float16 if self._device.type == "cuda" else torch.bfloat16

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        count = len(inputs[0])
        # Two shapes alone are ever compiled: one frame, and a full batch.
        whole = [_padded(each, 1 if count == 1 else max(TOGETHER, count)).to(self._device) for each in inputs]
        with torch.inference_mode(), torch.autocast(self._device.type, dtype=self._half):
            found = self._computed(whole)
        return tuple(each[:count].float().cpu() for each in found)

    def _computed(self, whole: Sequence[Tensor]) -> tuple[Tensor, ...]:
        from torch._dynamo.exc import TorchDynamoException

        try:
            return self._run(*whole)
        except TorchDynamoException as error:
            if self._run is self._own:
                raise
            reason = str(error).strip().splitlines()[0]
            tell(UncompiledWarning(f"The network runs uncompiled on this GPU, which is slower ({reason})."))
            self._run = self._own
            return self._run(*whole)


def _padded(batch: Tensor, count: int) -> Tensor:
    """The last of a batch repeated until there are `count`."""
    missing = count - len(batch)
    return torch.cat([batch, batch[-1:].expand(missing, *batch.shape[1:])]) if missing > 0 else batch


def folder() -> Path:
    """Where compiled networks are kept: `$LIVING_PORTRAITS_COMPILED`, or ~/.cache/living-portraits/compiled."""
    return Path(os.environ.get(FOLDER_VARIABLE) or Path.home() / ".cache" / "living-portraits" / "compiled")


@functools.cache
def _core() -> Any:
    """OpenVINO, once for the process and never let go of.

    Where the processor multiplies tiles (AMX), OpenVINO gives the thread that first compiles a stack of its own for
    signals, and takes the memory back when its last network goes, in whichever thread: Ctrl-C then ends in a crash.
    """
    import openvino

    return openvino.Core()


class _OpenVINO:
    """A network compiled for this processor."""

    def __init__(
        self,
        net: nn.Module,
        example: tuple[Tensor, ...],
        threads: int | None,
        ranges: Ranges | None,
        *,
        any_side: bool = False,
    ) -> None:
        import openvino

        core = _core()
        # Left to itself, OpenVINO computes in bfloat16 where the processor can.
        settings: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        if threads is not None:
            settings["INFERENCE_NUM_THREADS"] = threads
        shapes = [_shape(each, any_side=any_side) for each in example]
        path = folder() / f"{_fingerprint(net, shapes, openvino.__version__, ranges)}.xml"
        model = _kept(core, path)
        if model is None:
            model = _converted(net, example, shapes)
            if ranges:
                _round(model, ranges)
            _keep(model, path)
        self._run = core.compile_model(model, "CPU", settings)
        self._turn = Lock()  # it has one place for outputs, and two faces of a film ask for it from two threads

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        given = [np.ascontiguousarray(each.numpy(force=True)) for each in inputs]
        with self._turn:
            found = self._run(given)
            return tuple(torch.from_numpy(found[i].copy()) for i in range(len(found)))


def _shape(tensor: Tensor, *, any_side: bool) -> tuple[int, ...]:
    """-1 where any number will do."""
    return (*tensor.shape[:-2], -1, -1) if any_side and tensor.ndim > 2 else tuple(tensor.shape)


def _converted(net: nn.Module, example: tuple[Tensor, ...], shapes: Sequence[tuple[int, ...]]) -> "object":
    """Traced, and handed to OpenVINO by its front end: the command that does both would call home."""
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    front = FrontEndManager().load_by_framework("pytorch")
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # OpenVINO traces in a way that PyTorch means to give up
        decoder = TorchScriptPythonDecoder(net, example_input=example)
    model = front.convert(front.load(decoder))
    model.reshape({port: list(shape) for port, shape in zip(model.inputs, shapes, strict=True)})
    return model


def _round(model: "object", ranges: Ranges) -> None:
    """`quantised`, in OpenVINO's own graph: it finds 8-bit convolutions only where their ranges are plain numbers.

    Layers that it does not run, as those that see a source once, may have ranges, too. Raises KeyError if all are such.
    """
    import openvino
    from openvino import opset13 as ops

    assert isinstance(model, openvino.Model)
    left = dict(ranges)
    for node in model.get_ordered_ops():
        name = node.get_friendly_name().split("/")[0].removeprefix("__module.")
        if node.get_type_name() != "Convolution" or name not in left:
            continue
        scale, zero = steps_of(*left.pop(name))
        low, high = np.float32(-zero * scale), np.float32((255 - zero) * scale)
        weight = node.input_value(1).get_node().get_data()
        peaks = np.maximum(np.abs(weight).max(axis=(1, 2, 3), keepdims=True), np.float32(SMALLEST))
        inputs = ops.fake_quantize(node.input_value(0), low, high, low, high, levels=256)
        weights = ops.fake_quantize(node.input_value(1), -peaks, peaks, -peaks, peaks, levels=255)
        node.input(0).replace_source_output(inputs.output(0))
        node.input(1).replace_source_output(weights.output(0))
    if len(left) == len(ranges):
        raise KeyError(f"no convolution of the network is called {' or '.join(left)}")
    model.validate_nodes_and_infer_types()


def _fingerprint(net: nn.Module, shapes: Sequence[tuple[int, ...]], version: str, ranges: Ranges | None) -> str:
    """The same for the same network, code and all, shapes, version and ranges alone."""
    rounded = sorted(ranges.items()) if ranges else None
    told = hashlib.sha256(f"{version} {torch.__version__} {net} {shapes} {_MADE} {rounded}".encode())
    for name, value in net.state_dict().items():
        told.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    for file in sorted(set(_sources(net))):
        told.update(file.read_bytes())
    return told.hexdigest()[:32]


def _sources(net: nn.Module) -> Iterator[Path]:
    """The files in which the network's own layers are defined; those of PyTorch change with its version."""
    for kind in {type(layer) for layer in net.modules()}:
        if not kind.__module__.startswith("torch."):
            with contextlib.suppress(TypeError, OSError):  # defined in a notebook
                yield Path(inspect.getfile(kind)).resolve(strict=True)


def _kept(core: "object", path: Path) -> "object | None":
    if not path.is_file():
        return None
    try:
        with contextlib.suppress(OSError):
            os.utime(path)  # in use: what has not been for longest goes first
        return core.read_model(path)  # type: ignore[attr-defined]
    except RuntimeError:  # damaged: it is made again
        return None


def _keep(model: "object", path: Path) -> None:
    """Written whole or not at all; a folder that cannot be written to costs time at the next start, nothing else."""
    import openvino

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as beside:
            openvino.save_model(model, Path(beside) / path.name, compress_to_fp16=False)
            os.replace(Path(beside) / f"{path.stem}.bin", path.with_suffix(".bin"))
            os.replace(Path(beside) / path.name, path)
        for old in sorted(path.parent.glob("*.xml"), key=lambda each: each.stat().st_mtime)[:-_AT_MOST]:
            old.unlink(missing_ok=True)
            old.with_suffix(".bin").unlink(missing_ok=True)
    except (OSError, RuntimeError):
        return
