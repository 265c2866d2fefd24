"""Reading clips: what is in them, and their frames, upright and at a constant rate."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from jaxtyping import Float64, UInt8

from living_portraits.engine import Frame
from living_portraits.errors import MediaError, OptionError
from living_portraits.notices import tell
from living_portraits.video.picture import MAX_PIXELS, pictures_in, read_picture, read_pictures
from living_portraits.video.pixels import Upright

PICTURES_FPS = 25.0  # of a folder of pictures, which states none

# Where in its slot of 1/fps a frame may lie: not at one half, where halving the rate would meet ties.
_SLOT_BIAS = 0.6
# Share of missing frames up to which a clip is still read at its nominal rate, gaps filled with the frame before.
_GAPS = 0.05
# Most frames that a cut can take out at the very end, where a clip lies in another order than it is shown in:
# H.264 and H.265 hold back no more.
_REORDERED = 16
# A clip is called truncated when it ends this much before what its header promises, in seconds.
_MISSING = 0.5
# Containers whose header states the length; elsewhere libav guesses it.
_STATING_LENGTH = ("mp4", "matroska", "avi")


class TruncatedClip(UserWarning):
    """A clip breaks off early or has damaged parts; what could be read was used."""


class UnheardSound(UserWarning):
    """A clip has a sound that cannot be decoded here; its pictures are used without."""


@dataclass(frozen=True)
class VideoInfo:
    """What a clip holds.

    Attributes:
        path: the file, or the folder of pictures.
        width, height: of the frames that `read_frames` gives: after rotation, with square pixels.
        fps: the rate at which `read_frames` gives them by default: the nominal rate where frames keep to it,
            the average otherwise. 25 for a folder of pictures, 1 for a still.
        duration: seconds from the first frame to the end of the last.
        frames: how many `read_frames` gives by default.
        codec: the video's codec, as FFmpeg names it.
        sound: the sound's codec, None where there is no sound.
        rotation: degrees, counter-clockwise in (-180, 180], by which the stored frames are turned to stand upright.
        variable_rate: whether frames were missing or unevenly spaced; the last few may be missing in a clip that was
            cut or breaks off, for they lie in the file in another order.
    """

    path: Path
    width: int
    height: int
    fps: float
    duration: float
    frames: int
    codec: str
    sound: str | None
    rotation: int
    variable_rate: bool


@dataclass(frozen=True)
class _Timing:
    """What a clip's packets tell without being decoded; times in seconds."""

    origin: Fraction  # of the first frame, on the file's own clock
    rate: Fraction
    frames: int  # at `rate`
    variable: bool
    promised: float | None  # the length that the header states
    present: float  # the length that is there, all streams considered
    broken: int | None  # where in the file the packet lies in which it breaks off
    aspect: float  # width of a stored pixel over its height

    @property
    def duration(self) -> Fraction:
        return self.frames / self.rate

    @property
    def truncated(self) -> bool:
        return self.promised is not None and self.present < self.promised - _MISSING


def probe(path: Path) -> VideoInfo:
    """Say what a clip, a still or a folder of pictures holds. Reads the whole file once, decoding one frame.

    Raises:
        MediaError: no such file, nothing that can be read as pictures, no frame in it, or too large a frame.
    """
    pictures = pictures_in(path)
    if pictures:
        height, width, _ = read_picture(pictures[0]).rgb.shape
        fps = PICTURES_FPS if path.is_dir() else 1.0
        codec = pictures[0].suffix[1:].lower()
        return VideoInfo(path, width, height, fps, len(pictures) / fps, len(pictures), codec, None, 0, False)
    timing = _timing(path)
    with open_media(path) as container:
        stream = _video_stream(container, path)
        sound = best_sound(container)
        first = next(_decode(container, stream, []), None)
        if first is None:
            raise _no_frame(path)
        if sound is None and container.streams.audio:
            tell(UnheardSound(f"The sound of {path} is of a kind that cannot be read here, so it is left out."))
        height, width, _ = Upright(timing.aspect)(first).shape
        return VideoInfo(
            path=path,
            width=width,
            height=height,
            fps=float(timing.rate),
            duration=float(timing.duration),
            frames=timing.frames,
            codec=stream.codec_context.codec.canonical_name,
            sound=None if sound is None else sound.codec_context.codec.canonical_name,
            rotation=first.rotation,
            variable_rate=timing.variable,
        )


def read_frames(
    path: Path, *, start: float = 0.0, end: float | None = None, fps: float | None = None
) -> Iterator[Frame]:
    """Stream the frames of a clip, upright, with square pixels, all of one size and evenly spaced.

    Frame n is what the clip shows `start` + n / fps seconds after its first frame. A clip that breaks off gives
    what is there, then a `TruncatedClip` warning. A folder of pictures gives each once, in the order of the
    numbers in their names; a still gives one frame.

    Args:
        path: the clip, a folder of pictures, or a still.
        start, end: seconds after the clip's first frame; `end` itself is left out. None: to the end.
        fps: rate to resample to, frames a second; of a folder, the rate it is taken to have.
            None: the rate that `probe` tells.

    Raises:
        MediaError: at once if the clip cannot be read or is over before `start`; later if no frame can be decoded.
        OptionError: at once if `start`, `end` or `fps` make no sense.
    """
    if not 0 <= start < math.inf:
        raise OptionError(f"The start must be 0 or more seconds, not {start:g}.")
    if end is not None and not end > start:
        raise OptionError(f"The end ({end:g} s) must come after the start ({start:g} s).")
    if fps is not None and not 0 < fps <= 1000:
        raise OptionError(f"The frame rate must lie between 0 and 1000 frames a second, not {fps:g}.")
    pictures = pictures_in(path)
    if pictures:
        rate = (fps or PICTURES_FPS) if path.is_dir() else 1.0
        first = _slot(start * rate)
        wanted = pictures[first : None if end is None else max(first + 1, _slot(end * rate))]
        if not wanted:
            raise _starts_late(path, start, len(pictures) / rate)
        return read_pictures(wanted)
    timing = _timing(path)
    if start >= timing.duration:
        raise _starts_late(path, start, float(timing.duration))
    return _stream(path, timing, Fraction(start), end, frame_rate(fps) if fps else timing.rate)


def read_cutouts(path: Path) -> Iterator[UInt8[np.ndarray, "height width 4"]]:
    """Stream the frames of a `.webm` that `Film` wrote with `alpha`, as RGBA, not multiplied by alpha.

    Others' films with transparency hold it as theirs do; what is read is neither turned nor resampled.

    Raises:
        MediaError: it cannot be read, or holds no transparency.
    """
    with open_media(path) as container:
        stream = _video_stream(container, path)
        if stream.codec_context.name != "vp9" or stream.metadata.get("alpha_mode") != "1":
            raise MediaError(f"{path} holds no transparency; name a film (.webm) that does.")
        decoder = av.CodecContext.create("libvpx-vp9", "r")  # libav's own leaves alpha out
        for packet in container.demux(stream):
            for frame in decoder.decode(packet if packet.size else None):
                yield np.asarray(frame.to_ndarray(format="rgba"), np.uint8)


def frame_rate(fps: float) -> Fraction:
    """The exact rate that a float stands for, so that 29.97002997 is 30000/1001."""
    return Fraction(fps).limit_denominator(1001)


def open_media(path: Path) -> InputContainer:
    """Open a film or a sound for reading. Raises MediaError."""
    if path.is_dir():
        raise MediaError(f"{path} is a folder without numbered pictures; name a film.")
    try:
        # Resolved, since libav takes what precedes a colon for a protocol.
        return av.open(str(path.resolve()), metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError):
            raise MediaError(f"There is no file {path}.") from None
        if isinstance(error, PermissionError):
            raise MediaError(f"{path} may not be read; change its permissions.") from None
        raise MediaError(
            f"{path} cannot be read as a film: it is incomplete or damaged, "
            "or no film at all (mp4, mov, webm, mkv, avi, mpg and gif are some)."
        ) from error


def best_sound(container: InputContainer) -> AudioStream | None:
    """The stream to listen to; None where there is none, or none that can be decoded."""
    stream = container.streams.best("audio")
    return stream if isinstance(stream, AudioStream) and _decodable(stream) else None


def origin(container: InputContainer) -> Fraction:
    """When the film, or the sound where there is no film, begins on the file's own clock, in seconds."""
    stream = _best_video(container)
    if stream is not None and stream.start_time is not None and stream.time_base is not None:
        return stream.start_time * stream.time_base
    return Fraction(container.start_time or 0, av.time_base)


def _best_video(container: InputContainer) -> VideoStream | None:
    """The film's video stream; a sound file's cover picture is none, nor is what nobody here can decode."""
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic and _decodable(stream)
    ]
    return max(streams, key=lambda stream: (stream.width * stream.height, -stream.index), default=None)


def _decodable(stream: AudioStream | VideoStream) -> bool:
    """PyAV knows no codec of others, and has no attribute of theirs that depends on it."""
    return stream.codec_context is not None


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    stream = _best_video(container)
    if stream is None:
        if any(not each.disposition & Disposition.attached_pic for each in container.streams.video):
            raise MediaError(f"{path} holds no moving picture that can be decoded here; take a copy in another format.")
        raise MediaError(f"{path} holds no moving picture; name a film.")
    if stream.width * stream.height > MAX_PIXELS:
        raise MediaError(
            f"The frames of {path} measure {stream.width} x {stream.height} pixels and the limit is "
            f"{MAX_PIXELS // 1_000_000} million; make it smaller first."
        )
    stream.thread_type = "AUTO"
    return stream


def _no_frame(path: Path) -> MediaError:
    return MediaError(f"{path} holds not one frame that can be decoded; take another copy or another clip.")


def _starts_late(path: Path, start: float, duration: float) -> MediaError:
    return MediaError(f"{path} is over after {duration:.2f} s, so it cannot start at {start:g} s.")


def _slot(position: Fraction | float) -> int:
    """The index of the frame slot that a time, given in frames, belongs to."""
    return math.floor(position + _SLOT_BIAS)


def _timing(path: Path) -> _Timing:
    """Read all time stamps of a clip without decoding it."""
    with open_media(path) as container:
        stream = _video_stream(container, path)
        base = stream.time_base or Fraction(1, 1000)
        stamps: list[tuple[int, int, float]] = []  # shown, decoded, end in seconds; in the order of the file
        present = 0.0
        broken = None
        for packet in _packets(container):
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is None or packet.is_discard:
                continue
            packet_end = float((stamp + (packet.duration or 0)) * packet.time_base)
            present = present if packet.is_corrupt else max(present, packet_end)
            if packet.stream_index == stream.index:
                stamps.append((stamp, stamp if packet.dts is None else packet.dts, packet_end))
                broken = packet.pos if packet.is_corrupt else None
        if not stamps:
            raise _no_frame(path)
        if len(stamps) == 1:
            broken = None  # better half a picture than none
        if broken is not None:
            stamps.pop()
        shown = sorted(stamp for stamp, _, _ in stamps)
        last_end = max(end for _, _, end in stamps)
        first = shown[0] * base
        seconds = (np.array(shown) - shown[0]) * float(base)
        # What is still missing is decoded later than all that is there, and shown no earlier than it is decoded.
        whole = int(np.searchsorted(shown, max(decoded for _, decoded, _ in stamps), side="right"))
        rate, frames, variable = _rate(seconds, last_end - float(first), _nominal_rates(stream), whole=whole)
        start = min(float(first), (container.start_time or 0) / av.time_base)
        aspect = float(stream.sample_aspect_ratio or 1)
        return _Timing(
            origin=first,
            rate=rate,
            frames=frames,
            variable=variable,
            promised=_promised(container, stream),
            present=present - start,
            broken=broken,
            aspect=aspect if 0.1 < aspect < 10 else 1.0,
        )


def _packets(container: InputContainer) -> Iterator[av.Packet]:  # type: ignore[type-arg]  # as in stubs only
    """All packets with data in them, up to where the file breaks off."""
    try:
        for packet in container.demux():
            if packet.size:
                yield packet
    except (av.FFmpegError, OSError):
        return


def _nominal_rates(stream: VideoStream) -> list[Fraction]:
    return [rate for rate in (stream.average_rate, stream.base_rate, stream.guessed_rate) if rate]


def _rate(
    seconds: Float64[np.ndarray, " frames"], length: float, nominal: list[Fraction], *, whole: int
) -> tuple[Fraction, int, bool]:
    """Find the rate of frames shown at `seconds` (ascending, from 0): rate, frames at that rate, whether it varies.

    A nominal rate holds if every frame falls into a slot of its own and few slots stay empty. Among the first `whole`
    frames no cut has left gaps; the handful of gaps that it may have left after them do not count.
    """
    count = len(seconds)
    for rate in nominal:
        slots = np.floor(seconds * float(rate) + _SLOT_BIAS).astype(np.int64)
        frames = max(int(slots[-1]) + 1, _slot(length * rate))
        inside = int(slots[whole - 1]) + 1 - whole if whole else 0
        cut = int(slots[-1]) + 1 - count - inside
        expected = count + (cut if cut <= _REORDERED else 0)
        if (np.diff(slots) > 0).all() and frames <= expected + count * _GAPS:
            return rate, frames, frames != expected
    if length <= 0:
        return nominal[0] if nominal else frame_rate(PICTURES_FPS), count, False
    return frame_rate(count / length), count, True


def _promised(container: InputContainer, stream: VideoStream) -> float | None:
    """The length in seconds that the header states, or None where it states none."""
    if not any(name in container.format.name for name in _STATING_LENGTH):
        return None
    if "avi" in container.format.name:  # libav corrects its duration by what it finds
        return float(stream.frames / stream.average_rate) if stream.average_rate else None
    return container.duration / av.time_base if container.duration else None


def _decode(
    container: InputContainer, stream: VideoStream, damage: list[str], *, broken: int | None = None
) -> Iterator[VideoFrame]:
    """Decode what can be decoded; what cannot, and the packet at `broken`, is noted in `damage`."""
    try:
        for packet in container.demux(stream):
            if broken is not None and packet.pos == broken:
                # Tried all the same, it costs the whole frames that the decoder still holds.
                damage.append("the last packet is incomplete")
                continue
            try:
                yield from packet.decode()
            except av.FFmpegError as error:
                damage.append(str(error))
    except (av.FFmpegError, OSError) as error:
        damage.append(str(error))


def _timed(
    path: Path, timing: _Timing, start: Fraction, damage: list[str]
) -> Iterator[tuple[Fraction, Fraction, VideoFrame]]:
    """Decode from shortly before `start`: time since the clip's first frame, how long it lasts, frame."""
    # Seek a second early: near a key frame, frames may depend on others before it.
    for seek in (True, False) if start > 2 else (False,):
        with open_media(path) as container:
            stream = _video_stream(container, path)
            base = stream.time_base or Fraction(1, 1000)
            if seek:
                try:
                    container.seek(int((timing.origin + start - 1) / base), stream=stream)
                except (av.FFmpegError, OSError):
                    continue
            time, length = -1 / timing.rate, 1 / timing.rate
            for index, frame in enumerate(_decode(container, stream, damage, broken=timing.broken)):
                stamp = frame.pts if frame.pts is not None else frame.dts
                time = time + length if stamp is None else stamp * base - timing.origin
                length = frame.duration * base if frame.duration else 1 / timing.rate
                if seek and index == 0 and (time > start or stamp is None):
                    break  # the index of the file leads too far: read from the beginning
                yield time, length, frame
            else:
                return


def _stream(path: Path, timing: _Timing, start: Fraction, end: float | None, rate: Fraction) -> Iterator[Frame]:
    """Resample to `rate`: each slot shows the latest frame that belongs to it or to a slot before."""
    damage: list[str] = []
    count = math.inf if end is None else max(1, _slot((Fraction(end) - start) * rate))
    upright = Upright(timing.aspect)
    shown = 0
    held: VideoFrame | None = None
    until = 0
    for time, length, frame in _timed(path, timing, start, damage):
        slot = _slot((time - start) * rate)
        if slot > shown:
            # What comes before the first frame that can be decoded shows that frame.
            for _ in range(shown, int(min(slot, count))):
                yield upright(held or frame)
                shown += 1
        if shown >= count:
            return
        held = frame
        until = _slot((time + length - start) * rate)
    if held is None:
        raise _no_frame(path)
    for _ in range(shown, int(min(max(until, 1), count))):
        yield upright(held)
    if damage or timing.truncated:
        whole = f" of the {timing.promised:.1f} s it announces" if timing.truncated else ", with damaged parts"
        tell(TruncatedClip(f"{path} breaks off: {timing.present:.1f} s{whole} were used."))
