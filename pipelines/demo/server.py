"""Serve clips of this machine the way a video site does, for the demo and for tests: loopback only.

`/playlist.rss` lists the clips (RSS 2.0), `/watch/<id>.html` describes one (schema.org VideoObject as JSON-LD), and
`/media/<name>` is the file, with byte ranges. yt-dlp's generic extractor reads all three as it would read any site's.
schema.org has no field for the game that yt-dlp hands on, so game, genre and licence travel as keywords `game:<name>`.
"""

import html
import json
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

#: Bytes of a file that are sent at once.
_PIECE_BYTES = 1 << 16
#: Seconds between two looks whether the server shall end.
_POLL_S = 0.02
_CONTENT_TYPES = {".mp4": "video/mp4", ".mkv": "video/x-matroska", ".webm": "video/webm"}


@dataclass(frozen=True)
class ClipPage:
    """A clip and what its page says about it.

    Attributes:
        path: the file; its stem is the clip's id.
        title: as shown.
        channel: who made it.
        game: name of the game.
        genre: genre of the game.
        licence: of the clip.
        duration_s: length in seconds; left out of the page when None.
    """

    path: Path
    title: str
    channel: str
    game: str = ""
    genre: str = ""
    licence: str = ""
    duration_s: float | None = None

    @property
    def clip_id(self) -> str:
        """The clip's id, stable over ports and restarts."""
        return self.path.stem


class ClipServer(ThreadingHTTPServer):
    """An HTTP server for clips; `serve_clips` starts one."""

    daemon_threads = True

    def __init__(self, clips: Sequence[ClipPage], port: int = 0, handler: type[BaseHTTPRequestHandler] | None = None):
        super().__init__(("127.0.0.1", port), handler or ClipHandler)
        self.clips = {clip.clip_id: clip for clip in clips}

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that hangs up is not news."""

    @property
    def url(self) -> str:
        """The root, with a final slash."""
        return f"http://127.0.0.1:{self.server_port}/"

    @property
    def playlist_url(self) -> str:
        """The page that lists all clips."""
        return f"{self.url}playlist.rss"

    def page_url(self, clip_id: str) -> str:
        """Return the page of a clip."""
        return f"{self.url}watch/{quote(clip_id)}.html"


class ClipHandler(BaseHTTPRequestHandler):
    """Answers GET and HEAD for one `ClipServer`."""

    protocol_version = "HTTP/1.1"
    server: ClipServer

    def do_GET(self) -> None:
        """Send a page, the list or a file."""
        path = unquote(self.path.split("?")[0].split("#")[0])
        if path == "/playlist.rss":
            self.send_text("application/rss+xml", _rss(self.server))
        elif (found := re.fullmatch(r"/watch/(.+)\.html", path)) and found[1] in self.server.clips:
            self.send_text("text/html", _page(self.server, self.server.clips[found[1]]))
        elif (found := re.fullmatch(r"/media/(.+)", path)) and Path(found[1]).stem in self.server.clips:
            self.send_file(self.server.clips[Path(found[1]).stem].path)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    do_HEAD = do_GET  # noqa: N815 - the base class's name

    def send_text(self, content_type: str, text: str) -> None:
        """Send a small document."""
        data = text.encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"{content_type}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def send_file(self, path: Path) -> None:
        """Send a file or the range of it that is asked for."""
        size = path.stat().st_size
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start = int(wanted[1]) if wanted else 0
        stop = min(size, int(wanted[2]) + 1) if wanted and wanted[2] else size
        if start >= size > 0:
            self.send_error(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            return
        self.send_response(HTTPStatus.PARTIAL_CONTENT if wanted else HTTPStatus.OK)
        self.send_header("Content-Type", _CONTENT_TYPES.get(path.suffix, "application/octet-stream"))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(stop - start))
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.end_headers()
        if self.command != "HEAD":
            self.copy_bytes(path, start, stop)

    def copy_bytes(self, path: Path, start: int, stop: int) -> None:
        """Write bytes [start, stop) of a file to the client."""
        with path.open("rb") as file:
            file.seek(start)
            while start < stop:
                piece = file.read(min(_PIECE_BYTES, stop - start))
                self.wfile.write(piece)
                start += len(piece)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: requests are not news."""


def _rss(server: ClipServer) -> str:
    items = "".join(
        f"<item><title>{escape(clip.title)}</title><link>{escape(server.page_url(clip.clip_id))}</link>"
        f'<guid isPermaLink="false">{escape(clip.clip_id)}</guid></item>'
        for clip in server.clips.values()
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>clips</title>{items}</channel></rss>'


def _page(server: ClipServer, clip: ClipPage) -> str:
    words = {"game": clip.game, "genre": clip.genre, "licence": clip.licence}
    facts = {
        "@context": "https://schema.org",
        "@type": "VideoObject",
        "name": clip.title,
        "author": {"@type": "Person", "name": clip.channel},
        "contentUrl": f"{server.url}media/{quote(clip.path.name)}",
        "keywords": ",".join(f"{key}:{value}" for key, value in words.items() if value),
    }
    if clip.duration_s is not None:
        facts["duration"] = f"PT{clip.duration_s:.3f}S"
    data = json.dumps(facts).replace("<", "\\u003c")
    return (
        f"<!DOCTYPE html><html><head><title>{html.escape(clip.title)}</title>"
        f'<script type="application/ld+json">{data}</script></head><body></body></html>'
    )


@contextmanager
def serve_clips(clips: Sequence[ClipPage], port: int = 0) -> Iterator[ClipServer]:
    """Serve clips on loopback while the block runs.

    Args:
        clips: what to serve, in the playlist's order; their ids must differ.
        port: 0 takes a free one.
    """
    with running(ClipServer(clips, port)) as server:
        yield server


@contextmanager
def running(server: ClipServer) -> Iterator[ClipServer]:
    """Run a server in a thread while the block runs."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": _POLL_S}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
