"""Stills: whatever the file holds, upright 8-bit sRGB comes out, or one sentence."""

import io
import struct
import zlib
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageCms

from living_portraits import video
from living_portraits.errors import MediaError
from living_portraits.video import MAX_PIXELS, is_still, read_picture

RED, GREEN, BLUE, GREY = (200, 30, 20), (20, 180, 40), (10, 60, 220), (90, 90, 90)


def quarters(size: int = 16) -> np.ndarray:
    """Red and green above, blue and grey below: every turn and mirroring looks different."""
    frame = np.zeros((size, size * 2, 3), np.uint8)
    frame[: size // 2, :size], frame[: size // 2, size:] = RED, GREEN
    frame[size // 2 :, :size], frame[size // 2 :, size:] = BLUE, GREY
    return frame


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.webp", "name with spaces.png", "пример-画像-ü.png"])
def test_lossless_pictures_come_through_exactly(tmp_path: Path, name: str) -> None:
    path = save(tmp_path / name, Image.fromarray(quarters()), **({"lossless": True} if ".webp" in name else {}))
    picture = read_picture(path)
    assert np.array_equal(picture.rgb, quarters())
    assert picture.alpha is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    upright = quarters()
    # What a camera held that way stores: the inverse of what viewers must do.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "photo.png", Image.fromarray(np.ascontiguousarray(stored)), exif=exif)
    assert np.array_equal(read_picture(path).rgb, upright)


@pytest.mark.parametrize(
    ("mode", "name", "tolerance"),
    [("CMYK", "a.jpg", 6), ("CMYK", "a.tif", 1), ("P", "a.png", 0), ("P", "a.gif", 0), ("YCbCr", "a.jpg", 6)],
)
def test_colour_models(tmp_path: Path, mode: str, name: str, tolerance: int) -> None:
    options = {"quality": 98, "subsampling": 0} if name.endswith("jpg") else {}
    path = save(tmp_path / name, Image.fromarray(quarters()).convert(mode, palette=Image.Palette.ADAPTIVE), **options)
    assert np.abs(read_picture(path).rgb.astype(int) - quarters()).max() <= tolerance


@pytest.mark.parametrize(
    ("values", "name", "expected"),
    [
        (np.array([[0, 128, 255]], np.uint8), "a.png", [0, 128, 255]),
        (np.array([[0, 128 * 257, 65535]], np.uint16), "a.png", [0, 128, 255]),
        (np.array([[0, 128 * 257, 65535]], np.uint16), "a.tif", [0, 128, 255]),
        (np.array([[0, 128 * 257, 65535]], np.int32), "a.tif", [0, 128, 255]),
        (np.array([[0, 128, 255]], np.int32), "a.tif", [0, 128, 255]),
        (np.array([[0.0, 0.5, 1.0]], np.float32), "a.tif", [0, 128, 255]),
        (np.array([[0.0, 127.6, 300.0]], np.float32), "a.tif", [0, 128, 255]),
        (np.array([[False, True, True]]), "a.png", [0, 255, 255]),
    ],
)
def test_grey_of_any_depth(tmp_path: Path, values: np.ndarray, name: str, expected: list[int]) -> None:
    path = save(tmp_path / name, Image.fromarray(values))
    rgb = read_picture(path).rgb
    assert rgb.dtype == np.uint8
    assert rgb[0].tolist() == [[value] * 3 for value in expected]


def test_16_bit_colour(tmp_path: Path) -> None:
    import cv2

    path = tmp_path / "deep.png"
    cv2.imwrite(str(path), (quarters()[..., ::-1].astype(np.uint16) * 257))
    assert np.array_equal(read_picture(path).rgb, quarters())


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_alpha_is_kept_apart(tmp_path: Path, mode: str) -> None:
    rgba = np.dstack([np.full((4, 4, 3), 120, np.uint8), np.full((4, 4), 255, np.uint8)])
    rgba[0, :, 3] = 0
    path = save(tmp_path / "a.png", Image.fromarray(rgba).convert(mode))
    picture = read_picture(path)
    assert picture.alpha is not None
    assert picture.alpha[:, 0].tolist() == [0, 255, 255, 255]
    assert np.all(picture.rgb[1:] == 120), "colours are not multiplied by alpha or mixed with a background"


def test_opaque_alpha_counts_as_none(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(quarters()).convert("RGBA"))
    assert read_picture(path).alpha is None


def srgb_profile(*, swapped: bool) -> bytes:
    """sRGB's profile, or one of a strange screen on which red and green are swapped."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    if swapped:
        for here, there in ((b"rXYZ", b"#XYZ"), (b"gXYZ", b"rXYZ"), (b"#XYZ", b"gXYZ")):
            profile[profile.index(here) : profile.index(here) + 4] = there
        profile = profile.replace("sRGB".encode("utf-16-be"), "odd!".encode("utf-16-be"))
    return bytes(profile)


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (srgb_profile(swapped=False), (200, 0, 0)),
        (srgb_profile(swapped=True), (0, 200, 0)),
        (b"not a profile at all", (200, 0, 0)),
    ],
    ids=["srgb", "swapped", "broken"],
)
def test_embedded_profile_is_applied(tmp_path: Path, profile: bytes, expected: tuple[int, int, int]) -> None:
    path = save(tmp_path / "a.png", Image.new("RGB", (4, 4), (200, 0, 0)), icc_profile=profile)
    assert np.abs(read_picture(path).rgb[0, 0].astype(int) - expected).max() <= 2


def bomb() -> bytes:
    """A tiny PNG that says it measures 100 000 x 100 000."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


def png_bytes() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.png", None, "There is no file"),
        ("text.png", b"once upon a time", "is not a picture that can be read; take a JPEG, PNG"),
        ("empty.jpg", b"", "is not a picture that can be read"),
        ("cut.png", png_bytes()[:4000], "is damaged or incomplete"),
        ("bomb.png", bomb(), f"the limit is {MAX_PIXELS // 1_000_000} million"),
    ],
)
def test_bad_pictures_get_a_sentence(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MediaError, match=message) as caught:
        read_picture(path)
    assert name in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="is a folder; name a picture in it"):
        read_picture(tmp_path)


def test_limit_lies_at_max_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(quarters(16)))
    monkeypatch.setattr(video.picture, "MAX_PIXELS", 16 * 32)
    assert read_picture(path).rgb.shape == (16, 32, 3)
    monkeypatch.setattr(video.picture, "MAX_PIXELS", 16 * 32 - 1)
    with pytest.raises(MediaError, match="has 32 x 16 pixels"):
        read_picture(path)


def test_still_or_film_is_told_by_content(tmp_path: Path) -> None:
    one, two = Image.new("RGB", (8, 8), RED), Image.new("RGB", (8, 8), BLUE)
    film = {"save_all": True, "append_images": [two]}
    assert is_still(save(tmp_path / "one.gif", one))
    assert not is_still(save(tmp_path / "two.gif", one, **film))
    assert not is_still(save(tmp_path / "two.png", one, **film))
    assert is_still(save(tmp_path / "pages.tif", one, **film)), "pages are no film"
    assert is_still(save(tmp_path / "photo.mp4", one, format="JPEG")), "the name does not decide"
    (tmp_path / "text.png").write_text("no picture")
    assert not is_still(tmp_path / "text.png")
    assert not is_still(tmp_path)
    with pytest.raises(MediaError, match="There is no file"):
        is_still(tmp_path / "missing.png")


def box(kind: bytes, *content: bytes, version: int | None = None) -> bytes:
    """A box of ISO media: mp4, HEIC, AVIF."""
    inside = (b"" if version is None else struct.pack(">I", version << 24)) + b"".join(content)
    return struct.pack(">I4s", 8 + len(inside), kind) + inside


def write_tiles(path: Path) -> None:
    """A photograph as phones write it: tile.heic twice, side by side, and to be turned by 90 degrees to the left."""
    with av.open(str(Path(__file__).with_name("tile.heic"))) as container:
        packet, setup = bytes(next(container.demux())), container.streams.video[0].codec_context.extradata
    grid = struct.pack(">BBBBHH", 0, 0, 0, 1, 128, 64)
    entries = [box(b"infe", struct.pack(">HH4sx", item, 0, b"hvc1"), version=2) for item in (1, 2)]
    entries.append(box(b"infe", struct.pack(">HH4sx", 3, 0, b"grid"), version=2))
    properties = [box(b"hvcC", setup or b""), box(b"ispe", struct.pack(">II", 64, 64), version=0)]
    properties += [box(b"ispe", struct.pack(">II", 128, 64), version=0), box(b"irot", b"\x01")]
    has = struct.pack(">I HBBB HBBB HBBB", 3, 1, 2, 1, 2, 2, 2, 1, 2, 3, 2, 3, 4)

    def meta(start: int) -> bytes:
        places = ((start, len(packet)), (start, len(packet)), (start + len(packet), len(grid)))
        extents = (struct.pack(">HHHII", item, 0, 1, *place) for item, place in enumerate(places, 1))
        return box(
            b"meta",
            box(b"hdlr", struct.pack(">I4s13x", 0, b"pict"), version=0),
            box(b"pitm", struct.pack(">H", 3), version=0),
            box(b"iinf", struct.pack(">H", 3), *entries, version=0),
            box(b"iref", box(b"dimg", struct.pack(">HHHH", 3, 2, 1, 2)), version=0),
            box(b"iprp", box(b"ipco", *properties), box(b"ipma", has, version=0)),
            box(b"iloc", b"\x44\x00", struct.pack(">H", 3), *extents, version=0),
            version=0,
        )

    head = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    path.write_bytes(head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", packet, grid))


def test_a_phones_photograph_is_whole_and_upright(tmp_path: Path) -> None:
    """libav would give the first of its tiles, lying on its side."""
    write_tiles(tmp_path / "phone.heic")
    assert is_still(tmp_path / "phone.heic")
    tile = np.full((64, 64, 3), (200, 160, 120), np.uint8)
    tile[:32, :32], tile[32:, 32:] = (220, 30, 30), (30, 60, 220)
    upright = np.rot90(np.hstack([tile, tile])).astype(int)
    found = read_picture(tmp_path / "phone.heic").rgb
    assert found.shape == (128, 64, 3)
    assert np.abs(found - upright).mean() < 6


def test_a_phones_photograph_that_breaks_off_gets_one_sentence(tmp_path: Path) -> None:
    write_tiles(tmp_path / "phone.heic")
    content = (tmp_path / "phone.heic").read_bytes()
    (tmp_path / "phone.heic").write_bytes(content[: len(content) // 2])
    with pytest.raises(MediaError, match=r"phone\.heic"):
        read_picture(tmp_path / "phone.heic")
