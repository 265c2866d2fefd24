"""living-portraits evaluate: engines on trial, and their report card."""

import argparse
from pathlib import Path
from typing import Any

from tqdm import tqdm

from living_portraits.errors import OptionError

NUMBERS = {
    "size": ("PIXELS", "side of the crops that the engines work at"),
    "clips": ("N", "films of people moved by themselves"),
    "pairs": ("N", "films of portraits moved by others"),
    "frames": ("N", "at most so many frames of each clip"),
}
DEFAULTS = {"size": 256, "clips": 24, "pairs": 20, "frames": 50}
QUICK = DEFAULTS | {"clips": 8, "pairs": 6, "frames": 25}


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """The command's options."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "evaluate",
        help="judge engines on footage that they never saw",
        description="Judge engines on footage that they never saw, beside doing nothing and beside the puppet. "
        "Writes card.json, card.md and card.html.",
        allow_abbrev=False,
    )
    parser.add_argument("--engine", action="append", metavar="NAME", help="may be given several times; default: puppet")
    parser.add_argument("--data", type=Path, required=True, metavar="DATASET", help="what `prepare` made")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for the card")
    parser.add_argument("--split", default="val", metavar="NAME", help="default: %(default)s")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="fewer and shorter films, and no VGG16: for an engine that is still learning",
    )
    for name, (metavar, words) in NUMBERS.items():
        quick = "" if QUICK[name] == DEFAULTS[name] else f", {QUICK[name]} with --quick"
        parser.add_argument(f"--{name}", metavar=metavar, help=f"{words} (default: {DEFAULTS[name]}{quick})")
    parser.add_argument(
        "--identity-weights", type=Path, metavar="FILE", help="state dict of a MobileFaceNet, for identity figures"
    )
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Evaluates, prints the card's tables and writes it."""
    from living_portraits import report
    from living_portraits.data import Dataset
    from living_portraits.evaluate import BACKBONES, BESIDE, evaluate

    numbers, dataset = _numbers(args), Dataset(args.data)
    report.make_room(args.out)
    with tqdm(desc="evaluate", unit="film", leave=False, mininterval=0.5, dynamic_ncols=True) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        card = evaluate(
            args.engine or BESIDE,
            dataset,
            split=args.split,
            size=numbers["size"],
            clips=numbers["clips"],
            pairs=numbers["pairs"],
            frames=numbers["frames"],
            backbones=[name for name in BACKBONES if not args.quick or name != "vgg16"],
            identity_weights=args.identity_weights,
            progress=show,
        )
    print(report.markdown(card))
    print("\n".join(str(path) for path in report.write(card, args.out)))
    return 0


def _numbers(args: argparse.Namespace) -> dict[str, int]:
    """What was asked for, else what is usual. Raises OptionError."""
    from living_portraits.evaluate.trials import SHORTEST

    numbers = dict(QUICK if args.quick else DEFAULTS)
    for name in NUMBERS:
        if (text := getattr(args, name)) is not None:
            numbers[name] = _whole(name, text, SHORTEST if name == "frames" else 1)
    return numbers


def _whole(name: str, text: str, least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < least:
        raise OptionError(f"--{name} takes a whole number of at least {least}, not {text}.")
    return number
