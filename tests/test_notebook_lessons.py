"""What the notebooks are made of: small experiments with known answers."""

import dataclasses
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from drawn import face, picture
from IPython.display import Markdown

from living_portraits import notebook as nb
from living_portraits import samples, skeleton, stance, video, weights
from living_portraits.choreography import Choreography
from living_portraits.engine import Track
from living_portraits.finetune.watch import Check
from living_portraits.notebook import body, few_shot, ladder, people_map, pictures, repairs
from living_portraits.notebook.tiny import SIDE, People
from living_portraits.result import Result


@pytest.fixture(autouse=True)
def _on_paper_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No windows, and films beside nobody's notebook."""
    mpl.use("agg")
    monkeypatch.chdir(tmp_path)


def test_the_names_of_the_blendshapes_are_mediapipes() -> None:
    landmarker = pytest.importorskip("mediapipe.tasks.python.vision.face_landmarker")
    names = [shape.name.lower() for shape in landmarker.Blendshapes]
    assert [name.lower().removeprefix("_") for name in nb.SHAPES] == [name.replace("_", "") for name in names]


def test_angles_are_read_as_the_mask_turns_them() -> None:
    ahead = face(zoom=4.0)
    assert np.abs(nb.turn_of(ahead)).max() < 1
    tilted = face(zoom=4.0, roll=np.radians(20))
    np.testing.assert_allclose(nb.turn_of(tilted), [0, 0, 20], atol=1)
    to_the_right = ahead.copy()
    turn = np.radians(25)
    x, z = ahead[:, 0] - 100, ahead[:, 2]
    to_the_right[:, 0], to_the_right[:, 2] = (
        100 + x * np.cos(turn) - z * np.sin(turn),
        x * np.sin(turn) + z * np.cos(turn),
    )
    np.testing.assert_allclose(nb.turn_of(to_the_right), [0, 25, 0], atol=1)


def test_a_rung_that_shows_nothing_says_so(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """Of a picture of 200 px there are no tiles."""
    monkeypatch.setattr(ladder, "interact", lambda look, picture, rung: look(picture.value, rung.value))
    for rung in ("plain", "small tiles"):
        nb.rungs({"a page": picture()}, picture="a page", rung=rung)
    first, told, last = capsys.readouterr().out.splitlines()
    assert first == last == "no face" and "the picture is too small for such tiles" in told


def test_the_detector_learns_what_it_is_shown_and_nothing_else() -> None:
    sharp = [np.random.default_rng(seed).integers(0, 256, (256, 256, 3), dtype=np.uint8) for seed in range(8)]
    soft = [nb.shrunk(frame, side=64) for frame in sharp]
    detector = nb.Detector(sharp[:4], soft[:4])
    assert detector.accuracy(sharp[4:], soft[4:]) == 1.0
    assert (detector.word(sharp[5]), detector.word(soft[5])) == ("real", "fake")
    assert detector.called_fake(soft) == 1.0, "and a true picture that was made smaller once is accused"


def test_a_finer_grain_has_more_power_at_the_fine_end() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    fine, coarse = nb.spectrum(noise), nb.spectrum(nb.shrunk(noise, side=64))
    assert fine.shape == (15,)
    assert fine[-1] - coarse[-1] > 2 > fine[0] - coarse[0]


def test_a_head_in_the_volume_turns_where_it_is_told() -> None:
    points = face((128, 128), zoom=5.0)
    head = nb.Head.of(picture(256, 256), points)
    canonical = head.canonical()
    assert canonical.side() == "ahead"
    assert canonical.driven(nb.pose(yaw=30.0)).side() == "to the right"
    assert canonical.driven(nb.pose(yaw=-30.0)).side() == "to the left"
    assert torch.equal(canonical.driven(nb.pose()).volume, canonical.volume)
    assert canonical.picture().shape == (72, 72, 3)


def test_a_head_of_one_colour_stays_of_one_colour_where_it_is_turned() -> None:
    points = face((128, 128), zoom=5.0)
    head = nb.Head.of(np.full((256, 256, 3), 200, np.uint8), points).canonical().driven(nb.pose(yaw=20.0))
    middle = head.picture()[32:44, 32:44]
    assert middle.min() > 190, "no cell of the skin is darker for lying between two of the volume"


def test_long_vectors_are_shown_as_strips_that_fit_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Any] = []
    monkeypatch.setattr(people_map, "finish", figures.append)
    nb.strips({"anna": torch.rand(4, 500), "berta": torch.rand(2, 500)})
    (figure,) = figures
    assert [place.get_ylabel() for place in figure.axes] == ["anna", "berta"]
    assert figure.get_figwidth() <= 8
    figure.draw_without_rendering()
    assert all(place.get_position().height > 0.3 for place in figure.axes), "thick enough to be seen"
    plt.close(figure)


def test_a_row_is_as_wide_as_a_page_and_its_titles_do_not_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Any] = []
    monkeypatch.setattr(pictures, "finish", figures.append)
    nb.row({f"the long name of picture {number}": picture(40, 40) for number in range(9)}, height=3.0)
    (figure,) = figures
    figure.draw_without_rendering()
    assert figure.get_figwidth() <= pictures.WIDEST + 1e-6
    ends = [place.title.get_window_extent() for place in figure.axes]
    assert all(one.x1 < other.x0 for one, other in pairwise(ends))
    plt.close(figure)


def test_curves_of_all_engines_and_their_driver_have_colours_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Any] = []
    monkeypatch.setattr(pictures, "finish", figures.append)
    nb.lines({str(number): [0.0, 1.0] for number in range(7)}, ylabel="")
    (figure,) = figures
    assert len({line.get_color() for line in figure.axes[0].lines}) == 7
    plt.close(figure)


def test_unrest_is_how_far_points_are_from_the_middle_of_their_way() -> None:
    steady, trembling = np.zeros((5, 478, 3), np.float32), np.zeros((5, 478, 3), np.float32)
    steady[..., 0] = np.arange(5)[:, None]
    trembling[1::2, :, 1] = 1.0
    crops, shapes = [picture()] * 5, np.zeros((5, 52), np.float32)
    assert nb.unrest(Track(crops, steady, shapes)) == pytest.approx([0, 0, 0])
    assert nb.unrest(Track(crops, trembling, shapes)) == pytest.approx([1, 1, 1])


def test_a_value_is_named_by_its_band() -> None:
    limits = {"nothing": 0.01, "half": 0.6}
    assert [nb.band(value, limits, "all") for value in (-1.0, 0.01, 0.59, 0.6, 2.0)] == [
        "nothing", "half", "half", "all", "all",
    ]  # fmt: skip


def test_every_point_of_a_body_is_named_where_it_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Any] = []
    monkeypatch.setattr(body, "finish", figures.append)
    nb.points_of_a_body(nb.steps_of("wave", size=512).points[60])
    (figure,) = figures
    whole, head, hand, foot = ({text.get_text() for text in place.texts} for place in figure.axes)
    assert {"0", "15", "28"} <= whole and not whole & {"5", "17", "31"}
    assert (len(head), hand, foot) == (11, {"15", "17", "19", "21"}, {"27", "29", "31"})
    plt.close(figure)


def test_the_mean_of_more_pictures_is_steadier_where_people_differ() -> None:
    chance = torch.Generator().manual_seed(0)
    pictures = torch.randn(8, 9, 16, generator=chance)
    known = nb.spread_of_means(pictures + 5 * torch.randn(8, 1, 16, generator=chance))
    assert len(known) == 4 and known[0] < 0.3
    assert all(more < fewer for fewer, more in pairwise(known))
    assert known[3] / known[0] == pytest.approx(0.5, abs=0.1)
    assert nb.spread_of_means(pictures) == pytest.approx([1.0] * 4, abs=0.1), "numbers that know nobody"


def test_a_tiny_talking_head_learns_two_colours_and_switches_them() -> None:
    torch.set_num_threads(1)
    warm, cold = torch.tensor([0.8, 0.0, -0.8]), torch.tensor([-0.8, 0.0, 0.8])
    pictures = torch.stack([colour.view(1, 3, 1, 1).expand(4, 3, SIDE, SIDE) for colour in (warm, cold)])
    drawings = torch.zeros(2, 4, 3, SIDE, SIDE)
    known = People(["warm", "cold"], pictures.contiguous(), drawings)
    net, errors = nb.teach(known, steps=30, rate=1e-2)
    assert errors[-1] < errors[0] / 2
    means = nb.embeddings(net, known).mean(dim=1)
    first, second = (nb.drawn(net, one, drawings[0, 0]).reshape(-1, 3).mean(axis=0) for one in means)
    assert first[0] > first[2] and second[0] < second[2]
    switched, names = nb.drawn_mixed(net, means[0], means[1], drawings[0, 0], blocks=(4, 5))
    assert names == ["end"]
    assert nb.apart(switched, nb.drawn(net, means[1], drawings[0, 0])) < nb.apart(
        switched, nb.drawn(net, means[0], drawings[0, 0])
    )
    seen = nb.stages(net, means[0], drawings[0, 0])
    assert [response.shape[0] for response in seen.values()] == [32, 16, 8, 4, 4, 8, 16, 32]


def sitter(frames: int = 24) -> few_shot.Somebody:
    """Somebody whose mouth opens more and more, on noise."""
    points = np.stack([face((48, 48)) * np.float32(0.4) for _ in range(frames)])
    points[..., :2] += np.array([48, 48], np.float32) - points[..., :2].mean(axis=(0, 1))
    points[:, 14, 1] += np.linspace(0, 6, frames, dtype=np.float32)  # no two frames alike
    crops = [picture(few_shot.SIDE, few_shot.SIDE, seed=seed) for seed in range(frames)]
    track = Track(crops, points.astype(np.float32), np.zeros((frames, 52), np.float32), 25.0)
    return few_shot.Somebody(track, list(range(2, frames, 5)))


def test_pictures_to_learn_from_differ_and_are_never_those_that_are_asked() -> None:
    who = sitter()
    chosen = who.chosen(4)
    assert not set(chosen) & set(who.asked) and len(set(chosen)) == 4
    assert {0, 23} <= set(chosen)  # the ends lie farthest apart
    assert (who.pictures(chosen).crops[1] == who.track.crops[chosen[1]]).all()


def test_fine_tuning_is_looked_at_before_the_first_step_and_learns() -> None:
    torch.set_num_threads(1)
    who = sitter(8)
    learned = nb.fine_tune(who, 1, steps=4, every=2)
    assert [check.step for check in learned.checks] == [0, 2, 4]
    assert learned.checks[-1].likeness < 0.9 * learned.checks[0].likeness
    assert [len(film) for film in learned.films] == [len(who.shown())] * 3
    assert (learned.films[0][0] != learned.films[-1][0]).any()


@pytest.mark.parametrize(
    ("mimics", "patience", "ended", "kept"),
    [
        ((2.0, 1.5, 1.0, 0.9, 0.8), 2, 4, 4),  # better at every look
        ((2.0, 1.0, 4.0, 4.0, 0.1), 2, 3, 1),  # likeness is bought with mimics: two looks are borne
        ((2.0, 1.0, 4.0, 4.0, 0.1), 3, 4, 4),  # and patience finds what comes later
    ],
)
def test_a_course_is_stopped_as_the_command_would(
    mimics: tuple[float, ...], patience: int, ended: int, kept: int
) -> None:
    checks = [Check(step, 4.0 / (step + 1), value) for step, value in enumerate(mimics)]
    found = nb.stopped(checks, patience=patience)
    assert (found[0].step, found[1].step) == (ended, kept)
    assert nb.sums(checks)[0] == 2 and nb.sums(checks)[1] == pytest.approx(0.5 + mimics[1] / mimics[0])


def test_the_recorded_course_ends_with_the_step_that_is_in_the_file() -> None:
    about, _ = weights.read(weights.path("drawn-head/mona_lisa"))
    assert nb.stopped(nb.MONA_LISA, patience=len(nb.MONA_LISA))[1].step == about["steps"]


def test_who_was_fine_tuned_is_drawn_as_themselves_and_who_was_not_is_not() -> None:
    torch.set_num_threads(1)
    source, drivers = nb.source_track(samples.mona_lisa), {"sing": nb.driver_track(samples.sing, seconds=0.5, fps=4.0)}
    fed, own = nb.portrayed(source, drivers)["sing"], nb.portrayed(source, drivers, identity="mona_lisa")["sing"]
    assert len(own.frames) == len(own.asked) == len(drivers["sing"])
    assert nb.apart(own.frames[0], source.crops[0]) < 0.05 < nb.apart(fed.frames[0], source.crops[0])
    still = dataclasses.replace(own, asked=own.asked + np.arange(478, dtype=np.float32)[:, None] % 7)
    error = nb.obeyed({"own": own, "another": still})
    assert error["own"]["own"] == error["another"]["own"] < error["own"]["another"]


def test_who_is_carried_is_themselves_without_being_learned() -> None:
    torch.set_num_threads(1)
    source, driver = nb.source_track(samples.mona_lisa), nb.driver_track(samples.sing, seconds=0.5, fps=4.0)
    carried = nb.portrayed(source, {"sing": driver}, carries=True)["sing"]
    assert nb.apart(carried.frames[0], source.crops[0]) < 0.02
    parts = nb.composed(source, driver, number=1)
    w, h, m, mixed = (picture.astype(float) for picture in parts.values())
    np.testing.assert_allclose(mixed, w + m / 255 * (h - w), atol=3)
    assert np.abs(mixed - carried.frames[1]).max() <= 3 and np.abs(h - w).mean() > 1
    with pytest.raises(IndexError, match="the driver has 2 frames, and number 2 was asked for"):
        nb.composed(source, driver, number=2)


def test_a_mouth_whose_corner_is_off_is_lopsided_and_a_turned_head_is_not() -> None:
    for roll in (0.0, 0.4):
        straight = face(zoom=4.0, roll=roll)
        assert max(nb.lopsided(straight).values()) < 0.1
        straight[61, 0] += 0.06 * 200
        assert nb.lopsided(straight)["mouth"] > 0.3 > 0.1 > nb.lopsided(straight)["eyes"]


def test_a_thinned_track_lasts_as_long() -> None:
    track = Track([picture(seed=n) for n in range(7)], np.stack([face()] * 7), np.zeros((7, 52), np.float32), 24.0)
    some = nb.thinned(track, 3)
    assert len(some) == 3 and some.fps == 8 and (some.crops[1] == track.crops[3]).all()


# --- what losses notice -----------------------------------------------------------------------------------------------


def test_the_median_is_nearer_to_all_truths_than_any_of_them() -> None:
    nine = nb.truths(picture(96, 96))
    off = [sum(nb.apart(answer, one) for one in nine) for answer in (nb.median(nine), *nine)]
    assert len(nine) == 9 and (nine[4] == picture(96, 96)).all()
    assert off[0] == min(off)


def test_each_loss_minds_its_own_fault_most() -> None:
    torch.set_num_threads(1)
    truth, points = picture(128, 128), face((64, 64)) * np.float32(0.5)
    points[:, :2] += 64 - points[:, :2].mean(axis=0)
    x, y = np.rint(points[[13, 14], :2].mean(axis=0)).astype(int)
    mouth, tint = truth.copy(), np.clip(truth.astype(int) + np.array([12, 0, -12]), 0, 255).astype(np.uint8)
    mouth[y - 3 : y + 3, x - 6 : x + 6] = 255 - mouth[y - 3 : y + 3, x - 6 : x + 6]
    blurred = nb.median(nb.truths(truth))
    reals = [picture(128, 128, seed=seed) for seed in range(1, 5)]
    critic = nb.critic_of(reals, [nb.median(nb.truths(frame)) for frame in reals])
    table = nb.noticed(truth, points, {"mouth": mouth, "tint": tint, "blurred": blurred, "none": truth}, critic)
    assert all(row["none"] == pytest.approx(0, abs=1e-6) for row in table.values())
    assert table["L1"]["mouth"] < table["L1"]["tint"] and table["L1 of the mouth"]["mouth"] > table["L1"]["mouth"] * 3
    assert table["adversary"]["blurred"] > 3 * abs(table["adversary"]["mouth"])
    nb.heat(table)


def test_a_loss_that_notices_nothing_has_a_share_of_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gcf()))
    losses = {"L1": (0.5, 0.0), "LPIPS": (0.0, 0.0), "adversary": (-1.0, -2.0)}
    nb.heat({name: dict(zip(("blurred", "none"), values, strict=True)) for name, values in losses.items()})
    [figure] = shown
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), [[1, 0], [0, 0], [0, 0]])


# --- embedders --------------------------------------------------------------------------------------------------------


def test_sittings_are_embedded_and_told_apart() -> None:
    torch.set_num_threads(1)
    sittings = {name: nb.filmed(name, who="the man") for name in ("surprise", "sing")}
    sittings["dark"] = sittings["sing"].changed(lambda x: x - 5)
    assert sittings["dark"].pictures.min() == -1 and sittings["sing"].frame().shape == (128, 128, 3)
    apart = nb.gaps(each := nb.embedded(sittings), each)
    assert apart["sing"]["sing"] == 0 and apart["sing"]["surprise"] < apart["sing"]["dark"] / 3
    base, taught = nb.base_model()
    assert taught == ("megaportraits" in weights.FILES)
    assert nb.described(base, sittings)["sing"].shape == (4, base.config.code)


def test_what_happens_to_films_happens(tmp_path: Path) -> None:
    frames = [picture(64, 64, seed=seed) for seed in range(12)]
    with video.Film(tmp_path / "film.mp4", width=64, height=64, fps=12.0) as film:
        for frame in frames:
            film.write(frame)
    changed, copied = nb.changed(tmp_path / "film.mp4"), nb.copied(tmp_path / "film.mp4")
    before, after = (tmp_path / "film.mp4").read_bytes(), changed.read_bytes()
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1
    assert len(nb.frames_of(copied)) == 12


# --- a whole body -----------------------------------------------------------------------------------------------------


def test_the_performer_wears_each_colour_on_the_limb_that_the_drawing_shows() -> None:
    pose = nb.steps_of("wave", size=256).points[25]  # both arms out
    frame = nb.dressed(pose, size=256).astype(int)
    x, y = np.rint(pose[[skeleton.LEFT_ELBOW, skeleton.RIGHT_ELBOW], :2]).astype(int).T
    (left_red, _, left_blue), (right_red, _, right_blue) = frame[y, x]
    assert left_red > left_blue + 60 and right_blue > right_red + 40
    assert x[0] > 128 > x[1]  # the dancer's left is the picture's right
    far = nb.dressed(pose * np.array([0.5, 0.5, 1], np.float32), size=256).astype(int)
    changed = [int((np.abs(one - nb.stage_of(256)) > 20).any(axis=2).sum()) for one in (frame, far)]
    assert changed[0] == pytest.approx(4 * changed[1], rel=0.15)


def fitted() -> tuple[Choreography, Choreography, stance.Stance]:
    """A child and somebody tall, each before their own camera, and how the tall one stands there."""
    child = nb.seen_by_a_camera(body=0.9)
    tall = nb.seen_by_a_camera("wave", body=1.6, camera=1.0, farthest=8.0)
    return child, tall, stance.measure(tall.points, fps=tall.fps)


def test_the_published_variant_sinks_by_what_its_formula_says_and_ours_does_not() -> None:
    child, _, target = fitted()
    near = target.near_height / stance.measure(child.points, fps=child.fps).near_height
    foot = nb.feet_of(child)
    below = nb.under_the_floor(nb.published(child, target), body=1.6, camera=1.0)
    assert below.max() == pytest.approx((1 - near) * (foot[0] - foot.max()), abs=8)
    ours = nb.under_the_floor(stance.normalised(child, target, size=512), body=1.6, camera=1.0)
    assert np.abs(ours).max() < 15 < 60 < below.max()


def test_who_goes_away_is_lifted_by_the_published_variant() -> None:
    child, _, target = fitted()
    half = len(child) // 2
    away = Choreography(np.roll(child.points, half, axis=0), child.fps)  # begins where the child is nearest
    below = nb.under_the_floor(nb.published(away, target), body=1.6, camera=1.0)
    assert below.min() < -20 and abs(below[0]) < 15


def test_a_jump_shrinks_who_looks_larger_nearby_in_the_published_variant_alone() -> None:
    child, _, target = fitted()
    middle, points = len(child) // 2, child.points.copy()
    points[middle - 5 : middle + 5, :, 1] -= 40
    jump = Choreography(points, child.fps)
    before, after = (stance.tall(nb.published(one, target).points)[middle] for one in (child, jump))
    assert after < 0.95 * before
    before, after = (stance.tall(stance.normalised(one, target, size=512).points)[middle] for one in (child, jump))
    assert after == pytest.approx(before, rel=0.01)


def test_an_ankle_in_the_pictures_corner_counts_only_for_who_asks_the_ear() -> None:
    child = nb.seen_by_a_camera(body=0.9)
    hidden, misread = nb.without_an_ankle(child.points, frames=slice(20, 50))
    assert np.ptp(stance.feet(hidden)[:, 0]) < 1 and np.ptp(stance.feet(misread)[:, 0]) > 100
    believed, mistaken = (stance.measure(points, fps=child.fps).far_height for points in (hidden, misread))
    assert believed < 0.6 * mistaken  # a height is measured to a point halfway to the corner


def test_a_tiny_dancer_learns_who_they_are_and_what_came_before() -> None:
    torch.set_num_threads(1)
    clip = nb.performance("wave")
    dancer, errors = nb.rehearse(clip, steps=12)
    assert errors[-1] < 0.8 * errors[0]
    alone, _ = nb.rehearse(clip, steps=1, temporal=False)
    pose, wrong = clip.dance.points[20], clip.frames[100]
    assert nb.memory(dancer, pose, wrong, frames=2)[0] > 0
    assert not nb.memory(alone, pose, wrong, frames=2).any()
    frames = nb.danced(dancer, nb.trembling(pose, frames=8))
    assert nb.flicker(frames) > 0 == nb.flicker([frames[0]] * 8)
    assert len(nb.held_out(clip)) == len(clip.frames) - clip.taught
    assert nb.after(dancer, pose, None).shape == (64, 64, 3)


def test_without_a_dancer_that_comes_along_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "FILES", {})
    assert "dance train" in nb.bundled_dancer().data


@pytest.mark.parametrize(("at", "expected"), [(40, 1.0), (200, 0.0), (None, 0.0)])
def test_what_moves_is_looked_for_about_the_drawn_limbs(tmp_path: Path, at: int | None, expected: float) -> None:
    film = Result(tmp_path / "film.mp4", frames=2, fps=25.0, width=512, height=256, seconds=1.0)
    with video.Film(film.path, width=512, height=256, fps=25.0) as out:
        for number in range(2):
            frame = np.zeros((256, 512, 3), np.uint8)
            frame[60:100, 40:50] = 250  # a limb
            if at is not None:
                frame[60:100, 256 + at : 266 + at] = 200 * number
            out.write(frame)
    share = nb.on_the_limbs(film)
    assert share is not None and share == pytest.approx(expected, abs=0.01)


def test_where_no_dancer_comes_along_nothing_moves() -> None:
    assert nb.on_the_limbs(Markdown("nobody")) is None  # type: ignore[no-untyped-call]
    assert nb.worn(Markdown("nobody")) == {}  # type: ignore[no-untyped-call]


def test_colours_are_read_where_the_drawing_has_its_ends(tmp_path: Path) -> None:
    film = Result(tmp_path / "film.mp4", frames=1, fps=25.0, width=512, height=256, seconds=1.0)
    frame = np.zeros((256, 512, 3), np.uint8)
    frame[60:200, 120:136] = frame[100:116, 40:220] = 250  # a body with both arms out
    frame[:, 256:] = (0, 30, 220)
    frame[50:210, 256 + 110 : 256 + 146] = 10
    frame[90:126, 256 + 190 : 256 + 230], frame[90:126, 256 + 30 : 256 + 70] = (200, 20, 20), (200, 200, 40)
    with video.Film(film.path, width=512, height=256, fps=25.0) as out:
        out.write(frame)
    worn = nb.worn(film)
    assert worn["left hand"][0] > 150 > 60 > worn["left hand"][1]
    assert min(worn["right hand"][:2]) > 150 > 100 > worn["right hand"][2]
    assert max(worn["chest"]) < 40 and max(worn["feet"]) < 40 and worn["stage"][2] > 180


# --- megapixels -------------------------------------------------------------------------------------------------------


def test_an_enlarged_source_has_its_points_where_its_face_is() -> None:
    small = Track([picture()[:128, :128].copy()], face((64, 64))[None], np.zeros((1, 52), np.float32))
    large = nb.with_crop(small, nb.enlarged(small.crops[0], 512))
    assert large.crops[0].shape == (512, 512, 3) and large.points.dtype == np.float32
    corner = 4 * (small.points[0, 0, :2] + 0.5) - 0.5
    np.testing.assert_allclose(large.points[0, 0, :2], corner, rtol=1e-5)


def test_detail_is_lost_by_shrinking_and_does_not_come_back() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8)
    lost = nb.enlarged(nb.enlarged(noise, 64), 256)
    assert nb.detail(lost, size=256) < 0.2 * nb.detail(noise, size=256)
    assert nb.detail(nb.enlarged(noise, 64), size=256) == nb.detail(lost, size=256)
    assert nb.middle(noise, 0.5).shape == (128, 128, 3) and (nb.middle(noise, 0.5) == noise[64:192, 64:192]).all()


def test_a_repair_is_told_from_a_change() -> None:
    rng = np.random.default_rng(0)
    before = rng.normal(0, 4, (5000, 3))
    half = repairs.Repaired([], [], [], before, -before / 2)
    assert half.left() == pytest.approx(0.5) and half.agreement() == pytest.approx((1, 1))
    assert half.strength() == pytest.approx(np.abs(before).mean() / 2)
    swapped = repairs.Repaired([], [], [], before, -before[:, ::-1] / 2)  # blue where red should be
    assert swapped.agreement() == pytest.approx((1, -1))
    noise = repairs.Repaired([], [], [], before, rng.normal(0, 2, before.shape))
    assert noise.left() > 1 and np.abs(noise.agreement()).max() < 0.1
    nothing = repairs.Repaired([], [], [], before, 0 * before)
    assert nothing.left() == 1 and nothing.agreement() == (0, 0)


def test_the_network_changes_a_clip_a_little_and_what_it_changes_is_shown() -> None:
    clip = nb.driver_track(samples.surprise, seconds=0.1)
    repair = nb.repaired(clip)
    assert len(repair.truth) == len(repair.doll) == len(repair.mended) == len(clip)
    assert 0 < repair.strength() < 2
    away = repair.mended[0].astype(float) - repair.doll[0]
    np.testing.assert_allclose(repair.changes(8)[0], np.clip(128 + 8 * away, 0, 255))


def test_a_hand_that_is_turned_about_does_the_opposite() -> None:
    clip = nb.driver_track(samples.sing, seconds=1.0)
    clip = Track(clip.crops[::20], clip.points[::20], clip.blendshapes[::20], 1.0)
    there, back = (nb.repaired(clip, shade=times).change for times in (8.0, -8.0))
    assert np.abs(there).mean() > 0.1
    assert np.corrcoef(there.ravel(), back.ravel())[0, 1] < -0.9
    assert not nb.repaired(clip, paint=0.0).change.any()


@pytest.mark.parametrize("count", [1, 4])
def test_a_timed_film_is_the_engines_film(count: int) -> None:
    driver = Track([picture()] * count, np.stack([face()] * count), np.zeros((count, 52), np.float32), 25.0)
    source = Track([picture()], face()[None], np.zeros((1, 52), np.float32))
    made = nb.timed("still", source, driver)
    assert len(made.frames) == count and made.each >= 0 and made.ready > 0
    assert nb.fidelity(made.frames, made.frames[::-1]).min() > 58
