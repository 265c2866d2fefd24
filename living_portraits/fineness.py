"""How large a crop a picture deserves: what moves is to be as sharp as what stands still beside it."""

import math
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from living_portraits.align import Crop
from living_portraits.engine import Engine
from living_portraits.face import Face

FINEST = 1024
"""px: beyond it every frame would take long for what few screens show."""

_STEP = 128
_SPARE = 1.15  # so much enlarging is not seen


@runtime_checkable
class Sizable(Protocol):
    """An engine that works at another size without more ado."""

    def sized(self, size: int) -> Engine[Any, Any]:
        """The same engine for crops of `size` px, sharing its networks and what is known of portraits elsewhere."""
        ...


def fitted(engine: Engine[Any, Any], faces: Sequence[Face]) -> Engine[Any, Any]:
    """`engine` at a size from its own to `FINEST` at which the sharpest of the picture's faces keeps its grain.

    An engine that works at one size, or at none so large, stays as it is.
    """
    spec = engine.spec
    if not isinstance(engine, Sizable):
        return engine
    detail = max(spec.size / Crop.around(face.points, size=spec.size).zoom for face in faces)
    wanted = min(max(_STEP * math.ceil(detail / _SPARE / _STEP), spec.size), FINEST)
    if spec.sizes:
        wanted = min((size for size in spec.sizes if size >= wanted), default=max(spec.sizes))
    return engine if wanted == spec.size else engine.sized(wanted)
