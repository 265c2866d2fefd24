"""living-portraits augment: clips that nobody filmed, added to a dataset."""

import argparse
from pathlib import Path
from typing import Any

from tqdm import tqdm

from living_portraits.errors import OptionError


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """The command's options."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "augment",
        help="add stills in motion, and people who do not exist, to a dataset",
        description="Add clips that nobody filmed to a dataset that `prepare` made: its stills, moved by the puppet as "
        "people in its films move (kind pseudo), and people who do not exist with other mouths, lids and gaze (kind "
        "edits). They take the place of those of an earlier run. A run that was stopped goes on where it was.",
        allow_abbrev=False,
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DATASET", help="what `prepare` made")
    parser.add_argument("--pseudo-films", metavar="N", help="stills in motion, of each size")
    parser.add_argument("--frames", default="8", metavar="N", help="of each of them (default: %(default)s)")
    parser.add_argument("--people", metavar="N", help="people who do not exist")
    parser.add_argument("--edits", default="6", metavar="N", help="pictures of each, with the unedited (default: 6)")
    parser.add_argument(
        "--random-face", type=Path, metavar="WHEEL",
        help="the network that makes people: what `pip download --no-deps random-face==2021.6.9.0` leaves",
    )  # fmt: skip
    parser.add_argument(
        "--identity-weights", type=Path, metavar="FILE",
        help="state dict of a MobileFaceNet, to leave out edits that are no longer like the person",
    )  # fmt: skip
    parser.add_argument(
        "--sizes", metavar="PIXELS", help="of the crops (default: 256 for stills in motion, 256,512 for people)"
    )
    parser.add_argument("--seed", default="0", metavar="N", help="default: %(default)s")
    parser.add_argument("--workers", metavar="N", help="processes (default: one a processor)")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Adds people first, so that they can be moved too; prints a summary."""
    people, films = (None if text is None else _whole(text) for text in (args.people, args.pseudo_films))
    if people is None and films is None:
        raise OptionError("There is nothing to add: give --pseudo-films N, --people N, or both.")
    if people is not None and args.random_face is None:
        raise OptionError(
            "To make people takes the network of the package random-face: fetch it with `pip download --no-deps "
            "random-face==2021.6.9.0` and give the wheel as --random-face."
        )
    seed, workers = _whole(args.seed), None if args.workers is None else _whole(args.workers)
    sizes = None if args.sizes is None else tuple(_whole(size) for size in args.sizes.split(","))

    from living_portraits.data.augment import add_people, add_pseudo_films

    bars: dict[str, Any] = {}

    def show(stage: str, done: int, total: int) -> None:
        if stage not in bars or bars[stage].total != total:
            bars[stage] = tqdm(total=total, initial=done, desc=stage, mininterval=0.5, dynamic_ncols=True)
        bars[stage].update(done - bars[stage].n)

    try:
        if people is not None:
            summary = add_people(
                args.data, people, random_face=args.random_face, sizes=sizes or (256, 512),
                frames=_whole(args.edits), seed=seed, identity_weights=args.identity_weights, workers=workers,
                progress=show,
            )  # fmt: skip
        if films is not None:
            summary = add_pseudo_films(
                args.data, films, sizes=sizes or (256,), frames=_whole(args.frames), seed=seed, workers=workers,
                progress=show,
            )  # fmt: skip
    finally:
        for bar in bars.values():
            bar.close()
    print(summary)
    return 0


def _whole(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise OptionError(f"That takes a whole number, not {text!r}.")
    return number
