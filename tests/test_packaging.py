"""The wheel holds everything that the package needs at run time, and works where there is no clone."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from living_portraits import samples, weights

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the tree as it is, without a network."""
    out = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-index"]
    build = subprocess.run(
        [*pip, "--no-build-isolation", "--no-deps", "--wheel-dir", str(out), str(ROOT)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert build.returncode == 0, build.stderr
    (path,) = out.glob("living_portraits-*.whl")
    return path


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    packed = {name: info.file_size for name, info in _entries(wheel).items()}
    for path in (ROOT / "living_portraits").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert packed.get(path.relative_to(ROOT).as_posix()) == path.stat().st_size, path


def test_the_wheel_holds_the_weights_and_their_licences(wheel: Path) -> None:
    packed = _entries(wheel)
    for file in weights.FILES.values():
        assert packed[f"living_portraits/_weights/{file.file}"].file_size == file.size
    assert "living_portraits/_weights/trackers/LICENSE" in packed
    assert "living_portraits/_weights/trackers/NOTICE.txt" in packed


def test_the_wheel_holds_no_tests_and_stays_small(wheel: Path) -> None:
    top = {name.split("/")[0] for name in _entries(wheel)}
    assert {name for name in top if not name.endswith(".dist-info")} == {"living_portraits"}
    assert wheel.stat().st_size < 100_000_000  # what PyPI takes


def test_the_wheel_says_what_starts_it_and_on_what_terms(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        text = {name.split("/", 1)[1]: name for name in packed.namelist() if ".dist-info/" in name}
        metadata = packed.read(text["METADATA"]).decode()
        assert "living-portraits = living_portraits.cli:main" in packed.read(text["entry_points.txt"]).decode()
    assert "License-Expression: Apache-2.0" in metadata
    assert "Requires-Dist: torch<2.14,>=2.6" in metadata


def test_weights_and_samples_are_found_without_a_clone(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from living_portraits import samples, weights\n"
        "print(*[weights.path(name) for name in sorted(weights.FILES)], samples.mona_lisa, sep='\\n')\n"
        "assert all(path.is_file() for path in [*samples.PORTRAITS.values(), *samples.DRIVERS.values()])\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    ).stdout
    expected = [tmp_path / "living_portraits/_weights" / weights.FILES[name].file for name in sorted(weights.FILES)]
    assert [Path(line) for line in found.splitlines()] == [
        *expected, tmp_path / "living_portraits/samples" / samples.mona_lisa.name,
    ]  # fmt: skip


def _entries(wheel: Path) -> dict[str, zipfile.ZipInfo]:
    with zipfile.ZipFile(wheel) as packed:
        return {info.filename: info for info in packed.infolist()}
