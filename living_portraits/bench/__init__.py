"""How fast engines are on this machine: each stage of a film, end to end, and beside what the machine can do at all."""

from living_portraits.bench.figures import Figures, Machine, table
from living_portraits.bench.rounds import STILL, bench

__all__ = ["STILL", "Figures", "Machine", "bench", "table"]
