"""The scripts that say how the shipped weights were made: what they call takes what it is given today."""

import importlib.util
import os
import subprocess
from pathlib import Path

import pytest

from living_portraits import cli
from living_portraits.commands.train import settings
from living_portraits.training.recipe import configure, find

SCRIPTS = sorted((Path(__file__).parents[1] / "weights" / "recipes").glob("*.sh"))


def calls(script: Path, folder: Path) -> list[list[str]]:
    """What the script would run, each program's name and arguments; nothing is run."""
    log = folder / "calls"
    for name in ("living-portraits", "python", "pip", "unzip"):
        (folder / name).write_text(f"#!/bin/bash\nprintf '%s\\0' {name} \"$@\" >> '{log}'\nprintf '\\n' >> '{log}'\n")
        (folder / name).chmod(0o755)
    path = {"PATH": f"{folder}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-u", script, "the data", folder / "run"], env=path, check=True, capture_output=True)
    return [line.split("\0")[:-1] for line in log.read_text().splitlines()]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_recipe_gives_commands_what_they_take(script, tmp_path) -> None:
    assert script.read_text().startswith("#!/usr/bin/env bash\n") and os.access(script, os.X_OK)
    made = [given for name, *given in calls(script, tmp_path) if name == "living-portraits"]
    assert made
    for words in made:
        given, unknown = cli._parser().parse_known_args(words)
        assert not unknown
        if given.command == "train":
            assert str(given.data) == "the data" and given.minutes > 0
            configure(find(given.recipe).Config, settings(given.settings))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_modules_that_a_recipe_runs_are_there(script, tmp_path) -> None:
    for name, *given in calls(script, tmp_path):
        if name == "python":
            assert given[0] == "-m" and importlib.util.find_spec(given[1])
