"""Footage in, dataset out: who counts as whom, what is kept of a clip, and the same bytes whoever does the work."""

import argparse
import csv
import dataclasses
import json
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import write_clip
from drawn import face as drawn_face
from drawn import picture
from PIL import Image

from living_portraits import face as tracker
from living_portraits import samples, video
from living_portraits.align import Crop
from living_portraits.commands import prepare as command
from living_portraits.data import footage, mattes, measure, pieces, quality
from living_portraits.data.dataset import QUALITY, Dataset, point_steps, stored_points
from living_portraits.data.prepare import prepare
from living_portraits.data.summary import Summary
from living_portraits.errors import FaceError, LivingPortraitsError, MediaError, OptionError, OutputError
from living_portraits.face import Face, FaceTrack
from living_portraits.video.reel import Reel, join_reels, read_reel

SHARED = Path(__file__).parents[2] / "shared" / "data"
SIZES = (64, 128)
WIDTH, HEIGHT = 200, 240


# --- who counts as whom ---------------------------------------------------------------------------------------------


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def write_table(path: Path, *rows: str, header: str = "file,kind,identity,split,source,licence") -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_in_a_folder_of_ones_own_a_sub_folder_or_a_file_is_a_person(tmp_path):
    touch(tmp_path, "ann/a.mp4", "ann/deep/b.MOV", "bob.jpg", "notes.txt", ".hidden/c.mp4", "cy.gif")
    found, failures = footage.list_footage(tmp_path)
    assert [(one.id, one.kind, one.identity, one.tags) for one in found] == [
        ("ann/a", "video", "ann", ("ann",)),
        ("ann/deep/b", "video", "ann", ("ann", "deep")),
        ("bob", "still", "bob", ()),
        ("cy", "video", "cy", ()),
    ]
    assert failures == []
    hidden = touch(tmp_path / ".clips", "ann/a.mp4")
    assert len(footage.list_footage(hidden)[0]) == 1, "the folder's own place does not matter"
    touch(tmp_path, "out/shards/256.mp4")
    assert footage.list_footage(tmp_path, apart=tmp_path / "out")[0] == found, "a dataset is no footage"
    sides = {one.identity: {other.split for other in found if other.identity == one.identity} for one in found}
    assert all(len(side) == 1 for side in sides.values())
    assert set.union(*sides.values()) == {"train", "val"}


def test_gifs_and_webps_are_stills_or_films_by_what_they_hold(tmp_path):
    first, *others = [Image.fromarray(np.full((8, 8, 3), level, np.uint8)) for level in (0, 90, 180)]
    for suffix in ("gif", "webp"):
        first.save(tmp_path / f"still.{suffix}.{suffix}")
        first.save(tmp_path / f"film.{suffix}.{suffix}", save_all=True, append_images=others)
    found, _ = footage.list_footage(tmp_path)
    assert [one.kind for one in found] == ["video", "video", "still", "still"]


def test_among_many_the_split_of_a_person_does_not_change_when_others_join():
    few, many = ([f"person {number}" for number in range(count)] for count in (300, 900))
    before, after = footage.split_by_hash(few), footage.split_by_hash(many)
    assert {name: after[name] for name in few} == before
    assert 0.07 < sum(side == "val" for side in after.values()) / 900 < 0.13


def test_where_all_would_be_on_one_side_one_is_for_validation():
    assert footage.split_by_hash(["ann"]) == {"ann": "train"}
    for count in range(2, 30):
        sides = footage.split_by_hash([f"person {number}" for number in range(count)])
        assert set(sides.values()) == {"train", "val"}


def test_a_table_decides_and_what_it_lists_in_vain_is_told(tmp_path):
    touch(tmp_path, "a.mp4", "a.jpg", "p/2_smile.jpg", "p/1_rest.jpg", "x.jpg", "y.jpg", "unlisted.mp4")
    table = write_table(
        tmp_path / "clips.csv",
        "a.mp4,video,ann,val,the archive,CC0",
        "a.jpg,still,ann,val,,",
        "p/2_smile.jpg,pair,pat,train,,",
        "p/1_rest.jpg,pair,pat,train,,",
        "x.jpg,still,painting,train,,",
        "y.jpg,still,painting,val,,",
        "walk.avi,body,joe,train,,",
        "gone.mp4,video,kim,train,,",
    )
    for given in (None, table):
        found, failures = footage.list_footage(tmp_path, table=given)
        assert {one.id: (one.files, one.identity, one.split, one.licence) for one in found} == {
            "a": (("a.jpg",), "ann", "val", ""),
            "p/pat": (("p/1_rest.jpg", "p/2_smile.jpg"), "pat", "train", ""),
            "x": (("x.jpg",), "painting/x", "train", ""),  # on both sides, so no one person
            "y": (("y.jpg",), "painting/y", "val", ""),
        }
        assert {failure.file: failure.cause for failure in failures} == {
            "a.mp4": "same name",
            "walk.avi": "another kind",
            "gone.mp4": "missing",
        }


def test_no_pair_has_a_picture_of_either_side(tmp_path):
    touch(tmp_path, *(f"p{number}.jpg" for number in range(4)))
    rows = [f"p{number}.jpg,pair,friends,{'val' if number > 1 else 'train'},," for number in range(4)]
    found, _ = footage.list_footage(tmp_path, table=write_table(tmp_path / "t.csv", *rows))
    assert [(one.files, one.identity, one.split, one.id) for one in found] == [
        (("p0.jpg", "p1.jpg"), "friends/p0", "train", "friends/p0"),
        (("p2.jpg", "p3.jpg"), "friends/p2", "val", "friends/p2"),
    ]


@pytest.mark.parametrize(
    ("rows", "header", "expected"),
    [
        (["a.mp4,video,ann"], "file,kind,identity", "lacks the column split"),
        (["a.mp4,video,ann,test"], "file,kind,identity,split", "Line 2 .* is incomplete: .* train or val"),
        (["a.mp4,video,,val"], "file,kind,identity,split", "Line 2 .* is incomplete"),
        ([], "file,kind,identity,split", "no clips and no pictures"),
    ],
)
def test_a_table_that_makes_no_sense_is_one_sentence(tmp_path, rows, header, expected):
    table = write_table(tmp_path / "t.csv", *rows, header=header)
    with pytest.raises(MediaError, match=expected):
        footage.list_footage(tmp_path, table=table)


def test_no_folder_or_an_empty_one_is_one_sentence(tmp_path):
    with pytest.raises(MediaError, match="There is no folder"):
        footage.list_footage(tmp_path / "none")
    with pytest.raises(MediaError, match="no clips and no pictures"):
        footage.list_footage(tmp_path)
    with pytest.raises(MediaError, match="cannot be read"):
        footage.list_footage(tmp_path, table=tmp_path / "none.csv")


# --- pictures on disk -----------------------------------------------------------------------------------------------


def levels(count: int, *, first: int = 0, size: int = 64) -> list[np.ndarray]:
    """Frames that tell their number by their colour."""
    return [np.full((size, size, 3), (20 + 4 * (first + number), 128, 200), np.uint8) for number in range(count)]


def write_reel(path: Path, frames: list[np.ndarray]) -> Path:
    with Reel(path, size=frames[0].shape[0]) as reel:
        for frame in frames:
            reel.write(frame)
    return path


def test_joined_reels_give_back_any_stretch_of_frames(tmp_path):
    counts = (7, 1, 31, 1, 2)
    starts = np.cumsum([0, *counts]).tolist()
    parts = [
        write_reel(tmp_path / f"{number}.mp4", levels(count, first=start))
        for number, (count, start) in enumerate(zip(counts, starts, strict=False))
    ]
    join_reels(tmp_path / "all.mp4", parts)
    for start, count in ((0, 42), (7, 1), (8, 31), (20, 3), (39, 1), (40, 2)):
        read = read_reel(tmp_path / "all.mp4", start=start, count=count)
        assert read.shape == (count, 64, 64, 3)
        np.testing.assert_allclose(read, np.stack(levels(count, first=start)), atol=1)


def test_a_reel_keeps_fine_colour(tmp_path):
    rng = np.random.default_rng(0)
    frame = np.kron(rng.integers(40, 215, (32, 32, 3)), np.ones((2, 2, 1))).astype(np.uint8)
    read = read_reel(write_reel(tmp_path / "r.mp4", [frame]), start=0, count=1)[0]
    assert np.abs(read.astype(int) - frame).mean() < 8  # 20 with colour at half resolution


def test_damaged_reels_are_one_sentence(tmp_path):
    good = write_reel(tmp_path / "good.mp4", levels(3))
    (tmp_path / "bad.mp4").write_bytes(good.read_bytes()[:200])
    other = write_reel(tmp_path / "other.mp4", levels(3, size=96))
    for path, start, expected in ((tmp_path / "none.mp4", 0, "is missing"), (tmp_path / "bad.mp4", 0, "is damaged"),
                                  (good, 2, "is cut short")):  # fmt: skip
        with pytest.raises(MediaError, match=expected):
            read_reel(path, start=start, count=3)
    with pytest.raises(MediaError, match="in another way"):
        join_reels(tmp_path / "all.mp4", [good, other])


def test_points_are_stored_to_a_fraction_of_a_pixel():
    points = np.random.default_rng(0).uniform(-600, 600, (3, 478, 3)).astype(np.float32)
    assert np.abs(stored_points(point_steps(points)) - points).max() <= 1 / 64 + 1e-4


# --- mattes and figures ---------------------------------------------------------------------------------------------


def test_the_face_matte_lies_on_the_face():
    points = drawn_face((128, 128), zoom=6.0)
    matte = mattes.face_matte(points, size=256)
    outline = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    ys, xs = np.nonzero(matte > 127)
    np.testing.assert_allclose([(xs.min() + 0.5) * 4, (ys.min() + 0.5) * 4], outline[0], atol=6)
    np.testing.assert_allclose([(xs.max() + 0.5) * 4, (ys.max() + 0.5) * 4], outline[1], atol=6)
    assert matte[32, 32] == 255 and matte[0, 0] == 0


@pytest.mark.parametrize(
    ("shift", "share"), [(0.0, 1.0), (64.0, 0.5), (-32.0, 0.75), (200.0, 0.0)], ids=["all", "half", "three", "none"]
)
def test_the_seen_matte_is_where_the_footage_is(shift, share):
    matrix = np.array([[1.0, 0.0, shift], [0.0, 1.0, 0.0]])
    matte = mattes.seen_matte(matrix, (128, 128), size=128)
    assert matte.mean() / 255 == pytest.approx(share, abs=0.01)


def figure(size: int = 192) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A person of flat colours before a wall, the points of the face, and the truth about who is where."""
    points = drawn_face((size / 2, 0.42 * size), zoom=size / 48)
    person = np.zeros((size, size), np.uint8)
    cv2.ellipse(person, (size // 2, int(0.38 * size)), (int(0.24 * size), int(0.3 * size)), 0, 0, 360, 1, -1)
    cv2.rectangle(person, (int(0.42 * size), int(0.5 * size)), (int(0.58 * size), size), 1, -1)
    cv2.ellipse(person, (size // 2, int(1.02 * size)), (int(0.4 * size), int(0.28 * size)), 0, 0, 360, 1, -1)
    noise = np.random.default_rng(1).normal(0, 6, (size, size, 3))
    colours = np.where(person[..., None] > 0, (190, 140, 120), (60, 90, 150)) + noise
    return colours.clip(0, 255).astype(np.uint8), points, person > 0


def test_the_person_is_found_before_a_wall():
    crop, points, truth = figure()
    matte, cut = mattes.person_mattes({0: crop}, points[None])
    truth = cv2.resize(truth.astype(np.uint8) * 255, (64, 64), interpolation=cv2.INTER_AREA) > 127
    found = matte[0] > 127
    assert cut == 1.0
    assert (found & truth).sum() / (found | truth).sum() > 0.93


@pytest.mark.parametrize("answer", [cv2.GC_FGD, cv2.GC_BGD], ids=["all", "none"])
def test_where_grabcut_is_not_credible_geometry_stands_in(monkeypatch, answer):
    crop, points, _ = figure()
    monkeypatch.setattr(cv2, "grabCut", lambda picture, labels, *_: labels.fill(answer))
    matte, cut = mattes.person_mattes({0: crop}, points[None])
    assert cut == 0.0
    assert matte[0, 24, 32] == 255 and matte[0, 2, 2] == 0 and 0.2 < (matte > 127).mean() < 0.8


def test_between_estimates_the_matte_moves_along():
    crop, points, _ = figure()
    moved = np.roll(crop, 24, axis=1)
    numbers = mattes.looked_at(mattes.EVERY + 1)
    assert numbers == [0, mattes.EVERY]
    both = np.stack([points + np.array([24 * n / mattes.EVERY, 0, 0]) for n in range(mattes.EVERY + 1)]).astype(
        np.float32
    )
    matte, _ = mattes.person_mattes({0: crop, mattes.EVERY: moved}, both)
    columns = np.arange(64)
    centres = [np.average(columns, weights=matte[n].sum(axis=0)) for n in (0, mattes.EVERY // 2, mattes.EVERY)]
    assert centres[0] + 1 < centres[1] < centres[2] - 1


def test_blur_lowers_sharpness_and_light_raises_brightness():
    crop, points = picture(192, 192), drawn_face((96, 96), zoom=4.0)
    sharp, level = quality.frame_quality(crop, points)
    blurred, _ = quality.frame_quality(cv2.GaussianBlur(crop, (0, 0), 2), points)
    _, dark = quality.frame_quality(crop // 2, points)
    assert blurred < 0.3 * sharp
    assert dark == pytest.approx(level / 2, abs=0.01)


def test_motion_is_measured_in_known_units():
    still = np.repeat(drawn_face((96, 96), zoom=4.0)[None], 9, axis=0)
    frozen = quality.motion_quality(still, size=128)
    assert frozen["jitter_px"] == frozen["turn_degrees"] == frozen["mouth_spread"] == 0
    shaken = still.copy()
    shaken[1::2, :, 0] += 1.0  # to and fro by a pixel: a second difference of two, of 128
    assert quality.motion_quality(shaken, size=128)["jitter_px"] == pytest.approx(2 * 256 / 128, rel=1e-4)
    open_mouth = still.copy()
    open_mouth[4, 14, 1] += 8.0
    height = np.linalg.norm(still[0, 10] - still[0, 152])
    assert quality.motion_quality(open_mouth, size=128)["mouth_spread"] == pytest.approx(8 / height, abs=0.01)
    tilted = np.stack([drawn_face((96, 96), zoom=4.0, roll=angle) for angle in (0.0, 0.2, 0.1)])
    assert quality.motion_quality(tilted, size=128)["turn_degrees"] == pytest.approx(np.degrees(0.2), abs=0.1)


# --- shots and crops ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ((20,), [(0, 20)]),
        ((20, 15), [(0, 20), (20, 15)]),
        ((5, 1, 9), [(0, 5), (5, 1), (6, 9)]),
        ((60,), [(0, 30), (30, 30)]),  # of more than twelve seconds
    ],
    ids=["one shot", "a cut", "a flash", "a long one"],
)
def test_shots_end_at_cuts_and_are_never_long(lengths, expected):
    frames = [
        np.full((32, 32, 3), 200 if number % 2 else 20, np.uint8) for number, n in enumerate(lengths) for _ in range(n)
    ]
    assert measure.find_shots(iter(frames), fps=4.0) == expected


def walking(*, by: float, frames: int = 10, zoom: float = 4.0) -> np.ndarray:
    return np.stack([drawn_face((100 + by * n / (frames - 1), 120), zoom=zoom) for n in range(frames)])


@pytest.mark.parametrize(
    ("points", "picture_size", "expected"),
    [
        (walking(by=0), (600, 600), 2.3),
        (walking(by=95), (600, 600), 2.65),
        (walking(by=0), (155, 190), 2.15),  # tight: the usual crop would show too much that nobody filmed
        (walking(by=0), (140, 160), 1.6),
        (walking(by=400), (900, 600), "face leaves the crop"),
        (walking(by=0, zoom=1.5), (600, 600), "small face"),
        (walking(by=0), (105, 600), "face cut off"),
    ],
    ids=["usual", "walks", "tight", "tightest", "runs", "small", "cut off"],
)
def test_one_crop_holds_the_face_through_the_clip(points, picture_size, expected):
    if isinstance(expected, str):
        with pytest.raises(measure.UnfitError) as error:
            measure._crops(points, SIZES, picture_size)
        assert error.value.cause == expected
        return
    crop = measure._crops(points, SIZES, picture_size)[0]
    height = np.linalg.norm(points[0, 10] - points[0, 152])
    assert crop.size / crop.zoom / height == pytest.approx(expected, rel=1e-3)
    placed = crop.to_crop(points)[..., :2]
    assert placed.min() > 0 and placed.max() < crop.size - 1


def test_larger_sizes_are_made_where_the_footage_has_them():
    points = walking(by=0)
    face_height = float(np.linalg.norm(points[0, 10] - points[0, 152]))
    made = [crop.size for crop in measure._crops(points, (64, 128, 512), (600, 600))]
    assert face_height * 2.3 * measure.ENLARGED > 128
    assert made == [64, 128]


# --- the whole way --------------------------------------------------------------------------------------------------


@pytest.fixture
def seen(monkeypatch) -> list[int]:
    """A tracker that always finds one swinging head; gives the number of frames of every clip it was shown."""
    shown: list[int] = []

    def points(number: int) -> np.ndarray:
        return drawn_face((100 + 3 * np.sin(number / 2), 120), zoom=4.0, roll=0.05)

    def follow(frames, *, fps, **options):
        pictures = list(frames)
        shown.append(len(pictures))
        if pictures[0].mean() < 8:
            raise FaceError("The clip shows no face.")
        count = len(pictures)
        heads = np.tile(np.eye(4, dtype=np.float32), (count, 1, 1))
        blendshapes = np.full((count, 52), 0.25, np.float32)
        return FaceTrack(np.stack([points(n) for n in range(count)]), blendshapes, heads, fps, gaps=((2, 4),))

    def find(frame, **options):
        shown.append(1)
        found = Face(points(0), np.zeros(52, np.float32), np.eye(4, dtype=np.float32), "toy")
        return [found] if frame.mean() > 8 else []

    monkeypatch.setattr(tracker, "follow", follow)
    monkeypatch.setattr(tracker, "find", find)
    return shown


def films(*seeds: int, frames: int = 12) -> list[np.ndarray]:
    """Frames that slide over one picture for each seed: no two alike, and a cut wherever the seed changes."""
    shown = []
    for seed in seeds:
        wall = picture(HEIGHT + frames, WIDTH, seed=seed)
        wall = wall // 4 if seed % 2 else 255 - wall // 4
        shown += [wall[number : number + HEIGHT] for number in range(frames)]
    return shown


@pytest.fixture
def folder(tmp_path) -> Path:
    """Four people: a clip, one with a dark shot between two, a picture, a pair; and a dark clip and a broken one."""
    videos = tmp_path / "videos"
    for name in ("ann", "bob", "pairs"):
        (videos / name).mkdir(parents=True)
    dark = [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * 12
    options = {"pictures": films(0), "size": (WIDTH, HEIGHT)}
    write_clip(videos / "ann/talk.mp4", **options)
    write_clip(videos / "bob/two.mp4", **{**options, "pictures": films(1) + dark + films(2)})
    write_clip(videos / "bob/dark.mp4", **{**options, "pictures": dark})
    (videos / "bob/broken.mp4").write_bytes(b"not a film")
    Image.fromarray(films(4)[0]).save(videos / "cy.png")
    for number, name in enumerate(("rest", "smile")):
        Image.fromarray(films(6 + 2 * number)[0]).save(videos / f"pairs/{name}.png")
    write_table(
        videos / "clips.csv",
        "ann/talk.mp4,video,ann,val,her own,CC BY 4.0",
        "bob/two.mp4,video,bob,train,,",
        "bob/dark.mp4,video,bob,train,,",
        "bob/broken.mp4,video,bob,train,,",
        "cy.png,still,cy,train,,",
        "pairs/rest.png,pair,pat,train,,",
        "pairs/smile.png,pair,pat,train,,",
    )
    return videos


def run(videos: Path, out: Path, **options: object) -> Summary:
    return prepare(videos, out, **{"sizes": SIZES, "workers": 1, **options})  # type: ignore[arg-type]


def contents(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_a_dataset_says_and_holds_what_was_filmed(tmp_path, folder, seen):
    summary = run(folder, tmp_path / "set")
    dataset = Dataset(tmp_path / "set")
    assert {clip.id: (clip.kind, clip.identity, clip.split, clip.frames) for clip in dataset.select(size=64)} == {
        "ann/talk": ("video", "ann", "val", 12),
        "bob/two#00": ("video", "bob", "train", 12),
        "bob/two#01": ("video", "bob", "train", 12),
        "cy": ("still", "cy", "train", 1),
        "pairs/pat": ("pair", "pat", "train", 2),
    }
    assert len(dataset.select(size=128)) == len(dataset.select(size=64)) == 5
    of_one_size = {"train pair": 1, "train still": 1, "train video": 2, "val video": 1}
    assert summary.clips == {f"{name} {size}": count for name, count in of_one_size.items() for size in SIZES}
    assert summary.identities == {"train": 3, "val": 1}
    talk = dataset.select(split="val", size=128)[0]
    assert (talk.id, talk.source, talk.licence, talk.fps) == ("ann/talk@128", "her own", "CC BY 4.0", 25.0)
    assert talk.picture == (WIDTH, HEIGHT) and talk.quality["missed"] == 2
    assert all(set(clip.quality) == set(QUALITY) for clip in dataset.clips)
    assert "10 clips" in str(summary)
    assert dataset.select(kind="video", split="val", size=999) == []


def test_a_track_is_what_the_crop_takes_from_the_film(tmp_path, folder, seen):
    run(folder, tmp_path / "set")
    dataset = Dataset(tmp_path / "set")
    for clip in dataset.select(split="val"):
        crop = Crop(np.array(clip.crop).reshape(2, 3), clip.size)
        truth = [crop.take(frame) for frame in video.read_frames(folder / "ann/talk.mp4")]
        track = dataset.track(clip)
        assert np.abs(np.stack(track.crops).astype(int) - np.stack(truth)).mean() < 3
        expected = crop.to_crop(drawn_face((100, 120), zoom=4.0, roll=0.05))
        np.testing.assert_allclose(track.points[0], expected, atol=1 / 32)
        np.testing.assert_allclose(track.blendshapes, 0.25, atol=1 / 255)
        assert dataset.detected(clip).tolist() == [True, True, False, False, *[True] * 8]
        part = dataset.track(clip, frames=slice(9, 3, -2))
        np.testing.assert_array_equal(np.stack(part.crops), np.stack(track.crops)[9:3:-2])
        np.testing.assert_array_equal(part.points, track.points[9:3:-2])
        shown = dataset.mattes(clip)
        assert shown.face.shape == shown.person.shape == (12, 64, 64)
        assert (shown.person <= shown.seen).all()
        assert shown.face[0, 32, 32] == shown.seen[32, 32] == 255


def test_the_shots_of_a_cut_film_are_its_frames(tmp_path, folder, seen):
    run(folder, tmp_path / "set")
    dataset = Dataset(tmp_path / "set")
    frames = list(video.read_frames(folder / "bob/two.mp4"))
    for clip in (one for one in dataset.select(size=64) if one.id.startswith("bob/two")):
        first = 24 * int(clip.id[-2:])
        crop = Crop(np.array(clip.crop).reshape(2, 3), 64)
        truth = np.stack([crop.take(frame) for frame in frames[first : first + 12]])
        assert np.abs(dataset.frames(clip).astype(int) - truth).mean() < 3


def test_every_failure_is_told_with_its_reason(tmp_path, folder, seen):
    summary = run(folder, tmp_path / "set")
    told = [json.loads(line) for line in (tmp_path / "set/failures.jsonl").read_text().splitlines()]
    assert [(one["file"], one["cause"]) for one in told] == [
        ("bob/broken.mp4", "unreadable"),
        ("bob/dark.mp4", "no face followed"),
        ("bob/two.mp4 from 0.5 s", "no face followed"),
    ]
    assert "cannot be read as a film" in told[0]["reason"] and "shows no face" in told[1]["reason"]
    assert summary.failures == {"no face followed": 2, "unreadable": 1}


def test_a_film_of_one_frame_is_no_clip(tmp_path, seen):
    shown = Image.fromarray(films(0)[0])
    (tmp_path / "videos").mkdir()
    shown.save(tmp_path / "videos" / "one.webp")
    table = write_table(tmp_path / "t.csv", "one.webp,video,ann,train,,")
    with pytest.raises(MediaError, match="Not one clip"):
        run(tmp_path / "videos", tmp_path / "set", table=table)
    assert "a single frame, and a clip takes several" in (tmp_path / "set" / "failures.jsonl").read_text()


def test_a_film_that_breaks_off_is_used_and_told(tmp_path, folder, seen):
    grain = [255 - picture(HEIGHT, WIDTH, seed=number) // 4 for number in range(40)]
    header_first = {"movflags": "+faststart"}
    whole = write_clip(folder / "ann/talk.mp4", pictures=grain, size=(WIDTH, HEIGHT), options=header_first)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    run(folder, tmp_path / "set")
    told = (tmp_path / "set/failures.jsonl").read_text()
    assert told.count('"breaks off"') == 1 and "were used" in told
    assert 10 < Dataset(tmp_path / "set").select(split="val", size=64)[0].frames < 35


def test_a_file_that_breaks_the_tracker_is_told_too(tmp_path, folder, seen, monkeypatch):
    def broken(frames, *, fps, **options):
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(tracker, "follow", broken)
    summary = run(folder, tmp_path / "set")
    assert summary.failures == {"unexpected": 3, "unreadable": 1}
    assert sum(summary.clips.values()) == 4


def test_a_second_run_changes_nothing_and_a_changed_file_is_prepared_anew(tmp_path, folder, seen):
    first = run(folder, tmp_path / "set")
    before, looks = contents(tmp_path / "set"), len(seen)
    assert run(folder, tmp_path / "set") == first
    assert contents(tmp_path / "set") == before and len(seen) == looks
    Image.fromarray(films(8)[0]).save(folder / "cy.png")
    run(folder, tmp_path / "set")
    after = contents(tmp_path / "set")
    assert after["shards/64-0000.mp4"] != before["shards/64-0000.mp4"]
    assert after["manifest.jsonl"] != before["manifest.jsonl"]


def test_a_run_that_was_killed_goes_on_and_ends_with_the_same_bytes(tmp_path, folder, seen):
    run(folder, tmp_path / "whole")
    whole, looks = contents(tmp_path / "whole"), list(seen)
    seen.clear()

    def stop(stage: str, done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "set", progress=stop)
    assert not (tmp_path / "set/manifest.jsonl").exists()
    half = tmp_path / "set/.pieces/0123.77"  # what a process leaves that dies while writing
    half.mkdir()
    (half / "000000-64.mp4").write_bytes(b"half")
    run(folder, tmp_path / "set")
    assert contents(tmp_path / "set") == whole
    assert seen == looks  # nothing was looked at twice


def test_of_two_runs_that_make_a_piece_at_once_one_keeps_it(tmp_path):
    piece = pieces.Piece.of("x", pieces=tmp_path / ".pieces")

    def late(into: Path) -> tuple[list, list]:
        piece.make(lambda into: ([], [footage.Failure("a.mp4", "It is dark.", "dark")]))
        into.mkdir(exist_ok=True)  # both are of one process here
        return [], [footage.Failure("a.mp4", "It came late.", "late")]

    piece.make(late)
    assert piece.read()[1][0].cause == "dark" and list(piece.folder.parent.iterdir()) == [piece.folder]
    with pytest.raises(FileNotFoundError):
        pieces.Piece.of("y", pieces=tmp_path / ".pieces").make(lambda into: (into / "none").read_bytes())


def test_a_run_that_dies_while_packing_goes_on_too(tmp_path, folder, seen, monkeypatch):
    run(folder, tmp_path / "whole")
    monkeypatch.setattr(pieces, "join_reels", lambda path, parts: path.write_bytes(b"half") and 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(folder, tmp_path / "set")
    with pytest.raises(MediaError, match="holds no dataset"):
        Dataset(tmp_path / "set")
    monkeypatch.undo()
    monkeypatch.setattr(tracker, "follow", lambda *_, **__: pytest.fail("measured again"))
    run(folder, tmp_path / "set")
    assert contents(tmp_path / "set") == contents(tmp_path / "whole")


def test_shards_stay_below_their_limit_and_clips_are_found_in_them(tmp_path, folder, seen, monkeypatch):
    run(folder, tmp_path / "one")
    limit = max(path.stat().st_size for path in (tmp_path / "one/shards").iterdir()) // 2
    monkeypatch.setattr(pieces, "SHARD_BYTES", limit)
    run(folder, tmp_path / "many")
    one, many = Dataset(tmp_path / "one"), Dataset(tmp_path / "many")
    assert len({clip.shard for clip in many.clips}) > len({clip.shard for clip in one.clips}) == 2
    for before, after in zip(one.clips, many.clips, strict=True):
        assert dataclasses.replace(after, shard=before.shard, start=before.start) == before
        np.testing.assert_array_equal(many.frames(after), one.frames(before))
        np.testing.assert_array_equal(many.points(after), one.points(before))


def test_the_real_tracker_in_two_processes_gives_the_bytes_of_one(tmp_path):
    videos = tmp_path / "videos"
    videos.mkdir()
    frames = list(islice(video.read_frames(samples.smile), 11))
    height, width, _ = frames[0].shape
    write_clip(videos / "smile.mp4", pictures=frames, size=(width, height))
    for name in ("mona_lisa", "astronaut"):
        (videos / f"{name}.jpg").write_bytes(samples.PORTRAITS[name].read_bytes())
    Image.fromarray(picture()).save(videos / "nobody.png")
    summaries = [run(videos, tmp_path / str(workers), workers=workers, sizes=(128,)) for workers in (1, 2)]
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    assert summaries[0].failures == {"no face followed": 1}
    dataset = Dataset(tmp_path / "1")
    assert sorted(clip.id for clip in dataset.clips) == ["astronaut", "mona_lisa", "smile"]
    assert {clip.split for clip in dataset.clips} == {"train", "val"}
    for clip in dataset.clips:
        face = dataset.points(clip)[..., :2]
        assert face.min() > 0 and face.max() < 127
        assert 128 * 0.25 < np.ptp(face[0, :, 1]) < 128 * 0.7


# --- what users can mend --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "expected"),
    [
        ({"sizes": ()}, OptionError, "must ascend"),
        ({"sizes": (512, 256)}, OptionError, "must ascend"),
        ({"sizes": (250,)}, OptionError, "multiple of 16"),
        ({"workers": 0}, OptionError, "1 worker or more, not 0"),
        ({"table": Path("none.csv")}, MediaError, "none.csv cannot be read"),
    ],
)
def test_options_that_make_no_sense_are_one_sentence(tmp_path, folder, options, error, expected):
    with pytest.raises(error, match=expected):
        run(folder, tmp_path / "set", **options)


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path, folder, seen, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be made"):
        run(folder, tmp_path / "file/set")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Reel, "write", full)
    with pytest.raises(OutputError, match=r"No space left on device.*is kept"):
        run(folder, tmp_path / "set")


def test_a_folder_without_one_face_says_where_the_reasons_are(tmp_path, seen):
    videos = tmp_path / "videos"
    videos.mkdir()
    Image.fromarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).save(videos / "black.png")
    with pytest.raises(MediaError, match=r"Not one clip .*failures.jsonl has the reasons"):
        run(videos, tmp_path / "set")
    assert "no face to be found in black.png" in (tmp_path / "set/failures.jsonl").read_text()


def test_a_damaged_dataset_is_one_sentence(tmp_path, folder, seen):
    with pytest.raises(MediaError, match=r"holds no dataset.*living-portraits prepare"):
        Dataset(tmp_path)
    run(folder, tmp_path / "set")
    clip = Dataset(tmp_path / "set").clips[0]
    shard = tmp_path / "set/shards" / f"{clip.shard}.npz"
    copy = tmp_path / "copy.npz"
    shard.rename(copy)
    with pytest.raises(MediaError, match="npz is missing"):
        Dataset(tmp_path / "set").points(clip)
    shard.write_bytes(copy.read_bytes()[:1000])
    with pytest.raises(MediaError, match="npz is damaged"):
        Dataset(tmp_path / "set").points(clip)
    manifest = tmp_path / "set/manifest.jsonl"
    manifest.write_text(manifest.read_text() + '{"id": "half"')
    with pytest.raises(MediaError, match=r"Line \d+ of .* describes no clip"):
        Dataset(tmp_path / "set")


def test_the_command_prepares_and_prints_its_summary(tmp_path, folder, seen, capsys):
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    given = ["prepare", "--videos", str(folder), "--out", str(tmp_path / "set"), "--sizes", "64", "--workers", "1"]
    arguments = parser.parse_args(given)
    assert arguments.run(arguments) == 0
    printed = capsys.readouterr()
    assert ": 5 clips" in printed.out and "left out, unreadable: 1" in printed.out
    assert "measuring: 100%" in printed.err and "packing: 100%" in printed.err
    arguments.sizes = "64,large"
    with pytest.raises(LivingPortraitsError, match="whole numbers"):
        arguments.run(arguments)


# --- the project's own footage --------------------------------------------------------------------------------------


@pytest.mark.skipif(not SHARED.is_dir(), reason="the training footage is not beside this repository")
def test_every_row_of_the_training_table_is_accounted_for():
    with (SHARED / "clips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    found, failures = footage.list_footage(SHARED)
    files = [name for one in found for name in one.files] + [failure.file for failure in failures]
    assert sorted(files) == sorted(row["file"] for row in rows)
    assert {failure.cause for failure in failures} == {"another kind"}
    sides: dict[str, set[str]] = {}
    for one in found:
        sides.setdefault(one.identity, set()).add(one.split)
    assert all(len(side) == 1 for side in sides.values())
    assert {len(one.files) for one in found if one.kind == "pair"} == {2}
