"""A snapshot of the recipe `talking-head`, made ready to be shipped: without the table of those it was taught on.

python -m living_portraits.training.publish_talking_head SNAPSHOT OUT

The table W has a column for each person of the training, which nobody new is compared with.
"""

import sys
from pathlib import Path

from living_portraits import weights
from living_portraits.engines.talking_head.engine import read_networks
from living_portraits.training.publishing import pathless, publishing

LEFT_OUT = ("discriminator.columns", "discriminator._extra_state")


def publish(snapshot: Path, out: Path) -> None:
    """Writes embedder, generator, projection and discriminator; WeightsError for a file that is no such snapshot."""
    read_networks(snapshot)
    config, state = weights.read(snapshot)
    weights.write(
        out, config=pathless(config), state={name: value for name, value in state.items() if name not in LEFT_OUT}
    )


def main() -> int:
    """The command."""
    return publishing("publish_talking_head", ("snapshot", "out"), publish)


if __name__ == "__main__":
    sys.exit(main())
