"""Chunks and tars as the published dataset (nvidia/NitroGen) has them."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ops.gamepad import DATASET_BUTTONS

Files = dict[str, bytes]


def write_tar(path: Path, files: Mapping[str, bytes] | Iterable[tuple[str, bytes]]) -> Path:
    """Write a tar.gz of members in their order; pairs may repeat a name."""
    pairs = files.items() if isinstance(files, Mapping) else files
    with tarfile.open(path, "w:gz") as tar:
        for name, data in pairs:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def make_columns(rows: int, seed: int = 0, sticks: type = float, button: str = "int32") -> dict[str, pa.Array]:
    """Return the columns of a published table: alphabetical, no times, no confidence."""
    rng = np.random.default_rng(seed)
    columns = {name: pa.array(rng.integers(0, 2, rows), pa.int64()).cast(button) for name in sorted(DATASET_BUTTONS)}
    for name in ("j_left", "j_right"):
        values = [[sticks(value) for value in pair] for pair in rng.uniform(-1, 1, (rows, 2))]
        columns[name] = pa.array(values, pa.list_(pa.int64() if sticks is int else pa.float64()))
    return columns


def table_bytes(columns: Mapping[str, Any]) -> bytes:
    """Return columns as a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), sink)
    return sink.getvalue()


def make_metadata(rows: int, index: int = 0) -> dict[str, Any]:
    """Return the metadata of a chunk of 20 s."""
    return {
        "uuid": "x",
        "chunk_id": f"{index:04d}",
        "chunk_size": rows,
        "original_video": {
            "resolution": [720, 1280],
            "video_id": "vid",
            "duration": 20,
            "start_time": 20 * index,
            "end_time": 20 * index + 20,
            "start_frame": rows * index,
            "end_frame": rows * index + rows - 1,
            "url": "https://example.org/watch",
            "source": "youtube",
        },
        "game": "elden_ring",
        "controller_type": "xbox360",
        "bbox_controller_overlay": [900, 500, 300, 200],
    }


def make_published(rows: int, index: int = 0, sticks: type = float, button: str = "int32", **changes: Any) -> Files:
    """Return a chunk's files by name; `changes` are fields of its metadata."""
    return {
        "actions_raw.parquet": table_bytes(make_columns(rows, index, sticks, button)),
        "metadata.json": json.dumps(make_metadata(rows, index) | changes).encode(),
    }


def as_members(video: str, chunks: Mapping[int, Files]) -> Files:
    """Return the members of a published tar that hold a video's chunks."""
    return {
        f"SHARD_0000/{video}/{video}_chunk_{index:04d}/{name}": data
        for index, files in chunks.items()
        for name, data in files.items()
    }
