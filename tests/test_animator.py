"""The whole path with a toy tracker and a toy engine: what comes in must come out, exactly and in its place."""

import base64
import dataclasses
import hashlib
import json
import threading
import time
import warnings
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import heard, numbered, numbers, sound_packets, write_clip, write_sound
from drawn import driver, picture
from PIL import Image
from toys import SIZE, Mirror, Toy, found, track_toys

import living_portraits as lp
from living_portraits import provenance, video
from living_portraits.align import Crop, head_roll
from living_portraits.animator import Animator, Progress
from living_portraits.driver import Driver, DriverCrops, tell_if_restless
from living_portraits.errors import FaceError, OptionError, OutputError
from living_portraits.face import FaceTrack
from living_portraits.film_options import Options
from living_portraits.geometry import LIPS_INNER_LOWER, LIPS_INNER_UPPER
from living_portraits.manifest import read_manifest
from living_portraits.notices import Notice
from living_portraits.portrait import Portrait

WIDTH, HEIGHT = 121, 151


@pytest.fixture
def painting(tmp_path):
    path = tmp_path / "Gemälde no 1.png"
    Image.fromarray(picture(HEIGHT, WIDTH)).save(path)
    return path


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "clip.mp4", frames=8, fps=Fraction(20), sound="aac")


@pytest.fixture
def followed(monkeypatch):
    return track_toys(monkeypatch, found())


@pytest.fixture
def toy(followed):
    return Animator(Toy())


def frames_of(folder) -> list[np.ndarray]:
    return [np.asarray(Image.open(path)) for path in sorted(folder.glob("*.png"))]


def test_the_film_has_the_sources_size_and_the_drivers_frames_rate_and_sound(toy, painting, clip, tmp_path):
    result = toy.animate(painting, clip, tmp_path / "film.mp4")
    with av.open(str(result.path)) as film:
        stream = film.streams.video[0]
        assert (stream.width, stream.height) == (WIDTH + 1, HEIGHT + 1)
        assert (stream.codec_context.name, stream.pix_fmt, stream.average_rate) == ("h264", "yuv420p", 20)
        assert len(list(film.decode(stream))) == 8
    assert [data for _, data in sound_packets(result.path)] == [data for _, data in sound_packets(clip)]
    assert (result.frames, result.fps, result.width, result.height) == (8, 20, WIDTH, HEIGHT)
    assert result.seconds > 0 and result.speed == pytest.approx(8 / result.seconds)


def test_outside_the_face_the_painting_is_untouched_byte_for_byte(toy, painting, clip, tmp_path):
    toy.animate(painting, clip, tmp_path / "frames", mark=False)
    frames = frames_of(tmp_path / "frames")
    original = picture(HEIGHT, WIDTH)
    np.testing.assert_array_equal(frames[0], original)  # the neutral frame
    moved = np.stack([(frame != original).any(axis=2) for frame in frames[1:]])
    assert moved.any(axis=(1, 2)).all()
    rows, columns = np.nonzero(moved.any(axis=0))
    side = 2.3 * np.linalg.norm(found().points[10] - found().points[152])
    assert np.ptp(rows) <= side + 2 and np.ptp(columns) <= side + 2
    assert rows.max() < HEIGHT - 1


def test_the_face_shows_what_the_engine_made(toy, painting, clip, tmp_path):
    toy.animate(painting, clip, tmp_path / "frames")
    levels = [int(frame[70, 60, 0]) for frame in frames_of(tmp_path / "frames")]
    assert levels[1:] == [10, 20, 30, 40, 50, 60, 70]


def test_the_credential_tells_where_it_ran_and_which_persons_file_it_took(toy, painting, clip, tmp_path, monkeypatch):
    monkeypatch.setitem(lp.engines.ENGINES, "pupil", "toys:Pupil")
    person = tmp_path / "ada.pupil"
    person.write_bytes(b"what was learned")
    lp.load("pupil", identity=str(person)).animate(painting, clip, tmp_path / "film.mp4")
    settings = provenance.verify(tmp_path / "film.mp4").claim["settings"]
    assert settings["runtime"] == "auto"
    assert settings["identity"] == hashlib.sha256(b"what was learned").hexdigest()
    assert "ada" not in json.dumps(settings)


def test_the_credential_tells_the_truth(toy, painting, clip, tmp_path):
    result = toy.animate(painting, clip, tmp_path / "film.mp4", consent="I agree", strength=0.5)
    report = provenance.verify(result.path)
    assert report.made_here and report.intact
    assert report.credential["title"] == "film.mp4"
    claim = report.claim
    assert (claim["engine"], claim["consent"], claim["mark_shown"]) == ("toy", "I agree", True)
    assert claim["source_type"] == "compositeSynthetic"
    assert claim["settings"]["strength"] == 0.5 and claim["settings"]["size"] == SIZE
    assert [(i["role"], i["title"]) for i in claim["ingredients"]] == [
        ("source", painting.name),
        ("driver", "clip.mp4"),
    ]


def test_the_mark_is_on_unless_turned_off_which_is_recorded(toy, painting, clip, tmp_path):
    films = {}
    for mark in (True, False):
        toy.animate(painting, clip, tmp_path / f"{mark}", mark=mark)
        assert provenance.verify(tmp_path / f"{mark}").claim["mark_shown"] is mark
        films[mark] = frames_of(tmp_path / f"{mark}")
    for marked, plain in zip(films[True], films[False], strict=True):
        np.testing.assert_array_equal(marked, provenance.mark(plain))
        assert (marked != plain).any()


def test_an_engine_with_weights_counts_as_trained(followed, painting, clip, tmp_path):
    result = Animator(Mirror()).animate(painting, clip, tmp_path / "film.mp4")
    assert provenance.verify(result.path).claim["source_type"] == "trainedAlgorithmicMedia"


EXPRESSIVE = pytest.mark.filterwarnings("ignore:The driver's .* in the middle of an expression:UserWarning")


@EXPRESSIVE
@pytest.mark.parametrize(
    ("options", "frames", "fps"),
    [
        ({}, 8, 20),
        ({"start": 0.1}, 6, 20),
        ({"end": 0.2}, 4, 20),
        ({"start": 0.1, "end": 0.3}, 4, 20),
        ({"fps": 10}, 4, 10),
    ],
)
def test_part_of_the_driver(toy, painting, clip, tmp_path, options, frames, fps):
    result = toy.animate(painting, clip, tmp_path / "film.mp4", **options)
    assert (result.frames, result.fps) == (frames, fps)
    again = toy.animate(painting, motion_of(toy, painting, clip, tmp_path), tmp_path / "again.mp4", **options)
    assert (again.frames, again.fps) == (frames, fps)


def motion_of(toy, painting, clip, tmp_path):
    toy.animate(painting, clip, tmp_path / "whole.mp4", save_motion=tmp_path / "clip.motion")
    return tmp_path / "clip.motion"


@pytest.mark.parametrize(
    ("options", "drive"),
    [
        ({}, {"relative": True, "strength": 1.0, "neutral": 0, "seed": 0}),
        ({"relative": False, "strength": "1.5", "seed": 3}, {"relative": False, "strength": 1.5, "seed": 3}),
        ({"neutral_frame": 2}, {"neutral": 2}),
        ({"neutral_frame": "auto"}, {"neutral": 4}),
    ],
)
def test_the_engine_hears_how_to_take_the_motion(toy, painting, clip, tmp_path, options, drive):
    toy.animate(painting, clip, tmp_path / "film.mp4", **options)
    for name, value in drive.items():
        assert getattr(toy.engine.drives[0], name) == value


def smiling(*much: float, parted: float = 0.0) -> FaceTrack:
    """Someone who smiles as much, the lips closed or `parted` px."""
    clip = driver(96, frames=len(much))
    blendshapes = np.zeros_like(clip.blendshapes)
    blendshapes[:, [44, 45]] = np.array(much)[:, None]  # mouth smile
    points = np.tile(clip.points[:1], (len(much), 1, 1))
    points[:, list(LIPS_INNER_LOWER), 1] = points[:, list(LIPS_INNER_UPPER), 1] + parted
    return FaceTrack(points, blendshapes, np.tile(np.eye(4, dtype=np.float32), (len(much), 1, 1)), 25.0)


@pytest.mark.parametrize(
    ("much", "options", "told"),
    [
        ((1.0, 0.6, 0.0), {}, "first frame, in the middle of an expression, counts as none"),
        ((1.0, 0.6, 0.0), {"neutral_frame": "auto"}, None),
        ((1.0, 0.6, 0.0), {"neutral_frame": 1}, None),
        ((1.0, 0.9, 1.0), {"start": 2.0}, "part begins in the middle of an expression"),
        ((1.0, 0.9, 1.0), {}, None),  # there is no better frame to be had
        ((0.1, 1.0, 0.0), {"start": 2.0}, None),
    ],
)
def test_an_expression_that_would_be_lost_is_told(much, options, told):
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        tell_if_restless(smiling(*much), Options.of(options))
    assert [str(one.message) for one in heard if told and told in str(one.message)] == [
        str(one.message) for one in heard
    ]
    assert len(heard) == (told is not None)


def test_a_laugh_that_has_begun_is_not_lost() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tell_if_restless(smiling(1.0, 0.6, 0.0, parted=2.0), Options.of({}))


def test_sound_can_be_another_or_none(toy, painting, clip, tmp_path):
    other = write_sound(tmp_path / "other.m4a", "aac", seconds=0.4, rate=44100)
    toy.animate(painting, clip, tmp_path / "other.mp4", sound=other)
    assert [data for _, data in sound_packets(tmp_path / "other.mp4")] == [data for _, data in sound_packets(other)]
    toy.animate(painting, clip, tmp_path / "none.mp4", sound="none")
    assert video.probe(tmp_path / "none.mp4").sound is None


def test_the_sound_starts_with_the_frames(toy, painting, tmp_path):
    """The tone of the clip grows louder with time."""
    clip = write_clip(tmp_path / "long.mp4", frames=40, fps=Fraction(20), sound="aac")
    toy.animate(painting, clip, tmp_path / "film.mp4", start=1.0)
    whole, rate = heard(clip)
    part, _ = heard(tmp_path / "film.mp4")
    for begin in (0.1, 0.5):
        first, length = round(begin * rate), rate // 10
        expected = np.abs(whole[first + rate : first + rate + length]).mean()
        assert np.abs(part[first : first + length]).mean() == pytest.approx(expected, rel=0.05)


def test_a_driver_without_sound_gives_a_silent_film(toy, painting, tmp_path):
    silent = write_clip(tmp_path / "silent.mp4", frames=3)
    assert video.probe(toy.animate(painting, silent, tmp_path / "film.mp4").path).sound is None


@pytest.fixture
def group(monkeypatch, tmp_path):
    """A picture of two people, the larger on the left; their crops overlap."""
    track_toys(monkeypatch, found((60.0, 70.0), zoom=2.0), found((130.0, 70.0), zoom=1.5))
    Image.fromarray(picture(HEIGHT, 200)).save(tmp_path / "group.png")
    return tmp_path / "group.png"


def moved_people(folder) -> tuple[bool, bool]:
    frame = frames_of(folder)[3]
    return tuple(bool((frame[70, column] == 30).all()) for column in (60, 130))


@pytest.mark.parametrize(
    ("options", "moved"), [({"face": 1}, (False, True)), ({"all_faces": True}, (True, True))], ids=["second", "all"]
)
def test_which_of_several_faces_moves(group, clip, tmp_path, options, moved):
    Animator(Toy()).animate(group, clip, tmp_path / "frames", **options)
    assert moved_people(tmp_path / "frames") == moved


def test_of_several_faces_the_largest_moves_and_the_user_is_told(group, clip, tmp_path):
    with pytest.warns(
        Notice,
        match=r"There are 2 faces in .*group.png and the largest moves; the option face takes another \(1\), all",
    ):
        Animator(Toy()).animate(group, clip, tmp_path / "frames")
    assert moved_people(tmp_path / "frames") == (True, False)


def test_each_face_takes_its_own_tilt_out_of_the_drivers_very_pose(clip, tmp_path, monkeypatch):
    """Else all but the first would be tilted by as much as the first is tilted against them."""
    track_toys(monkeypatch, found((60.0, 70.0), roll=0.2), found((130.0, 70.0), zoom=1.5, roll=-0.1))
    Image.fromarray(picture(HEIGHT, 200)).save(tmp_path / "group.png")
    for options, tilts in (({"relative": False}, [0.0, 0.3]), ({}, [0.0])):
        animator = Animator(Toy())
        animator.animate(tmp_path / "group.png", clip, tmp_path / "frames", all_faces=True, **options)
        rolls = np.array([head_roll(track.points[4]) for track in animator.engine.tracks])
        assert rolls - rolls[0] == pytest.approx(tilts, abs=1e-3)


@pytest.mark.parametrize("name", ["take.2/", "shots.mp4/"])
def test_a_slash_at_the_end_means_a_folder(toy, painting, clip, tmp_path, name):
    if name == "shots.mp4/":
        with pytest.raises(OutputError):
            toy.animate(painting, clip, f"{tmp_path}/{name}")
        assert not (tmp_path / "shots.mp4").exists()
        return
    toy.animate(painting, clip, f"{tmp_path}/{name}")
    assert len(frames_of(tmp_path / "take.2")) == 8


class Faints(Toy):
    """The second person's film breaks off."""

    def generate(self, identity, motion):
        self.made += 1
        whole = super().generate(identity, motion)
        if self.made == 1:
            yield from whole
        raise FaceError("somebody fainted")


def test_where_one_of_several_faces_fails_no_thread_goes_on_with_the_others(group, clip, tmp_path):
    before = threading.active_count()
    with pytest.raises(FaceError, match="somebody fainted") as caught:
        Animator(Faints()).animate(group, clip, tmp_path / "film.mp4", all_faces=True)
    assert caught.tb is not None  # which keeps every frame of the stack alive
    assert threading.active_count() == before


def test_crop_only(toy, painting, clip, tmp_path):
    result = toy.animate(painting, clip, tmp_path / "frames", crop_only=True, mark=False)
    frames = frames_of(tmp_path / "frames")
    assert (result.width, result.height) == (SIZE, SIZE) == frames[0].shape[:2]
    assert (frames[3] == 30).all()


def test_a_film_of_the_head_alone_ends_where_the_picture_does(toy, clip, tmp_path, monkeypatch):
    """Beyond its edges there would be nothing but blur."""
    track_toys(monkeypatch, found())
    chin = int(found().points[:, 1].max()) + 4
    whole = picture(HEIGHT, WIDTH)
    for name, rows in (("whole", HEIGHT), ("chin", chin)):
        Image.fromarray(whole[:rows]).save(tmp_path / f"{name}.png")
    made = {
        name: toy.animate(tmp_path / f"{name}.png", clip, tmp_path / name, crop_only=True, mark=False)
        for name in ("whole", "chin")
    }
    crop = Crop.around(found().points, size=SIZE)
    face = crop.to_crop(found().points)
    assert made["whole"].height == SIZE and made["chin"].width == SIZE
    assert face[:, 1].max() < made["chin"].height < face[:, 1].max() + 0.15 * SIZE
    beside = toy.animate(tmp_path / "chin.png", clip, tmp_path / "both", crop_only=True, side_by_side=True, mark=False)
    assert beside.height == made["chin"].height


def test_no_side_of_a_film_is_longer_than_asked_for(toy, painting, clip, tmp_path):
    with pytest.warns(Notice, match=f"{WIDTH} x {HEIGHT} px and is moved at 64 x 80"):
        small = toy.animate(painting, clip, tmp_path / "small", largest=80, mark=False)
    assert (small.width, small.height) == (64, 80)
    frames = frames_of(tmp_path / "small")
    assert frames[3].shape == (80, 64, 3)
    toy.animate(painting, clip, tmp_path / "whole", mark=False)
    whole = frames_of(tmp_path / "whole")[3]
    shrunk = np.asarray(Image.fromarray(whole).resize((64, 80), Image.Resampling.BOX))
    assert np.abs(frames[3].astype(int) - shrunk)[:20].mean() < 4  # above the face


@pytest.mark.parametrize("more", [{"side_by_side": True}, {"crop_only": True, "side_by_side": True}], ids=str)
def test_a_film_with_more_beside_it_is_held_to_that_as_well(toy, painting, clip, tmp_path, more):
    result = toy.animate(painting, clip, tmp_path / "frames", largest=HEIGHT, mark=False, **more)
    assert 0.9 * HEIGHT < result.width <= HEIGHT
    assert frames_of(tmp_path / "frames")[0].shape == (result.height, result.width, 3)


def test_the_head_alone_is_as_fine_as_the_picture(toy, painting, clip, tmp_path):
    for name, largest in (("held", SIZE), ("free", 2560)):
        toy.animate(painting, clip, tmp_path / name, largest=largest, crop_only=True, mark=False)
    np.testing.assert_array_equal(frames_of(tmp_path / "held")[3], frames_of(tmp_path / "free")[3])


@pytest.mark.parametrize("alpha", [False, True])
def test_the_head_alone_is_no_larger_than_asked_for(followed, painting, clip, tmp_path, alpha):
    if alpha:
        with Image.open(painting) as opaque:
            opaque.putalpha(Image.fromarray(np.tile(np.arange(WIDTH, dtype=np.uint8) % 200, (HEIGHT, 1))))
            opaque.save(painting)
    larger = Animator(Toy(size=2 * SIZE))
    result = larger.animate(painting, clip, tmp_path / "frames", largest=SIZE, crop_only=True, alpha=alpha, mark=False)
    assert max(result.width, result.height) == SIZE
    assert frames_of(tmp_path / "frames")[3].shape[:2] == (result.height, result.width)


def test_a_smaller_portrait_keeps_its_transparency_and_its_face():
    rgb = np.full((120, 90, 3), (200, 40, 30), np.uint8)
    rgb[:, :45] = 0  # of no concern, as nothing of it is seen
    alpha = np.full((120, 90), 255, np.uint8)
    alpha[:, :45] = 0
    face = found()
    small = Portrait(Path("cutout.png"), video.Picture(rgb, alpha), [face]).within(40)
    assert small.picture.rgb.shape == (40, 30, 3)
    seen = small.picture.alpha > 20
    np.testing.assert_allclose(
        small.picture.rgb[seen], np.broadcast_to((200, 40, 30), small.picture.rgb[seen].shape), atol=6
    )
    np.testing.assert_allclose(small.faces[0].points, face.points / 3, rtol=1e-5)


@pytest.mark.parametrize("saved", [False, True], ids=["clip", "motion file"])
def test_side_by_side(toy, painting, clip, tmp_path, saved):
    driver = motion_of(toy, painting, clip, tmp_path) if saved else clip
    result = toy.animate(painting, driver, tmp_path / "frames", side_by_side=True, mark=False)
    frame = frames_of(tmp_path / "frames")[3]
    assert frame.shape == (result.height, result.width, 3)
    np.testing.assert_array_equal(frame[:, :WIDTH], picture(HEIGHT, WIDTH))
    assert (frame[70, -WIDTH + 60] == 30).all()
    middle = frame[:, WIDTH:-WIDTH]
    if not saved:
        assert numbers([middle]) == [3]
    assert middle.std() > 5


def test_a_saved_motion_has_no_pictures_for_an_engine_that_looks_at_them(toy, painting, clip, tmp_path):
    motion = motion_of(toy, painting, clip, tmp_path)
    toy.engine.spec = dataclasses.replace(toy.engine.spec, reads_driver_pixels=True)
    assert toy.animate(painting, motion, tmp_path / "again.mp4").frames == 8
    assert len(toy.engine.tracks[-1].crops) == 0


@EXPRESSIVE
def test_a_saved_motion_is_never_tracked_again(toy, followed, painting, clip, tmp_path):
    motion = motion_of(toy, painting, clip, tmp_path)
    assert followed == [8]
    result = toy.animate(painting, motion, tmp_path / "again.mp4")
    assert followed == [8]
    assert result.frames == 8
    first, second = toy.engine.tracks
    np.testing.assert_allclose(second.points, first.points, atol=0.5)
    assert len(second.crops) == 0
    toy.animate(painting, motion, tmp_path / "part.mp4", start=0.1, end=0.3, fps=40)
    part = toy.engine.tracks[2]
    whole = Driver(motion, Options()).follow().points
    crop = lp.Crop.around(whole[2], size=SIZE)
    np.testing.assert_allclose(part.points[::2], crop.to_crop(whole[2:6]), atol=1e-3)
    np.testing.assert_allclose(part.points[1], (part.points[0] + part.points[2]) / 2, atol=1e-3)


def test_a_film_can_be_made_again_from_its_manifest(toy, painting, clip, tmp_path):
    toy.animate(painting, clip, tmp_path / "film", manifest=tmp_path / "film.json", neutral_frame=2, fps=10)
    film = read_manifest(tmp_path / "film.json")
    assert (film.engine, film.size, film.out) == ("toy", SIZE, tmp_path / "film")
    assert "manifest" not in film.options
    toy.animate(film.source, film.driver, tmp_path / "again", **film.options)
    for first, second in zip(frames_of(tmp_path / "film"), frames_of(tmp_path / "again"), strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_manifest_moves_with_its_files(toy, painting, clip, tmp_path):
    (tmp_path / "here").mkdir()
    for path in (painting, clip):
        path.rename(tmp_path / "here" / path.name)
    here = tmp_path / "here"
    toy.animate(
        here / painting.name, here / "clip.mp4", here / "film.mp4", manifest=here / "film.json", sound=here / "clip.mp4"
    )
    (tmp_path / "here").rename(tmp_path / "there")
    film = read_manifest(tmp_path / "there" / "film.json")
    toy.animate(film.source, film.driver, film.out, **film.options)
    assert str(tmp_path) not in json.dumps(json.loads((tmp_path / "there" / "film.json").read_text()))


def cutout(path, alpha: np.ndarray):
    Image.fromarray(np.dstack([picture(HEIGHT, WIDTH), alpha])).save(path)
    return path


def test_transparency_is_kept(toy, clip, tmp_path):
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    alpha[20:130, 10:110], alpha[20:130, 40:50] = 255, 128
    source = cutout(tmp_path / "cutout.png", alpha)
    toy.animate(source, clip, tmp_path / "frames", alpha=True, mark=False)
    still, moved = (frames_of(tmp_path / "frames")[number] for number in (0, 3))
    np.testing.assert_array_equal(still[:, :, 3], alpha)
    solid = alpha == 255
    np.testing.assert_array_equal(still[solid][:, :3], picture(HEIGHT, WIDTH)[solid])
    assert (moved[70, 60] == (30, 30, 30, 255)).all()  # the toy's paint hides what is behind it
    np.testing.assert_array_equal(moved[:5, :, 3], alpha[:5])
    with pytest.warns(provenance.NoCredential, match="film.webm carries plain metadata only"):
        toy.animate(source, clip, tmp_path / "film.webm", alpha=True)
    assert video.probe(tmp_path / "film.webm").frames == 8


def test_transparent_parts_are_white_where_they_are_not_kept(toy, clip, tmp_path):
    source = cutout(tmp_path / "cutout.png", np.full((HEIGHT, WIDTH), 0, np.uint8))
    with pytest.warns(Notice, match=r"transparent parts of .*cutout.png are shown white"):
        toy.animate(source, clip, tmp_path / "frames", mark=False)
    assert (frames_of(tmp_path / "frames")[0] == 255).all()


def test_a_film_can_be_the_source(monkeypatch, painting, clip, tmp_path):
    calls = []

    def find(shown, *, backend="mediapipe"):
        calls.append(shown)
        return [found((40.0, 30.0), zoom=1.2)] if len(calls) == 3 else []

    track_toys(monkeypatch)
    monkeypatch.setattr(lp.face, "find", find)
    source = write_clip(tmp_path / "source.mp4", frames=20, fps=10)
    with pytest.warns(Notice, match=r"source.mp4 is a film; its first frame with a face is taken"):
        Animator(Toy()).animate(source, clip, tmp_path / "frames", mark=False)
    assert numbers([frames_of(tmp_path / "frames")[0]]) == [4]  # five a second are looked at


def test_a_picture_that_moves_and_that_no_film_reader_knows_can_be_the_source(toy, clip, tmp_path):
    first, second = (Image.fromarray(numbered(number)) for number in (3, 4))
    first.save(tmp_path / "moves.webp", save_all=True, append_images=[second], lossless=True)
    assert not video.is_still(tmp_path / "moves.webp")
    with pytest.warns(Notice, match=r"moves.webp is a film; its first frame with a face is taken"):
        toy.animate(tmp_path / "moves.webp", clip, tmp_path / "frames", mark=False)
    assert numbers([frames_of(tmp_path / "frames")[0]]) == [3]


def test_progress_counts_every_frame_of_both_stages(toy, painting, clip, tmp_path):
    seen: list[Progress] = []
    toy.animate(painting, clip, tmp_path / "film.mp4", progress=seen.append)
    assert [(step.stage, step.done) for step in seen] == [
        *(("track", number) for number in range(1, 9)),
        *(("generate", number) for number in range(1, 9)),
    ]
    assert {step.total for step in seen} == {8}
    assert seen[7].frame is None and seen[8].frame.shape == (HEIGHT, WIDTH, 3)


def test_frames_stream_from_the_engine_to_the_film(toy, painting, tmp_path):
    clip = write_clip(tmp_path / "long.mp4", frames=30)
    ahead = []
    toy.animate(painting, clip, tmp_path / "film.mp4", progress=lambda step: ahead.append(toy.engine.made - step.done))
    assert max(ahead[30:]) <= 5  # as far as the engine's thread may run ahead, however long the film


def test_the_identity_is_worked_out_while_the_driver_is_followed(followed, painting, clip, tmp_path):
    begun, tracked = threading.Event(), threading.Event()

    class Slow(Toy):
        def encode_identity(self, source):
            begun.set()
            assert tracked.wait(20), "the driver waits for the identity"
            return super().encode_identity(source)

    def hear(step: Progress) -> None:
        assert begun.wait(20), "the identity waits for the driver"
        if step.stage == "track" and step.done == step.total:
            tracked.set()

    assert Animator(Slow()).animate(painting, clip, tmp_path / "film.mp4", progress=hear).frames == 8


def test_an_engine_that_cannot_take_the_source_says_so(followed, painting, clip, tmp_path):
    class Picky(Toy):
        def encode_identity(self, source):
            raise FaceError("This face is not for me.")

    seen = []

    def hear(step: Progress) -> None:
        seen.append(step.stage)
        time.sleep(0.1)

    with pytest.raises(FaceError, match="not for me"):
        Animator(Picky()).animate(painting, clip, tmp_path / "film.mp4", progress=hear)
    assert not (tmp_path / "film.mp4").exists()
    assert len(seen) < 8, "it waits for the driver's end"


@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("stage", ["track", "generate"])
@pytest.mark.parametrize("out", ["film.mp4", "film.gif", "film"])
def test_stopping_leaves_nothing_behind(toy, painting, clip, tmp_path, stop, stage, out):
    folder = tmp_path / "out"
    folder.mkdir()

    def give_up(step: Progress) -> None:
        if step.stage == stage and step.done == 4:
            raise stop

    with pytest.raises(stop):
        toy.animate(
            painting,
            clip,
            folder / out,
            progress=give_up,
            manifest=folder / "film.json",
            save_motion=folder / "a.motion",
        )
    assert list(folder.iterdir()) == []


def test_a_film_that_cannot_be_signed_does_not_appear(monkeypatch, toy, painting, clip, tmp_path):
    def refuse(path, claim, **rest):
        assert path.stat().st_size > 0 and path != tmp_path / "film.mp4"
        raise OutputError("The seal is broken.")

    (tmp_path / "film.mp4").write_text("the film before")
    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr(provenance, "sign", refuse)
    with pytest.raises(OutputError, match="seal is broken"):
        toy.animate(painting, clip, tmp_path / "film.mp4")
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "film.mp4").read_text() == "the film before"


def test_an_engine_that_looks_at_the_driver_gets_its_crops_in_order(followed, painting, tmp_path):
    pictures = [np.full((64, 96, 3), 20 * number, np.uint8) for number in range(6)]
    clip = write_clip(tmp_path / "clip.mp4", pictures=pictures)
    Animator(Mirror()).animate(painting, clip, tmp_path / "frames", crop_only=True, mark=False)
    levels = [frame.mean() for frame in frames_of(tmp_path / "frames")]
    np.testing.assert_allclose(levels, [0, 20, 40, 60, 80, 100], atol=3)


def test_driver_crops_are_a_sequence(followed, clip):
    crop = lp.Crop(np.eye(2, 3), 64)
    crops = DriverCrops(Driver(clip, Options()), crop, 8)
    assert len(crops) == len(list(crops)) == 8
    np.testing.assert_array_equal(crops[3], list(crops)[3])
    np.testing.assert_array_equal(crops[-1], list(crops)[7])
    assert len(crops[2:5]) == 3
    np.testing.assert_array_equal(crops[2:5][0], crops[2])
    np.testing.assert_array_equal(crops[5:1:-2], [crops[5], crops[3]])


def test_only_the_crops_that_are_asked_for_are_cut_out(monkeypatch, followed, clip):
    taken = []
    monkeypatch.setattr(lp.Crop, "take", lambda self, frame: taken.append(1) or frame)
    crops = DriverCrops(Driver(clip, Options()), lp.Crop(np.eye(2, 3), 64), 8)
    assert numbers([crops[6]]) == [6] and len(taken) == 1
    assert numbers(crops[2:5]) == [2, 3, 4] and len(taken) == 4


def test_crops_are_cut_out_a_few_ahead_and_no_more(monkeypatch, followed, tmp_path):
    taken = []
    monkeypatch.setattr(lp.Crop, "take", lambda self, frame: taken.append(1) or frame)
    clip = write_clip(tmp_path / "long.mp4", frames=30)
    crops = DriverCrops(Driver(clip, Options()), lp.Crop(np.eye(2, 3), 64), 30)
    before = [len(taken) - done for done, _ in enumerate(crops)]
    assert len(before) == 30 and max(before) <= 5


def test_absolute_motion_keeps_the_drivers_tilt_in_the_picture(monkeypatch, painting, clip, tmp_path):
    track_toys(monkeypatch, found(roll=0.3))
    toy = Animator(Toy())
    toy.animate(painting, clip, tmp_path / "a.mp4")
    toy.animate(painting, clip, tmp_path / "b.mp4", relative=False)
    relative, absolute = (lp.align.head_roll(track.points[0]) for track in toy.engine.tracks)
    assert relative == pytest.approx(0, abs=1e-3)
    assert absolute == pytest.approx(-0.3, abs=1e-3)  # the crop is tilted by 0.3, the driver is upright


def test_landmarks_can_be_placed_by_hand(monkeypatch, painting, clip, tmp_path):
    track_toys(monkeypatch)
    monkeypatch.setattr(lp.face, "read_points", lambda path, **_: found())
    with pytest.raises(FaceError):
        Animator(Toy()).animate(painting, clip, tmp_path / "frames")
    Animator(Toy()).animate(painting, clip, tmp_path / "frames", points=tmp_path / "points.json")
    assert int(frames_of(tmp_path / "frames")[3][70, 60, 0]) == 30


def test_the_result_plays_in_a_notebook(toy, painting, clip, tmp_path):
    page = toy.animate(painting, clip, tmp_path / "film.mp4")._repr_html_()
    assert page.startswith("<video") and "controls" in page
    data = page.split("base64,")[1].split('"')[0]
    assert base64.b64decode(data) == (tmp_path / "film.mp4").read_bytes()
    assert toy.animate(painting, clip, tmp_path / "film.gif")._repr_html_().startswith('<img src="data:image/gif')
    assert toy.animate(painting, clip, tmp_path / "film")._repr_html_().startswith('<img src="data:image/png')


def test_a_large_result_is_named_instead(monkeypatch, toy, painting, clip, tmp_path):
    monkeypatch.setattr("living_portraits.result.EMBEDDED_BYTES", 10)
    assert "film.mp4: 8 frames" in toy.animate(painting, clip, tmp_path / "film.mp4")._repr_html_()


def test_text_does_for_every_option():
    options = Options.of({"strength": "0.5", "end": "2", "neutral_frame": "auto", "face": "1", "sound": "none"})
    assert options == Options(strength=0.5, end=2.0, neutral_frame="auto", face=1, sound="none")
    assert Options.of({"end": None, "fps": None}) == Options()


def test_options_and_their_json_are_one():
    options = Options.of({"strength": 2, "sound": "song.mp3", "mark": False})
    assert Options.of(json.loads(json.dumps(options.as_data()))) == options


def test_load_gives_the_default_engine_at_its_own_size():
    assert lp.load("still").engine.spec.size == 512
    assert lp.load("still", size=64).engine.spec.size == 64
    with pytest.raises(OptionError, match="choose from"):
        lp.load("no such engine")


def test_nothing_is_said_when_there_is_nothing_to_say(toy, painting, clip, tmp_path):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        toy.animate(painting, clip, tmp_path / "film.mp4")
    assert [str(warning.message) for warning in said] == []


def test_the_toy_clip_is_what_it_seems(clip):
    assert numbers(list(video.read_frames(clip))) == list(range(8))
    assert numbered(3).shape == (64, 96, 3)
