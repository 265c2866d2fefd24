"""Source and driver to film: the only module that knows the whole path."""

import copy
import hashlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8

from living_portraits import draw, engines, matting, motion_file, places, provenance, video
from living_portraits.align import Box, Canvas, Crop
from living_portraits.driver import Driver, DriverCrops, neutral_index, tell_if_restless
from living_portraits.engine import Drive, Engine, Frame, Track
from living_portraits.errors import OptionError
from living_portraits.face import Face, FaceTrack, as_source
from living_portraits.film_options import Options
from living_portraits.fineness import fitted
from living_portraits.manifest import Manifest, write_manifest
from living_portraits.notices import Notice, along, tell
from living_portraits.pipeline import ahead
from living_portraits.portrait import Portrait, open_portrait
from living_portraits.recent import Recent, version_of
from living_portraits.result import Result

Pixels = UInt8[np.ndarray, "height width channels"]


@dataclass(frozen=True)
class Progress:
    """How far a film is.

    Attributes:
        stage: "track" while the driver is measured, then "generate".
        done, total: frames of this stage; the total is an estimate while tracking.
        frame: the film's newest frame while generating, else None.
    """

    stage: Literal["track", "generate"]
    done: int
    total: int
    frame: Pixels | None = None


@dataclass(frozen=True, eq=False)
class _Part:
    """A face of a picture, ready to be moved."""

    crop: Crop
    identity: Any


def load(
    engine: str = engines.DEFAULT,
    *,
    size: int | None = None,
    runtime: str = engines.AUTO,
    identity: str | None = None,
) -> "Animator":
    """An animator with the engine of that name, working at `size` pixels.

    None is the engine's own, and more where the picture is finer, see `fineness.fitted`.

    `identity` is somebody whom the engine was taught in person (`finetune`): their name, or their file.

    `runtime` is where its network runs: "torch", or "openvino" or "int8", which are faster on an ordinary processor and
    which a process that trains must not use, or "cuda", a GPU. "auto" is the GPU if there is one, else PyTorch; in
    commands that make films alone, OpenVINO if it is installed, in 8 bits where that changes nothing to be seen.

    Raises OptionError for an unknown engine, or a size, runtime or identity that it does not take.
    """
    made = engines.create(engine, size=size, runtime=runtime, identity=identity)
    return Animator(made, runtime=runtime, identity=identity, fits=size is None)


class Animator:
    """Brings portraits to life with one engine.

    Args:
        engine: what moves them.
        remember: how many sources, and how many drivers, to keep in memory for films to come.
        runtime, identity: what the engine was made with, for the record.
        fits: whether finer pictures are moved at a larger size than the engine's.
    """

    def __init__(
        self,
        engine: Engine[Any, Any],
        *,
        remember: int = 0,
        runtime: str = engines.AUTO,
        identity: str | None = None,
        fits: bool = False,
    ) -> None:
        self.engine, self.runtime, self.identity, self.fits = engine, runtime, identity, fits
        self._portraits: Recent[Portrait] = Recent(remember)
        # What a locked engine knows of somebody changes whenever they are taught to it anew.
        self._identities: Recent[Any] = Recent(0 if engine.spec.locked else remember)
        self._tracks: Recent[FaceTrack] = Recent(remember)

    def animate(
        self,
        source: Path | str,
        driver: Path | str,
        out: Path | str,
        *,
        progress: Callable[[Progress], None] | None = None,
        **options: Any,
    ) -> Result:
        """Make the film in which the face of `source` moves as that of `driver` does.

        The film has the source's framing and size and the driver's frame rate, length and sound. In the end there is
        a whole film at `out` or none; also when `progress` raises, which is the way to stop.

        Args:
            source: picture with a face; of a film, the first frame with a face.
            driver: clip of one person, or a motion file saved earlier (`.motion`).
            out: `.mp4`, `.webm`, `.gif`, or a folder for PNG frames.
            progress: called after every frame.
            options: the fields of `Options`, as keywords.

        Raises:
            LivingPortraitsError: whatever the caller can mend, in one sentence.
        """
        begun = time.perf_counter()
        chosen = Options.of(options)
        _check_places(Path(source), Path(driver), Path(out), chosen)
        portrait, mover = self._open(Path(source), chosen), Driver(Path(driver), chosen)
        return self._fitted(portrait)._make(portrait, mover, out, chosen, options, progress, begun)

    def _fitted(self, portrait: Portrait) -> "Animator":
        """This one, its engine as fine as the picture; what is remembered is remembered by both."""
        if not self.fits:
            return self
        other = copy.copy(self)
        other.engine = fitted(self.engine, portrait.faces)
        return other

    def _make(
        self,
        portrait: Portrait,
        mover: Driver,
        out: Path | str,
        chosen: Options,
        options: dict[str, Any],
        progress: Callable[[Progress], None] | None,
        begun: float,
    ) -> Result:
        height, width = self._shape(portrait, mover, chosen)
        # Opened before the long work, so that a place that cannot be written to costs no time.
        with self._film(out, portrait, mover, chosen) as film, ThreadPoolExecutor(1) as beside:
            # While the driver is followed: neither needs the other.
            cast = beside.submit(along(self._cast), portrait, chosen)

            def hear(step: Progress) -> None:
                if cast.done():
                    cast.result()  # a face that is refused need not wait for the driver's end
                if progress:
                    progress(step)

            track = self._follow(mover, chosen, hear)
            tell_if_restless(track, chosen)
            for frame in self._frames(cast.result(), portrait, mover, track, chosen):
                film.write(frame)
                if progress:
                    progress(Progress("generate", film.frames, len(track), frame))
        if chosen.save_motion:
            motion_file.save_motion(chosen.save_motion, track.points, track.blendshapes, track.fps)
        if chosen.manifest:
            spec = self.engine.spec
            recipe = Manifest(
                spec.name, spec.size, portrait.path, mover.path, Path(out), options, self.runtime, self.identity
            )
            write_manifest(chosen.manifest, recipe)
        return Result(Path(out), film.frames, mover.fps, width, height, time.perf_counter() - begun)

    def follow(self, driver: Path | str, *, progress: Callable[[Progress], None] | None = None, **options: Any) -> None:
        """Measure a driver before its film is asked for with these options; lost unless the animator remembers.

        Stops where `progress` raises. Raises LivingPortraitsError as `animate` does.
        """
        chosen = Options.of(options)
        self._follow(Driver(Path(driver), chosen), chosen, progress)

    def _open(self, source: Path, options: Options) -> Portrait:
        points = options.points and version_of(options.points)
        key = version_of(source), options.face, options.all_faces, options.alpha, options.backend, points
        # The head alone is filmed at the engine's size, from as fine a picture as there is.
        most = None if options.crop_only else options.largest

        def opened() -> Portrait:
            portrait = open_portrait(source, options)
            return portrait if most is None else _held(portrait, most)

        return self._portraits.of((*key, most), opened)

    def _follow(self, mover: Driver, options: Options, progress: Callable[[Progress], None] | None) -> FaceTrack:
        key = version_of(mover.path), options.start, options.end, options.fps, options.smoothing

        def hear(done: int) -> None:
            if progress:
                progress(Progress("track", done, mover.expected))

        return self._tracks.of(key, lambda: mover.follow(hear))

    def _film(self, out: Path | str, portrait: Portrait, mover: Driver, options: Options) -> video.Film:
        """The film, open and empty; it signs itself before it takes its place."""
        claim = self._claim(portrait, mover, options)
        provenance.check_signer(certificate=options.certificate, key=options.key)
        height, width = self._shape(portrait, mover, options)
        sound = {"driver": mover.sound, "none": None}.get(str(options.sound), video.Sound(Path(options.sound)))
        sign = partial(
            provenance.sign, claim=claim, certificate=options.certificate, key=options.key, title=Path(out).name
        )
        return video.Film(
            out,
            width=width,
            height=height,
            fps=mover.fps,
            sound=sound,
            metadata=provenance.metadata(claim),
            alpha=options.alpha,
            seal=sign,
        )

    def _shape(self, portrait: Portrait, mover: Driver, options: Options) -> tuple[int, int]:
        """Height and width of the film's frames."""
        source = portrait.picture.rgb.shape[:2]
        height, width = self._own_shape(portrait, options)
        if options.side_by_side:
            width = sum(draw.fitted_width(shape, height=height) for shape in (source, mover.shape, (height, width)))
        return draw.held((height, width), largest=options.largest)

    def _own_shape(self, portrait: Portrait, options: Options) -> tuple[int, int]:
        """Height and width of the picture that moves, with nothing beside it."""
        height, width = portrait.picture.rgb.shape[:2]
        if options.crop_only:
            left, top, right, bottom = self._window(portrait)
            height, width = bottom - top, right - left
        return draw.held((height, width), largest=options.largest)

    def _window(self, portrait: Portrait) -> Box:
        """See `Crop.window`."""
        (height, width), points = portrait.picture.rgb.shape[:2], portrait.faces[0].points
        return Crop.around(points, size=self.engine.spec.size).window(width, height, points)

    def _cast(self, portrait: Portrait, options: Options) -> list[tuple[Frame, list[_Part]]]:
        """The picture that moves, with those in it who do; twice where transparency is kept."""
        picture, faces = portrait.picture, portrait.faces[:1] if options.crop_only else portrait.faces
        scenes: tuple[Frame, ...] = (portrait.opaque,)
        if options.alpha and picture.alpha is not None:
            scenes = matting.over_black(picture.rgb, picture.alpha), matting.over_white(picture.rgb, picture.alpha)
        return [(scene, [self._part(scene, face) for face in faces]) for scene in scenes]

    def _part(self, scene: Frame, face: Face) -> _Part:
        crop, source = as_source(scene, face, size=self.engine.spec.size)
        key = hashlib.sha256(source.crops[0].tobytes() + source.points.tobytes()).digest()
        return _Part(crop, self._identities.of(key, lambda: self.engine.encode_identity(source)))

    def _frames(
        self,
        cast: list[tuple[Frame, list[_Part]]],
        portrait: Portrait,
        mover: Driver,
        track: FaceTrack,
        options: Options,
    ) -> Iterator[Pixels]:
        """The film's frames as they are written."""
        window = self._window(portrait) if options.crop_only else None
        motions: dict[float | None, Any] = {}

        def moving(part: _Part) -> Any:
            # For the driver's very pose, both crops take the same tilt out: what is left of the driver's then counts.
            roll = None if options.relative else part.crop.roll
            if roll not in motions:
                motions[roll] = self._encode_motion(mover, track, options, roll)
            return motions[roll]

        def moved(scene: Frame, parts: list[_Part]) -> Iterator[Frame]:
            return self._animate(scene, [(part, moving(part)) for part in parts], window)

        own_height, _ = self._own_shape(portrait, options)
        films = [(draw.fit(frame, height=own_height) for frame in moved(*scene)) for scene in cast]
        frames: Iterator[Pixels] = films[0]
        if len(films) > 1:
            frames = (matting.cut_out(*pair) for pair in zip(*films, strict=True))
        if options.side_by_side:
            pairs = zip(mover.pictures(track), frames, strict=False)
            rows = (draw.side_by_side(portrait.opaque, *pair) for pair in pairs)
            height, _ = self._shape(portrait, mover, options)
            frames = (draw.fit(row, height=height) for row in rows)
        return (provenance.mark(frame) for frame in frames) if options.mark else frames

    def _animate(self, scene: Frame, parts: list[tuple[_Part, Any]], window: Box | None) -> Iterator[Frame]:
        """One picture in motion: all of it, or a window of the square around its face."""
        with ExitStack() as stack:  # where one face fails, no thread goes on with the others
            # The engine works on the next frames while these are pasted and encoded.
            made = (ahead(self.engine.generate(part.identity, motion)) for part, motion in parts)
            streams = [stack.enter_context(closing(stream)) for stream in made]
            if window is not None:
                left, top, right, bottom = window
                yield from (np.ascontiguousarray(patch[top:bottom, left:right]) for patch in streams[0])
                return
            canvases = [Canvas(scene, part.crop) for part, _ in parts]
            for patches in zip(*streams, strict=True):
                frame = scene
                for canvas, patch in zip(canvases, patches, strict=True):
                    frame = canvas.paste(patch, onto=frame)
                yield frame

    def _encode_motion(self, mover: Driver, track: FaceTrack, options: Options, roll: float | None) -> Any:
        """The driver's motion as the engine understands it; `roll`: the tilt that its crop takes out, None its own."""
        spec, neutral = self.engine.spec, neutral_index(track, options)
        crop = Crop.around(track.points[neutral], size=spec.driver_size or spec.size, roll=roll)
        pictures = spec.reads_driver_pixels and mover.info is not None  # a motion file has none
        crops = DriverCrops(mover, crop, len(track)) if pictures else ()
        clip = Track(crops, crop.to_crop(track.points), track.blendshapes, track.fps, gapless=True)
        told = {each.name: getattr(options, each.name) for each in fields(Drive) if each.name != "neutral"}
        return self.engine.encode_motion(clip, Drive(neutral=neutral, **told))

    def _claim(self, portrait: Portrait, mover: Driver, options: Options) -> provenance.Claim:
        # Of paths, the claim keeps the names.
        about_the_film = vars(options) | {"size": self.engine.spec.size, "runtime": self.runtime}
        if self.identity is not None:  # which file, without the name that it goes by
            file = engines.person(self.engine.spec.name, self.identity)
            about_the_film["identity"] = provenance.Ingredient("person", file, "source").sha256
        elsewhere = ("manifest", "save_motion", "certificate", "key", "mark", "consent")
        return provenance.Claim(
            engine=self.engine.spec.name,
            ingredients=(
                provenance.Ingredient(portrait.path.name, portrait.path, "source"),
                provenance.Ingredient(mover.path.name, mover.path, "driver"),
            ),
            settings={name: value for name, value in about_the_film.items() if name not in elsewhere},
            mark_shown=options.mark,
            consent=options.consent,
            source_type="trainedAlgorithmicMedia" if self.engine.spec.weights else "compositeSynthetic",
        )


def _held(portrait: Portrait, largest: int) -> Portrait:
    """The portrait within that size, which is told where it is a smaller one."""
    held = portrait.within(largest)
    if held is not portrait:
        (rows, columns), (height, width) = (each.picture.rgb.shape[:2] for each in (portrait, held))
        sentence = f"{portrait.path} has {columns} x {rows} px and is moved at {width} x {height}"
        tell(Notice(f"{sentence}, as larger films hardly play anywhere; the option largest allows more."), stacklevel=3)
    return held


def _check_places(source: Path, driver: Path, out: Path, options: Options) -> None:
    """Raises an error if what is to be written would overwrite what is read or each other, or cannot be written."""
    read = (source, driver, options.sound, options.points, options.certificate, options.key)
    written = [path for path in (out, options.save_motion, options.manifest) if path is not None]
    for number, target in enumerate(written):
        places.spare(target, read)
        if target.resolve() in [other.resolve() for other in written[:number]]:
            raise OptionError(
                f"{target} is to be written twice; give the film, its motion and its manifest each a name."
            )
    if options.save_motion is not None and options.save_motion.suffix.lower() != motion_file.SUFFIX:
        raise OptionError(f"{options.save_motion} is to hold motion; give it a name that ends in {motion_file.SUFFIX}.")
    for target in written[1:]:
        places.check_writable(target)
