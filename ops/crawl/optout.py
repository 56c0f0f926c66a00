"""Who does not want their videos used: the opt-out list, kept beside the ledger, and what it matches.

The list is the last word: crawls ask it before they add a row, and batches leave out what it names. It outlives the
videos' own rows, which `ops.takedown` empties, so that a later crawl knows them by nothing but the list and their ids.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Final, Literal, get_args

from ops.crawl.catalog import Discovered, Video
from ops.store.storage import Store

OPTOUT_KEY: Final = "raw/optout.json"
#: File of a published policy: the videos that it learned from, by batch. A takedown marks policies by it.
TRAINED_ON: Final = "dataset.json"
OptOutKind = Literal["video", "channel", "creator"]


@dataclasses.dataclass(frozen=True)
class OptOut:
    """One request.

    Attributes:
        kind: `video` (an id of the ledger, or a page), `channel` (its name or id on one site, or its page), or
            `creator` (a name, on every site).
        name: as the request gives it.
        reason: why, for the record; empty for none.
        added: ISO-8601 UTC.
        channel_ids: ids that the ledger knew of the channels with this name; they hold when a channel is renamed.
    """

    kind: OptOutKind
    name: str
    reason: str = ""
    added: str = ""
    channel_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in get_args(OptOutKind):
            raise ValueError(f"kind: expected one of {', '.join(get_args(OptOutKind))}, got {self.kind!r}")
        if not self.name.strip():
            raise ValueError(f"an opt-out names a {self.kind}, got an empty name")

    def matches(self, video: Discovered) -> bool:
        """Return whether a video is meant."""
        if self.kind == "video":
            return self.name in (video.video_id, video.url)
        if video.channel_id and video.channel_id in self.channel_ids:
            return True
        name = _folded(self.name)
        if self.kind == "creator":
            return bool(name) and name == _folded(video.channel)
        return self.name in (video.channel, video.channel_id, video.source) or (
            bool(video.channel_id) and name.rstrip("/").endswith(f"/{_folded(video.channel_id)}")
        )


def _folded(text: str) -> str:
    return " ".join(text.casefold().split()).removeprefix("@")


def opted_out(video: Discovered, optouts: Iterable[OptOut]) -> bool:
    """Return whether any request means a video."""
    return any(optout.matches(video) for optout in optouts)


def read_optouts(store: Store) -> tuple[OptOut, ...]:
    """Return the list; empty where nobody asked."""
    try:
        rows = store.read_json(OPTOUT_KEY)
    except FileNotFoundError:
        return ()
    return tuple(OptOut(**row | {"channel_ids": tuple(row["channel_ids"])}) for row in rows)


def add_optout(store: Store, optout: OptOut, videos: Sequence[Video]) -> OptOut:
    """Write a request into the list, with the ids of the channels it means; asked again it is there once.

    Call it with the catalog's lock held.

    Args:
        store: holds the list.
        optout: the request.
        videos: the ledger.
    """
    listed = read_optouts(store)
    known = next((old for old in listed if (old.kind, old.name) == (optout.kind, optout.name)), None)
    ids = set(known.channel_ids if known else ())
    if optout.kind != "video":
        ids |= {video.channel_id for video in videos if video.channel_id and optout.matches(video)}
    full = dataclasses.replace(known or optout, channel_ids=tuple(sorted(ids)))
    if full != known:
        store.write_json(OPTOUT_KEY, [full if old is known else old for old in listed] + ([] if known else [full]))
    return full


def flag_opted_out(videos: Sequence[Video], optouts: Sequence[OptOut]) -> tuple[Video, ...]:
    """Return the ledger with every video that the list means flagged; flags are never taken back."""
    return tuple(
        dataclasses.replace(video, opt_out=True) if not video.opt_out and opted_out(video, optouts) else video
        for video in videos
    )


def emptied(video: Video) -> Video:
    """Return a row that keeps nothing but the id, the batch and the flag."""
    return Video(
        video_id=video.video_id,
        source="",
        url="",
        batch=video.batch,
        opt_out=True,
        alive=video.alive,
        first_seen=video.first_seen,
        last_seen=video.last_seen,
    )
