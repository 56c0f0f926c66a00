"""An upright place through matched points."""

import numpy as np
import pytest

from ops.overlay.config import LocateConfig
from ops.overlay.fit import fit_place


def _points(count: int = 60) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 300, (count, 2)).astype(np.float32)


def test_a_place_is_fitted_through_outliers() -> None:
    source = _points()
    target = source * 0.7 + np.array([40, 90], np.float32)
    target[:25] = np.random.default_rng(1).uniform(0, 700, (25, 2))
    fitted = fit_place(source, target.astype(np.float32), LocateConfig())
    assert fitted is not None
    np.testing.assert_allclose(fitted[0], [[0.7, 0, 40], [0, 0.7, 90]], atol=0.01)
    assert 30 <= fitted[1] <= 36


@pytest.mark.parametrize("turn_deg", [5, 90, 180])
def test_a_turned_fit_is_none(turn_deg: float) -> None:
    source, turn = _points(), np.radians(turn_deg)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    for squeezed in (False, True):
        assert fit_place(source, (source @ matrix.T + 400).astype(np.float32), LocateConfig(), squeezed) is None


@pytest.mark.parametrize("scale", [0.05, 3.0])
def test_a_fit_of_an_impossible_size_is_none(scale: float) -> None:
    source = _points()
    assert fit_place(source, (source * scale + 5).astype(np.float32), LocateConfig(tolerance_px=0.5)) is None


def test_keypoints_at_one_place_count_once() -> None:
    source = np.repeat(_points(5), 10, axis=0)
    fitted = fit_place(source, source + 7, LocateConfig())
    assert fitted is not None and fitted[1] == 5


def test_too_few_points_fit_nothing() -> None:
    assert fit_place(_points(3), _points(3), LocateConfig()) is None


def test_close_matches_decide_where_some_are_rough() -> None:
    source = _points()
    target = (source * 1.5 + 10).astype(np.float32)
    target[:20] += np.float32(2)  # within the tolerance, all to one side
    fitted = fit_place(source, target, LocateConfig())
    assert fitted is not None
    np.testing.assert_allclose(fitted[0], [[1.5, 0, 10], [0, 1.5, 10]], atol=0.05)
    assert fitted[1] == 60


def test_matches_that_agree_on_nothing_fit_no_place_of_weight() -> None:
    rng = np.random.default_rng(3)
    target = rng.uniform(0, 700, (60, 2)).astype(np.float32)
    fitted = fit_place(_points(), target, LocateConfig())
    assert fitted is None or fitted[1] < LocateConfig().min_inliers


@pytest.mark.parametrize("across", [0.75, 0.9, 1.33])
def test_a_squeezed_place_has_two_scales(across: float) -> None:
    source = _points()
    target = (source * np.array([0.8 * across, 0.8]) + np.array([40, 90])).astype(np.float32)
    target[:20] = np.random.default_rng(1).uniform(0, 700, (20, 2))
    fitted = fit_place(source, target, LocateConfig(), squeezed=True)
    assert fitted is not None and 38 <= fitted[1] <= 42
    np.testing.assert_allclose(fitted[0], [[0.8 * across, 0, 40], [0, 0.8, 90]], atol=0.02)


def test_matches_that_are_a_little_off_keep_one_scale() -> None:
    rng, source = np.random.default_rng(5), _points()
    fitted = fit_place(
        source, (source * 0.7 + rng.normal(0, 0.6, (60, 2)) + 30).astype(np.float32), LocateConfig(), squeezed=True
    )
    assert fitted is not None and fitted[0][0, 0] == fitted[0][1, 1] == pytest.approx(0.7, abs=0.005)


def test_a_place_squeezed_beyond_what_pictures_are_is_none_of_weight() -> None:
    source = _points()
    fitted = fit_place(source, (source * np.array([0.4, 1.0]) + 5).astype(np.float32), LocateConfig(), squeezed=True)
    assert fitted is None or fitted[1] < LocateConfig().min_inliers
