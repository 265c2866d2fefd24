"""The One Euro filter: calm at rest, quick in motion, the same for every axis of a vector."""

import numpy as np
import pytest

from living_portraits.smoothing import OneEuro, steadied

FPS = 25.0


def run(signal, **options):
    euro = OneEuro(fps=FPS, **options)
    return np.stack([euro(value) for value in signal])


def delay(signal, filtered) -> float:
    """Frames by which a ramp's filtered copy lies behind, at its end."""
    return float((signal[-1, 0] - filtered[-1, 0]) / (signal[-1, 0] - signal[-2, 0]))


def test_the_first_value_passes_and_a_constant_stays() -> None:
    constant = np.full((10, 3), 7.25)
    np.testing.assert_array_equal(run(constant, rest=1.0, gain=1.0), constant)


def test_noise_at_rest_is_taken_out() -> None:
    noise = np.random.default_rng(0).normal(size=(500, 1))
    calmed = run(noise, rest=1.0, gain=0.0)
    # A first-order low-pass of share a leaves sqrt(a / (2 - a)) of white noise: 0.33 for 1 Hz at 25 frames a second.
    share = 1 / (1 + FPS / (2 * np.pi))
    assert calmed.std() == pytest.approx(np.sqrt(share / (2 - share)), rel=0.15)


def test_speed_opens_the_filter() -> None:
    ramp = np.arange(200.0)[:, None]
    assert delay(ramp, run(ramp, rest=1.0, gain=0.0)) == pytest.approx(FPS / (2 * np.pi), rel=0.02)
    assert delay(ramp, run(ramp, rest=1.0, gain=1.0)) < 0.2


def test_a_slow_axis_is_delayed_like_the_fast_one_of_its_vector() -> None:
    ramp = np.arange(100.0)[:, None] * [1.0, 0.01]
    together = run(ramp, rest=1.0, gain=0.1)
    alone = run(ramp[:, 1:], rest=1.0, gain=0.1)
    np.testing.assert_allclose(together[:, 1], 0.01 * together[:, 0], rtol=1e-9)
    assert ramp[-1, 1] - alone[-1, 0] > 2 * (ramp[-1, 1] - together[-1, 1])


def test_points_of_one_face_are_filtered_apart() -> None:
    still_and_moving = np.zeros((60, 2, 3))
    still_and_moving[:, 0, 0] = np.arange(60.0)
    still_and_moving[:, 1] = np.random.default_rng(0).normal(size=(60, 3)) * 0.01
    calmed = run(still_and_moving, rest=0.5, gain=1.0)
    assert calmed[20:, 1].std() < 0.5 * still_and_moving[20:, 1].std()


def test_reset_forgets() -> None:
    euro = OneEuro(fps=FPS, rest=0.1, gain=0.0)
    euro(np.zeros(2))
    assert euro(np.ones(2)).max() < 0.1
    euro.reset()
    np.testing.assert_array_equal(euro(np.ones(2)), np.ones(2))


def test_steadied_neither_lags_nor_leads() -> None:
    bump = np.exp(-(((np.arange(101.0) - 50) / 6) ** 2))[:, None]
    calmed = steadied(bump, fps=FPS, rest=1.0, gain=0.0)
    np.testing.assert_allclose(calmed, calmed[::-1], atol=1e-6)
    assert calmed.argmax() == 50
    assert run(bump, rest=1.0, gain=0.0).argmax() > 51
