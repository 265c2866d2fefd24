"""living-portraits live: a portrait that moves as you do, now."""

import argparse
import json
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from living_portraits import places, samples
from living_portraits.commands.runtime import RUNTIME_HELP
from living_portraits.engines import AUTO
from living_portraits.errors import OptionError, OutputError

if TYPE_CHECKING:
    from living_portraits.live import Avatar, Meter, Session, Wishes
    from living_portraits.live.sinks import Sink
    from living_portraits.live.source import Source

BROWSER, WINDOW, CAMERA = "mjpeg", "window", "virtual-camera"


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """The command's options."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "live",
        help="a portrait that moves as you do in front of a camera",
        description="Move a portrait as somebody in front of a camera moves, at once. The first second takes the "
        "neutral face: look ahead, at rest; r takes it again, q ends.",
        allow_abbrev=False,
    )
    parser.add_argument("--avatar", metavar="NAME", help="a portrait that comes along (default: mona_lisa)")
    parser.add_argument("--source", type=Path, metavar="FILE", help="a picture with a face instead")
    parser.add_argument("--consent", metavar="TEXT", help="who agreed to this; kept in the credential of a film")
    parser.add_argument(
        "--engine", metavar="NAME", help="one that `living-portraits engines` lists (default: the best)"
    )
    parser.add_argument("--size", metavar="PIXELS", help="side of the square that the engine works at")
    parser.add_argument("--runtime", metavar="NAME", default=AUTO, help=RUNTIME_HELP)
    parser.add_argument(
        "--from", dest="origin", default="webcam", metavar="WHERE",
        help="webcam, webcam:1 for the second, a clip or a sample's name (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--loop", action="store_true", help="play the clip over and over")
    parser.add_argument(
        "--to", default=BROWSER, metavar="WHERE",
        help=f"{BROWSER} (a page in the browser), {WINDOW}, {CAMERA}, or a film's name (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--port", default="0", metavar="N", help="of the page (default: any that is free)")
    parser.add_argument("--minutes", metavar="N", help="end after so many (default: when you end it)")
    parser.add_argument("--strength", default="1", metavar="N", help="factor on all motion (default: %(default)s)")
    parser.add_argument("--smoothing", metavar="N", help="0 to 1; calmer is later (default: 0.25)")
    parser.add_argument("--crop-only", action="store_true", help="the square around the face instead of the picture")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure there")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Drives until it is enough, and prints what it cost."""
    from living_portraits.live import Meter, Session, Wishes, drive
    from living_portraits.live.calm import USUAL
    from living_portraits.live.keys import heard
    from living_portraits.live.source import open_source

    smoothing = USUAL if args.smoothing is None else _number(args.smoothing, "--smoothing", low=0.0, high=1.0)
    seconds = None if args.minutes is None else 60 * _number(args.minutes, "--minutes", low=0.0, high=1e6)
    if args.json is not None:
        places.check_writable(args.json)
    wishes = Wishes()
    source = open_source(_origin(args.origin), loop=args.loop)
    if args.json is not None:
        places.spare(args.json, [source.path, args.source])
        if args.json.resolve() == Path(args.to).resolve():
            raise OptionError(f"{args.json} is to be written twice; give the film and its figures each a name.")
    avatar = _avatar(args)
    with ExitStack() as stack:
        session = stack.enter_context(Session(avatar, smoothing=smoothing))
        meter = Meter()
        sink = stack.enter_context(_sink(args, session, meter, wishes, source, avatar))
        if stack.enter_context(heard(wishes)):
            print("r: take the neutral face again; q: end", flush=True)
        with suppress(KeyboardInterrupt):  # the usual way to end, not a failure
            drive(source, session, sink, meter, wishes=wishes, seconds=seconds)
    print(meter)
    if args.json is not None:
        _write(args.json, {"engine": avatar.engine.spec.name, "size": avatar.engine.spec.size, **meter.report()})
    return 0


def _origin(told: str) -> str:
    return told if Path(told).exists() else str(samples.DRIVERS.get(told, told))


def _avatar(args: argparse.Namespace) -> "Avatar":
    from living_portraits import engines
    from living_portraits.live import open_avatar

    if args.avatar is not None and args.source is not None:
        raise OptionError("Give either --avatar, a portrait that comes along, or --source, a picture of your own.")
    name = args.avatar or next(iter(samples.PORTRAITS))
    if args.source is None and name not in samples.PORTRAITS:
        raise OptionError(
            f"There is no portrait {name!r}; choose from {', '.join(samples.PORTRAITS)}, or give a file: --source."
        )
    size = None if args.size is None else int(_number(args.size, "--size", low=1.0, high=1e5, whole=True))
    strength = _number(args.strength, "--strength", low=0.0, high=3.0)
    return open_avatar(
        args.source or samples.PORTRAITS[name],
        lambda engine: engines.create(engine, size=size, runtime=args.runtime),
        engine=args.engine,
        strength=strength,
        crop_only=args.crop_only,
    )


def _sink(
    args: argparse.Namespace, session: "Session", meter: "Meter", wishes: "Wishes", source: "Source", avatar: "Avatar"
) -> "Sink":
    from living_portraits.live import sinks
    from living_portraits.live.mjpeg import Browser

    if args.to == BROWSER:
        port = int(_number(args.port, "--port", low=0.0, high=65535.0, whole=True))
        browser = Browser(session, meter, wishes, port=port)
        print(f"Open {browser.url} in a browser.", flush=True)
        return browser
    if args.to == WINDOW:
        return sinks.Window(wishes)
    if args.to == CAMERA:
        return sinks.VirtualCamera(session.shape, source.fps)
    if not Path(args.to).suffix:
        raise OptionError(f"--to takes {BROWSER}, {WINDOW}, {CAMERA} or the name of a film, not {args.to!r}.")
    places.spare(Path(args.to), [source.path, args.source])
    return sinks.Film(Path(args.to), session.shape, source.fps, avatar.claim(source.path, consent=args.consent))


def _number(text: str, option: str, *, low: float, high: float, whole: bool = False) -> float:
    try:
        number = float(int(text) if whole else text)
        if not low <= number <= high:
            raise ValueError
    except ValueError as error:
        kind = "whole number" if whole else "number"
        raise OptionError(f"{option} takes a {kind} from {low:g} to {high:g}, not {text!r}.") from error
    return number


def _write(path: Path, data: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}.") from error
