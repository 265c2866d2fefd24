"""Writing GIFs: one palette for the whole film, in two passes."""

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from jaxtyping import UInt8

_MAX_FPS = 50  # browsers slow down what is meant to be faster, to 10 frames a second
_SPOOL_FORMAT = "bgra"


class Gif:
    """A GIF in the making: the frames wait in a lossless file until all their colours are known.

    A palette a frame would make the file fifteen times larger, for still areas would no longer be equal.
    """

    def __init__(self, folder: Path, shape: tuple[int, int, int], rate: Fraction) -> None:
        self._height, self._width, channels = shape
        self._path = folder / "film.gif"
        self._source = "rgba" if channels == 4 else "rgb24"
        self._every = -(-rate // _MAX_FPS)  # rounded up
        self._rate = rate
        self._frames = 0
        self._colours, buffer = self._graph()
        palette = self._colours.add("palettegen", f"reserve_transparent={int(channels == 4)}")
        sink = self._colours.add("buffersink")
        buffer.link_to(palette)
        palette.link_to(sink)
        self._colours.configure()
        self._spool_path = folder / "spool.mkv"
        self._spool = av.open(str(self._spool_path.resolve()), "w", format="matroska")
        self._stream = self._spool.add_stream("ffv1", rate=rate)
        self._stream.width, self._stream.height = self._width, self._height
        self._stream.pix_fmt = _SPOOL_FORMAT

    def write(self, pixels: UInt8[np.ndarray, "height width channels"]) -> None:
        index = self._frames
        self._frames += 1
        if index % self._every:
            return
        frame = VideoFrame.from_ndarray(pixels, format=self._source).reformat(format=_SPOOL_FORMAT)
        frame.pts, frame.time_base = index, 1 / self._rate
        self._spool.mux(self._stream.encode(frame))
        self._colours.vpush(frame)

    def finish(self) -> Path:
        self._spool.mux(self._stream.encode(None))
        self._spool.close()
        self._colours.vpush(None)
        graph, buffer = self._graph()
        palette = graph.add_buffer(width=16, height=16, format=VideoFormat(_SPOOL_FORMAT), time_base=1 / self._rate)
        # An ordered dither, since a diffusing one crawls over areas that stand still.
        mapping = graph.add("paletteuse", "dither=bayer:bayer_scale=3")
        sink = graph.add("buffersink")
        buffer.link_to(mapping, 0, 0)
        palette.link_to(mapping, 0, 1)
        mapping.link_to(sink)
        graph.configure()
        palette.push(self._colours.vpull())
        palette.push(None)
        with av.open(str(self._path.resolve()), "w", format="gif") as film:
            stream = film.add_stream("gif", rate=self._rate)
            stream.width, stream.height = self._width, self._height
            stream.pix_fmt = "pal8"
            with av.open(str(self._spool_path.resolve())) as spool:
                for index, frame in enumerate(spool.decode(video=0)):
                    # Matroska rounds time stamps to milliseconds.
                    frame.pts, frame.time_base = index * self._every, 1 / self._rate
                    buffer.push(frame)
                    for mapped in _pull(graph):
                        film.mux(stream.encode(mapped))
            buffer.push(None)
            for mapped in _pull(graph):
                film.mux(stream.encode(mapped))
            film.mux(stream.encode(None))
        return self._path

    def abandon(self) -> None:
        # On a full disk even the end of a file that is given up cannot be written.
        with suppress(av.FFmpegError, OSError):
            self._spool.close()

    def _graph(self) -> tuple[Graph, FilterContext]:
        """A filter graph and its entrance for frames."""
        graph = Graph()
        buffer = graph.add_buffer(
            width=self._width, height=self._height, format=VideoFormat(_SPOOL_FORMAT), time_base=1 / self._rate
        )
        return graph, buffer


def _pull(graph: Graph) -> Iterator[VideoFrame]:
    """The frames that have come through a graph."""
    while True:
        try:
            yield graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return
