"""The registry of engines: a name, and where its class lives.

A new engine is one file here and one line below; the contract tests run on it from that line.
An engine's class takes `size` alone and carries its default `Spec` as the class attribute `spec`.
"""

from importlib import import_module
from typing import Any

from living_portraits.engine import Engine, Spec
from living_portraits.errors import OptionError

DEFAULT = "puppet"

ENGINES: dict[str, str] = {
    "puppet": "living_portraits.engines.puppet:Puppet",
    "still": "living_portraits.engines.still:Still",
}
"""Name -> "module:Class"; an engine is imported when it is asked for."""

SMALLEST, LARGEST, STEP = 64, 2048, 16


def available() -> tuple[str, ...]:
    """The names that `create` takes."""
    return tuple(ENGINES)


def spec(name: str) -> Spec:
    """What the engine `name` is and needs; raises OptionError for an unknown name."""
    described = _find(name).spec
    assert isinstance(described, Spec), f"{ENGINES[name]} has no Spec"
    return described


def create(name: str, *, size: int | None = None) -> Engine[Any, Any]:
    """The engine `name`, working at `size` pixels (None: its own); raises OptionError for an unknown name or size."""
    described = spec(name)
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
    engine: Engine[Any, Any] = _find(name)(size=size)
    return engine


def _find(name: str) -> Any:
    if name not in ENGINES:
        raise OptionError(f"There is no engine {name!r}; choose from {', '.join(available())}.")
    module, class_name = ENGINES[name].split(":")
    return getattr(import_module(module), class_name)
