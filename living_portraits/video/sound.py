"""The sound of a film: packets copied bit for bit where the container takes them, encoded anew elsewhere."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast, runtime_checkable

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from jaxtyping import Float32

from living_portraits.errors import MediaError, OptionError
from living_portraits.video.clip import best_sound, open_media, origin

if TYPE_CHECKING:
    AudioPacket: TypeAlias = av.Packet[AudioStream]
else:
    AudioPacket = av.Packet  # generic in PyAV's stubs only

# Sound before the cut that is copied along, in seconds, for decoders that need a run-up (80 ms in Opus, more in AAC);
# players skip it where the container can say so (mp4's edit list).
_RUN_UP = Fraction(1, 4)
# The same where the sound is taken from its beginning on and the container skips nothing: a codec's own first packets,
# which lie shortly before the picture.
_PRIMING = Fraction(1, 10)
# Distance between a time stamp and the sound so far, in seconds, from which it is a gap and not a rounded stamp.
_GAP = 0.05
_BIT_RATE = 96_000  # a channel


@dataclass(frozen=True)
class Sound:
    """Where a film's sound comes from.

    Attributes:
        path: a film or a sound file.
        start, end: the part to take, seconds after the film's first frame (a sound file's first sound);
            `end` None: to the end. The sound never outlasts the film that it is added to.
    """

    path: Path
    start: float = 0.0
    end: float | None = None


@runtime_checkable
class SoundTrack(Protocol):
    """Sound on its way into a film."""

    def advance(self, until: Fraction) -> None:
        """Write all sound before `until`, seconds of the film."""
        ...

    def finish(self) -> None:
        """Write what is still held back; no more sound follows."""
        ...

    def close(self) -> None:
        """Close the file that the sound comes from."""
        ...


def add_sound(film: OutputContainer, sound: Sound, *, copied: frozenset[str], encoder: str) -> SoundTrack:
    """Give a film, before its first packet, a track for `sound`.

    Args:
        film: the container being written.
        copied: codecs whose packets it takes as they are.
        encoder: the encoder for all other codecs.

    Raises:
        MediaError: the file cannot be read or has no sound.
        OptionError: the part to take is empty.
    """
    if not 0 <= sound.start < (float("inf") if sound.end is None else sound.end):
        raise OptionError(
            "The sound must start at 0 s or later and end after its start, "
            f"not run from {sound.start:g} s to {sound.end} s."
        )
    container = open_media(sound.path)
    try:
        source = best_sound(container)
        if source is None:
            raise MediaError(f"{sound.path} has no sound that can be read; name another file or do without sound.")
        if source.codec_context.codec.canonical_name in copied:
            run_up = _RUN_UP if "mp4" in film.format.name else Fraction(0) if sound.start else _PRIMING
            return _Copied(film, container, source, sound, run_up=run_up)
        return _Encoded(film, container, source, sound, encoder=encoder)
    except BaseException:
        container.close()
        raise


class _Copied:
    """Copies packets: the cuts are exact to half a packet (about 10 ms) at the start, to a whole one at the end."""

    def __init__(
        self, film: OutputContainer, container: InputContainer, source: AudioStream, sound: Sound, *, run_up: Fraction
    ) -> None:
        self._film = film
        self._container = container
        self._source = source
        self._track = film.add_stream_from_template(source)
        self._zero = origin(container) + Fraction(sound.start)
        self._run_up = run_up
        self._end = None if sound.end is None else Fraction(sound.end) - Fraction(sound.start)
        self._packets = self._cut()
        self._next = next(self._packets, None)

    def advance(self, until: Fraction) -> None:
        while self._next is not None and self._next[0] < until:
            self._film.mux_one(self._next[1])
            self._next = next(self._packets, None)

    def finish(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        self._packets.close()
        self._container.close()

    def _cut(self) -> Generator[tuple[Fraction, AudioPacket], None, None]:
        """The packets between start and end on the film's clock, each with the time of its beginning."""
        expected: int | None = None
        for packet in _demux(self._container, self._source):
            if not packet.size:
                continue  # the empty packet at the end is for decoders
            base = packet.time_base
            stamp = packet.pts if packet.pts is not None else packet.dts if packet.dts is not None else expected
            if stamp is None:
                stamp = round(origin(self._container) / base)
            length = packet.duration or 0
            expected = stamp + length
            time = stamp * base - self._zero
            if time + length * base / 2 < -self._run_up:
                continue
            if self._end is not None and time >= self._end:
                return
            packet.pts = packet.dts = stamp - round(self._zero / base)
            packet.stream = self._track
            yield time, packet


class _Encoded:
    """Decodes, cuts to the sample, fills gaps with silence and encodes."""

    def __init__(
        self, film: OutputContainer, container: InputContainer, source: AudioStream, sound: Sound, *, encoder: str
    ) -> None:
        self._film = film
        self._container = container
        self._source = source
        rates = av.Codec(encoder, "w").audio_rates or [48000]
        self._rate = source.rate if source.rate in rates else 48000
        channels = min(source.channels, 2)
        self._layout = ("mono", "stereo")[channels - 1]
        track = film.add_stream(encoder, rate=self._rate, layout=self._layout, bit_rate=_BIT_RATE * channels)
        self._track = cast(AudioStream, track)
        self._zero = origin(container) + Fraction(sound.start)
        self._samples = None if sound.end is None else round((sound.end - sound.start) * self._rate)
        self._written = 0
        self._blocks = self._decode()
        self._block = next(self._blocks, None)

    def advance(self, until: Fraction) -> None:
        target = round(until * self._rate)
        if self._samples is not None:
            target = min(target, self._samples)
        while self._block is not None and self._written < target:
            position, samples = self._block
            wait = position - self._written
            if wait > 0:
                wait = min(wait, target - self._written, self._rate)
                self._encode(np.zeros((len(samples), wait), np.float32))
                continue
            take = target - self._written
            self._encode(samples[:, :take])
            rest = samples[:, take:]
            self._block = (self._written, rest) if rest.size else next(self._blocks, None)

    def finish(self) -> None:
        self._film.mux(self._track.encode(None))

    def close(self) -> None:
        self._blocks.close()
        self._container.close()

    def _encode(self, samples: Float32[np.ndarray, "channels time"]) -> None:
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=self._layout)
        frame.sample_rate = self._rate
        frame.time_base = Fraction(1, self._rate)
        frame.pts = self._written
        self._written += samples.shape[1]
        self._film.mux(self._track.encode(frame))

    def _decode(self) -> Generator[tuple[int, Float32[np.ndarray, "channels time"]], None, None]:
        """Blocks of samples from the start on, each with its position in samples of the film."""
        resampler = AudioResampler(format="fltp", layout=self._layout, rate=self._rate)
        position: int | None = None
        for frame in self._frames():
            if frame is not None and frame.pts is not None and frame.time_base is not None:
                stamped = round((frame.pts * frame.time_base - self._zero) * self._rate)
                if position is None or stamped - position > _GAP * self._rate:
                    position = stamped
            position = position or 0
            for resampled in resampler.resample(frame):
                samples = np.asarray(resampled.to_ndarray(), dtype=np.float32)
                if position + samples.shape[1] > 0:
                    yield max(position, 0), samples[:, max(-position, 0) :]
                position += samples.shape[1]

    def _frames(self) -> Iterator[AudioFrame | None]:
        """What can be decoded, then None, which makes the resampler give out what it holds back."""
        for packet in _demux(self._container, self._source):
            try:
                yield from packet.decode()
            except av.FFmpegError:
                continue  # damaged: the gap is filled with silence
        yield None


def _demux(container: InputContainer, source: AudioStream) -> Iterator[AudioPacket]:
    """All packets up to where the file breaks off; the last is empty and makes a decoder give out what it holds."""
    try:
        yield from container.demux(source)
    except (av.FFmpegError, OSError):
        return
