"""Pictures come as a player shows them: turned, with square pixels, and their times stay."""

from fractions import Fraction

import numpy as np
import pytest

from ops.media.probe import probe
from ops.media.readers import iter_frames, sample_frames
from ops.media.upright import plausible_aspect, quarter_turns, shown_size
from ops.media.video import decode_frames, open_video
from tests.factories.media import draw_index, read_index, write_clip, write_turned


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_turned_clip_is_shown_as_it_was_drawn(tmp_path, turns):
    path = write_turned(tmp_path / "a.mp4", turns)
    facts = probe(path)
    assert (facts.width, facts.height, facts.rotation) == (160, 96, (-90 * turns) % 360)
    frames = list(iter_frames(path))
    assert [read_index(picture) for _, picture in frames] == list(range(60))
    assert [time for time, _ in frames] == pytest.approx(np.arange(60) / 30, abs=1e-3)
    assert np.abs(frames[5][1].astype(int) - draw_index(5, 160, 96)).mean() < 12, "mirrored or upside down"
    for _, picture in sample_frames(path, 4, max_height=48):
        assert picture.shape == (48, 80, 3)


@pytest.mark.parametrize(
    ("aspect", "size"),
    [(Fraction(4, 3), (214, 96)), (Fraction(1, 2), (160, 192)), (Fraction(1, 50), (160, 96)), (None, (160, 96))],
)
@pytest.mark.parametrize("extension", ["mp4", "mkv"])
def test_pixels_become_square(tmp_path, aspect, size, extension):
    path = write_clip(tmp_path / f"a.{extension}", num_frames=12, pixel_aspect=aspect)
    facts = probe(path)
    assert (facts.width, facts.height) == size
    frames = list(iter_frames(path))
    assert [read_index(picture) for _, picture in frames] == list(range(12))
    assert {picture.shape[1::-1] for _, picture in frames} == {size}


def test_the_size_is_known_before_a_frame_is_decoded(tmp_path):
    with open_video(write_turned(tmp_path / "a.mp4", 3)) as video:
        assert video.size == (160, 96)
        frame = next(decode_frames(video))
        assert (frame.width, frame.height) == video.size


def test_what_a_header_cannot_mean_is_ignored():
    assert [quarter_turns(angle) for angle in (0, -90, 90, 180, -180, 45, 89.9)] == [0, 270, 90, 180, 180, 0, 90]
    assert plausible_aspect(Fraction(0)) == plausible_aspect(Fraction(1000)) == 1
    assert shown_size(720, 480, Fraction(32, 27), 90) == (480, 854)
