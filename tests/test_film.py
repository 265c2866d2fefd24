"""Films: every frame and every sound packet in its place; a whole film or none."""

import errno
import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import HEIGHT, WIDTH, delay, heard, numbered, numbers, sound_packets, tone, write_clip, write_sound
from PIL import Image, ImageSequence

from living_portraits.errors import LivingPortraitsError, MediaError, OptionError, OutputError
from living_portraits.video import FORMATS, Film, Sound, probe, read_frames, read_picture
from living_portraits.video import film as film_module

SIZE = {"width": WIDTH, "height": HEIGHT}


def write_film(path: Path | str, *, frames: int = 20, fps: float = 25.0, **options: object) -> Path:
    with Film(path, **SIZE, fps=fps, **options) as film:
        for index in range(frames):
            film.write(numbered(index))
    return Path(path)


def left_behind(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def portrait() -> np.ndarray:
    """Smooth colours of all hues, as a painting has them: chroma subsampling costs nothing here."""
    y, x = np.mgrid[0:128, 0:160]
    return np.stack([x * 1.5, y * 1.9, 255 - x * 0.7 - y * 0.8], axis=-1).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("fps", [25.0, 30000 / 1001, 24000 / 1001, 12.5, 60.0])
@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".MP4"])
def test_frames_and_rate_are_kept(tmp_path: Path, suffix: str, fps: float) -> None:
    film = write_film(tmp_path / f"film{suffix}", fps=fps)
    info = probe(film)
    assert numbers(list(read_frames(film))) == list(range(20))
    assert info.fps == pytest.approx(fps, rel=1e-9)
    assert (info.width, info.height, info.frames, info.sound) == (WIDTH, HEIGHT, 20, None)
    assert left_behind(tmp_path) == [film.name]


def test_mp4_is_what_every_player_takes(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.mp4")
    with av.open(str(film)) as container:
        video = container.streams.video[0]
        context = video.codec_context
        assert (context.name, context.pix_fmt, video.average_rate) == ("h264", "yuv420p", Fraction(25))
        tags = (context.colorspace, context.color_range, context.color_primaries, context.color_trc)
        assert tags == (1, 1, 1, 1), "BT.709, limited range"
        assert video.frames == 20
    content = film.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat"), "playable while it loads"


@pytest.mark.parametrize(("suffix", "limit"), [(".mp4", 1.5), (".webm", 1.5), (".gif", 6.0), ("", 0.0)])
def test_colours_come_back(tmp_path: Path, suffix: str, limit: float) -> None:
    picture = portrait()
    path = tmp_path / f"film{suffix}"
    with Film(path, width=160, height=128, fps=25.0) as film:
        for _ in range(5):
            film.write(picture)
    error = next(read_frames(path)).astype(float) - picture
    assert np.abs(error).mean() <= limit
    assert np.abs(error.mean((0, 1))).max() <= limit / 2, "darker, lighter or tinted on average"


def test_odd_sides_are_padded_in_mp4_by_their_edge(tmp_path: Path) -> None:
    picture = portrait()[:97, :75]
    for suffix, size in ((".mp4", (76, 98)), (".webm", (75, 97)), (".gif", (75, 97)), ("", (75, 97))):
        path = tmp_path / f"film{suffix}"
        with Film(path, width=75, height=97, fps=25.0) as film:
            film.write(picture)
        assert (probe(path).width, probe(path).height) == size
        frame = next(read_frames(path)).astype(int)
        assert np.abs(frame[:97, :75] - picture).mean() < 6
        assert np.abs(frame[97:, :75] - picture[-1:]).max(initial=0) < 12
        assert np.abs(frame[:97, 75:] - picture[:, -1:]).max(initial=0) < 12


def test_gif_keeps_time_and_still_areas(tmp_path: Path) -> None:
    picture = portrait()
    path = tmp_path / "film.gif"
    with Film(path, width=160, height=128, fps=30.0) as film:
        for index in range(30):
            frame = picture.copy()
            frame[:16, index : index + 16] = (250, 250, 20)
            film.write(frame)
    with Image.open(path) as image:
        shown = [(np.asarray(frame.convert("RGB")), frame.info["duration"]) for frame in ImageSequence.Iterator(image)]
    assert len(shown) == 30
    assert sum(duration for _, duration in shown) == pytest.approx(1000, abs=20)
    assert np.array_equal(shown[3][0][32:], shown[20][0][32:]), "areas that stand still do not flicker"
    assert np.abs(shown[20][0][8, 28].astype(int) - (250, 250, 20)).max() < 40, "colours that come late have a place"


def test_gif_above_50_frames_a_second_drops_every_other(tmp_path: Path) -> None:
    film = write_film(tmp_path / "film.gif", fps=60.0)
    assert numbers(list(read_frames(film))) == list(range(0, 20, 2))
    assert probe(film).duration == pytest.approx(20 / 60, abs=0.02)


@pytest.mark.parametrize("name", ["frames", "frames.v2/", "bilder ü 画"])
def test_no_extension_or_a_slash_makes_png_frames(tmp_path: Path, name: str) -> None:
    write_film(f"{tmp_path}/{name}", frames=12, metadata={"title": "Mona Lisa – äöü"})
    folder = tmp_path / name
    assert left_behind(folder) == [f"{index:04d}.png" for index in range(1, 13)]
    assert np.array_equal(read_picture(folder / "0012.png").rgb, numbered(11))
    assert numbers(list(read_frames(folder))) == list(range(12))
    with Image.open(folder / "0001.png") as image:
        assert image.info["title"] == "Mona Lisa – äöü"


@pytest.mark.parametrize("name", ["film.mp4", "frames"])
@pytest.mark.parametrize("before", [False, True], ids=["new", "replaced"])
def test_a_link_leads_to_the_film(tmp_path: Path, name: str, before: bool) -> None:
    real, link = tmp_path / "disk" / name, tmp_path / name
    real.parent.mkdir()
    if before:
        write_film(real, frames=2)
    link.symlink_to(real)
    write_film(link, frames=5)
    assert link.is_symlink() and numbers(list(read_frames(real))) == list(range(5))
    assert left_behind(tmp_path) == sorted(["disk", name]) and left_behind(real.parent) == [name]


def test_the_folder_where_one_is_cannot_be_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is known before the film is made."""
    monkeypatch.chdir(tmp_path)
    for name in (".", str(tmp_path), "../" + tmp_path.name):
        with pytest.raises(OutputError, match="cannot be replaced while it is in use; name a new one in it"):
            Film(name, **SIZE, fps=25.0)
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("suffix", [".webm", ".gif", ""])
def test_alpha(tmp_path: Path, suffix: str) -> None:
    frame = np.dstack([np.full((HEIGHT, WIDTH, 3), (200, 40, 30), np.uint8), np.full((HEIGHT, WIDTH), 255, np.uint8)])
    frame[:, : WIDTH // 2, 3] = 0
    path = tmp_path / f"film{suffix}"
    with Film(path, **SIZE, fps=25.0, alpha=True) as film:
        for _ in range(3):
            film.write(frame)
    if suffix == ".webm":
        with av.open(str(path)) as container:
            assert container.streams.video[0].metadata["alpha_mode"] == "1"
            decoder = av.CodecContext.create("libvpx-vp9", "r")
            packet = next(container.demux(video=0))
            (decoded,) = decoder.decode(packet) or decoder.decode(None)
            alpha = decoded.to_ndarray(format="rgba")[..., 3]
    else:
        with Image.open(path / "0003.png" if suffix == "" else path) as image:
            image.seek(getattr(image, "n_frames", 1) - 1)
            alpha = np.asarray(image.convert("RGBA"))[..., 3]
    assert alpha[:, : WIDTH // 2 - 4].max() < 5
    assert alpha[:, WIDTH // 2 + 4 :].min() > 250


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_metadata(tmp_path: Path, suffix: str) -> None:
    film = write_film(tmp_path / f"film{suffix}", metadata={"title": "Mona Lisa – äöü", "comment": "AI-generated"})
    with av.open(str(film)) as container:
        texts = {name.lower(): text for name, text in container.metadata.items()}
    assert (texts["title"], texts["comment"]) == ("Mona Lisa – äöü", "AI-generated")


# Sound


@pytest.mark.parametrize(
    ("source", "codec", "rate", "suffix", "kept"),
    [
        ("a.mp4", "aac", 44100, ".mp4", True),
        ("a.mkv", "aac", 48000, ".mp4", True),
        ("a.mkv", "libmp3lame", 44100, ".mp4", True),
        ("a.avi", "libmp3lame", 44100, ".mp4", True),
        ("a.mkv", "ac3", 48000, ".mp4", True),
        ("a.mp4", "alac", 44100, ".mp4", True),
        ("a.webm", "libopus", 48000, ".mp4", True),
        ("a.webm", "libopus", 48000, ".webm", True),
        ("a.mov", "pcm_s16le", 44100, ".mp4", False),
        ("a.mpg", "mp2", 44100, ".mp4", False),
        ("a.mkv", "flac", 96000, ".mp4", False),
        ("a.mp4", "aac", 44100, ".webm", False),
    ],
)
def test_sound_is_kept(tmp_path: Path, source: str, codec: str, rate: int, suffix: str, kept: bool) -> None:
    video = {".webm": "libvpx-vp9", ".avi": "mpeg4", ".mpg": "mpeg2video"}.get(source[1:], "libx264")
    driver = write_clip(tmp_path / source, frames=50, codec=video, sound=codec, sound_rate=rate)
    film = write_film(tmp_path / f"film{suffix}", frames=50, sound=Sound(driver))
    names = {"libmp3lame": "mp3", "libopus": "opus"}
    expected = names.get(codec, codec) if kept else {".mp4": "aac", ".webm": "opus"}[suffix]
    assert probe(film).sound == expected
    assert numbers(list(read_frames(film))) == list(range(50))
    if kept:
        before = [(time, packet) for time, packet in sound_packets(driver) if time < 2]
        after = sound_packets(film)
        assert [packet for _, packet in after] == [packet for _, packet in before], "bit for bit, none lost"
        assert np.abs(np.array([float(a[0] - b[0]) for a, b in zip(after, before, strict=True)])).max() < 0.002
    was, was_rate = heard(driver)
    now, now_rate = heard(film)
    assert len(now) / now_rate == pytest.approx(2.0, abs=0.06)
    expected_samples = was if was_rate == now_rate else tone(2.0, now_rate)[0]
    assert abs(delay(expected_samples, now, now_rate)) < 0.002
    # Louder towards the end, as the tone is: nothing is repeated or silent.
    quarters = [np.abs(part).mean() for part in np.array_split(now, 4)]
    assert quarters == sorted(quarters)
    assert np.abs(now).mean() == pytest.approx(np.abs(was).mean(), rel=0.1)


@pytest.mark.parametrize(
    ("source", "codec", "suffix"),
    [
        ("a.webm", "libopus", ".webm"),
        ("a.mkv", "libopus", ".webm"),
        ("a.mkv", "libopus", ".mp4"),
        ("a.webm", "vorbis", ".webm"),
        ("s.ogg", "libopus", ".webm"),
        ("s.ogg", "libopus", ".mp4"),
        ("s.ogg", "vorbis", ".webm"),
        ("s.webm", "vorbis", ".webm"),
    ],
)
def test_the_first_packets_of_a_sound_are_kept(tmp_path: Path, source: str, codec: str, suffix: str) -> None:
    """Those that a codec needs to begin with lie before time 0, and the picture may begin a little after it."""
    if source.startswith("s"):
        driver = write_sound(tmp_path / source, codec, seconds=2.0)
    else:
        video = "libvpx-vp9" if source.endswith("webm") else "libx264"
        times = [0.014 + index / 25 for index in range(50)]
        driver = write_clip(tmp_path / source, frames=50, codec=video, times=times, sound=codec)
    film = write_film(tmp_path / f"film{suffix}", frames=60, sound=Sound(driver))
    before, after = sound_packets(driver), sound_packets(film)
    assert before[0][0] < 0
    assert [packet for _, packet in after] == [packet for _, packet in before]
    assert np.abs(np.array([float(a[0] - b[0]) for a, b in zip(after, before, strict=True)])).max() < 0.002
    assert numbers(list(read_frames(film))) == list(range(60))
    samples, rate = heard(film)
    assert abs(delay(heard(driver)[0], samples, rate)) < 0.002


@pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
@pytest.mark.parametrize(
    ("start", "end", "frames"), [(0.5, None, 38), (0.5, 1.0, 38), (0.0, None, 10), (0.0, None, 90)]
)
def test_sound_is_cut_where_asked_and_at_the_films_end(
    tmp_path: Path, codec: str, start: float, end: float | None, frames: int
) -> None:
    driver = write_clip(tmp_path / "a.mov", frames=50, sound=codec, sound_rate=48000)
    film = write_film(tmp_path / "film.mp4", frames=frames, sound=Sound(driver, start, end))
    expected = min((2.0 if end is None else end) - start, frames / 25)
    samples, rate = heard(film)
    assert len(samples) / rate == pytest.approx(expected, abs=1024 / rate + 0.002)
    whole = tone(2.0, rate)[0][round(start * rate) :]
    assert abs(delay(whole[: len(samples)], samples, rate)) < 0.002, "in step with the picture"
    assert numbers(list(read_frames(film))) == list(range(frames))
    with av.open(str(film)) as container:
        assert container.start_time == 0


def test_cut_packets_are_the_sources_own(tmp_path: Path) -> None:
    driver = write_clip(tmp_path / "a.mp4", frames=50, sound="aac")
    film = write_film(tmp_path / "film.mp4", frames=20, sound=Sound(driver, 0.5, 1.0))
    source = [packet for _, packet in sound_packets(driver)]
    kept = [packet for time, packet in sound_packets(film)]
    first = source.index(kept[0])
    assert kept == source[first : first + len(kept)]
    inside = [packet for time, packet in sound_packets(driver) if 0.5 <= time < 1.0]
    assert kept[-len(inside) :] == inside


def test_sound_of_a_transport_stream_is_kept(tmp_path: Path) -> None:
    """There every AAC packet has a header of 7 bytes that mp4 has no place for, and time does not begin at 0."""
    driver = write_clip(tmp_path / "a.ts", frames=50, sound="aac")
    film = write_film(tmp_path / "film.mp4", frames=50, sound=Sound(driver))
    assert [packet for _, packet in sound_packets(film)] == [
        packet[7:] for time, packet in sound_packets(driver) if time < 2
    ]
    samples, rate = heard(film)
    assert abs(delay(heard(driver)[0], samples, rate)) < 0.002


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp3", "mp3"), ("a.wav", "pcm_s16le"), ("a.m4a", "aac"), ("a.ogg", "libopus")]
)
def test_a_sound_file_will_do(tmp_path: Path, name: str, codec: str) -> None:
    sound = write_sound(tmp_path / name, codec, seconds=2.0)
    film = write_film(tmp_path / "film.mp4", frames=50, sound=Sound(sound))
    samples, rate = heard(film)
    assert len(samples) / rate == pytest.approx(2.0, abs=0.06)
    assert abs(delay(heard(sound)[0], samples, rate)) < 0.002


def test_late_sound_stays_late(tmp_path: Path) -> None:
    """A film whose sound begins after its picture, encoded anew: silence first."""
    driver = tmp_path / "late.mkv"
    with av.open(str(driver), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = container.add_stream("flac", rate=48000, layout="stereo")
        for index in range(50):
            frame = av.VideoFrame.from_ndarray(numbered(index))
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        samples = (np.full((1, 2 * 48000), 0.5) * 32767).astype(np.int16)
        sounds = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
        sounds.sample_rate, sounds.pts, sounds.time_base = 48000, 24000, Fraction(1, 48000)
        container.mux(audio.encode(sounds))
        container.mux(audio.encode(None))
    now, rate = heard(write_film(tmp_path / "film.mp4", frames=50, sound=Sound(driver)))
    assert np.argmax(np.abs(now) > 0.2) / rate == pytest.approx(0.5, abs=0.01)
    assert len(now) / rate == pytest.approx(1.5, abs=0.06)


@pytest.mark.parametrize("suffix", [".gif", ""])
def test_sound_is_left_out_where_there_is_no_place_for_it(tmp_path: Path, suffix: str) -> None:
    driver = write_clip(tmp_path / "a.mp4", sound="aac")
    assert numbers(list(read_frames(write_film(tmp_path / f"film{suffix}", sound=Sound(driver))))) == list(range(20))


# What goes wrong


def silent(folder: Path) -> Sound:
    return Sound(write_clip(folder / "silent.mkv"))


def text(folder: Path) -> Sound:
    (folder / "text.mp3").write_text("no sound")
    return Sound(folder / "text.mp3")


def write_black(path: Path, *, width: int, height: int, **options: object) -> None:
    with Film(path, width=width, height=height, **options) as film:
        film.write(np.zeros((height, width, 3), np.uint8))


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        (
            "film.flv",
            {},
            OutputError,
            r"cannot be written as film\.flv; end its name in \.mp4, \.webm, \.gif, or in",
        ),
        ("missing/film.mp4", {}, OutputError, r"There is no folder .*missing for film\.mp4; make it first"),
        ("file.txt/film.mp4", {}, OutputError, r"There is no folder .*file\.txt for film\.mp4"),
        ("folder.mp4", {}, OutputError, "is a folder; name a film in it"),
        ("full", {}, OutputError, "holds other things than PNG frames; name a new one"),
        ("file", {}, OutputError, "is a file, not a folder"),
        ("file/", {}, OutputError, "file is a file, not a folder"),
        ("film.old.mp4/", {}, OutputError, r"film\.old\.mp4 is a file, not a folder"),
        ("film.old.mp4/.", {}, OutputError, r"film\.old\.mp4 is a file, not a folder"),
        ("film.old.mp4/film.mp4", {}, OutputError, r"There is no folder .*film\.old\.mp4 for film\.mp4"),
        ("film.mp4", {"alpha": True}, OutputError, r"\.mp4 holds no transparency; take \.webm, \.gif or a folder"),
        ("film.mp4", {"width": 0}, OptionError, "No film can have 0 x 64 pixels"),
        ("film.mp4", {"fps": 0.0}, OptionError, "at 0 frames a second"),
        ("film.mp4", {"fps": float("nan")}, OptionError, "at nan frames a second"),
        ("film.mp4", {"width": 70_000}, OutputError, "could not be written .*; try another size or format"),
        ("film.mp4", {"sound": silent}, MediaError, r"silent\.mkv has no sound that can be read; name another"),
        ("film.mp4", {"sound": text}, MediaError, r"text\.mp3 cannot be read"),
        ("film.mp4", {"sound": lambda folder: Sound(folder / "none.mp3")}, MediaError, "There is no file .*none.mp3"),
        ("film.mp4", {"sound": lambda folder: Sound(folder / "none.mp3", 2.0, 1.0)}, OptionError, "not run from 2 s"),
    ],
)
def test_what_cannot_be_written_gets_a_sentence(
    tmp_path: Path, name: str, options: dict, error: type[LivingPortraitsError], message: str
) -> None:
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.doc").write_text("three years of work")
    for file in ("file", "file.txt", "film.old.mp4"):
        (tmp_path / file).write_text("")
    options = {key: value(tmp_path) if callable(value) else value for key, value in options.items()}
    before = left_behind(tmp_path)
    with pytest.raises(error, match=message), Film(f"{tmp_path}/{name}", **{**SIZE, "fps": 25.0, **options}) as film:
        film.write(np.zeros((HEIGHT, film._shape[1], 3), np.uint8))
    assert left_behind(tmp_path) == before
    assert (tmp_path / "film.old.mp4").read_bytes() == b""


@pytest.mark.parametrize("error", [FileNotFoundError(errno.ENOENT, "?"), NotADirectoryError(errno.ENOTDIR, "?")])
def test_a_folder_that_takes_no_files_gets_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    """As Linux's /proc does, even for its administrator."""

    def refuse(**_: object) -> str:
        raise error

    monkeypatch.setattr(film_module.tempfile, "mkdtemp", refuse)
    with pytest.raises(OutputError, match=r"takes no such file: film\.mp4 cannot be written there"):
        Film(tmp_path / "film.mp4", **SIZE, fps=25.0)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="this system has no folder that takes no files")
def test_proc_takes_no_film() -> None:
    with pytest.raises(OutputError, match=r"folder /proc .*film\.mp4.*; choose another"):
        Film("/proc/film.mp4", **SIZE, fps=25.0)


@pytest.mark.parametrize("name", ["pipe", "pipe.mp4", "pipe.mp4/"])
def test_a_device_is_not_replaced(tmp_path: Path, name: str) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system's folders hold no pipes")
    os.mkfifo(tmp_path / name.rstrip("/"))
    with pytest.raises(OutputError, match="is a device and cannot be replaced by a film"):
        Film(f"{tmp_path}/{name}", **SIZE, fps=25.0)
    assert (tmp_path / name.rstrip("/")).is_fifo()


def test_a_folder_without_permission_gets_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(film_module.tempfile, "mkdtemp", refuse)
    with pytest.raises(OutputError, match=r"may not be written to; choose another for film\.mp4"):
        Film(tmp_path / "film.mp4", **SIZE, fps=25.0)


def write_noise(path: Path) -> None:
    random = np.random.default_rng(0)
    with Film(path, **SIZE, fps=25.0) as film:
        for _ in range(60):
            film.write(random.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8))


@pytest.mark.parametrize("suffix", [*FORMATS, ""])
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, suffix: str) -> None:
    """A limit on the size of files stops every writer half way, as a full disk does."""
    resource = pytest.importorskip("resource", reason="no limits on the size of files on this system")
    target = write_film(tmp_path / f"film{suffix}", frames=3)
    before = list(read_frames(target))
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (15_000, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"The disk is full at .*, and film.* was not written; free space"):
            write_noise(target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert left_behind(tmp_path) == [target.name]
    assert np.array_equal(list(read_frames(target)), before)


@pytest.mark.parametrize("moment", ["mux", "close", "rename"])
def test_no_space_left_at_any_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    real = av.open

    class FullDisk:
        """A container on a disk without space."""

        def __init__(self, *arguments: object, **options: object) -> None:
            self._container = real(*arguments, **options)

        def __getattr__(self, name: str) -> object:
            if name == moment:
                raise OSError(errno.ENOSPC, "No space left on device")
            return getattr(self._container, name)

    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(film_module.av, "open", FullDisk)
    if moment == "rename":
        monkeypatch.setattr(film_module.os, "replace", no_space)
    with pytest.raises(OutputError, match=r"The disk is full at .*, and film\.mp4 was not written"):
        write_film(tmp_path / "film.mp4")
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("suffix", [*FORMATS, ""])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_exception_leaves_nothing(tmp_path: Path, suffix: str, error: type[BaseException]) -> None:
    def interrupted() -> None:
        with Film(tmp_path / f"film{suffix}", **SIZE, fps=25.0) as film:
            film.write(numbered(0))
            assert len(left_behind(tmp_path)) == 1, "written beside"
            raise error

    with pytest.raises(error):
        interrupted()
    assert left_behind(tmp_path) == []


# A shell lets what it runs in the background ignore Ctrl-C, and so would this program, for ever.
WRITE_FOR_EVER = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
import numpy as np
from living_portraits.video import Film
with Film(sys.argv[1], width=96, height=64, fps=25.0) as film:
    while True:
        film.write(np.zeros((64, 96, 3), np.uint8))
        print(film.frames, flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to a single process")
def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITE_FOR_EVER, str(tmp_path / "film.mp4")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    assert process.returncode != 0
    assert left_behind(tmp_path) == []


def test_a_film_that_is_forgotten_leaves_nothing(tmp_path: Path) -> None:
    film = Film(tmp_path / "film.mp4", **SIZE, fps=25.0)
    film.write(numbered(0))
    del film
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("suffix", [*FORMATS, ""])
def test_the_seal_sees_the_finished_film_before_it_takes_its_place(tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"film{suffix}"
    seen = []

    def seal(finished: Path) -> None:
        assert not target.exists()
        seen.extend(numbers(list(read_frames(finished))))

    write_film(target, seal=seal)
    assert seen == list(range(20))
    assert left_behind(tmp_path) == [target.name]


def test_a_seal_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    def seal(finished: Path) -> None:
        raise OptionError("The key does not fit.")

    with pytest.raises(OptionError, match="does not fit"):
        write_film(tmp_path / "film.mp4", seal=seal)
    assert left_behind(tmp_path) == []


def test_no_frames_no_film(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="Not one frame was written"):
        write_film(tmp_path / "film.mp4", frames=0)
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("suffix", [*FORMATS, ""])
def test_an_earlier_film_is_replaced(tmp_path: Path, suffix: str) -> None:
    write_film(tmp_path / f"film{suffix}", frames=12)
    film = write_film(tmp_path / f"film{suffix}", frames=3)
    assert len(list(read_frames(film))) == 3
    assert left_behind(tmp_path) == [film.name]


def test_a_film_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    film = write_film(tmp_path / "film.mp4", frames=1)
    assert film.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_misuse_is_told(tmp_path: Path) -> None:
    with Film(tmp_path / "film.mp4", **SIZE, fps=25.0) as film:
        with pytest.raises(ValueError, match=r"shape \(64, 96, 4\)"):
            film.write(np.zeros((64, 96, 4), np.uint8))
        film.write(numbered(0))
        film.close()
        film.close()
        with pytest.raises(ValueError, match="is closed"):
            film.write(numbered(0))
    assert left_behind(tmp_path) == ["film.mp4"]
