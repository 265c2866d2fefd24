"""living-portraits prepare: clips and stills in, a dataset out."""

import argparse
from pathlib import Path
from typing import Any

from tqdm import tqdm

from living_portraits.errors import OptionError


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """The command's options."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "prepare",
        help="turn clips and stills into a dataset to train and evaluate with",
        description="Turn clips and stills into a dataset to train and evaluate with. A run that was stopped goes on "
        "where it was.",
        allow_abbrev=False,
    )
    parser.add_argument("--videos", type=Path, required=True, metavar="FOLDER", help="clips and pictures")
    parser.add_argument("--out", type=Path, required=True, metavar="DATASET", help="folder for the dataset")
    parser.add_argument(
        "--table",
        type=Path,
        metavar="FILE",
        help="CSV: file, kind, identity, split, source, licence (default: clips.csv in FOLDER; without one an identity "
        "is a sub-folder's or file's name)",
    )
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: one a processor)")
    parser.add_argument("--sizes", default="256,512", metavar="PIXELS", help="of the crops (default: %(default)s)")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Prepares, and prints a summary."""
    from living_portraits.data.prepare import prepare

    try:
        sizes = tuple(int(size) for size in args.sizes.split(","))
    except ValueError:
        raise OptionError(f"The sizes are whole numbers with commas between, not {args.sizes!r}.") from None
    bars: dict[str, Any] = {}

    def show(stage: str, done: int, total: int) -> None:
        if stage not in bars:
            bars[stage] = tqdm(total=total, initial=done, desc=stage, mininterval=0.5, dynamic_ncols=True)
        bars[stage].update(done - bars[stage].n)

    try:
        print(prepare(args.videos, args.out, table=args.table, workers=args.workers, sizes=sizes, progress=show))
    finally:
        for bar in bars.values():
            bar.close()
    return 0
