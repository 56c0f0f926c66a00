"""Downloads and each way in which sites refuse them, through yt-dlp itself."""

import dataclasses
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from ops.crawl.errors import BREAKER, Backoff, CrawlError, ErrorKind
from ops.crawl.ytdlp import (
    CrawlOptions,
    download,
    format_string,
    make_parameters,
    open_session,
    with_clients,
)
from tests.factories.server import OPTIONS, Fault


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


def test_dates_of_pins_are_recent_enough():
    """YouTube changes weekly; an extractor older than two years is a mistake in the lock."""
    import yt_dlp

    year, month, day = map(int, yt_dlp.version.__version__.split(".")[:3])
    assert date(year, month, day) >= date(2026, 6, 9), "older ones run code from manifests (GHSA-vx4q-3cr2-7cg2)"


def test_after_a_refusal_the_next_session_has_another_client_and_other_cookies(tmp_path: Path) -> None:
    url = "https://www.youtube.com/watch?v=x"
    options = CrawlOptions(cookie_file=str(tmp_path))
    jar = "# Netscape HTTP Cookie File\n.youtube.com\tTRUE\t/\tTRUE\t9999999999\tname\t{}\n"
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text(jar.format(name))
    seen = []
    for _ in range(3):
        with open_session(options, url) as session:
            cookie = next(cookie.value for cookie in session.cookiejar if cookie.name == "name")
            seen.append((cookie, session.params["extractor_args"].get("youtube", {}).get("player_client")))
        BREAKER.note("youtube", CrawlError("client", "no formats"))
    assert [cookie for cookie, _ in seen] == ["a", "b", "a"]
    assert len({str(client) for _, client in seen}) == 3
    own = CrawlOptions(extractor_args=(("youtube", (("player_client", ("ios",)),)),))
    assert make_parameters(own, url, number=2)["extractor_args"]["youtube"]["player_client"] == ["ios"]


def test_a_client_that_gets_no_formats_is_changed_and_other_errors_are_not_tried_again() -> None:
    tried = []

    def refused(kind: ErrorKind, times: int):
        def work() -> str:
            tried.append(kind)
            if len(tried) <= times:
                raise CrawlError(kind, "no")
            return "done"

        return work

    assert with_clients(refused("client", 2)) == "done" and len(tried) == 3
    for kind in ("session", "gone", "network"):
        tried.clear()
        with pytest.raises(CrawlError):
            with_clients(refused(kind, 1))
        assert len(tried) == 1
    tried.clear()
    with pytest.raises(CrawlError, match="client"):
        with_clients(refused("client", 99))
    assert len(tried) == 4, "each client once"
