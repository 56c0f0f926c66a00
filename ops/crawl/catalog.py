"""The ledger of every video ever seen: one Parquet table, to which rows are added and in which rows are flagged.

No row is taken away. Batches are filled in order of discovery, and a video never changes its batch, so partitions stay
what they were. A video keeps the title that it was first seen with: a later one would make its download stale.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from ops.outcomes import Outcome
from ops.store.batch import Unit
from ops.store.layout import CATALOG, MANIFEST
from ops.store.lock import WAIT_S, hold
from ops.store.storage import Store

if TYPE_CHECKING:
    import pyarrow as pa

CATALOG_KEY: Final = "raw/catalog/catalog.parquet"
MANIFEST_KEY: Final = f"{CATALOG}/{MANIFEST}"
_LOCK_KEY: Final = "raw/catalog/lock"
_BATCH_NAME: Final = re.compile(r"batch-(\d{6,})")
#: Letters of an id before a hash is put behind it. Chosen by eye: folder names stay readable.
_MAX_ID_LENGTH: Final = 80
#: Rows of the table that are read together: a run wants fifty rows of 40,000 and skips the other groups.
_ROWS_PER_GROUP: Final = 1000


@dataclasses.dataclass(frozen=True)
class Discovered:
    """A video that a crawl came across.

    Attributes:
        video_id: `<extractor>-<id>` for crawled videos, the file's stem for local ones; see `clean_id`.
        source: the configured source that listed it.
        url: where it can be had now.
        title: as shown there, else empty.
        channel: its creator, else empty.
        game: name of the game, else empty.
        genre: of the game, else empty.
        duration_s: length in seconds if the source says.
        licence: as the source words it, else empty.
        channel_id: the site's own name of the creator, which stays when `channel` changes; else empty.
        language: as the site says it, such as `en`; else empty.
        game_confidence: 1 where the page names the game, .5 where the source was told it, 0 where nobody knows.
        genre_confidence: likewise.
    """

    video_id: str
    source: str
    url: str
    title: str = ""
    channel: str = ""
    game: str = ""
    genre: str = ""
    duration_s: float | None = None
    licence: str = ""
    channel_id: str = ""
    language: str = ""
    game_confidence: float = 0.0
    genre_confidence: float = 0.0


@dataclasses.dataclass(frozen=True)
class Video(Discovered):
    """A row of the ledger.

    Attributes:
        first_seen: ISO-8601 UTC of the crawl that added it.
        last_seen: of the last crawl that came across it.
        alive: whether it could be had when it was last looked at.
        opt_out: its creator does not want it used; it is in no batch's work.
        batch: partition it belongs to, for ever.
        checked: ISO-8601 UTC of the last time that someone asked whether it is alive; empty for never.
        gone_reason: kind of the error that a dead one gave, else empty.
        duplicate_of: id of the row that shows the same video and was there first (`ops.crawl.duplicates`), else empty.
    """

    first_seen: str = ""
    last_seen: str = ""
    alive: bool = True
    opt_out: bool = False
    batch: str = ""
    checked: str = ""
    gone_reason: str = ""
    duplicate_of: str = ""


@dataclasses.dataclass(frozen=True)
class MergeReport:
    """The ledger after a crawl.

    Attributes:
        videos: all rows, in order of first sight.
        num_new: rows added.
        num_seen: rows that were there and were come across again.
        num_opted_out: videos that were left alone, since their creators do not want them used.
        new_batches: batches that the new rows fill.
    """

    videos: tuple[Video, ...]
    num_new: int
    num_seen: int
    new_batches: tuple[str, ...]
    num_opted_out: int = 0


def clean_id(text: str) -> str:
    """Return a text as an id that is safe as a folder name; where that changes it, a hash keeps it unique.

    Letters, digits, `-` and `_` are kept, runs of others become `_`.
    """
    cleaned = re.sub(r"[^A-Za-z0-9_-]+", "_", text)[:_MAX_ID_LENGTH]
    if cleaned == text and text:
        return text
    return f"{cleaned}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def is_urgent(video: Discovered) -> bool:
    """Return whether a video will soon be deleted by its site: Twitch keeps broadcasts for two weeks to two months."""
    return video.video_id.startswith("twitchvod") or "twitch.tv/videos/" in video.url


def urgent_batches(videos: Iterable[Video]) -> set[str]:
    """Return the batches that hold videos which will soon be gone."""
    return {video.batch for video in videos if is_urgent(video) and video.alive and not video.opt_out}


def batch_name(number: int) -> str:
    """Return the id of a batch; numbers start at 1."""
    return f"batch-{number:06d}"


def merge_discovered(
    videos: Sequence[Video],
    discovered: Iterable[Discovered],
    now: str,
    batch_size: int = 50,
    unwanted: Callable[[Discovered], bool] = lambda video: False,
) -> MergeReport:
    """Return the ledger with what a crawl came across; the same crawl again adds nothing.

    Args:
        videos: the ledger.
        discovered: in the order that new rows shall have; of equal ids the first counts.
        now: ISO-8601 UTC of the crawl.
        batch_size: at most so many videos in each new batch.
        unwanted: says which videos are on the opt-out list: no row is added for them, and none is brought back.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size: expected at least 1 video, got {batch_size}")
    rows = {video.video_id: video for video in videos}
    seen: set[str] = set()
    new: list[Discovered] = []
    num_opted_out = 0
    for found in discovered:
        if found.video_id in seen:
            continue
        seen.add(found.video_id)
        row = rows.get(found.video_id)
        if unwanted(found) or (row is not None and row.opt_out):
            num_opted_out += 1
            if row is not None and not row.opt_out:
                rows[found.video_id] = dataclasses.replace(row, opt_out=True)
        elif row is None:
            new.append(found)
        else:
            rows[found.video_id] = dataclasses.replace(row, url=found.url, last_seen=now, alive=True, gone_reason="")
    new.sort(key=lambda found: not is_urgent(found))  # what goes soon fills the first batches; the order stays else
    first_number = 1 + max((_batch_number(video.batch) for video in videos), default=0)
    for index, found in enumerate(new):
        batch = batch_name(first_number + index // batch_size)
        rows[found.video_id] = Video(**dataclasses.asdict(found), first_seen=now, last_seen=now, batch=batch)
    num_batches = -(-len(new) // batch_size)
    new_batches = tuple(batch_name(first_number + index) for index in range(num_batches))
    num_seen = len(seen) - len(new) - num_opted_out
    return MergeReport(tuple(rows.values()), len(new), num_seen, new_batches, num_opted_out)


def _batch_number(batch: str) -> int:
    found = _BATCH_NAME.fullmatch(batch)
    if not found:
        raise ValueError(f"batch id: expected batch-000001 and so on, got {batch!r}")
    return int(found[1])


def flag(
    videos: Iterable[Video], video_ids: Iterable[str], *, alive: bool | None = None, opt_out: bool | None = None
) -> tuple[Video, ...]:
    """Return the ledger with flags of some videos set; None leaves a flag as it is.

    Raises:
        ValueError: a video is not in the ledger.
    """
    wanted = set(video_ids)
    changes = {name: value for name, value in (("alive", alive), ("opt_out", opt_out)) if value is not None}
    rows = tuple(
        dataclasses.replace(video, **changes) if video.video_id in wanted else video  # type: ignore[arg-type]
        for video in videos
    )
    unknown = wanted - {video.video_id for video in rows}
    if unknown:
        raise ValueError(f"not in the catalog: {', '.join(sorted(unknown))}")
    return rows


def batch_ids(videos: Iterable[Video]) -> tuple[str, ...]:
    """Return the ids of all batches, in order."""
    return tuple(sorted({video.batch for video in videos}))


def batch_units(videos: Iterable[Video], batch: str) -> tuple[Unit, ...]:
    """Return a batch's videos as input units of `raw/videos`, those opted out left out.

    A unit holds what stays the same from crawl to crawl; URLs move, so `batch_urls` gives them beside the units.
    """
    fields = ("source", "title", "channel", "game", "genre", "duration_s", "licence")
    return tuple(
        Unit(video.video_id, Outcome.ok(**{name: getattr(video, name) for name in fields}))
        for video in sorted(videos, key=lambda video: video.video_id)
        if video.batch == batch and not video.opt_out
    )


def batch_urls(videos: Iterable[Video], batch: str) -> dict[str, str]:
    """Return where each video of a batch can be had now, by id."""
    return {video.video_id: video.url for video in videos if video.batch == batch and not video.opt_out}


def read_catalog(store: Store, batches: Collection[str] | None = None) -> tuple[Video, ...]:
    """Return the ledger, or its rows of some batches; empty where nothing was crawled yet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        data = store.read_bytes(CATALOG_KEY)
    except FileNotFoundError:
        return ()
    # A run wants fifty rows of 40,000: most row groups are skipped, and rows become objects one by one.
    wanted = None if batches is None else [("batch", "in", sorted(batches))]
    table = pq.read_table(pa.BufferReader(data), filters=wanted) if wanted is None or wanted[0][2] else None
    if table is None:
        return ()
    names = {field.name for field in dataclasses.fields(Video)}
    return tuple(Video(**{key: value for key, value in row.items() if key in names}) for row in table.to_pylist())


def to_table(videos: Sequence[Video]) -> pa.Table:
    """Return the ledger as a table, one row per video."""
    import pyarrow as pa

    numbers = dict.fromkeys(("duration_s", "game_confidence", "genre_confidence"), pa.float64())
    kinds: dict[str, Any] = {**numbers, "alive": pa.bool_(), "opt_out": pa.bool_()}
    return pa.table(
        {
            field.name: pa.array(
                [getattr(video, field.name) for video in videos], type=kinds.get(field.name, pa.string())
            )
            for field in dataclasses.fields(Video)
        }
    )


def write_catalog(store: Store, videos: Sequence[Video]) -> None:
    """Write the ledger, then a manifest that says how many rows and which batches there are."""
    store.write_table(CATALOG_KEY, to_table(videos), _ROWS_PER_GROUP)
    sha256 = hashlib.sha256(store.read_bytes(CATALOG_KEY)).hexdigest()
    store.write_json(MANIFEST_KEY, {"num_videos": len(videos), "batches": batch_ids(videos), "sha256": sha256})


def is_committed(store: Store) -> bool:
    """Return whether the ledger's manifest tells of the ledger that is there; after a kill it may tell of an older."""
    try:
        return bool(
            store.read_json(MANIFEST_KEY)["sha256"] == hashlib.sha256(store.read_bytes(CATALOG_KEY)).hexdigest()
        )
    except FileNotFoundError:
        return False


@contextmanager
def catalog_lock(store: Store, wait_s: float = WAIT_S, expires_s: float | None = None) -> Iterator[None]:
    """Keep other crawls from writing the ledger while the block reads, merges and writes it (`ops.store.lock`).

    Args:
        store: holds the ledger.
        wait_s: seconds to wait for another crawl.
        expires_s: seconds after which the lock of a dead crawl on an object store is taken over; None is its default.

    Raises:
        TimeoutError: another crawl held it all the while.
    """
    with hold(store, _LOCK_KEY, wait_s, expires_s):
        yield
