"""What the notebooks share: choosing, scrubbing, drawing, and small experiments that are taught live.

Needs the extra `notebooks`: matplotlib and ipywidgets are imported here and nowhere else.
"""

from living_portraits.errors import OptionError

try:
    from living_portraits.nn.blocks import adaptive_norm
    from living_portraits.notebook.choose import choice, drivers, portraits, scrub
    from living_portraits.notebook.compare import card, read, table, take, unrest
    from living_portraits.notebook.detector import Detector, spectrum
    from living_portraits.notebook.faces import SHAPES, driver_track, expression, first, harder, source_track, turn_of
    from living_portraits.notebook.fields import Head, arrows, field, pose
    from living_portraits.notebook.films import film, frames_of, place
    from living_portraits.notebook.ladder import found_in, rungs
    from living_portraits.notebook.mask import mask
    from living_portraits.notebook.people_map import map_of, spread_of_means
    from living_portraits.notebook.pictures import apart, bars, lines, points_on, row
    from living_portraits.notebook.tamper import changed, copied, each, recompressed, shrunk
    from living_portraits.notebook.tiny import drawn, drawn_mixed, embeddings, people, stages, teach
except ModuleNotFoundError as error:
    raise OptionError(f'The notebooks need {error.name}: run "make lab", or install the extra "notebooks".') from error

__all__ = [
    "SHAPES",
    "Detector",
    "Head",
    "adaptive_norm",
    "apart",
    "arrows",
    "bars",
    "card",
    "changed",
    "choice",
    "copied",
    "drawn",
    "drawn_mixed",
    "driver_track",
    "drivers",
    "each",
    "embeddings",
    "expression",
    "field",
    "film",
    "first",
    "found_in",
    "frames_of",
    "harder",
    "lines",
    "map_of",
    "mask",
    "people",
    "place",
    "points_on",
    "portraits",
    "pose",
    "read",
    "recompressed",
    "row",
    "rungs",
    "scrub",
    "shrunk",
    "source_track",
    "spectrum",
    "spread_of_means",
    "stages",
    "table",
    "take",
    "teach",
    "turn_of",
    "unrest",
]
