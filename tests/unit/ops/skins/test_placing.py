"""Boxes of whole pixels, and pictures laid over others."""

import numpy as np
import pytest

from ops.skins.placing import Box, Placed, over, to_straight
from ops.skins.shapes import premultiplied


def _filled(height: int, width: int, *rgba: float) -> np.ndarray:
    return np.full((height, width, 4), rgba, np.float32)


def test_boxes_meet_join_and_move() -> None:
    first, second, apart = Box(0, 0, 10, 8), Box(6, 4, 20, 20), Box(10, 0, 12, 8)
    assert first.overlaps(second) and not first.overlaps(apart)
    assert first.meet(second) == Box(6, 4, 10, 8) and first.meet(apart).empty
    assert first.join(second) == Box(0, 0, 20, 20) and second.moved(-6, -4) == Box(0, 0, 14, 16)
    assert np.zeros((20, 20))[second.slices].shape == (16, 14)


@pytest.mark.parametrize(("x", "y"), [(2, 3), (-2, -1), (7, 5), (50, 50), (-50, 0)])
def test_a_sprite_is_laid_over_and_clipped_to_the_canvas(x: int, y: int) -> None:
    canvas = _filled(8, 10, 0.2, 0.2, 0.2, 1)
    over(canvas, _filled(4, 5, 0.5, 0, 0, 0.5), x, y)
    expected = _filled(8, 10, 0.2, 0.2, 0.2, 1)
    rows = slice(max(y, 0), max(y + 4, 0))
    expected[rows, max(x, 0) : max(x + 5, 0)] = (0.6, 0.1, 0.1, 1)
    np.testing.assert_allclose(canvas, expected, atol=1e-6)


def test_a_sprite_is_laid_within_a_box_alone() -> None:
    canvas = np.zeros((8, 10, 4), np.float32)
    Placed(_filled(8, 10, 1, 1, 1, 1), 0, 0).lay(canvas, Box(2, 1, 4, 3))
    assert canvas[1:3, 2:4].min() == 1 and canvas.sum() == 4 * 4


def test_trimming_keeps_the_picture_and_its_place() -> None:
    rgba = np.zeros((9, 12, 4), np.float32)
    rgba[3:5, 4:10] = 0.5
    trimmed = Placed(rgba, 100, 200).trimmed()
    assert (trimmed.x, trimmed.y, trimmed.rgba.shape) == (104, 203, (2, 6, 4))
    assert Placed(np.zeros((9, 12, 4), np.float32), 1, 2).trimmed().rgba.shape == (1, 1, 4)


def test_straight_alpha_comes_back() -> None:
    rgba = np.random.default_rng(0).integers(0, 256, (6, 7, 4), dtype=np.uint8)
    rgba[0, :, 3] = 0
    back = to_straight(premultiplied(rgba))
    np.testing.assert_array_equal(back[..., 3], rgba[..., 3])
    assert not back[0].any()
    opaque = rgba[..., 3] > 0
    np.testing.assert_allclose(back[opaque].astype(int), rgba[opaque].astype(int), atol=1)
