"""Published labels in and out: what real files hold is taken, what was written comes back, what is missing is said."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ops.crawl.optout import OptOut, add_optout
from ops.dataset.chunks import ChunkConfig, build_chunks, chunk_spans
from ops.dataset.shards import build_shards, iterate_samples
from ops.dataset.verify import verify_shards
from ops.gamepad import CONTROLS, DATASET, DATASET_BUTTONS, PadTrace
from ops.nitrogen.exporter import export_labels
from ops.nitrogen.importer import TABLE, import_labels
from ops.nitrogen.join import JoinConfig, align, find_videos, join_videos, view_of, write_missing
from ops.nitrogen.layout import ChunkSource, chunk_members, clip_box, parse_member, read_area, tidy_game
from ops.outcomes import RejectedError
from ops.store.batch import Unit
from ops.store.layout import PUBLISHED, manifest_key
from ops.store.parallel import SerialMapper
from ops.store.storage import Store
from ops.store.tables import table_to_trace
from ops.takedown import take_down
from tests.factories.policy_data import draw_frames, make_trace, write_clip

SOURCE = ChunkSource("abc-1_2", 1920, 1080, "https://example.org/v", "twitch", "celeste", "ps4", (10, 20, 300, 200))


def tar_of(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def published(rows: int, index: int = 0, sticks=float, button="int32", **changes) -> dict[str, bytes]:
    """Return a chunk's files as the published dataset has them: alphabetical columns, no times, no confidence."""
    rng = np.random.default_rng(index)
    columns = {name: pa.array(rng.integers(0, 2, rows), pa.int64()).cast(button) for name in sorted(DATASET_BUTTONS)}
    for name in ("j_left", "j_right"):
        values = [[sticks(v) for v in pair] for pair in rng.uniform(-1, 1, (rows, 2))]
        columns[name] = pa.array(values, pa.list_(pa.int64() if sticks is int else pa.float64()))
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    metadata = {
        "uuid": "x", "chunk_id": f"{index:04d}", "chunk_size": rows,
        "original_video": {
            "resolution": [720, 1280], "video_id": "vid", "duration": 20, "start_time": 20 * index,
            "end_time": 20 * index + 20, "start_frame": rows * index, "end_frame": rows * index + rows - 1,
            "url": "https://example.org/watch", "source": "youtube",
        },
        "game": "elden_ring", "controller_type": "xbox360", "bbox_controller_overlay": [900, 500, 300, 200],
    } | changes  # fmt: skip
    return {"actions_raw.parquet": sink.getvalue(), "metadata.json": json.dumps(metadata).encode()}


def members(video: str, chunks: dict[int, dict[str, bytes]]) -> dict[str, bytes]:
    return {
        f"SHARD_0000/{video}/{video}_chunk_{index:04d}/{name}": data
        for index, files in chunks.items()
        for name, data in files.items()
    }


def read_back(store: Store, batch: str, video: str) -> tuple[PadTrace, dict]:
    folder = f"{PUBLISHED}/{batch}/{video}"
    return table_to_trace(store.read_table(f"{folder}/{TABLE}")), store.read_json(f"{folder}/unit.json")["data"]


@st.composite
def traces(draw) -> PadTrace:
    rows = draw(st.integers(1, 60))
    pts = np.cumsum(draw(hnp.arrays(np.float64, rows, elements=st.floats(0.01, 0.9))))
    buttons = draw(hnp.arrays(np.float32, (rows, 17), elements=st.sampled_from([0.0, 1.0, np.nan])))
    sticks = draw(hnp.arrays(np.float32, (rows, 2, 2), elements=st.floats(-1, 1, width=32)))
    sticks[draw(hnp.arrays(np.bool_, (rows, 2)))] = np.nan
    sure = draw(hnp.arrays(np.float32, (rows, len(CONTROLS)), elements=st.floats(0.125, 1, width=32)))
    known = np.concatenate([np.isfinite(buttons), np.isfinite(sticks).all(axis=2)], axis=1)
    return PadTrace(pts, buttons, sticks.reshape(rows, 4), np.where(known, sure, 0).astype(np.float32))


@settings(max_examples=10, deadline=None)
@given(trace=traces(), with_raw=st.booleans())
def test_what_was_written_comes_back(trace, with_raw, tmp_path_factory):
    folder = tmp_path_factory.mktemp("round")
    chunks = {
        span.index: chunk_members(SOURCE, span, trace if with_raw else None, trace)
        for span in chunk_spans(trace.pts_s, 20.0)
    }
    for files in chunks.values():  # strict: no reader of the published files meets a null
        for name, data in files.items():
            if name.endswith("parquet"):
                table = pq.read_table(io.BytesIO(data))
                assert table.column_names[:19] == [*DATASET_BUTTONS, "j_left", "j_right"]
                assert all(table[name].null_count == 0 for name in table.column_names)
    store = Store(str(folder / "store"))
    report = import_labels(store, tar_of(folder / "SHARD_0007.tar.gz", members(SOURCE.video_id, chunks)))
    assert (report.batch, report.num_chunks, report.refused) == ("nitrogen-shard_0007", len(chunks), {})
    assert report.num_processed == (len(chunks) if with_raw else 0)
    back, data = read_back(store, report.batch, SOURCE.video_id)
    for name in ("pts_s", "buttons", "sticks", "confidence"):
        np.testing.assert_array_equal(getattr(back, name), getattr(trace, name), err_msg=name)
    expected = {"game": "celeste", "family": "ps4", "source": "twitch", "url": SOURCE.url, "size": [1920, 1080]}
    assert {name: data[name] for name in expected} == expected
    assert data["box"] == list(SOURCE.box)


def test_real_files_are_taken_as_they_are(tmp_path):
    filtered = published(600, 0)
    chunks = {
        0: filtered | {"actions_processed.parquet": filtered["actions_raw.parquet"]},
        1: published(1200, 1, sticks=int),
        2: published(
            900, 2, button="bool", game="inscreva-se_no_canal_", bbox_controller_overlay=[1200, 600, 300, 400]
        ),
        5: published(600, 5, bbox_game_area={"xtl": 0.1, "ytl": 0, "xbr": 0.9, "ybr": 1}, bbox_others=[[1, 2, 3, 4]]),
    }
    path = tar_of(tmp_path / "SHARD_0000.tar.gz", {"SHARD_0000/README": b"hello"} | members("vid", chunks))
    store = Store(str(tmp_path / "store"))
    report = import_labels(store, path)
    assert (report.num_chunks, report.num_processed, report.refused, report.cut_off) == (4, 1, {}, "")
    assert report.hours == pytest.approx(80 / 3600)
    trace, data = read_back(store, report.batch, "vid")
    assert trace.num_frames == 600 + 1200 + 900 + 600
    assert [rate for *_, rate in data["chunks"]] == [30, 60, 45, 30]
    assert trace.pts_s[[0, 600, 1800, 2700]].tolist() == [0, 20, 40, 100]
    assert set(np.unique(trace.buttons)) == {0, 1} and np.abs(trace.sticks).max() <= 1
    assert set(np.unique(trace.sticks[600:1800])) == {0}  # integers of values within one
    assert (data["game"], data["family"]) == ("elden_ring", "xbox_360")
    table = pq.read_table(io.BytesIO(chunks[1]["actions_raw.parquet"]))
    assert np.array_equal(trace.buttons[600:1800, DATASET.index("west")], table["west"].to_numpy())


def test_what_makes_no_sense_is_counted_and_stops_nothing(tmp_path):
    bad = published(600, 1) | {"metadata.json": b"{"}
    empty = {
        "actions_raw.parquet": published(0, 2)["actions_raw.parquet"],
        "metadata.json": published(600, 2)["metadata.json"],
    }
    narrow = published(600, 3)
    table = pq.read_table(io.BytesIO(narrow["actions_raw.parquet"])).drop_columns(["south"])
    sink = io.BytesIO()
    pq.write_table(table, sink)
    chunks = {
        0: published(600, 0), 1: bad, 2: empty, 3: narrow | {"actions_raw.parquet": sink.getvalue()},
        4: {"metadata.json": b"{}"}, 6: published(600, 6) | {"actions_raw.parquet": b"no table"},
    }  # fmt: skip
    path = tar_of(tmp_path / "s.tar.gz", members("vid", chunks) | members("../../evil", {0: published(600)}))
    report = import_labels(Store(str(tmp_path / "store")), path)
    assert report.videos == ["evil", "vid"]  # names are taken apart, never followed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.tar.gz", "store"]
    assert report.num_chunks == 2
    assert dict(report.refused) == {"bad metadata": 2, "bad table": 2, "incomplete": 1}
    assert "south" in report.examples["bad table"]


def test_a_file_that_is_cut_off_gives_what_it_has(tmp_path):
    path = tar_of(
        tmp_path / "s.tar.gz",
        members("one", {n: published(600, n) for n in range(3)})
        | members("two", {n: published(600, n) for n in range(3)}),
    )
    whole = path.read_bytes()
    path.write_bytes(whole[: int(0.8 * len(whole))])
    store = Store(str(tmp_path / "store"))
    report = import_labels(store, path)
    assert "one" in report.videos
    assert 3 <= report.num_chunks < 6
    assert "cut off" in report.cut_off
    path.write_bytes(whole)
    assert import_labels(store, path).num_chunks == 6


def test_members_of_a_video_may_lie_apart_and_folders_do_too(tmp_path):
    one, two = members("one", {0: published(600, 0)}), members("two", {0: published(600, 0)})
    later = members("one", {1: published(600, 1)})
    store = Store(str(tmp_path / "store"))
    report = import_labels(store, tar_of(tmp_path / "s.tar.gz", one | two | later))
    assert read_back(store, report.batch, "one")[0].num_frames == 1200
    for name, data in (one | later).items():
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_bytes(data)
    report = import_labels(store, tmp_path / "tree")
    assert report.batch == "nitrogen-tree"
    assert read_back(store, report.batch, "one")[0].num_frames == 1200


def test_names_boxes_and_areas():
    assert parse_member("SHARD_0001/a-_9/a-_9_chunk_0025/metadata.json") == ("a-_9", 25, "metadata.json")
    for name in ("SHARD/x.y/x.y_chunk_0000/metadata.json", "a_chunk_0000/evil.sh", "a_chunk_/metadata.json"):
        assert parse_member(name) is None
    assert [tidy_game(name) for name in ("Elden Ring ", "inscreva-se_no_canal_", "", "like_a_dragon", "other")] == [
        "elden_ring", "other", "other", "like_a_dragon", "other",
    ]  # fmt: skip
    assert clip_box([-10, 700, 50, 90], 1280, 720) == (0, 700, 40, 20)
    assert clip_box([1300, 0, 50, 90], 1280, 720) == clip_box(None, 1280, 720) == clip_box([1, 2], 1280, 720) == ()
    assert read_area({"xtl": 128, "ytl": 0, "xbr": 1152, "ybr": 720}, 1280, 720) == (0.1, 0, 0.9, 1)
    assert read_area({"xtl": 0.5, "ytl": 0.5, "xbr": 0.51, "ybr": 1}, 1280, 720) is None
    assert read_area([0, 0, 1, 1], 1280, 720) is None


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
        found |= members(source.video_id, {span.index: chunk_members(source, span, None, trace) for span in spans})
    return tar_of(path, found)


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


def test_exports_are_deterministic_and_say_what_they_leave_out(tmp_path):
    store, trace = Store(str(tmp_path / "store")), make_trace(130, 30.0, 0)[0]
    from ops.outcomes import Outcome
    from ops.store.tables import trace_to_table

    units = [Unit(name, Outcome.ok(family="ps5")) for name in ("a", "b", "torn")]
    store.write_json(manifest_key("labels/actions", "x"), {"units": [unit.to_record() for unit in units]})
    for unit in units:
        store.write_table(f"labels/actions/x/{unit.video_id}/actions.parquet", trace_to_table(trace))
    store.write_table("labels/raw_actions/x/torn/actions.parquet", trace_to_table(trace[:5]))
    reports = [export_labels(store, ["x"], Store(str(tmp_path / name)), max_shard_bytes=1) for name in ("one", "two")]
    assert reports[0] == reports[1]
    assert (reports[0].num_videos, reports[0].num_chunks) == (2, 2)
    assert "5 rows of raw labels, 130 of processed" in reports[0].skipped["torn"]
    files = sorted((tmp_path / "one" / "actions").iterdir())
    assert [file.name for file in files[:2]] == ["SHARD_0000.tar.gz", "SHARD_0001.tar.gz"]
    assert all(file.read_bytes() == (tmp_path / "two" / "actions" / file.name).read_bytes() for file in files)
    back = import_labels(Store(str(tmp_path / "again")), files[0])
    assert read_back(Store(str(tmp_path / "again")), back.batch, "a")[1]["family"] == "ps5"
