"""The whole way from a list on a server to a probed file, and each way in which sites refuse, through yt-dlp itself."""

import dataclasses
import pickle
import shutil
import urllib.error
from datetime import date

import pytest

from ops.crawl.catalog import batch_units, batch_urls, flag, read_catalog, write_catalog
from ops.crawl.discovery import Source, crawl_tick, discover, to_discovered
from ops.crawl.errors import Backoff, CrawlError, classify, with_backoff
from ops.crawl.ytdlp import CrawlOptions, download, format_string, make_parameters
from ops.stages.videos import DownloadVideo, videos_stage
from ops.store.batch import run_batch
from ops.store.parallel import SerialMapper
from ops.store.storage import Store
from pipelines.demo.server import ClipPage
from tests.factories.media import make
from tests.factories.server import Fault, serve_badly

NOW = "2026-01-01T00:00:00Z"
OPTIONS = CrawlOptions(
    generic_hosts=("127.0.0.1",),
    sleep_request_s=0.0,
    sleep_download_s=(0.0, 0.0),
    socket_timeout_s=5.0,
    backoff=Backoff(attempts=3, base_s=2.0, max_s=60.0),
)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    return [
        ClipPage(make("h264", folder), "Clip <one> & more", "Ann", "Doom", "shooter", "CC0", 2.0),
        ClipPage(make("vp9", folder), "Clip two", "Bob"),
        ClipPage(make("truncated_faststart", folder), "Clip three", "Bob", "Doom"),
    ]


@pytest.fixture
def server(clips):
    with serve_badly(clips) as running:
        yield running


@pytest.fixture
def naps():
    """Return a list that takes the waits which code asks for."""
    return []


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


def test_looking_ends_at_the_first_known_video_of_a_list_that_starts_with_new_ones(server):
    found = discover(Source(server.playlist_url, newest_first=True), OPTIONS, known={"generic-vp9"})
    assert [video.video_id for video in found.videos] == ["generic-h264"]


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


def test_two_local_files_of_one_name_are_told_and_not_mixed_up(tmp_path, clips):
    for folder in ("a", "b"):
        (tmp_path / "in" / folder).mkdir(parents=True)
        shutil.copy(clips[0].path, tmp_path / "in" / folder / "one.mp4")
    report = crawl_tick(Store(str(tmp_path / "out")), [Source(str(tmp_path / "in"))], OPTIONS, NOW)
    assert (report.num_new, len(report.errors)) == (1, 1)
    assert "rename one of the two" in str(report.errors[0][1])


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


class TestDownload:
    def test_a_video_comes_whole_under_our_name(self, server, clips, tmp_path):
        got = download(server.page_url("h264"), tmp_path, OPTIONS)
        assert got.path == tmp_path / "video.mp4"
        assert got.path.read_bytes() == clips[0].path.read_bytes()
        assert [path.name for path in tmp_path.iterdir()] == ["video.mp4"]

    def test_a_connection_cut_halfway_is_taken_up_again(self, server, clips, tmp_path, naps):
        server.fail("/media/h264.mp4", Fault(send_share=0.5), Fault(send_share=0.5))
        got = download(server.page_url("h264"), tmp_path, OPTIONS, sleep=naps.append)
        assert got.path.read_bytes() == clips[0].path.read_bytes()

    @pytest.mark.parametrize(
        ("fault", "kind"),
        [
            (Fault(404), "gone"),
            (Fault(401), "login"),
            (Fault(451), "geo"),
            (Fault(403), "throttled"),
            (Fault(429), "throttled"),
            (Fault(500), "network"),
        ],
    )
    @pytest.mark.parametrize("path", ["/watch/h264.html", "/media/h264.mp4"])
    def test_a_refusal_has_its_kind(self, server, tmp_path, naps, fault, kind, path):
        server.fail(path, *[fault] * 20)
        with pytest.raises(CrawlError) as caught:
            download(server.page_url("h264"), tmp_path, OPTIONS, sleep=naps.append)
        assert caught.value.kind == kind
        assert len(naps) == (2 if kind in ("network", "throttled") else 0)

    def test_silence_is_a_network_error(self, server, tmp_path, naps):
        server.fail("/watch/h264.html", *[Fault(delay_s=1.0)] * 9)
        options = dataclasses.replace(OPTIONS, socket_timeout_s=0.2, backoff=Backoff(1, 0, 0))
        with pytest.raises(CrawlError, match="network"):
            download(server.page_url("h264"), tmp_path, options, sleep=naps.append)

    def test_a_large_file_is_refused(self, server, tmp_path):
        with pytest.raises(CrawlError, match="too_large"):
            download(server.page_url("h264"), tmp_path, dataclasses.replace(OPTIONS, max_bytes=1000))

    def test_a_list_is_no_video(self, server, tmp_path):
        with pytest.raises(CrawlError, match="unsupported: expected the page of one video"):
            download(server.playlist_url, tmp_path, OPTIONS)

    def test_no_other_host_is_spoken_to(self, server, tmp_path):
        options = dataclasses.replace(OPTIONS, generic_hosts=("localhost",), extractors=("youtube",))
        with pytest.raises(CrawlError, match="unsupported"):  # not configured at all
            download(server.page_url("h264"), tmp_path, options)
        page = server.page_url("h264").replace("127.0.0.1", "localhost")
        with pytest.raises(
            CrawlError, match=r"unsupported: 127\.0\.0\.1 is not among generic_hosts"
        ):  # it names the file
            download(page, tmp_path, options)

    @pytest.mark.parametrize("path", ["/watch/h264.html", "/media/h264.mp4"])
    def test_nothing_is_taken_from_where_a_redirect_leads(self, server, tmp_path, path):
        elsewhere = f"http://localhost:{server.server_port}/media/vp9.webm"
        server.fail(path, *[Fault(302, redirect=elsewhere)] * 3)
        with pytest.raises(CrawlError, match="unsupported: localhost is not among generic_hosts"):
            download(server.page_url("h264"), tmp_path, OPTIONS)
        assert not list(tmp_path.glob("video.*"))

    def test_a_dangerous_kind_of_file_is_refused(self, server, tmp_path, naps):
        page = '<html><script type="application/ld+json">{"@context": "https://schema.org", "@type": "VideoObject",'
        page += f'"name": "x", "contentUrl": "{server.url}media/h264.mp4?f=x.desktop"}}</script></html>'
        for name, text in (("ld", page), ("m3u8", "#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n")):
            server.pages[f"/{name}.html"] = text
        for name in ("ld", "m3u8"):
            try:
                got = download(f"{server.url}{name}.html", tmp_path, OPTIONS, sleep=naps.append)
            except CrawlError:
                continue
            assert got.path.name == "video.mp4"
            assert b"ftyp" in got.path.read_bytes()[:16]

    def test_a_folder_with_odd_letters_is_fine(self, server, tmp_path):
        folder = tmp_path / "100%(title)s é"
        folder.mkdir()
        assert download(server.page_url("vp9"), folder, OPTIONS).path == folder / "video.webm"


class TestStage:
    def run(self, store, options=OPTIONS, naps=None):
        videos = read_catalog(store)
        function = pickle.loads(pickle.dumps(DownloadVideo(options, batch_urls(videos, "batch-000001"), _no_sleep)))
        units = batch_units(videos, "batch-000001")
        return run_batch(store, videos_stage(options), "batch-000001", units, function, SerialMapper())

    def test_each_video_ends_in_its_outcome_and_only_failures_are_done_again(self, server, tmp_path):
        store = Store(str(tmp_path))
        crawl_tick(store, [Source(server.playlist_url)], OPTIONS, NOW)
        server.fail("/media/vp9.webm", *[Fault(404)] * 9)
        report = self.run(store)
        truncated, good, gone = sorted(report.units, key=lambda unit: unit.video_id)
        assert good.outcome.kind == "ok"
        data = good.outcome.data
        assert (data["channel"], data["game"], data["licence"], data["path"]) == ("Ann", "Doom", "CC0", "video.mp4")
        assert data["probe"]["num_frames"] == 60
        assert data["size_bytes"] == len(store.read_bytes("raw/videos/batch-000001/generic-h264/video.mp4"))
        assert (gone.outcome.kind, gone.outcome.reason.split(":")[0]) == ("rejected", "gone")
        assert (truncated.outcome.kind, truncated.outcome.reason.split(":")[0]) == ("failed", "truncated")
        assert truncated.outcome.error == ""
        assert not [key for key in store.list() if key.startswith("scratch/")]

        server.requests.clear()
        again = self.run(store)
        assert again.num_done == 1, "the truncated one"
        assert again.counts == {"ok": 1, "rejected": 1, "failed": 1}
        assert set(server.requests) == {"/watch/cutfast.html", "/media/cutfast.mp4"}

    def test_passing_errors_fail_and_polite_settings_make_nothing_stale(self, server, tmp_path):
        store = Store(str(tmp_path))
        crawl_tick(store, [Source(server.page_url("h264"))], OPTIONS, NOW)
        server.fail("/media/h264.mp4", *[Fault(503)] * 30)
        failed = self.run(store).units[0].outcome
        assert (failed.kind, failed.reason.split(":")[0]) == ("failed", "network")
        server.faults.clear()
        assert self.run(store).counts["ok"] == 1
        slower = dataclasses.replace(OPTIONS, sleep_request_s=0.01, cookie_file="")
        assert self.run(store, slower).num_done == 0
        assert self.run(store, dataclasses.replace(OPTIONS, max_height=720)).num_done == 1

    def test_local_files_are_copied_and_left_alone(self, tmp_path, clips):
        store = Store(str(tmp_path / "home"))
        shutil.copytree(clips[0].path.parent, tmp_path / "in")
        crawl_tick(store, [Source(str(tmp_path / "in"))], OPTIONS, NOW)
        assert self.run(store).counts == {"ok": 2, "rejected": 0, "failed": 1}
        assert (tmp_path / "in" / "h264.mp4").exists()
        copied = store.read_bytes("raw/videos/batch-000001/h264/video.mp4")
        assert copied == (tmp_path / "in" / "h264.mp4").read_bytes()

    def test_an_opted_out_video_is_not_fetched(self, server, tmp_path):
        store = Store(str(tmp_path))
        crawl_tick(store, [Source(server.playlist_url)], OPTIONS, NOW)
        write_catalog(store, flag(read_catalog(store), ["generic-h264"], opt_out=True))
        server.requests.clear()
        assert "generic-h264" not in {unit.video_id for unit in self.run(store).units}
        assert "/media/h264.mp4" not in server.requests


def _no_sleep(seconds):
    return None


class TestErrors:
    @pytest.mark.parametrize(
        ("message", "kind"),
        [
            ("[youtube] x: Private video. Sign in if you've been granted access", "private"),
            ("[youtube] x: Sign in to confirm you're not a bot. Use --cookies", "bot_wall"),
            ("[youtube] x: Sign in to confirm your age. This video may be inappropriate for some users.", "age"),
            ("[youtube] x: Join this channel to get access to members-only content", "login"),
            ("[youtube] x: Video unavailable. This video has been removed by the uploader", "gone"),
            ("[youtube] x: Video unavailable. The uploader has not made this video available in your country", "geo"),
            ("[youtube] x: Video unavailable. This content isn't available, try again later.", "throttled"),
            ("[youtube] x: Premieres in 3 hours", "live"),
            ("[twitch:vod] v1: Video v1 does not exist", "gone"),
            ("[twitch:vod] v1: This video is only available to subscribers", "login"),
            ("[youtube] x: Requested format is not available", "unsupported"),
            ("[generic] Unable to download webpage: The read operation timed out", "network"),
            ("something nobody thought of", "unknown"),
        ],
    )
    def test_wording_tells_the_kind(self, message, kind):
        from yt_dlp.utils import DownloadError, ExtractorError

        inner = ExtractorError(message, expected=True)
        error = classify(DownloadError(f"ERROR: {message}", (ExtractorError, inner, None)))
        assert error.kind == kind
        assert error.permanent == (kind in {"private", "age", "login", "gone", "geo", "unsupported"})
        assert not str(error).startswith("ERROR")

    def test_typed_exceptions_tell_more_than_words(self):
        from yt_dlp.utils import GeoRestrictedError, UnsupportedError

        assert classify(GeoRestrictedError("not here")).kind == "geo"
        assert classify(UnsupportedError("http://x")).kind == "unsupported"
        assert classify(TimeoutError()).kind == "network"
        assert classify(urllib.error.URLError("refused connection")).kind == "network"

    def test_an_error_survives_a_worker(self):
        error = pickle.loads(pickle.dumps(CrawlError("throttled", "slow\n down", 3.0)))
        assert (error.kind, str(error), error.retry_after_s) == ("throttled", "throttled: slow down", 3.0)

    def test_waits_grow_to_a_limit_and_are_spread(self):
        backoff = Backoff(attempts=9, base_s=1.0, max_s=10.0)
        assert [backoff.delay_s(n, None, 0.5) for n in range(1, 6)] == [1, 2, 4, 8, 10]
        assert backoff.delay_s(1, None, 0.0) == 0.5
        assert backoff.delay_s(1, 99.0, 0.0) == 10.0
        with pytest.raises(ValueError, match="attempts >= 1"):
            Backoff(attempts=0)

    def test_a_wall_is_not_run_against_again(self, naps):
        calls = []

        def wall():
            calls.append(1)
            raise CrawlError("bot_wall", "prove that you are human")

        with pytest.raises(CrawlError):
            with_backoff(wall, Backoff(), naps.append)
        assert (len(calls), naps) == (1, [])


class TestOptions:
    def test_nothing_but_the_own_downloader_is_configured(self):
        parameters = make_parameters(OPTIONS, "https://www.youtube.com/watch?v=x")
        assert parameters["external_downloader"] == {"default": "native"}
        assert parameters["postprocessors"] == []
        assert parameters["allowed_extractors"] == ["youtube(:.+)?", "twitch(:.+)?"]
        assert make_parameters(OPTIONS, "http://127.0.0.1:80/x")["allowed_extractors"] == ["generic"]
        assert format_string(720).count("height<=?720") == 3
        assert "+" not in format_string(720), "nothing is merged"

    def test_secrets_are_not_shown(self):
        options = CrawlOptions(
            cookie_file="/secret/cookies.txt", extractor_args=(("youtube", (("po_token", ("web+SECRET",)),)),)
        )
        assert "ecret" not in repr(options).lower()
        parameters = make_parameters(options, "https://www.youtube.com/", "copy")
        assert parameters["extractor_args"] == {"youtube": {"po_token": ["web+SECRET"]}}
        assert parameters["cookiefile"] == "copy"

    def test_cookies_are_sent_and_the_file_is_not_written_to(self, server, tmp_path):
        jar = tmp_path / "cookies.txt"
        jar.write_text("# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tname\tvalue\n")
        before = jar.read_bytes()
        (tmp_path / "out").mkdir()
        download(server.page_url("h264"), tmp_path / "out", dataclasses.replace(OPTIONS, cookie_file=str(jar)))
        assert jar.read_bytes() == before

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"extractors": ("generic",)}, "generic_hosts"),
            ({"sleep_download_s": (5.0, 1.0)}, "pauses must rise"),
            ({"max_height": 0}, "above 0"),
        ],
    )
    def test_impossible_options_are_refused(self, changes, message):
        with pytest.raises(ValueError, match=message):
            CrawlOptions(**changes)


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
                    "id": video_id, "title": f"T {video_id}", "uploader": "Cy", "license": "CC BY", "ext": "mp4",
                    "url": "https://fake.example/x.mp4", "duration": 61, "live_status": "is_live",
                }  # fmt: skip

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


def test_what_a_site_says_goes_before_what_the_source_was_told():
    entry = {"url": "https://youtu.be/x", "ie_key": "Youtube", "id": "x", "title": None, "tags": ["game:Ori", "a"]}
    video = to_discovered(entry, Source("s", game="Hades", genre="roguelike"))
    assert (video.video_id, video.game, video.genre, video.title) == ("youtube-x", "Ori", "roguelike", "")
    assert video.duration_s is None


def test_dates_of_pins_are_recent_enough():
    """YouTube changes weekly; an extractor older than two years is a mistake in the lock."""
    import yt_dlp

    year, month, day = map(int, yt_dlp.version.__version__.split(".")[:3])
    assert date(year, month, day) >= date(2026, 6, 9), "older ones run code from manifests (GHSA-vx4q-3cr2-7cg2)"
