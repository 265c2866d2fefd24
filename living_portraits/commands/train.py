"""living-portraits train: teaches the networks of a recipe."""

import argparse
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from living_portraits.errors import OptionError

STOPPED = {"SIGINT": 128 + signal.SIGINT, "SIGTERM": 128 + signal.SIGTERM}
"""Exit codes after a signal; everything is saved then, too."""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """The command's options."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "train",
        help="teach a network, for as many minutes as there are",
        description="Teach the networks of a recipe. Stops when the time is up, at Ctrl-C and at SIGTERM, with "
        "everything saved; --resume goes on exactly there. On several GPUs: torchrun --nproc-per-node N -m "
        "living_portraits train ... (needs the extra 'train').",
        allow_abbrev=False,
    )
    parser.add_argument("recipe", metavar="RECIPE", help="what to train; a wrong name lists them")
    parser.add_argument("--data", type=Path, required=True, metavar="DATASET", help="folder that `prepare` made")
    parser.add_argument("--minutes", type=float, required=True, metavar="N", help="wall-clock budget of this call")
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="folder for the run")
    parser.add_argument("--resume", action="store_true", help="go on with the run in RUN")
    parser.add_argument("--dry-run", action="store_true", help="print what would be done; train and write nothing")
    parser.add_argument("--profile", action="store_true", help="also print the share of the device's measured peak")
    parser.add_argument(
        "--parts", action="store_true", help="also write state and snapshot as files of at most 15 MB each"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="settings",
        help="a setting of the recipe, as --dry-run lists them; may be given often",
    )  # fmt: skip
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Trains, or prints the plan; returns the exit code."""
    began = time.monotonic()  # importing torch is part of the time, too
    from living_portraits.data.dataset import Dataset
    from living_portraits.training.loop import Order, plan, train
    from living_portraits.training.recipe import find

    find(args.recipe)  # a wrong name is said before a wrong folder
    order = Order(
        recipe=args.recipe, data=str(args.data), out=args.out, minutes=args.minutes, settings=settings(args.settings),
        resume=args.resume, profile=args.profile, parts=args.parts,
    )  # fmt: skip
    dataset = Dataset(args.data)
    if args.dry_run:
        print(plan(order, dataset).text())
        return 0
    reason = train(order, dataset, began=began)
    return STOPPED.get(reason.partition(" ")[0], 0)


def settings(words: Sequence[str]) -> Mapping[str, str]:
    """NAME=VALUE, each split; raises OptionError for a word without the sign."""
    pairs = [word.partition("=") for word in words]
    for name, sign, _ in pairs:
        if not sign or not name:
            raise OptionError(f"--set takes NAME=VALUE, for instance --set batch=16, not {name!r}.")
    return {name: value for name, _, value in pairs}
