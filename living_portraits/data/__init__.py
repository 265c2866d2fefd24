"""Footage made ready for teaching and judging: aligned, measured, and kept in a few files.

`prepare` turns clips and stills into a dataset, `Dataset` reads one.
"""

from living_portraits.data.dataset import Clip, Dataset
from living_portraits.data.prepare import prepare
from living_portraits.data.summary import Summary

__all__ = ["Clip", "Dataset", "Summary", "prepare"]
