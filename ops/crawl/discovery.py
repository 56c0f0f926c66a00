"""Find videos at the configured sources, keep the ledger, and download a batch's videos, one unit each.

A tick lists each source without looking into its videos, asks for details only of those that are new and lack a
creator, and merges what it found into the ledger. A source that fails is reported and stops no other. The ledger and
the units of `raw/videos` are the archive: nothing known is asked for or downloaded again.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlparse

from ops.crawl.catalog import (
    Discovered,
    catalog_lock,
    clean_id,
    is_committed,
    merge_discovered,
    read_catalog,
    write_catalog,
)
from ops.crawl.errors import PERMANENT, CrawlError, classify
from ops.crawl.local_files import file_id, list_files, local_path, settle_ids
from ops.crawl.optout import opted_out, read_optouts
from ops.crawl.selection import NO_LIMITS, CrawlLimits, select
from ops.crawl.ytdlp import CrawlOptions, extract, open_session
from ops.store.storage import Store, fingerprint

#: Lists within a list (the tabs of a channel) are followed this deep.
_MAX_DEPTH: Final = 2
#: Pages that only name another page; more in a row are a loop.
_MAX_REFERENCES: Final = 8
#: How sure a game or genre is that the plan names for a whole source: neither known nor unknown. Chosen by eye.
_TOLD: Final = 0.5
#: Videos of a complete look by which the next one knows where to end. One may be deleted; so many at once hardly.
_NUM_ANCHORS: Final = 20
#: Errors of single videos that a look is complete with: the video will not be had later either.
_PASSED_OVER: Final = PERMANENT - {"gone"}
#: Letters of a hash that show whether limits changed.
_HASH_LETTERS: Final = 12
#: What the last ticks saw at each source.
CURSORS_KEY: Final = "raw/catalog/cursors.json"
_LIST_KEYS: Final = ("YoutubeTab", "YoutubePlaylist", "TwitchVideos", "TwitchCollection")


@dataclass(frozen=True)
class Source:
    """Somewhere to look for videos.

    Attributes:
        url: page of a video, playlist or channel, a search such as `ytsearch20:hollow knight gamepad overlay`, or a
            file or folder of this machine.
        game: of its videos, where they do not say themselves.
        genre: likewise.
        licence: likewise.
        limit: look at no more than so many of its videos; 0 is all. With `newest_first` it holds for the first look.
        newest_first: it lists new videos first, so that looking ends where the last complete look began.
    """

    url: str
    game: str = ""
    genre: str = ""
    licence: str = ""
    limit: int = 0
    newest_first: bool = False

    def local_path(self) -> Path | None:
        """Return the file or folder that the source is, or None where it is on the network."""
        return local_path(self.url)


@dataclass(frozen=True)
class CrawlReport:
    """What a tick did.

    Attributes:
        num_found: videos that the sources listed.
        num_new: of them, added to the ledger.
        num_seen: known ones come across again.
        num_opted_out: left alone, as the opt-out list says.
        refused: how many were not taken, by reason (`ops.crawl.selection`).
        new_batches: batch ids that now exist.
        errors: source or video with the error that kept it.
        wall_s: how long it took.
    """

    num_found: int = 0
    num_new: int = 0
    num_seen: int = 0
    num_opted_out: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    new_batches: tuple[str, ...] = ()
    errors: tuple[tuple[str, CrawlError], ...] = ()
    wall_s: float = 0.0


@dataclass
class Discovery:
    """What looking at one source gave.

    Attributes:
        videos: in the order of the source, each once.
        errors: page with the error that kept it.
        complete: whether everything was seen that a look at this source is to see. Then the next one may start here.
    """

    videos: list[Discovered] = field(default_factory=list)
    errors: list[tuple[str, CrawlError]] = field(default_factory=list)
    complete: bool = False


def discover(
    source: Source,
    options: CrawlOptions,
    known: Collection[str] = (),
    sleep: Callable[[float], None] = time.sleep,
    stop_at: Collection[str] = (),
) -> Discovery:
    """Return the videos that a source lists.

    Args:
        source: where to look.
        options: how.
        known: ids in the ledger; their pages are not asked for.
        sleep: waits between tries.
        stop_at: ids of the last complete look at a source that lists new videos first. Looking ends at the first of
            them, and the source's limit does not hold: whatever is newer than that look is wanted.
    """
    found = Discovery()
    anchors = stop_at if source.newest_first else ()
    met = False
    try:
        path = source.local_path()
        videos = _list_local(path, source) if path is not None else _list_site(source, options, known, sleep, found)
        for video in videos:
            if video.video_id in anchors:
                met = True
                break
            found.videos.append(video)
            if len(found.videos) == source.limit and not anchors:
                break
    except Exception as error:  # a page further down the list, or the list itself
        found.errors.append((source.url, classify(error)))
    # A list that ends before the last look's videos was cut short, or they are gone from it. Who knows which?
    found.complete = (met or not anchors) and all(error.kind in _PASSED_OVER for _, error in found.errors)
    return found


def _list_local(path: Path, source: Source) -> Iterator[Discovered]:
    for file in list_files(path):
        yield Discovered(
            video_id=file_id(file),
            source=source.url,
            url=file.absolute().as_uri(),
            title=file.stem,
            channel=file.parent.name,
            game=source.game,
            genre=source.genre,
            game_confidence=_TOLD if source.game else 0.0,
            genre_confidence=_TOLD if source.genre else 0.0,
            licence=source.licence,
        )


def _list_site(
    source: Source,
    options: CrawlOptions,
    known: Collection[str],
    sleep: Callable[[float], None],
    found: Discovery,
) -> Iterator[Discovered]:
    listed: set[str] = set()
    with open_session(options, source.url) as session:
        for entry in _entries(session, source.url, options, sleep):
            video = to_discovered(entry, source)
            if video.video_id in listed:
                continue
            listed.add(video.video_id)
            if video.video_id not in known and not video.channel:
                try:
                    details = extract(session, entry["url"], options, sleep, process=True)
                except Exception as error:  # this video only
                    found.errors.append((video.url, classify(error)))
                    continue
                said = {key: value for key, value in entry.items() if value not in (None, "")}
                video = replace(to_discovered(details | said, source), url=video.url, video_id=video.video_id)
            yield video


def _entries(
    session: Any, url: str, options: CrawlOptions, sleep: Callable[[float], None], depth: int = 0
) -> Iterator[dict[str, Any]]:
    """Yield the videos of a page in its order: itself, or what it lists, as they are read."""
    info = extract(session, url, options, sleep)
    said: dict[str, Any] = {}
    for _ in range(_MAX_REFERENCES):
        if info.get("_type") not in ("url", "url_transparent"):
            break
        if info["_type"] == "url_transparent":  # the page describes what lies elsewhere
            said = {key: value for key, value in info.items() if value and key not in ("_type", "url")} | said
        info = extract(session, info["url"], options, sleep)
    if info.get("_type", "video") == "video":
        yield info | said | {"url": url, "webpage_url": said.get("webpage_url") or info.get("webpage_url") or url}
        return
    for entry in info.get("entries") or ():
        if not entry:
            continue
        if entry.get("ie_key") in _LIST_KEYS or entry.get("_type") in ("playlist", "multi_video"):
            if depth < _MAX_DEPTH and entry.get("url"):
                yield from _entries(session, entry["url"], options, sleep, depth + 1)
        elif entry.get("url"):
            yield {"extractor_key": info.get("extractor_key"), "playlist_channel": info.get("channel")} | entry


def to_discovered(entry: Mapping[str, Any], source: Source) -> Discovered:
    """Return what a page or a list says of a video, the source's own facts filling the gaps."""
    from yt_dlp.utils import unsmuggle_url

    url, smuggled = unsmuggle_url(entry.get("webpage_url") or entry["url"], {})
    extractor = str(entry.get("ie_key") or entry.get("extractor_key") or "generic").lower()
    site_id = entry.get("id") or (smuggled or {}).get("force_videoid")
    if extractor == "generic" and (not site_id or entry.get("direct")):
        site_id = (smuggled or {}).get("force_videoid") or _generic_id(url)
    words = dict(word.split(":", 1) for word in entry.get("tags") or () if word and ":" in word)
    duration_s = entry.get("duration")
    return Discovered(
        video_id=f"{extractor}-{clean_id(str(site_id))}",
        source=source.url,
        url=url,
        title=str(entry.get("title") or ""),
        language=str(entry.get("language") or ""),
        game_confidence=1.0 if words.get("game") else _TOLD if source.game else 0.0,
        genre_confidence=1.0 if words.get("genre") else _TOLD if source.genre else 0.0,
        channel_id=str(entry.get("channel_id") or entry.get("uploader_id") or ""),
        channel=str(entry.get("channel") or entry.get("uploader") or entry.get("playlist_channel") or ""),
        duration_s=float(duration_s) if duration_s else None,
        game=words.get("game") or source.game,
        genre=words.get("genre") or source.genre,
        licence=entry.get("license") or words.get("licence") or source.licence,
    )


def _generic_id(url: str) -> str:
    """Return an id for a page that gives none: its host and path; the port may change."""
    parsed = urlparse(url)
    return f"{parsed.hostname}{parsed.path}{'?' if parsed.query else ''}{parsed.query}"


def crawl_tick(
    store: Store,
    sources: Sequence[Source],
    options: CrawlOptions,
    now: str,
    batch_size: int = 50,
    sleep: Callable[[float], None] = time.sleep,
    limits: CrawlLimits = NO_LIMITS,
) -> CrawlReport:
    """Look at all sources and add what is new to the ledger.

    Ticks may overlap: the ledger is read again, merged and written under a lock, after the looking is done.

    Args:
        store: holds the ledger.
        sources: where to look.
        options: how.
        now: ISO-8601 UTC, the time that rows get.
        batch_size: videos in a new batch.
        sleep: waits between tries.
        limits: what is wanted of what is found.
    """
    started = time.monotonic()
    known = {video.video_id for video in read_catalog(store)}
    cursors = read_cursors(store)
    wanted = fingerprint(asdict(limits))[:_HASH_LETTERS]
    discoveries = [
        discover(source, options, known, sleep, _anchors(cursors.get(source.url, {}), wanted)) for source in sources
    ]
    found = list(itertools.chain.from_iterable(discovery.videos for discovery in discoveries))
    errors = list(itertools.chain.from_iterable(discovery.errors for discovery in discoveries))
    with catalog_lock(store):
        before = read_catalog(store)
        found = settle_ids(store, before, found)
        found, refused = select(before, found, limits)
        optouts = read_optouts(store)
        merged = merge_discovered(before, found, now, batch_size, lambda video: opted_out(video, optouts))
        if merged.videos != before or not is_committed(store):
            write_catalog(store, merged.videos)
        _write_cursors(store, cursors, sources, discoveries, now, wanted)
    return CrawlReport(
        num_found=merged.num_new + merged.num_seen,
        num_new=merged.num_new,
        num_seen=merged.num_seen,
        num_opted_out=merged.num_opted_out,
        refused=refused,
        new_batches=merged.new_batches,
        errors=tuple(errors),
        wall_s=time.monotonic() - started,
    )


def read_cursors(store: Store) -> dict[str, dict[str, Any]]:
    """Return what the last ticks saw at each source.

    Each has `looked` (when), `num_listed` and `error` of the last look; `anchors` (its first ids) and `limits` (a hash
    of the limits) of the last complete one.
    """
    try:
        return dict(store.read_json(CURSORS_KEY))
    except FileNotFoundError:
        return {}


def _anchors(cursor: Mapping[str, Any], limits: str) -> tuple[str, ...]:
    """Return where a look may end; nothing under other limits, since these refused videos that may now be wanted."""
    return tuple(cursor.get("anchors", ())) if cursor.get("limits") == limits else ()


def _write_cursors(
    store: Store,
    before: Mapping[str, Any],
    sources: Sequence[Source],
    found: Sequence[Discovery],
    now: str,
    limits: str,
) -> None:
    cursors = dict(before)
    for source, discovery in zip(sources, found, strict=True):
        failed = next((str(error) for url, error in discovery.errors if url == source.url), "")
        old = cursors.get(source.url, {})
        row = {"looked": now, "num_listed": len(discovery.videos), "error": failed}
        if discovery.complete:
            ids = dict.fromkeys([*(video.video_id for video in discovery.videos), *_anchors(old, limits)])
            row |= {"anchors": list(ids)[:_NUM_ANCHORS], "limits": limits}
        else:
            row |= {name: old[name] for name in ("anchors", "limits") if name in old}
        cursors[source.url] = row
    if cursors != before:
        store.write_json(CURSORS_KEY, cursors)
