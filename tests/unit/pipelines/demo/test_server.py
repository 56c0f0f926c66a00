"""The demo's site: pages, ranges and refusals, asked as a browser or yt-dlp would."""

import json
import re
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.demo.server import ClipPage, ClipServer, serve_clips

BYTES = bytes(range(256)) * 4


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ClipServer]:
    (tmp_path / "one & two.mp4").write_bytes(BYTES)
    (tmp_path / "empty.webm").write_bytes(b"")
    pages = [
        ClipPage(tmp_path / "one & two.mp4", "A </script> <b>title</b>", "Ann & Bob", game="Doom", duration_s=1.5),
        ClipPage(tmp_path / "empty.webm", "Nothing", "Ann"),
    ]
    with serve_clips(pages) as server:
        yield server


def _get(url: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.status, dict(answer.headers), answer.read()


def test_the_playlist_lists_every_clip(server: ClipServer) -> None:
    _, headers, body = _get(server.playlist_url)
    root = ET.fromstring(body)
    assert headers["Content-Type"].startswith("application/rss+xml")
    assert [item.findtext("guid") for item in root.iter("item")] == ["one & two", "empty"]
    assert next(item.findtext("link") for item in root.iter("item")) == server.page_url("one & two")


def test_a_page_describes_its_clip_and_no_title_breaks_out(server: ClipServer) -> None:
    _, _, body = _get(server.page_url("one & two"))
    text = body.decode()
    assert text.count("</script>") == 1 and "<b>" not in text
    facts = json.loads(re.search(r"json\">(.*?)</script>", text)[1])
    assert facts["name"] == "A </script> <b>title</b>"
    assert facts["keywords"] == "game:Doom"
    assert facts["duration"] == "PT1.500S"
    assert _get(facts["contentUrl"])[2] == BYTES


@pytest.mark.parametrize(
    "asked, expected, content_range",
    [
        ("bytes=0-9", BYTES[:10], "bytes 0-9/1024"),
        ("bytes=1000-", BYTES[1000:], "bytes 1000-1023/1024"),
        ("bytes=1020-5000", BYTES[1020:], "bytes 1020-1023/1024"),
    ],
)
def test_ranges_are_answered(server: ClipServer, asked: str, expected: bytes, content_range: str) -> None:
    status, headers, body = _get(f"{server.url}media/one%20%26%20two.mp4", Range=asked)
    assert (status, body, headers["Content-Range"]) == (206, expected, content_range)
    assert headers["Content-Length"] == str(len(expected))


def test_a_head_has_the_length_and_no_body(server: ClipServer) -> None:
    status, headers, body = _get(f"{server.url}media/one%20%26%20two.mp4", method="HEAD")
    assert (status, headers["Content-Length"], headers["Content-Type"], body) == (200, "1024", "video/mp4", b"")


def test_an_empty_file_is_sent(server: ClipServer) -> None:
    assert _get(f"{server.url}media/empty.webm")[::2] == (200, b"")


@pytest.mark.parametrize(
    "path, headers, status",
    [
        ("media/one%20%26%20two.mp4", {"Range": "bytes=1024-"}, 416),
        ("media/other.mp4", {}, 404),
        ("watch/other.html", {}, 404),
        ("media/..%2F..%2Fetc%2Fpasswd", {}, 404),
        ("", {}, 404),
    ],
)
def test_what_is_not_there_is_refused(server: ClipServer, path: str, headers: dict, status: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        _get(server.url + path, **headers)
    assert caught.value.code == status
