"""A snapshot of the recipe `megaportraits` or `enhancer`, made ready to be shipped.

python -m living_portraits.training.publish_megaportraits SNAPSHOT OUT

The base gets the ranges that 8 bits need, measured with the bundled portraits and drivers.

A base that hears never reads a pose from pixels in use: the tracker's is at hand. Its own stays for those who want it.
"""

import sys
from pathlib import Path

from living_portraits import weights
from living_portraits.engines.megaportraits.engine import MegaPortraits, read_base
from living_portraits.engines.megaportraits.enhancer import read_enhancer
from living_portraits.training.films import gather, moved
from living_portraits.training.publishing import pathless, publishing

_MOMENTS = 8  # of each driver on each portrait


def publish(snapshot: Path, out: Path) -> None:
    """Writes the network in half precision; WeightsError for a file that is no such snapshot."""
    config, state = weights.read(snapshot)
    if config.get("recipe") == "enhancer":
        read_enhancer(snapshot)
    else:
        engine = MegaPortraits(file=snapshot, size=read_base(snapshot).config.size, runtime="torch")
        films = moved(gather("", size=engine.spec.size), moments=_MOMENTS)
        config = config | {"ranges": engine.ranges(films)}
    weights.write(out, config=pathless(config), state={name: value.half() for name, value in state.items()})


def main() -> int:
    """The command."""
    return publishing("publish_megaportraits", ("snapshot", "out"), publish)


if __name__ == "__main__":
    sys.exit(main())
