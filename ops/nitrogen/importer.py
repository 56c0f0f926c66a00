"""Published labels (nvidia/NitroGen) into the store: a tar is streamed, never extracted; a table per video comes out.

No video is needed for it; `ops.nitrogen.join` brings labels and videos together, now or as videos come.
"""

from __future__ import annotations

import gzip
import re
import tarfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from ops.crawl.catalog import Video
from ops.crawl.optout import opted_out, read_optouts
from ops.nitrogen.layout import PublishedChunk, parse_member, read_chunk
from ops.outcomes import BadInputError, Outcome, reason_class
from ops.store.batch import Unit, read_batch
from ops.store.layout import PUBLISHED, manifest_key
from ops.store.storage import Store, fingerprint, sha256_file
from ops.store.tables import trace_to_table

VERSION: Final = "1"
TABLE: Final = "published.parquet"

_MAX_MEMBER_BYTES: Final = 64 << 20

#: Called with (share of the file read, what is being read).
Report = Callable[[float, str], object]


@dataclass
class LabelsReport:
    """What reading published labels gave.

    Attributes:
        batch: key of the batch.
        videos: their ids.
        num_chunks: chunks read.
        num_processed: those of the filtered table.
        hours: of the chunks read.
        refused: how many chunks, by the kind of problem.
        examples: one message of each kind.
        opted_out: ids of videos left out, since their creators do not want them used.
        cut_off: why the file could not be read to its end; empty if it could.
    """

    batch: str
    videos: list[str] = field(default_factory=list)
    num_chunks: int = 0
    num_processed: int = 0
    hours: float = 0.0
    refused: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    opted_out: list[str] = field(default_factory=list)
    cut_off: str = ""

    def refuse(self, error: BadInputError) -> None:
        """Count a chunk that makes no sense."""
        kind = reason_class(str(error))
        self.refused[kind] += 1
        self.examples.setdefault(kind, str(error))


def batch_of(path: Path) -> str:
    """Return the batch of a published file: `nitrogen-shard_0000` for `SHARD_0000.tar.gz`."""
    stem = path.name.split(".")[0] if path.is_file() else path.name
    return f"nitrogen-{re.sub(r'[^a-z0-9_-]+', '-', stem.lower())}"


def import_labels(store: Store, path: Path, prefer_raw: bool = False, report: Report = lambda *_: None) -> LabelsReport:
    """Read the published labels of one tar (or of a folder with its contents) into the store; the manifest comes last.

    A video that is there already with the same rows is not written again. What cannot be read is counted, not raised.

    Args:
        store: receives `labels/published/<batch>/<video_id>/`.
        path: `.tar.gz`, `.tar` or a folder.
        prefer_raw: take raw tables where filtered ones are there too.
        report: shows progress.
    """
    result = LabelsReport(batch_of(path))
    units: dict[str, Unit] = {}
    optouts = read_optouts(store)
    for video_id, chunks in _videos(path, prefer_raw, result, report):
        if opted_out(_row(video_id, result.batch, asdict(chunks[0].source)), optouts):
            result.opted_out.append(video_id)
            continue
        units[video_id] = _write_video(store, result.batch, video_id, chunks, units.get(video_id))
        result.num_chunks += len(chunks)
        result.num_processed += sum(chunk.processed for chunk in chunks)
        result.hours += sum(chunk.trace.num_frames / chunk.rate_hz for chunk in chunks) / 3600
    result.videos = sorted(units)
    manifest: dict[str, Any] = {
        "stage": PUBLISHED,
        "version": VERSION,
        "units": [units[name].to_record() for name in result.videos],
    }
    manifest |= {"num_chunks": result.num_chunks, "refused": dict(result.refused), "cut_off": result.cut_off}
    store.write_json(manifest_key(PUBLISHED, result.batch), manifest)
    return result


def published_videos(store: Store) -> tuple[Video, ...]:
    """Return the videos of all imported batches as rows of a ledger; they are in no other."""
    keys = (key.split("/") for key in store.list(PUBLISHED))
    batches = sorted(parts[-2] for parts in keys if parts[-1] == "manifest.json")
    units = ((batch, unit) for batch in batches for unit in read_batch(store, PUBLISHED, batch))
    return tuple(_row(unit.video_id, batch, unit.outcome.data) for batch, unit in units)


def _row(video_id: str, batch: str, data: Mapping[str, Any]) -> Video:
    return Video(video_id, source=data["source"], url=data["url"], game=data["game"], batch=batch)


def _videos(
    path: Path, prefer_raw: bool, result: LabelsReport, report: Report
) -> Iterator[tuple[str, list[PublishedChunk]]]:
    """Yield (video id, its chunks) in the file's order; members of a video that lie apart come in several parts."""
    video, files = "", dict[int, dict[str, bytes]]()

    def finish() -> list[PublishedChunk]:
        chunks = []
        for index in sorted(files):
            try:
                chunks.append(read_chunk(video, index, files[index], prefer_raw))
            except BadInputError as error:
                result.refuse(error)
        return chunks

    try:
        for name, data, share in _members(path, result):
            place = parse_member(name)
            if place is None:
                continue
            if video and place[0] != video:
                if chunks := finish():
                    yield video, chunks
                files = {}
            if place[0] != video:
                video = place[0]
                report(share, video)
            files.setdefault(place[1], {})[place[2]] = data
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        result.cut_off = f"{path.name} is damaged or cut off in {video or 'its start'}: {error}"
    if video and (chunks := finish()):
        yield video, chunks


def _members(path: Path, result: LabelsReport) -> Iterator[tuple[str, bytes, float]]:
    """Yield (name, bytes, share of the file read) of the files of a tar or folder."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        for number, found in enumerate(files):
            yield str(found.relative_to(path.parent)), found.read_bytes(), number / len(files)
        return
    size = max(1, path.stat().st_size)
    with path.open("rb") as opened, tarfile.open(fileobj=opened, mode="r|*") as tar:
        for info in tar:
            if not info.isfile() or parse_member(info.name) is None:
                continue
            if info.size > _MAX_MEMBER_BYTES:
                result.refuse(BadInputError(f"too large: {info.name} has {info.size} bytes"))
                continue
            file = tar.extractfile(info)
            data = file.read() if file else b""
            if len(data) != info.size:
                raise EOFError(f"{info.name} has {len(data)} of {info.size} bytes")
            yield info.name, data, opened.tell() / size


def _write_video(store: Store, batch: str, video_id: str, chunks: list[PublishedChunk], before: Unit | None) -> Unit:
    """Write the rows of a video's chunks, after those that came before in the same run."""
    import pyarrow as pa

    key = f"{PUBLISHED}/{batch}/{video_id}/{TABLE}"
    places = [
        [chunk.index, chunk.start_s, chunk.start_frame, chunk.trace.num_frames, chunk.rate_hz] for chunk in chunks
    ]
    tables = [trace_to_table(chunk.trace) for chunk in chunks]
    if before is not None:
        places = before.outcome.data["chunks"] + places
        tables = [store.read_table(key), *tables]
    first = chunks[0]
    games = Counter(chunk.source.game for chunk in chunks)
    data = {
        "chunks": places,
        "url": first.source.url,
        "source": first.source.source,
        "size": [first.source.width, first.source.height],
        "game": games.most_common(1)[0][0],
        "published_game": first.published_game,
        "family": first.source.family,
        "box": list(first.source.box),
        "game_area": first.game_area,
    }
    store.write_table(key, pa.concat_tables(tables))
    with store.reading(key) as path:
        files = {TABLE: sha256_file(path)}
    unit = Unit(video_id, Outcome.ok(**data), fingerprint(PUBLISHED, VERSION, data, files), files)
    store.write_json(f"{PUBLISHED}/{batch}/{video_id}/unit.json", unit.to_record())
    return unit
