"""living-portraits finetune: a few pictures of somebody in, a person for the engine talking-head out."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from living_portraits import places
from living_portraits.errors import OptionError

if TYPE_CHECKING:
    from living_portraits.finetune.learning import Heard
    from living_portraits.finetune.tune import Tuned

STOPPED = 130
"""Exit code after Ctrl-C; what was learned is saved then, too."""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """The command's options."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "finetune",
        help="teach the talking-head engine one person, from one picture on",
        description="Teach the engine talking-head one person, from one painting, several photographs, or a clip. "
        "Writes a small file that `animate --engine talking-head --identity NAME` uses. Ctrl-C ends it with the best "
        "so far.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--sources", type=_place, nargs="+", required=True, metavar="FILE", help="pictures of one person, or one clip"
    )
    parser.add_argument("--name", required=True, metavar="NAME", help="what to call the person")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write instead of among the named people")
    parser.add_argument(
        "--frames", default=8, metavar="T", help="pictures to take from a clip, 32 at most (default: %(default)s)"
    )
    parser.add_argument("--minutes", default=None, metavar="N", help="at most (default: 2.5 for one picture, else 5)")
    parser.add_argument("--steps", default=None, metavar="N", help="at most (default: more for more pictures)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="settings", help="lr, batch, own, patience ..."
    )
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help="of a talking head, instead of those that come along"
    )
    parser.add_argument("--agreed", metavar="TEXT", help="who agreed to be learned; kept in the person's file")
    parser.set_defaults(run=run)
    return parser


def _place(text: str) -> Path:
    from living_portraits import samples

    return Path(text) if Path(text).exists() else (samples.PORTRAITS | samples.DRIVERS).get(text, Path(text))


def run(args: argparse.Namespace) -> int:
    """Learns the person, prints how it goes, writes the file and beside it a picture of the last look."""
    from living_portraits.engines.talking_head import person as persons
    from living_portraits.finetune.learning import learn

    if args.agreed is not None and not args.agreed.strip():
        raise OptionError(f"--agreed takes a few words, not {args.agreed!r}.")
    out = args.out or persons.PERSONS.place(args.name)
    places.spare(out, [*args.sources, args.weights], work="learn the person")
    tuned = learn(
        args.sources,
        name=args.name,
        config=configured(options(args)),
        count=_whole("frames", args.frames),
        consent=args.agreed,
        out=out,
        base=args.weights,
        hear=lambda heard: _show(heard, out),
    )
    print(sentence(tuned))
    print(f"{out} ({out.stat().st_size / 1e6:.1f} MB)")
    return STOPPED if tuned.reason == "it was stopped" else 0


def _show(heard: "Heard", out: Path) -> None:
    from PIL import Image

    if heard.check is None:
        print(f"{heard.share:4.0%} of pictures and drivers read", flush=True)
    else:
        print(line(heard), flush=True)
    if heard.preview is not None:
        Image.fromarray(heard.preview).save(places.preview_of(out))


def line(heard: "Heard") -> str:
    """One line about a look: the losses, likeness and mimics, and a star where it is the best so far."""
    check = heard.check
    assert check is not None
    found = "".join(f", {name} {value:.3g}" for name, value in heard.losses.items())
    star = " *" if heard.best else ""
    return (
        f"{heard.share:4.0%} step {check.step}: likeness off by {check.likeness:.3g}, mimics by {check.mimics:.2f} px"
        f"{found}{star}"
    )


def sentence(tuned: "Tuned") -> str:
    """How it ended."""
    best = tuned.rule.checks[tuned.rule.best]
    last = tuned.rule.checks[-1]
    kept = "nothing was better than no step at all" if best.step == 0 else f"kept what was best, step {best.step}"
    return f"ended at step {last.step}, as {tuned.reason}; {kept}."


def options(args: argparse.Namespace) -> dict[str, str]:
    """The settings that were given, in words. Raises OptionError."""
    from living_portraits.commands.train import settings

    given = dict(settings(args.settings))
    if args.steps is not None:
        given["steps"] = args.steps
    if args.minutes is not None:
        try:
            minutes = float(args.minutes)
        except ValueError:
            minutes = 0.0
        if not minutes > 0:
            raise OptionError(f"--minutes takes a number of more than 0, not {args.minutes!r}.")
        given["seconds"] = str(60 * minutes)
    return given


def configured(given: dict[str, str]) -> Any:
    """A TuneConfig with these settings. Raises OptionError for one that there is not, or no value of its type."""
    import dataclasses

    from living_portraits.finetune.tune import TuneConfig

    kinds: dict[str, type] = {"steps": int, "batch": int, "check_steps": int, "patience": int, "seed": int}
    known = {f.name: kinds.get(f.name, float) for f in dataclasses.fields(TuneConfig) if f.name != "content"}
    values: dict[str, Any] = {}
    for name, word in given.items():
        if name not in known:
            raise OptionError(f"There is no setting {name!r}; choose from {', '.join(known)}.")
        try:
            values[name] = known[name](word)
        except ValueError:
            kind = "a whole number" if known[name] is int else "a number"
            raise OptionError(f"{name} is {kind}, not {word!r}.") from None
        least = 0 if name in ("adversary", "features", "seed", "own") else 1 if known[name] is int else 1e-9
        if not values[name] >= least:
            raise OptionError(f"{name} is at least {least:g}, not {word}.")
    return TuneConfig(**values)


def _whole(name: str, text: str | int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise OptionError(f"--{name} takes a whole number of at least 1, not {text}.")
    return number
