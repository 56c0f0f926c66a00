"""The loader: from shards to batches of (frame, future actions), in an order that a resumed run repeats exactly.

All samples of an epoch are planned from the shards' index. Chunks are dealt to streams, a stream goes through its
chunks in a seeded order, a window of chunks at a time: it decodes them from front to back (never a seek), shuffles
their samples together and hands them out. Each stream's place is (epoch, position), which is its whole state.
Threads decode the window after the present one, and `prefetch` makes batches ahead; neither changes what comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any, Final

import numpy as np
import torch

from models.policy.config import PolicyConfig
from ops.dataset.shards import IndexRow
from ops.store.storage import Store, fingerprint
from training.policy.chunks import ChunkCache, Source
from training.policy.config import DataConfig


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
        threads: decode the next windows while the present ones are used; 0: each chunk when it is first used.
    """

    def __init__(
        self,
        store: Store,
        sources: Sequence[Source],
        policy: PolicyConfig,
        data: DataConfig,
        seed: int,
        world: World = ALONE,
        threads: int = 0,
    ) -> None:
        if data.num_streams % world.size:
            raise ValueError(f"num_streams {data.num_streams} must be a multiple of the {world.size} workers")
        if not sources:
            raise ValueError("no chunks to train on: got 0 sources; build dataset/shards first")
        self._cache = ChunkCache(store, data, policy, threads)
        self._data = data
        self._streams = [
            _Stream(number, sources[number % len(sources) :: data.num_streams], data, seed)
            for number in range(world.rank, data.num_streams, world.size)
        ]
        plan = replace(data, cache_mib=0)  # how much is kept changes nothing
        self._content = fingerprint([source.row.chunk_id for source in sources], plan, seed)

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
            self._cache.want(source for stream in self._streams for source in stream.windows())
            # Chunks keep their pictures in rows; so does a batch, and it looks as if channels came first.
            frames = [self._cache.get(source).frames.transpose(0, 2, 3, 1)[index] for _, source, index, *_ in picks]
            actions = [self._cache.actions(donor)[donor_index] for *_, donor, donor_index in picks]
            yield Batch(
                frames=torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2),
                actions=torch.from_numpy(np.stack(actions)),
                ids=tuple(f"{source.row.chunk_id}@{index * self._data.frame_stride}" for _, source, index, *_ in picks),
                streams=tuple(number for number, *_ in picks),
                state=self.state_dict(),
            )

    def close(self) -> None:
        """Stop decoding ahead."""
        self._cache.close()


def prefetch(batches: Iterator[Batch], depth: int = 2, pin: bool = False) -> Iterator[Batch]:
    """Yield the batches of an iterator, made by a thread up to `depth` ahead; an error comes where its batch would.

    Args:
        batches: made in order, and only in that thread.
        depth: batches that wait.
        pin: put frames into page-locked memory, from where they reach a GPU without stopping it.
    """
    ready: Queue[Batch | Exception] = Queue(depth)
    stop = Event()

    def put(item: Batch | Exception) -> None:
        while not stop.is_set():
            try:
                return ready.put(item, timeout=0.1)
            except Full:
                continue
        return None

    def fill() -> None:
        try:
            for batch in batches:
                put(replace(batch, frames=batch.frames.pin_memory()) if pin else batch)
                if stop.is_set():
                    return
        except Exception as error:
            put(error)

    thread = Thread(target=fill, name="prefetch", daemon=True)
    thread.start()
    try:
        while thread.is_alive() or not ready.empty():
            try:
                item = ready.get(timeout=1.0)
            except Empty:
                continue
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()


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
        self._chunks: list[Source] = []

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

    def windows(self) -> list[Source]:
        """Return the chunks of the present window and of the one after it."""
        return self._chunks

    def _enter_window(self, epoch: int, position: int) -> None:
        """Plan the window of chunks that a position of an epoch lies in."""
        inside = self._window_start <= position < self._window_start + len(self._picks)
        if self._epoch == epoch and inside:
            return
        size, start = self._data.window_chunks, 0
        order = self._order(epoch)
        for number in range(0, len(order), size):
            chunks = order[number : number + size]
            samples = [
                (chunk, index) for chunk in chunks for index in range(num_samples(chunk.row, self._data.frame_stride))
            ]
            if position < start + len(samples):
                self._epoch, self._window_start = epoch, start
                shuffled = np.random.default_rng([self._seed, self.number, epoch, number]).permutation(len(samples))
                self._picks = [(*samples[index], *self._donor(*samples[index])) for index in shuffled]
                self._chunks = chunks + (order[number + size : number + 2 * size] or self._order(epoch + 1)[:size])
                return
            start += len(samples)
        raise AssertionError(f"position {position} lies beyond the {start} samples of an epoch")

    def _order(self, epoch: int) -> list[Source]:
        """Return the chunks in the order of an epoch."""
        order = np.random.default_rng([self._seed, self.number, epoch]).permutation(len(self._sources))
        return [self._sources[index] for index in order]

    def _donor(self, source: Source, index: int) -> tuple[Source, int]:
        """Return where a sample's actions come from: itself, unless labels are shuffled."""
        return self._donors.get((source.row.chunk_id, index), (source, index))
