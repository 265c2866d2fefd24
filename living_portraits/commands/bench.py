"""living-portraits bench: how fast engines are on this machine."""

import argparse
import json
from pathlib import Path
from typing import Any

from tqdm import tqdm

from living_portraits import places
from living_portraits.commands.runtime import RUNTIME_HELP
from living_portraits.engines import AUTO
from living_portraits.errors import OptionError, OutputError


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """The command's options."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "bench",
        help="measure how fast engines are on this machine",
        description="Measure engines on this machine: milliseconds a frame of each stage, frames a second end to end, "
        "and how many times the cost of a film that stands still.",
        allow_abbrev=False,
    )
    parser.add_argument("--engine", action="append", metavar="NAME", help="may be given several times; default: all")
    parser.add_argument("--size", action="append", metavar="PIXELS", help="may be given several times; default: 512")
    parser.add_argument(
        "--runtime", action="append", metavar="NAME", help=f"may be given several times; {RUNTIME_HELP}"
    )
    parser.add_argument("--seconds", metavar="N", default="2", help="of the driver (default: %(default)s)")
    parser.add_argument("--rounds", metavar="N", default="3", help="the median of as many (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure there")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Measures and prints a table."""
    from living_portraits.bench import bench, table
    from living_portraits.bench.figures import as_data

    if args.json is not None:
        places.check_writable(args.json)
    sizes = [int(_number(text, "--size", whole=True)) for text in args.size or ["512"]]
    with tqdm(desc="bench", unit="film", leave=False, dynamic_ncols=True) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        found = bench(
            args.engine or (),
            sizes=sizes,
            runtimes=args.runtime or [AUTO],
            seconds=_number(args.seconds, "--seconds"),
            rounds=int(_number(args.rounds, "--rounds", whole=True)),
            progress=show,
        )
    print(table(*found))
    if args.json is not None:
        try:
            args.json.write_text(json.dumps(as_data(*found), indent=1) + "\n")
        except OSError as error:
            raise OutputError(f"{args.json} cannot be written: {error.strerror}.") from error
    return 0


def _number(text: str, option: str, *, whole: bool = False) -> float | int:
    try:
        return int(text) if whole else float(text)
    except ValueError as error:
        raise OptionError(f"{option} takes a {'whole ' if whole else ''}number, not {text!r}.") from error
