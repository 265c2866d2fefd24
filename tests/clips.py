"""Clips for the tests, made on the spot: every frame tells its own number, every sound is a tone."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT = 96, 64
BITS = 8
_EXPERIMENTAL = {"strict": "experimental"}  # as libav's own Vorbis encoder calls itself


def numbered(index: int, *, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A frame whose lower half says its number as black and white bars; above: red left, green right."""
    frame = np.zeros((height, width, 3), np.uint8)
    frame[: height // 2, : width // 2] = (200, 40, 30)
    frame[: height // 2, width // 2 :] = (30, 160, 60)
    bar = width // BITS
    for bit in range(BITS):
        frame[height // 2 :, bit * bar : (bit + 1) * bar] = 255 * (index >> bit & 1)
    return frame


def number_of(frame: np.ndarray) -> int:
    """The number that a frame from `numbered` says."""
    height, width, _ = frame.shape
    bar = width // BITS
    row = frame[height * 3 // 4].mean(axis=-1)
    return sum(int(row[bit * bar + bar // 2] > 127) << bit for bit in range(BITS))


def numbers(frames: Sequence[np.ndarray]) -> list[int]:
    return [number_of(frame) for frame in frames]


def tone(seconds: float, rate: int) -> np.ndarray:
    """Stereo float32 `[2, samples]`: a tone whose pitch (200 to 2000 Hz) and loudness (0 to 0.8) rise all the while."""
    time = np.arange(round(seconds * rate)) / rate
    wave = np.sin(2 * np.pi * (200 * time + 900 * time**2 / seconds)) * 0.8 * time / seconds
    return np.stack([wave, wave]).astype(np.float32)


def write_clip(
    path: Path,
    *,
    frames: int = 20,
    fps: Fraction | int = 25,
    codec: str = "libx264",
    sound: str | None = None,
    sound_rate: int = 48000,
    sound_seconds: float | None = None,
    times: Sequence[float] | None = None,
    rotation: tuple[int, bool] | None = None,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    aspect: Fraction | None = None,
    pictures: Sequence[np.ndarray] | None = None,
    interlaced: bool = False,
    full_range: bool = False,
    options: dict[str, str] | None = None,
) -> Path:
    """Write a clip of numbered frames, shown at `times` in seconds or evenly."""
    width, height = size
    with av.open(str(path), "w", options=options or {}) as container:
        video = container.add_stream(codec, rate=fps)
        video.width, video.height = width, height
        video.pix_fmt = {"gif": "rgb8", "mjpeg": "yuvj420p", "png": "rgb24"}.get(codec, "yuv420p")
        if interlaced:
            video.options = {"flags": "+ilme+ildct", "x264-params": "tff=1"}
        if full_range:
            video.codec_context.color_range = 2
        if aspect is not None:
            video.codec_context.sample_aspect_ratio = aspect
        if rotation is not None:
            video.set_display_rotation(rotation[0], hflip=rotation[1])
        if times is not None:
            video.codec_context.time_base = Fraction(1, 1000)
        audio = None
        if sound is not None:
            audio = container.add_stream(sound, rate=sound_rate, layout="stereo", options=_EXPERIMENTAL)
        container.start_encoding()  # so that a clip of no frames has a header
        if pictures is None:
            pictures = [numbered(index, width=width, height=height) for index in range(frames)]
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture).reformat(
                format=video.pix_fmt, dst_color_range=2 if full_range else None
            )
            frame.time_base = Fraction(1, 1000) if times is not None else 1 / Fraction(fps)
            frame.pts = round(times[index] * 1000) if times is not None else index
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            samples = tone(sound_seconds or frames / float(fps), sound_rate)
            sounds = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
            sounds.sample_rate = sound_rate
            sounds.pts, sounds.time_base = 0, Fraction(1, sound_rate)
            container.mux(audio.encode(sounds))
            container.mux(audio.encode(None))
    return path


def write_sound(path: Path, codec: str, *, seconds: float = 1.0, rate: int = 48000) -> Path:
    """Write a sound file with a tone."""
    with av.open(str(path), "w") as container:
        audio = container.add_stream(codec, rate=rate, layout="stereo", options=_EXPERIMENTAL)
        sounds = av.AudioFrame.from_ndarray(tone(seconds, rate), format="fltp", layout="stereo")
        sounds.sample_rate = rate
        sounds.pts, sounds.time_base = 0, Fraction(1, rate)
        container.mux(audio.encode(sounds))
        container.mux(audio.encode(None))
    return path


def _origin(container: av.container.InputContainer) -> Fraction:
    """When the film, or the sound by itself, begins on the file's clock."""
    for stream in container.streams.video:
        return stream.start_time * stream.time_base
    return Fraction(container.start_time or 0, av.time_base)


def sound_packets(path: Path) -> list[tuple[Fraction, bytes]]:
    """Time after the film's beginning and bytes of every sound packet."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        begin = _origin(container)
        return [
            (packet.pts * packet.time_base - begin, bytes(packet)) for packet in container.demux(stream) if packet.size
        ]


def heard(path: Path) -> tuple[np.ndarray, int]:
    """The first channel of the decoded sound as float32, from the film's beginning on, and its rate."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        frames = list(container.decode(stream))
        first = round((frames[0].pts * frames[0].time_base - _origin(container)) * stream.rate)
        resampler = av.AudioResampler(format="fltp", rate=stream.rate)
        # One after the other: single time stamps may be rounded to milliseconds.
        pieces = [piece.to_ndarray()[0] for frame in (*frames, None) for piece in resampler.resample(frame)]
        samples = np.concatenate([np.zeros(max(first, 0), np.float32), *pieces])
        return samples[max(-first, 0) :], stream.rate


def delay(expected: np.ndarray, samples: np.ndarray, rate: int) -> float:
    """By how many seconds `samples` come later than `expected`, at most half a second, told by correlation."""
    length = max(len(expected), len(samples)) + rate // 2
    spectrum = np.fft.rfft(samples, length) * np.conj(np.fft.rfft(expected, length))
    lag = int(np.argmax(np.fft.irfft(spectrum, length)))
    return (lag - length if lag > length // 2 else lag) / rate
