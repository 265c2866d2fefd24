"""The command line: films (animate, demo), what there is (engines, samples, info, verify), and teaching engines."""

import argparse
import dataclasses
import errno
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any, NoReturn, TextIO

from tqdm import tqdm

from living_portraits import engines, people, samples
from living_portraits.commands import augment, batch, bench, dance, distill, evaluate, finetune, live, prepare, train
from living_portraits.commands.runtime import RUNTIME_HELP
from living_portraits.errors import LivingPortraitsError, OptionError
from living_portraits.film_options import Options
from living_portraits.nn import process

PROGRAM = "living-portraits"
MENDABLE, STOPPED, CHANGED, UNHEARD = 2, 130, 1, 141
"""Exit codes: something the user can mend, Ctrl-C, a file that is not as it was signed, output that nobody reads."""

_OF_THE_DISK = (errno.ENAMETOOLONG, errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""What a disk refuses whoever asks: the user can mend it, though no code here foresaw where it would be met."""

_FILMING = ("animate", "demo", "live", "bench", "dance")
"""Commands whose process trains nothing, unless it has a task as `dance train`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; what the user can mend is one line on stderr."""
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot spell is no reason to fail
    try:
        parser = _parser()
        given, unknown = parser.parse_known_args(arguments)
        if unknown:
            choices = ", ".join(given.options) or "none"
            raise OptionError(f"There is no option {unknown[0]} for {given.command}; choose from: {choices}.")
        if given.command in _FILMING and getattr(given, "task", None) is None:
            process.makes_films_alone()
        with _one_line_warnings(), _every_stop_like_ctrl_c():
            code = int(given.run(given))
            sys.stdout.flush()  # so that whoever no longer listens is noticed here
            return code
    except BrokenPipeError:  # as in `living-portraits samples | head -3`: they have read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNHEARD
    except LivingPortraitsError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return MENDABLE
    except OSError as error:
        if error.errno not in _OF_THE_DISK:
            raise
        print(f"{PROGRAM}: {error.strerror}{f': {error.filename}' if error.filename else ''}.", file=sys.stderr)
        return MENDABLE
    except KeyboardInterrupt:
        print("stopped; nothing was written", file=sys.stderr)
        return STOPPED


def _open_closed_streams() -> None:
    """Gives back what whoever started the process closed, with nobody at the other end, as jobs at night are started.

    The first files to be opened, a film's, would take the numbers of those streams, and then whatever a library in C
    prints would be written into them.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:  # the lowest that is free
        pass
    os.close(number)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


@contextmanager
def _every_stop_like_ctrl_c() -> Iterator[None]:
    """Makes a `kill` and a closed terminal clean up as Ctrl-C does; only the main thread can, and need."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    signals = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        signals = []
    before = [(number, signal.signal(number, stop)) for number in signals]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in the same way as everything else here."""

    def error(self, message: str) -> NoReturn:
        raise OptionError(f"{message[:1].upper()}{message[1:]}; `{self.prog} --help` explains all options.")


class _Version(argparse.Action):
    """Prints it and ends; what knows it takes its time to import."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from living_portraits.provenance import VERSION

        print(PROGRAM, VERSION)
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog=PROGRAM, description="Brings a portrait to life with the motion of a driver clip.")
    parser.add_argument("--version", action=_Version, nargs=0, help="say which version this is, and end")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _animate_parser(commands)
    demo = _command(commands, "demo", _demo, "bring the Mona Lisa to life with three drivers")
    demo.add_argument("--out", type=Path, default=Path("outputs"), metavar="FOLDER", help="default: %(default)s")
    demo.add_argument("--engine", default=engines.DEFAULT, metavar="NAME", help="default: %(default)s")
    _command(commands, "engines", _engines, "what there is to bring portraits to life with")
    _command(commands, "samples", _samples, "the portraits and driver clips that come along")
    info = _command(commands, "info", _info, "what a picture, clip or motion file holds")
    info.add_argument("file", type=samples.place, metavar="FILE")
    verify = _command(commands, "verify", _verify, "whether a film was made here, and whether it was changed since")
    verify.add_argument("file", type=Path, metavar="FILE")
    verify.add_argument("--certificate", type=Path, metavar="FILE", help="PEM file of the signer to expect")
    for module in (live, finetune, dance, batch, bench, prepare, augment, evaluate, train, distill):
        module.add_parser(commands)
    for command in commands.choices.values():
        flags = [action.option_strings[-1] for action in command._actions if action.option_strings]
        command.set_defaults(options=flags)
    return parser


def _command(commands: Any, name: str, run: Callable[[Any], int], explanation: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=explanation, description=f"{explanation[0].upper()}{explanation[1:]}.", allow_abbrev=False
    )
    command.set_defaults(run=run)
    return command


def _animate_parser(commands: Any) -> None:
    """Flags for what `load` and `animate` take, and one for every field of `Options`."""
    animate = _command(commands, "animate", _animate, "make the film in which a portrait moves as a driver does")
    animate.add_argument("--source", type=samples.place, metavar="FILE", help="picture with a face, or a sample's name")
    animate.add_argument(
        "--driver", type=samples.place, metavar="FILE", help="clip of a face, .motion file or sample's name"
    )
    animate.add_argument("--out", metavar="FILE", help="film: .mp4, .webm, .gif, or a folder for PNG frames")
    animate.add_argument("--from", dest="recipe", type=Path, metavar="FILE", help="manifest of a film to make again")
    animate.add_argument("--engine", metavar="NAME", help="one that `living-portraits engines` lists")
    animate.add_argument(
        "--size",
        metavar="PIXELS",
        help="side of the square that the engine works at (default: its own, or up to 1024 where the picture is finer)",
    )
    animate.add_argument("--runtime", metavar="NAME", help=RUNTIME_HELP)
    animate.add_argument(
        "--identity",
        metavar="NAME",
        help="somebody whom `finetune` taught the engine talking-head; --source: another picture of them, if any",
    )
    for option in dataclasses.fields(Options):
        words = option.metadata
        flag = "--" + (words["flag"] or option.name).replace("_", "-")
        if words["parse"] is bool:
            animate.add_argument(
                flag, dest=option.name, action="store_const", const=not option.default,
                default=argparse.SUPPRESS, help=words["help"],
            )  # fmt: skip
        else:
            default = "" if option.default is None else f" (default: {option.default})"
            metavar = "FILE" if words["takes"] == "a file" else "VALUE"
            animate.add_argument(
                flag, dest=option.name, default=argparse.SUPPRESS, metavar=metavar, help=words["help"] + default
            )


def _animate(given: argparse.Namespace) -> int:
    from living_portraits.animator import load
    from living_portraits.manifest import read_manifest

    options = {field.name: getattr(given, field.name) for field in dataclasses.fields(Options) if field.name in given}
    engine, size, runtime, identity = given.engine, _size(given.size), given.runtime, given.identity
    source, driver, out = given.source, given.driver, given.out
    if given.recipe is not None:
        named = {"source": given.source, "driver": given.driver}
        film = read_manifest(given.recipe, replaced=[role for role, file in named.items() if file is not None])
        options = {**film.options, **options}
        engine, size = engine or film.engine, size or film.size
        runtime, identity = runtime or film.runtime, identity or film.identity
        source, driver, out = source or film.source, driver or film.driver, out or film.out
    engine = engine or (engines.teachable()[0] if identity else engines.DEFAULT)
    animator = load(engine, size=size, runtime=runtime or engines.AUTO, identity=identity)
    with TemporaryDirectory() as folder:
        if source is None and identity is not None:
            source = _own_picture(engines.person(engine, identity), Path(folder), options)
        for name, value in (("--source", source), ("--driver", driver), ("--out", out)):
            if value is None:
                raise OptionError(
                    f"To animate takes --source, --driver and --out, or --from a manifest: {name} is missing."
                )
        with progress_bar(Path(out).name) as progress:
            result = animator.animate(source, driver, out, progress=progress, **options)
    print(result)
    return 0


def _own_picture(person: Path, folder: Path, options: dict[str, Any]) -> Path:
    if options.get("manifest"):
        raise OptionError("A manifest names the film's source: give --source, too.")
    picture = people.first_picture(person, folder)
    if picture is None:
        raise OptionError(f"{person} holds no picture: give --source, too.")
    return picture


def _size(text: str | None) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        raise OptionError(f"The size takes a whole number of pixels, not {text!r}.") from None


def _demo(given: argparse.Namespace) -> int:
    from living_portraits.demo import run_demo

    for line in run_demo(given.out, engine=given.engine, bar=progress_bar):
        print(line)
    return 0


def _engines(given: argparse.Namespace) -> int:
    for name in (*engines.available(), *engines.available("body")):
        spec = engines.spec(name)
        default = " (default)" if name == engines.DEFAULT else ""
        print(f"{name:13} {spec.size:4} px  {spec.title}{default}")
    return 0


def _samples(given: argparse.Namespace) -> int:
    for kind, shelf in (("portrait", samples.PORTRAITS), ("driver", samples.DRIVERS), ("dance", samples.DANCES)):
        for name, path in shelf.items():
            print(f"{name:26} {kind:9} {samples.TITLES[name]}\n{'':26} {path}")
    return 0


def _info(given: argparse.Namespace) -> int:
    from living_portraits.info import describe

    for name, value in describe(given.file):
        print(f"{name:12} {value}")
    return 0


def _verify(given: argparse.Namespace) -> int:
    from living_portraits import provenance

    report = provenance.verify(given.file, certificate=given.certificate)
    print(report.sentence)
    expected = given.certificate is None or report.signer == "named"
    return 0 if report.intact and expected else CHANGED


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[Any], None]]:
    """A bar on stderr that follows an animator's `Progress`: one for each stage."""
    bars: dict[str, Any] = {}

    def show(progress: Any) -> None:
        if progress.stage not in bars:
            _close(bars)
            bars[progress.stage] = tqdm(
                total=progress.total,
                desc=f"{title}: {progress.stage}",
                unit="frame",
                leave=False,
                mininterval=0.5,
                dynamic_ncols=True,
            )
        bars[progress.stage].update(progress.done - bars[progress.stage].n)

    try:
        yield show
    finally:
        _close(bars)


def _close(bars: dict[str, Any]) -> None:
    for bar in bars.values():
        bar.close()


@contextmanager
def _one_line_warnings() -> Iterator[None]:
    """Our own warnings as one line each, told once; other libraries' are no news for who makes a film."""
    told: set[str] = set()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if category.__module__.startswith("living_portraits") and str(message) not in told:
            told.add(str(message))
            tqdm.write(f"{PROGRAM}: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = show
        yield
