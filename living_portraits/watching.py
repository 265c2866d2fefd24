"""A driver, watched: what its points say of the head, and what only its pictures tell of head and surroundings."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float32

from living_portraits import geometry as geo
from living_portraits.detail import Detail, Where
from living_portraits.engine import Drive, Points, Track
from living_portraits.motion import HeadMotion, measure
from living_portraits.sway import UNKNOWN, Surroundings, Sway


def watch(driver: Track, drive: Drive) -> tuple[HeadMotion, Sway | None]:
    """How a driver's head moves, and how all the rest does: None where there are no pictures.

    The pictures are looked through once, in order.
    """
    head = measure(driver, drive)
    if not len(driver.crops):
        return head, None
    rest = driver.crops[drive.neutral]
    around, near = Surroundings(rest), Detail(rest, driver.points[drive.neutral])
    fields, missed = [], np.zeros((len(head), geo.MESH_COUNT, 3), np.float32)
    for number, (crop, points) in enumerate(zip(driver.crops, driver.points, strict=False)):
        if number == drive.neutral:
            fields.append(around.still())
            continue
        fields.append(around.field(crop))
        missed[number] = _in_the_head(near.missed(crop, points), points)
    fields += [UNKNOWN] * (len(head) - len(fields))  # where a clip breaks off, its points are all there is
    detail = np.float32(drive.strength * drive.expression) * missed
    sway = Sway.of(fields)
    return replace(head, detail=detail), (sway.steadied(driver.fps) if driver.gapless else sway).scaled(drive.travel)


def _in_the_head(missed: Where, points: Points) -> Float32[np.ndarray, "468 3"]:
    """From px of the crop to cm of the head in it."""
    pose = geo.fit_pose(points)
    flat = np.column_stack([missed * np.array([1, -1]), np.zeros(len(missed))])
    return np.asarray(flat @ pose.rotation / pose.scale, dtype=np.float32)
