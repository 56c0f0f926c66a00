import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from ops.dataset.decoding import decode_member
from ops.dataset.shards import iterate_samples, read_index, shard_key, shard_urls
from ops.store.layout import SHARDS, manifest_key
from ops.store.storage import Store
from tests.factories.policy_data import draw_frames, make_dataset, make_trace

GUIDE = Path(__file__).parents[4] / "docs" / "dataset.md"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> tuple[Store, str]:
    """Two toy videos of 4 s at 30 Hz in chunks of 2 s."""
    store = Store(str(tmp_path_factory.mktemp("decoding")))
    return store, make_dataset(store, num_train=1, num_val=1, seconds=4, chunk_s=2)


def test_webdataset_gives_the_frames_and_actions_that_were_packed(dataset):
    from webdataset import WebDataset

    store, batch = dataset
    samples = list(WebDataset(shard_urls(store), shardshuffle=False).decode(decode_member))
    assert [sample["__key__"] for sample in samples] == [row.chunk_id for row in read_index(store, batch)]
    first, second = samples[:2]
    video = first["json"]["video_id"]
    trace, x = make_trace(120, 30.0, 0)
    assert {first["json"]["video_id"], second["json"]["video_id"]} == {video}
    np.testing.assert_array_equal(second["actions.parquet"].sticks, trace.sticks[60:])
    np.testing.assert_array_equal(second["actions.parquet"].pts_s, trace.pts_s[60:])
    drawn = draw_frames(x, 0)[60:].astype(int)
    assert second["mp4"].shape == drawn.shape and second["mp4"].dtype == np.uint8
    assert np.abs(second["mp4"] - drawn).mean() < 8  # lossy, and no other frame


def test_a_stride_takes_every_so_many_th_frame(dataset):
    store, batch = dataset
    _, members = next(iterate_samples(store, batch))
    whole = decode_member("mp4", members["mp4"])
    np.testing.assert_array_equal(partial(decode_member, stride=7)(".mp4", members["mp4"]), whole[::7])


def test_what_it_does_not_know_is_left_to_webdataset():
    assert decode_member(".json", b"{}") is None
    assert decode_member(".parquet", b"") is None


def test_urls_are_those_that_manifests_name(dataset, tmp_path):
    store, batch = dataset
    urls = shard_urls(store)
    assert len(urls) == len(store.read_json(manifest_key(SHARDS, batch))["shards"])
    stray = shard_key(batch, "shard-000009.tar")
    store.write_bytes(stray, b"")
    assert shard_urls(store) == urls == shard_urls(store, [batch])
    store.remove(stray)
    assert shard_urls(Store(str(tmp_path))) == []


def test_the_guide_reads_shards_in_ten_lines(dataset, monkeypatch, capsys):
    store, batch = dataset
    monkeypatch.setenv("OVERPLAY_HOME", store.uri())
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.S)
    assert len([line for line in code.splitlines() if line]) <= 10
    exec(compile(code, str(GUIDE), "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == [row.chunk_id for row in read_index(store, batch)]
    assert all("toy (60, 256, 256, 3) (60, 17) (60, 4)" in line for line in printed)
