"""The notebooks keep the rules of the house, and do what they say: nbval runs them all and compares checked cells."""

import ast
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
CHECKED = "nbval-check-output"
NETWORK = {"urllib", "requests", "http", "socket", "httpx", "torchvision", "huggingface_hub"}
MAY_IMPORT = {"living_portraits", "ipywidgets", "numpy", "torch"}

Notebook = dict[str, Any]


def problems(notebook: Notebook, *, size: int, neighbours: set[str]) -> list[str]:
    """Every rule that a notebook breaks, one sentence each."""
    cells = notebook["cells"]
    code = [(number, cell) for number, cell in enumerate(cells) if cell["cell_type"] == "code"]
    found = [] if size < 300_000 else [f"it has {size} bytes"]
    found += [f"it has {len(code)} code cells"] if len(code) > 20 else []
    for number, cell in code:
        found += [f"cell {number}: {problem}" for problem in _cell_problems(cell)]
    if not any(CHECKED in cell["metadata"].get("tags", []) for _, cell in code):
        found.append("no cell is checked")
    return found + _frame_problems("".join(cells[0]["source"]), "".join(cells[-1]["source"]), neighbours)


def _cell_problems(cell: Notebook) -> list[str]:
    source = "".join(cell["source"])
    lines = [line for line in source.splitlines() if line.strip()]
    found = [f"{len(lines)} lines"] if len(lines) > 12 else []
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno + 1 > 5:
            found.append(f"the function {node.name} is longer than 5 lines")
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found += [f"imports {name}" for name in names if name.split(".")[0] not in MAY_IMPORT]
    found += [f"{mark!r} is no part of a lesson" for mark in ("!", "%") if re.search(rf"^\s*{mark}\w", source, re.M)]
    checked = CHECKED in cell["metadata"].get("tags", [])
    if checked and not cell["outputs"]:
        found.append("it is checked, but there is no output to hold it against: run notebooks/refresh.py")
    if not checked and cell["outputs"]:
        found.append("its output is kept, but it is not checked: run notebooks/refresh.py")
    if checked and any(output["output_type"] != "stream" for output in cell["outputs"]):
        found.append("a checked cell prints facts and nothing else")
    if bool(cell["execution_count"]) != bool(cell["outputs"]):
        found.append("only what has an output was run: run notebooks/refresh.py")
    return found


def _frame_problems(first: str, last: str, neighbours: set[str]) -> list[str]:
    """What the first cell says of the lesson, and where the last one leads."""
    found = []
    if not first.startswith("# ") or "**You will learn**" not in first or "to run" not in first:
        found.append("the first cell says what is learned and how long it takes")
    if not last.startswith("**Next:**") or "**Exercises**" not in last:
        found.append("the last cell links the next notebook and sets exercises")
    if re.findall(r"^\d\. ", last, re.M) != ["1. ", "2. "]:
        found.append("there are two exercises")
    links = set(re.findall(r"\]\(([^)]+\.ipynb)\)", last))
    return found + [f"the link to {name} is dead" for name in sorted(links - neighbours)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_keep_the_rules(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert problems(notebook, size=path.stat().st_size, neighbours={other.name for other in NOTEBOOKS}) == []


def test_each_lesson_leads_to_the_next() -> None:
    for path, following in pairwise(NOTEBOOKS):
        last = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][-1]["source"])
        assert re.findall(r"\]\(([^)]+\.ipynb)\)", last)[0] == following.name, path.name


def _cell(source: str = "print(1)", *, tags: tuple[str, ...] = (), printed: str = "") -> Notebook:
    outputs = [{"output_type": "stream", "name": "stdout", "text": printed}] if printed else []
    return {
        "cell_type": "code", "source": source, "metadata": {"tags": list(tags)}, "outputs": outputs,
        "execution_count": 1 if printed else None,
    }  # fmt: skip


_FIRST = {"cell_type": "markdown", "source": "# 0\n\n**You will learn** much. A minute to run."}
_LAST = {"cell_type": "markdown", "source": "**Next:** [1](1.ipynb)\n\n**Exercises**\n\n1. One\n2. Two\n"}
_GOOD = _cell(tags=(CHECKED,), printed="1\n")


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([_FIRST, _GOOD, _LAST], None),
        ([_FIRST, *[_GOOD] * 21, _LAST], "21 code cells"),
        ([_FIRST, _GOOD, _cell("a = 1\n" * 13), _LAST], "13 lines"),
        ([_FIRST, _GOOD, _cell("def f():\n" + "    a = 1\n" * 5), _LAST], "longer than 5"),
        ([_FIRST, _GOOD, _cell("import requests"), _LAST], "imports requests"),
        ([_FIRST, _GOOD, _cell("from matplotlib import pyplot"), _LAST], "imports matplotlib"),
        ([_FIRST, _GOOD, _cell(printed="kept"), _LAST], "not checked"),
        ([_FIRST, _GOOD | {"execution_count": None}, _LAST], "was run"),
        ([_FIRST, _cell(tags=(CHECKED,)), _LAST], "no output"),
        ([_FIRST, _cell(), _LAST], "no cell is checked"),
        ([_FIRST | {"source": "# 0"}, _GOOD, _LAST], "what is learned"),
        ([_FIRST, _GOOD, _LAST | {"source": _LAST["source"].replace("(1", "(2")}], "2.ipynb is dead"),
        ([_FIRST, _GOOD, _LAST | {"source": _LAST["source"].replace("2. ", "")}], "two exercises"),
    ],
)
def test_the_checker_itself(cells: list[Notebook], expected: str | None) -> None:
    found = problems({"cells": cells}, size=1000, neighbours={"1.ipynb"})
    assert len(found) == (expected is not None), found
    assert expected is None or expected in found[0]


def test_a_page_that_is_too_large_is_noticed() -> None:
    assert problems({"cells": [_FIRST, _GOOD, _LAST]}, size=300_000, neighbours={"1.ipynb"}) == ["it has 300000 bytes"]
