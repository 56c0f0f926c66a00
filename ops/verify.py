"""Proof that the shards of a batch are what their manifest says: hashes, counts, unique keys, no gaps, whole samples.

Each test stands on its own: a doubled key is found even in a shard whose hash was written after the damage.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ops.batch import manifest_key
from ops.chunks import read_chunks
from ops.shards import ASSET, EXTENSIONS, IndexRow, iterate_tar, read_index, shard_key
from ops.storage import Store, sha256_file


def verify_shards(store: Store, batch: str) -> tuple[str, ...]:
    """Return what is wrong with the shards of a batch, one line each; nothing wrong gives an empty tuple."""
    if not store.exists(manifest_key(ASSET, batch)):
        return (f"{manifest_key(ASSET, batch)} is missing: the batch is not complete",)
    manifest = store.read_json(manifest_key(ASSET, batch))
    problems: list[str] = []
    keys: Counter[str] = Counter()
    index = _read_sound_index(store, batch, manifest, problems)
    for shard in manifest["shards"]:
        try:
            with store.reading(shard_key(batch, shard["name"])) as path:
                rows = [row for row in index if row.shard == shard["name"]]
                problems += [f"{shard['name']}: {problem}" for problem in _shard_problems(path, shard, rows, keys)]
        except FileNotFoundError:
            problems.append(f"{shard['name']}: missing")
    problems += [f"key {key!r} occurs {count} times" for key, count in sorted(keys.items()) if count > 1]
    return (*problems, *_gap_problems(store, batch, manifest, set(keys)))


def _read_sound_index(store: Store, batch: str, manifest: dict[str, Any], problems: list[str]) -> list[IndexRow]:
    name = manifest["index"]["name"]
    try:
        with store.reading(shard_key(batch, name)) as path:
            if sha256_file(path) != manifest["index"]["sha256"]:
                problems.append(f"{name}: its sha256 is not the manifest's")
                return []
        return read_index(store, batch)
    except FileNotFoundError:
        problems.append(f"{name}: missing")
        return []


def _shard_problems(path: Path, shard: dict[str, Any], rows: list[IndexRow], keys: Counter[str]) -> Iterator[str]:
    size = path.stat().st_size
    if size != shard["size_bytes"]:
        yield f"{size} bytes, the manifest says {shard['size_bytes']}"
    if sha256_file(path) != shard["sha256"]:
        yield "its sha256 is not the manifest's"
    found: list[str] = []
    num_frames = 0
    try:
        for key, members in iterate_tar(path):
            found.append(key)
            frames, problem = _sample_problem(members)
            num_frames += frames
            if problem:
                yield f"{key}: {problem}"
    except tarfile.ReadError as error:
        yield f"truncated or damaged after {len(found)} samples: {error}"
    keys.update(found)
    for name, value in (("num_samples", len(found)), ("num_frames", num_frames)):
        if value != shard[name]:
            yield f"{name} is {value}, the manifest says {shard[name]}"
    if [row.chunk_id for row in rows] != found:
        yield f"the index lists {len(rows)} samples that are not, in this order, the {len(found)} of the tar"


def _sample_problem(members: dict[str, bytes]) -> tuple[int, str]:
    """Return (rows of labels, what is wrong or nothing) of one sample."""
    import av
    import pyarrow as pa
    import pyarrow.parquet as pq

    if tuple(sorted(members)) != EXTENSIONS:
        return 0, f"holds {', '.join(sorted(members))}, expected {', '.join(EXTENSIONS)}"
    try:
        rows = pq.read_metadata(io.BytesIO(members["actions.parquet"])).num_rows
        stated = json.loads(members["json"])["num_frames"]
        with av.open(io.BytesIO(members["mp4"]), "r", format="mp4") as container:
            packets = sum(packet.dts is not None for packet in container.demux(video=0))
    except (pa.ArrowException, av.FFmpegError, ValueError, KeyError) as error:
        return 0, f"cannot be read: {' '.join(str(error).split())}"
    if not rows == stated == packets:
        return rows, f"{rows} rows of labels, {packets} frames of video, {stated} stated"
    return rows, ""


def _gap_problems(store: Store, batch: str, manifest: dict[str, Any], keys: set[str]) -> Iterator[str]:
    try:
        chunks = read_chunks(store, batch)
    except FileNotFoundError:  # shards may travel without the table they were made from
        return
    failed = manifest["failed"]
    expected = {chunk.chunk_id for chunk in chunks if chunk.kept and chunk.video_id not in failed}
    for key in sorted(expected - keys):
        yield f"kept chunk {key!r} is in no shard"
    for key in sorted(keys - expected):
        yield f"sample {key!r} is no kept chunk"
