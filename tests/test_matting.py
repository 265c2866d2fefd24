"""Transparency survives being shown over black and over white."""

import numpy as np
from drawn import picture

from living_portraits.matting import cut_out, over_black, over_white


def test_over_black_rounds_to_the_nearest():
    rgb, alpha = np.full((1, 1, 3), 3, np.uint8), np.full((1, 1), 128, np.uint8)
    assert over_black(rgb, alpha).max() == 2
    assert over_white(rgb, alpha).max() == 2 + 127


def test_alpha_comes_back_exactly_and_colour_as_far_as_it_was_seen():
    rgb = picture(32, 256)
    alpha = np.tile(np.arange(256, dtype=np.uint8), (32, 1))
    result = cut_out(over_black(rgb, alpha), over_white(rgb, alpha))
    np.testing.assert_array_equal(result[:, :, 3], alpha)
    np.testing.assert_array_equal(result[:, 255, :3], rgb[:, 255])
    error = np.abs(result[:, :, :3].astype(int) - rgb)
    assert (error[:, 1:] <= np.ceil(255 / 2 / alpha[:, 1:, None]) + 1).all()


def test_what_covers_both_is_opaque():
    grey = np.full((4, 4, 3), 90, np.uint8)
    assert (cut_out(grey, grey) == (90, 90, 90, 255)).all()
