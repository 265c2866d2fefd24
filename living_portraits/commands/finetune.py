"""living-portraits finetune: a few pictures of somebody in, a person for the engine talking-head out."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from living_portraits.errors import OptionError, OutputError

if TYPE_CHECKING:
    from living_portraits.finetune.tune import Report, Tuned

STOPPED = 130
"""Exit code after Ctrl-C; what was learned is saved then, too."""

VIEWS, PROBES = 48, 6
HELD_OUT = "laugh"
"""The bundled driver that is only looked at, never taught."""


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
    parser.add_argument("--frames", default=8, metavar="T", help="pictures to take from a clip (default: %(default)s)")
    parser.add_argument("--minutes", default=None, metavar="N", help="at most (default: 2.5 for one picture, else 5)")
    parser.add_argument("--steps", default=None, metavar="N", help="at most (default: more for more pictures)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="settings", help="lr, batch, own, patience ..."
    )
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help="of a talking head, instead of those that come along"
    )
    parser.set_defaults(run=run)
    return parser


def _place(text: str) -> Path:
    from living_portraits import samples

    return Path(text) if Path(text).exists() else (samples.PORTRAITS | samples.DRIVERS).get(text, Path(text))


def run(args: argparse.Namespace) -> int:
    """Learns the person, prints how it goes, writes the file and beside it a picture of the last look."""
    from living_portraits import weights
    from living_portraits.engines.talking_head import person as persons
    from living_portraits.engines.talking_head.engine import WEIGHTS, TalkingHead, read_networks
    from living_portraits.finetune import sources
    from living_portraits.finetune.tune import Lesson

    out = args.out or persons.PERSONS.place(args.name)
    given = options(args)
    base = args.weights or weights.path(WEIGHTS)
    head, discriminator = read_networks(base)
    _make(out.parent)
    pictures = sources.open_sources(args.sources, size=TalkingHead.spec.size, count=_whole("frames", args.frames))
    config = configured(given, pictures=len(pictures))
    views, asked = taught(pictures)
    lesson = Lesson(head, discriminator, pictures, views, config)
    known = lesson.content.face
    sources.warn_of_strangers(pictures, known.embed if known else None, [path.name for path in args.sources])
    tuned = _learned(lesson, asked, out)
    about = {**tuned.person.about, "name": args.name, "sources": [path.name for path in args.sources]}
    length = persons.write(out, persons.Person(tuned.person.style, tuned.person.changes, about), base=base)
    print(sentence(tuned))
    print(f"{out} ({length / 1e6:.1f} MB)")
    return STOPPED if tuned.reason == "it was stopped" else 0


def taught(pictures: Any) -> tuple[Any, Any]:
    """Views of the pictures, posed by the bundled drivers, and positions that are held back."""
    from living_portraits import samples
    from living_portraits.finetune import sources
    from living_portraits.finetune.views import posed, probes

    shown = sources.motions([path for name, path in samples.DRIVERS.items() if name != HELD_OUT])
    [hidden] = sources.motions([samples.DRIVERS[HELD_OUT]])
    some = range(0, len(pictures), max(len(pictures) // 4, 1))  # more dolls teach no more
    views = [
        view
        for i in some
        for view in posed(pictures.crops[i], pictures.points[i], shown, count=max(VIEWS // len(some), 1))
    ]
    return views, probes(pictures.points[0], hidden, count=PROBES)


def _learned(lesson: Any, asked: Any, out: Path) -> "Tuned":
    from PIL import Image

    from living_portraits.face.landmarker import Landmarker
    from living_portraits.finetune.tune import tune

    with Landmarker() as landmarker:

        def track(frame: Any) -> Any:
            faces = landmarker.detect(frame)
            return faces[0].points if faces else None

        def show(report: "Report") -> None:
            print(line(report), flush=True)
            Image.fromarray(report.preview).save(out.with_suffix(".png"))

        return tune(lesson, asked, track, on_check=show)


def line(report: "Report") -> str:
    """One line about a look: the losses, likeness and mimics, and a star where it is the best so far."""
    found = "".join(f", {name} {value:.3g}" for name, value in report.losses.items())
    check = report.check
    star = " *" if report.best else ""
    return (
        f"step {check.step} of {report.steps}: likeness off by {check.likeness:.3g}, mimics by {check.mimics:.2f} px"
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
            given["seconds"] = str(60 * float(args.minutes))
        except ValueError:
            raise OptionError(f"--minutes takes a number, not {args.minutes!r}.") from None
    return given


def configured(given: dict[str, str], *, pictures: int) -> Any:
    """A TuneConfig with these settings. Raises OptionError for one that there is not, or no value of its type."""
    import dataclasses

    from living_portraits.finetune.tune import TuneConfig

    kinds: dict[str, type] = {"steps": int, "batch": int, "check_steps": int, "patience": int, "seed": int}
    known = {f.name: kinds.get(f.name, float) for f in dataclasses.fields(TuneConfig) if f.name != "content"}
    values: dict[str, Any] = {"seconds": 150.0 if pictures == 1 else 300.0}
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


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {error.strerror or error}.") from error
