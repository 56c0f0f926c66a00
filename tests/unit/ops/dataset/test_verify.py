"""Verification finds each kind of damage, also behind forged hashes."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from ops.dataset.chunks import ChunkConfig
from ops.dataset.shards import (
    list_shard_batches,
    shard_key,
)
from ops.dataset.verify import verify_dataset, verify_shards
from ops.store.layout import SHARDS, manifest_key
from ops.store.storage import Store, sha256_file

BATCH = "batch-000001"
CONFIG = ChunkConfig(chunk_s=2, min_chunk_s=0.5, min_density=0)


def shard_path(store: Store, name: str = "shard-000000.tar") -> Path:
    return Path(store.uri(shard_key(BATCH, name)))


def forge_manifest(store: Store) -> None:
    """Make sizes and hashes of the manifest fit the damaged files, so that only deeper tests can see it."""
    manifest = store.read_json(manifest_key(SHARDS, BATCH))
    for shard in manifest["shards"]:
        path = shard_path(store, shard["name"])
        shard |= {"sha256": sha256_file(path), "size_bytes": path.stat().st_size}
    store.write_json(manifest_key(SHARDS, BATCH), manifest)


def test_sound_shards_verify_and_are_listed(store):
    assert verify_shards(store, BATCH) == ()
    assert list_shard_batches(store) == (BATCH,)
    assert len(store.read_json(manifest_key(SHARDS, BATCH))["shards"]) > 1


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
