import dataclasses
import threading
import time
from contextlib import closing
from itertools import islice

import numpy as np
import pytest
import torch

from models.policy.config import tiny
from ops.store.storage import Store
from tests.factories.policy_data import make_dataset
from training.policy.chunks import list_sources, load_chunk
from training.policy.config import DataConfig
from training.policy.data import ALONE, Loader, World, prefetch

POLICY = dataclasses.replace(tiny(), vision=dataclasses.replace(tiny().vision, image_px=32, patch_px=32))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = Store(str(tmp_path_factory.mktemp("data")))
    make_dataset(store, num_train=3, num_val=1, seconds=4, chunk_s=1.5)
    return store


def loader(store, world=ALONE, seed=0, threads=0, **changes) -> Loader:
    data = DataConfig(**({"batch_size": 8, "frame_stride": 6, "window_chunks": 2} | changes))
    sources = list_sources(store, ["batch-000001"], "train")
    return Loader(store, sources, POLICY, data, seed, world, threads)


def ids(batches, count: int) -> list[str]:
    return [name for batch in islice(iter(batches), count) for name in batch.ids]


def test_an_epoch_holds_every_sample_once_and_epochs_differ(store):
    source = loader(store)
    epoch = source.num_samples
    assert epoch == 3 * (8 + 8 + 5)  # chunks of 45, 45 and 30 frames, every 6th
    names = ids(source, 2 * epoch // 8)
    first, second = names[: epoch // 1], names[epoch:]
    assert len(set(first)) == epoch
    assert first[: len(second)] != second
    assert set(second) <= set(first)


def test_splits_share_no_video(store):
    sides = {
        side: {source.row.video_id for source in list_sources(store, ["batch-000001"], side)}
        for side in ("train", "val")
    }
    assert len(sides["train"]) == 3
    assert len(sides["val"]) == 1
    assert not sides["train"] & sides["val"]
    with pytest.raises(ValueError, match="no 'test' chunk"):
        list_sources(store, ["batch-000001"], "test")


@pytest.mark.parametrize("after", [1, 3, 9])
@pytest.mark.parametrize("changes", [{}, {"cache_mib": 0}, {"shuffle_labels": True}, {"cache_mib": 0, "threads": 2}])
def test_a_resumed_loader_goes_on_exactly(store, after, changes):
    straight = list(islice(iter(loader(store, **changes)), after + 3))
    resumed = loader(store, **changes)
    resumed.load_state_dict(straight[after - 1].state)
    for expected, batch in zip(straight[after:], iter(resumed), strict=False):
        assert batch.ids == expected.ids
        assert batch.state == expected.state
        assert np.array_equal(batch.frames, expected.frames)
        assert np.array_equal(batch.actions, expected.actions, equal_nan=True)


def same_batches(one, other) -> bool:
    return all(
        a.ids == b.ids
        and a.state == b.state
        and torch.equal(a.frames, b.frames)
        and np.array_equal(a.actions, b.actions, equal_nan=True)
        for a, b in zip(one, other, strict=True)
    )


def test_threads_and_prefetching_change_nothing(store):
    plain = list(islice(iter(loader(store, num_streams=2)), 30))
    with closing(loader(store, num_streams=2, threads=3, cache_mib=0)) as busy, closing(prefetch(iter(busy))) as ahead:
        assert same_batches(islice(ahead, 30), plain)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("prefetch", "decode"))]


def test_a_state_is_that_of_its_batch_and_not_of_what_was_made_ahead(store):
    plain = list(islice(iter(loader(store)), 9))
    with closing(prefetch(iter(loader(store)), depth=4)) as ahead:
        time.sleep(0.2)  # the maker is four batches ahead by now
        state = [next(ahead) for _ in range(3)][-1].state
    resumed = loader(store)
    resumed.load_state_dict(state)
    assert same_batches(islice(iter(resumed), 6), plain[3:])


def test_an_error_of_the_maker_is_the_reader_s(store):
    def broken():
        yield next(iter(loader(store)))
        raise ValueError("the shard is gone")

    batches = prefetch(broken())
    next(batches)
    with pytest.raises(ValueError, match="the shard is gone"):
        next(batches)


def test_memory_is_that_of_two_windows_when_the_cache_is_small(store):
    one = loader(store, cache_mib=0, threads=1)
    for _ in islice(iter(one), 40):
        assert len(one._cache._chunks) <= 2 * 2 + 1  # one more while a batch spans two windows
    one.close()


def test_batches_from_an_object_store_are_the_same(store):
    remote = Store("memory://bucket/shards")
    for key in store.list("dataset"):
        remote.write_bytes(key, store.read_bytes(key))
    assert same_batches(islice(iter(loader(remote, threads=1)), 6), list(islice(iter(loader(store)), 6)))


def test_workers_have_disjoint_shares_and_any_count_sees_the_same_steps(store):
    alone = list(islice(iter(loader(store, num_streams=4)), 6))
    for size in (2, 4):
        shares = [list(islice(iter(loader(store, World(rank, size), num_streams=4)), 6)) for rank in range(size)]
        for step, whole in enumerate(alone):
            parts = [set(share[step].ids) for share in shares]
            assert set.union(*parts) == set(whole.ids)
            assert sum(map(len, parts)) == len(whole.ids)
    # A checkpoint of one worker goes on with two.
    pair = [loader(store, World(rank, 2), num_streams=4) for rank in range(2)]
    for one in pair:
        one.load_state_dict(alone[2].state)
    assert {name for one in pair for name in next(iter(one)).ids} == set(alone[3].ids)


def test_a_state_of_other_data_is_refused(store):
    state = next(iter(loader(store))).state
    with pytest.raises(ValueError, match="seed"):
        loader(store, seed=1).load_state_dict(state)
    with pytest.raises(ValueError, match="multiple"):
        loader(store, World(0, 3), num_streams=4)


def test_shuffled_labels_are_a_fixed_permutation(store):
    honest, shuffled = loader(store), loader(store, shuffle_labels=True)
    steps = honest.num_samples // 8
    given_to: dict[str, bytes] = {}
    true: dict[str, bytes] = {}
    for labels, source in ((true, honest), (given_to, shuffled)):
        for batch in islice(iter(source), 2 * steps):
            for name, actions in zip(batch.ids, batch.actions.numpy(), strict=True):
                known = np.nan_to_num(actions, nan=-1).tobytes()
                assert labels.setdefault(name, known) == known  # the same in both epochs
    assert sum(given_to[name] != true[name] for name in true if name in given_to) > 0.8 * len(given_to)


def test_frames_belong_to_their_labels(store):
    """The block is where the left stick says, in every decoded frame."""
    policy = dataclasses.replace(tiny(), vision=dataclasses.replace(tiny().vision, image_px=128, patch_px=128))
    for source in list_sources(store, ["batch-000001"], "val"):
        chunk = load_chunk(store, source, 5, policy.vision.image_px)
        red = chunk.frames[:, 0].astype(int) - chunk.frames[:, 1:].max(axis=1)
        columns = (red > 60).sum(axis=1)
        found = (columns * np.arange(128)).sum(axis=1) / columns.sum(axis=1)
        expected = (chunk.trace.sticks[chunk.rows, 0] + 1) / 2 * 120 + 3.5
        assert np.abs(found - expected).max() < 2.5


def test_fewer_chunks_than_streams_are_shared(store):
    few = list_sources(store, ["batch-000001"], "train")[:1]
    data = DataConfig(batch_size=4, frame_stride=6, num_streams=2)
    epoch = ids(Loader(store, few, POLICY, data, seed=0), 4)
    assert set(epoch) == {f"{few[0].row.chunk_id}@{frame}" for frame in range(0, few[0].row.num_frames, 6)}
    with pytest.raises(ValueError, match="no chunks"):
        Loader(store, [], POLICY, data, seed=0)
