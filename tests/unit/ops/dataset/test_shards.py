import io
import json
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.dataset.chunks import ChunkConfig, build_chunks
from ops.dataset.shards import (
    Sample,
    ShardConfig,
    build_shards,
    dataset_content,
    iterate_samples,
    list_shard_batches,
    read_index,
    read_sample,
    shard_key,
    write_shards,
)
from ops.dataset.verify import verify_dataset, verify_shards
from ops.media.remux import cut_packets
from ops.store.layout import SHARDS, manifest_key
from ops.store.storage import Store, sha256_file
from ops.store.tables import table_to_trace
from tests.factories.policy_data import make_chunk, write_videos

BATCH = "batch-000001"
CONFIG = ChunkConfig(chunk_s=2, min_chunk_s=0.5, min_density=0)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A store with two toy videos of 5 s in chunks of 2 s."""
    store = Store(str(tmp_path_factory.mktemp("made")))
    write_videos(store, BATCH, ["a", "a-b"], seconds=5, chunk_s=2)
    build_chunks(store, BATCH, CONFIG)
    return store


@pytest.fixture
def store(made, tmp_path):
    import shutil

    shutil.copytree(made.uri(), tmp_path / "store")
    store = Store(str(tmp_path / "store"))
    build_shards(store, BATCH, ShardConfig(150_000))
    return store


def shard_path(store: Store, name: str = "shard-000000.tar") -> Path:
    return Path(store.uri(shard_key(BATCH, name)))


def forge_manifest(store: Store) -> None:
    """Make sizes and hashes of the manifest fit the damaged files, so that only deeper tests can see it."""
    manifest = store.read_json(manifest_key(SHARDS, BATCH))
    for shard in manifest["shards"]:
        path = shard_path(store, shard["name"])
        shard |= {"sha256": sha256_file(path), "size_bytes": path.stat().st_size}
    store.write_json(manifest_key(SHARDS, BATCH), manifest)


def test_samples_hold_what_the_chunks_say(store):
    import av

    samples = dict(iterate_samples(store, BATCH))
    assert list(samples) == [f"{video}_chunk_000{n}" for video in ("a", "a-b") for n in range(3)]
    for key, members in samples.items():
        facts = json.loads(members["json"])
        with av.open(io.BytesIO(members["mp4"])) as container:
            pts = [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]
        import pyarrow.parquet as pq

        trace = table_to_trace(pq.read_table(io.BytesIO(members["actions.parquet"])))
        assert len(pts) == trace.num_frames == facts["num_frames"] == (30 if key.endswith("2") else 60)
        assert pts == pytest.approx(trace.pts_s - trace.pts_s[0], abs=1e-4)
        assert facts["start_s"] == pytest.approx(trace.pts_s[0])
        assert facts["fps"] == pytest.approx(30)


def test_sound_shards_verify_and_are_listed(store):
    assert verify_shards(store, BATCH) == ()
    assert list_shard_batches(store) == (BATCH,)
    assert len(store.read_json(manifest_key(SHARDS, BATCH))["shards"]) > 1


def test_same_input_same_bytes(store, made):
    names = ["shard-000000.tar", "shard-000001.tar", "index.parquet", "manifest.json"]
    before = [store.read_bytes(shard_key(BATCH, name)) for name in names]
    content = dataset_content(store, [BATCH])
    store.remove(SHARDS)
    assert build_shards(store, BATCH, ShardConfig(150_000)).changed
    assert [store.read_bytes(shard_key(BATCH, name)) for name in names] == before
    assert dataset_content(store, [BATCH]) == content
    assert not build_shards(store, BATCH, ShardConfig(150_000)).changed


def test_fewer_shards_leave_no_strays(store):
    report = build_shards(store, BATCH, ShardConfig())
    assert report.num_shards == 1
    assert [key for key in store.list(SHARDS) if key.endswith(".tar")] == [shard_key(BATCH, "shard-000000.tar")]
    assert verify_shards(store, BATCH) == ()


def test_a_sample_is_read_by_its_byte_range(store):
    whole = dict(iterate_samples(store, BATCH))
    assert {row.chunk_id: read_sample(store, BATCH, row) for row in read_index(store, BATCH)} == whole


def test_members_carry_no_trace_of_the_machine(store):
    with tarfile.open(shard_path(store)) as tar:
        members = tar.getmembers()
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {(0, 0, 0, "", "", 0o644)}


def test_verify_finds_a_flipped_byte(store):
    data = bytearray(shard_path(store).read_bytes())
    data[len(data) // 2] ^= 1
    shard_path(store).write_bytes(data)
    assert any("sha256" in problem for problem in verify_shards(store, BATCH))


@pytest.mark.parametrize("forged", [False, True])
@pytest.mark.parametrize("cut_bytes", [1, 700, 20_000])
def test_verify_finds_a_truncated_tar(store, cut_bytes, forged):
    data = shard_path(store).read_bytes()
    shard_path(store).write_bytes(data[:-cut_bytes])
    if forged:
        forge_manifest(store)
    assert verify_shards(store, BATCH)


def test_verify_finds_a_missing_shard_and_a_missing_manifest(store):
    shard_path(store).unlink()
    assert "shard-000000.tar: missing" in verify_shards(store, BATCH)
    store.remove(manifest_key(SHARDS, BATCH))
    assert "missing" in verify_shards(store, BATCH)[0]


def test_verify_finds_a_doubled_key_behind_a_forged_hash(store):
    with tarfile.open(shard_path(store)) as tar:
        members = [(info, tar.extractfile(info).read()) for info in tar]
    with tarfile.open(shard_path(store), "w", format=tarfile.USTAR_FORMAT) as tar:
        for info, data in members + members[:3]:
            tar.addfile(info, io.BytesIO(data))
    forge_manifest(store)
    assert "key 'a_chunk_0000' occurs 2 times" in verify_shards(store, BATCH)


def test_verify_finds_labels_that_do_not_fit_the_clip(store):
    with tarfile.open(shard_path(store)) as tar:
        members = [(info, tar.extractfile(info).read()) for info in tar]
    parquet = next(data for info, data in members if info.name.endswith("a_chunk_0000.actions.parquet"))
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(pq.read_table(io.BytesIO(parquet)).slice(1), sink)
    with tarfile.open(shard_path(store), "w", format=tarfile.USTAR_FORMAT) as tar:
        for info, data in members:
            data = sink.getvalue() if data is parquet else data
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    forge_manifest(store)
    assert any("59 rows of labels, 60 frames of video" in problem for problem in verify_shards(store, BATCH))


def rewrite(store: Store, change) -> None:
    """Write the first shard's members anew, each as `change(name, data)` gives it, and forge the manifest."""
    with tarfile.open(shard_path(store)) as tar:
        members = [(info, tar.extractfile(info).read()) for info in tar]
    with tarfile.open(shard_path(store), "w", format=tarfile.USTAR_FORMAT) as tar:
        for info, data in members:
            data = change(info.name, data)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    forge_manifest(store)


def test_verify_finds_labels_of_other_times_and_values(store):
    import pyarrow as pa
    import pyarrow.parquet as pq

    def altered(column: str, values) -> None:
        def change(name: str, data: bytes) -> bytes:
            if name != "a_chunk_0000.actions.parquet":
                return data
            table = pq.read_table(io.BytesIO(data))
            place = table.column_names.index(column)
            table = table.set_column(place, column, pa.array(values(table), table.schema.field(column).type))
            sink = io.BytesIO()
            pq.write_table(table, sink)
            return sink.getvalue()

        rewrite(store, change)

    altered("pts_s", lambda table: [t + 0.02 * (n > 30) for n, t in enumerate(table["pts_s"].to_pylist())])
    assert any("0.0200 s from its label" in problem for problem in verify_shards(store, BATCH))
    altered("south", lambda table: [7] * table.num_rows)
    assert any("out of range" in problem for problem in verify_shards(store, BATCH))


def test_verify_finds_an_overlay_that_shows(store):
    def change(name: str, data: bytes) -> bytes:
        if name != "a_chunk_0000.json":
            return data
        return json.dumps(json.loads(data) | {"masks": [[0, 0, 256, 256]]}).encode()

    rewrite(store, change)
    assert any("the overlay shows" in problem for problem in verify_shards(store, BATCH))


def test_verify_finds_a_lost_manifest_a_damaged_one_and_strays(store):
    path = Path(store.uri(manifest_key(SHARDS, BATCH)))
    whole = path.read_bytes()
    assert verify_dataset(store) == {BATCH: ()}
    shard_path(store, "shard-000009.tar").write_bytes(b"")
    assert verify_dataset(store) == {BATCH: ("shard-000009.tar: not in the manifest",)}
    path.write_bytes(whole[:-20])
    assert "is damaged" in verify_dataset(store)[BATCH][0]
    path.unlink()
    assert "is missing" in verify_dataset(store)[BATCH][0]
    store.remove(SHARDS)
    assert "is missing" in verify_dataset(store)[BATCH][0]  # its chunks say that it should be there


def test_verify_finds_a_key_in_two_batches_and_a_video_on_both_sides(store):
    import pyarrow as pa

    other = "batch-000002"
    for key in store.list(f"{SHARDS}/{BATCH}"):
        store.write_bytes(key.replace(BATCH, other), store.read_bytes(key))
    problems = verify_dataset(store)
    assert problems[BATCH] == ()
    assert f"key 'a_chunk_0000' is in {BATCH} too" in problems[other]
    key = shard_key(other, "index.parquet")
    table = store.read_table(key)
    sides = ["val" if side == "train" else "train" for side in table["split"].to_pylist()]
    store.write_table(key, table.set_column(table.column_names.index("split"), "split", pa.array(sides)))
    assert any("both sides" in problem for problem in verify_dataset(store)[other])


def test_a_video_that_does_not_fit_its_labels_does_not_stop_the_others(made, tmp_path):
    import shutil

    shutil.copytree(made.uri(), tmp_path / "store")
    store = Store(str(tmp_path / "store"))
    store.write_bytes(f"overlay/crops/{BATCH}/a/game.mp4", b"no video")
    report = build_shards(store, BATCH)
    assert list(report.failed) == ["a"]
    assert {key for key, _ in iterate_samples(store, BATCH)} == {f"a-b_chunk_000{n}" for n in range(3)}
    assert verify_shards(store, BATCH) == ()


def test_a_chunk_must_start_at_a_keyframe_and_counts_must_agree(made):
    with made.reading(f"overlay/crops/{BATCH}/a/game.mp4") as path:
        with pytest.raises(ValueError, match="keyframe"):
            cut_packets(path, [(7, 20)], 150)
        with pytest.raises(ValueError, match="150 frames, its labels 149"):
            cut_packets(path, [(0, 20)], 149)


@settings(max_examples=15)
@given(sizes=st.lists(st.integers(0, 30_000), max_size=8), limit=st.integers(1, 60_000))
def test_any_samples_survive_packing_in_bounded_shards(sizes, limit, tmp_path_factory):
    store = Store(str(tmp_path_factory.mktemp("packed")))
    samples = [
        Sample(make_chunk(n), {"mp4": b"m" * size, "actions.parquet": b"p" * (size % 7), "json": b"{}"})
        for n, size in enumerate(sizes)
    ]
    shards, index = write_shards(store, "b", samples, ShardConfig(limit))
    store.write_json(manifest_key(SHARDS, "b"), {"shards": shards, "index": index})
    assert dict(iterate_samples(store, "b")) == {sample.chunk.chunk_id: sample.members for sample in samples}
    for row in read_index(store, "b"):
        assert read_sample(store, "b", row) == samples[int(row.chunk_id[-4:])].members
    for shard in shards:
        assert shard["num_samples"] == 1 or shard["size_bytes"] <= limit + tarfile.RECORDSIZE + 1024


def test_a_key_is_packed_once(tmp_path):
    members = {"mp4": b"", "actions.parquet": b"", "json": b""}
    with pytest.raises(ValueError, match="came twice"):
        write_shards(Store(str(tmp_path)), "b", [Sample(make_chunk(0), members)] * 2)
    assert Store(str(tmp_path)).list() == []
