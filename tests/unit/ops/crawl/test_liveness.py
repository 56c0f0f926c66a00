"""Who is asked whether it is still there, and what the answers change."""

from dataclasses import replace
from pathlib import Path

from ops.crawl.catalog import Discovered, merge_discovered, read_catalog, write_catalog
from ops.crawl.discovery import Source, crawl_tick
from ops.crawl.errors import Backoff
from ops.crawl.liveness import due, probe_liveness
from ops.store.storage import Store
from pipelines.demo.server import ClipPage
from tests.factories.server import OPTIONS as CRAWL_OPTIONS
from tests.factories.server import Fault, serve_badly

DAY_1, DAY_2, DAY_3 = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"
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
        report = probe_liveness(store, OPTIONS, DAY_2, 10, sleep=lambda _: None)
        assert report.num_asked == 3 and list(report.gone) == ["generic-one"]
        assert "generic-two" in report.unsure
        rows = {row.video_id: row for row in read_catalog(store)}
        assert (rows["generic-one"].alive, rows["generic-one"].gone_reason) == (False, "gone")
        assert rows["generic-two"].alive and rows["generic-two"].checked == "", "an error that passes says nothing"
        again = probe_liveness(store, OPTIONS, DAY_3, 10, sleep=lambda _: None)
        assert again.back == ("generic-one",) and not again.gone
        assert all(row.alive and not row.gone_reason for row in read_catalog(store))


def test_those_asked_longest_ago_come_first_and_urgent_ones_before_them(tmp_path: Path) -> None:
    rows = merge_discovered((), [found(1), found(2), Discovered("twitchvod-3", "s", "u"), found(4)], DAY_1).videos
    rows = tuple(replace(row, checked=DAY_2) if row.video_id == "site-1" else row for row in rows)
    rows = tuple(replace(row, opt_out=True) if row.video_id == "site-4" else row for row in rows)
    assert [row.video_id for row in due(rows, 9)] == ["twitchvod-3", "site-2", "site-1"]
    assert len(due(rows, 1)) == 1
    store = Store(str(tmp_path))
    write_catalog(store, (replace(rows[0], url="/nonexistent/file.mp4", video_id="file"),))
    assert probe_liveness(store, OPTIONS, DAY_3, 1).gone == {"file": "gone: no such file: /nonexistent/file.mp4"}
