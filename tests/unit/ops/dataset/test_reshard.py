"""Videos leave finished chunks and shards; the rest stays byte for byte, and a reader never meets half of it."""

import pytest

from ops.dataset.chunks import read_chunks
from ops.dataset.reshard import drop_chunks, drop_samples
from ops.dataset.shards import iterate_samples, read_index, read_sample, shard_key
from ops.dataset.verify import verify_dataset
from ops.store.layout import CHUNKS, SHARDS, manifest_key
from ops.store.storage import Store
from tests.factories.policy_data import make_dataset


@pytest.fixture
def dataset(tmp_path) -> tuple[Store, str, list[str]]:
    """Three toy videos in several shards."""
    store = Store(str(tmp_path))
    batch = make_dataset(store, num_train=2, num_val=1, seconds=4, chunk_s=2, max_shard_bytes=150_000)
    return store, batch, sorted({row.video_id for row in read_index(store, batch)})


def test_the_other_samples_stay_as_they_were(dataset):
    store, batch, (gone, *left) = dataset
    before = dict(iterate_samples(store, batch))
    untouched = {row.shard for row in read_index(store, batch)} - {
        row.shard for row in read_index(store, batch) if row.video_id == gone
    }
    assert drop_chunks(store, batch, [gone]) and drop_samples(store, batch, [gone])
    after = dict(iterate_samples(store, batch))
    assert after == {key: members for key, members in before.items() if not key.startswith(gone)}
    assert {row.video_id for row in read_index(store, batch)} == set(left)
    assert all(read_sample(store, batch, row) == after[row.chunk_id] for row in read_index(store, batch))
    assert {chunk.video_id for chunk in read_chunks(store, batch)} == set(left)
    assert all(store.exists(shard_key(batch, name)) for name in untouched)
    assert verify_dataset(store) == {batch: ()}


def test_what_is_not_there_changes_nothing(dataset):
    store, batch, _ = dataset
    before = {key: store.read_bytes(key) for key in store.list()}
    assert drop_chunks(store, batch, ["nobody"]) == drop_samples(store, batch, ["nobody"]) == ()
    assert drop_samples(store, "no-such-batch", ["nobody"]) == drop_chunks(store, "no-such-batch", ["nobody"]) == ()
    assert {key: store.read_bytes(key) for key in store.list()} == before


def test_no_byte_of_a_dropped_video_is_left(dataset):
    store, batch, (gone, *_) = dataset
    drop_chunks(store, batch, [gone])
    drop_samples(store, batch, [gone])
    held = [key for asset in (CHUNKS, SHARDS) for key in store.list(asset) if gone.encode() in store.read_bytes(key)]
    assert held == []


def test_all_may_go_and_a_second_time_finds_nothing(dataset):
    store, batch, videos = dataset
    drop_chunks(store, batch, videos)
    drop_samples(store, batch, videos)
    assert store.read_json(manifest_key(SHARDS, batch))["shards"] == [] == read_index(store, batch)
    assert drop_samples(store, batch, videos) == ()
    assert verify_dataset(store) == {batch: ()}


def test_a_takedown_that_was_killed_before_the_manifest_is_ended_by_the_next(dataset, monkeypatch):
    store, batch, (gone, *_) = dataset
    whole = dict(iterate_samples(store, batch))
    write_json = Store.write_json

    def killed(self, key, value):
        if key == manifest_key(SHARDS, batch):
            raise KeyboardInterrupt
        return write_json(self, key, value)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            drop_samples(store, batch, [gone])
    assert dict(iterate_samples(store, batch)) == whole  # readers follow the old manifest
    assert drop_samples(store, batch, [gone])
    drop_chunks(store, batch, [gone])
    assert verify_dataset(store) == {batch: ()}


def test_editions_count_on(dataset):
    store, batch, (first, second, *_) = dataset
    drop_samples(store, batch, [first])
    drop_samples(store, batch, [second])
    assert store.read_json(manifest_key(SHARDS, batch))["index"]["name"] == "index-e2.parquet"
    assert [key for key in store.list(SHARDS) if "index" in key] == [shard_key(batch, "index-e2.parquet")]
