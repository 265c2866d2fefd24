"""What every command that makes a snapshot ready to be shipped has in common."""

import argparse
import hashlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path, PureWindowsPath
from typing import Any

from living_portraits.errors import LivingPortraitsError


def pathless(config: Mapping[str, Any]) -> dict[str, Any]:
    """A snapshot's config that calls files by their names alone: how folders are called where it was trained concerns
    nobody."""
    train = {
        name: PureWindowsPath(value).name if isinstance(value, str) else value  # which knows both kinds of slashes
        for name, value in config["train"].items()
    }
    return dict(config) | {"train": train}


def publishing(prog: str, places: tuple[str, ...], work: Callable[..., None]) -> int:
    """Runs `work` on the paths that were given for `places`, of which the last is written.

    Prints what the registry of weights needs to know of that file, or one sentence where it could not be made.
    """
    parser = argparse.ArgumentParser(prog=prog, description="A snapshot, ready to be shipped.")
    for name in places:
        parser.add_argument(name, type=Path)
    args = parser.parse_args()
    paths = [getattr(args, name) for name in places]
    try:
        work(*paths)
    except LivingPortraitsError as error:
        print(error, file=sys.stderr)
        return 1
    data = paths[-1].read_bytes()
    print(f"sha256 {hashlib.sha256(data).hexdigest()}, {len(data)} bytes")
    return 0
