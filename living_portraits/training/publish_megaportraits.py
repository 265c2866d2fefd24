"""A snapshot of the recipe `megaportraits` or `enhancer`, made ready to be shipped.

python -m living_portraits.training.publish_megaportraits SNAPSHOT OUT

A base that hears never reads a pose from pixels in use: the tracker's is at hand. Its own stays for those who want it.
"""

import sys
from pathlib import Path

from living_portraits import weights
from living_portraits.engines.megaportraits.engine import read_base
from living_portraits.engines.megaportraits.enhancer import read_enhancer
from living_portraits.training.publishing import publishing


def publish(snapshot: Path, out: Path) -> None:
    """Writes the network in half precision; WeightsError for a file that is no such snapshot."""
    config, state = weights.read(snapshot)
    readable = read_enhancer if config.get("recipe") == "enhancer" else read_base
    readable(snapshot)
    weights.write(out, config=config, state={name: value.half() for name, value in state.items()})


def main() -> int:
    """The command."""
    return publishing("publish_megaportraits", ("snapshot", "out"), publish)


if __name__ == "__main__":
    sys.exit(main())
