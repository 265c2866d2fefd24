"""Writing films: beside their place, then renamed, so that there is a whole film or none."""

import errno
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol, cast, runtime_checkable

import av
import numpy as np
from av.video.stream import VideoStream
from jaxtyping import UInt8
from PIL import Image, PngImagePlugin

from living_portraits.errors import LivingPortraitsError, OptionError, OutputError
from living_portraits.video.clip import frame_rate
from living_portraits.video.gif import Gif
from living_portraits.video.pixels import Encoding
from living_portraits.video.sound import Sound, SoundTrack, add_sound


@dataclass(frozen=True)
class _Format:
    """How a container's film and sound are encoded."""

    muxer: str
    encoder: str
    options: Mapping[str, str]
    sound_copied: frozenset[str]
    sound_encoder: str
    muxer_options: Mapping[str, str] = field(default_factory=dict)
    even: bool = False  # whether players want even sides
    alpha: bool = False


_FORMATS = {
    ".mp4": _Format(
        muxer="mp4",
        encoder="libx264",
        # As fine as the eye sees on a painting's grain, and quicker than the engines.
        options={"preset": "veryfast", "crf": "18"},
        sound_copied=frozenset({"aac", "mp3", "ac3", "alac", "opus"}),
        sound_encoder="aac",
        muxer_options={"movflags": "+faststart"},
        even=True,
    ),
    ".webm": _Format(
        muxer="webm",
        encoder="libvpx-vp9",
        # VP9 holds no alpha beside its hidden reference frames (auto-alt-ref).
        options={"crf": "24", "b": "0", "deadline": "good", "cpu-used": "5", "row-mt": "1", "auto-alt-ref": "0"},
        sound_copied=frozenset({"opus", "vorbis"}),
        sound_encoder="libopus",
        alpha=True,
    ),
}
FORMATS: tuple[str, ...] = (*_FORMATS, ".gif")
"""The extensions that a film may have; without one it becomes a folder of PNG frames."""

_CHOICES = f"end its name in {', '.join(FORMATS)}, or in no extension for a folder of PNG frames"

Pixels = UInt8[np.ndarray, "height width channels"]


class Film:
    """A film being written, frame by frame; to be used in a `with` statement.

    The extension of `path` decides: `.mp4` (H.264; an odd side is padded by repeating its last row or column),
    `.webm` (VP9), `.gif` (one palette for the whole film, no sound, no metadata, every second frame above 50 a
    second, one of three above 100 and so on), none or a trailing slash: a folder of PNG frames 0001.png and so on (no
    sound). A folder that holds nothing but such frames is replaced.

    All is written beside `path` (what it leads to, if it is a link) and takes its place when the film is closed. If the
    `with` block is left by an exception, Ctrl-C included, nothing remains, and what was at `path` before is untouched.

    Args:
        path: where the film goes; its folder must exist.
        width, height: of all frames, in pixels.
        fps: frames a second.
        sound: what to hear; cut where the film ends. Left out where the format has no sound.
        metadata: texts by their usual names (title, comment, artist, copyright ...).
        alpha: whether frames are RGBA; not for mp4.
        seal: called with the finished film before it takes its place, to sign it; where it raises, there is no film.

    Raises:
        OutputError: unknown extension, unwritable place, disk full, or no alpha in that format.
        MediaError: the sound's file has no sound or cannot be read.
        OptionError: sizes or rates that no film can have.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        width: int,
        height: int,
        fps: float,
        sound: Sound | None = None,
        metadata: dict[str, str] | None = None,
        alpha: bool = False,
        seal: Callable[[Path], None] | None = None,
    ) -> None:
        if width < 1 or height < 1 or not 0 < fps <= 1000:
            raise OptionError(f"No film can have {width} x {height} pixels at {fps:g} frames a second.")
        self.path = Path(path)
        self._place = self.path.resolve()
        self.frames = 0
        self._seal = seal
        self._shape = (height, width, 4 if alpha else 3)
        suffix = _suffix(path, alpha=alpha)
        with _sentences(self._place):
            self._folder = Path(tempfile.mkdtemp(dir=self._place.parent, prefix=".living-portraits-"))
        # Also clears up when a film is dropped without being closed, and at the interpreter's exit.
        self._clear = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._writer: _Writer | None = None
        try:
            with _sentences(self._place):
                self._writer = _writer(self._folder, suffix, self._shape, frame_rate(fps), metadata or {}, sound)
        except BaseException:
            self.discard()
            raise

    def write(self, frame: Pixels) -> None:
        """Add a frame: uint8 RGB `[height, width, 3]`, or RGBA `[height, width, 4]` when `alpha`.

        Raises:
            OutputError: the disk is full or the place has become unwritable.
            ValueError: a frame of another shape than was announced, or a film that is closed.
        """
        if self._writer is None:
            raise ValueError(f"{self.path} is closed")
        if frame.shape != self._shape:
            raise ValueError(f"a frame of shape {frame.shape} in a film of shape {self._shape}")
        with _sentences(self._place):
            self._writer.write(np.ascontiguousarray(frame))
        self.frames += 1

    def close(self) -> None:
        """Finish the film and put it in its place; a second call does nothing. Raises OutputError."""
        if self._writer is None:
            return
        try:
            if not self.frames:
                raise OutputError(f"Not one frame was written to {self.path}, so there is no film.")
            with _sentences(self._place):
                finished = self._writer.finish()
                self._writer = None
                if self._seal is not None:
                    self._seal(finished)
                _put(finished, self._place, self._folder / "before")
        finally:
            self.discard()

    def discard(self) -> None:
        """Give the film up: nothing of it remains."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.abandon()
        self._clear()

    def __enter__(self) -> "Film":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()


def _suffix(path: Path | str, *, alpha: bool) -> str:
    """The extension that decides the format, empty for a folder of pictures. Raises OutputError."""
    target = Path(path)
    folder = os.path.basename(path) in ("", ".") or target.is_dir()  # which Path does not tell any more
    suffix = "" if folder else target.suffix.lower()
    if suffix and suffix not in FORMATS:
        raise OutputError(f"A film cannot be written as {target.name}; {_CHOICES}.")
    if target.is_file() and not suffix:
        raise OutputError(f"{target} is a file, not a folder; {_CHOICES}.")
    if target.exists() and not target.is_file() and not target.is_dir():
        raise OutputError(f"{target} is a device and cannot be replaced by a film; choose another place.")
    if folder and target.suffix.lower() in FORMATS:
        raise OutputError(f"{target} is a folder; name a film in it.")
    if target.is_dir() and (os.path.ismount(target) or target.samefile(Path.cwd())):
        raise OutputError(f"The folder {target} cannot be replaced while it is in use; name a new one in it.")
    if alpha and suffix in _FORMATS and not _FORMATS[suffix].alpha:
        raise OutputError(f"{suffix} holds no transparency; take .webm, .gif or a folder of PNG frames.")
    if target.is_dir() and any(not re.fullmatch(r"\d{4,}\.png", entry.name) for entry in target.iterdir()):
        raise OutputError(f"The folder {target} holds other things than PNG frames; name a new one.")
    return suffix


def _put(finished: Path, target: Path, before: Path) -> None:
    """Move what is finished to its place; a folder there is set aside, for a folder cannot be replaced at once."""
    if not target.is_dir():
        os.replace(finished, target)
        return
    os.replace(target, before)
    try:
        os.replace(finished, target)
    except BaseException:
        os.replace(before, target)
        raise


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    """Turn what libav and the system raise into an OutputError of one sentence."""
    try:
        yield
    except LivingPortraitsError:
        raise
    except (av.FFmpegError, OSError) as error:
        folder = path.absolute().parent
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            sentence = f"The disk is full at {folder}, and {path.name} was not written; free space or write elsewhere."
        elif error.errno in (errno.ENOENT, errno.ENOTDIR) and not folder.is_dir():
            sentence = f"There is no folder {folder} for {path.name}; make it first or write elsewhere."
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            sentence = f"The folder {folder} may not be written to; choose another for {path.name}."
        elif error.errno in (errno.ENOENT, errno.ENOTDIR):
            sentence = f"The folder {folder} takes no such file: {path.name} cannot be written there; choose another."
        else:
            sentence = f"{path} could not be written ({error}); try another size or format."
        raise OutputError(sentence) from error


@runtime_checkable
class _Writer(Protocol):
    """Writes one format into a folder for temporary files."""

    def write(self, pixels: Pixels) -> None: ...

    def finish(self) -> Path:
        """Complete the film and say where it lies."""
        ...

    def abandon(self) -> None:
        """Close all files, whatever state they are in."""
        ...


def _writer(
    folder: Path,
    suffix: str,
    shape: tuple[int, int, int],
    rate: Fraction,
    metadata: dict[str, str],
    sound: Sound | None,
) -> _Writer:
    if not suffix:
        return _Pictures(folder / "frames", metadata)
    if suffix == ".gif":
        return Gif(folder, shape, rate)
    return _Encoded(folder / f"film{suffix}", _FORMATS[suffix], shape, rate, metadata, sound)


class _Encoded:
    """Film and sound in one container."""

    def __init__(
        self,
        path: Path,
        form: _Format,
        shape: tuple[int, int, int],
        rate: Fraction,
        metadata: dict[str, str],
        sound: Sound | None,
    ) -> None:
        height, width, channels = shape
        self._path = path
        self._padding = ((0, height % 2), (0, width % 2), (0, 0)) if form.even else None
        self._rate = rate
        self._frames = 0
        self._sound: SoundTrack | None = None
        self._container = av.open(str(path.resolve()), "w", format=form.muxer, options=dict(form.muxer_options))
        try:
            self._container.metadata.update(metadata)
            stream = self._container.add_stream(form.encoder, rate=rate, options=dict(form.options))
            self._stream = cast(VideoStream, stream)
            self._stream.width, self._stream.height = width, height
            if form.even:
                self._stream.width, self._stream.height = width + width % 2, height + height % 2
            self._stream.thread_type = "AUTO"
            self._encoding = Encoding(self._stream, alpha=channels == 4)
            if sound is not None:
                self._sound = add_sound(self._container, sound, copied=form.sound_copied, encoder=form.sound_encoder)
        except BaseException:
            self.abandon()
            raise

    def write(self, pixels: Pixels) -> None:
        if self._padding is not None:
            pixels = np.pad(pixels, self._padding, mode="edge")
        frame = self._encoding(pixels, index=self._frames, rate=self._rate)
        self._container.mux(self._stream.encode(frame))
        self._frames += 1
        if self._sound is not None:
            self._sound.advance(self._frames / self._rate)

    def finish(self) -> Path:
        self._container.mux(self._stream.encode(None))
        if self._sound is not None:
            self._sound.finish()
        self._container.close()
        self.abandon()
        return self._path

    def abandon(self) -> None:
        if self._sound is not None:
            self._sound.close()
        # On a full disk even the end of a film that is given up cannot be written.
        with suppress(av.FFmpegError, OSError):
            self._container.close()


class _Pictures:
    """A folder of numbered PNG frames."""

    def __init__(self, folder: Path, metadata: dict[str, str]) -> None:
        self._folder = folder
        self._frames = 0
        self._texts = PngImagePlugin.PngInfo()
        for name, text in metadata.items():
            self._texts.add_itxt(name, text)
        folder.mkdir()

    def write(self, pixels: Pixels) -> None:
        self._frames += 1
        # Level 1 is twice as quick as the default, and no larger on paintings.
        Image.fromarray(pixels).save(self._folder / f"{self._frames:04d}.png", compress_level=1, pnginfo=self._texts)

    def finish(self) -> Path:
        return self._folder

    def abandon(self) -> None:
        """No file is open between frames."""
