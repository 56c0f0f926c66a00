from dataclasses import astuple

import pytest

from ops.media.limits import PEEK_LIMITS, PICTURE_LIMITS, STEPS, StepName, VideoSize, limits_for, probe_limits
from tests.factories.media import probed

HOUR_FRAMES = 60 * 3600


def size(num_frames: int, width: int = 1280, height: int = 720) -> VideoSize:
    return VideoSize(num_frames, width, height)


@pytest.mark.parametrize("step", STEPS)
def test_limits_follow_the_length_of_the_video(step: StepName) -> None:
    """Whoever labels two hours gets the time for it: a fixed limit once took all labels of a long video with it."""
    minute, hours = limits_for(step, size(3600)), limits_for(step, size(2 * HOUR_FRAMES))
    slope_s = (hours.cpu_s - minute.cpu_s) / (2 * HOUR_FRAMES - 3600)
    assert slope_s > 0 and hours.wall_s > hours.cpu_s and hours.memory_bytes >= minute.memory_bytes
    further = limits_for(step, size(4 * HOUR_FRAMES))
    assert further.cpu_s - hours.cpu_s == pytest.approx(slope_s * 2 * HOUR_FRAMES)


@pytest.mark.parametrize("step", ["locate", "crop", "preview"])
def test_larger_pictures_get_more(step: StepName) -> None:
    assert limits_for(step, size(3600, 3840, 2160)).cpu_s > 1.5 * limits_for(step, size(3600, 640, 360)).cpu_s


def test_what_a_step_was_measured_to_take_lies_far_below_its_limit() -> None:
    """Of 30 s at 720p60: crop 5.6 s of CPU, delay 5.3 s (docs/benchmarks.md)."""
    thirty = size(1800)
    for step, measured_s in (("crop", 5.6), ("delay", 5.3)):
        assert limits_for(step, thirty).cpu_s > 10 * measured_s


def test_a_probe_follows_the_bytes_of_the_file() -> None:
    small, large = probe_limits(1_000_000), probe_limits(20_000_000_000)
    assert large.wall_s > small.wall_s + 3600 and large.cpu_s > small.cpu_s


def test_the_size_of_a_video_is_that_of_its_probe() -> None:
    assert astuple(VideoSize.of(probed(100, 30.0, 640, 360))) == (100, 640, 360)
    assert VideoSize(100, 640, 360).num_pixels == 100 * 640 * 360


def test_looks_at_a_few_pictures_have_fixed_limits() -> None:
    assert PICTURE_LIMITS.wall_s < PEEK_LIMITS.wall_s
