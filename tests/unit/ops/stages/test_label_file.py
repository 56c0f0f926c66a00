import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from models.matchers.choice import choose_matchers
from models.matchers.library import open_library
from models.overlay_parser.checkpoint import CheckpointReader
from ops.gamepad import PadTrace
from ops.overlay.boxes import box_iou
from ops.overlay.config import LocateConfig
from ops.skins.procedural import make_skin
from ops.stages.label_file import REPORT, LabelJob
from ops.store.tables import ACTION_SCHEMA, table_to_trace
from ops.truth.scores import score_trace
from tests.factories import media
from tests.factories.overlays import place, write_overlay_clip

FIELDS = {
    "video_id", "outcome", "reason", "box", "template", "family", "inliers", "score", "found_by", "found_score",
    "tracks", "fps_mean", "num_frames", "num_damaged_frames", "damaged",
    "offset_frames", "offset_interval", "offset_reason", "repeated_share", "wall_s",
}  # fmt: skip
RENDERER = place("xbox_one-flat-01", 300, 330, 160)
#: 22 s: two chunks.
PTS_S = np.arange(88) / 4


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> LabelJob:
    libraries = [tmp_path_factory.mktemp(name) for name in ("library", "mine")]
    for folder, skin_id in zip(libraries, ("switch-solid-01", "xbox_one-flat-01"), strict=True):
        make_skin(skin_id).template().save(folder)
    config = LocateConfig(num_frames=4)
    return LabelJob(open_library(libraries), CheckpointReader(), choose_matchers(), preview=True, locate=config)


@pytest.fixture(scope="module")
def labelled(job: LabelJob, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict, PadTrace, list[str]]:
    """Return (folder written, report, truth, what was said) of a good clip."""
    folder = tmp_path_factory.mktemp("label")
    truth = write_overlay_clip(folder / "clip.mp4", RENDERER, PTS_S, gop=8)
    said: list[str] = []
    report = job.run(folder / "clip.mp4", folder / "out", said.append)
    return folder / "out" / "clip", report, truth, said


def test_the_report_keeps_its_contract(labelled) -> None:
    folder, report, _, said = labelled
    assert set(report) == FIELDS and json.loads((folder / REPORT).read_text()) == report
    assert (report["video_id"], report["outcome"], report["reason"]) == ("clip", "ok", "")
    assert (report["template"], report["family"]) == ("xbox_one-flat-01", "xbox_one")
    assert box_iou(report["box"], RENDERER.box) > 0.93 and report["inliers"] >= 20 and 0.5 < report["score"] <= 1
    assert report["found_by"] == "template" and 0.5 < report["found_score"] <= 1
    assert report["num_frames"] == len(PTS_S) and report["fps_mean"] == pytest.approx(4, abs=0.1)
    assert said == [
        "probing", "looking for the overlay", "cropping", "reading", "looking for the game's answer",
        "drawing the preview",
    ]  # fmt: skip


def test_chunks_in_the_published_layout_cover_all_frames(labelled) -> None:
    folder = labelled[0]
    chunks = sorted(folder.glob("clip_chunk_*"))
    assert [chunk.name for chunk in chunks] == ["clip_chunk_0000", "clip_chunk_0001"]
    for chunk in chunks:
        names = {path.name for path in chunk.iterdir()}
        assert names == {"actions_raw.parquet", "actions_processed.parquet", "metadata.json"}
        assert pq.read_schema(chunk / "actions_processed.parquet").equals(ACTION_SCHEMA)
    rows = [json.loads((chunk / "metadata.json").read_text())["chunk_size"] for chunk in chunks]
    assert rows == [80, 8]


def _read(folder: Path) -> PadTrace:
    import pyarrow as pa

    chunks = sorted(folder.glob("*_chunk_*"))
    return table_to_trace(pa.concat_tables([pq.read_table(c / "actions_processed.parquet") for c in chunks]))


def test_labels_agree_with_what_was_drawn(labelled) -> None:
    """The shipped parser on a skin of the library; figures on real clips are in docs/benchmarks.md."""
    folder, _, truth, _ = labelled
    scores = score_trace(_read(folder), truth)
    assert scores.accuracy > 0.95 and scores.stick_r2 > 0.7, scores.to_dict()


def test_the_preview_shows_every_frame_at_its_time(labelled) -> None:
    import av

    with av.open(str(labelled[0] / "preview.mp4")) as container:
        frames = list(container.decode(video=0))
    assert frames[0].width > 640 and len(frames) == len(PTS_S)
    np.testing.assert_allclose([frame.time for frame in frames], PTS_S, atol=0.02)


@pytest.mark.parametrize("kind", sorted(media.BAD))
def test_bad_files_fail_with_a_reason_of_one_line(kind: str, job: LabelJob, tmp_path: Path) -> None:
    video = media.make(kind, tmp_path)
    report = job.run(video, tmp_path / "out")
    assert report["outcome"] == "failed" and report["reason"] and "\n" not in report["reason"]
    assert set(report) == FIELDS and not list((tmp_path / "out" / video.stem).glob("*_chunk_*"))
    assert "Traceback" not in report["reason"] and not report["reason"].startswith("RuntimeError")


def test_a_missing_file_fails_and_a_plain_one_is_rejected(job: LabelJob, tmp_path: Path) -> None:
    assert job.run(tmp_path / "none.mp4", tmp_path)["outcome"] == "failed"
    write_overlay_clip(tmp_path / "plain.mp4", None, np.arange(20) / 10, gop=5)
    report = job.run(tmp_path / "plain.mp4", tmp_path)
    assert (
        report["outcome"] == "rejected" and report["reason"].startswith("no overlay found:") and report["box"] is None
    )


def test_labelling_again_leaves_nothing_of_the_time_before(job: LabelJob, tmp_path: Path) -> None:
    old = tmp_path / "out" / "plain"
    (old / "plain_chunk_0007").mkdir(parents=True)
    for name in ("plain_chunk_0007/metadata.json", "preview.mp4", "error.txt", "notes.txt"):
        (old / name).write_text("old")
    write_overlay_clip(tmp_path / "plain.mp4", None, np.arange(20) / 10, gop=5)
    job.run(tmp_path / "plain.mp4", tmp_path / "out")
    assert sorted(path.name for path in old.iterdir()) == ["notes.txt", REPORT]
