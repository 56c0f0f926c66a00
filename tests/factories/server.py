"""A clip server that misbehaves as told: wrong status, silence, a connection cut in the middle of a file."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ops.crawl.errors import Backoff
from ops.crawl.ytdlp import CrawlOptions
from pipelines.demo.server import ClipHandler, ClipPage, ClipServer, running

#: How tests ask the server: without pauses, and three times.
OPTIONS = CrawlOptions(
    generic_hosts=("127.0.0.1",),
    sleep_request_s=0.0,
    sleep_download_s=(0.0, 0.0),
    socket_timeout_s=5.0,
    backoff=Backoff(attempts=3, base_s=2.0, max_s=60.0),
)


@dataclass(frozen=True)
class Fault:
    """What happens to one request: a status in place of an answer, a delay, or a body that ends early."""

    status: int = 0
    retry_after: str = ""
    body: str = ""
    delay_s: float = 0.0
    send_share: float = 1.0
    redirect: str = ""


class BadServer(ClipServer):
    """Serves clips; faults are taken from `faults[path]`, one for each GET, until there are none left."""

    def __init__(self, clips: Sequence[ClipPage]) -> None:
        super().__init__(clips, handler=_BadHandler)
        self.faults: dict[str, list[Fault]] = {}
        self.pages: dict[str, str] = {}
        self.requests: list[str] = []

    def fail(self, path: str, *faults: Fault) -> None:
        """Let the next requests for a path go wrong, one after the other."""
        self.faults[path] = list(faults)


class _BadHandler(ClipHandler):
    server: BadServer
    share = 1.0

    def do_GET(self) -> None:  # noqa: N802 - the base class's name
        self.server.requests.append(self.path)
        queue = self.server.faults.get(self.path)
        fault = queue.pop(0) if queue else Fault()
        time.sleep(fault.delay_s)
        self.share = fault.send_share
        if fault.status:
            data = fault.body.encode()
            self.send_response(fault.status)
            if fault.retry_after:
                self.send_header("Retry-After", fault.retry_after)
            if fault.redirect:
                self.send_header("Location", fault.redirect)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        elif self.path in self.server.pages:
            self.send_text("text/html", self.server.pages[self.path])
        else:
            super().do_GET()

    do_HEAD = ClipHandler.do_HEAD  # noqa: N815 - likewise

    def copy_bytes(self, path: Path, start: int, stop: int) -> None:
        end = start + int((stop - start) * self.share)
        super().copy_bytes(path, start, end)
        self.close_connection = end < stop


@contextmanager
def serve_badly(clips: Sequence[ClipPage]) -> Iterator[BadServer]:
    """Run a misbehaving server while the block runs."""
    with running(BadServer(clips)) as server:
        yield server
