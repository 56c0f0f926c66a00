"""Published labels and videos become a batch of the lineage, now and as videos come."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from ops.crawl.optout import OptOut, add_optout
from ops.dataset.chunks import ChunkConfig, build_chunks, chunk_spans
from ops.dataset.shards import build_shards, iterate_samples
from ops.dataset.verify import verify_shards
from ops.gamepad import PadTrace
from ops.nitrogen.importer import import_labels
from ops.nitrogen.layout import ChunkSource, chunk_members, safe_id
from ops.outcomes import RejectedError
from ops.stages.published import JoinConfig, align, find_videos, join_videos, view_of, write_missing
from ops.store.layout import PUBLISHED
from ops.store.parallel import SerialMapper
from ops.store.storage import Store
from ops.store.tables import table_to_trace
from ops.takedown import take_down
from tests.factories.nitrogen import as_members, write_tar
from tests.factories.policy_data import draw_frames, make_trace, write_clip


def test_rows_go_to_frames_by_count_or_by_time():
    trace, _ = make_trace(120, 60.0, 0)
    chunks = [[0, 0.0, 0, 60, 60.0], [3, 2.0, 120, 60, 60.0]]
    late = PadTrace(np.where(np.arange(120) < 60, 0, 1) + trace.pts_s, trace.buttons, trace.sticks, trace.confidence)
    # A 30 Hz rendition: every second row, at its time; nothing between the chunks and after them.
    by_time = align(late, chunks, np.arange(120) / 30, by_frame=False)
    np.testing.assert_array_equal(by_time.sticks[:30], trace.sticks[:60:2])
    np.testing.assert_array_equal(by_time.sticks[60:90], trace.sticks[60::2])
    assert np.isnan(by_time.sticks[30:60]).all() and (by_time.confidence[90:] == 0).all()
    # 59.94 Hz instead of 60: times drift, counts do not.
    by_frame = align(late, chunks, np.arange(200) / 59.94, by_frame=True)
    np.testing.assert_array_equal(by_frame.sticks[120:180], trace.sticks[60:])
    assert np.isnan(by_frame.buttons[60:120]).all()


def test_views_hide_the_overlay_and_nobody_joins_without_a_box():
    config = JoinConfig().crop
    area, ((x, y, w, h),) = view_of([900, 500, 300, 200], [1280, 720], None, config)
    assert area == (0, 0, 1, 1)
    assert x <= 894 / 5 - 2 and y <= 494 / 720 * 256 - 2
    assert x + w >= 1206 / 5 + 1 and y + h >= 706 / 720 * 256 + 1
    area, masks = view_of([900, 500, 300, 200], [1280, 720], (0, 0, 0.5, 0.5), config)
    assert masks == []  # the overlay is beside the game
    with pytest.raises(RejectedError, match="no overlay box"):
        view_of([], [1280, 720], None, config)


@pytest.fixture
def videos(tmp_path) -> Path:
    """Two videos of 4 s at 30 Hz whose block is where the published left stick says."""
    folder = tmp_path / "videos"
    folder.mkdir()
    for number, name in enumerate(("Some title [toy-1]", "toy-2")):
        trace, x = make_trace(120, 30.0, number)
        write_clip(folder / f"{name}.mp4", draw_frames(x, number), trace.pts_s, 2.0)
    return folder


def toy_tar(path: Path) -> Path:
    found = {}
    for number in range(3):
        trace, _ = make_trace(240, 60.0, number)
        source = ChunkSource(f"toy-{number + 1}", 256, 256, "", "youtube", "toy", "generic", (4.0, 4.0, 60.0, 40.0))
        spans = chunk_spans(trace.pts_s, 2.0)
        found |= as_members(source.video_id, {span.index: chunk_members(source, span, None, trace) for span in spans})
    return write_tar(path, found)


def test_labels_and_videos_become_shards_now_and_later(tmp_path, videos):
    store = Store(str(tmp_path / "store"))
    batch = import_labels(store, toy_tar(tmp_path / "SHARD_0003.tar.gz")).batch
    assert sorted(find_videos([videos])) == ["toy-1", "toy-2"]
    (videos / "toy-2.mp4").rename(tmp_path / "toy-2.mp4")
    reports = join_videos(store, batch, find_videos([videos]), SerialMapper())
    assert reports["raw/videos"].reasons("failed") == {"missing": 2}
    assert write_missing(store, batch) == 2
    lines = store.read_bytes(f"{PUBLISHED}/{batch}/missing.csv").decode().splitlines()
    assert [line.split(",")[0] for line in lines] == ["video_id", "toy-2", "toy-3"]
    (tmp_path / "toy-2.mp4").rename(videos / "toy-2.mp4")
    reports = join_videos(store, batch, find_videos([videos]), SerialMapper())
    assert [reports[asset].num_done for asset in ("raw/videos", "overlay/crops", "labels/actions")] == [2, 1, 1]
    assert write_missing(store, batch) == 1
    build_chunks(store, batch, ChunkConfig(chunk_s=20, min_density=0))
    assert build_shards(store, batch).num_samples == 2
    assert verify_shards(store, batch) == ()
    for key, sample in iterate_samples(store, batch):
        facts = json.loads(sample["json"])
        assert facts["masks"] and facts["game"] == "toy"
        trace = table_to_trace(pq.read_table(io.BytesIO(sample["actions.parquet"])))
        expected, _ = make_trace(240, 60.0, int(key[4]) - 1)
        np.testing.assert_array_equal(trace.sticks, expected.sticks[::2])
        np.testing.assert_array_equal(trace.buttons, expected.buttons[::2])


def test_who_opted_out_goes_from_imports_and_does_not_come_back(tmp_path, videos):
    store = Store(str(tmp_path / "store"))
    tar = toy_tar(tmp_path / "SHARD_0003.tar.gz")
    batch = import_labels(store, tar).batch
    join_videos(store, batch, find_videos([videos]), SerialMapper())
    write_missing(store, batch)
    build_chunks(store, batch, ChunkConfig(chunk_s=20, min_density=0))
    build_shards(store, batch)
    for name in ("toy-2", "toy-3"):  # one at hand, one missing
        add_optout(store, OptOut("video", name, added="2026-01-01"), ())
    report = take_down(store)
    assert report.videos == ("toy-2", "toy-3") and not report.left
    assert not any(
        b"toy-2" in data or b"toy-3" in data for key in store.list(PUBLISHED) for data in [store.read_bytes(key)]
    )
    assert [key.split("_")[0] for key, _ in iterate_samples(store, batch)] == ["toy-1"]
    assert verify_shards(store, batch) == ()
    assert take_down(store).videos == ()
    again = import_labels(store, tar)
    assert (again.videos, again.opted_out) == (["toy-1"], ["toy-2", "toy-3"])


def test_videos_of_odd_names_are_found_by_the_id_that_the_store_knows(tmp_path, videos):
    (videos / "toy-2.mp4").rename(videos / "my clip.v2.mp4")
    trace, _ = make_trace(240, 60.0, 1)
    source = ChunkSource("my clip.v2", 256, 256, "", "local", "toy", "generic", (4.0, 4.0, 60.0, 40.0))
    spans = chunk_spans(trace.pts_s, 2.0)
    files = as_members(source.video_id, {span.index: chunk_members(source, span, None, trace) for span in spans})
    store = Store(str(tmp_path / "store"))
    batch = import_labels(store, write_tar(tmp_path / "SHARD_0004.tar.gz", files)).batch
    reports = join_videos(store, batch, find_videos([videos]), SerialMapper())
    (unit,) = reports["labels/actions"].units
    assert (unit.video_id, unit.outcome.kind) == (safe_id("my clip.v2"), "ok")
    build_chunks(store, batch, ChunkConfig(chunk_s=20, min_density=0))
    assert build_shards(store, batch).num_samples == 1
    assert verify_shards(store, batch) == ()
