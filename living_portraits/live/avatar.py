"""A portrait that can be moved one frame at a time.

Engines work on tracks. A track of two frames, now and the driver's neutral one, is enough for them: motion is measured
from the neutral frame, and frames are generated as they are asked for, so that the second is never made.
"""

from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float32, UInt8

from living_portraits import engines, face, provenance
from living_portraits.align import Canvas
from living_portraits.engine import Drive, Engine, Frame, Points, Track
from living_portraits.errors import LivingPortraitsError
from living_portraits.film_options import Options
from living_portraits.live.rest import Rest
from living_portraits.portrait import open_portrait

Shown: TypeAlias = UInt8[np.ndarray, "rows columns 3"]
"""A `Frame` of another size than one that it is made from."""

LARGEST = 960
"""Pixels of a portrait's longer side; every one of them is sent anew for each frame."""


def best_engine() -> str:
    """The engine to try first: one that knows a few portraits alone, and is quick for it, if this copy has one."""
    return next((name for name in engines.available() if engines.spec(name).locked), engines.DEFAULT)


def open_avatar(
    source: Path, create: Callable[[str], Engine[Any, Any]], *, engine: str | None = None, **more: Any
) -> "Avatar":
    """An avatar of a picture, moved by the engine of that name; None: by the best one that knows this portrait.

    Args:
        create: makes an engine from its name.
        more: of `Avatar`.

    Raises LivingPortraitsError: whatever the caller can mend.
    """
    if engine is None and (best := best_engine()) != engines.DEFAULT:
        with suppress(LivingPortraitsError):  # it has not met this portrait, or cannot be run so
            return Avatar(create(best), source, **more)
    return Avatar(create(engine or engines.DEFAULT), source, **more)


class Avatar:
    """A portrait and what moves it.

    Args:
        engine: made by `engines.create`.
        source: a picture with a face.
        strength: factor on all motion.
        crop_only: show the square around the face alone.

    Attributes:
        still: the portrait at rest, with the visible mark; all frames have its size.

    Raises:
        LivingPortraitsError: whatever the caller can mend, in one sentence.
    """

    def __init__(
        self, engine: Engine[Any, Any], source: Path, *, strength: float = 1.0, crop_only: bool = False
    ) -> None:
        self.engine, self._source, self._strength = engine, source, strength
        portrait = open_portrait(source, Options()).within(LARGEST)
        scene, shown = portrait.opaque, portrait.faces[0]
        crop, cut = face.as_source(scene, shown, size=engine.spec.size)
        self._canvas = Canvas(scene, crop)
        self._identity = engine.encode_identity(cut)
        self._window = crop.window(scene.shape[1], scene.shape[0], shown.points) if crop_only else None
        self.still = self._shown(cut.crops[0])

    @property
    def driver_size(self) -> int:
        """Side of the driver's crops, px."""
        return self.engine.spec.driver_size or self.engine.spec.size

    @property
    def wants_pictures(self) -> bool:
        """Whether the engine looks at the driver's pixels."""
        return self.engine.spec.reads_driver_pixels

    def claim(self, driver: Path | None, *, consent: str | None = None) -> provenance.Claim:
        """What a film of this avatar says of itself; `driver`: the clip, None for a camera."""
        source = provenance.Ingredient(self._source.name, self._source, "source")
        clip = () if driver is None else (provenance.Ingredient(driver.name, driver, "driver"),)
        return provenance.Claim(
            engine=self.engine.spec.name,
            ingredients=(source, *clip),
            settings={"live": True, "size": self.engine.spec.size, "strength": self._strength},
            mark_shown=True,
            consent=consent,
            source_type="trainedAlgorithmicMedia" if self.engine.spec.weights else "compositeSynthetic",
        )

    def moved(self, rest: Rest, picture: Frame | None, points: Points, blendshapes: Float32[np.ndarray, "52"]) -> Shown:
        """The portrait as the driver is now, with the visible mark.

        Args:
            rest: the driver's neutral face.
            picture: what `rest.crop` shows now; None if no pictures are wanted.
            points, blendshapes: of the driver's face now, px of that crop.
        """
        crops = [] if picture is None or rest.picture is None else [picture, rest.picture]
        track = Track(crops, np.stack([points, rest.points]), np.stack([blendshapes, rest.blendshapes]), 25.0)
        motion = self.engine.encode_motion(track, Drive(strength=self._strength, neutral=1))
        with closing(self.engine.generate(self._identity, motion)) as frames:  # type: ignore[type-var]
            patch = next(frames)
        return self._shown(patch)

    def _shown(self, patch: Frame) -> Shown:
        """A patch in its place in the picture, or its window alone, with the visible mark."""
        if self._window is None:
            return provenance.mark(self._canvas.paste(patch))
        left, top, right, bottom = self._window
        return provenance.mark(np.ascontiguousarray(patch[top:bottom, left:right]))
