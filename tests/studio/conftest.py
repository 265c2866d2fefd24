"""The studio as users meet it: `app.py` in a process of its own, a browser, and scripts."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from open_studio import ROOT, START_SECONDS, Server, answers, chromium, environment


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a dancer and a face are kept, anna and ada, who were taught for no time at all."""
    import bodies
    import few_shot

    from living_portraits import engines, weights
    from living_portraits.engines.dance import dancer

    folder = tmp_path_factory.mktemp("people")
    about = {"name": "anna", "consent": "Anna agreed."}
    dancer.write(folder / "anna.dancer", bodies.lesson().dancer(about, face=True))
    if "talking-head" in engines.available():
        few_shot.keep(folder / "ada.person", base=weights.path("talking-head"), size=256)
    return folder


@pytest.fixture(scope="module")  # one that waits for the whole run to end would take from what comes after
def server(tmp_path_factory: pytest.TempPathFactory, people: Path) -> Iterator[Server]:
    pytest.importorskip("gradio", reason="the studio needs the extra 'app'")

    place = tmp_path_factory.mktemp("studio")
    folder, log = place / "files", place / "log.txt"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    command = [sys.executable, str(ROOT / "app.py"), "--no-browser", "--no-warm-up"]
    command += ["--port", str(port), "--folder", str(folder)]
    with log.open("w") as stream:
        process = subprocess.Popen(command, cwd=place, stdout=stream, stderr=stream, env=environment(people))
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(url):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield Server(url, folder, log, process.pid)
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
    place = chromium()
    if place is None:
        pytest.skip("There is no Chromium on this machine (Debian: apt-get install chromium).")
    with playwright.sync_playwright() as engine:
        found = engine.chromium.launch(
            executable_path=place,
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--disable-gpu"],
        )
        yield found
        found.close()
