"""What a film says about itself, as data and as plain container tags."""

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from living_portraits.errors import MediaError
from living_portraits.provenance.digests import digest, digests
from living_portraits.provenance.library import reason

NAME = "Living Portraits"
try:
    VERSION = version("living-portraits")
except PackageNotFoundError:  # run from a source tree that was never installed
    VERSION = "0"
GENERATOR = f"{NAME}/{VERSION}"

FILM_ASSERTION = "living-portraits.film"  # what C2PA has no words for: engine, settings, hashes, mark, consent


@dataclass(frozen=True)
class Ingredient:
    """A file that went into a film.

    Attributes:
        title: how to call it; the folder it lies in is never written into a film.
        path: a file, or a folder of frames.
        role: what it gave: the person, or the motion.
    """

    title: str
    path: Path
    role: Literal["source", "driver"]

    @functools.cached_property
    def sha256(self) -> str:
        """Hex digest of the file; of a folder, the digest of its files' names and digests. Raises MediaError."""
        try:
            if not self.path.is_dir():
                return digest(self.path)
            listing = digests(sorted(p for p in self.path.iterdir() if p.is_file()))
        except OSError as error:
            raise MediaError(f"Cannot read {self.path} to record it in the film: {reason(error)}.") from error
        return hashlib.sha256(json.dumps(listing).encode()).hexdigest()


@dataclass(frozen=True)
class Claim:
    """What a film says about itself.

    Attributes:
        engine: the engine's name.
        ingredients: what it was made from.
        settings: every option that shaped it; of paths only the file's name is kept.
        mark_shown: whether the frames carry the visible mark.
        consent: who agreed to this, in the maker's words; None when nothing was stated.
        source_type: IPTC digital source type: made by a trained network, or composed by plain computation.
    """

    engine: str
    ingredients: tuple[Ingredient, ...]
    settings: Mapping[str, object]
    mark_shown: bool
    consent: str | None
    source_type: Literal["trainedAlgorithmicMedia", "compositeSynthetic"]

    def as_data(self) -> dict[str, Any]:
        """The claim as JSON-ready values, with the digests of its ingredients. Raises MediaError."""
        ingredients = [{"role": i.role, "title": i.title, "sha256": i.sha256} for i in self.ingredients]
        return {
            "engine": self.engine,
            "ingredients": ingredients,
            "settings": json.loads(json.dumps(dict(self.settings), default=_plain)),
            "mark_shown": self.mark_shown,
            "consent": self.consent,
            "source_type": self.source_type,
        }


def metadata(claim: Claim) -> dict[str, str]:
    """The claim as container tags that any player shows; unsigned. Raises MediaError if an ingredient is gone."""
    data = claim.as_data()
    made_from = "; ".join(f"{i['role']} {i['title']} (sha256 {i['sha256']})" for i in data["ingredients"])
    sign_shown = "shown" if claim.mark_shown else "turned off"
    comment = (
        f"AI-generated with {GENERATOR}, engine {claim.engine}; {claim.source_type}; {made_from}; "
        f"visible mark {sign_shown}; consent: {claim.consent or 'not stated'}; "
        f"settings {json.dumps(data['settings'], ensure_ascii=False)}"
    )
    return {"comment": comment}


def _plain(value: object) -> object:
    """A setting as JSON can hold it; paths lose their folder, which is nobody's business."""
    if isinstance(value, Path):
        return value.name
    return value.item() if isinstance(value, np.generic) else str(value)
