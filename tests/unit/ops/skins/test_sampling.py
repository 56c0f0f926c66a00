"""Sprites on other grids, and pictures mixed into frames."""

import numpy as np
import pytest

from ops.skins.sampling import antialiased, leaning, mix, spread


def test_only_what_is_shrunk_is_smoothed() -> None:
    stripes = np.zeros((20, 20, 4), np.float32)
    stripes[:, ::2] = 1
    assert antialiased(stripes, 1.0) is stripes and antialiased(stripes, 3.0) is stripes
    smooth = antialiased(stripes, 0.25)
    assert np.ptp(smooth[10, 6:14]) < 0.1 and smooth[10, 10, 3] == pytest.approx(0.5, abs=0.05)


def test_a_leaning_cap_is_foreshortened_along_its_axis() -> None:
    np.testing.assert_allclose(leaning(np.zeros(2, np.float32), 30), np.eye(2))
    right = leaning(np.array([1, 0], np.float32), 30)
    np.testing.assert_allclose(right, [[np.cos(np.pi / 6), 0], [0, 1]], atol=1e-7)
    down = leaning(np.array([0, 1], np.float32), 30)
    np.testing.assert_allclose(down, [[1, 0], [0, np.cos(np.pi / 6)]], atol=1e-7)


def test_mixing_rounds_and_stays_in_range() -> None:
    frame = np.array([[[100, 200, 255]]], np.uint8)
    mix(frame, spread(np.full((1, 1), 0.5, np.float32), 3), np.array([[[10.4, 10.6, 255]]], np.float32))
    assert frame.tolist() == [[[60, 111, 255]]]
