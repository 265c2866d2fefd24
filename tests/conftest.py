"""Every annotation of the package is checked at run time while its tests run: shapes, dtypes and plain types."""

import os
import sys
from collections.abc import Iterator

import pytest
from jaxtyping import install_import_hook

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # a GPU computes in half precision: near what is expected here, not the same

if any(name.split(".")[0] == "living_portraits" for name in sys.modules):
    raise RuntimeError("living_portraits was imported before the run-time type checks were installed.")
install_import_hook("living_portraits", "beartype.beartype")


@pytest.fixture(autouse=True)
def _trains_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands make films alone in a process of their own; this one trains as well."""
    from living_portraits.nn import process

    monkeypatch.setattr(process, "makes_films_alone", lambda: None)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small work is slower on two, and the more so where others compute."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
