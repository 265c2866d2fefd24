"""Between libav's frames and arrays, with the right colours and the right way up."""

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import cast

import numpy as np
from av.sidedata.sidedata import SideData
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from jaxtyping import Int32, UInt8

from living_portraits.engine import Frame

_EXACT = (
    Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
)
"""swscale's flags for reading: without them colours come back 1 to 1.5 levels too dark."""

_UNSPECIFIED = 2  # FFmpeg's code for "no colour space stated"


class Upright:
    """Turns the decoded frames of one clip into upright RGB arrays of one size."""

    def __init__(self, aspect: float) -> None:
        self._reformatter = VideoReformatter()
        self._aspect = aspect  # width of the stored pixels over their height
        self._size: tuple[int, int] | None = None

    def __call__(self, frame: VideoFrame) -> Frame:
        if self._size is None:
            self._size = max(1, round(frame.width * self._aspect)), frame.height
        # Untagged films follow the custom that high definition is BT.709 and the rest BT.601, swscale's default.
        high_definition = frame.width >= 1280 or frame.height > 576
        guess = Colorspace.ITU709 if frame.colorspace == _UNSPECIFIED and high_definition else None
        high_range = frame.color_trc in (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67)
        rgb = self._reformatter.reformat(
            frame,
            width=self._size[0],
            height=self._size[1],
            # The same bytes, but for the usual 4:2:0 films swscale makes them three times as fast by planes.
            format="gbrp" if frame.format.is_planar else "rgb24",
            src_colorspace=guess,
            interpolation=_EXACT,
            dst_color_trc=ColorTrc.BT709 if high_range else None,
            dst_color_primaries=ColorPrimaries.BT709 if high_range else None,
        )
        pixels = np.asarray(rgb.to_ndarray(), dtype=np.uint8)
        return _turned(pixels, _display_matrix(frame))


def _display_matrix(frame: VideoFrame) -> Int32[np.ndarray, "2 2"] | None:
    """The part of a frame's display matrix that turns and mirrors, None where there is none."""
    try:
        kinds = cast(Mapping[SideDataType, SideData], frame.side_data)
    except ValueError:  # PyAV has no name for something else that the frame carries: EXIF data, the eye of a 3D film
        cosine, sine = (round(part(math.radians(frame.rotation))) for part in (math.cos, math.sin))
        return np.array([[cosine, -sine], [sine, cosine]], np.int32) if frame.rotation else None
    data = kinds.get(SideDataType.DISPLAYMATRIX)
    return None if data is None else np.frombuffer(bytes(data), dtype=np.int32).reshape(3, 3)[:2, :2]


def _turned(pixels: Frame, matrix: Int32[np.ndarray, "2 2"] | None) -> UInt8[np.ndarray, "rows columns 3"]:
    """Apply a display matrix, to the nearest quarter turn: x' = a x + c y, y' = b x + d y, with y down."""
    if matrix is None:
        return pixels
    (a, b), (c, d) = matrix.tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):
        pixels, a, d = pixels.swapaxes(0, 1), c, b
    return np.ascontiguousarray(pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


class Encoding:
    """Turns RGB or RGBA arrays into frames for an encoder: BT.709, limited range, and tagged so."""

    def __init__(self, stream: VideoStream, *, alpha: bool) -> None:
        self._reformatter = VideoReformatter()
        self._source = "rgba" if alpha else "rgb24"
        self._format = stream.pix_fmt = "yuva420p" if alpha else "yuv420p"
        context = stream.codec_context
        context.colorspace = Colorspace.ITU709
        context.color_range = ColorRange.MPEG
        context.color_primaries = ColorPrimaries.BT709
        context.color_trc = ColorTrc.BT709

    def __call__(self, pixels: UInt8[np.ndarray, "height width channels"], *, index: int, rate: Fraction) -> VideoFrame:
        frame = self._reformatter.reformat(
            VideoFrame.from_numpy_buffer(pixels, format=self._source),  # not copied: what comes of it is
            format=self._format,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        frame.pts, frame.time_base = index, 1 / rate
        return frame
