"""The loader: from shards to batches of (frame, future actions), in an order that a resumed run repeats exactly.

All samples of an epoch are planned from the shards' index. Chunks are dealt to streams, a stream goes through its
chunks in a seeded order, a window of chunks at a time: it decodes them from front to back (never a seek), shuffles
their samples together and hands them out. Each stream's place is (epoch, position), which is its whole state.
"""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from models.policy.config import PolicyConfig
from ops.gamepad import DATASET, Floats, PadTrace
from ops.shards import IndexRow, read_index, read_sample
from ops.storage import Store, fingerprint
from ops.tables import table_to_trace
from training.config import DataConfig


@dataclass(frozen=True)
class World:
    """This worker's place among all that train one policy.

    Attributes:
        rank: number of this worker.
        size: number of workers.
    """

    rank: int = 0
    size: int = 1


ALONE: Final = World()


@dataclass(frozen=True)
class Source:
    """A chunk and the batch of shards that it is in."""

    batch: str
    row: IndexRow


@dataclass(frozen=True)
class DecodedChunk:
    """A chunk in memory.

    Attributes:
        frames: (num_samples, 3, side, side) uint8, every `frame_stride`-th frame.
        rows: (num_samples,) row of each in the trace.
        trace: labels of all frames.
    """

    frames: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int64]
    trace: PadTrace


@dataclass(frozen=True)
class Batch:
    """One step's input.

    Attributes:
        frames: (batch, 3, side, side) uint8.
        actions: (batch, horizon, channels) packed, NaN where unknown.
        ids: `<chunk_id>@<row>` of each sample.
        streams: (batch,) the stream of each sample.
        state: of the loader after this batch.
    """

    frames: torch.Tensor
    actions: torch.Tensor
    ids: tuple[str, ...]
    streams: tuple[int, ...]
    state: dict[str, Any]


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


def decode_frames(clip: bytes, stride: int, side_px: int) -> npt.NDArray[np.uint8]:
    """Return every stride-th frame of a clip as (count, 3, side, side) uint8 RGB, decoded from front to back."""
    import av
    from av.video.reformatter import Interpolation

    frames = []
    with av.open(io.BytesIO(clip), format="mp4") as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        for index, frame in enumerate(container.decode(stream)):
            if index % stride == 0:
                small = frame.reformat(side_px, side_px, "rgb24", interpolation=Interpolation.AREA)
                frames.append(small.to_ndarray())
    return np.ascontiguousarray(np.stack(frames).transpose(0, 3, 1, 2))


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


def num_samples(row: IndexRow, stride: int) -> int:
    """Return how many samples a chunk gives."""
    return -(-row.num_frames // stride)


class Loader:
    """Endless batches for one worker; `state_dict` of a batch and `load_state_dict` continue after it, exactly.

    Args:
        store: where the shards are.
        sources: chunks of the training side.
        policy: image size and meaning of actions.
        data: batch, stride, windows, streams, cache.
        seed: of the order.
        world: this worker; its size must divide the number of streams.
    """

    def __init__(
        self,
        store: Store,
        sources: Sequence[Source],
        policy: PolicyConfig,
        data: DataConfig,
        seed: int,
        world: World = ALONE,
    ) -> None:
        if data.num_streams % world.size:
            raise ValueError(f"num_streams {data.num_streams} must be a multiple of the {world.size} workers")
        if not sources:
            raise ValueError("no chunks to train on: got 0 sources; build dataset/shards first")
        self._cache = _Cache(store, data, policy)
        self._data, self._policy = data, policy
        self._seed = seed
        self._streams = [
            _Stream(number, sources[number % len(sources) :: data.num_streams], data, seed)
            for number in range(world.rank, data.num_streams, world.size)
        ]
        self._content = fingerprint([source.row.chunk_id for source in sources], data, seed)

    @property
    def num_samples(self) -> int:
        """Samples per epoch of this worker's streams."""
        return sum(stream.num_samples for stream in self._streams)

    def state_dict(self) -> dict[str, Any]:
        """Return where each stream of all workers is: they move in step, so one place serves all."""
        first = self._streams[0]
        return {"content": self._content, "taken": first.taken}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue after the batch that the state came with.

        Raises:
            ValueError: the state is of other data, config or seed.
        """
        if state["content"] != self._content:
            raise ValueError("the loader's state is of other shards, another config or seed; start a new run")
        for stream in self._streams:
            stream.skip_to(state["taken"])

    def __iter__(self) -> Iterator[Batch]:
        per_stream = self._data.batch_size // self._data.num_streams
        while True:
            picks = [(stream.number, *pick) for stream in self._streams for pick in stream.take(per_stream)]
            frames, actions, ids = [], [], []
            for _, source, index, donor, donor_index in picks:
                frames.append(self._cache.get(source).frames[index])
                rows = [donor_index * self._data.frame_stride]
                actions.append(future_actions(self._cache.trace(donor), rows, self._policy)[0])
                ids.append(f"{source.row.chunk_id}@{index * self._data.frame_stride}")
            yield Batch(
                frames=torch.from_numpy(np.stack(frames)),
                actions=torch.from_numpy(np.stack(actions)),
                ids=tuple(ids),
                streams=tuple(number for number, *_ in picks),
                state=self.state_dict(),
            )


#: (chunk of the frame, sample in it, chunk of the actions, sample in it); the last two differ for shuffled labels.
_Pick = tuple[Source, int, Source, int]


class _Stream:
    """One seeded, endless sequence of picks over its chunks."""

    def __init__(self, number: int, sources: Sequence[Source], data: DataConfig, seed: int) -> None:
        self.number = number
        self.taken = 0
        self._sources, self._data, self._seed = list(sources), data, seed
        samples = [(source, index) for source in sources for index in range(num_samples(source.row, data.frame_stride))]
        self.num_samples = len(samples)
        # The wrong labels stay the same in every epoch, as labels do.
        mixed = np.random.default_rng([seed, number]).permutation(len(samples)) if data.shuffle_labels else []
        self._donors = {
            (source.row.chunk_id, index): samples[other]
            for (source, index), other in zip(samples, mixed, strict=bool(len(mixed)))
        }
        self._epoch = -1
        self._picks: list[_Pick] = []
        self._window_start = 0

    def skip_to(self, taken: int) -> None:
        """Continue after the first `taken` samples; nothing is decoded for it."""
        self.taken = taken

    def take(self, count: int) -> list[_Pick]:
        """Return the next picks."""
        picks = []
        for _ in range(count):
            epoch, position = divmod(self.taken, self.num_samples)
            self._enter_window(epoch, position)
            picks.append(self._picks[position - self._window_start])
            self.taken += 1
        return picks

    def _enter_window(self, epoch: int, position: int) -> None:
        """Plan the window of chunks that a position of an epoch lies in."""
        inside = self._window_start <= position < self._window_start + len(self._picks)
        if self._epoch == epoch and inside:
            return
        order = np.random.default_rng([self._seed, self.number, epoch]).permutation(len(self._sources))
        size, start = self._data.window_chunks, 0
        for number in range(0, len(order), size):
            chunks = [self._sources[index] for index in order[number : number + size]]
            samples = [
                (chunk, index) for chunk in chunks for index in range(num_samples(chunk.row, self._data.frame_stride))
            ]
            if position < start + len(samples):
                self._epoch, self._window_start = epoch, start
                shuffled = np.random.default_rng([self._seed, self.number, epoch, number]).permutation(len(samples))
                self._picks = [(*samples[index], *self._donor(*samples[index])) for index in shuffled]
                return
            start += len(samples)
        raise AssertionError(f"position {position} lies beyond the {start} samples of an epoch")

    def _donor(self, source: Source, index: int) -> tuple[Source, int]:
        """Return where a sample's actions come from: itself, unless labels are shuffled."""
        return self._donors.get((source.row.chunk_id, index), (source, index))


class _Cache:
    """Decoded chunks, the least recently used dropped first; what it holds never changes a result."""

    def __init__(self, store: Store, data: DataConfig, policy: PolicyConfig) -> None:
        self._store, self._data = store, data
        self._side_px = policy.vision.image_px
        self._chunks: OrderedDict[str, DecodedChunk] = OrderedDict()
        self._traces: dict[str, PadTrace] = {}  # of the chunks at hand, and of all donors of shuffled labels
        self._bytes = 0

    def get(self, source: Source) -> DecodedChunk:
        """Return a chunk, decoded now if it is not at hand."""
        key = source.row.chunk_id
        if key in self._chunks:
            self._chunks.move_to_end(key)
            return self._chunks[key]
        chunk = load_chunk(self._store, source, self._data.frame_stride, self._side_px)
        self._chunks[key], self._traces[key] = chunk, chunk.trace
        self._bytes += chunk.frames.nbytes
        # A window's chunks are needed together: below that many, keeping them is cheaper than decoding per sample.
        while self._bytes > self._data.cache_mib * 2**20 and len(self._chunks) > self._data.window_chunks:
            dropped, oldest = self._chunks.popitem(last=False)
            self._bytes -= oldest.frames.nbytes
            if not self._data.shuffle_labels:
                del self._traces[dropped]
        return chunk

    def trace(self, source: Source) -> PadTrace:
        """Return a chunk's labels."""
        key = source.row.chunk_id
        if key not in self._traces:
            self._traces[key] = read_source(self._store, source)[1]
        return self._traces[key]


def load_chunk(store: Store, source: Source, stride: int, side_px: int) -> DecodedChunk:
    """Return a chunk decoded at a stride and size.

    Raises:
        ValueError: clip and labels have different numbers of frames.
    """
    clip, trace = read_source(store, source)
    frames = decode_frames(clip, stride, side_px)
    rows = np.arange(0, trace.num_frames, stride)
    if len(frames) != len(rows):
        raise ValueError(
            f"{source.row.chunk_id}: {len(frames)} frames at stride {stride} for {trace.num_frames} labels; "
            "run `overplay dataset verify`"
        )
    return DecodedChunk(frames, rows, trace)
