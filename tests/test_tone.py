"""Pictures in one colour are known from pictures with few, and yellowed skin from skin in warm light."""

import cv2
import numpy as np
import pytest

from living_portraits import face, samples, video
from living_portraits.align import Crop
from living_portraits.tone import monochrome, yellowed

PORTRAITS = ("erasmus", "astronaut", "ada_lovelace")


def toned(picture: np.ndarray, *powers: float) -> np.ndarray:
    """A print: one colour for each lightness, darker in some channels."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None] / 255
    return np.rint(255 * grey ** np.array(powers)).astype(np.uint8)


def squeezed(picture: np.ndarray) -> np.ndarray:
    """As a small JPEG file has it."""
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 60])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]


@pytest.mark.parametrize("name", PORTRAITS)
def test_prints_in_one_colour_are_known_from_paintings_and_photographs(name) -> None:
    """Erasmus's lips have his skin's colour, and only his room others; the astronaut has few colours but lips."""
    picture = video.read_picture(samples.PORTRAITS[name]).rgb
    [found, *_] = face.find(picture)
    crop = Crop.around(found.points, size=512)
    shown, points = crop.take(picture), crop.to_crop(found.points)
    assert monochrome(shown, points) == 0
    for powers in ((1, 1, 1), (0.9, 1, 1.2), (0.8, 1, 1.3), (1.2, 1, 0.8)):
        assert monochrome(toned(shown, *powers), points) > 0.95
    assert monochrome(squeezed(toned(shown, 0.8, 1, 1.3)), points) > 0.8


def test_a_face_of_few_pixels_and_a_black_picture_do_no_harm() -> None:
    points = np.zeros((478, 3), np.float32)
    assert monochrome(np.zeros((64, 64, 3), np.uint8), points) == 1
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert monochrome(noise, points + 900) == 0


@pytest.mark.parametrize(
    ("skin", "lips", "known"),
    [((210, 175, 155), (190, 130, 120), 0), ((210, 127, 92), (200, 102, 71), 0), ((200, 166, 100), (170, 114, 45), 1)],
    ids=["daylight", "lamplight", "varnish"],
)
def test_yellow_is_what_varnish_makes_and_no_lamp(skin, lips, known) -> None:
    assert yellowed(np.array(skin, np.float32), np.array(lips, np.float32)) == known
