"""Ask whether known videos can still be had: the ones that were asked longest ago first, a number per tick.

A third of what was published a few years ago is gone; what is urgent (broadcasts that Twitch deletes after weeks) is
asked first. An error that passes changes nothing.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Final

from ops.crawl.catalog import Video, catalog_lock, is_urgent, read_catalog, write_catalog
from ops.crawl.discovery import Source
from ops.crawl.errors import CrawlError, classify
from ops.crawl.ytdlp import CrawlOptions, extract, open_session
from ops.store.storage import Store

#: What says that a video is not to be had by anybody; other refusals concern us alone.
GONE: Final = frozenset({"gone", "private"})


@dataclasses.dataclass(frozen=True)
class LivenessReport:
    """What became of those that were asked.

    Attributes:
        num_asked: videos.
        gone: reason by id of those that went since they were last asked.
        back: ids of those that can be had again.
        unsure: reason by id, of errors that pass or concern us alone.
    """

    num_asked: int = 0
    gone: dict[str, str] = dataclasses.field(default_factory=dict)
    back: tuple[str, ...] = ()
    unsure: dict[str, str] = dataclasses.field(default_factory=dict)


def due(videos: Sequence[Video], count: int) -> list[Video]:
    """Return the rows to ask next: urgent ones, then those seen or asked longest ago."""
    asked = [video for video in videos if not video.opt_out]
    order = sorted(asked, key=lambda video: (not is_urgent(video), max(video.last_seen, video.checked), video.video_id))
    return order[:count]


def probe_liveness(
    store: Store, options: CrawlOptions, now: str, count: int, sleep: Callable[[float], None] = time.sleep
) -> LivenessReport:
    """Ask about some rows of the ledger and write what was found.

    Args:
        store: holds the ledger.
        options: how to ask.
        now: ISO-8601 UTC, the time that rows get.
        count: at most so many rows.
        sleep: waits between tries.
    """
    if not count:
        return LivenessReport()
    found: dict[str, CrawlError | None] = {}
    for video in due(read_catalog(store), count):
        found[video.video_id] = _ask(video.url, options, sleep)
    gone: dict[str, str] = {}
    back: list[str] = []
    unsure: dict[str, str] = {}

    def updated(video: Video) -> Video:
        if video.video_id not in found or video.opt_out:
            return video
        error = found[video.video_id]
        if error is None:
            if not video.alive:
                back.append(video.video_id)
            return dataclasses.replace(video, alive=True, gone_reason="", checked=now)
        if error.kind in GONE:
            if video.alive:
                gone[video.video_id] = str(error)
            return dataclasses.replace(video, alive=False, gone_reason=error.kind, checked=now)
        unsure[video.video_id] = str(error)
        return dataclasses.replace(video, checked=now) if error.permanent else video

    with catalog_lock(store):
        before = read_catalog(store)
        after = tuple(updated(video) for video in before)
        if after != before:
            write_catalog(store, after)
    return LivenessReport(len(found), gone, tuple(back), unsure)


def _ask(url: str, options: CrawlOptions, sleep: Callable[[float], None]) -> CrawlError | None:
    """Return what keeps a video from being had, or None."""
    path = Source(url).local_path()
    if path is not None:
        return None if path.exists() else CrawlError("gone", f"no such file: {path}")
    try:
        with open_session(options, url) as session:
            extract(session, url, options, sleep)
    except Exception as error:  # whatever yt-dlp makes of it
        return classify(error)
    return None
