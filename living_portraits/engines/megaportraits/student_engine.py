"""The engine `student`: a small network for the portraits that it was taught, and for no other."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from living_portraits import weights
from living_portraits.engine import Drive, Frame, Points, Spec, Track
from living_portraits.engines.megaportraits.leading import of_face
from living_portraits.engines.megaportraits.student import Student, StudentConfig, likeness, thumbnail, word
from living_portraits.engines.megaportraits.student_motion import WORDS, Performance
from living_portraits.errors import FaceError, OptionError, WeightsError
from living_portraits.far_side import FarSide
from living_portraits.features import Features
from living_portraits.motion import AdaptedHead, SourceShape, adapt
from living_portraits.nn import quantise
from living_portraits.nn import runtime as runtimes
from living_portraits.nn.pixels import to_tensor
from living_portraits.people import People
from living_portraits.pipeline import ahead
from living_portraits.recent import version_of
from living_portraits.restraint import restrain
from living_portraits.sway import CELLS, SEARCHED
from living_portraits.warp import HeadMesh, Seen, Texture, pixel_grid

WEIGHTS = "student"

STUDENTS = People("student", ".student", "make one with `living-portraits distill`")
"""Students whom users taught portraits of their own."""

ALIKE = 0.9
"""Correlation of two thumbnails from which they show one picture: bundled portraits reach .7 with each other, one cut
out a little otherwise .95 with itself."""

_RUNTIMES = ("torch", "openvino", "int8", "cuda")


@dataclass(frozen=True, eq=False)
class Sitter:
    """One of the portraits that the student knows.

    Attributes:
        number: its place among them.
        source: its face.
        run: from a driver's words and sway to what is to be done; see `Drawing`.
        still: itself as the student keeps it; None where it keeps none.
    """

    number: int
    source: SourceShape
    run: runtimes.Function
    still: "Still | None"


@dataclass(frozen=True, eq=False)
class Still:
    """A portrait's picture, its mesh, its eyes and mouth, and what mends its far side.

    A smooth flow closes no eye and opens no mouth sharply, and an hour's painting is soft: the face goes where the
    tracker has it, and what eyes and lips uncover is drawn last, as the puppet does.
    """

    texture: Texture
    mesh: HeadMesh
    features: Features
    far_side: FarSide

    @classmethod
    def of(cls, picture: Frame, points: Points) -> "Still":
        """From `[size, size, 3]` and its face's points, px of it."""
        mesh = HeadMesh.around(points, len(picture))
        features = Features.of(picture, points, mesh.source)
        return cls(Texture.of(picture), mesh, features, FarSide.of(picture, mesh))

    def sketched(self, strokes: Sequence[np.ndarray], head: AdaptedHead) -> "Sketch":
        """Where all is, from what `Drawing` gives: the face at its place, and all else as the student has it."""
        flow, share, added = strokes
        seen = self.mesh.seen(self.mesh.move(head))
        way = of_face(seen, head).beside(torch.from_numpy(flow)[None])
        return Sketch(head, seen, np.ascontiguousarray(way[0].movedim(0, -1).numpy()), share[0], added)

    def drawn(self, sketch: "Sketch") -> Frame:
        """The frame."""
        frame = composed(self.texture, sketch.flow, sketch.share, sketch.added, size=self.mesh.size)
        self.far_side.mend(frame, sketch.seen)
        self.features.draw(frame, sketch.head)
        return frame


class Sketch(NamedTuple):
    """A frame, before it is drawn: the head in it, the mesh as it shows that, and `composed`'s arguments."""

    head: AdaptedHead
    seen: Seen
    flow: Float32[np.ndarray, "fine fine 2"]
    share: Float32[np.ndarray, "paint paint"]
    added: Float32[np.ndarray, "3 paint paint"]


class StudentEngine:
    """Engine: a small network that is locked to the portraits it knows.

    Args:
        size: side of the frames, px.
        file: weights that the recipe `student` or the command `distill` wrote; None: the registry's.
        runtime: one of `_RUNTIMES`; None: see `runtime.choose`.

    Raises:
        WeightsError: the file is missing, damaged, or another network's.
        OptionError: these weights do not draw that size, or the runtime cannot be had.
    """

    spec = Spec(
        name="student",
        title="for the bundled portraits alone, at less cost: refuses every other face",
        size=512,
        sizes=(256, 512),
        reads_driver_pixels=True,  # for what surrounds the face; a motion file will do, too
        driver_size=SEARCHED,
        weights=(WEIGHTS,),
        locked=True,
        runtimes=_RUNTIMES,
    )

    def __init__(self, *, size: int = spec.size, file: Path | None = None, runtime: str | None = None) -> None:
        self.student = read_student(file or weights.path(WEIGHTS))
        config = self.student.config
        sizes = tuple(sorted({config.paint, config.kept})) if config.picture else (config.paint,)
        if size not in sizes:
            raise OptionError(f"This student draws {' or '.join(map(str, sizes))} px, not {size}.")
        self.spec = replace(StudentEngine.spec, size=size, sizes=sizes)
        self.runtime = runtimes.choose(runtime, ranges=self.student.ranges, among=_RUNTIMES)
        self._alone = file is not None
        self._seats: dict[tuple[Hashable, int], tuple[runtimes.Function, Frame | None]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The portraits that it knows."""
        return tuple(word(raw) for raw in self.student.names)

    def encode_identity(self, source: Track) -> Sitter:
        """The portrait that this is; only its first picture is looked at.

        A portrait that the student does not know is looked for among the students whom the user taught.

        Raises:
            FaceError: nobody knows it.
        """
        face = thumbnail(to_tensor([source.crops[0]]))
        for version, student in self._students():
            alike = likeness(face, student.faces)
            best = int(alike.argmax())
            if float(alike[best]) >= ALIKE:
                if (version, best) not in self._seats:
                    self._seats[version, best] = self._seated(student, best)
                run, picture = self._seats[version, best]
                still = None if picture is None else Still.of(picture, source.points[0])
                return Sitter(best, SourceShape.of(source.points[0]), run, still)
        raise FaceError(
            f"The student animates {', '.join(self.names)} and no other face: take one of these pictures, another "
            "engine, or teach it yours with `living-portraits distill`."
        )

    def _students(self) -> Iterator[tuple[Hashable, Student]]:
        """This one, and those of the user that draw as large as it does; each with what tells its versions apart."""
        yield None, self.student
        for name in () if self._alone else STUDENTS.known():
            version, other = version_of(STUDENTS.place(name)), read_student(STUDENTS.place(name))
            if other.config.kept == self.student.config.kept and other.config.picture == self.student.config.picture:
                yield version, other

    def _seated(self, student: Student, number: int) -> tuple[runtimes.Function, Frame | None]:
        """The network that draws a portrait alone, and its picture."""
        example = torch.zeros(1, WORDS), torch.zeros(1, 3, CELLS, CELLS)
        # Students whom users taught long ago know no ranges.
        runtime = "openvino" if self.runtime == "int8" and not student.ranges else self.runtime
        ranges = {f"student.{name}": ends for name, ends in student.ranges.items()}
        run = runtimes.compiled(Drawing(student.alone(number)), example, runtime=runtime, ranges=ranges)
        if not student.config.picture:
            return run, None
        kept = np.ascontiguousarray(student.pictures[number].movedim(0, -1).numpy())
        return run, _sized(kept, self.spec.size)

    def encode_motion(self, driver: Track, drive: Drive) -> Performance:
        """What the driver's points say of its head, and its pictures of the rest."""
        return Performance.of(driver, drive)

    def generate(self, identity: Sitter, motion: Performance) -> Iterator[Frame]:
        """One frame per driver frame, the motion held within what one picture can bear."""
        bearable = restrain(motion.head, identity.source.pose)
        said = motion.on(identity.source, size=self.spec.size)
        still, strokes = identity.still, self._strokes(identity.run, said)
        if still is None:
            yield from (_bytes(colour) for _, _, colour in strokes)
            return
        heads = (adapt(identity.source, bearable, number) for number in range(len(bearable)))
        sketches = (still.sketched(*pair) for pair in zip(strokes, heads, strict=True))
        # Of a film, the next frames are sketched while one is drawn.
        yield from map(still.drawn, ahead(sketches, depth=1) if len(bearable) > runtimes.LIVE else sketches)

    def _strokes(self, run: runtimes.Function, said: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, ...]]:
        """What is to be done for each frame: what `Drawing` gives, without the axis of the batch."""
        for some in runtimes.batches(self.runtime, len(said[0])):
            found = run(*(torch.from_numpy(part[some.start : some.stop]) for part in said))
            yield from zip(*(part.numpy() for part in found), strict=True)

    def ranges(self, films: Iterable[tuple[Track, Track]]) -> quantise.Ranges:
        """What reaches each convolution over films of (source, driver), each driver's last frame at rest."""

        def run() -> None:
            for source, driver in films:
                sitter, rest = self.encode_identity(source), Drive(neutral=len(driver) - 1)
                said = self.encode_motion(driver, rest).on(sitter.source, size=self.spec.size)
                words, sway = (torch.from_numpy(part) for part in said)
                self.student.strokes(words, sway, torch.full((len(words),), sitter.number))

        found = quantise.ranges(self.student, run)
        return {name: ends for name, ends in found.items() if not name.endswith(".read")}  # which `alone` folds


class Drawing(nn.Module):
    """A student of one portrait, from tensors to tensors alone, as runtimes want it.

    They are `Strokes.flow`; how much of the moved picture is kept, 0 to 255; and what is added to it, 0 to 255: of a
    student that keeps no pictures, the whole frame.
    """

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.student = student
        self.register_buffer("avatar", torch.zeros(1, dtype=torch.int64))

    def forward(self, words: Tensor, sway: Tensor) -> tuple[Tensor, ...]:
        assert isinstance(self.avatar, Tensor)
        strokes = self.student.strokes(words, sway, self.avatar.expand(words.shape[0]))
        colour, mask = (strokes.colour + 1) * 127.5, strokes.mask
        if not self.student.config.picture:
            return strokes.flow, mask, colour
        return strokes.flow, (1 - mask) * 255, colour * mask


def composed(
    texture: Texture,
    flow: Float32[np.ndarray, "fine fine 2"],
    share: Float32[np.ndarray, "paint paint"],
    added: Float32[np.ndarray, "3 paint paint"],
    *,
    size: int,
) -> Frame:
    """`Student.drawn` on bytes, at the picture's own size, with sharper sampling than in training.

    In whole numbers, right to a level or two.
    """
    places = cv2.add(_sized(flow * np.float32(size / 2), size), pixel_grid(size))
    moved = texture.sample(places, border=cv2.BORDER_REPLICATE)
    kept = cv2.cvtColor(_sized(cv2.convertScaleAbs(share), size), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.add(cv2.multiply(moved, kept, scale=1 / 255), _sized(_bytes(added), size)))


def _bytes(picture: Float32[np.ndarray, "3 side side"]) -> Frame:
    """From levels as a network gives them."""
    return np.asarray(cv2.merge([cv2.convertScaleAbs(channel) for channel in picture]), dtype=np.uint8)


def _sized(field: np.ndarray, size: int) -> np.ndarray:
    if field.shape[0] == size:
        return field
    smooth = cv2.INTER_AREA if size < field.shape[0] else cv2.INTER_LINEAR
    return cv2.resize(field, (size, size), interpolation=smooth)


def read_student(file: Path) -> Student:
    """The network of a snapshot, ready for inference. Raises WeightsError."""
    config, state = weights.read(file)
    if config.get("recipe") != "student" or "student.faces" not in state:
        raise WeightsError(f"The model file {file.name} is no snapshot of the recipe student.")
    try:
        student = Student(StudentConfig.of(config["train"]), avatars=len(state["student.faces"]))
        own = {name.removeprefix("student."): value for name, value in state.items()}
        student.load_state_dict({name: v.float() if v.is_floating_point() else v for name, v in own.items()})
        for name, (low, high) in (config.get("ranges") or {}).items():
            student.get_submodule(name)
            student.ranges[name] = float(low), float(high)
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"The model file {file.name} was written by another version: distil it anew.") from error
    return student.eval().requires_grad_(False)
