"""Shards of two toy videos."""

import pytest

from ops.dataset.chunks import ChunkConfig, build_chunks
from ops.dataset.shards import (
    ShardConfig,
    build_shards,
)
from ops.store.storage import Store
from tests.factories.policy_data import write_videos

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
