"""Look at a few keyframes of a video on a server, fetching only what they need of it.

Of a file these are the blocks that its demuxer asks for. They lie at their places in a sparse local file. A child
process without a connection reads it (`ops.media.sandbox`) and says which blocks it missed. It is called again when
these are there: two or three rounds, a few hundred kilobytes.
Of a video in segments it is as many segments as keyframes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

from ops.media.limits import PEEK_LIMITS
from ops.media.readers import iter_frames, sample_keyframes
from ops.media.sandbox import call
from ops.media.video import Frame
from ops.outcomes import BadInputError

Result = TypeVar("Result")

#: Bytes that are fetched at once. Chosen by eye: a request's overhead against bytes that nobody needs.
BLOCK_BYTES: Final = 1 << 17
#: Rounds after which a file is not worth the trouble. Two or three do for all formats of the tests.
MAX_ROUNDS: Final = 12
#: Blocks after which a file is not worth the trouble (12 MiB). An hour's index of an MP4 is one to three.
MAX_BLOCKS: Final = 96


class RemoteFile(Protocol):
    """A file whose bytes are asked for by range."""

    @property
    def size(self) -> int:
        """Number of bytes in all."""
        ...

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes [start, stop)."""
        ...


@runtime_checkable
class RemoteSegments(Protocol):
    """A video in segments, each of which is a video of its own."""

    @property
    def num_segments(self) -> int:
        """How many there are."""
        ...

    def read_segment(self, number: int) -> bytes:
        """Return the bytes of a segment."""
        ...


@dataclass(frozen=True)
class Missing:
    """Blocks that must be fetched before the file can be looked at.

    Attributes:
        blocks: their numbers.
    """

    blocks: tuple[int, ...]


class SparseFile(io.RawIOBase):
    """A local file of which only some blocks are there; it ends, for its reader, where one is missing.

    Attributes:
        missing: numbers of the blocks that were asked for and are not there.
    """

    def __init__(self, path: Path, size: int, present: Collection[int]) -> None:
        self._file, self._size, self._present, self._at = path.open("rb"), size, present, 0
        self.missing: set[int] = set()

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to an offset."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, up to the first that is not there."""
        stop = self._size if size < 0 else min(self._size, self._at + size)
        end = self._at
        while end < stop:
            block = end // BLOCK_BYTES
            if block not in self._present:
                if end == self._at:  # readers ask for more than they need
                    self.missing.add(block)
                break
            end = min(stop, (block + 1) * BLOCK_BYTES)
        self._file.seek(self._at)
        data = self._file.read(max(0, end - self._at))
        self._at += len(data)
        return data

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def look(
    path: Path,
    size: int,
    present: frozenset[int],
    count: int,
    max_height: int,
    judge: Callable[..., Result],
    arguments: tuple[Any, ...],
) -> Result | Missing:
    """Return what `judge(frames, *arguments)` makes of keyframes of a sparse file, or what is missing; in the sandbox.

    Raises:
        BadInputError: the file cannot be looked at this way.
    """
    with SparseFile(path, size, present) as file:
        frames: list[Frame] = []
        try:
            frames = sample_keyframes(path, count, max_height, file)
        except Exception:  # half a file is broken in many ways
            if not file.missing:
                raise
        if file.missing:
            return Missing(tuple(sorted(file.missing)))
    return judge(frames, *arguments)


def look_at_segments(
    paths: Sequence[Path], max_height: int, judge: Callable[..., Result], arguments: tuple[Any, ...]
) -> Result:
    """Return what `judge(frames, *arguments)` makes of the first frame of each segment; in the sandbox.

    Raises:
        BadInputError: none of them can be read.
    """
    frames: list[Frame] = []
    for number, path in enumerate(paths):
        try:
            frames.append(next(iter_frames(path, max_height)))
        except BadInputError:
            if number + 1 == len(paths) and not frames:
                raise
    return judge(frames, *arguments)


def _peek_segments(
    remote: RemoteSegments, scratch: Path, count: int, max_height: int, judge: Callable[..., Result], *arguments: Any
) -> tuple[Result, int]:
    numbers = sorted({int((k + 0.5) * remote.num_segments / count) for k in range(count)})
    paths, num_bytes = [], 0
    for number in numbers:
        paths.append(scratch / f"segment-{number}")
        num_bytes += paths[-1].write_bytes(remote.read_segment(number))
    return call(look_at_segments, paths, max_height, judge, arguments, limits=PEEK_LIMITS), num_bytes


def peek(
    remote: RemoteFile | RemoteSegments,
    scratch: Path,
    count: int,
    max_height: int,
    judge: Callable[..., Result],
    *arguments: Any,
) -> tuple[Result, int]:
    """Return what `judge(frames, *arguments)` makes of keyframes of a remote video, and how many bytes that took.

    Args:
        remote: the file, or the segments.
        scratch: a folder for what is fetched.
        count: keyframes, spread over the video.
        max_height: they are scaled down to it, in pixels.
        judge: at the top level of a module; called in the sandbox with a list of `ops.media.video.Frame`.
        *arguments: of `judge`, picklable.

    Raises:
        BadInputError: the file cannot be looked at this way, or takes too many blocks.
        OSError: the server does not answer.
    """
    if isinstance(remote, RemoteSegments):
        return _peek_segments(remote, scratch, count, max_height, judge, *arguments)
    path = scratch / "peek"
    present: set[int] = set()
    wanted: tuple[int, ...] = (0,)
    with path.open("w+b") as file:
        file.truncate(remote.size)
        for _ in range(MAX_ROUNDS):
            for block in wanted:
                file.seek(block * BLOCK_BYTES)
                file.write(remote.read(block * BLOCK_BYTES, min(remote.size, (block + 1) * BLOCK_BYTES)))
            file.flush()
            present.update(wanted)
            result = call(
                look, path, remote.size, frozenset(present), count, max_height, judge, arguments, limits=PEEK_LIMITS
            )
            if not isinstance(result, Missing):
                return result, sum(min(remote.size, (n + 1) * BLOCK_BYTES) - n * BLOCK_BYTES for n in present)
            wanted = result.blocks
            if len(present) + len(wanted) > MAX_BLOCKS:
                break
    raise BadInputError(f"unreadable in parts: more than {len(present)} blocks of {BLOCK_BYTES} bytes are needed")
