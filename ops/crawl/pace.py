"""How many videos a site lets one session have: known bounds, kept by all processes of this machine together.

Times of downloads lie in a small file per site and session in the temporary directory, behind a file lock.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlparse

import filelock

from ops.crawl.errors import CrawlError


class Bound(NamedTuple):
    """At most so many videos in `span_s` seconds."""

    most: int
    span_s: float


#: Bounds by site. YouTube bans a session after about 300 videos an hour (yt-dlp's wiki) or 600 downloads
#: (yt-dlp#16147, which names no time; a day is assumed). These are four fifths of both.
BOUNDS: Final[dict[str, tuple[Bound, ...]]] = {"youtube": (Bound(240, 3600.0), Bound(480, 86400.0))}
#: Sites by the end of their host names.
_SITES: Final = {"youtube.com": "youtube", "youtu.be": "youtube", "youtube-nocookie.com": "youtube"}
#: Seconds that a worker waits for its turn; beyond, the video fails and is tried by a later run. Chosen by eye.
_MAX_WAIT_S: Final = 300.0


def site_of(url: str) -> str:
    """Return what refusals and bounds are counted by: a known site, else the host."""
    host = (urlparse(url).hostname or "").lower()
    return next((site for end, site in _SITES.items() if host == end or host.endswith(f".{end}")), host)


def wait_for_turn(
    url: str,
    session: str,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.time,
    folder: Path | None = None,
) -> None:
    """Note a download, after waiting where the site's bounds ask for it.

    Args:
        url: of the video.
        session: tells sessions apart, such as the name of a cookie file.
        sleep: waits.
        clock: seconds since 1970.
        folder: where times are kept; None is one in the temporary directory.

    Raises:
        CrawlError: of kind `throttled`, where the turn comes too late to wait for it.
    """
    site = site_of(url)
    bounds = BOUNDS.get(site)
    if not bounds:
        return
    folder = folder or Path(tempfile.gettempdir()) / f"overplay-pace-{getattr(os, 'getuid', int)()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{site}-{hashlib.sha256(session.encode()).hexdigest()[:16]}.json"
    while True:
        with filelock.FileLock(path.with_suffix(".lock")):
            now = clock()
            longest_s = max(bound.span_s for bound in bounds)
            times = [at for at in (json.loads(path.read_text()) if path.exists() else []) if now - at < longest_s]
            wait_s = max(_wait_s(times, bound, now) for bound in bounds)
            if wait_s <= 0:
                path.write_text(json.dumps([*times, now]))
                return
        if wait_s > _MAX_WAIT_S:
            raise CrawlError("throttled", f"{site}: this session has had its share; next in {wait_s:.0f} s", wait_s)
        sleep(wait_s)


def _wait_s(times: list[float], bound: Bound, now: float) -> float:
    """Return the seconds until one more download keeps a bound."""
    recent = sorted(at for at in times if now - at < bound.span_s)
    return 0.0 if len(recent) < bound.most else recent[-bound.most] + bound.span_s - now
