import io

import pytest

from ops.media.readers import READERS, iter_frames, sample_frames, sample_keyframes
from ops.outcomes import BadInputError
from tests.factories.media import read_index, write_clip


def test_keyframes_are_sampled_near_evenly_spread_times(tmp_path):
    path = write_clip(tmp_path / "a.mp4", num_frames=60, gop=12)
    samples = sample_keyframes(path, 5, max_height=48)
    assert [read_index(picture) for _, picture in samples] == [0, 12, 24, 36, 48]
    assert [time for time, _ in samples] == pytest.approx([0, 0.4, 0.8, 1.2, 1.6], abs=2e-3)
    assert {picture.shape for _, picture in samples} == {(48, 80, 3)}


def test_a_reader_that_opens_files_by_itself_takes_no_other_bytes(tmp_path):
    path = write_clip(tmp_path / "a.mp4")
    with pytest.raises(ValueError, match="opens files by itself"):
        sample_keyframes(path, 3, opened=io.FileIO(path), reader="decord")


def test_no_frame_asked_for_is_a_mistake(tmp_path):
    with pytest.raises(ValueError, match="expected at least 1 frame, got 0"):
        sample_frames(write_clip(tmp_path / "a.mp4"), 0)


def test_readers_are_named():
    assert set(READERS) == {"pyav", "decord"}
    with pytest.raises(KeyError):
        iter_frames("a.mp4", reader="other")


def test_a_text_is_no_video(tmp_path):
    (tmp_path / "a.mp4").write_text("hello")
    with pytest.raises(BadInputError, match="not a video"):
        sample_keyframes(tmp_path / "a.mp4", 3)
