"""The layout of nvidia/NitroGen: one folder per 20-s chunk with one or two action tables and a metadata file.

Written strictly: published columns hold no nulls, ours (`pts_s`, `confidence`) come after them. Read tolerantly: what
the published files really hold. Only a chunk whose tables, times or names cannot be made sense of is refused.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ops.dataset.chunks import ChunkSpan, chunk_id
from ops.gamepad import DATASET_BUTTONS, STICKS, PadTrace
from ops.outcomes import BadInputError
from ops.store.storage import to_json
from ops.store.tables import table_to_trace, trace_to_table

if TYPE_CHECKING:
    import pyarrow as pa

METADATA: Final = "metadata.json"
RAW: Final = "actions_raw.parquet"
PROCESSED: Final = "actions_processed.parquet"

#: What the published files call our families.
CONTROLLER_TYPES = {
    "xbox_360": "xbox360", "xbox_one": "xboxone", "xbox_series": "xboxseriesx", "ps3": "ps3", "ps4": "ps4",
    "ps5": "ps5", "switch": "switch",
}  # fmt: skip
_FAMILIES: Final = {name: family for family, name in CONTROLLER_TYPES.items()}
OTHER_GAME: Final = "other"

#: Words of a channel's banner; where a game's name was read off the picture, they were sometimes taken for it.
_BANNER: Final = re.compile(
    r"(^|_)(subscribe|inscreva|suscr\w+|abonn\w+|follow\w*|canal|channel|youtube|twitch|discord|http\w*|www)(_|-|$)"
)
_VIDEO_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MEMBER: Final = re.compile(r"(?:^|/)([^/]+)_chunk_(\d{1,8})/([^/]+)$")
_DEFAULT_S: Final = 20.0
_MAX_RATE_HZ: Final = 1000.0
#: A relative box is at most this large; larger numbers are pixels.
_RELATIVE: Final = 2.0
#: A game area smaller than this share of either side is a mistake.
_MIN_AREA_SIDE: Final = 0.2


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


@dataclass(frozen=True)
class PublishedChunk:
    """A chunk as it was read.

    Attributes:
        source: where it comes from; the box clipped to the picture, empty where nothing is left of it.
        index: number of the chunk.
        start_s: time of its first row in the source video.
        start_frame: frame of its first row, by the file's own count.
        rate_hz: rows per second.
        published_game: the game's name before it was tidied.
        game_area: left, top, right, bottom as shares of the picture, or None for all of it.
        trace: its rows; `pts_s` counts from the start of the source video.
        processed: whether the rows are of the filtered table.
    """

    source: ChunkSource
    index: int
    start_s: float
    start_frame: int
    rate_hz: float
    published_game: str
    game_area: tuple[float, float, float, float] | None
    trace: PadTrace
    processed: bool


def write_chunk(folder: Path, source: ChunkSource, span: ChunkSpan, raw: PadTrace, processed: PadTrace) -> Path:
    """Write one chunk of whole-video traces as `<video_id>_chunk_<index>/`; return that folder.

    Unknown values are null here. `metadata.json` is written last: a chunk without one is not complete.
    """
    import pyarrow.parquet as pq

    chunk = folder / chunk_id(source.video_id, span.index)
    chunk.mkdir(parents=True, exist_ok=True)
    rows = slice(span.start_frame, span.stop_frame)
    pq.write_table(trace_to_table(raw[rows]), chunk / RAW, compression="zstd")
    pq.write_table(trace_to_table(processed[rows]), chunk / PROCESSED, compression="zstd")
    (chunk / METADATA).write_bytes(to_json(chunk_metadata(source, span)))
    return chunk


def chunk_members(source: ChunkSource, span: ChunkSpan, raw: PadTrace | None, processed: PadTrace) -> dict[str, bytes]:
    """Return the files of one chunk of whole-video traces, by name, for readers of the published dataset.

    Such readers take every value for known, so an unknown button is released and an unknown stick centred; its
    confidence of 0 still says what it is.
    """
    rows = slice(span.start_frame, span.stop_frame)
    files = {} if raw is None else {RAW: _strict_table(raw[rows])}
    files[PROCESSED if raw is not None else RAW] = _strict_table(processed[rows])
    return files | {METADATA: to_json(chunk_metadata(source, span))}


def _strict_table(trace: PadTrace) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sure = np.where(_known(trace), np.maximum(trace.confidence, np.finfo(np.float32).tiny), 0).astype(np.float32)
    plain = PadTrace(trace.pts_s, np.nan_to_num(trace.buttons, nan=0), np.nan_to_num(trace.sticks, nan=0), sure)
    sink = pa.BufferOutputStream()
    pq.write_table(trace_to_table(plain), sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _known(trace: PadTrace) -> Any:
    sticks = np.isfinite(trace.sticks).reshape(-1, 2, 2).all(axis=2)
    return np.concatenate([np.isfinite(trace.buttons), sticks], axis=1)


def chunk_metadata(source: ChunkSource, span: ChunkSpan) -> dict[str, Any]:
    """Return the published fields of a chunk; `end_frame` is inclusive there, and the resolution is height first."""
    return {
        "uuid": f"{chunk_id(source.video_id, span.index)}_actions",
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


def parse_member(name: str) -> tuple[str, int, str] | None:
    """Return (video id, chunk index, file name) of a member of a published tar; None for anything else."""
    found = _MEMBER.search(name)
    if found is None or not _VIDEO_ID.fullmatch(found[1]) or found[3] not in (METADATA, RAW, PROCESSED):
        return None
    return found[1], int(found[2]), found[3]


def read_chunk(video_id: str, index: int, files: Mapping[str, bytes], prefer_raw: bool = False) -> PublishedChunk:
    """Return the chunk that some files hold.

    Args:
        video_id: as its folder says.
        index: as its folder says.
        files: bytes by name.
        prefer_raw: take the raw table where both are there.

    Raises:
        BadInputError: a file is missing or makes no sense; its first words, before a colon, are the kind of problem.
    """
    order = (RAW, PROCESSED) if prefer_raw else (PROCESSED, RAW)
    table_name = next((name for name in order if name in files), None)
    if METADATA not in files or table_name is None:
        raise BadInputError(f"incomplete: {chunk_id(video_id, index)} has only {', '.join(sorted(files)) or 'nothing'}")
    try:
        metadata = json.loads(files[METADATA])
        video = metadata["original_video"]
        start_s = float(video["start_time"])
        height, width = (int(value) for value in video["resolution"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadInputError(f"bad metadata: {chunk_id(video_id, index)}: {error!r}") from error
    table = _read_table(files[table_name], f"{chunk_id(video_id, index)}/{table_name}")
    rate_hz = table.num_rows / _duration(metadata, start_s)
    if not 0 < rate_hz <= _MAX_RATE_HZ or not np.isfinite(start_s):
        raise BadInputError(f"bad metadata: {table.num_rows} rows from {start_s} s on")
    published = str(metadata.get("game") or "")
    controller = str(metadata.get("controller_type") or "")
    source = ChunkSource(
        video_id=video_id,
        width=width,
        height=height,
        url=str(video.get("url") or ""),
        source=str(video.get("source") or ""),
        game=tidy_game(published),
        family=_FAMILIES.get(controller, controller),
        box=clip_box(metadata.get("bbox_controller_overlay"), width, height),
    )
    return PublishedChunk(
        source=source,
        index=index,
        start_s=start_s,
        start_frame=int(video.get("start_frame", round(start_s * rate_hz))),
        rate_hz=rate_hz,
        published_game=published,
        game_area=read_area(metadata.get("bbox_game_area"), width, height),
        trace=_read_trace(table, start_s, rate_hz, chunk_id(video_id, index)),
        processed=table_name == PROCESSED,
    )


def _duration(metadata: Mapping[str, Any], start_s: float) -> float:
    video = metadata["original_video"]
    for value in (video.get("duration"), (video.get("end_time") or 0) - start_s):
        if isinstance(value, int | float) and value > 0:
            return float(value)
    return _DEFAULT_S


def _read_table(data: bytes, name: str) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(io.BytesIO(data))
    except (pa.ArrowException, OSError) as error:
        raise BadInputError(f"bad table: {name}: {' '.join(str(error).split())}") from error


def _read_trace(table: pa.Table, start_s: float, rate_hz: float, name: str) -> PadTrace:
    import pyarrow as pa

    ours = "pts_s" in table.column_names
    if not ours:
        table = table.append_column("pts_s", pa.array(start_s + np.arange(table.num_rows) / rate_hz))
    try:
        trace = table_to_trace(table)
    except (pa.ArrowException, ValueError, KeyError) as error:
        raise BadInputError(f"bad table: {name}: {' '.join(str(error).split())}") from error
    buttons = np.where(np.isfinite(trace.buttons), trace.buttons > 0.5, np.nan).astype(np.float32)
    sticks = np.clip(trace.sticks, -1, 1)
    sure = np.where(_known(PadTrace(trace.pts_s, buttons, sticks, trace.confidence)), trace.confidence, 0)
    unknown = sure <= 0
    buttons[unknown[:, : len(DATASET_BUTTONS)]] = np.nan
    sticks[np.repeat(unknown[:, -len(STICKS) :], 2, axis=1)] = np.nan
    return PadTrace(trace.pts_s, buttons, sticks, sure.astype(np.float32))


def tidy_game(name: str) -> str:
    """Return a game's slug in one spelling; `other` for what is no game's name."""
    slug = re.sub(r"[\s_]+", "_", name.strip().lower()).strip("_")
    return OTHER_GAME if not slug or _BANNER.search(slug) else slug


def clip_box(box: Any, width: int, height: int) -> tuple[float, ...]:
    """Return a box x, y, w, h clipped to a picture; empty where nothing is left, or it is no box."""
    try:
        x, y, w, h = (float(value) for value in box)
    except (TypeError, ValueError):
        return ()
    left, top, right, bottom = max(0.0, x), max(0.0, y), min(float(width), x + w), min(float(height), y + h)
    return (left, top, right - left, bottom - top) if right - left >= 1 and bottom - top >= 1 else ()


def read_area(area: Any, width: int, height: int) -> tuple[float, float, float, float] | None:
    """Return a game area as shares of the picture; None where there is none, or it is no area."""
    try:
        values = [float(area[name]) for name in ("xtl", "ytl", "xbr", "ybr")]
    except (TypeError, ValueError, KeyError):
        return None
    if max(values) > _RELATIVE and width > 0 and height > 0:
        values = [value / size for value, size in zip(values, (width, height, width, height), strict=True)]
    left, top, right, bottom = (min(1.0, max(0.0, value)) for value in values)
    return (left, top, right, bottom) if min(right - left, bottom - top) >= _MIN_AREA_SIDE else None
