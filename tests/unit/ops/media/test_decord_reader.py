import importlib.util

import pytest

from ops.media.decord_reader import DecordReader
from ops.media.readers import iter_frames
from ops.media.sandbox import Limits, call
from ops.outcomes import BadInputError
from tests.factories.media import make, read_index, write_clip

if importlib.util.find_spec("decord") is None:
    pytest.skip("needs decord", allow_module_level=True)
LIMITS = Limits(wall_s=60)


def sample(path, count):
    return DecordReader().sample(path, count, 48)


def read_all(path):
    return list(DecordReader().iterate(path, None))


def test_samples_are_keyframes_with_their_times(tmp_path):
    found = call(sample, write_clip(tmp_path / "a.mp4", num_frames=60, gop=12), 5, limits=LIMITS)
    assert [read_index(picture) for _, picture in found] == [0, 12, 24, 36, 48]
    assert [time for time, _ in found] == pytest.approx([0, 0.4, 0.8, 1.2, 1.6], abs=2e-3)


@pytest.mark.parametrize(
    ("kind", "reason"), [("av1", "no decoder for AV1"), ("rotated", "rotated"), ("h264_ts", "reads MP4 and Matroska")]
)
def test_what_it_reads_wrong_is_refused_with_advice(tmp_path, kind, reason):
    path = make(kind, tmp_path)
    assert list(iter_frames(path))
    with pytest.raises(BadInputError, match=f"^unsupported: .*{reason}"):
        call(sample, path, 5, limits=LIMITS)


def test_pixels_become_square(tmp_path):
    from fractions import Fraction

    path = write_clip(tmp_path / "a.mp4", num_frames=6, pixel_aspect=Fraction(4, 3))
    found = call(read_all, path, limits=LIMITS)
    assert {picture.shape for _, picture in found} == {(96, 214, 3)}
