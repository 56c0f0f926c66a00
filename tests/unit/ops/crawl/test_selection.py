"""What a crawl takes of what it finds, who is asked again, and which hosts are left alone."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from ops.crawl.catalog import Discovered, is_urgent, merge_discovered, read_catalog, urgent_batches, write_catalog
from ops.crawl.discovery import Source, crawl_tick, read_cursors
from ops.crawl.errors import Backoff, Breaker, CrawlError, with_backoff
from ops.crawl.liveness import due, probe_liveness
from ops.crawl.selection import NO_LIMITS, CrawlLimits, select
from ops.crawl.ytdlp import CrawlOptions, open_session
from ops.store.storage import Store
from pipelines.demo.server import ClipPage
from tests.factories.server import Fault, serve_badly

DAY_1, DAY_2, DAY_3 = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"
HOUR = 3600.0


def found(number: int, **facts) -> Discovered:
    return Discovered(f"site-{number}", "list", f"http://site/{number}", **facts)


@pytest.mark.parametrize(
    ("limits", "facts", "reason"),
    [
        (CrawlLimits(min_s=60), {"duration_s": 59.0}, "too short"),
        (CrawlLimits(min_s=60), {"duration_s": None}, ""),
        (CrawlLimits(max_s=60), {"duration_s": 61.0}, "too long"),
        (CrawlLimits(languages=("en", "de")), {"language": "fr"}, "language"),
        (CrawlLimits(languages=("en",)), {"language": "en-GB"}, ""),
        (CrawlLimits(languages=("en",)), {"language": ""}, ""),
        (CrawlLimits(licences=("creative commons", "cc")), {"licence": "CC BY"}, ""),
        (CrawlLimits(licences=("creative commons",)), {"licence": ""}, "licence"),
        (CrawlLimits(hours_per_game=0.5), {"game": "Doom", "duration_s": HOUR}, "enough of its game"),
        (CrawlLimits(genre_hours={"shooter": 0.5}), {"genre": "shooter", "duration_s": HOUR}, "enough of its genre"),
        (CrawlLimits(genre_hours={"shooter": 0.5}), {"genre": "racing", "duration_s": HOUR}, ""),
    ],
)
def test_what_is_refused_has_its_reason(limits: CrawlLimits, facts: dict, reason: str) -> None:
    wanted, refused = select((), [found(1, **facts)], limits)
    assert refused == ({reason: 1} if reason else {})
    assert len(wanted) == (0 if reason else 1)


def test_hours_count_the_ledger_and_each_new_video_once() -> None:
    limits = CrawlLimits(hours_per_creator=3.0)
    ledger = merge_discovered((), [found(1, channel="Ann", duration_s=2 * HOUR)], DAY_1).videos
    new = [found(number, channel="Ann", duration_s=HOUR) for number in (1, 2, 3)] + [found(4, channel="Bob")]
    wanted, refused = select(ledger, new, limits)
    assert [video.video_id for video in wanted] == ["site-1", "site-2", "site-4"], "known ones always pass"
    assert refused == {"enough of its creator": 1}
    gone = tuple(replace(video, opt_out=True) for video in ledger)
    assert len(select(gone, [found(5, channel="Ann", duration_s=3 * HOUR)], limits)[0]) == 1


def test_a_creator_with_two_names_is_one() -> None:
    limits = CrawlLimits(hours_per_creator=1.5)
    new = [found(n, channel=f"Ann {n}", channel_id="UC1", duration_s=HOUR) for n in (1, 2)]
    assert select((), new, limits)[1] == {"enough of its creator": 1}


@pytest.mark.parametrize("wrong", [{"min_s": -1}, {"min_s": 9, "max_s": 5}, {"assumed_s": 0}])
def test_impossible_limits_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="limits"):
        CrawlLimits(**wrong)


def test_what_its_site_deletes_soon_fills_the_first_batch() -> None:
    vod = Discovered("twitchvod-9", "s", "https://www.twitch.tv/videos/9")
    ledger = merge_discovered((), [found(1), found(2), vod, found(3)], DAY_1, batch_size=2).videos
    assert [video.video_id for video in ledger] == ["twitchvod-9", "site-1", "site-2", "site-3"]
    assert is_urgent(ledger[0]) and urgent_batches(ledger) == {"batch-000001"}


@pytest.fixture
def clips(tmp_path: Path) -> list[ClipPage]:
    from tests.factories.media import write_clip

    folder = tmp_path / "clips"
    folder.mkdir()
    names = ("one", "two", "three")
    return [
        ClipPage(write_clip(folder / f"{n}.mp4", num_frames=3), n, "Ann", duration_s=60.0 * i)
        for i, n in enumerate(names, 1)
    ]


OPTIONS = CrawlOptions(
    generic_hosts=("127.0.0.1",), sleep_request_s=0, sleep_download_s=(0, 0), backoff=Backoff(1, 0.0, 0.0)
)


def test_ticks_take_what_limits_allow_and_remember_where_they_were(clips: list[ClipPage], tmp_path: Path) -> None:
    store = Store(str(tmp_path / "data"))
    with serve_badly(clips) as server:
        source = Source(server.playlist_url, game="Doom", newest_first=True)
        narrow = crawl_tick(store, [source], OPTIONS, DAY_1, limits=CrawlLimits(max_s=100))
        assert (narrow.num_new, narrow.refused) == (1, {"too long": 2})
        (row,) = read_catalog(store)
        assert (row.video_id, row.game, row.game_confidence) == ("generic-one", "Doom", 0.5)
        assert read_cursors(store)[source.url] == {
            "newest": "generic-one", "looked": DAY_1, "num_listed": 3, "error": "",
        }  # fmt: skip
        num_requests = len(server.requests)
        assert crawl_tick(store, [source], OPTIONS, DAY_2).num_found == 0, "it ends at the newest of the last look"
        assert len(server.requests) - num_requests <= 2
        wide = crawl_tick(store, [replace(source, newest_first=False)], OPTIONS, DAY_3, limits=NO_LIMITS)
        assert (wide.num_new, wide.num_seen) == (2, 1)


def test_overlapping_ticks_double_no_row(clips: list[ClipPage], tmp_path: Path) -> None:
    store = Store(str(tmp_path / "data"))
    with serve_badly(clips) as server:
        source = Source(server.playlist_url)
        ticks = [threading.Thread(target=crawl_tick, args=(store, [source], OPTIONS, DAY_1, 2)) for _ in range(3)]
        for tick in ticks:
            tick.start()
        for tick in ticks:
            tick.join()
    rows = read_catalog(store)
    assert sorted(row.video_id for row in rows) == ["generic-one", "generic-three", "generic-two"]
    assert {row.batch for row in rows} == {"batch-000001", "batch-000002"}


def test_who_is_gone_is_told_by_reason_and_who_is_back_lives_again(clips: list[ClipPage], tmp_path: Path) -> None:
    store = Store(str(tmp_path / "data"))
    with serve_badly(clips) as server:
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


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_host_that_refuses_all_the_time_is_left_alone_for_a_while() -> None:
    clock, asked = _Clock(), []
    breaker = Breaker(threshold=2, open_s=60.0, clock=clock)

    def refuse() -> None:
        asked.append(clock.now)
        raise CrawlError("throttled", "429")

    once = Backoff(1, 0.0, 0.0)
    for _ in range(4):
        with pytest.raises(CrawlError):
            with_backoff(refuse, once, lambda _: None, host="a.example", breaker=breaker)
    assert len(asked) == 2, "then nobody asks"
    assert with_backoff(lambda: 1, once, lambda _: None, host="b.example", breaker=breaker) == 1
    with pytest.raises(CrawlError, match="left alone for 60 s more"):
        breaker.check("a.example")
    clock.now = 61.0
    assert with_backoff(lambda: 2, once, lambda _: None, host="a.example", breaker=breaker) == 2
    breaker.check("a.example")


def test_a_private_video_does_not_count_against_its_host() -> None:
    breaker = Breaker(threshold=1)
    breaker.note("a.example", CrawlError("private", "x"))
    breaker.check("a.example")


def test_each_session_takes_a_cookie_file_of_its_own(tmp_path: Path) -> None:
    jar = "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tname\t{}\n"
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text(jar.format(name))
    options = replace(OPTIONS, cookie_file=str(tmp_path))
    values = []
    with open_session(options, "http://127.0.0.1/") as first, open_session(options, "http://127.0.0.1/") as second:
        values += [next(cookie.value for cookie in session.cookiejar) for session in (first, second)]
        with pytest.raises(CrawlError, match="no cookie file is free"), open_session(options, "http://127.0.0.1/"):
            pass
    assert values == ["a", "b"] and str(tmp_path) not in repr(options)
    with open_session(options, "http://127.0.0.1/") as again:
        assert next(cookie.value for cookie in again.cookiejar) == "a"
    assert (tmp_path / "a.txt").read_text() == jar.format("a")
