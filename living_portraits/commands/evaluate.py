"""living-portraits evaluate: engines on trial, and their report card."""

import argparse
from pathlib import Path
from typing import Any

from tqdm import tqdm

from living_portraits.errors import OptionError

NUMBERS = {
    "size": (256, "PIXELS", "side of the crops that the engines work at"),
    "clips": (24, "N", "films of people moved by themselves"),
    "pairs": (20, "N", "films of portraits moved by others"),
    "frames": (50, "N", "at most so many frames of each clip"),
}


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
    for name, (default, metavar, words) in NUMBERS.items():
        parser.add_argument(f"--{name}", default=default, metavar=metavar, help=f"{words} (default: %(default)s)")
    parser.add_argument(
        "--identity-weights", type=Path, metavar="FILE", help="state dict of a MobileFaceNet, for identity figures"
    )
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Evaluates, writes the card and prints its tables."""
    from living_portraits import report
    from living_portraits.data import Dataset
    from living_portraits.evaluate import BESIDE, evaluate

    with tqdm(desc="evaluate", unit="film", leave=False, mininterval=0.5, dynamic_ncols=True) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        card = evaluate(
            args.engine or BESIDE,
            Dataset(args.data),
            split=args.split,
            size=_whole("size", args.size),
            clips=_whole("clips", args.clips),
            pairs=_whole("pairs", args.pairs),
            frames=_whole("frames", args.frames),
            identity_weights=args.identity_weights,
            progress=show,
        )
    written = report.write(card, args.out)
    print(report.markdown(card))
    print("\n".join(str(path) for path in written))
    return 0


def _whole(name: str, text: str | int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise OptionError(f"--{name} takes a whole number of at least 1, not {text}.")
    return number
