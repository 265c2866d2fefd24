"""Runtimes: each computes what PyTorch computes, 8 bits nearly so, and a damaged cache costs time alone."""

import importlib.util
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn

from living_portraits.errors import OptionError
from living_portraits.nn import process, runtime
from living_portraits.nn.quantise import QuantisedConv, quantised, ranges

needs_openvino = pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed")


class Net(nn.Module):
    """Two inputs, two outputs, a skip and a sampling: what engines are made of."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 8, 3, stride=2, padding=1)

    def forward(self, picture: Tensor, places: Tensor) -> tuple[Tensor, ...]:
        x = torch.relu(self.first(picture))
        fetched = nn.functional.grid_sample(x, places, align_corners=False)
        return fetched, torch.tanh(self.second(x))


class Alone(nn.Module):
    """A tuple, as runtimes want it."""

    def forward(self, found: Tensor) -> tuple[Tensor, ...]:
        return (found,)


def inputs(seed: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, 32, 32, generator=generator) * 2 - 1, torch.rand(1, 8, 8, 2, generator=generator) * 2 - 1


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(runtime.FOLDER_VARIABLE, str(tmp_path / "compiled"))
    return tmp_path / "compiled"


def measured(net: nn.Module) -> dict[str, tuple[float, float]]:
    return ranges(net, lambda: [net(*inputs(seed)) for seed in range(4)])


def gpu_like(net: nn.Module):
    """What runs on a GPU, on the processor."""
    return runtime._GPU(net, device="cpu", compiles=False)


@pytest.mark.parametrize("count", [1, 3, runtime.TOGETHER, runtime.TOGETHER + 2])
def test_a_gpu_computes_nearly_what_torch_does_however_many_frames_there_are(count):
    net, seen = Net().eval(), []
    net.first.register_forward_hook(lambda layer, given, found: seen.append((len(found), found.dtype)))
    batch = [torch.cat(each) for each in zip(*(inputs(seed) for seed in range(count)), strict=True)]
    with torch.no_grad():
        expected = net(*batch)
    for one, other in zip(gpu_like(net)(*batch), expected, strict=True):
        assert one.dtype == torch.float32 and len(one) == count
        assert (one - other).abs().max() < 0.02 * other.abs().max()
    whole = 1 if count == 1 else max(count, runtime.TOGETHER)  # two shapes, so that nothing is compiled a third time
    assert seen == [(count, torch.float32), (whole, torch.bfloat16)]


UNCOMPILED = """
import warnings
import torch
from living_portraits.nn import runtime

class Net(torch.nn.Module):
    def forward(self, x):
        return (x + 1,)

run = runtime._GPU(Net(), device="cpu")
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always", runtime.UncompiledWarning)
    found = [run(torch.zeros(1, 4))[0].tolist() for _ in range(2)]
print(found, *(each.message for each in told if each.category is runtime.UncompiledWarning), sep="|")
"""


def test_a_gpu_that_nothing_can_be_compiled_for_computes_all_the_same(tmp_path):
    nowhere = os.environ | {"CXX": "/nowhere/c++", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", UNCOMPILED], env=nowhere, capture_output=True, text=True, check=True)
    found, *told = done.stdout.split("|")
    assert found == str(2 * [[[1.0, 1.0, 1.0, 1.0]]])
    assert len(told) == 1 and told[0].startswith("The network runs uncompiled on this GPU")  # told once


def test_frames_are_asked_for_together_where_that_is_quicker():
    assert list(runtime.batches("torch", 3)) == [range(0, 1), range(1, 2), range(2, 3)]
    assert list(runtime.batches("cuda", 11)) == [range(8), range(8, 11)]
    assert list(runtime.batches("cuda", 2)) == [range(0, 1), range(1, 2)]  # a live portrait wants the first alone


@needs_openvino
def test_openvino_computes_what_torch_does():
    net = Net()
    function = runtime.compiled(net, inputs(), runtime="openvino", threads=1)
    for seed in (1, 2):
        with torch.no_grad():
            expected = net(*inputs(seed))
        for one, other in zip(function(*inputs(seed)), expected, strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


FREED_ELSEWHERE = """
import os, signal, threading, torch
from living_portraits.nn import runtime

signal.signal(signal.SIGTERM, lambda *told: print("heard"))
kept = [runtime.compiled(torch.nn.Conv2d(1, 1, 3), (torch.zeros(1, 1, 8, 8),), runtime="openvino")]
gone = threading.Thread(target=kept.clear)
gone.start()
gone.join()
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_signal_is_heard_after_a_network_went_in_another_thread() -> None:
    """On processors with AMX it ended the process: see `runtime._core`."""
    pytest.importorskip("openvino")
    done = subprocess.run([sys.executable, "-c", FREED_ELSEWHERE], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "heard"), done.stderr


@needs_openvino
def test_two_threads_may_ask_at_once():
    """As two faces of one film do."""
    net = Net().eval()
    function = runtime.compiled(net, inputs(), runtime="openvino", threads=1)
    given = [inputs(seed) for seed in range(4)]
    with torch.no_grad(), ThreadPoolExecutor(4) as pool:
        expected = [net(*one) for one in given]
        found = list(pool.map(lambda number: function(*given[number % 4]), range(80)))
    for number, each in enumerate(found):
        for one, other in zip(each, expected[number % 4], strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


@needs_openvino
def test_openvino_takes_pictures_of_any_side_where_that_is_asked_for():
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.InstanceNorm2d(4), Alone())
    function = runtime.compiled(net, (torch.zeros(1, 3, 32, 32),), runtime="openvino", any_side=True)
    for height, width in ((32, 32), (16, 48)):
        picture = torch.rand(1, 3, height, width)
        with torch.no_grad():
            torch.testing.assert_close(function(picture)[0], net(picture)[0], atol=1e-5, rtol=1e-4)


@needs_openvino
def test_eight_bits_compute_what_the_rounded_network_does():
    net = Net()
    found = measured(net)
    function = runtime.compiled(net, inputs(), runtime="int8", ranges=found, threads=1)
    with torch.no_grad():
        rounded, exact = quantised(net, found)(*inputs(2)), net(*inputs(2))
    for one, other, true in zip(function(*inputs(2)), rounded, exact, strict=True):
        step = float(true.abs().max()) / 64  # where a value lies between two steps, either is right
        assert (one - other).abs().max() < step
        assert 1e-5 < (one - true).abs().mean() < 0.02 * true.abs().max()


@needs_openvino
def test_eight_bits_are_eight_bits():
    net = Net()

    def kinds(kind):
        run = runtime.compiled(net, inputs(), runtime=kind, ranges=measured(net), threads=1)._run
        layers = [op.get_rt_info() for op in run.get_runtime_model().get_ops()]
        return {str(told["runtimePrecision"]) for told in layers if str(told["layerType"]) == "Convolution"}

    assert kinds("openvino") <= {"f32", "f16", "bf16"} and kinds("int8") <= {"i8", "u8"}


@needs_openvino
def test_ranges_of_another_network_are_refused():
    with pytest.raises(KeyError, match="third"):
        runtime.compiled(Net(), inputs(), runtime="int8", ranges={"third": (0.0, 1.0)})


@needs_openvino
def test_a_compiled_network_is_kept_and_found_again(cache, monkeypatch):
    net = Net()
    first = runtime.compiled(net, inputs(), runtime="openvino")(*inputs(2))
    assert sorted(path.suffix for path in cache.iterdir()) == [".bin", ".xml"]
    monkeypatch.setattr(runtime, "_converted", lambda *_: pytest.fail("converted again"))
    again = runtime.compiled(Net(), inputs(), runtime="openvino")(*inputs(2))
    torch.testing.assert_close(first, again)
    net.first.bias.data += 1  # another network must not be taken for it
    with pytest.raises(pytest.fail.Exception):
        runtime.compiled(net, inputs(), runtime="openvino")


@needs_openvino
def test_another_version_of_the_code_is_compiled_anew(cache, tmp_path, monkeypatch):
    def net(result: str) -> torch.nn.Module:
        file = tmp_path / "made_up_net.py"
        file.write_text(f"import torch\n\nclass Own(torch.nn.Module):\n    def forward(self, x): return ({result},)\n")
        spec = importlib.util.spec_from_file_location("made_up_net", file)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "made_up_net", module)
        spec.loader.exec_module(module)
        return module.Own()

    given = torch.ones(1, 3, 8, 8)
    for result, expected in (("x + 1", 2.0), ("x * 4.0", 4.0)):
        [found] = runtime.compiled(net(result), (given,), runtime="openvino")(given)
        assert torch.equal(found, torch.full_like(given, expected))


@needs_openvino
def test_what_was_not_used_for_longest_is_not_kept(cache, monkeypatch):
    monkeypatch.setattr(runtime, "_AT_MOST", 2)
    nets = [Net() for _ in range(3)]
    for bias, net in enumerate(nets):
        net.first.bias.data.fill_(bias)

    def use(net: Net) -> set[str]:
        runtime.compiled(net, inputs(), runtime="openvino")
        return {path.stem for path in cache.iterdir()}

    first = use(nets[0])
    second = use(nets[1]) - first
    for path in cache.iterdir():
        os.utime(path, (1000, 1000) if path.stem in first else (2000, 2000))
    use(nets[0])  # used again: now the second is the one that waits
    third = use(nets[2]) - first - second
    assert {path.stem for path in cache.iterdir()} == first | third and len(list(cache.iterdir())) == 4


@needs_openvino
@pytest.mark.parametrize("damage", ["cut", "unwritable"])
def test_a_cache_that_does_not_work_costs_time_alone(cache, damage):
    net = Net()
    if damage == "cut":
        runtime.compiled(net, inputs(), runtime="openvino")
        for path in cache.iterdir():
            path.write_bytes(path.read_bytes()[:100])
    else:
        cache.write_text("a file where the folder should be")
    with torch.no_grad():
        expected = net(*inputs())
    torch.testing.assert_close(
        runtime.compiled(net, inputs(), runtime="openvino")(*inputs())[1], expected[1], atol=1e-5, rtol=1e-4
    )


def test_torch_is_the_network_itself():
    net = Net()
    with torch.no_grad():
        expected = net(*inputs())
    found = runtime.compiled(net, inputs(), runtime="torch")(*inputs())
    assert torch.equal(found[0], expected[0]) and not found[0].requires_grad


def test_pytorch_runs_what_nobody_asked_to_run_elsewhere(monkeypatch):
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda name: object())
    assert runtime.choose(ranges={"first": (0.0, 1.0)}) == "torch"
    assert runtime.choose("int8", ranges={"first": (0.0, 1.0)}) == "int8"


@pytest.mark.parametrize(
    ("trains", "installed", "expected"),
    [(True, True, "torch"), (False, True, "openvino"), (False, False, "torch")],
)
def test_openvino_is_taken_unasked_where_nothing_is_trained(monkeypatch, trains, installed, expected):
    monkeypatch.setattr(process, "may_train", lambda: trains)
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda name: object() if installed else None)
    assert runtime.choose() == expected


@pytest.mark.parametrize(
    ("processor", "ranges", "among", "expected"),
    [
        ({"avx2": True, "avx512_vnni": True}, {"first": (0.0, 1.0)}, runtime.RUNTIMES, "int8"),
        ({"avx2": True, "avx_vnni": False}, {"first": (0.0, 1.0)}, runtime.RUNTIMES, "openvino"),
        ({"avx512_vnni": True}, None, runtime.RUNTIMES, "openvino"),
        ({"avx512_vnni": True}, {"first": (0.0, 1.0)}, ("torch", "openvino"), "openvino"),
        (None, {"first": (0.0, 1.0)}, runtime.RUNTIMES, "openvino"),  # an older PyTorch
    ],
)
def test_eight_bits_are_taken_unasked_where_they_cost_nothing(monkeypatch, processor, ranges, among, expected):
    monkeypatch.setattr(process, "may_train", lambda: False)
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda name: object())
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    if processor is not None:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: processor, raising=False)
    runtime.adds_bytes.cache_clear()
    assert runtime.choose(ranges=ranges, among=among) == expected
    runtime.adds_bytes.cache_clear()


@pytest.mark.parametrize("trains", [True, False])
def test_a_gpu_is_taken_unasked(monkeypatch, trains):
    monkeypatch.setattr(process, "may_train", lambda: trains)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert runtime.choose() == runtime.choose("cuda") == "cuda"
    assert runtime.choose(among=("torch",)) == "torch"  # an engine that does not know what to do with it


def test_commands_that_make_films_say_so():
    code = (
        "import sys; from living_portraits import cli; from living_portraits.nn import process\n"
        "told = [process.may_train()]\n"
        "for line in ('dance judge --target none.mp4 --dancers nobody', 'dance --out none.mp4 --identity nobody'):\n"
        "    cli.main(line.split()); told.append(process.may_train())\n"
        "print(told)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[True, True, False]"


@pytest.mark.parametrize(
    ("asked", "installed", "sentence"),
    [
        ("tpu", True, "choose from torch, openvino, int8, cuda"),
        ("cuda", True, "needs an NVIDIA GPU"),
        ("int8", True, "not measured"),
        ("openvino", False, "fast"),
    ],
)
def test_what_cannot_be_had_is_said(monkeypatch, asked, installed, sentence):
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda name: object() if installed else None)
    with pytest.raises(OptionError, match=sentence):
        runtime.choose(asked)


# --- 8 bits -----------------------------------------------------------------------------------------------------------


def test_ranges_of_what_was_not_run_are_refused():
    with pytest.raises(ValueError, match="none was run"):
        ranges(Net(), lambda: None)


def test_ranges_are_of_what_reaches_each_convolution():
    net = Net()
    found = measured(net)
    assert set(found) == {"first", "second"}
    assert found["first"] == pytest.approx((-1.0, 1.0), abs=0.01)
    assert found["second"][0] == 0.0 and 0.2 < found["second"][1] < 2  # behind a ReLU
    assert not net.first._forward_pre_hooks


def test_what_is_rare_counts_in_a_range():
    """An open mouth is a few pixels of few films."""
    net, pictures = nn.Sequential(nn.Conv2d(1, 1, 1)), torch.zeros(3, 1, 1, 128, 128)
    pictures[1, ..., 77, 31], pictures[2, ..., 4, 5] = 5.0, -0.5
    assert ranges(net, lambda: [net(each) for each in pictures]) == {"0": (-0.5, 5.0)}


def test_rounding_leaves_the_network_as_it_was_and_what_is_not_named():
    net = Net()
    before = net.first.weight.clone()
    rounded = quantised(net, {"first": (-1.0, 1.0)})
    assert torch.equal(net.first.weight, before) and isinstance(net.first, nn.Conv2d)
    assert isinstance(rounded.first, QuantisedConv) and isinstance(rounded.second, nn.Conv2d)
    weight = rounded.first.conv.weight
    steps = weight / rounded.first.steps.view(-1, 1, 1, 1)
    torch.testing.assert_close(steps, steps.round(), atol=1e-3, rtol=0)
    assert float(steps.detach().abs().max()) == pytest.approx(127, abs=1e-3)


def test_what_lies_outside_the_range_is_held_at_its_end():
    layer = QuantisedConv(nn.Conv2d(1, 1, 1, bias=False), -1.0, 1.0)
    with torch.no_grad():
        layer.conv.weight.fill_(1.0)
        layer.steps.fill_(1 / 127)
        found = layer(torch.tensor([-5.0, -0.5, 0.0, 0.5, 5.0]).view(1, 1, 1, 5)).flatten()
    torch.testing.assert_close(found, torch.tensor([-1.0, -0.5, 0.0, 0.5, 1.0]), atol=0.01, rtol=0)


def test_only_convolutions_are_rounded():
    with pytest.raises(TypeError, match="not a Conv2d"):
        quantised(nn.Sequential(nn.ReLU()), {"0": (0.0, 1.0)})
