"""Stills set in motion by the puppet's mesh: films of thousands of faces, with the exact way of every pixel.

The mesh carries the still's own pixels, so for each pixel of a frame it is known where in the still it comes from,
and between any two frames by way of the still. What the mesh makes up is marked, to be kept out of every loss, an
adversary's too: mouth and eyes, skin that is stretched because the still does not show it, background that is
dragged along.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt8

from living_portraits import geometry
from living_portraits.data.dataset import Clip, Dataset
from living_portraits.data.mattes import SIDE, Matte
from living_portraits.doll import Doll
from living_portraits.engine import Drive, Frame, Points, Track
from living_portraits.errors import MediaError
from living_portraits.motion import AdaptedHead, HeadMotion, measure, neutral_frame
from living_portraits.variety import spread
from living_portraits.warp import SamplingMap, density, pixel_grid

STRETCH = 2.2
"""Skin that is drawn out by more than this factor shows what the still does not have."""

STEADY = 1.0 / 256
"""Of the crop's side: background that moves by less counts as standing still."""

MOST_TURN, MOST_TRAVEL, MOST_ZOOM = np.radians(20), 1.2, 0.08
"""Radians, cm and logarithm: motion beyond these asks more of one still than it can give, and is not taken."""

STRENGTHS = (0.7, 1.4)
"""Factor on a driver's expressions, least and most: nobody smiles by the same amount."""

EXTRA_TURN = np.radians([4.0, 6.0, 3.0])
"""Spread of the turns that are added, radians: nodding, shaking and tilting the head. Most drivers hardly move it."""

STILLS, MADE_UP = ("still", "pair"), ("edits",)
"""Kinds of clips whose frames are pictures to be moved: of people who were photographed or painted, and of others."""

MADE_UP_EVERY = 4
"""One in so many films moves a person who does not exist, where the dataset has any. A fixed turn, not chance: so the
other films stay the same when such people join."""

ATTEMPTS = 100
"""Draws of a still and a driver before it is said that no driver will do."""

_EYES = slice(9, 23)  # blendshapes eyeBlink, eyeLook, eyeSquint and eyeWide: lids and gaze keep their strength
_RIM = 1.0 / 128  # of the crop's side: how far round mouth and eyes their drawn edges reach


@dataclass(frozen=True, eq=False)
class PseudoFilm:
    """One still in T positions.

    Attributes:
        source: clip of the still. driver: clip of the motion.
        still: `[size, size, 3]` the still's crop. still_points: its points, px of the crop.
        frames: `[T, size, size, 3]` the still, moved.
        points: `[T, 478, 3]` where its points went, px of the crop: exact, not tracked.
        flow: `[T, 64, 64, 2]` (x, y) from the middle of each cell of a frame to where in the still its colour comes
            from, px of the crop.
        valid: `[T, 64, 64]` share of each cell that is the still's own, moved as a face moves; 0 to 255.
        person: `[T, 64, 64]` the still's person, moved; 0 to 255. still_person, seen: the still's own mattes.
        blendshapes: `[T, 52]` the still's, and the driver's change as strongly as it was shown; in [0, 1].
        still_blendshapes: the still's.
    """

    source: Clip
    driver: Clip
    still: Frame
    still_points: Points
    frames: UInt8[np.ndarray, "time size size 3"]
    points: Float32[np.ndarray, "time 478 3"]
    flow: Float32[np.ndarray, "time 64 64 2"]
    valid: UInt8[np.ndarray, "time 64 64"]
    person: UInt8[np.ndarray, "time 64 64"]
    still_person: Matte
    seen: Matte
    blendshapes: Float32[np.ndarray, "time 52"]
    still_blendshapes: Float32[np.ndarray, "52"]


class Marionette:
    """One still, ready to be moved.

    Args:
        crop: uint8 RGB `[size, size, 3]`. points: px of it.
        person: 64 x 64, 255 where the crop shows the person and not what is behind.
        seen: 64 x 64, 255 where it shows the picture, not what was made up beyond the edges.
    """

    def __init__(self, crop: Frame, points: Points, *, person: Matte, seen: Matte) -> None:
        self.size = crop.shape[0]
        self._doll = Doll.of(crop, points)
        self.mesh = self._doll.mesh
        self._person, self._seen = (
            cv2.resize(matte, (self.size, self.size), interpolation=cv2.INTER_LINEAR) for matte in (person, seen)
        )

    def pose(self, motion: HeadMotion, number: int) -> tuple[Frame, AdaptedHead, SamplingMap]:
        """Frame `number` of a motion: its pixels, the head in it, and where each pixel comes from."""
        return self._doll.pose(motion, number)

    def person(self, sampling: SamplingMap) -> Matte:
        """Where the person is in a posed frame."""
        moved = cv2.remap(self._person, sampling, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(cv2.resize(moved, (SIDE, SIDE), interpolation=cv2.INTER_AREA))

    def valid(self, head: AdaptedHead, sampling: SamplingMap) -> Bool[np.ndarray, "size size"]:
        """Which pixels of a posed frame are the still's own, moved as a face moves."""
        travel = sampling - pixel_grid(self.size)
        still = np.linalg.norm(travel, axis=2) < STEADY * self.size
        person, seen = (
            cv2.remap(matte, sampling, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) > 127
            for matte in (self._person, self._seen)
        )
        drawn = np.zeros((self.size, self.size), np.uint8)
        for ring in (geometry.LIPS_INNER, geometry.RIGHT_EYE, geometry.LEFT_EYE):
            cv2.fillPoly(drawn, [np.rint(head.points[list(ring), :2]).astype(np.int32)], 1)
        reach = 2 * max(round(_RIM * self.size), 1) + 1
        drawn = cv2.dilate(drawn, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
        return seen & (person | still) & (drawn == 0) & (density(sampling) >= 1 / STRETCH)


def bearable(motion: HeadMotion) -> Int64[np.ndarray, "count"]:
    """The frames of a motion that one still can follow."""
    turns = np.linalg.norm(_turns(motion), axis=1)
    travel = np.linalg.norm(motion.shift, axis=1)
    zoom = np.abs(np.log(np.maximum(motion.zoom, 1e-3)))
    return np.flatnonzero((turns < MOST_TURN) & (travel < MOST_TRAVEL) & (zoom < MOST_ZOOM))


def _turns(motion: HeadMotion) -> Float64[np.ndarray, "time 3"]:
    """Axis times angle, radians, of every frame."""
    return np.stack([geometry.rotation_vector(turn.astype(np.float64)) for turn in motion.rotation])


def varied(motion: HeadMotion, random: np.random.Generator) -> HeadMotion:
    """The same motion with more or less expression, and in every frame a turn of the head more."""
    strength = random.uniform(*STRENGTHS)
    extra = [geometry.rotation_matrix(turn) for turn in random.normal(size=(len(motion), 3)) * EXTRA_TURN]
    return dataclasses.replace(
        motion,
        expression=(strength * motion.expression).astype(np.float32),
        strength=strength * motion.strength,
        rotation=(np.stack(extra) @ motion.rotation).astype(np.float32),
    )


def pseudo_film(
    dataset: Dataset, number: int, *, split: str | None = None, size: int = 256, frames: int = 4, seed: int = 0
) -> PseudoFilm:
    """One still of a dataset, moved by somebody else's film of its own split.

    Which still, which film and which of its frames follows from seed and number. People are drawn by chance, each as
    often as another. Of the driver's frames those are taken that lie far apart.

    Args:
        split: of the people; None for any.
        frames: positions beside the still's own.

    Raises:
        MediaError: no stills or no films of that size, or hardly a film that a still can follow.
    """
    stills, films = candidates(dataset, number, split=split, size=size)
    if not stills or not films:
        raise MediaError(
            f"{dataset.folder} has {len(stills)} pictures of size {size} and {len(films)} films"
            f"{f' in the split {split}' if split else ''}; to set pictures in motion takes both."
        )
    random = np.random.default_rng([seed, number])
    people = _by_person(stills)
    for _ in range(ATTEMPTS):
        source = _drawn(people, random)
        driver = _drawn(_by_person([film for film in films if film.split == source.split]), random)
        film = None if source.identity == driver.identity else _film(dataset, source, driver, frames, random)
        if film is not None:
            return film
    raise MediaError(f"{dataset.folder} has no film with {frames} positions of the head that a picture can follow.")


def candidates(
    dataset: Dataset, number: int, *, split: str | None = None, size: int = 256
) -> tuple[list[Clip], list[Clip]]:
    """What film `number` can be made of: stills of that size, and films, all of splits that have both."""
    clips = [clip for clip in dataset.clips if split in (None, clip.split)]
    films = [clip for clip in clips if clip.kind == "video"]
    driven = {clip.split for clip in films}
    able = [clip for clip in clips if clip.size == size and clip.split in driven]
    made_up = [clip for clip in able if clip.kind in MADE_UP and number % MADE_UP_EVERY == MADE_UP_EVERY - 1]
    return made_up or [clip for clip in able if clip.kind in STILLS], films


def pseudo_films(
    dataset: Dataset, *, split: str = "train", size: int = 256, frames: int = 4, seed: int = 0
) -> Iterator[PseudoFilm]:
    """`pseudo_film` number 0 and on, without end; the same seed gives the same stream. Raises MediaError."""
    for number in count():
        yield pseudo_film(dataset, number, split=split, size=size, frames=frames, seed=seed)


def _by_person(clips: Sequence[Clip]) -> list[list[Clip]]:
    people: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        people[clip.identity].append(clip)
    return [people[name] for name in sorted(people)]


def _drawn(people: list[list[Clip]], random: np.random.Generator) -> Clip:
    clips = people[int(random.integers(len(people)))]
    return clips[int(random.integers(len(clips)))]


def _film(dataset: Dataset, source: Clip, driver: Clip, frames: int, random: np.random.Generator) -> PseudoFilm | None:
    """`count` positions of one of the source's pictures; None where the driver has too few that it can follow."""
    points = dataset.points(driver)
    shapes = dataset.blendshapes(driver)
    neutral = neutral_frame(points, shapes)
    motion = varied(measure(Track([], points, shapes, driver.fps), Drive(neutral=neutral)), random)
    able = bearable(motion)
    if len(able) < frames:
        return None
    # So that a mouth wide open and eyes that shut count about the same, and turns less.
    look = [motion.expression[able].reshape(len(able), -1) / 10, motion.lids[able], _turns(motion)[able]]
    first = int(random.integers(len(able)))
    chosen = able[spread(np.concatenate(look, axis=1).astype(np.float64), frames, first=first)]
    picture = int(random.integers(source.frames))
    still = dataset.frames(source, frames=slice(picture, picture + 1))[0]
    still_points, shown = dataset.points(source)[picture], dataset.mattes(source)
    doll = Marionette(still, still_points, person=shown.person[picture], seen=shown.seen)
    own = dataset.blendshapes(source)[picture]
    posed = [doll.pose(motion, int(number)) for number in chosen]
    return PseudoFilm(
        source=source,
        driver=driver,
        still=still,
        still_points=still_points,
        frames=np.stack([frame for frame, _, _ in posed]),
        points=np.stack([head.points for _, head, _ in posed]),
        flow=np.stack([coarse(sampling - pixel_grid(source.size)) for _, _, sampling in posed]),
        valid=np.stack([_share(doll.valid(head, sampling)) for _, head, sampling in posed]),
        person=np.stack([doll.person(sampling) for _, _, sampling in posed]),
        blendshapes=np.clip(own + _shown(shapes[chosen] - shapes[neutral], motion.strength), 0, 1).astype(np.float32),
        still_person=shown.person[picture],
        still_blendshapes=own,
        seen=shown.seen,
    )


def _shown(change: Float32[np.ndarray, "time 52"], strength: float) -> Float32[np.ndarray, "time 52"]:
    """A change of blendshapes as a mesh shows it that is moved with that strength, see `varied`."""
    factors = np.full(change.shape[1], strength, np.float32)
    factors[_EYES] = 1
    return factors * change


def coarse(field: SamplingMap) -> Float32[np.ndarray, "64 64 2"]:
    """A field over the crop as means over 64 x 64 cells."""
    return np.asarray(cv2.resize(field, (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def _share(valid: Bool[np.ndarray, "size size"]) -> Matte:
    return np.asarray(cv2.resize(255 * valid.astype(np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_AREA))
