"""Shapes as masks: their area, their place, their edges."""

import numpy as np
import pytest

from ops.skins.shapes import Patch, ellipse_points, glow, outline, premultiplied, shifted, union

PATCH = Patch(10, 20, 80, 60)


def _middle(mask: np.ndarray) -> tuple[float, float]:
    """Return x, y on the canvas of a mask's mass."""
    rows, columns = np.mgrid[: mask.shape[0], : mask.shape[1]] + 0.5
    return float((mask * columns).sum() / mask.sum()) + PATCH.left, float((mask * rows).sum() / mask.sum()) + PATCH.top


@pytest.mark.parametrize("centre", [(50, 50), (47.3, 49.6)])
@pytest.mark.parametrize("angle", [0, 30])
def test_an_ellipse_has_its_area_and_place(centre: tuple, angle: float) -> None:
    mask = PATCH.ellipse(centre, (20, 10), angle)
    assert mask.shape == (60, 80) and mask.min() >= 0 and mask.max() == 1
    assert mask.sum() == pytest.approx(np.pi * 200, rel=0.02)
    assert _middle(mask) == pytest.approx(centre, abs=0.15)


def test_corners_are_cut_off_by_their_radius() -> None:
    square, round_ = PATCH.rounded((50, 50), (20, 10), 0), PATCH.rounded((50, 50), (20, 10), 8)
    assert square.sum() == pytest.approx(800, rel=0.03)
    assert square.sum() - round_.sum() == pytest.approx((4 - np.pi) * 64, rel=0.1)
    np.testing.assert_array_equal(PATCH.rounded((50, 50), (20, 10), 99), PATCH.rounded((50, 50), (20, 10), 10))


def test_a_shape_beyond_the_patch_is_clipped_and_one_outside_is_nothing() -> None:
    assert 0 < PATCH.ellipse((10, 20), (15, 15)).sum() < np.pi * 225 / 3
    assert PATCH.ellipse((400, 400), (15, 15)).sum() == 0


def test_a_patch_around_a_shape_holds_it_with_its_margin() -> None:
    patch = Patch.around((30.5, 40.2), (10, 5), 2)
    assert (patch.left, patch.top, patch.left + patch.width, patch.top + patch.height) == (18, 33, 43, 48)


def test_strokes_are_as_thick_as_asked_for() -> None:
    line = PATCH.strokes([[(30, 50), (70, 50)]], 4)
    assert line[:, 40].sum() == pytest.approx(4, abs=0.5) and line[0].sum() == 0


def test_text_is_about_centred_and_as_high_as_asked_for() -> None:
    mask = PATCH.text("H", (50, 50), 20, 2)
    rows = np.flatnonzero(mask.max(axis=1) > 0.5)
    assert np.ptp(rows) + 1 == pytest.approx(20, abs=2) and _middle(mask) == pytest.approx((50, 50), abs=4)


def test_an_outline_is_the_inner_border() -> None:
    disc = PATCH.ellipse((50, 50), (20, 20))
    ring = outline(disc, 3)
    assert (ring <= disc).all() and ring[30, 40] == 0
    assert ring.sum() == pytest.approx(np.pi * (400 - 17**2), rel=0.1)


def test_a_glow_reaches_beyond_and_a_union_covers_both() -> None:
    disc, other = PATCH.ellipse((40, 50), (10, 10)), PATCH.ellipse((60, 50), (10, 10))
    halo = glow(disc, 4)
    assert halo.max() <= 1 and halo[30, 42] > 0.05 and disc[30, 42] == 0
    assert union(disc, other).sum() == pytest.approx(disc.sum() + other.sum(), abs=1)


def test_layers_are_painted_over_one_another_premultiplied() -> None:
    below, above = np.zeros((60, 80), np.float32), np.zeros((60, 80), np.float32)
    below[:, :40], above[:30] = 1, 0.5
    sprite = PATCH.sprite([(below, (1, 0, 0), 1.0), (above, (0, 0, 1), 0.5), (below, (0, 1, 0), 0.0)])
    assert (sprite.x, sprite.y) == (10, 20)
    np.testing.assert_allclose(sprite.rgba[0, 0], (0.75, 0, 0.25, 1))
    np.testing.assert_allclose(sprite.rgba[0, 60], (0, 0, 0.25, 0.25))
    moved = shifted(sprite, 1.5, -2)
    assert (moved.x, moved.y) == (11.5, 18) and moved.rgba is sprite.rgba


def test_points_of_an_ellipse_and_premultiplied_colours() -> None:
    points = np.array(ellipse_points((5, 6), (3, 2)))
    np.testing.assert_allclose(((points - (5, 6)) / (3, 2)) ** 2 @ (1, 1), 1)
    np.testing.assert_allclose(premultiplied(np.array([[[255, 51, 0, 51]]], np.uint8)), [[[0.2, 0.04, 0, 0.2]]])
