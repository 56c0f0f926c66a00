"""Take videos out of finished chunks and shards: tables without their rows, tars without their samples.

A tar that holds none of the samples is not touched. One that does is copied by byte ranges to a new name, the index and
the manifest follow, and the old files go last: a reader of the manifest sees the batch as it was or as it is.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Collection
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from ops.dataset.chunks import chunks_to_table, read_chunks, summarize, table_key
from ops.dataset.shards import INDEX, IndexRow, read_index, shard_key
from ops.store.batch import read_batch
from ops.store.layout import ACTIONS, CHUNKS, MANIFEST, SHARDS, manifest_key
from ops.store.storage import Store, fingerprint, sha256_file

_EDITION: Final = re.compile(r"(?:-e(\d+))?(\.\w+)$")


def drop_chunks(store: Store, batch: str, videos: Collection[str]) -> tuple[str, ...]:
    """Write a batch's table of chunks without some videos; return the keys that were written."""
    key = manifest_key(CHUNKS, batch)
    if not store.exists(key):
        return ()
    manifest = store.read_json(key)
    chunks = read_chunks(store, batch)
    left = [chunk for chunk in chunks if chunk.video_id not in videos]
    if len(left) == manifest["num_chunks"]:  # by the manifest: a killed takedown may have written the table alone
        return ()
    store.write_table(table_key(batch), chunks_to_table(left))
    num_videos = _num_labelled(store, batch, videos) or len({chunk.video_id for chunk in left})
    report = summarize(_without(manifest["fingerprint"], videos), num_videos, left)
    store.write_json(key, {name: value for name, value in asdict(report).items() if name != "changed"})
    return table_key(batch), key


def _num_labelled(store: Store, batch: str, videos: Collection[str]) -> int:
    if not store.exists(manifest_key(ACTIONS, batch)):
        return 0
    units = read_batch(store, ACTIONS, batch)
    return sum(unit.outcome.kind == "ok" and unit.video_id not in videos for unit in units)


def drop_samples(store: Store, batch: str, videos: Collection[str]) -> tuple[str, ...]:
    """Write a batch's shards without the samples of some videos; return the keys that were written."""
    key = manifest_key(SHARDS, batch)
    if not store.exists(key):
        return ()
    manifest = store.read_json(key)
    rows = read_index(store, batch)
    if any(row.video_id in videos for row in rows) or set(manifest["failed"]) & set(videos):
        written = _rewrite(store, batch, manifest, rows, videos)
    else:
        written = []
    _remove_unnamed(store, batch)  # also those that a killed takedown left
    return tuple(written)


def _rewrite(
    store: Store, batch: str, manifest: dict[str, Any], rows: list[IndexRow], videos: Collection[str]
) -> list[str]:
    shards: list[dict[str, Any]] = []
    index: list[IndexRow] = []
    written: list[str] = []
    for shard in manifest["shards"]:
        own = [row for row in rows if row.shard == shard["name"]]
        kept = [row for row in own if row.video_id not in videos]
        if len(kept) == len(own):
            shards.append(shard)
            index += kept
        elif kept:
            name = _next_edition(shard["name"])
            with store.reading(shard_key(batch, shard["name"])) as old, store.writing(shard_key(batch, name)) as new:
                moved = _copy_samples(old, new, name, kept)
                facts = {"name": name, "sha256": sha256_file(new), "size_bytes": new.stat().st_size}
            shards.append(facts | {"num_samples": len(moved), "num_frames": sum(row.num_frames for row in moved)})
            index += moved
            written.append(shard_key(batch, name))
    name = _next_edition(manifest["index"]["name"])
    _write_index(store, shard_key(batch, name), index, shard_key(batch, manifest["index"]["name"]))
    with store.reading(shard_key(batch, name)) as path:
        new_index = {"name": name, "sha256": sha256_file(path)}
    failed = {video: reason for video, reason in manifest["failed"].items() if video not in videos}
    changed = {"shards": shards, "index": new_index, "failed": failed}
    store.write_json(
        manifest_key(SHARDS, batch),
        manifest | changed | {"fingerprint": _without(manifest["fingerprint"], videos)},
    )
    return [*written, shard_key(batch, name), manifest_key(SHARDS, batch)]


def _copy_samples(old: Path, new: Path, name: str, rows: list[IndexRow]) -> list[IndexRow]:
    """Write a tar of some samples of another, byte for byte; return where they lie now."""
    moved: list[IndexRow] = []
    with old.open("rb") as source, new.open("wb") as target:
        for row in rows:
            source.seek(row.offset)
            moved.append(replace(row, shard=name, offset=target.tell()))
            target.write(source.read(row.size_bytes))
        end = target.tell() + 2 * tarfile.BLOCKSIZE  # two empty blocks, then up to a whole record
        target.truncate(-(-end // tarfile.RECORDSIZE) * tarfile.RECORDSIZE)
    return moved


def _write_index(store: Store, key: str, rows: list[IndexRow], like: str) -> None:
    import pyarrow as pa

    schema = store.read_table(like).schema
    store.write_table(key, pa.Table.from_pylist([asdict(row) for row in rows], schema=schema))


def _remove_unnamed(store: Store, batch: str) -> None:
    manifest = store.read_json(manifest_key(SHARDS, batch))
    named = {shard["name"] for shard in manifest["shards"]} | {manifest["index"]["name"], MANIFEST}
    for key in store.list(f"{SHARDS}/{batch}"):
        name = key.rsplit("/", 1)[-1]
        if name not in named and (name.endswith(".tar") or name.startswith(INDEX.split(".")[0])):
            store.remove(key)


def _next_edition(name: str) -> str:
    """Return the name of a file's next edition: `shard-000001.tar`, `shard-000001-e1.tar`, ..."""
    return _EDITION.sub(lambda found: f"-e{int(found[1] or 0) + 1}{found[2]}", name)


def _without(current: str, videos: Collection[str]) -> str:
    """Return another fingerprint: what made the rest is as it was, so the next run of the asset checks it anew."""
    return fingerprint("without", current, sorted(videos))
