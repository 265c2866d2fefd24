"""Everybody Dance Now: a person learned from one clip dances as another does."""

from living_portraits.engines.dance.engine import Dance

__all__ = ["Dance"]
