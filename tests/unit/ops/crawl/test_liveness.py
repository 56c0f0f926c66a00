"""Who is asked whether it is still there, and what the answers change."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from ops.crawl.catalog import Discovered, merge_discovered, read_catalog, write_catalog
from ops.crawl.discovery import Source, crawl_tick
from ops.crawl.errors import Backoff, CrawlError, ErrorKind
from ops.crawl.liveness import GONE, after_look, dead_videos, due, note_downloads, probe_liveness
from ops.store.storage import Store
from pipelines.demo.server import ClipPage
from tests.factories.server import OPTIONS as CRAWL_OPTIONS
from tests.factories.server import Fault, serve_badly

DAY_1, DAY_2, DAY_3, DAY_4 = (f"2026-01-0{day}T00:00:00Z" for day in (1, 2, 3, 4))
#: Asks once.
OPTIONS = replace(CRAWL_OPTIONS, backoff=Backoff(1, 0.0, 0.0))


def found(number: int) -> Discovered:
    return Discovered(f"site-{number}", "list", f"http://site/{number}")


def test_who_is_gone_is_told_by_reason_and_who_is_back_lives_again(short_clips: list[ClipPage], tmp_path: Path) -> None:
    store = Store(str(tmp_path / "data"))
    with serve_badly(short_clips) as server:
        crawl_tick(store, [Source(server.playlist_url)], OPTIONS, DAY_1)
        pages = [f"/watch/{name}.html" for name in ("one", "two", "three")]
        server.fail(pages[0], Fault(status=404))
        server.fail(pages[1], Fault(status=503))
        server.fail(pages[2], Fault(status=200, body="<html>This video is private</html>"))
        first = probe_liveness(store, OPTIONS, DAY_2, 10, sleep=lambda _: None)
        assert first.num_asked == 3 and not first.gone and {"generic-one", "generic-two"} <= set(first.unsure)
        rows = {row.video_id: row for row in read_catalog(store)}
        assert rows["generic-one"].alive and rows["generic-one"].gone_reason == "gone", "one look is not enough"
        assert rows["generic-two"].alive and rows["generic-two"].checked == "", "an error that passes says nothing"
        for day, gone in ((DAY_2, []), (DAY_3, ["generic-one"])):
            server.fail(pages[0], Fault(status=404))
            assert list(probe_liveness(store, OPTIONS, day, 10, sleep=lambda _: None).gone) == gone
        again = probe_liveness(store, OPTIONS, DAY_4, 10, sleep=lambda _: None)
        assert again.back == ("generic-one",) and not again.gone
        assert all(row.alive and not row.gone_reason for row in read_catalog(store))


def test_a_download_that_finds_a_video_gone_counts_as_a_look(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    write_catalog(store, merge_discovered((), [found(1), found(2), found(3)], DAY_1).videos)
    reasons = {"site-1": "gone: 404", "site-2": "network: timed out", "site-3": "no overlay: none"}
    for day, dead in ((DAY_1, set()), (DAY_1, set()), (DAY_2, {"site-1"})):
        note_downloads(store, reasons, day)
        assert set(dead_videos(read_catalog(store))) == dead


@pytest.mark.parametrize("kind", sorted(set(get_args(ErrorKind)) - GONE))
def test_no_other_error_ends_a_video(kind: ErrorKind) -> None:
    (row,) = merge_discovered((), [found(1)], DAY_1).videos
    for day in (DAY_2, DAY_3, DAY_4):
        row = after_look(row, CrawlError(kind, "x"), day)
    assert row.alive and not row.gone_reason
    looked = after_look(row, CrawlError("gone", "404"), DAY_2)
    assert after_look(looked, CrawlError(kind, "x"), DAY_3).alive


def test_those_asked_longest_ago_come_first_and_urgent_ones_before_them(tmp_path: Path) -> None:
    rows = merge_discovered((), [found(1), found(2), Discovered("twitchvod-3", "s", "u"), found(4)], DAY_1).videos
    rows = tuple(replace(row, checked=DAY_2) if row.video_id == "site-1" else row for row in rows)
    rows = tuple(replace(row, opt_out=True) if row.video_id == "site-4" else row for row in rows)
    assert [row.video_id for row in due(rows, 9)] == ["twitchvod-3", "site-2", "site-1"]
    assert len(due(rows, 1)) == 1
    store = Store(str(tmp_path))
    write_catalog(store, (replace(rows[0], url="/nonexistent/file.mp4", video_id="file"),))
    assert not probe_liveness(store, OPTIONS, DAY_2, 1).gone
    assert probe_liveness(store, OPTIONS, DAY_3, 1).gone == {"file": "gone: no such file: /nonexistent/file.mp4"}
