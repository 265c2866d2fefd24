"""The guided engine: the puppet's doll, repaired by a small network that learned from film."""

from living_portraits.engines.guided.engine import Guided

__all__ = ["Guided"]
