"""A picture's detail decides at which size its face is moved, where the engine can and nobody asked for another."""

from dataclasses import replace
from fractions import Fraction

import pytest
from clips import write_clip
from drawn import face, picture
from PIL import Image
from toys import Toy, found, track_toys

from living_portraits.align import Crop
from living_portraits.animator import Animator
from living_portraits.engine import Spec
from living_portraits.engines.puppet import Puppet
from living_portraits.face import Face
from living_portraits.fineness import FINEST, fitted


def shown(side: float) -> Face:
    """A face whose crop is so many px of the picture wide."""
    own = 512 / Crop.around(face(), size=512).zoom
    return replace(found(), points=face(zoom=4.0 * side / own))


@pytest.mark.parametrize(
    ("side", "expected"), [(90, 512), (526, 512), (700, 640), (1000, 896), (1100, 1024), (4000, FINEST)]
)
def test_an_engine_of_any_size_takes_the_one_that_keeps_the_grain(side, expected):
    engine = Puppet()
    assert fitted(engine, [shown(side)]).spec.size == expected
    assert engine.spec.size == 512  # as it was


def test_the_sharpest_face_decides():
    assert fitted(Puppet(), [shown(300), shown(1000), shown(200)]).spec.size == 896


class Growing(Toy):
    """A toy that can be had at another size."""

    def sized(self, size):
        other = Growing(size=size)
        other.spec = replace(self.spec, size=size)
        return other


@pytest.mark.parametrize(("sizes", "expected"), [((64, 128, 256), 256), ((64, 128), 128)])
def test_an_engine_of_a_few_sizes_takes_the_next_larger_one(sizes, expected):
    engine = Growing()
    engine.spec = Spec(name="growing", title="a toy", size=64, sizes=sizes)
    assert fitted(engine, [shown(200)]).spec.size == expected


def test_an_engine_that_cannot_grow_stays_as_it_is():
    engine = Toy()
    assert fitted(engine, [shown(4000)]) is engine


def test_films_are_as_fine_as_their_pictures_unless_a_size_was_asked_for(monkeypatch, tmp_path):
    track_toys(monkeypatch, found())
    Image.fromarray(picture(151, 121)).save(tmp_path / "painting.png")
    clip = write_clip(tmp_path / "clip.mp4", frames=2, fps=Fraction(20))
    side = Crop.around(found().points, size=64).size / Crop.around(found().points, size=64).zoom
    assert side > 1.15 * 64
    widths = {}
    for fits in (True, False):
        animator = Animator(Growing(), fits=fits)
        widths[fits] = animator.animate(tmp_path / "painting.png", clip, tmp_path / "film.mp4", crop_only=True).width
        assert animator.engine.spec.size == 64
    assert widths == {True: 128, False: 64}
