from pathlib import Path

import numpy as np
import pytest

from ops.media.probe import VideoProbe, probe
from ops.outcomes import BadInputError
from tests.factories.media import write_clip


def test_a_probe_survives_its_record(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", num_frames=20)
    facts = probe(tmp_path / "a.mp4")
    assert VideoProbe.from_dict(facts.to_dict()) == facts
    assert (facts.width, facts.height, facts.num_frames, facts.vfr) == (160, 96, 20, False)
    assert facts.fps_mean == pytest.approx(30, abs=0.1) and facts.duration_s == pytest.approx(20 / 30, abs=0.01)


def test_a_variable_rate_is_told_from_a_dropped_frame(tmp_path: Path) -> None:
    steady = np.arange(200) / 30
    dropped = np.delete(steady, 100)
    swinging = np.cumsum(np.where(np.arange(120) % 2, 1 / 30, 1 / 15))
    for name, pts_s, varies in (("dropped", dropped, False), ("swinging", swinging, True)):
        write_clip(tmp_path / f"{name}.mp4", num_frames=len(pts_s), pts_s=pts_s)
        facts = probe(tmp_path / f"{name}.mp4")
        assert facts.vfr is varies, name
        assert facts.num_frames == len(pts_s)


def test_a_file_that_is_cut_off_is_truncated(tmp_path: Path) -> None:
    write_clip(tmp_path / "whole.mp4", num_frames=60, container_options={"movflags": "+faststart"})
    data = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(BadInputError, match=r"^truncated:"):
        probe(tmp_path / "cut.mp4")


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"\0" * 4096)
    with pytest.raises(BadInputError):
        probe(tmp_path / "a.mp4")
