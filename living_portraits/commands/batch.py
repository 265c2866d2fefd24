"""living-portraits batch: many films from one list."""

import argparse
from pathlib import Path
from typing import Any

from tqdm import tqdm

from living_portraits.commands.runtime import RUNTIME_HELP
from living_portraits.engines import AUTO
from living_portraits.errors import OptionError

STOPPED = 130
"""Exit code after Ctrl-C; films that were done by then stay."""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """The command's options."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "batch",
        help="make the films of a list",
        description="Make the films of a CSV list: a row has a source, a driver and, if wanted, out, engine, size, "
        "runtime and any option of a film. Stopped, the same command goes on where it was.",
        allow_abbrev=False,
    )
    parser.add_argument("jobs", type=Path, metavar="JOBS.csv", help="the list; it names files as seen from its folder")
    parser.add_argument("--out", required=True, metavar="PLACE", help="folder or URL (s3://, gs:// ...) for the films")
    parser.add_argument("--runtime", metavar="NAME", default=AUTO, help=f"of rows that name none; {RUNTIME_HELP}")
    parser.add_argument("--workers", metavar="N", help="films made at a time (default: one a core)")
    parser.add_argument("--retry", action="store_true", help="also make those that failed before")
    parser.add_argument("--ray", metavar="ADDRESS", help="use a Ray cluster; local starts one on this machine")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Makes the films and prints what became of them; 1 if any failed."""
    from living_portraits.batch import Outcome, read_jobs
    from living_portraits.batch import run as run_batch

    try:
        workers = None if args.workers is None else int(args.workers)
    except ValueError as error:
        raise OptionError(f"--workers takes a whole number, not {args.workers!r}.") from error
    jobs = read_jobs(args.jobs, runtime=args.runtime)
    with tqdm(total=len(jobs), desc="films", unit="film", leave=False, dynamic_ncols=True) as bar:

        def show(outcome: Outcome) -> None:
            bar.update()
            if outcome.state == "failed":
                bar.write(f"row {outcome.row}, {outcome.film}: {outcome.reason}")

        try:
            summary = run_batch(jobs, args.out, workers=workers, retry=args.retry, ray=args.ray, progress=show)
        except KeyboardInterrupt:
            bar.close()
            print("stopped; films that were done by then stay, and the same command goes on with the rest")
            return STOPPED
    print(summary)
    return 1 if summary.count("failed") else 0
