"""Model files are found, verified and read back as they were written."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from living_portraits import weights
from living_portraits.engines.talking_head import person as persons
from living_portraits.errors import WeightsError
from living_portraits.training.publishing import pathless


@pytest.mark.parametrize("name", sorted(weights.FILES))
def test_every_file_is_there_and_hashes_to_what_the_registry_says(name: str) -> None:
    path = weights.path(name)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == weights.FILES[name].sha256
    assert path.stat().st_size == weights.FILES[name].size


@pytest.mark.parametrize("name", sorted(name for name in weights.FILES if weights.path(name).suffix == ".safetensors"))
def test_no_file_tells_of_the_folders_where_it_was_trained(name: str) -> None:
    config, _ = weights.read(weights.path(name))
    told = [value for value in config.get("train", {}).values() if isinstance(value, str)]
    assert not [value for value in told if "/" in value or "\\" in value]


def test_a_config_calls_files_by_their_names_alone() -> None:
    told = {"start": "/home/a/net.pt", "begin": "runs/b.safetensors", "other": "C:\\c\\d.pt", "lr": 0.1, "kind": "far"}
    config = pathless({"recipe": "x", "train": told})
    assert config == {
        "recipe": "x",
        "train": {"start": "net.pt", "begin": "b.safetensors", "other": "d.pt", "lr": 0.1, "kind": "far"},
    }


@pytest.mark.parametrize("who", ["talking-head/mona_lisa", "drawn-head/mona_lisa"])
def test_people_who_come_along_fit_the_networks_that_do(who: str) -> None:
    person = persons.read(weights.path(who), base=weights.path(who.partition("/")[0]))
    assert person.changes and person.picture is not None


@pytest.mark.parametrize("name", sorted(weights.FILES))
def test_terms_lie_beside_every_file(name: str) -> None:
    beside = weights.path(name).parent
    if beside.name == "trackers":  # Google's
        assert "Apache License" in (beside / "LICENSE").read_text(encoding="utf-8")
        assert "Google LLC" in (beside / "NOTICE.txt").read_text(encoding="utf-8")
        return
    card = (beside / "README.md").read_text(encoding="utf-8")
    for part in ("## What it is for", "## Trained on", "## How", "## How well", "## Limits"):
        assert f"\n{part}\n" in card, f"the model card of {name} lacks {part!r}"
    assert weights.FILES[name].file.rpartition("/")[2] in card


def test_the_folder_holds_nothing_unregistered() -> None:
    known = {file.file for file in weights.FILES.values()}
    binary = {".task", ".safetensors", ".onnx", ".pt", ".tflite"}
    found = {
        path.relative_to(weights.folder()).as_posix() for path in weights.folder().rglob("*") if path.suffix in binary
    }
    assert found == known


def test_an_unknown_name_is_answered_with_the_choices() -> None:
    with pytest.raises(WeightsError, match=r"'nose_finder': the registry has .*face_landmarker"):
        weights.path("nose_finder")


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weights folder of our own that may be spoiled."""
    shutil.copytree(weights.folder(), tmp_path / "weights")
    monkeypatch.setattr(weights, "folder", lambda: tmp_path / "weights")
    return tmp_path / "weights" / weights.FILES["face_landmarker"].file


def test_a_missing_file_is_named_with_its_folder(copied: Path) -> None:
    copied.unlink()
    with pytest.raises(WeightsError) as error:
        weights.path("face_landmarker")
    assert "face_landmarker.task is missing" in str(error.value)
    assert str(copied.parent) in str(error.value)


@pytest.mark.parametrize("same_length", [True, False])
def test_a_damaged_file_is_refused(copied: Path, same_length: bool) -> None:
    data = bytearray(copied.read_bytes())
    data[len(data) // 2] ^= 1
    copied.write_bytes(bytes(data) if same_length else bytes(data[:-1]))
    with pytest.raises(WeightsError, match=r"face_landmarker\.task in .* is damaged") as error:
        weights.path("face_landmarker")
    assert str(copied.parent) in str(error.value)


def test_the_hash_is_computed_once_per_process(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights.path("face_landmarker")

    def again(path: Path) -> str:
        raise AssertionError(f"{path} is hashed a second time")

    monkeypatch.setattr(weights, "_sha256", again)
    assert weights.path("face_landmarker") == copied


def test_an_installed_package_prefers_the_weights_inside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "living_portraits"
    package.mkdir()
    monkeypatch.setattr(weights, "__file__", str(package / "weights.py"))
    assert weights.folder() == tmp_path / "weights"
    (package / "_weights").mkdir()
    assert weights.folder() == package / "_weights"


def test_finding_a_file_does_not_import_torch() -> None:
    code = "import sys; from living_portraits import weights; weights.path('face_landmarker'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "living_portraits.weights" in loaded
    assert "torch" not in loaded


def test_config_and_state_come_back_as_written(tmp_path: Path) -> None:
    path = tmp_path / "ein Modell ä.safetensors"
    config = {"width": 16, "norm": "instance", "scales": [1, 2], "deep": {"a": None}}
    state = {"a.weight": torch.arange(6.0).view(2, 3).T, "half": torch.ones(3, dtype=torch.float16)}
    weights.write(path, config=config, state=state)
    found_config, found_state = weights.read(path)
    assert found_config == config
    assert found_state.keys() == state.keys()
    assert all(
        torch.equal(found_state[key], state[key]) and found_state[key].dtype == state[key].dtype for key in state
    )
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name], "a temporary file was left behind"


def _garbage(path: Path) -> None:
    path.write_bytes(b"not a model" * 10)


def _without_config(path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, path)


def _truncated(path: Path) -> None:
    weights.write(path, config={}, state={"a": torch.zeros(100)})
    path.write_bytes(path.read_bytes()[:-10])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: None, r"model\.safetensors is missing from"),
        (_garbage, r"is no safetensors file"),
        (_truncated, r"is no safetensors file"),
        (_without_config, r"carries no config in its header"),
    ],
    ids=["missing", "garbage", "truncated", "no config"],
)
def test_a_file_that_is_no_model_gets_a_sentence(tmp_path: Path, spoil, message: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "model.safetensors"
    spoil(path)
    with pytest.raises(WeightsError, match=message) as error:
        weights.read(path)
    assert str(tmp_path) in str(error.value)


def test_a_folder_that_is_not_there_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"model\.safetensors cannot be written to .*nowhere: No such file"):
        weights.write(tmp_path / "nowhere" / "model.safetensors", config={}, state={})


def test_an_interrupted_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    weights.write(path, config={"version": 1}, state={"a": torch.zeros(1)})

    def interrupted(source: str, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(weights.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        weights.write(path, config={"version": 2}, state={"a": torch.zeros(1)})
    assert weights.read(path)[0] == {"version": 1}
    assert list(tmp_path.iterdir()) == [path]
