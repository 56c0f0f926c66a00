"""Ask whether known videos can still be had: the ones that were asked longest ago first, a number per tick.

A third of what was published a few years ago is gone. What is urgent (broadcasts that Twitch deletes after weeks) is
asked first. An error that passes changes nothing. A video is dead only after two looks on different days, since a
session that is refused is told that videos do not exist.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from ops.crawl.catalog import Video, catalog_lock, is_urgent, read_catalog, write_catalog
from ops.crawl.discovery import Source
from ops.crawl.errors import CrawlError, classify
from ops.crawl.ytdlp import CrawlOptions, extract, open_session, with_clients
from ops.store.storage import Store

#: What says that a video is not to be had by anybody; other refusals concern us alone.
GONE: Final = frozenset({"gone", "private"})
#: Letters of an ISO-8601 time that are its date.
_DATE_LETTERS: Final = 10


@dataclasses.dataclass(frozen=True)
class LivenessReport:
    """What became of those that were asked.

    Attributes:
        num_asked: videos.
        gone: reason by id of those that a second look found gone.
        back: ids of those that can be had again.
        unsure: reason by id, of errors that pass or concern us alone.
    """

    num_asked: int = 0
    gone: dict[str, str] = dataclasses.field(default_factory=dict)
    back: tuple[str, ...] = ()
    unsure: dict[str, str] = dataclasses.field(default_factory=dict)


def after_look(video: Video, error: CrawlError | None, now: str) -> Video:
    """Return a row after a look at its video.

    The first look that finds it gone is kept in `gone_reason` and `checked`; one on a later day ends it.

    Args:
        video: the row.
        error: what kept the video from being had, or None.
        now: ISO-8601 UTC.
    """
    if error is None:
        return dataclasses.replace(video, alive=True, gone_reason="", checked=now)
    if error.kind in GONE:
        is_second = bool(video.gone_reason) and video.checked[:_DATE_LETTERS] < now[:_DATE_LETTERS]
        first = video.checked if video.gone_reason and not is_second else now
        return dataclasses.replace(video, alive=video.alive and not is_second, gone_reason=error.kind, checked=first)
    return dataclasses.replace(video, checked=now) if error.permanent and not video.gone_reason else video


def dead_videos(videos: Iterable[Video]) -> Iterator[str]:
    """Return the ids of rows that two looks on different days found gone."""
    return (video.video_id for video in videos if not video.alive)


def note_downloads(store: Store, reasons: Mapping[str, str], now: str) -> None:
    """Write into the ledger which videos a download found gone: it counts as a look.

    Args:
        store: holds the ledger.
        reasons: why each video was not had, by id, as the outcomes of `raw/videos` give it (`gone: 404`).
        now: ISO-8601 UTC.
    """
    looks: dict[str, CrawlError] = {}
    for video_id, reason in reasons.items():
        kind, _, message = reason.partition(": ")
        if kind in GONE:
            looks[video_id] = CrawlError("private" if kind == "private" else "gone", message)
    if not looks:
        return
    with catalog_lock(store):
        before = read_catalog(store)
        after = tuple(
            after_look(row, looks[row.video_id], now) if row.video_id in looks and not row.opt_out else row
            for row in before
        )
        if after != before:
            write_catalog(store, after)


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
        after = after_look(video, error, now)
        if error is None and not video.alive:
            back.append(video.video_id)
        elif error is not None and video.alive and not after.alive:
            gone[video.video_id] = str(error)
        elif error is not None and after.alive:
            unsure[video.video_id] = str(error)
        return after

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
        with_clients(lambda: _open_and_ask(url, options, sleep))
    except Exception as error:  # whatever yt-dlp makes of it
        return classify(error)
    return None


def _open_and_ask(url: str, options: CrawlOptions, sleep: Callable[[float], None]) -> None:
    with open_session(options, url) as session:
        extract(session, url, options, sleep)
