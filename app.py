"""The studio in the browser: `python app.py`, or `make app`."""

import argparse
from pathlib import Path
from typing import Any

from living_portraits import studio


def build(folder: Path | None = None) -> Any:
    """The studio's page, as `gr.Blocks`; users' files lie under `folder`, else in a temporary place."""
    return studio.build(folder)


def main() -> None:
    """Opens the studio on this machine, in the browser."""
    parser = argparse.ArgumentParser(description="Opens the studio in the browser.")
    parser.add_argument("--address", default="127.0.0.1", help="0.0.0.0 lets other machines in (default: %(default)s)")
    parser.add_argument("--port", type=int, help="default: the first free one from 7860")
    parser.add_argument(
        "--folder", type=Path, help="users' files lie in a folder in this one for a day (default: a temporary place)"
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_argument("--no-warm-up", action="store_true", help="do not try the engines' speed at the start")
    given = parser.parse_args()
    page = build(given.folder)
    if not given.no_warm_up:
        page.studio.engine_list.warm_up()
    # Gradio's own words at this place advise a public link, which the studio never opens.
    quietly = {"quiet": True, "prevent_thread_lock": True}
    try:
        studio.serve(page, address=given.address, port=given.port, inbrowser=not given.no_browser, **quietly)
    except OSError:
        parser.exit(1, f"The port {given.port or 7860} of {given.address} is taken: give another as --port.\n")
    print(f"The studio is open at {page.local_url} until you press Ctrl-C.", flush=True)
    page.block_thread()


if __name__ == "__main__":
    main()
