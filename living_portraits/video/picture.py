"""Stills: any picture file becomes upright 8-bit sRGB."""

import io
import mimetypes
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pi_heif
from jaxtyping import UInt8
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from living_portraits.engine import Frame
from living_portraits.errors import MediaError

pi_heif.register_heif_opener(thumbnails=False)  # libav would give a phone's photograph tile by tile

MAX_PIXELS = 80_000_000
"""Largest picture or film frame that is opened: a 4096 x 4096 painting five times over, 240 MB as RGB."""

# Named one by one because Pillow also claims MPEG films and runs Ghostscript for EPS.
_CODECS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "JPEG2000", "PPM", "HEIF")
_ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")  # elsewhere further images are pages, views or thumbnails
# Of the pictures in a folder that makes a film.
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".heic", ".heif")


@dataclass(frozen=True)
class Picture:
    """A still.

    Attributes:
        rgb: uint8 `[height, width, 3]`, sRGB, upright, not multiplied by alpha.
        alpha: uint8 `[height, width]`, 255 is opaque; None where every pixel is opaque.
    """

    rgb: Frame
    alpha: UInt8[np.ndarray, "height width"] | None = None


def is_still(path: Path) -> bool:
    """Whether the file is a picture (True) or a film, a sound, a folder, anything else (False).

    The content decides, not the name: an animated GIF, PNG or WebP counts as a film.

    Raises:
        MediaError: the file does not exist.
    """
    if path.is_dir():
        return False
    try:
        with _open(path) as image:
            return not (image.format in _ANIMATED and getattr(image, "is_animated", False))
    except FileNotFoundError:
        raise MediaError(f"There is no file {path}.") from None
    except Image.DecompressionBombError:
        return True
    except (OSError, SyntaxError, ValueError):  # what Pillow raises on no picture and on damaged ones
        return False


def named_as_picture(path: Path) -> bool:
    """Whether its name says that a file is a picture, which may move: libav reads no animated WebP."""
    return (mimetypes.guess_type(path.name)[0] or "").startswith("image/")


def read_picture(path: Path) -> Picture:
    """Read a still as 8-bit sRGB with its EXIF orientation and embedded colour profile applied.

    Grey, palette, CMYK, 16-bit and floating-point pictures are converted. Of several pages or frames the first is read.

    Raises:
        MediaError: no such file, not a picture, damaged, or more than `MAX_PIXELS`.
    """
    with _sentences(path), _open(path) as image:
        if image.width * image.height > MAX_PIXELS:
            raise _too_large(path, f"{image.width} x {image.height} pixels")
        upright = _to_8_bit(ImageOps.exif_transpose(image))
        alpha = None
        if upright.has_transparency_data:
            upright = upright.convert("RGBA")
            alpha = np.array(upright.getchannel("A"))
        return Picture(rgb=np.array(_to_srgb(upright)), alpha=None if alpha is None or alpha.min() == 255 else alpha)


def pictures_in(path: Path) -> list[Path]:
    """The pictures of a folder in the order of their numbers, or a still by itself; empty for a film."""
    if not path.is_dir():
        return [path] if is_still(path) else []
    numbered = [
        (int(numbers[-1]), entry.name, entry)
        for entry in path.iterdir()
        if entry.suffix.lower() in _SUFFIXES and (numbers := re.findall(r"\d+", entry.stem))
    ]
    return [entry for *_, entry in sorted(numbered)]


def read_pictures(pictures: list[Path]) -> Iterator[Frame]:
    """Read pictures one by one; all must have the size of the first. Raises MediaError."""
    shape: tuple[int, ...] | None = None
    for picture in pictures:
        rgb = read_picture(picture).rgb
        shape = shape or rgb.shape
        if rgb.shape != shape:
            raise MediaError(
                f"{picture} measures {rgb.shape[1]} x {rgb.shape[0]} pixels, but the folder's first picture "
                f"{shape[1]} x {shape[0]}; all pictures of a film must have one size."
            )
        yield rgb


@contextmanager
def _open(path: Path) -> Iterator[Image.Image]:
    with warnings.catch_warnings():
        # Our own limit is the lower one, and an error.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        image = Image.open(path, formats=_CODECS)
    with image:
        yield image


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    """Turn what Pillow raises into a MediaError of one sentence."""
    try:
        yield
    except MediaError:
        raise
    except FileNotFoundError:
        raise MediaError(f"There is no file {path}.") from None
    except IsADirectoryError:
        raise MediaError(f"{path} is a folder; name a picture in it.") from None
    except PermissionError:
        raise MediaError(f"{path} may not be read; change its permissions.") from None
    except UnidentifiedImageError:
        raise MediaError(
            f"{path} is not a picture that can be read; take a JPEG, PNG, WebP, HEIC, TIFF, GIF or BMP."
        ) from None
    except Image.DecompressionBombError:
        raise _too_large(path, "far more pixels") from None
    except Exception as error:  # Pillow's decoders raise a dozen unrelated types on damaged files
        raise MediaError(f"The picture {path} is damaged or incomplete ({error}).") from error


def _too_large(path: Path, what: str) -> MediaError:
    return MediaError(f"{path} has {what} and the limit is {MAX_PIXELS // 1_000_000} million; make it smaller first.")


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Bring 16-bit, 32-bit and floating-point grey to mode L; all else is 8-bit in Pillow already."""
    if not image.mode.startswith(("I", "F")):
        return image
    grey = np.nan_to_num(np.asarray(image).astype(np.float64))
    if image.mode == "F":
        scale = 255.0 if grey.max() <= 1.0 else 1.0
    else:
        scale = 1.0 if image.mode == "I" and grey.max() <= 255 else 1 / 257
    deep = Image.fromarray(np.rint(grey * scale).clip(0, 255).astype(np.uint8))
    deep.info = {key: value for key, value in image.info.items() if key == "icc_profile"}
    return deep


def _to_srgb(image: Image.Image) -> Image.Image:
    """Convert to mode RGB by the embedded colour profile, or plainly where there is none that works."""
    profile = image.info.get("icc_profile")
    colour = image if image.mode in ("L", "CMYK", "LAB") else image.convert("RGB")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            # Most files are sRGB already, and their pixels are to come through untouched.
            if "srgb" not in ImageCms.getProfileDescription(source).lower():
                target = ImageCms.createProfile("sRGB")
                converted = ImageCms.profileToProfile(colour, source, target, outputMode="RGB")
                return colour.convert("RGB") if converted is None else converted
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a broken profile, or one for another colour model: the pixels still say enough
    return colour.convert("RGB")
