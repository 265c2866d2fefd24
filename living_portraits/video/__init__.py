"""Pictures, clips and films: the only place that reads and writes media files (PyAV for films, Pillow for stills).

Frames are uint8 RGB `[height, width, 3]`, upright and with square pixels, whatever the file holds.
"""

from living_portraits.video.clip import TruncatedClip, UnheardSound, VideoInfo, probe, read_cutouts, read_frames
from living_portraits.video.film import FORMATS, Film
from living_portraits.video.picture import MAX_PIXELS, Picture, is_still, named_as_picture, read_picture
from living_portraits.video.sound import Sound

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "Film",
    "Picture",
    "Sound",
    "TruncatedClip",
    "UnheardSound",
    "VideoInfo",
    "is_still",
    "named_as_picture",
    "probe",
    "read_cutouts",
    "read_frames",
    "read_picture",
]
