"""What every engine in the registry promises; registering an engine tests it."""

import functools
import itertools
from dataclasses import replace

import numpy as np
import pytest
from drawn import driver, source

from living_portraits import engines, face, samples, video, weights
from living_portraits.align import Crop
from living_portraits.engine import Drive, Track
from living_portraits.errors import FaceError, OptionError, WeightsError
from living_portraits.fineness import Sizable
from living_portraits.geometry import LIPS_INNER_LOWER, LIPS_INNER_UPPER
from living_portraits.nn import runtime as runtimes

SIZE = 128


@pytest.fixture(params=engines.available())
def name(request):
    return request.param


def small(name: str):
    """The engine at the smallest size that it takes from SIZE up."""
    sizes = engines.spec(name).sizes
    return engines.create(name, size=min((s for s in sizes if s >= SIZE), default=SIZE))


@functools.cache
def bundled(name: str, size: int) -> Track:
    """A portrait that comes along, cut out as the animator does."""
    shown = video.read_picture(samples.PORTRAITS[name]).rgb
    found = face.find(shown)[0]
    crop = Crop.around(found.points, size=size)
    return Track([crop.take(shown)], crop.to_crop(found.points)[None], found.blendshapes[None])


def sitter(engine) -> Track:
    """A drawn face; for an engine that knows a few portraits alone one of those."""
    return bundled("mona_lisa", engine.spec.size) if engine.spec.locked else source(engine.spec.size)


def run(engine, drive: Drive | None = None, clip: Track | None = None) -> list[np.ndarray]:
    size = engine.spec.size
    clip = driver(size) if clip is None else clip
    identity = engine.encode_identity(sitter(engine))
    return list(engine.generate(identity, engine.encode_motion(clip, drive or Drive())))


def silent(size: int) -> Track:
    """A driver whose lips are closed: parted ones count in any frame."""
    clip = driver(size)
    for points in clip.points:
        points[list(LIPS_INNER_LOWER)] = points[list(LIPS_INNER_UPPER)]
    return clip


def at_rest(engine) -> np.ndarray:
    """The source; of an engine that draws anew, and knows a stranger but roughly, what it makes of no motion at all."""
    return run(engine, Drive(strength=0.0))[0] if engine.spec.teachable else sitter(engine).crops[0]


def test_the_spec_says_who_it_is(name):
    spec = engines.spec(name)
    assert spec.name == name
    assert spec.title and len(spec.title) < 100
    assert engines.create(name).spec == spec
    assert small(name).spec.size >= SIZE


def test_one_frame_of_the_right_kind_for_each_of_the_drivers(name):
    engine = small(name)
    frames = run(engine)
    assert len(frames) == 6
    for frame in frames:
        assert frame.dtype == np.uint8 and frame.shape == (engine.spec.size, engine.spec.size, 3)


def test_the_frame_that_drives_nothing_is_the_source(name):
    """At the driver's neutral frame a relative motion is none: close to the source for learned engines, exact here."""
    engine = small(name)
    first = run(engine, clip=silent(engine.spec.size))[0].astype(int)
    assert np.abs(first - at_rest(engine)).mean() < 4


def test_strength_zero_stands_still(name):
    frames = run(small(name), Drive(strength=0.0))
    for frame in frames[1:]:
        assert np.abs(frame.astype(int) - frames[0]).mean() < 1


def test_the_neutral_frame_is_the_one_that_was_named(name):
    engine = small(name)
    middle = run(engine, Drive(neutral=3), silent(engine.spec.size))[3].astype(int)
    assert np.abs(middle - at_rest(engine)).mean() < 4


def test_the_same_again_gives_the_same_again(name):
    engine = small(name)
    for first, second in zip(run(engine, Drive(seed=7)), run(engine, Drive(seed=7)), strict=True):
        np.testing.assert_array_equal(first, second)


def test_absolute_motion_makes_frames_too(name):
    assert len(run(small(name), Drive(relative=False))) == 6


def test_frames_stream(name):
    """The first frames of an hour come before the hour is over."""
    engine = small(name)
    clip = driver(engine.spec.size)
    hour = replace(clip, points=np.tile(clip.points, (50, 1, 1)), blendshapes=np.tile(clip.blendshapes, (50, 1)))
    hour = replace(hour, crops=list(clip.crops) * 50)
    stream = engine.generate(engine.encode_identity(sitter(engine)), engine.encode_motion(hour, Drive()))
    assert iter(stream) is stream
    assert len(list(itertools.islice(stream, 2))) == 2


def test_an_identity_serves_many_motions_and_a_motion_many_identities(name):
    engine = small(name)
    size = engine.spec.size
    mona = sitter(engine)
    ada = replace(mona, crops=[np.ascontiguousarray(mona.crops[0][:, ::-1])])
    if engine.spec.locked:
        ada = bundled("ada_lovelace", size)
    motion, identity = engine.encode_motion(driver(size), Drive()), engine.encode_identity(mona)
    before = list(engine.generate(identity, motion))
    other = list(engine.generate(engine.encode_identity(ada), motion))
    after = list(engine.generate(identity, motion))
    np.testing.assert_array_equal(before, after)
    assert (before[0] != other[0]).any()


def test_a_gpu_makes_the_same_film_several_frames_at_once(name, monkeypatch):
    """Its code, on the processor, in half precision."""
    if "cuda" not in engines.spec(name).runtimes:
        pytest.skip(f"{name} runs in one way alone")
    clip = driver(small(name).spec.size)
    again = replace(clip, points=np.tile(clip.points, (2, 1, 1)), blendshapes=np.tile(clip.blendshapes, (2, 1)))
    again = replace(again, crops=[*clip.crops, *clip.crops])  # more than are asked for at once
    expected, asked = run(small(name), clip=again), []
    like = functools.partial(runtimes._GPU, device="cpu", compiles=False)
    monkeypatch.setattr(runtimes, "choose", lambda *asked, **more: "cuda")
    monkeypatch.setattr(runtimes, "_GPU", lambda net: lambda *given: asked.append(len(given[0])) or like(net)(*given))
    for one, other in zip(run(small(name), clip=again), expected, strict=True):
        assert np.abs(one.astype(int) - other).mean() < 2
    several = sorted(count for count in asked if count > 1)  # of an engine, and of the one that carries for it
    whole, rest = runtimes.TOGETHER, len(again) - runtimes.TOGETHER
    assert several and several == sorted([whole, rest] * (len(several) // 2))


def test_nothing_that_was_given_is_changed_and_no_frame_is_shared(name):
    engine = small(name)
    size = engine.spec.size
    given, clip = sitter(engine), driver(size)
    crop, points, driving = given.crops[0].copy(), given.points.copy(), clip.points.copy()
    frames = list(engine.generate(engine.encode_identity(given), engine.encode_motion(clip, Drive())))
    untouched = frames[1].copy()
    frames[0][:] = 0
    np.testing.assert_array_equal(frames[1], untouched)
    np.testing.assert_array_equal(given.crops[0], crop)
    np.testing.assert_array_equal(given.points, points)
    np.testing.assert_array_equal(clip.points, driving)


def test_one_that_can_be_had_at_another_size_is_as_one_made_so(name):
    engine = small(name)
    if not isinstance(engine, Sizable):
        pytest.skip(f"{name} works at one size")
    size = next((each for each in engine.spec.sizes if each > engine.spec.size), 2 * SIZE)
    grown, made = engine.sized(size), engines.create(name, size=size)
    assert grown.spec == made.spec and engine.spec.size < size
    for one, other in zip(run(grown), run(made), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_locked_engine_refuses_a_stranger(name):
    engine = small(name)
    if not engine.spec.locked:
        pytest.skip(f"{name} moves any face")
    with pytest.raises(FaceError, match="and no other face"):
        engine.encode_identity(source(engine.spec.size))


def test_points_are_enough_unless_the_spec_says_otherwise(name):
    engine = small(name)
    if engine.spec.reads_driver_pixels:
        pytest.skip(f"{name} looks at the driver's pixels")
    assert len(run(engine, clip=replace(driver(engine.spec.size), crops=()))) == 6


@pytest.mark.parametrize("size", [0, -512, 63, 100, 4096])
def test_a_size_that_it_does_not_take_is_refused_with_the_choices(name, size):
    with pytest.raises(OptionError, match=rf"{name} does not work at size {size}; choose "):
        engines.create(name, size=size)


def test_a_runtime_that_it_does_not_have_is_refused(name):
    sentence = "choose from auto, " if engines.spec(name).runtimes else "one runtime alone"
    with pytest.raises(OptionError, match=f"The engine {name} has .*{sentence}"):
        engines.create(name, runtime="abacus")


def test_the_runtime_that_is_asked_for_is_taken():
    assert engines.create("guided", size=128, runtime="torch").runtime == "torch"
    with pytest.raises(OptionError, match="puppet has one runtime alone and cannot be run in 'torch'"):
        engines.create("puppet", runtime="torch")


def test_an_unknown_engine_is_refused_with_the_choices():
    with pytest.raises(OptionError, match=f"There is no engine 'pupet'; choose from {', '.join(engines.available())}"):
        engines.create("pupet")


def test_the_default_is_there():
    assert engines.DEFAULT in engines.available()


# --- engines for bodies -----------------------------------------------------------------------------------------------


def bodies() -> list[str]:
    return [name for name in engines.ENGINES if engines.spec(name).region == "body"]


def test_who_asks_for_a_face_is_given_no_body():
    assert bodies() and not set(bodies()) & set(engines.available())
    for name in bodies():
        with pytest.raises(OptionError, match=f"The engine {name} moves a body, not a face; choose from guided"):
            engines.create(name)


def test_an_engine_without_its_weights_is_not_offered_and_says_so(monkeypatch):
    monkeypatch.setattr(weights, "FILES", {})
    assert engines.available("body") == ()
    for name in bodies():
        with pytest.raises(WeightsError, match=f"The engine {name} needs the model file"):
            engines.create(name, region="body")


def test_a_body_engine_is_made_by_the_registry_where_its_weights_are(monkeypatch, tmp_path):
    """With a dancer who was taught for no time at all, in the place of the one that comes along."""
    from bodies import dance, lesson

    from living_portraits.engines.dance import dancer

    path = tmp_path / "dancer.dancer"
    dancer.write(path, lesson().dancer({}, face=True))
    about = weights.WeightsFile(path.name, weights._sha256(path), path.stat().st_size, "none")
    monkeypatch.setattr(weights, "folder", lambda: tmp_path)
    monkeypatch.setitem(weights.FILES, "dancer", about)
    monkeypatch.setattr(
        "living_portraits.engines.dance.Dance.spec", replace(engines.spec("dance"), size=64, sizes=(64,))
    )
    assert engines.available("body") == ("dance",)
    engine = engines.create("dance", region="body")
    steps = dance()
    frames = list(engine.generate(engine.encode_identity(), engine.encode_motion(steps)))
    assert len(frames) == len(steps) and frames[0].shape == (64, 64, 3)
    assert engine.spec == engines.spec("dance")


def test_only_an_engine_that_is_taught_people_takes_an_identity(name, tmp_path):
    if not engines.spec(name).teachable:
        with pytest.raises(OptionError, match=f"The engine {name} is taught nobody in person"):
            engines.create(name, identity="ada")
        return
    with pytest.raises(OptionError, match="called 'nobody at all'"):
        engines.create(name, identity="nobody at all")
    (tmp_path / "ada.person").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match=r"ada\.person"):
        engines.create(name, identity=str(tmp_path / "ada.person"))
