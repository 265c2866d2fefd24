"""Half precision where it is quicker, and nowhere else."""

import pytest
import torch

from living_portraits.nn.precision import bfloat16_is_fast
from living_portraits.training import place as places
from living_portraits.training.place import Place

CPU = torch.device("cpu")


@pytest.mark.parametrize(("tiles", "fast"), [(lambda: True, True), (lambda: False, False), (None, False)])
def test_a_processor_is_fast_where_it_multiplies_tiles(monkeypatch, tiles, fast: bool) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", tiles, raising=False)
    assert bfloat16_is_fast(CPU) is fast


def test_a_gpu_is_and_what_nobody_knows_is_not() -> None:
    assert bfloat16_is_fast(torch.device("cuda"))
    assert not bfloat16_is_fast(torch.device("meta"))


@pytest.mark.parametrize("fast", [True, False])
def test_a_training_goes_by_it(monkeypatch, fast: bool) -> None:
    monkeypatch.setattr(places, "bfloat16_is_fast", lambda device: fast)
    with Place(CPU).autocast():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if fast else torch.float32)
