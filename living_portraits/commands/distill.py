"""living-portraits distill: portraits in, a student out that moves them and no others."""

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

from living_portraits import places
from living_portraits.commands.train import STOPPED
from living_portraits.errors import OptionError, OutputError
from living_portraits.notices import Notice, tell

UNTAUGHT = 1
"""Exit code where the time was over before the first step."""

FRAMES, MOST_FRAMES = 24, 96
"""Of each bundled driver: how many a portrait is taught with, and at most for all of them."""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """The command's options."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "distill",
        help="teach the engine student your own portraits",
        description="Teach the engine student portraits of your own: it learns to draw them as another engine does, "
        "driven by the bundled clips. What it knew before it knows afterwards: another call with the same name adds "
        "portraits to those of the first. `animate --engine student` finds the file where it is written unless told "
        "otherwise. Ctrl-C ends it with what was learned so far.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--sources", type=Path, required=True, metavar="DIR", help="folder of pictures with one face each"
    )
    parser.add_argument("--name", default="mine", metavar="NAME", help="what to call the student (default: mine)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write instead of among the named students")
    parser.add_argument("--minutes", default="10", metavar="N", help="at most (default: %(default)s)")
    parser.add_argument(
        "--student",
        type=Path,
        metavar="FILE",
        help="the student to begin with, instead of what NAME or FILE holds or else the one that comes along",
    )
    parser.add_argument(
        "--teacher", default="megaportraits", metavar="NAME", help="the engine to learn from (default: %(default)s)"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="settings",
        help="a setting of the recipe student; may be given often",
    )  # fmt: skip
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Teaches, prints how it goes, writes the file; returns the exit code."""
    from living_portraits import weights
    from living_portraits.engines.megaportraits.student import word
    from living_portraits.engines.megaportraits.student_engine import STUDENTS, WEIGHTS, read_student
    from living_portraits.errors import WeightsError
    from living_portraits.training.drivers import Drivers
    from living_portraits.training.loop import Order, train
    from living_portraits.training.student import bare

    out = args.out or STUDENTS.place(args.name)
    minutes = _minutes(args.minutes)
    begin = args.student or (out if out.is_file() else weights.path(WEIGHTS))
    settings = _settings(args, begin)
    # A student who goes on learning keeps its convolutions. What reaches them is another portrait's, but much alike.
    ranges = read_student(Path(settings["begin"])).ranges if settings["begin"] else {}
    places.make_room(out)
    if begin is out:
        known = ", ".join(word(raw) for raw in read_student(out).names)
        tell(Notice(f"{out} knows {known} already, and your portraits join them; another name begins anew."))
    order = Order("student", "the bundled drivers", Path(tempfile.mkdtemp()) / "run", minutes, settings)
    kept = False
    try:
        reason = train(order, Drivers(bundled=0))
        config, state = weights.read(order.out / "snapshot.safetensors")
        code = STOPPED.get(reason.partition(" ")[0], 0)
        if not config["step"]:
            print(f"ended before the first step, as {reason}; no student was written.")
            return code or UNTAUGHT
        try:
            weights.write(out, config=bare(config) | {"ranges": ranges}, state=state)
        except WeightsError as error:
            kept = True  # hours may lie in it
            raise OutputError(f"{str(error).rstrip('.')}; what was learned is kept in {order.out}.") from error
    finally:
        if not kept:
            shutil.rmtree(order.out.parent, ignore_errors=True)
    print(f"{out} ({out.stat().st_size / 1e6:.1f} MB)")
    return code


def _settings(args: argparse.Namespace, begin: Path) -> dict[str, Any]:
    """Of the recipe: those that fit a few portraits and the bundled drivers, and what the user wants otherwise."""
    from living_portraits import video
    from living_portraits.commands.train import settings
    from living_portraits.engines.megaportraits.student_engine import read_student
    from living_portraits.errors import WeightsError
    from living_portraits.nn.perceptual import LPIPS
    from living_portraits.training.drivers import BUNDLED

    if not args.sources.is_dir():
        raise OptionError(f"There is no folder {args.sources} with portraits.")
    config = read_student(begin).config
    count = sum(path.is_file() and video.is_still(path) for path in args.sources.iterdir())
    fitting: dict[str, Any] = {
        "teacher": args.teacher, "avatars": str(args.sources), "begin": str(begin), "kinds": (BUNDLED,), "shares": (),
        "kept": config.kept, "code": config.code, "paint": config.paint, "picture": config.picture,
        "blocks": config.blocks, "ups": config.ups,
        "bundled_frames": min(FRAMES * max(count, 1), MOST_FRAMES), "batch": 4, "lr": 3e-3, "ema": 0.99, "warmup": 10,
        "log_steps": 20, "sample_minutes": 60.0, "state_minutes": 60.0,
    }  # fmt: skip
    try:
        LPIPS.load("alexnet")
    except WeightsError:  # it makes portraits a little crisper, and is no part of the package
        fitting["perceptual"] = 0.0
    return fitting | dict(settings(args.settings))


def _minutes(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise OptionError(f"--minutes takes a number, not {text!r}.") from None
