"""From a list on a server, or a folder, to rows of the ledger, through yt-dlp itself."""

import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from ops.crawl.catalog import read_catalog
from ops.crawl.discovery import Source, crawl_tick, discover, read_cursors, to_discovered
from ops.crawl.errors import CrawlError
from ops.crawl.selection import NO_LIMITS, CrawlLimits
from ops.crawl.ytdlp import download
from ops.store.storage import Store
from pipelines.demo.server import ClipPage
from tests.factories.server import OPTIONS, Fault, serve_badly

NOW = "2026-01-01T00:00:00Z"
DAY_1, DAY_2 = NOW, "2026-01-02T00:00:00Z"


def test_a_tick_fills_the_ledger_and_a_second_finds_nothing_twice(server, tmp_path):
    store = Store(str(tmp_path))
    sources = [Source(server.playlist_url, game="Quake", genre="arena", licence="CC BY")]
    report = crawl_tick(store, sources, OPTIONS, NOW, batch_size=2)
    assert (report.num_found, report.num_new, report.num_seen, report.errors) == (3, 3, 0, ())
    assert report.new_batches == ("batch-000001", "batch-000002")
    first, second, _ = read_catalog(store)
    assert (first.video_id, first.title, first.channel) == ("generic-h264", "Clip <one> & more", "Ann")
    assert (first.game, first.genre, first.licence, first.duration_s) == ("Doom", "shooter", "CC0", 2.0)
    assert (second.game, second.genre, second.licence) == ("Quake", "arena", "CC BY")
    assert first.url == server.page_url("h264")

    server.requests.clear()
    again = crawl_tick(store, sources, OPTIONS, "2026-01-02T00:00:00Z", batch_size=2)
    assert (again.num_found, again.num_new, again.num_seen, again.new_batches) == (3, 0, 3, ())
    assert server.requests == ["/playlist.rss"], "known videos are not looked into again"
    assert [video.last_seen[:10] for video in read_catalog(store)] == ["2026-01-02"] * 3


def test_ids_stay_the_same_when_the_server_moves(clips, tmp_path):
    store = Store(str(tmp_path))
    for _ in range(2):
        with serve_badly(clips) as server:
            report = crawl_tick(store, [Source(server.playlist_url)], OPTIONS, NOW)
    assert (report.num_new, len(read_catalog(store))) == (0, 3)
    assert read_catalog(store)[0].url == server.page_url("h264")


def test_a_page_or_a_file_by_itself_is_a_source_and_limits_hold(server):
    page = discover(Source(server.page_url("vp9")), OPTIONS)
    assert [(video.title, video.channel) for video in page.videos] == [("Clip two", "Bob")]
    file = discover(Source(f"{server.url}media/h264.mp4"), OPTIONS)
    assert len(file.videos) == 1
    assert file.videos[0].video_id == discover(Source(f"{server.url}media/h264.mp4"), OPTIONS).videos[0].video_id
    assert len(discover(Source(server.playlist_url, limit=2), OPTIONS).videos) == 2
    assert server.requests.count("/watch/cutfast.html") == 0, "nothing beyond the limit is looked into"


def test_looking_ends_where_the_last_look_began_and_not_at_what_another_source_knew(server):
    source = Source(server.playlist_url, newest_first=True)
    found = discover(source, OPTIONS, known={"generic-vp9"}, stop_at={"generic-vp9"})
    assert [video.video_id for video in found.videos] == ["generic-h264"] and found.complete
    assert len(discover(source, OPTIONS, known={"generic-vp9"}).videos) == 3


def test_folders_and_files_are_sources_too(tmp_path, clips):
    (tmp_path / "ann").mkdir()
    shutil.copy(clips[0].path, tmp_path / "ann" / "one.mp4")
    shutil.copy(clips[0].path, tmp_path / "two.MP4")
    (tmp_path / "notes.txt").write_text("no video")
    found = discover(Source(str(tmp_path), game="Doom"), OPTIONS)
    assert [(video.video_id, video.channel, video.game) for video in found.videos] == [
        ("one", "ann", "Doom"),
        ("two", tmp_path.name, "Doom"),
    ]
    assert discover(Source(found.videos[0].url), OPTIONS).videos[0].video_id == "one"
    assert discover(Source(str(tmp_path / "absent")), OPTIONS).errors[0][1].kind == "gone"


def test_a_source_or_video_that_fails_stops_no_other(server, tmp_path, naps):
    server.fail("/watch/h264.html", Fault(404))
    server.fail("/gone.rss", *[Fault(410)] * 9)
    sources = [Source(f"{server.url}gone.rss"), Source(server.playlist_url)]
    report = crawl_tick(Store(str(tmp_path)), sources, OPTIONS, NOW, sleep=naps.append)
    assert report.num_new == 2
    assert [(url.rsplit("/")[-1], error.kind) for url, error in report.errors] == [
        ("gone.rss", "gone"),
        ("h264.html", "gone"),
    ]
    assert naps == [], "what is gone is not asked for twice"
    later = crawl_tick(Store(str(tmp_path)), sources, OPTIONS, NOW, sleep=naps.append)
    assert later.num_new == 1, "the video is found once its page is back"


@pytest.mark.parametrize(("fault", "kind"), [(Fault(503), "network"), (Fault(429), "throttled")])
def test_errors_that_pass_are_tried_again_with_growing_waits(server, naps, fault, kind):
    server.fail("/playlist.rss", fault, fault)
    found = discover(Source(server.playlist_url), OPTIONS, sleep=naps.append)
    assert len(found.videos) == 3
    assert len(naps) == 2
    assert 1.0 <= naps[0] < 3.0
    assert 2.0 <= naps[1] < 6.0
    server.fail("/playlist.rss", *[fault] * 9)
    assert discover(Source(server.playlist_url), OPTIONS, sleep=naps.append).errors[0][1].kind == kind


def test_a_site_that_asks_to_wait_is_obeyed(server, naps):
    server.fail("/playlist.rss", Fault(429, retry_after="17"))
    assert discover(Source(server.playlist_url), OPTIONS, sleep=naps.append).videos
    assert naps == [17.0]


def test_what_a_site_says_goes_before_what_the_source_was_told():
    entry = {"url": "https://youtu.be/x", "ie_key": "Youtube", "id": "x", "title": None, "tags": ["game:Ori", "a"]}
    video = to_discovered(entry, Source("s", game="Hades", genre="roguelike"))
    assert (video.video_id, video.game, video.genre, video.title) == ("youtube-x", "Ori", "roguelike", "")
    assert video.duration_s is None


def test_ticks_take_what_limits_allow_and_remember_where_they_were(short_clips: list[ClipPage], tmp_path: Path) -> None:
    store = Store(str(tmp_path / "data"))
    with serve_badly(short_clips) as server:
        source = Source(server.playlist_url, game="Doom", newest_first=True)
        narrow = crawl_tick(store, [source], OPTIONS, DAY_1, limits=CrawlLimits(max_s=100))
        assert (narrow.num_new, narrow.refused) == (1, {"too long": 2})
        (row,) = read_catalog(store)
        assert (row.video_id, row.game, row.game_confidence) == ("generic-one", "Doom", 0.5)
        cursor = read_cursors(store)[source.url]
        assert cursor.pop("limits")
        anchors = ["generic-one", "generic-two", "generic-three"]
        assert cursor == {"anchors": anchors, "looked": DAY_1, "num_listed": 3, "error": ""}
        num_requests = len(server.requests)
        again = crawl_tick(store, [source], OPTIONS, DAY_2, limits=CrawlLimits(max_s=100))
        assert again.num_found == 0, "it ends at the newest of the last look"
        assert len(server.requests) - num_requests <= 2
        wide = crawl_tick(
            store, [replace(source, newest_first=False)], OPTIONS, "2026-01-03T00:00:00Z", limits=NO_LIMITS
        )
        assert (wide.num_new, wide.num_seen) == (2, 1)


def test_overlapping_ticks_double_no_row(short_clips: list[ClipPage], tmp_path: Path) -> None:
    store = Store(str(tmp_path / "data"))
    with serve_badly(short_clips) as server:
        source = Source(server.playlist_url)
        ticks = [threading.Thread(target=crawl_tick, args=(store, [source], OPTIONS, DAY_1, 2)) for _ in range(3)]
        for tick in ticks:
            tick.start()
        for tick in ticks:
            tick.join()
    rows = read_catalog(store)
    assert sorted(row.video_id for row in rows) == ["generic-one", "generic-three", "generic-two"]
    assert {row.batch for row in rows} == {"batch-000001", "batch-000002"}


class TestOtherSites:
    """Extractors that look like the big sites' to the code, without a network."""

    @pytest.fixture
    def fake_site(self, monkeypatch):
        from yt_dlp.extractor.common import InfoExtractor, SearchInfoExtractor
        from yt_dlp.utils import ExtractorError

        import ops.crawl.ytdlp

        class FakeVidIE(InfoExtractor):
            _VALID_URL = r"https?://fake\.example/v/(?P<id>[\w-]+)"

            def _real_extract(self, url):
                video_id = self._match_id(url)
                if video_id == "gone":
                    raise ExtractorError("Video unavailable. It has been removed by the uploader", expected=True)
                return {
                    "id": video_id,
                    "title": f"T {video_id}",
                    "uploader": "Cy",
                    "license": "CC BY",
                    "ext": "mp4",
                    "url": "https://fake.example/x.mp4",
                    "duration": 61,
                    "live_status": "is_live",
                }

        class FakeSearchIE(SearchInfoExtractor):
            _SEARCH_KEY = "fakesearch"
            _MAX_RESULTS = 50

            def _search_results(self, query):
                for number in range(20):
                    yield self.url_result(f"https://fake.example/v/{number}", FakeVidIE, str(number), channel="Di")

        guarded = ops.crawl.ytdlp._guarded_class()

        def make(parameters, hosts):
            del parameters["allowed_extractors"]
            session = guarded(parameters, hosts, auto_init=False)
            for extractor in (FakeVidIE, FakeSearchIE):
                session.add_info_extractor(extractor(session))
            return session

        monkeypatch.setattr(ops.crawl.ytdlp, "_guarded_class", lambda: make)

    def test_a_search_lists_without_looking_into_videos(self, fake_site):
        found = discover(Source("fakesearch5:hollow knight"), OPTIONS)
        assert [video.video_id for video in found.videos] == [f"fakevid-{n}" for n in range(5)]
        assert {video.channel for video in found.videos} == {"Di"}

    def test_a_page_gives_creator_and_licence(self, fake_site):
        video = discover(Source("https://fake.example/v/a-_b", game="Celeste"), OPTIONS).videos[0]
        assert (video.video_id, video.channel, video.licence) == ("fakevid-a-_b", "Cy", "CC BY")
        assert (video.duration_s, video.game) == (61.0, "Celeste")

    def test_a_removed_page_is_gone_and_a_broadcast_is_waited_for(self, fake_site, tmp_path):
        error = discover(Source("https://fake.example/v/gone"), OPTIONS).errors[0][1]
        assert (error.kind, error.permanent) == ("gone", True)
        with pytest.raises(CrawlError, match="live: not yet a recording") as caught:
            download("https://fake.example/v/now", tmp_path, OPTIONS)
        assert not caught.value.permanent
