"""What the notebooks share: choosing, scrubbing, drawing, and small experiments that are taught live.

Needs the extra `notebooks`: matplotlib and ipywidgets are imported here and nowhere else.
"""

from living_portraits.errors import OptionError

try:
    from living_portraits.nn.blocks import adaptive_norm
    from living_portraits.notebook.body import points_of_a_body
    from living_portraits.notebook.choose import choice, drivers, portraits, scrub
    from living_portraits.notebook.compare import band, card, read, table, take, take_drawn, unrest
    from living_portraits.notebook.detector import Detector, spectrum
    from living_portraits.notebook.embedder import base_model, described, embedded, filmed, gaps, painted
    from living_portraits.notebook.faces import (
        SHAPES,
        driver_track,
        expression,
        first,
        harder,
        lopsided,
        source_track,
        thinned,
        turn_of,
    )
    from living_portraits.notebook.few_shot import MONA_LISA, courses, fine_tune, sheet, somebody, stopped, sums
    from living_portraits.notebook.fields import Head, arrows, field, pose
    from living_portraits.notebook.films import bundled_dancer, film, frames_of, on_the_limbs, place, worn
    from living_portraits.notebook.ladder import found_in, rungs
    from living_portraits.notebook.lips import Lips, lips_on_their_line
    from living_portraits.notebook.mask import mask
    from living_portraits.notebook.megapixel import (
        crop_zoom,
        detail,
        enlarged,
        fidelity,
        middle,
        redrawn,
        timed,
        with_crop,
    )
    from living_portraits.notebook.noticed import critic_of, heat, median, noticed, spoilt, truths
    from living_portraits.notebook.people_map import map_of, spread_of_means, strips
    from living_portraits.notebook.performer import dressed, performance, stage_of, steps_of
    from living_portraits.notebook.pictures import apart, bars, lines, points_on, row
    from living_portraits.notebook.portrayed import composed, obeyed, portrayed
    from living_portraits.notebook.rehearse import after, danced, flicker, held_out, memory, rehearse, trembling
    from living_portraits.notebook.repairs import repaired
    from living_portraits.notebook.standing import (
        feet_of,
        published,
        seen_by_a_camera,
        under_the_floor,
        without_an_ankle,
    )
    from living_portraits.notebook.tamper import changed, copied, each, recompressed, shrunk
    from living_portraits.notebook.tiny import drawn, drawn_mixed, embeddings, people, stages, teach
except ModuleNotFoundError as error:
    raise OptionError(f'The notebooks need {error.name}: run "make lab", or install the extra "notebooks".') from error

__all__ = [
    "MONA_LISA",
    "SHAPES",
    "Detector",
    "Head",
    "Lips",
    "adaptive_norm",
    "after",
    "apart",
    "arrows",
    "band",
    "bars",
    "base_model",
    "bundled_dancer",
    "card",
    "changed",
    "choice",
    "composed",
    "copied",
    "courses",
    "critic_of",
    "crop_zoom",
    "danced",
    "described",
    "detail",
    "drawn",
    "drawn_mixed",
    "dressed",
    "driver_track",
    "drivers",
    "each",
    "embedded",
    "embeddings",
    "enlarged",
    "expression",
    "feet_of",
    "fidelity",
    "field",
    "film",
    "filmed",
    "fine_tune",
    "first",
    "flicker",
    "found_in",
    "frames_of",
    "gaps",
    "harder",
    "heat",
    "held_out",
    "lines",
    "lips_on_their_line",
    "lopsided",
    "map_of",
    "mask",
    "median",
    "memory",
    "middle",
    "noticed",
    "obeyed",
    "on_the_limbs",
    "painted",
    "people",
    "performance",
    "place",
    "points_of_a_body",
    "points_on",
    "portraits",
    "portrayed",
    "pose",
    "published",
    "read",
    "recompressed",
    "redrawn",
    "rehearse",
    "repaired",
    "row",
    "rungs",
    "scrub",
    "seen_by_a_camera",
    "sheet",
    "shrunk",
    "somebody",
    "source_track",
    "spectrum",
    "spoilt",
    "spread_of_means",
    "stage_of",
    "stages",
    "steps_of",
    "stopped",
    "strips",
    "sums",
    "table",
    "take",
    "take_drawn",
    "teach",
    "thinned",
    "timed",
    "trembling",
    "truths",
    "turn_of",
    "under_the_floor",
    "unrest",
    "with_crop",
    "without_an_ankle",
    "worn",
]
