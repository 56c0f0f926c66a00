import json
from pathlib import Path

import pytest

from tests.factories.media import write_clip


def test_label_says_why_a_video_failed_and_does_the_others(run, tmp_path: Path, monkeypatch) -> None:
    _use_library_of_one(tmp_path / "library", monkeypatch)
    (tmp_path / "torn.mp4").write_bytes(b"not a video at all")
    write_clip(tmp_path / "plain.mp4")
    out = tmp_path / "labels"
    result = run("label", tmp_path / "torn.mp4", tmp_path / "plain.mp4", "--out", out)
    assert result.exit_code == 1
    assert "torn: failed: not a video" in result.output
    assert "plain: rejected: no overlay found" in result.output
    report = json.loads((out / "torn" / "report.json").read_text())
    assert (report["outcome"], report["video_id"]) == ("failed", "torn")


def _use_library_of_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.matchers import library
    from ops.skins.procedural import make_skin

    folder.mkdir()
    make_skin("ps4-flat-01").template().save(folder)
    monkeypatch.setattr(library, "cached_library", lambda *_: folder)


def test_two_videos_of_one_name_are_refused(run, tmp_path: Path) -> None:
    result = run("label", "a/x.mp4", "b/x.mp4", "--out", tmp_path)
    assert result.exit_code == 2
    assert "two videos are called 'x'" in " ".join(result.output.split())
