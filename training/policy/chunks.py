"""Chunks of shards in memory: decoded once from front to back, kept while they are wanted, made ahead by threads."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.policy.config import PolicyConfig
from ops.dataset.shards import IndexRow, read_index, read_sample
from ops.gamepad import DATASET, Floats, PadTrace
from ops.store.storage import Store
from ops.store.tables import table_to_trace
from training.policy.config import DataConfig

#: Bytes of a mebibyte.
_MIB = 2**20


@dataclass(frozen=True)
class Source:
    """A chunk and the batch of shards that it is in."""

    batch: str
    row: IndexRow


@dataclass(frozen=True)
class DecodedChunk:
    """A chunk in memory.

    Attributes:
        frames: (num_samples, 3, side, side) uint8, every `frame_stride`-th frame; a view of pictures in rows.
        rows: (num_samples,) row of each in the trace.
        trace: labels of all frames.
    """

    frames: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int64]
    trace: PadTrace


def list_sources(store: Store, batches: Sequence[str], split: str) -> list[Source]:
    """Return the chunks of one side of the split, in a fixed order.

    Raises:
        ValueError: there are none.
    """
    sources = [
        Source(batch, row) for batch in sorted(batches) for row in read_index(store, batch) if row.split == split
    ]
    if not sources:
        raise ValueError(
            f"the shards of {', '.join(batches) or 'no batch'} hold no {split!r} chunk; "
            "label more videos, lower min_density or change held_out in the config of dataset/chunks"
        )
    return sources


def read_source(store: Store, source: Source) -> tuple[bytes, PadTrace]:
    """Return (clip, labels) of a chunk."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    members = read_sample(store, source.batch, source.row)
    return members["mp4"], table_to_trace(pq.read_table(pa.BufferReader(members["actions.parquet"])))


def decode_frames(clip: bytes, stride: int, side_px: int, count: int = 0) -> npt.NDArray[np.uint8]:
    """Return every stride-th frame of a clip as (num, 3, side, side) uint8 RGB, decoded from front to back.

    Args:
        clip: bytes of an MP4 file.
        stride: 1 for all frames.
        side_px: frames are brought to this size by area.
        count: frames that the clip should hold, to make room once; the result has as many as it really holds.
    """
    import av
    from av.video.reformatter import Interpolation

    pictures = np.empty((max(1, -(-count // stride)), side_px, side_px, 3), np.uint8)
    taken = 0
    with av.open(io.BytesIO(clip), format="mp4") as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        for index, frame in enumerate(container.decode(stream)):
            if index % stride == 0:
                if taken == len(pictures):
                    pictures = np.concatenate([pictures, np.empty_like(pictures)])
                small = frame.reformat(side_px, side_px, "rgb24", interpolation=Interpolation.AREA)
                pictures[taken] = small.to_ndarray()
                taken += 1
    return pictures[:taken].transpose(0, 3, 1, 2)


def future_actions(trace: PadTrace, rows: npt.ArrayLike, config: PolicyConfig) -> Floats:
    """Return (num_rows, horizon, channels): the packed actions after frames, in the policy's layout.

    Row k of a frame at t is the label nearest to t + (action_shift + k) / control_hz; where no label is within one
    control period (after the chunk's end, in a gap), it is unknown.

    Args:
        trace: labels of a chunk.
        rows: rows of the frames.
        config: rate, shift, horizon and layout.
    """
    layout = config.action_layout
    packed = layout.pack(layout.take_buttons(trace.buttons, DATASET), trace.sticks)
    period_s = 1 / config.control_hz
    steps = (config.action_shift + np.arange(config.horizon)) * period_s
    wanted = trace.pts_s[np.asarray(rows)][:, None] + steps
    right = np.clip(np.searchsorted(trace.pts_s, wanted), 1, max(1, trace.num_frames - 1))
    left = right - 1
    right = np.minimum(right, trace.num_frames - 1)
    nearest = np.where(wanted - trace.pts_s[left] <= trace.pts_s[right] - wanted, left, right)
    actions = packed[nearest]
    actions[np.abs(trace.pts_s[nearest] - wanted) > period_s] = np.nan
    return actions


def load_chunk(store: Store, source: Source, stride: int, side_px: int) -> DecodedChunk:
    """Return a chunk decoded at a stride and size.

    Raises:
        ValueError: clip and labels have different numbers of frames.
    """
    clip, trace = read_source(store, source)
    frames = decode_frames(clip, stride, side_px, trace.num_frames)
    rows = np.arange(0, trace.num_frames, stride)
    if len(frames) != len(rows):
        raise ValueError(
            f"{source.row.chunk_id}: {len(frames)} frames at stride {stride} for {trace.num_frames} labels; "
            "run `overplay dataset verify`"
        )
    return DecodedChunk(frames, rows, trace)


class ChunkCache:
    """Decoded chunks, the least recently used dropped first; what it holds never changes a result.

    Args:
        store: where the shards are.
        data: stride and size of the cache.
        policy: image size and meaning of actions.
        threads: decode chunks before they are asked for; 0: when they are. Decoders do not hold the interpreter's lock.
    """

    def __init__(self, store: Store, data: DataConfig, policy: PolicyConfig, threads: int = 0) -> None:
        self._store, self._data, self._policy = store, data, policy
        self._pool = ThreadPoolExecutor(threads, "decode") if threads else None
        self._chunks: OrderedDict[str, DecodedChunk] = OrderedDict()
        self._coming: dict[str, Future[DecodedChunk]] = {}
        self._actions: dict[str, Floats] = {}  # of the chunks at hand, and of all donors of shuffled labels
        self._wanted: set[str] = set()
        self._bytes = 0

    def want(self, sources: Iterable[Source]) -> None:
        """Say which chunks are needed now and next: they are kept, whatever the cache's size, and decoded ahead."""
        sources = list(sources)
        self._wanted = {source.row.chunk_id for source in sources}
        if self._pool is None:
            return
        for source in sources:
            key = source.row.chunk_id
            if key not in self._chunks and key not in self._coming:
                self._coming[key] = self._pool.submit(self._load, source)

    def get(self, source: Source) -> DecodedChunk:
        """Return a chunk, decoded now if it is not at hand."""
        key = source.row.chunk_id
        if key in self._chunks:
            self._chunks.move_to_end(key)
            return self._chunks[key]
        coming = self._coming.pop(key, None)
        chunk = coming.result() if coming else self._load(source)
        self._chunks[key] = chunk
        self._bytes += chunk.frames.nbytes
        for oldest in [key for key in self._chunks if key not in self._wanted]:
            if self._bytes <= self._data.cache_mib * _MIB:
                break
            self._bytes -= self._chunks.pop(oldest).frames.nbytes
            if not self._data.shuffle_labels:
                self._actions.pop(oldest, None)
        return chunk

    def actions(self, source: Source) -> Floats:
        """Return (num_samples, horizon, channels), the packed actions after each of a chunk's frames."""
        key = source.row.chunk_id
        if key not in self._actions:
            trace = self._chunks[key].trace if key in self._chunks else read_source(self._store, source)[1]
            rows = np.arange(0, trace.num_frames, self._data.frame_stride)
            self._actions[key] = future_actions(trace, rows, self._policy)
        return self._actions[key]

    def close(self) -> None:
        """Forget what is coming; chunks in the middle of their decoding are finished."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _load(self, source: Source) -> DecodedChunk:
        return load_chunk(self._store, source, self._data.frame_stride, self._policy.vision.image_px)
