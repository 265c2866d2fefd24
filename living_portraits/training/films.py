"""What a student's teacher draws: any engine, moving the portraits that are to be learned as drivers move."""

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float16

from living_portraits import engines, face, samples, video, weights
from living_portraits.engine import Drive, Engine, Frame, Points, Track
from living_portraits.engines.megaportraits.engine import MegaPortraits
from living_portraits.engines.megaportraits.student_motion import WORDS, Performance
from living_portraits.errors import FaceError, OptionError
from living_portraits.motion import SourceShape, adapt
from living_portraits.recent import Recent
from living_portraits.restraint import restrain, restrain_sway
from living_portraits.sway import CELLS
from living_portraits.training.drivers import Drivers, keep
from living_portraits.warp import HeadMesh

SIDE = 256
"""Side of what a teacher draws, px."""

_CAST = 2  # portraits that share a driver's frames: each has to look at the driver anew


@dataclass(frozen=True)
class Portrait:
    """A portrait to be learned: its name, its crop and the face's points there, px, and the shapes of its face."""

    name: str
    crop: Frame
    points: Points
    blendshapes: np.ndarray

    def sized(self, size: int) -> "Portrait":
        """With a crop of another size."""
        was = self.crop.shape[0]
        smooth = cv2.INTER_AREA if size < was else cv2.INTER_CUBIC
        scale = np.float32(size / was)
        points = self.points * scale
        points[:, :2] += (scale - 1) / 2  # pixel centres at integers
        crop = np.asarray(cv2.resize(self.crop, (size, size), interpolation=smooth), dtype=np.uint8)
        return Portrait(self.name, crop, points, self.blendshapes)


def gather(folder: str, *, size: int) -> list[Portrait]:
    """The portraits in a folder, or the bundled ones, cut out as the animator does.

    Raises:
        OptionError: there are no pictures. FaceError: one of them has no face. MediaError: it cannot be read.
    """
    if folder and not Path(folder).is_dir():
        raise OptionError(f"There is no folder {folder} with portraits.")
    paths = sorted(Path(folder).iterdir()) if folder else list(samples.PORTRAITS.values())
    paths = [path for path in paths if path.is_file() and video.is_still(path)]
    if not paths:
        raise OptionError(f"There are no pictures in {folder}: put a portrait there for each avatar.")
    found = []
    for path in paths:
        picture = video.read_picture(path).rgb
        faces = face.find(picture)
        if not faces:
            raise FaceError(f"There is no face to be found in {path}: take it out of the folder.")
        _, source = face.as_source(picture, faces[0], size=size)
        found.append(Portrait(path.stem, source.crops[0], source.points[0], source.blendshapes[0]))
    return found


def moved(portraits: Sequence[Portrait], *, moments: int) -> Iterator[tuple[Track, Track]]:
    """Each of these portraits with each bundled driver: so many moments of it, and last the one at rest."""
    drivers = Drivers(bundled=moments if portraits else 0)
    tracks = [drivers.track(clip) for clip in drivers.clips]
    for each in portraits:
        source = Track([each.crop], each.points[None], each.blendshapes[None])
        yield from ((source, track) for track in tracks)


def teacher(name: str) -> Engine[Any, Any]:
    """The engine of that name, or the one whose snapshot of the recipe `megaportraits` lies there.

    Raises OptionError where it is neither, WeightsError where its weights are not there.
    """
    if Path(name).is_file():
        return MegaPortraits(size=SIDE, file=Path(name))
    if name not in engines.available():
        raise OptionError(
            f"There is no teacher {name!r}: take an engine ({', '.join(engines.available())}) or the snapshot of a "
            "megaportraits run."
        )
    return engines.create(name, size=SIDE)


def version(name: str) -> str:
    """What tells two teachers of one name apart: the hash of the file, or those of the engine's weights."""
    if Path(name).is_file():
        return hashlib.sha256(Path(name).read_bytes()).hexdigest()
    return " ".join(weights.FILES[file].sha256 for file in engines.spec(name).weights)


class Films:
    """The teacher's films of some portraits.

    Args:
        engine: the teacher, at `SIDE`. version: tells two of one name apart, see `version`.
        portraits: their crops may have any size.
        folder: where films are kept, so that another run need not wait for them; None: nowhere.
    """

    def __init__(
        self, engine: Engine[Any, Any], portraits: Sequence[Portrait], *, version: str = "", folder: Path | None = None
    ) -> None:
        self.engine, self.version, self.folder = engine, version, folder
        self.portraits = [portrait.sized(SIDE) for portrait in portraits]
        self._encoded: Recent[list[Any]] = Recent(1)

    @property
    def _identities(self) -> list[Any]:
        """Made once: threads draw films side by side, and what one of them makes the others wait for."""
        tracks = (Track([one.crop], one.points[None], one.blendshapes[None]) for one in self.portraits)
        return self._encoded.of("identities", lambda: [self.engine.encode_identity(track) for track in tracks])

    def of(self, driver: Track, name: str) -> dict[str, np.ndarray]:
        """What a student has to know of each frame of a driver whose last frame is at rest.

        avatar: number of a portrait. target: uint8, the teacher's picture of it. places: where in the portrait each
        cell of that picture comes from, (x, y) in [-1, 1]. words, sway: the motion, as `Performance.on` tells it.
        """
        path = None if self.folder is None else self.folder / f"{self._key(driver, name)}.npz"
        if path is not None and path.is_file():
            with np.load(path) as kept:
                made = dict(kept)
        else:
            made = self._made(driver, zlib.crc32(name.encode()))
            if path is not None:
                keep(path, **made)
        return made | self._told(driver, made["avatar"].ravel().astype(int))

    def _told(self, driver: Track, avatar: np.ndarray) -> dict[str, np.ndarray]:
        """Each frame's motion for the portrait that it moves."""
        performance = Performance.of(driver, Drive(neutral=len(driver) - 1))
        words = np.empty((len(driver), 1, 1, WORDS), np.float16)
        moves = np.empty((len(driver), CELLS, CELLS, 3), np.float16)
        for number in np.unique(avatar):
            said, field = performance.on(SourceShape.of(self.portraits[number].points), size=SIDE)
            mine = avatar == number
            words[mine, 0, 0] = said[mine]
            moves[mine] = np.moveaxis(field[mine], 1, -1)
        return {"words": words, "sway": moves}

    def _key(self, driver: Track, name: str) -> str:
        """Of who moves as whom by what: names alone are those of others, too."""
        found = hashlib.sha256(repr([name, len(driver), self.engine.spec.name, self.version]).encode())
        found.update(np.ascontiguousarray(driver.points).tobytes())
        for portrait in self.portraits:
            found.update(portrait.name.encode() + portrait.crop.tobytes() + portrait.points.tobytes())
        return found.hexdigest()[:20]

    def _made(self, driver: Track, draw: int) -> dict[str, np.ndarray]:
        """Cross-driving: frames dealt out to a few portraits, who move since the driver's last frame."""
        random = np.random.default_rng(draw)
        cast = random.permutation(len(self.portraits))[: min(_CAST, len(self.portraits))]
        avatar = cast[np.arange(len(driver)) % len(cast)]
        target = np.empty((len(driver), SIDE, SIDE, 3), np.uint8)
        places = np.empty((len(driver), SIDE // 4, SIDE // 4, 2), np.float16)
        for number in cast:
            mine = np.flatnonzero(avatar == number)
            target[mine] = self.drawn(int(number), driver, mine)
            places[mine] = self.places(int(number), driver, mine)
        return {"avatar": avatar.astype(np.float16)[:, None, None, None], "target": target, "places": places}

    def drawn(self, avatar: int, driver: Track, frames: Sequence[int] | np.ndarray) -> list[Frame]:
        """A portrait, moved as some frames of the driver since its last."""
        chosen = [*(int(frame) for frame in frames), len(driver) - 1]
        crops = [driver.crops[frame] for frame in chosen]
        part = Track(crops, driver.points[chosen], driver.blendshapes[chosen], driver.fps)
        motion = self.engine.encode_motion(part, Drive(neutral=len(frames)))
        return list(islice(self.engine.generate(self._identities[avatar], motion), len(frames)))

    def places(
        self, avatar: int, driver: Track, frames: Sequence[int] | np.ndarray
    ) -> Float16[np.ndarray, "_ 64 64 2"]:
        """Where in the portrait each cell comes from, (x, y) in [-1, 1], by the mesh that it hangs on.

        Exact where optical flow cannot know: lips that part, lids that close.
        """
        mesh, performance = self._meshes[avatar], Performance.of(driver, Drive(neutral=len(driver) - 1))
        head = restrain(performance.head, mesh.source.pose)
        sway = None if performance.sway is None else restrain_sway(performance.sway, mesh.source.pose, SIDE)
        found = []
        for frame in frames:
            moved = adapt(mesh.source, head, int(frame))
            sampling = mesh.seen(mesh.move(moved, None if sway is None else sway[int(frame)])).sampling_map()
            cells = cv2.resize(sampling, (SIDE // 4, SIDE // 4), interpolation=cv2.INTER_AREA)
            found.append((2 * cells + 1) / SIDE - 1)
        return np.stack(found).astype(np.float16)

    @cached_property
    def _meshes(self) -> list[HeadMesh]:
        return [HeadMesh.around(portrait.points, SIDE) for portrait in self.portraits]
