"""The ledger: nothing twice, nothing lost, batches that never change, and one writer at a time."""

import re
import threading
import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.crawl.catalog import (
    CATALOG_KEY,
    MANIFEST_KEY,
    Discovered,
    batch_ids,
    batch_units,
    batch_urls,
    catalog_lock,
    clean_id,
    flag,
    merge_discovered,
    read_catalog,
    write_catalog,
)
from ops.store.storage import Store

DAY_1, DAY_2 = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def found(*numbers, url="http://site/{}"):
    return [Discovered(f"youtube-{n}", "source", url.format(n), title=f"t{n}") for n in numbers]


def test_new_videos_fill_batches_and_old_ones_keep_theirs():
    first = merge_discovered((), found(*range(5)), DAY_1, batch_size=2)
    assert [video.batch for video in first.videos] == [
        "batch-000001",
        "batch-000001",
        "batch-000002",
        "batch-000002",
        "batch-000003",
    ]
    assert (first.num_new, first.num_seen, len(first.new_batches)) == (5, 0, 3)
    second = merge_discovered(first.videos, found(3, 4, 5, 6), DAY_2, batch_size=2)
    assert (second.num_new, second.num_seen) == (2, 2)
    assert second.new_batches == ("batch-000004",)
    assert [video.batch for video in second.videos[:5]] == [video.batch for video in first.videos]
    assert [(video.first_seen, video.last_seen) for video in second.videos[2:6]] == [
        (DAY_1, DAY_1),
        (DAY_1, DAY_2),
        (DAY_1, DAY_2),
        (DAY_2, DAY_2),
    ]


@given(st.lists(st.lists(st.integers(0, 30), max_size=20), max_size=6), st.integers(1, 7))
def test_any_order_of_crawls_doubles_and_loses_nothing(crawls, batch_size):
    videos = ()
    batches = {}
    for tick, numbers in enumerate(crawls):
        report = merge_discovered(videos, found(*numbers), str(tick), batch_size)
        again = merge_discovered(report.videos, found(*numbers), str(tick), batch_size)
        assert (again.videos, again.num_new, again.new_batches) == (report.videos, 0, ())
        videos = report.videos
        for video in videos:
            assert batches.setdefault(video.video_id, video.batch) == video.batch
    assert {video.video_id for video in videos} == {f"youtube-{n}" for numbers in crawls for n in numbers}
    assert len({video.video_id for video in videos}) == len(videos)
    assert all(sum(video.batch == batch for video in videos) <= batch_size for batch in batch_ids(videos))


def test_a_moved_url_is_followed_and_makes_no_work_stale():
    videos = merge_discovered((), found(1, 2), DAY_1).videos
    moved = merge_discovered(videos, found(1, url="http://other/{}"), DAY_2).videos
    assert batch_urls(moved, "batch-000001") == {"youtube-1": "http://other/1", "youtube-2": "http://site/2"}
    assert batch_units(moved, "batch-000001") == batch_units(videos, "batch-000001")


def test_videos_opted_out_are_no_work_and_stay_out():
    videos = flag(merge_discovered((), found(1, 2), DAY_1).videos, ["youtube-1"], opt_out=True)
    videos = merge_discovered(videos, found(1, 2), DAY_2).videos
    assert [unit.video_id for unit in batch_units(videos, "batch-000001")] == ["youtube-2"]
    assert list(batch_urls(videos, "batch-000001")) == ["youtube-2"]
    with pytest.raises(ValueError, match="not in the catalog: youtube-9"):
        flag(videos, ["youtube-9"], alive=False)


def test_a_video_that_is_back_is_alive_again():
    videos = flag(merge_discovered((), found(1), DAY_1).videos, ["youtube-1"], alive=False)
    assert not videos[0].alive
    assert merge_discovered(videos, found(1), DAY_2).videos[0].alive


def test_the_table_holds_everything_and_equal_ledgers_have_equal_bytes(tmp_path):
    store = Store(str(tmp_path))
    assert read_catalog(store) == ()
    videos = merge_discovered((), [*found(1), Discovered("a", "b", "c", duration_s=1.5, game="Doom")], DAY_1).videos
    write_catalog(store, videos)
    assert read_catalog(store) == videos
    before = store.read_bytes(CATALOG_KEY)
    write_catalog(store, read_catalog(store))
    assert store.read_bytes(CATALOG_KEY) == before
    assert store.read_json(MANIFEST_KEY)["batches"] == ["batch-000001"]
    write_catalog(store, ())
    assert read_catalog(store) == ()


def test_ids_are_safe_folder_names_and_stay_different():
    assert clean_id("_dQw4w9-_") == "_dQw4w9-_"
    odd = ["a b", "a/b", "../a", "", "\x00é", "x" * 99, "x" * 98, "a_b"]
    cleaned = [clean_id(text) for text in odd]
    assert len(set(cleaned)) == len(odd)
    assert all(re.fullmatch("[A-Za-z0-9_-]{1,90}", text) for text in cleaned)


@pytest.fixture(params=["local", "object store"])
def any_store(request, tmp_path):
    return Store(str(tmp_path) if request.param == "local" else f"memory://{uuid.uuid4().hex}")


def test_overlapping_crawls_wait_for_each_other(any_store):
    def crawl(number):
        with catalog_lock(any_store):
            videos = read_catalog(any_store)
            time.sleep(0.05)
            write_catalog(any_store, merge_discovered(videos, found(1, number), DAY_1, batch_size=2).videos)

    threads = [threading.Thread(target=crawl, args=(number,)) for number in range(2, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    videos = read_catalog(any_store)
    assert sorted(video.video_id for video in videos) == [f"youtube-{n}" for n in range(1, 6)]


def test_a_run_reads_its_own_rows_of_a_large_ledger(tmp_path):
    store = Store(str(tmp_path))
    rows = merge_discovered(
        (), [Discovered(f"v{n:05d}", "list", f"http://x/{n}") for n in range(2500)], "now", 50
    ).videos
    write_catalog(store, rows)
    assert read_catalog(store) == rows
    wanted = ["batch-000050", "batch-000002"]
    assert read_catalog(store, wanted) == tuple(row for row in rows if row.batch in wanted)
    assert read_catalog(store, []) == read_catalog(store, ["batch-000099"]) == ()
