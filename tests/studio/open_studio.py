"""A studio that runs for tests, and where to find a browser."""

import os
import shutil
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from living_portraits.people import FOLDER_VARIABLE

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 300


@dataclass(frozen=True)
class Server:
    """A studio that is open.

    Attributes:
        url: of its page.
        folder: where it keeps users' files.
        log: what it wrote.
        process: its number.
    """

    url: str
    folder: Path
    log: Path
    process: int


def environment(people: Path) -> dict[str, str]:
    """Without a proxy that would come between a server and a browser of one machine, and with our package first.

    `people` is where those are kept whom an engine has learned.
    """
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return kept | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", FOLDER_VARIABLE: str(people)}


def answers(url: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def chromium() -> str | None:
    """Where this machine's Chromium or Chrome is."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    return next((place for place in map(shutil.which, names) if place), None)
