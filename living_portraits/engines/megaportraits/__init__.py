"""MegaPortraits: one picture becomes a volume that can be turned and moved (Drobyshev et al. 2022)."""

from living_portraits.engines.megaportraits.engine import MegaPortraits

__all__ = ["MegaPortraits"]
