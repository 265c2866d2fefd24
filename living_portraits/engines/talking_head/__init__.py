"""Few-shot talking heads (Zakharov et al. 2019): a person known by a few pictures, drawn anew from landmarks."""

from living_portraits.engines.talking_head.engine import TalkingHead

__all__ = ["TalkingHead"]
