"""Imports go down only: what each module may know, read from its source, and what a bare import loads."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "living_portraits"
ROOT = Path(__file__).parent.parent / PACKAGE

LEAVES = {
    "align", "begun", "choreographer", "choreography", "detail", "doll", "draw", "eyes", "far_side", "features",
    "film_options", "geometry", "grain", "landmarks68", "lids", "manifest", "matting", "mediapipe_tasks", "memory",
    "mending",
    "metrics", "motion", "motion_file", "mouth", "nn", "notices", "own_teeth", "packed", "people", "pipeline", "places",
    "processes", "provenance", "recent", "restraint", "result", "samples", "skeleton", "smoothing", "stance", "sway",
    "teeth", "tone", "variety", "video", "warp", "watching", "weights",
}  # fmt: skip

# What a module of each layer may import from the package; "engines" stands for the registry, "engines/*" for an engine.
MAY_KNOW: dict[str, set[str]] = {
    "errors": set(),
    "engine": set(),
    "leaf": {"errors", "engine", "leaf"},
    "tracker": {"errors", "engine", "leaf", "tracker"},
    "engines/*": {"errors", "engine", "leaf"},
    "engines": {"errors", "engine", "leaf", "engines/*"},
    "animator": {"errors", "engine", "leaf", "tracker", "engines", "animator"},
    "school": {"errors", "engine", "leaf", "tracker", "engines/*", "engines", "animator", "school"},
    "top": {"errors", "engine", "leaf", "tracker", "engines", "animator", "school", "commands", "top"},
    "commands": {"errors", "engine", "leaf", "tracker", "engines/*", "engines", "animator", "school", "top"},
    "studio": {"errors", "engine", "leaf", "tracker", "engines", "animator", "school", "top"},
}
LAYER_OF: dict[str, str] = {
    "errors": "errors",
    "engine": "engine",
    **dict.fromkeys(LEAVES, "leaf"),
    **dict.fromkeys(("face", "body", "data"), "tracker"),
    **dict.fromkeys(("animator", "driver", "fineness", "portrait"), "animator"),
    **dict.fromkeys(("finetune", "rehearsal", "training"), "school"),  # who teaches a network must know it
    "dancing": "school",  # its engine alone has a dancer's file
    "studio": "studio",
    **dict.fromkeys(("commands", "notebook"), "commands"),  # lessons look into every engine
    **dict.fromkeys(
        ("__init__", "__main__", "batch", "bench", "cli", "demo", "evaluate", "info", "live", "report"),
        "top",
    ),
}
STANDS_ON = {"engines/talking_head": {"engines/guided"}}  # an engine that another one carries pictures for
NEVER_FOR_ENGINES = {"video", "samples", "provenance", "film_options"}  # engines see frames and points, never files

# A library that only one module may import.
ONLY_IN = {
    "av": {"video"},
    "mediapipe": {"face", "body"},
    "face_alignment": {"face"},
    "c2pa": {"provenance"},
    "safetensors": {"weights"},
    "gradio": {"studio"},
    "matplotlib": {"notebook"},
    "ipywidgets": {"notebook"},
}


def _unit(path: Path, root: Path) -> str:
    """The unit a file belongs to: "video", "engines", "engines/puppet"."""
    parts = path.relative_to(root).with_suffix("").parts
    if parts[0] == "engines" and len(parts) > 1 and parts[1] != "__init__":
        return f"engines/{parts[1]}"
    return parts[0]


def _layer(unit: str) -> str:
    if unit == "engines":
        return "engines"
    if unit.startswith("engines/"):
        return "engines/*"
    return LAYER_OF.get(unit, f"unknown layer ({unit})")


def _imports(path: Path, root: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything a file imports, wherever in the file; `from a import b` counts as a.b."""
    package = [root.name, *path.relative_to(root).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = [*base, *(node.module.split(".") if node.module else [])]
            yield from ((node.lineno, ".".join([*stem, alias.name])) for alias in node.names)


def _target(name: str, root: Path) -> str | None:
    """The unit of the package that a dotted name lies in; None for a name of `__init__` or of another package."""
    first, *rest = name.split(".")
    if first != root.name or not rest:
        return None
    if (
        rest[0] == "engines"
        and len(rest) > 1
        and any((root / "engines" / entry).exists() for entry in (rest[1], f"{rest[1]}.py"))
    ):
        return f"engines/{rest[1]}"
    return rest[0] if any((root / entry).exists() for entry in (rest[0], f"{rest[0]}.py")) else "__init__"


def violations(root: Path) -> list[str]:
    """Every import under `root` that goes up or sideways, one sentence each."""
    found = []
    for path in sorted(root.rglob("*.py")):
        unit = _unit(path, root)
        layer = _layer(unit)
        where = path.relative_to(root).as_posix()
        if layer not in MAY_KNOW:
            found.append(f"{where} belongs to no layer: give it one in {Path(__file__).name}")
            continue
        for line, name in _imports(path, root):
            library = name.split(".")[0]
            if library in ONLY_IN and unit not in ONLY_IN[library]:
                found.append(f"{where}:{line} imports {library}, which only {sorted(ONLY_IN[library])} may")
            target = _target(name, root)
            if target is None or target == unit or target in STANDS_ON.get(unit, set()):
                continue
            if _layer(target) not in MAY_KNOW[layer] or (layer == "engines/*" and target in NEVER_FOR_ENGINES):
                found.append(f"{where}:{line} imports {target}, which is not below {layer}")
    return found


def test_imports_go_down_only() -> None:
    assert violations(ROOT) == []


@pytest.mark.parametrize(
    ("file", "source", "expected"),
    [
        ("align.py", "import numpy\nfrom living_portraits.errors import LivingPortraitsError", None),
        ("align.py", "from living_portraits.face import find", "align.py:1 imports face"),
        ("align.py", "import living_portraits.face", "align.py:1 imports face"),
        ("align.py", "from living_portraits import face", "align.py:1 imports face"),
        ("align.py", "from . import face", "align.py:1 imports face"),
        ("align.py", "def later():\n    from .face import find", "align.py:2 imports face"),
        ("align.py", "import living_portraits.engines.puppet", "align.py:1 imports engines/puppet"),
        ("align.py", "from living_portraits import load", "align.py:1 imports __init__"),
        ("errors.py", "from living_portraits.engine import Frame", "errors.py:1 imports engine"),
        ("face/track.py", "from ..video import probe", None),
        ("face/track.py", "from .model import Face", None),
        ("face/track.py", "from ..animator import load", "face/track.py:1 imports animator"),
        ("engines/puppet.py", "from living_portraits import align, geometry", None),
        ("engines/puppet.py", "from . import still", "engines/puppet.py:1 imports engines/still"),
        ("engines/puppet.py", "from living_portraits.engines import create", "engines/puppet.py:1 imports engines,"),
        ("engines/puppet.py", "from living_portraits import video", "engines/puppet.py:1 imports video"),
        ("engines/guided/net.py", "from .blocks import Block", None),
        ("engines/guided/net.py", "from ..puppet import Puppet", "engines/guided/net.py:1 imports engines/puppet"),
        ("engines/__init__.py", "from .puppet import Puppet", None),
        ("engines/__init__.py", "from living_portraits.face import find", "engines/__init__.py:1 imports face"),
        ("animator.py", "from living_portraits import engines, face, video, provenance", None),
        ("animator.py", "from living_portraits.engines.puppet import Puppet", "animator.py:1 imports engines/puppet"),
        ("animator.py", "from living_portraits import cli", "animator.py:1 imports cli"),
        ("cli.py", "from living_portraits import animator, engines, face, samples", None),
        ("align.py", "import av.video", "align.py:1 imports av"),
        ("video/clip.py", "import av", None),
        ("cli.py", "import matplotlib.pyplot as plt", "cli.py:1 imports matplotlib"),
        ("helpers.py", "", "helpers.py belongs to no layer"),
    ],
)  # fmt: skip
def test_the_checker_itself(tmp_path: Path, file: str, source: str, expected: str | None) -> None:
    root = tmp_path / PACKAGE
    tree = ("__init__", "errors", "engine", "align", "geometry", "provenance", "samples/__init__", "video/__init__",
            "video/clip", "face/__init__", "face/model", "engines/__init__", "engines/still", "engines/puppet",
            "engines/guided/__init__", "engines/guided/blocks", "animator", "cli")  # fmt: skip
    for name in tree:
        (root / f"{name}.py").parent.mkdir(parents=True, exist_ok=True)
        (root / f"{name}.py").write_text("")
    (root / file).write_text(source)
    found = violations(root)
    assert len(found) == (expected is not None), found
    assert expected is None or found[0].startswith(expected)


def _modules_after(code: str) -> set[str]:
    run = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        capture_output=True, text=True, check=True, cwd=ROOT.parent,
    )  # fmt: skip
    return set(run.stdout.split())


def test_importing_the_package_loads_no_network_no_tracker_and_no_plotting() -> None:
    loaded = _modules_after("import living_portraits")
    assert PACKAGE in loaded
    heavy = {
        "gradio",
        "matplotlib",
        "mediapipe",
        "face_alignment",
        "numba",
        "torch.nn.functional",
        "torch.nn",
        "IPython",
    }
    assert loaded & heavy == set()


def test_the_samples_need_nothing_but_the_standard_library() -> None:
    loaded = _modules_after("from living_portraits import samples")
    assert f"{PACKAGE}.samples" in loaded
    assert loaded & {"torch", "mediapipe"} == set()
