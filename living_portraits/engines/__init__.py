"""The registry of engines: a name, and where its class lives.

A new engine is one file here and one line below; the contract tests run on it from that line.
An engine's class takes `size`, and `runtime` where its `Spec` lists any, and carries its default `Spec` as the class
attribute `spec`.
Some move faces and some whole bodies, as their `Spec` says: who asks for one kind is never given the other.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

from living_portraits import weights
from living_portraits.engine import Engine, Region, Spec
from living_portraits.errors import OptionError, WeightsError
from living_portraits.people import People

DEFAULT = "guided"

AUTO = "auto"
"""The runtime that an engine takes when none is asked for."""

ENGINES: dict[str, str] = {
    "guided": "living_portraits.engines.guided:Guided",
    "megaportraits": "living_portraits.engines.megaportraits:MegaPortraits",
    "student": "living_portraits.engines.megaportraits.student_engine:StudentEngine",
    "talking-head": "living_portraits.engines.talking_head:TalkingHead",
    "puppet": "living_portraits.engines.puppet:Puppet",
    "still": "living_portraits.engines.still:Still",
    "dance": "living_portraits.engines.dance:Dance",
}
"""Name -> "module:Class"; an engine is imported when it is asked for."""

SMALLEST, LARGEST, STEP = 64, 2048, 16


def available(region: Region = "face") -> tuple[str, ...]:
    """The names that `create` takes: engines for that part of a person whose weights this copy has.

    Asks each engine, and so imports it, with PyTorch where it has a network.
    """
    return tuple(name for name in ENGINES if _is_for(name, region) and not _lacking(name))


def spec(name: str) -> Spec:
    """What the engine `name` is and needs; raises OptionError for an unknown name."""
    described = _find(name).spec
    assert isinstance(described, Spec), f"{ENGINES[name]} has no Spec"
    return described


def create(
    name: str,
    *,
    size: int | None = None,
    region: Region = "face",
    runtime: str = AUTO,
    identity: str | None = None,
) -> Engine[Any, Any]:
    """The engine `name`, working at `size` pixels (None: its own) in `runtime`, as taught `identity` in person.

    Raises:
        OptionError: an unknown name, size, runtime or identity, or an engine for another `region` than is asked for.
        WeightsError: its weights are not part of this copy, or it was taught that person with others.
    """
    described = spec(name)
    if described.region != region:
        choices = ", ".join(available(region)) or "none: this copy has no such engine"
        raise OptionError(f"The engine {name} moves a {described.region}, not a {region}; choose from {choices}.")
    if lacking := _lacking(name):
        raise WeightsError(f"The engine {name} needs the model file {lacking!r}, which this copy does not have.")
    check_runtime(name, runtime)
    size = described.size if size is None else size
    if not isinstance(size, int):
        raise OptionError(f"The size takes a whole number of pixels, not {size!r}.")
    if described.sizes and size not in described.sizes:
        choices = ", ".join(map(str, described.sizes))
        raise OptionError(f"The engine {name} does not work at size {size}; choose from {choices}.")
    if not described.sizes and (size % STEP or not SMALLEST <= size <= LARGEST):
        raise OptionError(
            f"The engine {name} does not work at size {size}; choose a multiple of {STEP} from {SMALLEST} to {LARGEST}."
        )
    chosen: dict[str, Any] = {} if runtime == AUTO else {"runtime": runtime}
    if identity is not None:
        chosen["person"] = person(name, identity)
    engine: Engine[Any, Any] = _find(name)(size=size, **chosen)
    return engine


def teachable() -> tuple[str, ...]:
    """The engines that can be taught somebody in person."""
    return tuple(name for name in ENGINES if spec(name).teachable)


def person(name: str, identity: str) -> Path:
    """The file of the person whom the engine `name` was taught. Raises OptionError where it is taught nobody."""
    if not spec(name).teachable:
        choices = ", ".join(teachable())
        raise OptionError(f"The engine {name} is taught nobody in person; leave identity out, or choose {choices}.")
    people: People = _find(name).people
    return people.find(identity)


def check_runtime(name: str, runtime: str) -> None:
    """Raises OptionError if the engine `name` has no such runtime; whether it is installed is seen when it starts."""
    choices = spec(name).runtimes
    if runtime == AUTO or runtime in choices:
        return
    if not choices:
        raise OptionError(
            f"The engine {name} has one runtime alone and cannot be run in {runtime!r}; leave that option out."
        )
    raise OptionError(f"The engine {name} has no runtime {runtime!r}; choose from {', '.join((AUTO, *choices))}.")


def _is_for(name: str, region: Region) -> bool:
    return spec(name).region == region


def _lacking(name: str) -> str | None:
    """The first of its model files that is not there; whether a file is whole is seen when it is read."""
    for file in spec(name).weights:
        if file not in weights.FILES or not (weights.folder() / weights.FILES[file].file).is_file():
            return file
    return None


def _find(name: str) -> Any:
    if name not in ENGINES:
        raise OptionError(f"There is no engine {name!r}; choose from {', '.join(available())}.")
    module, class_name = ENGINES[name].split(":")
    return getattr(import_module(module), class_name)
