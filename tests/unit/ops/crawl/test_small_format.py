"""Playlists and fragments as lists of segments (RFC 8216)."""

import pytest

from ops.crawl.small_format import Piece, Segment, dash_segments, parse_playlist
from ops.outcomes import BadInputError

URL = "https://cdn.example/a/list.m3u8?token=1"


def test_segments_have_their_places_and_heads() -> None:
    text = """#EXTM3U
#EXT-X-MAP:URI="init.mp4",BYTERANGE="720@0"
#EXTINF:4,
one.m4s

#EXTINF:4,
#EXT-X-BYTERANGE:100@50
all.m4s
#EXTINF:4,
#EXT-X-BYTERANGE:70
all.m4s
#EXT-X-MAP:URI="/b/init.mp4"
#EXTINF:4,
https://other.example/two.m4s
"""
    head = Piece("https://cdn.example/a/init.mp4", 0, 720)
    assert parse_playlist(text, URL) == (
        Segment(Piece("https://cdn.example/a/one.m4s"), head),
        Segment(Piece("https://cdn.example/a/all.m4s", 50, 150), head),
        Segment(Piece("https://cdn.example/a/all.m4s", 150, 220), head),
        Segment(Piece("https://other.example/two.m4s"), Piece("https://cdn.example/b/init.mp4")),
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not a playlist"),
        ("<html>", "not a playlist"),
        ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8", "playlist of playlists"),
        ('#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="key"\n#EXTINF:4,\none.ts', "encrypted"),
        ("#EXTM3U\n#EXT-X-ENDLIST", "without segments"),
        ("#EXTM3U\n#EXT-X-BYTERANGE:many\none.ts", "byte range"),
    ],
)
def test_what_cannot_be_read_in_parts_is_told(text: str, reason: str) -> None:
    with pytest.raises(BadInputError, match=reason):
        parse_playlist(text, URL)


def test_a_key_that_is_none_is_none() -> None:
    assert len(parse_playlist("#EXTM3U\n#EXT-X-KEY:METHOD=NONE\n#EXTINF:4,\none.ts", URL)) == 1


def test_fragments_of_a_manifest() -> None:
    base = "https://cdn.example/v/"
    parts = [{"path": "init.mp4"}, {"path": "1.m4s", "duration": 4}, {"url": "https://x.example/2.m4s", "duration": 4}]
    head = Piece("https://cdn.example/v/init.mp4")
    expected = (Segment(Piece("https://cdn.example/v/1.m4s"), head), Segment(Piece("https://x.example/2.m4s"), head))
    assert dash_segments(parts, base) == expected
    assert dash_segments(parts[1:2], base) == (Segment(Piece("https://cdn.example/v/1.m4s")),)
    with pytest.raises(BadInputError, match="without fragments"):
        dash_segments([], base)
