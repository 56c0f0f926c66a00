"""Files of this machine as videos: which ones a folder holds, and ids that no two files share."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlparse
from urllib.request import url2pathname

from ops.crawl.catalog import Discovered, Video, clean_id
from ops.crawl.errors import CrawlError
from ops.store.layout import UNIT, VIDEOS, unit_key
from ops.store.storage import Store, sha256_file

#: What a video file may be called; yt-dlp is not trusted to choose others.
EXTENSIONS: Final = (".mp4", ".mkv", ".webm", ".ts", ".flv", ".avi", ".mov", ".m4v")
#: Letters of a hash that keep two files of one name apart.
_HASH_LETTERS: Final = 8


def local_path(url: str) -> Path | None:
    """Return the file or folder that a source's URL names, or None where it is on the network."""
    parsed = urlparse(url)
    if parsed.scheme == "file":
        return Path(url2pathname(parsed.path))
    if parsed.scheme in ("http", "https") or ":" in url.split("/")[0]:
        return None
    return Path(url).expanduser()


def list_files(path: Path) -> Iterator[Path]:
    """Yield a file, or all video files below a folder, in the order of their names.

    Raises:
        CrawlError: there is nothing.
    """
    if not path.exists():
        raise CrawlError("gone", f"no such file or folder: {path}")
    if path.is_file():
        yield path
        return
    yield from sorted(found for found in path.rglob("*") if found.is_file() and found.suffix.lower() in EXTENSIONS)


def file_id(path: Path) -> str:
    """Return the id of a file that shares its name with no other one: the name without its ending, made safe."""
    return clean_id(path.stem)


def settle_ids(store: Store, ledger: Sequence[Video], found: Sequence[Discovered]) -> list[Discovered]:
    """Return videos whose local files have the ids that the ledger knows them by, or new ones that nobody else has.

    The first file of a name has the plain id (`file_id`). Another file of that name gets a hash of its path behind it.
    A file that was moved keeps its id: the old place is empty, and the bytes are those that were downloaded.

    Args:
        store: holds the downloads.
        ledger: all rows.
        found: by this crawl, in its order.
    """
    rows = {row.video_id: row for row in ledger}
    ids = {row.url: row.video_id for row in ledger if row.url.startswith("file:")}
    urls = {row.video_id: row.url for row in ledger}
    settled = []
    for video in found:
        if video.url.startswith("file:"):
            name = ids.get(video.url) or video.video_id
            owner = urls.get(name, video.url)
            row = rows.get(name)
            if owner not in ("", video.url) and not (row and _was_moved(store, row, video)):
                name = f"{name}-{_hash(video.url)}"
            ids[video.url], urls[name] = name, video.url
            video = dataclasses.replace(video, video_id=name)
        elif urls.get(video.video_id, "").startswith("file:"):  # a file is called as a site's videos are
            video = dataclasses.replace(video, video_id=f"{video.video_id}-{_hash(video.video_id)}")
        else:
            urls[video.video_id] = video.url
        settled.append(video)
    return settled


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_LETTERS]


def _was_moved(store: Store, row: Video, video: Discovered) -> bool:
    """Return whether a found file is that of a row, at another place."""
    before, now = local_path(row.url), local_path(video.url)
    if before is None or now is None or before.exists():
        return False
    try:
        record = store.read_json(unit_key(VIDEOS, row.batch, row.video_id, UNIT))
    except FileNotFoundError:
        return True  # nothing was made of it yet, so nothing can be mixed up
    hashes = list(record["files"].values())
    return not hashes or sha256_file(now) in hashes
