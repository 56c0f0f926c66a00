"""The folder layout of nvidia/NitroGen: one folder per 20-s chunk with two action tables and a metadata file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ops.chunks import ChunkSpan
from ops.gamepad import PadTrace
from ops.storage import to_json
from ops.tables import trace_to_table

#: What the published files call our families.
CONTROLLER_TYPES = {
    "xbox_360": "xbox360", "xbox_one": "xboxone", "xbox_series": "xboxseriesx", "ps3": "ps3", "ps4": "ps4",
    "ps5": "ps5", "switch": "switch",
}  # fmt: skip


@dataclass(frozen=True)
class ChunkSource:
    """Where chunks come from, as their metadata tells it.

    Attributes:
        video_id: id on the source site, or a file's stem.
        width: of the source pictures.
        height: of the source pictures.
        url: of the source; empty for a local file.
        source: site, such as `youtube`; `local` for a file.
        game: slug.
        family: of the overlay's pad.
        box: of the overlay, x, y, w, h in source pixels.
    """

    video_id: str
    width: int
    height: int
    url: str
    source: str
    game: str
    family: str
    box: tuple[float, ...]


def write_chunk(folder: Path, source: ChunkSource, span: ChunkSpan, raw: PadTrace, processed: PadTrace) -> Path:
    """Write one chunk of whole-video traces as `<video_id>_chunk_<index>/`; return that folder.

    `metadata.json` is written last: a chunk without one is not complete.
    """
    chunk = folder / f"{source.video_id}_chunk_{span.index:04d}"
    chunk.mkdir(parents=True, exist_ok=True)
    rows = slice(span.start_frame, span.stop_frame)
    pq.write_table(trace_to_table(raw[rows]), chunk / "actions_raw.parquet", compression="zstd")
    pq.write_table(trace_to_table(processed[rows]), chunk / "actions_processed.parquet", compression="zstd")
    (chunk / "metadata.json").write_bytes(to_json(chunk_metadata(source, span)))
    return chunk


def chunk_metadata(source: ChunkSource, span: ChunkSpan) -> dict[str, Any]:
    """Return the published fields of a chunk; `end_frame` is inclusive there, and the resolution is height first."""
    return {
        "uuid": f"{source.video_id}_chunk_{span.index:04d}_actions",
        "chunk_id": f"{span.index:04d}",
        "chunk_size": span.stop_frame - span.start_frame,
        "original_video": {
            "resolution": [source.height, source.width],
            "video_id": source.video_id,
            "duration": round(span.stop_s - span.start_s, 6),
            "start_time": round(span.start_s, 6),
            "end_time": round(span.stop_s, 6),
            "start_frame": span.start_frame,
            "end_frame": span.stop_frame - 1,
            "url": source.url,
            "source": source.source,
        },
        "game": source.game,
        "controller_type": CONTROLLER_TYPES.get(source.family, source.family),
        "bbox_controller_overlay": [round(value, 2) for value in source.box],
    }
