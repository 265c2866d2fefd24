"""Reels: many short clips one after another in one file, at high quality, each to be had without the others.

Every clip begins with a key frame and nothing refers across clips, so that reels are joined without encoding anew
and any clip is read without decoding what lies before it.
"""

from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from jaxtyping import UInt8

from living_portraits.engine import Frame
from living_portraits.errors import MediaError
from living_portraits.video.pixels import Upright

RATE = 25
"""Frames a second that a reel states: its frames are numbered, and each clip's own rate is told elsewhere."""

_OPTIONS = {
    "crf": "11",
    "preset": "veryfast",
    "bf": "0",  # without B-frames packets lie in the order of their frames, and joining is counting
    "g": "25",
    "threads": "1",  # x264's result depends on the number of threads
}
_EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


class Reel:
    """One clip being written as H.264 in mp4, with colour at full resolution; to be used in a `with` statement.

    Args:
        path: the file; what is there is replaced.
        size: side of the square frames, px; even.
    """

    def __init__(self, path: Path, *, size: int) -> None:
        self._shape = (size, size, 3)
        self._frames = 0
        self._reformatter = VideoReformatter()
        self._container = av.open(str(path.resolve()), "w", format="mp4")
        self._stream: VideoStream = self._container.add_stream("libx264", rate=RATE, options=dict(_OPTIONS))
        self._stream.width, self._stream.height, self._stream.pix_fmt = size, size, "yuv444p"
        context = self._stream.codec_context
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709

    def write(self, frame: Frame) -> None:
        """Add a frame, uint8 RGB `[size, size, 3]`."""
        if frame.shape != self._shape:
            raise ValueError(f"a frame of shape {frame.shape} in a reel of shape {self._shape}")
        picture = self._reformatter.reformat(
            VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24"),
            format="yuv444p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            interpolation=_EXACT,
        )
        picture.pts, picture.time_base = self._frames, Fraction(1, RATE)
        self._container.mux(self._stream.encode(picture))
        self._frames += 1

    def __enter__(self) -> "Reel":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._container.mux(self._stream.encode(None))
            self._container.close()
            return
        with suppress(av.FFmpegError, OSError):
            self._container.close()


def join_reels(path: Path, parts: Sequence[Path]) -> None:
    """Write one reel that holds those of `parts`, all of one size, in their order; nothing is encoded anew.

    Raises:
        MediaError: a part is damaged, or was encoded in another way than the first.
    """
    with av.open(str(path.resolve()), "w", format="mp4") as container:
        out: VideoStream | None = None
        number = 0
        for part in parts:
            with _opened(part) as source:
                stream = source.streams.video[0]
                if out is None:
                    out = container.add_stream_from_template(stream)
                    out.time_base = Fraction(1, RATE)
                    head = stream.codec_context.extradata
                if stream.codec_context.extradata != head:
                    raise MediaError(f"{part} was encoded in another way than {parts[0]}; prepare both anew.")
                for packet in source.demux(stream):
                    if packet.size:
                        packet.stream, packet.time_base = out, Fraction(1, RATE)
                        packet.pts = packet.dts = number
                        packet.duration = 1
                        container.mux_one(packet)
                        number += 1


def read_reel(path: Path, *, start: int, count: int) -> UInt8[np.ndarray, "count size size 3"]:
    """Frames number `start` to `start + count - 1` of a reel, uint8 RGB.

    Raises:
        MediaError: there is no such file, it is damaged, or ends before.
    """
    frames: list[Frame] = []
    upright = Upright(1.0)
    with _opened(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        base = stream.time_base or Fraction(1, RATE)
        try:
            container.seek(int(start / base / RATE), stream=stream)
            for frame in container.decode(stream):
                if frame.pts is not None and round(frame.pts * base * RATE) >= start:
                    frames.append(upright(frame))
                    if len(frames) == count:
                        return np.stack(frames)
        except (av.FFmpegError, OSError) as error:
            raise MediaError(f"{path} is damaged ({error}); prepare the dataset anew.") from error
    raise MediaError(
        f"{path} is cut short: of the {count} frames from number {start} on it has {len(frames)}; prepare it anew."
    )


def _opened(path: Path) -> av.container.InputContainer:
    try:
        container = av.open(str(path.resolve()))
    except (av.FFmpegError, OSError) as error:
        what = "is missing" if isinstance(error, FileNotFoundError) else "is damaged"
        raise MediaError(f"{path} {what}; prepare the dataset anew.") from error
    if not container.streams.video:
        container.close()
        raise MediaError(f"{path} holds no pictures; prepare the dataset anew.")
    return container
