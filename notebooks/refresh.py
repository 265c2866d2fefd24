"""Runs notebooks afresh and keeps what checked cells print, and nothing else: nbval holds every run against it.

python notebooks/refresh.py [FILE ...]      all of them, unless some are named
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import start_new_kernel
from nbformat import NotebookNode

FOLDER = Path(__file__).parent
CHECKED = "nbval-check-output"
"""The tag of a cell that must print the same again."""

PATIENCE = 600  # seconds for a cell

Hear = Callable[[int, dict[str, Any]], None]
"""Told the number of a cell and each message that comes of it."""


def refresh(path: Path, *, hear: Hear | None = None) -> None:
    """Runs one notebook in its own folder and writes it back; raises RuntimeError where a cell fails."""
    notebook = nbformat.read(path, as_version=4)
    # Not by nbclient, which plays the page to the kernel's widgets and loses replies over it.
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(path.parent))
    try:
        for number, cell in enumerate(notebook.cells):
            if cell.cell_type == "code":
                cell.outputs = _printed(client, cell.source, lambda message, n=number: hear and hear(n, message))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    strip(notebook)
    nbformat.write(notebook, path)


def _printed(client: Any, source: str, hear: Callable[[dict[str, Any]], object]) -> list[NotebookNode]:
    """What a cell prints, as outputs: one or none."""
    text: list[str] = []

    def listen(message: dict[str, Any]) -> None:
        hear(message)
        kind, content = message["msg_type"], message["content"]
        if kind == "error":
            raise RuntimeError("\n".join(content["traceback"]))
        if kind == "stream" and content["name"] == "stdout":
            text.append(content["text"])

    client.execute_interactive(source, timeout=PATIENCE, output_hook=listen)
    return [nbformat.v4.new_output("stream", name="stdout", text="".join(text))] if text else []


def strip(notebook: NotebookNode) -> None:
    """Takes out all but what checked cells print, in place."""
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    for number, cell in enumerate(notebook.cells, 1):
        tags = cell.metadata.get("tags", [])
        cell.metadata = {"tags": tags} if tags else {}
        if cell.cell_type == "code":
            cell.outputs = cell.outputs if CHECKED in tags else []
            cell.execution_count = number if cell.outputs else None  # nbval trusts outputs of cells that were run


if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(FOLDER.glob("*.ipynb")):
        print(name)
        refresh(Path(name).resolve())
