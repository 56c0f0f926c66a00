"""The seeded short form of `make chaos`; the whole of it takes minutes."""

import os
import random
import shutil
import socket
import tempfile
import time
from pathlib import Path

import pytest

from ops.crawl.catalog import Discovered, merge_discovered, read_catalog, write_catalog
from ops.crawl.optout import OptOut, add_optout
from ops.dataset.chunks import ChunkConfig, build_chunks
from ops.dataset.shards import ShardConfig, build_shards
from ops.store.storage import Store
from ops.takedown import take_down
from tests.chaos import hostile, parts
from tests.chaos.fuzz import fuzz, mutate
from tests.chaos.killer import LocalPlace, Tally, differing_bytes, kill_everywhere
from tests.chaos.lineage import BATCH
from tests.chaos.s3 import s3_server
from tests.factories.policy_data import write_videos

SEED = 20261121
#: Through the real assets; the others are killed in `make chaos`.
SHORT = ("raw/catalog", "raw/videos")
NAMES = [f"toy{number:03d}" for number in range(4)]


@pytest.fixture(scope="module")
def lineage(tmp_path_factory: pytest.TempPathFactory):
    with parts.prepared(SHORT) as (folder, states):
        yield folder, states


def test_a_kill_at_a_write_point_loses_doubles_and_changes_nothing(lineage) -> None:
    tally = parts.kill_local(*lineage, share=0.1, seed=SEED)
    assert tally.sound, tally
    assert tally.faults >= len(SHORT)


def test_nor_anywhere_between_labels_and_shards_and_in_a_takedown() -> None:
    """All write points of a toy dataset, without the orchestrator: chunks, shards, then an opt-out."""
    with tempfile.TemporaryDirectory(dir=parts.memory_folder()) as name:
        _kill_a_toy_dataset(Path(name))


def _kill_a_toy_dataset(folder: Path) -> None:
    before, after = folder / "before", folder / "after"
    found = [Discovered(name, "list", f"http://site/{name}", channel=name) for name in NAMES]
    write_catalog(Store(str(before)), merge_discovered((), found, "2026-01-01", 4).videos)
    write_videos(Store(str(before)), BATCH, NAMES, seconds=2.0, chunk_s=1.0)

    def work(store: Store) -> None:
        if not any(row.opt_out for row in read_catalog(store)):
            build_chunks(store, BATCH, ChunkConfig(chunk_s=1.0, min_chunk_s=0.5, min_density=0.0, min_confidence=0.0))
            build_shards(store, BATCH, ShardConfig(max_shard_bytes=100_000))
            add_optout(store, OptOut("creator", NAMES[1], added="2026-01-01"), read_catalog(store))
        take_down(store)

    shutil.copytree(before, after)
    work(Store(str(after)))
    tally = Tally("toy dataset")
    kill_everywhere(tally, "toy", before, after, LocalPlace(folder), work, 1.0, random.Random(SEED))
    assert tally.sound, tally
    assert tally.faults > 30


def test_nor_on_s3_with_faults_on_the_way(lineage) -> None:
    _, states = lineage
    with s3_server() as bucket:
        tally = parts.kill_s3(bucket, states, share=0.05, seed=SEED)
        assert tally.sound, tally
        tally = parts.s3_faults(bucket, states, SHORT, num_runs=1, share=0.15, seed=SEED)
        assert tally.sound, tally


def test_the_table_would_show_it(tmp_path: Path, lineage) -> None:
    """A store that loses, doubles or changes something is found out."""
    _, states = lineage
    expected = parts.lineage.comparable(parts.lineage.local_files(states["end"]))
    shutil.copytree(states["end"], tmp_path / "worse")
    store = Store(str(tmp_path / "worse"))
    key = f"raw/videos/{parts.lineage.BATCH}/manifest.json"
    manifest = store.read_json(key)
    store.write_json(key, manifest | {"units": [manifest["units"][0], *manifest["units"][:-1]]})
    tally = Tally("worse", faults=1)
    tally.compare("worse", parts.lineage.comparable(parts.lineage.local_files(tmp_path / "worse")), expected)
    assert (tally.lost, tally.doubled) == (1, 1) and tally.differing > 0 and not tally.sound
    assert differing_bytes(b"abc", b"abd") == 1 and differing_bytes(None, b"") == 1 and differing_bytes(b"", b"ab") == 2


def test_hostile_media_end_typed_and_look_nowhere_else(tmp_path: Path) -> None:
    try:
        report = hostile.run_isolated(tmp_path)
    except (RuntimeError, FileNotFoundError) as error:
        if os.geteuid() == 0 and shutil.which("unshare"):
            raise
        pytest.skip(f"no network namespaces here: {error}")
    assert len(report["rows"]) >= 30
    assert hostile.problems(report) == []
    outcomes = {row["kind"]: (row["outcome"], row["class"]) for row in report["rows"]}
    assert outcomes["bomb_pixels"] == ("failed", "cpu") and outcomes["fifo"] == ("failed", "not a file")
    assert outcomes["h264"] == ("ok", "") and outcomes["m3u8_canary"] == ("failed", "playlist")


def test_the_watch_sees_a_canary_that_is_read_and_a_connection(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("secret")
    with hostile.watched(canary) as events, hostile.listener() as (port, seen):
        assert not events()
        canary.read_text()
        socket.create_connection(("127.0.0.1", port)).close()
        time.sleep(0.3)
        assert events() and seen
    bad = {"rows": [{"kind": "x", "class": "surprise", "reason": "?", "wall_s": 0}], "connections": seen}
    assert len(hostile.problems(bad | {"canary_event_bytes": 16})) == 3


def test_mutated_clips_end_in_frames_or_a_typed_reason() -> None:
    report = fuzz(5.0, SEED, least_files=11)
    assert report.num_files > 10 and not report.findings


def test_the_same_seed_gives_the_same_mutants() -> None:
    data = bytes(range(256)) * 40
    assert mutate(data, random.Random(1)) == mutate(data, random.Random(1)) != data
