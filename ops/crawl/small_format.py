"""The smallest format of a video on a site, to be looked at in parts: one file by ranges of bytes, or its segments.

HLS playlists (RFC 8216) and the fragments that yt-dlp makes of DASH manifests are lists of segments; a segment with
its initialisation section before it is a small video of its own.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urljoin, urlparse

from ops.crawl.errors import Backoff, CrawlError, with_backoff
from ops.crawl.ytdlp import CrawlOptions, extract, open_session, refuse_live
from ops.outcomes import BadInputError

Result = TypeVar("Result")

_LOGGER: Final = logging.getLogger(__name__)
#: yt-dlp's names of protocols: one file, HLS, DASH.
_FILES: Final = ("http", "https")
_HLS: Final = ("m3u8", "m3u8_native")
_DASH: Final = ("http_dash_segments",)
#: A playlist or segment that is larger is refused. Chosen by eye: far above what sites send.
_MAX_PLAYLIST_BYTES: Final = 16 << 20
_MAX_SEGMENT_BYTES: Final = 64 << 20
_ATTRIBUTE: Final = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]*)')


class Piece(NamedTuple):
    """A part of a file of a site: bytes [start, stop), or all of it."""

    url: str
    start: int = 0
    stop: int = 0


class Segment(NamedTuple):
    """A segment and what goes before it, if anything."""

    body: Piece
    head: Piece | None = None


@dataclass(frozen=True)
class Fetcher:
    """Gets bytes of a site.

    Attributes:
        session: of yt-dlp, which checks hosts and knows cookies.
        headers: that the site wants.
        patience: for the backoff.
        sleep: waits between tries.
    """

    session: Any
    headers: Mapping[str, str]
    patience: Backoff
    sleep: Callable[[float], None]

    def read_range(self, url: str, start: int, stop: int) -> tuple[bytes, int]:
        """Return bytes [start, stop) and the size of the whole file, nothing and 0 where ranges are not answered.

        Raises:
            CrawlError: they cannot be had.
        """
        return self._patiently(url, lambda: self._read_range(url, start, stop))

    def read_all(self, url: str, most: int) -> bytes:
        """Return a whole file.

        Raises:
            CrawlError: it cannot be had, or is larger than `most` bytes.
        """

        def ask() -> bytes:
            with closing(self._open(url, {})) as response:
                data: bytes = response.read(most + 1)
            if len(data) > most:
                raise CrawlError("too_large", f"more than {most} bytes in {url}")
            return data

        return self._patiently(url, ask)

    def read_piece(self, piece: Piece) -> bytes:
        """Return the bytes of a piece.

        Raises:
            CrawlError: they cannot be had.
        """
        if not piece.stop:
            return self.read_all(piece.url, _MAX_SEGMENT_BYTES)
        data, _ = self.read_range(piece.url, piece.start, piece.stop)
        if len(data) != piece.stop - piece.start:
            raise CrawlError("network", f"asked for {piece.stop - piece.start} bytes, got {len(data)}")
        return data

    def _read_range(self, url: str, start: int, stop: int) -> tuple[bytes, int]:
        with closing(self._open(url, {"Range": f"bytes={start}-{stop - 1}"})) as response:
            if response.status != 206:
                return b"", 0
            total = str(response.headers.get("Content-Range") or "").rpartition("/")[2]
            return response.read(stop - start), int(total) if total.isdigit() else 0

    def _open(self, url: str, more: Mapping[str, str]) -> Any:
        from yt_dlp.networking import Request

        return self.session.urlopen(Request(url, headers={**self.headers, **more}))

    def _patiently(self, url: str, ask: Callable[[], Result]) -> Result:
        return with_backoff(ask, self.patience, self.sleep, host=urlparse(url).hostname or "")


@dataclass(frozen=True)
class RangeReader:
    """A file of a site, read by ranges of bytes (an `ops.crawl.peek.RemoteFile`).

    Attributes:
        fetcher: gets them.
        url: of the file.
        size: number of bytes.
    """

    fetcher: Fetcher
    url: str
    size: int

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes [start, stop).

        Raises:
            CrawlError: they cannot be had.
        """
        return self.fetcher.read_piece(Piece(self.url, start, stop))


@dataclass(frozen=True)
class SegmentReader:
    """A video in segments (an `ops.crawl.peek.RemoteSegments`).

    Attributes:
        fetcher: gets them.
        segments: in order.
    """

    fetcher: Fetcher
    segments: tuple[Segment, ...]

    @property
    def num_segments(self) -> int:
        """How many there are."""
        return len(self.segments)

    def read_segment(self, number: int) -> bytes:
        """Return a segment as a video of its own.

        Raises:
            CrawlError: it cannot be had.
        """
        body, head = self.segments[number]
        return (self.fetcher.read_piece(head) if head else b"") + self.fetcher.read_piece(body)


@contextmanager
def open_smallest(
    url: str, options: CrawlOptions, sleep: Callable[[float], None] = time.sleep
) -> Iterator[RangeReader | SegmentReader | None]:
    """Give a reader of a video's smallest format of `probe_height` or more.

    It is None where that is also what a download would take, or where it cannot be read in parts.

    Raises:
        CrawlError: the page cannot be had.
    """
    with open_session(options, url, match_filter=refuse_live) as session:
        info = extract(session, url, options, sleep, process=True)
        small = _smallest(info, options.probe_height)
        if small is None:
            yield None
            return
        fetcher = Fetcher(session, dict(small.get("http_headers") or {}), options.backoff, sleep)
        try:
            reader = _reader(fetcher, small)
        except (CrawlError, BadInputError) as error:  # of this format; the download will tell
            _LOGGER.info("%s: no small format: %s", url, error)
            reader = None
        yield reader


def _reader(fetcher: Fetcher, known: Mapping[str, Any]) -> RangeReader | SegmentReader | None:
    url = known["url"]
    if known.get("protocol") in _HLS:
        text = fetcher.read_all(url, _MAX_PLAYLIST_BYTES).decode("utf-8", "replace")
        return SegmentReader(fetcher, parse_playlist(text, url))
    if known.get("protocol") in _DASH:
        return SegmentReader(
            fetcher, dash_segments(known.get("fragments") or (), known.get("fragment_base_url") or url)
        )
    _, size = fetcher.read_range(url, 0, 1)
    return RangeReader(fetcher, url, size) if size else None


def _smallest(info: Mapping[str, Any], min_height: int) -> Mapping[str, Any] | None:
    """Return the format with the fewest bytes of those with a picture, high enough, lower than the chosen one.

    Of equal height one file is better than segments, which are fetched whole.
    """
    fitting = [
        known
        for known in info.get("formats") or ()
        if min_height <= (known.get("height") or 0) < (info.get("height") or 0)
        and known.get("vcodec") != "none"
        and known.get("protocol") in (*_FILES, *_HLS, *_DASH)
    ]
    return min(
        fitting,
        key=lambda known: (
            known["height"],
            known.get("protocol") not in _FILES,
            known.get("acodec") != "none",
            known.get("tbr") or 0.0,
        ),
        default=None,
    )


def dash_segments(fragments: Sequence[Mapping[str, Any]], base: str) -> tuple[Segment, ...]:
    """Return the segments of yt-dlp's `fragments`; the first, if it has no duration, goes before each of the others."""
    pieces = [Piece(part.get("url") or urljoin(base, str(part.get("path")))) for part in fragments]
    has_head = len(pieces) > 1 and not fragments[0].get("duration")
    if not pieces:
        raise BadInputError("unsupported: a manifest without fragments")
    return tuple(Segment(piece, pieces[0] if has_head else None) for piece in pieces[has_head:])


def parse_playlist(text: str, url: str) -> tuple[Segment, ...]:
    """Return the segments of an HLS media playlist (RFC 8216, section 4.3).

    Raises:
        BadInputError: it is none, is a list of lists, is encrypted, or has no segments.
    """
    lines = [line.strip() for line in text.lstrip("\ufeff").splitlines()]
    if not lines or lines[0] != "#EXTM3U":
        raise BadInputError("unsupported: not a playlist")
    head: Piece | None = None
    span: tuple[int, int] | None = None
    follows = 0
    segments: list[Segment] = []
    for line in lines:
        tag, _, value = line.partition(":")
        if tag == "#EXT-X-STREAM-INF":
            raise BadInputError("unsupported: a playlist of playlists")
        if tag == "#EXT-X-KEY" and _attributes(value).get("METHOD") != "NONE":
            raise BadInputError("unsupported: segments are encrypted")
        if tag == "#EXT-X-MAP":
            fields = _attributes(value)
            start, stop = _byte_range(fields["BYTERANGE"], 0) if "BYTERANGE" in fields else (0, 0)
            head = Piece(urljoin(url, fields.get("URI", "")), start, stop)
        elif tag == "#EXT-X-BYTERANGE":
            span = _byte_range(value, follows)
            follows = span[1]
        elif line and not line.startswith("#"):
            segments.append(Segment(Piece(urljoin(url, line), *(span or (0, 0))), head))
            span = None
    if not segments:
        raise BadInputError("unsupported: a playlist without segments")
    return tuple(segments)


def _attributes(text: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in _ATTRIBUTE.findall(text)}


def _byte_range(text: str, follows: int) -> tuple[int, int]:
    """Return (start, stop) of `length[@offset]`; without an offset it goes on where the last one ended."""
    length, _, offset = text.partition("@")
    try:
        start = int(offset) if offset else follows
        return start, start + int(length)
    except ValueError as error:
        raise BadInputError(f"unsupported: byte range {text!r} of a playlist") from error
