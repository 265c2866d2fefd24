"""living-portraits dance: a dancer who was learned dances a choreography; `dance train` learns one from a clip."""

import argparse
import dataclasses
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from living_portraits import places
from living_portraits.engines import AUTO
from living_portraits.errors import OptionError, OutputError

if TYPE_CHECKING:
    from living_portraits.rehearsal.footage import Footage
    from living_portraits.rehearsal.lesson import DanceConfig
    from living_portraits.rehearsal.teach import Report, Taught

STOPPED = 130
"""Exit code after Ctrl-C; what was learned is saved then, too."""

_RUNTIMES = "where the dancer's network runs: auto, torch or openvino (default: auto, openvino where it is installed)"
SIZES = (64, 128, 256, 512)
DEVICES = ("auto", "cpu", "cuda")


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """The command's options."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "dance",
        help="make a person dance as another one does; `dance train` learns a person from a clip",
        description="Make the film in which a dancer, learned from a clip by `dance train`, dances anybody's "
        "choreography; without --choreography, one that comes along.",
        allow_abbrev=False,
    )
    parser.add_argument("--identity", metavar="NAME", help="a dancer that `dance train` made, or their file")
    parser.add_argument("--choreography", metavar="FILE", help="clip of anybody dancing, .dance file or sample's name")
    parser.add_argument("--out", metavar="FILE", help="film: .mp4, .webm, .gif, or a folder for PNG frames")
    parser.add_argument("--start", default=None, metavar="SECONDS", help="where in the choreography to begin")
    parser.add_argument("--end", default=None, metavar="SECONDS", help="where to end")
    parser.add_argument("--fps", default=None, metavar="N", help="frames a second (default: the choreography's)")
    parser.add_argument(
        "--times", default=None, metavar="N", help="dance it so often, a clip then without its sound (default: 1)"
    )
    parser.add_argument("--sound", default="choreography", metavar="VALUE", help="choreography, none or a file")
    parser.add_argument("--smoothing", default=None, metavar="N", help="of the tracked body, 0 to 1 (default: 0.5)")
    parser.add_argument("--side-by-side", action="store_true", help="the skeleton beside the film")
    parser.add_argument("--runtime", metavar="NAME", default=AUTO, help=_RUNTIMES)
    parser.add_argument("--save-choreography", type=Path, metavar="FILE", help="keep the tracked body (.dance)")
    parser.add_argument("--no-mark", action="store_true", help="without the visible sign")
    parser.add_argument("--consent", metavar="TEXT", help="who agreed to this; recorded in the film")
    parser.add_argument("--certificate", type=Path, metavar="FILE", help="PEM file to sign with")
    parser.add_argument("--key", type=Path, metavar="FILE", help="its private key")
    parser.set_defaults(run=run)
    film = {each.dest: (each.option_strings[-1], each.default) for each in parser._actions if each.option_strings}
    tasks = parser.add_subparsers(dest="task", metavar="[train | judge]")
    for task in (add_train(tasks), add_judge(tasks)):
        task.set_defaults(film=film)
    return parser


def add_train(tasks: Any) -> argparse.ArgumentParser:
    """`dance train` and its options."""
    train: argparse.ArgumentParser = tasks.add_parser(
        "train",
        help="learn a dancer from one clip",
        description="Learn a dancer from one clip of one person, whole to the feet, filmed by a camera that stands "
        "still: a minute is good, more is better. Writes a small file that `dance --identity NAME` uses, and a preview "
        "beside it. Ctrl-C ends it with the best so far; --resume goes on from there.",
        allow_abbrev=False,
    )
    train.add_argument("--target", type=Path, required=True, metavar="FILE", help="the clip")
    train.add_argument("--name", required=True, metavar="NAME", help="what to call the dancer")
    train.add_argument("--out", dest="file", type=Path, metavar="FILE", help="where to write instead of by name")
    train.add_argument("--size", default="256", metavar="PIXELS", help=f"one of {SIZES} (default: %(default)s)")
    train.add_argument("--start", dest="first", default=None, metavar="SECONDS", help="where in the clip to begin")
    train.add_argument("--end", dest="last", default=None, metavar="SECONDS", help="where to end")
    train.add_argument("--minutes", default=None, metavar="N", help="at most (default: 20)")
    train.add_argument("--steps", default=None, metavar="N", help="at most")
    train.add_argument("--look", default=None, metavar="NAME", help="perceptual loss: alexnet (default), vgg19, none")
    train.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu or cuda")
    train.add_argument("--resume", action="store_true", help="go on where it was stopped")
    train.add_argument("--agreed", metavar="TEXT", help="who agreed to be learned; kept in the dancer's file")
    train.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="settings",
        help="lr, batch, own, mirror, width, blocks ...",
    )  # fmt: skip
    flags = [action.option_strings[-1] for action in train._actions if action.option_strings]
    train.set_defaults(run=run_train, options=flags)
    return train


def add_judge(tasks: Any) -> argparse.ArgumentParser:
    """`dance judge` and its options."""
    judge: argparse.ArgumentParser = tasks.add_parser(
        "judge",
        help="how well a dancer was learned",
        description="Paint the held-out end of a dancer's clip from its poses and set it beside the film: SSIM, LPIPS "
        "(VGG16), pose, missed detections and flicker, with what needs no network as rivals; and say how well a "
        "detector of fakes tells the two apart.",
        allow_abbrev=False,
    )
    judge.add_argument("--target", type=Path, required=True, metavar="FILE", help="the clip they were learned from")
    judge.add_argument("--start", dest="first", default=None, metavar="SECONDS", help="as they were taught, if any")
    judge.add_argument("--end", dest="last", default=None, metavar="SECONDS", help="as they were taught, if any")
    judge.add_argument("--dancers", nargs="+", required=True, metavar="NAME", help="one or more, all of one size")
    judge.add_argument("--every", default="4", metavar="N", help="look at every so many frames (default: %(default)s)")
    flags = [action.option_strings[-1] for action in judge._actions if action.option_strings]
    judge.set_defaults(run=run_judge, options=flags)
    return judge


def refuse_films(args: argparse.Namespace) -> None:
    """Options of the film before the task's name would be without effect. Raises OptionError."""
    for name, (flag, default) in args.film.items():
        if getattr(args, name, default) != default:
            raise OptionError(f"{flag} before `{args.task}` is about a film: give it after `{args.task}`, if at all.")


# --- films ------------------------------------------------------------------------------------------------------------


def run(args: argparse.Namespace) -> int:
    """Makes the film and says how it went."""
    from living_portraits.cli import progress_bar
    from living_portraits.dancing import dance

    if args.out is None:
        raise OptionError("To dance takes --out, the film to write.")
    numbers = {"start": args.start, "end": args.end, "fps": args.fps, "smoothing": args.smoothing}
    options: dict[str, Any] = {name: _number(name, text) for name, text in numbers.items() if text is not None}
    if args.times is not None:
        options["times"] = _whole("times", args.times)
    sound = args.sound if args.sound in ("choreography", "none") else Path(args.sound)
    with progress_bar("dance") as progress:
        result = dance(
            args.out,
            identity=args.identity,
            choreography=args.choreography,
            runtime=args.runtime,
            progress=progress,
            sound=sound,
            side_by_side=args.side_by_side,
            save_choreography=args.save_choreography,
            mark=not args.no_mark,
            consent=args.consent,
            certificate=args.certificate,
            key=args.key,
            **options,
        )
    print(result)
    return 0


# --- learning ---------------------------------------------------------------------------------------------------------


def run_train(args: argparse.Namespace) -> int:
    """Learns the dancer, prints how it goes, writes the file and beside it a picture of the last look."""
    refuse_films(args)
    from living_portraits.engines.dance import dancer as dancers
    from living_portraits.rehearsal.lesson import Lesson, load_look
    from living_portraits.rehearsal.teach import Course

    out = args.file or dancers.DANCERS.place(args.name)
    places.spare(out, [args.target], work="learn the dancer")
    config, shape, look = configured(args)
    device = chosen_device(args.device)
    net = load_look(look)
    places.make_room(out)
    work = out.with_name(f"{out.stem}-rehearsal")  # what was tracked, and the state of a course that was stopped
    footage, lesson_of = _footage(args, work)
    print(
        f"{len(footage.frames)} frames, {footage.dance.bridged} without a detection; the last {_held(footage)} judge."
    )
    lesson = Lesson(footage, shape, config, look=net, device=device)
    about: dict[str, Any] = {"name": args.name, "source": args.target.name, "consent": args.agreed}
    course = Course(lesson, state=work / f"course-{lesson_of}.pt", about=about)
    if args.resume:
        course.resume()
    taught = course.run(lambda report: _show(report, out))
    print(sentence(taught))
    if not taught.reports:  # a dancer of that name who was taught before stays as they are
        return STOPPED
    dancers.write(out, taught.dancer)
    print(f"{out} ({out.stat().st_size / 1e6:.1f} MB)")
    return STOPPED if taught.reason == "it was stopped" else 0


def run_judge(args: argparse.Namespace) -> int:
    """Prints the table."""
    refuse_films(args)
    from living_portraits.engines.dance import dancer as dancers
    from living_portraits.metrics.perceptual import Perceptual
    from living_portraits.rehearsal.footage import open_target
    from living_portraits.rehearsal.judge import detect, judge, stages, table

    every = _whole("every", args.every)
    known = {name: dancers.read(dancers.DANCERS.find(name)) for name in args.dancers}
    sizes = {dancer.size for dancer in known.values()}
    if len(sizes) > 1:
        raise OptionError(f"The dancers are of sizes {', '.join(map(str, sorted(sizes)))}: judge those of one size.")
    seen = Perceptual("vgg16")
    first, last = _part(args)
    footage = open_target(args.target, size=sizes.pop(), start=first, end=last)
    rows = judge(footage, stages(known), look=lambda a, b: seen.distance(seen.look(a), seen.look(b)), every=every)
    print(table(rows))
    for name, dancer in known.items():
        print(f"{name}: {detect(footage, dancer)}")
    return 0


def _held(footage: "Footage") -> int:
    return len(footage.frames) - footage.taught


def _part(args: argparse.Namespace) -> tuple[float, float | None]:
    """From when to when the clip counts, s."""
    first = _number("start", args.first) if args.first is not None else 0.0
    return first, _number("end", args.last) if args.last is not None else None


def _footage(args: argparse.Namespace, work: Path) -> "tuple[Footage, str]":
    """The clip, tracked now or before, and a word that stands for it and the size at which it is learned."""
    from tqdm import tqdm

    from living_portraits import choreography
    from living_portraits.rehearsal.footage import open_target

    first, last = _part(args)
    size = _size(args)
    digest = _digest(args.target, first, last)
    kept = work / f"tracked-{digest}{choreography.SUFFIX}"
    known = choreography.load(kept) if kept.is_file() else None
    with tqdm(desc="track", unit="frame", leave=False, mininterval=0.5, dynamic_ncols=True) as bar:
        footage = open_target(
            args.target, size=size, tracked=known, start=first, end=last, on_frame=lambda _: bar.update()
        )
    if known is None:
        _make(work)
        choreography.save(kept, footage.tracked)
    return footage, f"{digest}-{size}"


def _size(args: argparse.Namespace) -> int:
    size = _whole("size", args.size)
    if size not in SIZES:
        raise OptionError(f"A dancer is not learned at {size} px; choose from {', '.join(map(str, SIZES))}.")
    return size


def _digest(path: Path, first: float, last: float | None) -> str:
    if not path.is_file():
        return "none"
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(f"{content} {first} {last}".encode()).hexdigest()[:12]


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {error.strerror or error}.") from error


def _show(report: "Report", out: Path) -> None:
    from PIL import Image

    print(line(report), flush=True)
    Image.fromarray(report.preview).save(places.preview_of(out))


def line(report: "Report") -> str:
    """One line about a look: how far, the held-out error with a star where it is the stage's best, and the losses."""
    found = "".join(f", {name} {value:.3g}" for name, value in report.losses.items())
    star = " *" if report.best else ""
    return f"{report.share:4.0%} {report.stage} {report.step}: held-out error {report.error:.4f}{star}{found}"


def sentence(taught: "Taught") -> str:
    """How it ended."""
    if not taught.reports:
        return f"ended before the first look, as {taught.reason}; no dancer was written."
    last = taught.reports[-1]
    # The last of the best: with the critics another best is looked for, be it worse than what was before them.
    best = next((report.error for report in reversed(taught.reports) if report.best), last.error)
    return f"ended in stage {last.stage}, as {taught.reason}; kept what was best, held-out error {best:.4f}."


def configured(args: argparse.Namespace) -> "tuple[DanceConfig, Any, str]":
    """Config, shape of the networks and perceptual loss. Raises OptionError."""
    from living_portraits.commands.train import settings
    from living_portraits.engines.dance.networks import Shape, shape_for
    from living_portraits.rehearsal.lesson import LOOKS, DanceConfig

    given = dict(settings(args.settings))
    given |= {name: getattr(args, name) for name in ("minutes", "steps") if getattr(args, name) is not None}
    look = args.look or LOOKS[0]
    if look not in LOOKS:
        raise OptionError(f"There is no perceptual loss {look!r}; choose from {', '.join(LOOKS)}.")
    config, shape = DanceConfig(), shape_for(_size(args))
    shapes = [name for name in Shape.__dataclass_fields__ if name != "face_share"]  # which the clip decides
    for name, word in given.items():
        if name in DanceConfig.__dataclass_fields__:
            config = dataclasses.replace(config, **{name: _as(type(getattr(config, name)), name, word)})
        elif name in shapes:
            shape = dataclasses.replace(shape, **{name: _as(type(getattr(shape, name)), name, word)})
        else:
            known = ", ".join([*DanceConfig.__dataclass_fields__, *shapes])
            raise OptionError(f"There is no setting {name!r}; choose from {known}.")
    return config, shape, look


def _as(kind: type, name: str, word: str) -> Any:
    if kind is bool:
        if word.lower() not in ("true", "false"):
            raise OptionError(f"{name} is true or false, not {word!r}.")
        return word.lower() == "true"
    number = _whole(name, word) if kind is int and name not in ("seed", "local_blocks") else _number(name, word)
    return kind(number)


def chosen_device(name: str) -> str:
    """The device's name for torch. Raises OptionError for one that is not there."""
    import torch

    if name not in DEVICES:
        raise OptionError(f"There is no device {name!r}; choose from {', '.join(DEVICES)}.")
    if name == "cuda" and not torch.cuda.is_available():
        raise OptionError("PyTorch sees no CUDA device; choose cpu or auto.")
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise OptionError(f"{name} takes a number of at least 0, not {text!r}.")
    return number


def _whole(name: str, text: str) -> int:
    if not str(text).isdecimal() or int(text) < 1:
        raise OptionError(f"{name} takes a whole number of at least 1, not {text!r}.")
    return int(text)
