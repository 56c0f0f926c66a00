"""Each odd thing in a published file is imported or counted with its reason, and the chunk beside it is imported."""

import io
import json
import tarfile
from copy import deepcopy

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops.dataset.chunks import chunk_spans
from ops.gamepad import CONTROLS, PadTrace
from ops.nitrogen.importer import TABLE, import_labels
from ops.nitrogen.layout import ChunkSource, safe_id, write_chunk
from ops.store.layout import PUBLISHED
from ops.store.storage import Store
from ops.store.tables import table_to_trace
from tests.factories.nitrogen import as_members, make_columns, make_metadata, make_published, table_bytes, write_tar
from tests.factories.policy_data import make_trace

NAN, INFINITY = float("nan"), float("inf")
GOOD = make_published(60, 0)
ROWS = 60


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(str(tmp_path / "store"))


def import_pairs(store: Store, tmp_path, pairs, **options):
    return import_labels(store, write_tar(tmp_path / "SHARD_0000.tar.gz", pairs), **options)


def import_beside(store: Store, tmp_path, odd: dict[str, bytes]):
    """Import a good chunk and an odd one; return the report."""
    return import_pairs(store, tmp_path, as_members("vid", {0: GOOD, 1: odd}))


def read_trace(store: Store, batch: str, video: str):
    return table_to_trace(store.read_table(f"{PUBLISHED}/{batch}/{video}/{TABLE}"))


def read_data(store: Store, batch: str, video: str) -> dict:
    return store.read_json(f"{PUBLISHED}/{batch}/{video}/unit.json")["data"]


def with_field(path: str, value) -> bytes:
    """Return the metadata of chunk 1 with one field set; `del` removes it."""
    metadata = make_metadata(ROWS, 1)
    *parents, name = path.split(".")
    target = metadata
    for parent in parents:
        target = target[parent]
    target[name] = value
    return json.dumps(metadata).encode()


WRONG = [None, "abc", "40.0", "", NAN, INFINITY, -INFINITY, True, [], [1], {}, {"a": 1}, 1e300, -1e300, 10**30]
FIELDS = {
    "original_video": WRONG,
    "original_video.start_time": WRONG,
    "original_video.duration": [*WRONG, -1],
    "original_video.end_time": [*WRONG, 3],
    "original_video.start_frame": [*WRONG, -1, 1.5],
    "original_video.resolution": [*WRONG, [720], [720, 1280, 3], ["720", "1280"], [NAN, 1280], [720.5, 1280], [-1, 2]],
    "original_video.url": [3, NAN, True, [1], {"a": 1}, "\ud800"],
    "original_video.source": [3, NAN, True, [1], {"a": 1}, "\ud800"],
    "game": [3, NAN, True, ["doom"], {"a": 1}, "\ud800"],
    "controller_type": [3, NAN, True, ["xbox360"], {"a": 1}, "\ud800"],
    "bbox_controller_overlay": [
        "900 500 300 200",
        5,
        NAN,
        True,
        {"x": 1},
        [1, 2, 3],
        [1, 2, 3, 4, 5],
        [NAN, 500, 300, 200],
        [900, 500, INFINITY, 200],
        [900, None, 300, 200],
        [900, "500", 300, 200],
        [[900], 500, 300, 200],
    ],
    "bbox_game_area": ["all", 5, NAN, True, [0, 0, 1, 1], {"xtl": 0}, {"xtl": NAN, "ytl": 0, "xbr": 1, "ybr": 1}],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in FIELDS.items() for value in values])
def test_a_field_of_a_wrong_type_or_value_is_counted(field, value, store, tmp_path):
    report = import_beside(store, tmp_path, make_published(ROWS, 1) | {"metadata.json": with_field(field, value)})
    assert (report.videos, report.num_chunks, dict(report.refused)) == (["vid"], 1, {"bad metadata": 1})
    assert field.split(".")[-1] in report.examples["bad metadata"]
    report.examples["bad metadata"].encode()  # can be printed


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"null", b"3", b"[]", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5000],
    ids=["empty", "cut", "null", "number", "list", "text", "bytes", "deep list", "deep object", "long number"],
)
def test_metadata_that_is_no_object_is_counted(data, store, tmp_path):
    report = import_beside(store, tmp_path, make_published(ROWS, 1) | {"metadata.json": data})
    assert (report.num_chunks, dict(report.refused)) == (1, {"bad metadata": 1})


def test_fields_that_say_nothing_are_no_fault(store, tmp_path):
    metadata = make_metadata(ROWS, 1) | {"game": None, "controller_type": None, "bbox_controller_overlay": None}
    video = {name: metadata["original_video"][name] for name in ("resolution", "start_time")} | {"url": None}
    odd = make_published(ROWS, 1) | {"metadata.json": json.dumps(metadata | {"original_video": video}).encode()}
    report = import_beside(store, tmp_path, odd)
    assert (report.num_chunks, report.refused) == (2, {})
    assert read_data(store, report.batch, "vid")["chunks"][1] == [1, 20.0, 60, 60, 3.0]


def columns_with(**changes) -> dict[str, bytes]:
    """Return chunk 1 with other columns; None leaves one out."""
    columns = {name: value for name, value in (make_columns(ROWS, 1) | changes).items() if value is not None}
    return make_published(ROWS, 1) | {"actions_raw.parquet": table_bytes(columns)}


def lists(*rows):
    """Return a column of lists: these rows, then centred ones."""
    return pa.array([*rows, *([[0.0, 0.0]] * (ROWS - len(rows)))], pa.list_(pa.float64()))


BAD_COLUMNS = {
    "strings": {"j_left": pa.array(["0,0"] * ROWS)},
    "structs": {"j_left": pa.array([{"x": 0.0, "y": 0.0}] * ROWS)},
    "scalars": {"j_right": pa.array([0.5] * ROWS)},
    "lists of text": {"j_right": pa.array([["0", "0"]] * ROWS)},
    "lists of lists": {"j_right": pa.array([[[0.0], [0.0]]] * ROWS)},
    "3 and 1 values": {"j_left": lists([0.1, 0.2, 0.3], [0.4])},
    "no values": {"j_left": lists([], [0.1, 0.2])},
    "4 and 0 values": {"j_left": lists([0.1, 0.2, 0.3, 0.4], [])},
    "three each": {"j_left": pa.array([[0.0, 0.0, 0.0]] * ROWS, pa.list_(pa.float64(), 3))},
    "infinite": {"j_left": lists([INFINITY, 0.0])},
    "another unit": {"j_left": lists([32767.0, 0.0])},
    "no stick": {"j_left": None},
    "text button": {"south": pa.array(["yes"] * ROWS)},
    "list button": {"south": lists([1.0, 0.0])},
    "button of 7": {"south": pa.array([7] * ROWS)},
    "infinite button": {"south": pa.array([INFINITY] * ROWS)},
    "times that stand": {"pts_s": pa.array([20.0] * ROWS)},
    "times of NaN": {"pts_s": pa.array([NAN] * ROWS)},
}


@pytest.mark.parametrize("changes", BAD_COLUMNS.values(), ids=BAD_COLUMNS)
def test_a_table_of_a_wrong_shape_or_value_is_counted(changes, store, tmp_path):
    report = import_beside(store, tmp_path, columns_with(**changes))
    assert (report.num_chunks, dict(report.refused)) == (1, {"bad table": 1})
    assert "vid_chunk_0001" in report.examples["bad table"]


GOOD_COLUMNS = {
    "large lists": {"j_left": pa.array([[0.5, -0.5]] * ROWS, pa.large_list(pa.float32()))},
    "fixed lists": {"j_left": pa.array([[0.5, -0.5]] * ROWS, pa.list_(pa.float64(), 2))},
    "text confidence": {"confidence": pa.array(["high"] * ROWS)},
    "one confidence": {"confidence": pa.array([0.5] * ROWS)},
    "foreign confidence": {"confidence": pa.array([{"model": 0.5}] * ROWS)},
    "list confidence": {"confidence": lists([0.5])},
    "text times": {"pts_s": pa.array(["00:00"] * ROWS)},
    "frame numbers": {"pts_s": pa.array(range(ROWS))},
    "foreign columns": {"frame": pa.array(range(ROWS)), "note": pa.array([{"a": [1]}] * ROWS)},
    "float buttons": {"south": pa.array([0.9] * ROWS)},
}


@pytest.mark.parametrize("changes", GOOD_COLUMNS.values(), ids=GOOD_COLUMNS)
def test_other_types_and_foreign_columns_are_no_fault(changes, store, tmp_path):
    report = import_beside(store, tmp_path, columns_with(**changes))
    assert (report.num_chunks, report.refused) == (2, {})
    trace = read_trace(store, report.batch, "vid")
    assert np.isfinite(trace.buttons).all() and np.isfinite(trace.sticks).all() and (trace.confidence == 1).all()
    np.testing.assert_allclose(trace.pts_s[ROWS:], 20 + np.arange(ROWS) / 3)
    if "j_left" in changes:
        assert (trace.sticks[ROWS:, :2] == [0.5, -0.5]).all()


def test_odd_values_of_our_own_columns_are_unknown(store, tmp_path):
    sure = dict.fromkeys(CONTROLS, 1.0)
    column = pa.array([sure | {"south": NAN}, sure | {"south": None}, sure | {"east": 3.0}, *([sure] * (ROWS - 3))])
    sticks = lists([NAN, 0.0], None, [None, 0.5])
    report = import_beside(store, tmp_path, columns_with(confidence=column, j_left=sticks))
    trace = read_trace(store, report.batch, "vid")[ROWS:]
    south, east = (CONTROLS.index(name) for name in ("south", "east"))
    assert np.isnan(trace.buttons[:2, south]).all() and np.isfinite(trace.buttons[2:, south]).all()
    assert (trace.confidence[:2, south] == 0).all() and trace.confidence[2, east] == 1
    assert np.isnan(trace.sticks[:3, :2]).all() and np.isfinite(trace.sticks[3:]).all()


def test_a_box_that_cannot_be_is_never_masked(store, tmp_path):
    odd = make_published(ROWS, 0, bbox_controller_overlay=[NAN, 500, 300, 200])
    report = import_pairs(store, tmp_path, as_members("vid", {0: odd, 1: make_published(ROWS, 1)}))
    assert read_data(store, report.batch, "vid")["box"] == [900, 500, 300, 200]
    assert (report.num_chunks, dict(report.refused)) == (1, {"bad metadata": 1})


@pytest.mark.parametrize("bad", [b"", b"no table", table_bytes({"south": pa.array([1])})])
@pytest.mark.parametrize("raw_is_bad", [False, True])
def test_a_damaged_table_hides_no_good_one(bad, raw_is_bad, store, tmp_path):
    tables = ["actions_raw.parquet", "actions_processed.parquet"]
    files = GOOD | {tables[raw_is_bad]: GOOD["actions_raw.parquet"], tables[not raw_is_bad]: bad}
    report = import_pairs(store, tmp_path, as_members("vid", {0: files}), prefer_raw=raw_is_bad)
    assert (report.num_chunks, report.num_damaged, report.refused) == (1, 1, {})
    assert report.num_processed == raw_is_bad
    assert "vid_chunk_0000" in report.examples["damaged"]
    assert read_trace(store, report.batch, "vid").num_frames == ROWS


def test_a_chunk_is_imported_once_and_again_is_counted(store, tmp_path):
    once = list(as_members("vid", {0: GOOD, 1: make_published(ROWS, 1)}).items())
    again = [(f"copy/{name}", data) for name, data in once]
    other_spelling = [(name.replace("_chunk_0001", "_chunk_1"), data) for name, data in once if "_0001" in name]
    between = list(as_members("other", {0: GOOD}).items())
    report = import_pairs(store, tmp_path, [*once, *once, *between, *again, *other_spelling])
    assert (report.videos, report.num_chunks) == (["other", "vid"], 3)
    assert dict(report.refused) == {"duplicate": 5}
    assert read_trace(store, report.batch, "vid").num_frames == 2 * ROWS
    assert [chunk[0] for chunk in read_data(store, report.batch, "vid")["chunks"]] == [0, 1]


def test_a_damaged_copy_hides_no_good_one(store, tmp_path):
    torn = [
        (name, b"{") if name.endswith("json") else (name, data) for name, data in as_members("v", {0: GOOD}).items()
    ]
    report = import_pairs(store, tmp_path, [*torn, *as_members("v", {0: GOOD}).items()])
    assert (report.num_chunks, dict(report.refused)) == (1, {"bad metadata": 1})


def test_files_of_one_chunk_may_lie_apart(store, tmp_path):
    chunks = {index: make_published(ROWS, index) for index in range(2)}
    files = [*as_members("a", chunks).items(), *as_members("b", chunks).items()]
    processed = ("SHARD_0000/a/a_chunk_0000/actions_processed.parquet", GOOD["actions_raw.parquet"])
    rng = np.random.default_rng(0)
    shuffled = [files[place] for place in rng.permutation(len(files))]
    report = import_pairs(store, tmp_path, [*shuffled, processed])
    assert (report.num_chunks, report.num_processed, report.refused) == (4, 1, {})
    mixed = {key: store.read_bytes(key) for key in store.list(PUBLISHED)}
    report = import_pairs(store, tmp_path, [*files, processed])
    assert {key: store.read_bytes(key) for key in store.list(PUBLISHED)} == mixed  # the order says nothing


def test_half_a_chunk_is_counted(store, tmp_path):
    pairs = [pair for pair in as_members("v", {0: GOOD, 1: GOOD}).items() if "0001/actions" not in pair[0]]
    report = import_pairs(store, tmp_path, pairs)
    assert (report.num_chunks, dict(report.refused)) == (1, {"incomplete": 1})


ODD_IDS = ["a.b", "my clip", "x" * 65, "x" * 200, "日本", "a+b", "-"]


@pytest.mark.parametrize("name", ODD_IDS)
def test_any_id_is_imported(name, store, tmp_path):
    report = import_pairs(store, tmp_path, as_members(name, {0: GOOD}) | as_members("good", {0: GOOD}))
    assert sorted(report.videos) == sorted([safe_id(name), "good"])
    data = read_data(store, report.batch, safe_id(name))
    assert data.get("published_id", safe_id(name)) == name
    assert "published_id" not in read_data(store, report.batch, "good")


def test_folders_of_our_own_labels_are_imported_whatever_they_are_called(store, tmp_path):
    trace, _ = make_trace(60, 30.0, 0)
    trace = PadTrace(trace.pts_s - 5.0, trace.buttons, trace.sticks, trace.confidence)  # a clock that wrapped
    for name in ("my clip.v2", "plain"):
        source = ChunkSource(name, 1280, 720, "", "local", "other", "ps4", (4.0, 4.0, 60.0, 40.0))
        for span in chunk_spans(trace.pts_s, 20.0):
            write_chunk(tmp_path / "labels" / name, source, span, trace, trace)
        (tmp_path / "labels" / name / "report.json").write_text("{}")
    report = import_labels(store, tmp_path / "labels")
    assert (sorted(report.videos), report.refused) == (sorted([safe_id("my clip.v2"), "plain"]), {})
    np.testing.assert_array_equal(read_trace(store, report.batch, safe_id("my clip.v2")).sticks, trace.sticks)


def test_names_that_place_no_chunk_are_counted_once_each(store, tmp_path):
    pairs = list(as_members("vid", {0: GOOD}).items())
    for folder in ("x", "x_chunk_", "x_chunk_123456789", "x_chunk_1a"):
        pairs += [(f"S/{folder}/{name}", data) for name, data in GOOD.items()]
    report = import_pairs(store, tmp_path, [*pairs, ("S/README.md", b"hello")])
    assert (report.num_chunks, dict(report.refused)) == (1, {"odd name": 4})


def test_links_and_large_members_are_counted(store, tmp_path, monkeypatch):
    monkeypatch.setattr("ops.nitrogen.importer._MAX_MEMBER_BYTES", 20_000)
    path = write_tar(tmp_path / "s.tar", {})
    with tarfile.open(path, "w") as tar:
        for name, data in as_members("vid", {0: GOOD, 1: GOOD | {"metadata.json": b" " * 20_001}}).items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("vid_chunk_0002/metadata.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    report = import_labels(store, path)
    assert report.num_chunks == 1
    assert dict(report.refused) == {"too large": 1, "no file": 1, "incomplete": 1}


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_damaged_archives_give_what_they_have(suffix, store, tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / f"s.{suffix}"
    kind = suffix.removeprefix("tar").removeprefix(".")
    with tarfile.open(path, f"w:{kind}") as tar:
        for name, data in as_members("vid", {n: make_published(ROWS, n) for n in range(8)}).items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    whole = path.read_bytes()
    for _ in range(12):
        harmed = bytearray(whole[: rng.integers(1, len(whole))])
        for place in rng.integers(0, len(harmed), 3):
            harmed[place] ^= 1 << rng.integers(8)
        path.write_bytes(harmed)
        report = import_labels(store, path)
        assert report.num_chunks + sum(report.refused.values()) <= 9
    path.write_bytes(whole)
    report = import_labels(store, path)
    assert (report.num_chunks, report.cut_off) == (8, "")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from(sorted(FIELDS)), value=json_values)
def test_whatever_a_field_holds_the_chunk_is_imported_or_counted(field, value, tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    odd = make_published(ROWS, 1) | {"metadata.json": with_field(field, deepcopy(value))}
    report = import_beside(Store(str(folder / "store")), folder, odd)
    assert report.num_chunks + sum(report.refused.values()) == 2
    assert report.num_chunks >= 1
