"""Clips: every frame, once, upright, in its colours, at its time; and one sentence for what cannot be read."""

import io
import itertools
import socket
import subprocess
import sys
import warnings
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from clips import HEIGHT, WIDTH, number_of, numbered, numbers, write_clip, write_sound
from PIL import ExifTags, Image

from living_portraits import samples, video
from living_portraits.driver import Driver
from living_portraits.errors import LivingPortraitsError, MediaError, OptionError
from living_portraits.film_options import Options
from living_portraits.video import TruncatedClip, UnheardSound, probe, read_frames
from living_portraits.video.pixels import _EXACT, Upright

RED, GREEN = (200, 40, 30), (30, 160, 60)


def mean_colours(frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The colours of the upper left and the upper right quarter."""
    height, width, _ = frame.shape
    upper = frame[: height // 2 - 4]
    return upper[:, : width // 2 - 4].mean((0, 1)), upper[:, width // 2 + 4 :].mean((0, 1))


def renamed(clip: Path, *names: tuple[bytes, bytes]) -> Path:
    """With codecs called by names that nobody knows."""
    data = clip.read_bytes()
    for old, new in names:
        assert old in data
        data = data.replace(old, new)
    clip.write_bytes(data)
    return clip


def test_a_sound_that_cannot_be_decoded_is_left_out(tmp_path: Path) -> None:
    clip = renamed(write_clip(tmp_path / "clip.mp4", sound="aac"), (b"mp4a", b"apac"), (b"esds", b"xsds"))
    with pytest.warns(UnheardSound, match=r"The sound of .*clip\.mp4 is of a kind"):
        info = probe(clip)
    assert info.sound is None and len(list(read_frames(clip))) == info.frames == 20


def test_pictures_that_cannot_be_decoded_get_a_sentence(tmp_path: Path) -> None:
    clip = renamed(write_clip(tmp_path / "clip.mp4"), (b"avc1", b"xyz1"))
    with pytest.raises(MediaError, match="no moving picture that can be decoded here"):
        probe(clip)


def test_a_part_of_a_folder_that_is_shorter_than_a_frame_is_one_picture(tmp_path: Path) -> None:
    for number in range(50):
        Image.fromarray(numbered(number)).save(tmp_path / f"{number + 1:04d}.png")
    assert numbers(list(read_frames(tmp_path, start=1.0, end=1.01))) == [25]
    assert Driver(tmp_path, Options(fps=10.0)).expected == 50
    assert Driver(tmp_path, Options(start=1.0)).expected == 25


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {}),
        ("a.mp4", {"codec": "libx264", "interlaced": True}),
        ("a.mov", {"codec": "mjpeg"}),
        ("a.mkv", {"full_range": True}),
        ("a.mkv", {"fps": Fraction(30000, 1001)}),
        ("a.webm", {"codec": "libvpx-vp9", "fps": Fraction(30000, 1001)}),
        ("a.avi", {"codec": "mpeg4"}),
        ("a.mpg", {"codec": "mpeg2video"}),
        ("a.ts", {}),
        ("a.gif", {"codec": "gif"}),
        ("a.mkv", {"codec": "ffv1", "size": (95, 63)}),
        ("with spaces und Ümläuten 画.mp4", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value.values())) or "h264",
)
def test_every_frame_comes_once_in_its_colours(tmp_path: Path, name: str, options: dict) -> None:
    clip = write_clip(tmp_path / name, **options)
    width, height = options.get("size", (WIDTH, HEIGHT))
    info = probe(clip)
    frames = list(read_frames(clip))
    assert numbers(frames) == list(range(20))
    assert (info.width, info.height, info.frames, info.variable_rate) == (width, height, 20, False)
    assert info.fps == pytest.approx(float(options.get("fps", 25)), rel=1e-9)
    assert info.duration == pytest.approx(20 / info.fps)
    assert (info.sound, info.rotation, info.path) == (None, 0, clip)
    left, right = mean_colours(frames[7])
    tolerance = 60 if name.endswith("gif") else 4  # this GIF is made with 8 shades a channel, 4 of blue
    assert np.abs(left - RED).max() < tolerance
    assert np.abs(right - GREEN).max() < tolerance


@pytest.mark.parametrize("size", [(95, 63), (190, 63)])
@pytest.mark.parametrize(
    "pixels", ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuv420p10le", "nv12", "gray", "rgb24"]
)
def test_colours_by_planes_are_those_by_pixels(pixels: str, size: tuple[int, int]) -> None:
    """Reading takes a quicker way for planar formats; swscale's exact one to packed RGB gives the same bytes."""
    grain = np.random.default_rng(0).integers(0, 256, (63, 95, 3), dtype=np.uint8)
    frame = VideoFrame.from_ndarray(grain, format="rgb24").reformat(format=pixels)
    exact = frame.reformat(width=size[0], height=size[1], format="rgb24", interpolation=_EXACT).to_ndarray()
    np.testing.assert_array_equal(Upright(size[0] / 95)(frame), exact)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
def test_rotation_and_mirroring_are_applied(tmp_path: Path, degrees: int, mirrored: bool) -> None:
    clip = write_clip(tmp_path / "phone.mp4", frames=3, rotation=(degrees, mirrored))
    upright = np.rot90(numbered(0), degrees // 90)  # counter-clockwise
    upright = upright[:, ::-1] if mirrored else upright
    info = probe(clip)
    frame = next(read_frames(clip))
    assert frame.shape == upright.shape == (info.height, info.width, 3)
    assert np.abs(frame.astype(int) - upright).mean() < 4
    if not mirrored:
        assert info.rotation % 360 == degrees % 360


@pytest.mark.parametrize(("orientation", "turned"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_frames_that_carry_what_pyav_has_no_name_for_are_upright(tmp_path: Path, orientation: int, turned: int) -> None:
    """EXIF data, as cameras leave it in films of JPEGs."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    jpeg = io.BytesIO()
    Image.fromarray(numbered(5)).save(jpeg, "JPEG", quality=95, exif=exif)
    with av.open(str(tmp_path / "camera.avi"), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        for number in range(3):
            packet = av.Packet(jpeg.getvalue())
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, number, number, Fraction(1, 25)
            container.mux_one(packet)
    upright = np.rot90(numbered(5), turned)  # counter-clockwise
    info, frame = probe(tmp_path / "camera.avi"), next(read_frames(tmp_path / "camera.avi"))
    assert frame.shape == upright.shape == (info.height, info.width, 3)
    assert np.abs(frame.astype(int) - upright).mean() < 4


def test_pixels_are_made_square(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "anamorphic.mp4", aspect=Fraction(4, 3))
    assert (probe(clip).width, probe(clip).height) == (128, 64)
    frames = list(read_frames(clip))
    assert frames[0].shape == (64, 128, 3)
    assert numbers(frames) == list(range(20))


def test_uneven_frames_become_even_at_the_right_times(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.08, 0.32, 0.36, 0.60, 0.64, 0.92, 0.96]
    clip = write_clip(tmp_path / "phone.mp4", frames=len(times), times=times)
    info = probe(clip)
    assert info.variable_rate
    assert info.frames / info.fps == pytest.approx(info.duration)
    frames = numbers(list(read_frames(clip, fps=25.0)))
    shown = [max(index for index, time in enumerate(times) if time <= n / 25 + 1e-9) for n in range(len(frames))]
    assert frames == shown
    assert len(frames) / 25 == pytest.approx(info.duration, abs=0.02)
    by_default = numbers(list(read_frames(clip)))
    assert len(by_default) == info.frames == len(times)
    assert by_default == sorted(by_default)
    assert by_default[-1] == len(times) - 1


def test_a_missing_frame_is_filled_without_changing_the_rate(tmp_path: Path) -> None:
    times = [index / 25 for index in range(41) if index != 20]
    clip = write_clip(tmp_path / "dropped.mp4", frames=40, times=times)
    info = probe(clip)
    assert (info.fps, info.frames, info.variable_rate) == (25, 41, True)
    assert numbers(list(read_frames(clip))) == [*range(20), 19, *range(20, 40)]


def remux(clip: Path, path: Path, *, packets: int | None = None) -> Path:
    """Copy the first packets of a clip's pictures, all of them by default, with the header in front."""
    with av.open(str(clip)) as source, av.open(str(path), "w", options={"movflags": "+faststart"}) as copy:
        track = copy.add_stream_from_template(source.streams.video[0])
        for packet in itertools.islice(source.demux(video=0), packets):
            if packet.size:
                packet.stream = track
                copy.mux(packet)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize("packets", range(10, 19))
def test_a_clip_cut_without_decoding_keeps_its_rate(tmp_path: Path, suffix: str, packets: int) -> None:
    """Its last frames lie in another order than they are shown in, so that some before the very last are missing."""
    whole = write_clip(tmp_path / "whole.mp4", frames=60, pictures=numbered_and_moving(60))
    with av.open(str(whole)) as container:
        stamps = [packet.pts * packet.time_base for packet in container.demux(video=0) if packet.size]
    shown = sorted(round((stamp - min(stamps)) * 25) for stamp in stamps[:packets])
    info = probe(remux(whole, tmp_path / f"cut{suffix}", packets=packets))
    assert (info.fps, info.frames, info.variable_rate) == (25, shown[-1] + 1, False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncatedClip)
        frames = numbers(list(read_frames(tmp_path / f"cut{suffix}")))
    assert frames == [max(index for index in shown if index <= slot) for slot in range(shown[-1] + 1)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("size", [20_000, 50_000, 60_000, 70_000, 90_000])
def test_a_truncated_sample_keeps_its_rate(tmp_path: Path, suffix: str, size: int) -> None:
    clip = remux(samples.smile, tmp_path / f"smile{suffix}")
    clip.write_bytes(clip.read_bytes()[:size])
    info = probe(clip)
    assert (info.fps, info.variable_rate) == (25, False)
    frames = []
    with pytest.warns(TruncatedClip, match=r"breaks off: \d\.\d s of the 6\.2 s it announces were used"):
        frames.extend(read_frames(clip))
    assert len(frames) == info.frames
    for frame, whole in zip(frames[: len(frames) - 16], read_frames(samples.smile), strict=False):
        assert np.array_equal(frame, whole)


def test_gaps_inside_a_clip_still_make_its_rate_vary(tmp_path: Path) -> None:
    times = [index / 25 for index in range(80) if index % 10 < 8]
    info = probe(write_clip(tmp_path / "uneven.mp4", frames=len(times), times=times))
    assert info.variable_rate
    assert info.frames == len(times)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"start": 0.2}, list(range(5, 20))),
        ({"end": 0.2}, list(range(5))),
        ({"start": 0.2, "end": 0.4}, list(range(5, 10))),
        ({"start": 0.79}, [19]),
        ({"end": 100.0}, list(range(20))),
        ({"fps": 12.5}, list(range(0, 20, 2))),
        ({"fps": 50.0}, [index // 2 for index in range(40)]),
        ({"fps": 12.5, "start": 0.2, "end": 0.4}, [5, 7, 9]),
    ],
    ids=str,
)
def test_part_and_rate(tmp_path: Path, options: dict, expected: list[int]) -> None:
    clip = write_clip(tmp_path / "a.mp4")
    assert numbers(list(read_frames(clip, **options))) == expected


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.mpg", "a.gif"])
def test_late_starts_are_exact(tmp_path: Path, name: str) -> None:
    codec = {"mpg": "mpeg2video", "gif": "gif"}.get(name[2:], "libx264")
    clip = write_clip(tmp_path / name, frames=100, codec=codec)
    assert numbers(list(read_frames(clip, start=3.0, end=3.2))) == [75, 76, 77, 78, 79]


def test_frames_are_not_shared(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", frames=3)
    frames = read_frames(clip, fps=50.0)
    next(frames)[:] = 0
    assert np.abs(mean_colours(next(frames))[0] - RED).max() < 4, "drawing into a frame spoiled the next"


def numbered_and_moving(count: int) -> list[np.ndarray]:
    """Numbered frames above whose bars colours move, so that the encoder finds use for a pyramid of B-frames."""
    frames = [numbered(index) for index in range(count)]
    for index, frame in enumerate(frames):
        frame[: HEIGHT // 2] = np.roll(frame[: HEIGHT // 2], index, axis=1)
    return frames


def noisy(count: int) -> list[np.ndarray]:
    """Numbered frames with noise above, so that a film of them has bytes to lose."""
    random = np.random.default_rng(0)
    frames = [numbered(index) for index in range(count)]
    for frame in frames:
        frame[: HEIGHT // 2] = random.integers(0, 255, (HEIGHT // 2, WIDTH, 3), dtype=np.uint8)
    return frames


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.webm", "libvpx-vp9"), ("a.avi", "mpeg4")]
)
def test_a_truncated_clip_gives_what_is_there_and_warns(tmp_path: Path, name: str, codec: str) -> None:
    options = {"movflags": "+faststart"} if name == "a.mp4" else {}
    clip = write_clip(tmp_path / name, frames=75, codec=codec, options=options, pictures=noisy(75))
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 6 // 10])
    frames = []
    with pytest.warns(TruncatedClip, match=rf"{name} breaks off: \d\.\d s of the 3\.0 s it announces were used\."):
        frames.extend(read_frames(clip))
    assert 20 < len(frames) < 60
    assert [number_of(frame) for frame in frames[:20]] == list(range(20))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(read_frames(clip, end=0.4))) == 10, "no warning about what nobody asked for"


def test_damage_in_the_middle_costs_little(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.avi", frames=50, codec="png")
    parts = clip.read_bytes().split(b"\x89PNG")
    assert len(parts) == 51
    clip.write_bytes(b"\x89PNG".join(parts[:21]) + bytes(4) + b"\x89PNG".join(parts[21:]))
    frames = []
    with pytest.warns(TruncatedClip, match="with damaged parts"):
        frames.extend(read_frames(clip))
    assert len(frames) == 50
    assert numbers(frames)[:20] == list(range(20))
    assert numbers(frames)[22:] == list(range(22, 50))
    assert numbers(frames)[20] == 19, "the frame before stands in"


def write_empty(path: Path) -> None:
    """Write a clip with a header and not one frame."""
    write_clip(path.with_suffix(".avi"), frames=0, codec="mpeg4").rename(path)


@pytest.mark.parametrize(
    ("make", "options", "error", "message"),
    [
        (None, {}, MediaError, "There is no file"),
        (lambda path: path.write_bytes(b""), {}, MediaError, "cannot be read as a film"),
        (lambda path: path.write_text("no film"), {}, MediaError, "cannot be read as a film"),
        (lambda path: path.write_bytes(write_clip(path).read_bytes()[:500]), {}, MediaError, "incomplete or damaged"),
        (write_empty, {}, MediaError, "holds not one frame that can be decoded"),
        (lambda path: path.mkdir(), {}, MediaError, "is a folder without numbered pictures"),
        (write_clip, {"start": 0.8}, MediaError, r"is over after 0\.80 s, so it cannot start at 0\.8 s"),
        (write_clip, {"start": -1.0}, OptionError, "start must be 0 or more seconds, not -1"),
        (write_clip, {"start": float("nan")}, OptionError, "start must be 0 or more seconds, not nan"),
        (write_clip, {"start": 0.5, "end": 0.5}, OptionError, r"end \(0\.5 s\) must come after the start \(0\.5 s\)"),
        (write_clip, {"fps": 0.0}, OptionError, "frame rate must lie between 0 and 1000"),
    ],
)
def test_bad_clips_and_options_get_a_sentence_at_once(
    tmp_path: Path, make: object, options: dict, error: type[LivingPortraitsError], message: str
) -> None:
    clip = tmp_path / "clip.mp4"
    if callable(make):
        make(clip)
    with pytest.raises(error, match=message):
        read_frames(clip, **options)
    if error is MediaError and not options:
        with pytest.raises(MediaError, match=message):
            probe(clip)


def test_a_sound_file_is_no_film(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="holds no moving picture"):
        read_frames(write_sound(tmp_path / "a.mp3", "mp3"))


def test_a_clip_that_cannot_be_decoded_is_an_error(tmp_path: Path) -> None:
    clip = tmp_path / "a.webp"  # libav knows that animated WebP exists, and no more
    pictures = [Image.fromarray(numbered(index)) for index in range(3)]
    pictures[0].save(clip, save_all=True, append_images=pictures[1:], duration=40)
    with pytest.raises(MediaError):
        list(read_frames(clip))


def test_frames_beyond_the_limit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = write_clip(tmp_path / "a.mp4")
    monkeypatch.setattr(video.clip, "MAX_PIXELS", WIDTH * HEIGHT - 1)
    with pytest.raises(MediaError, match="measure 96 x 64 pixels"):
        probe(clip)


def test_a_name_with_a_colon_is_no_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path / "a.mp4").rename(tmp_path / "http:clip.mp4")
    monkeypatch.chdir(tmp_path)
    assert probe(Path("http:clip.mp4")).frames == 20


@pytest.mark.parametrize("name", ["clip.m3u8", "clip.mp4", "clip.ffconcat"])
def test_a_crafted_clip_does_not_reach_the_network(tmp_path: Path, name: str) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.2)
    address = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}\n#EXT-X-ENDLIST\n"
    (tmp_path / name).write_text(f"ffconcat version 1.0\nfile {address}\n" if name.endswith("concat") else playlist)
    with server, warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncatedClip)
        with pytest.raises(MediaError):
            list(read_frames(tmp_path / name))
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_folder_of_pictures_is_a_film(tmp_path: Path) -> None:
    for index in (10, 9, 100, 1):
        Image.fromarray(numbered(index)).save(tmp_path / f"frame_{index}.png")
    (tmp_path / "notes 5.txt").write_text("no picture")
    assert numbers(list(read_frames(tmp_path))) == [1, 9, 10, 100]
    assert numbers(list(read_frames(tmp_path, fps=10.0, start=0.1, end=0.3))) == [9, 10]
    info = probe(tmp_path)
    assert (info.width, info.height, info.fps, info.frames, info.codec) == (WIDTH, HEIGHT, 25, 4, "png")
    Image.fromarray(numbered(0, width=48)).save(tmp_path / "frame_200.png")
    with pytest.raises(MediaError, match=r"frame_200.png measures 48 x 64 pixels, but the folder's first picture 96 x"):
        list(read_frames(tmp_path))


def test_a_still_is_a_film_of_one_frame(tmp_path: Path) -> None:
    Image.fromarray(numbered(3)).save(tmp_path / "a.png")
    assert numbers(list(read_frames(tmp_path / "a.png"))) == [3]
    assert probe(tmp_path / "a.png").frames == 1


PEAK = """
from pathlib import Path
import sys
from living_portraits.video import Film, Sound, read_frames

def peak():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])  # kB

clip = Path(sys.argv[1])
early = 0
with Film(clip.with_name("out.mp4"), width=320, height=240, fps=25.0, sound=Sound(clip)) as film:
    for frame in read_frames(clip):
        film.write(frame)
        if film.frames == 60:
            early = peak()
print(film.frames, early, peak())
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not tell a process's peak memory")
def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    """Read a clip and write it again with its sound, in a process of its own."""
    clip = write_clip(tmp_path / "long.mp4", frames=360, size=(320, 240), sound="aac")
    answer = subprocess.run([sys.executable, "-c", PEAK, str(clip)], check=True, capture_output=True, text=True)
    frames, early, late = map(int, answer.stdout.split())
    assert frames == 360
    # 300 frames are 69 MB as RGB and 35 MB as stored.
    assert late - early < 20_000
