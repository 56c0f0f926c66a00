"""Medians of frames, and which of their features stand still."""

import time
from dataclasses import dataclass

import numpy as np
import pytest

from ops.overlay.features import Features
from ops.overlay.frames import SampledFrames, in_threads, temporal_median, to_gray


@dataclass(frozen=True)
class Corners:
    """A matcher whose features are a picture's white pixels."""

    @property
    def name(self) -> str:
        return "corners"

    def describe(self, gray: np.ndarray, mask: np.ndarray | None = None) -> Features:
        rows, columns = np.nonzero(gray > 200)
        points = np.stack([columns, rows], axis=1).astype(np.float32) + 0.5
        return Features(points, np.ones((len(points), 1), np.float32))


def _frames(count: int) -> list[np.ndarray]:
    """One pixel stands still, one moves ten pixels a frame."""
    frames = np.zeros((count, 40, 400, 3), np.uint8)
    frames[:, 30, 5] = 255
    for number, frame in enumerate(frames):
        frame[10, 10 * number] = 255
    return list(frames)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8])
def test_a_temporal_median_is_numpy_s(count: int) -> None:
    pictures = np.random.default_rng(count).integers(0, 256, (count, 7, 9, 3), dtype=np.uint8)
    expected = np.median(pictures, axis=0).astype(np.uint8)
    np.testing.assert_array_equal(temporal_median(list(pictures)), expected)


@pytest.mark.parametrize(("num_frames", "num_pictures"), [(25, 5), (15, 3), (9, 3), (4, 3), (2, 2), (1, 1)])
def test_frames_become_medians_of_stretches_of_time(num_frames: int, num_pictures: int) -> None:
    sampled = SampledFrames(_frames(num_frames), frames_per_picture=5)
    assert len(sampled.features(Corners(), range(num_frames))) == num_pictures


@pytest.mark.parametrize("num_frames", [4, 25])
def test_what_moves_leaves_no_feature(num_frames: int) -> None:
    """Of few frames the medians show it, so its features are dropped; of many the medians do not."""
    sampled = SampledFrames(_frames(num_frames), frames_per_picture=5)
    for features in sampled.features(Corners(), range(num_frames)):
        np.testing.assert_array_equal(features.points, [[5.5, 30.5]])


def test_features_of_the_same_frames_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sampled, described = SampledFrames(_frames(5), 5), []
    real = Corners.describe
    monkeypatch.setattr(Corners, "describe", lambda self, gray, mask=None: described.append(1) or real(self, gray))
    first = sampled.features(Corners(), range(5))
    assert sampled.features(Corners(), [0, 1, 2, 3, 4]) is first and len(described) == 3
    sampled.features(Corners(), range(4))
    assert len(described) > 3


def test_grey_is_brightness_and_not_the_mean() -> None:
    picture = np.zeros((1, 3, 3), np.uint8)
    picture[0, [0, 1, 2], [0, 1, 2]] = 255
    np.testing.assert_allclose(to_gray(picture)[0], 255 * np.array([0.299, 0.587, 0.114]), atol=1)


def test_results_of_threads_keep_their_order() -> None:
    def late(number: int) -> int:
        time.sleep(0.02 * (3 - number))
        return number

    assert in_threads(late, range(3)) == [0, 1, 2]
