"""Locks in a store: one process at a time, whatever the machine.

On a local store a lock is a file lock of the `filelock` package. It ends with its process. On an object store a lock
is an object that is only ever written under a condition: "if there is none" (If-None-Match) or "if it is still the
one that I read" (If-Match with its ETag). The store decides, so of two writers one is refused. Nothing is deleted: a
lock that is given back is written as free.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from ops.store.storage import Store

#: Seconds that a caller waits for a lock. Crawls hold theirs for seconds; not measured beyond that.
WAIT_S: Final = 60.0
#: Age in seconds after which a lock object is taken over, since its holder died. Far above what holders take.
EXPIRES_S: Final = 600.0
#: Seconds between two tries. Chosen by eye: one small request each.
_RETRY_S: Final = 0.05
#: What a lock object says when nobody holds it: a time long past, and no name.
_FREE: Final = b"0 free"
_LOGGER: Final = logging.getLogger(__name__)


class LockObject(Protocol):
    """One small object that can be written under a condition."""

    def read(self) -> tuple[bytes, str] | None:
        """Return its bytes and its tag, which changes with the bytes; None where there is no such object."""
        ...

    def write(self, data: bytes, tag: str | None) -> bool:
        """Write it if its tag is still this one, or, with None, if there is none; return whether it was written."""
        ...


@contextmanager
def hold(store: Store, key: str, wait_s: float = WAIT_S, expires_s: float | None = None) -> Iterator[None]:
    """Hold a lock while the block runs.

    Args:
        store: where it lies.
        key: its name in the store, without an ending.
        wait_s: seconds to wait for another holder.
        expires_s: seconds after which a lock on an object store is taken over; None is `EXPIRES_S`.

    Raises:
        TimeoutError: another process held it all the while.
        ValueError: the store is of a kind whose conditional writes are not known here.
    """
    if store.is_local:
        with _hold_file(Path(store.uri(f"{key}.local")), wait_s):
            yield
        return
    name = f"{key}.json"
    with hold_object(open_object(store, name), store.uri(name), wait_s, EXPIRES_S if expires_s is None else expires_s):
        yield


@contextmanager
def _hold_file(path: Path, wait_s: float) -> Iterator[None]:
    import filelock

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = filelock.FileLock(path).acquire(timeout=wait_s, poll_interval=_RETRY_S)
    except filelock.Timeout as error:
        raise _still_held(path, wait_s) from error
    with lock:
        yield


@contextmanager
def hold_object(lock: LockObject, name: str, wait_s: float, expires_s: float) -> Iterator[None]:
    """Hold a lock object while the block runs.

    Args:
        lock: the object.
        name: for messages.
        wait_s: seconds to wait for another holder.
        expires_s: seconds after which it is taken over.

    Raises:
        TimeoutError: another process held it all the while.
    """
    deadline = time.monotonic() + wait_s
    token = uuid.uuid4().hex
    while not _try_to_take(lock, token, expires_s):
        if time.monotonic() > deadline:
            raise _still_held(name, wait_s)
        time.sleep(_RETRY_S)
    try:
        yield
    finally:
        _give_back(lock, token, name)


def _try_to_take(lock: LockObject, token: str, expires_s: float) -> bool:
    found = lock.read()
    if found is not None and time.time() - _taken_at(found[0]) <= expires_s:
        return False
    mine = b"%.3f %s" % (time.time(), token.encode())
    # A write whose answer got lost is sent again and then refused. So whoever is refused looks whose lock it is.
    return lock.write(mine, found[1] if found else None) or _is_mine(lock.read(), token)


def _give_back(lock: LockObject, token: str, name: str) -> None:
    found = lock.read()
    if found is None or not _is_mine(found, token) or not lock.write(_FREE, found[1]):
        _LOGGER.warning("the lock %s expired while it was held, and another process may have taken it over", name)


def _is_mine(found: tuple[bytes, str] | None, token: str) -> bool:
    return found is not None and found[0].endswith(token.encode())


def _taken_at(data: bytes) -> float:
    """Return when a lock was taken, in seconds since 1970."""
    return float(data.split()[0])


def _still_held(name: Path | str, wait_s: float) -> TimeoutError:
    return TimeoutError(
        f"waited {wait_s:g} s for the lock {name}, and another process still holds it: another crawl, takedown or "
        "look for duplicates. Wait for it, or end it and try again"
    )


def open_object(store: Store, key: str) -> LockObject:
    """Return a lock object of a store.

    Raises:
        ValueError: the store is neither on S3 nor in memory.
    """
    import fsspec
    import s3fs
    from fsspec.implementations.memory import MemoryFileSystem

    fs, path = fsspec.core.url_to_fs(store.uri(key))
    if isinstance(fs, s3fs.S3FileSystem):
        return S3Object(fs, path)
    if isinstance(fs, MemoryFileSystem):
        return MemoryObject(fs, path)
    raise ValueError(
        f"{store.root}: expected a local folder or s3://, got a store whose conditional writes are not known here. "
        "Two crawls at once would lose rows; keep the store on S3 or on a disk"
    )


class S3Object:
    """A lock object on S3, or on a server that speaks its protocol with conditional writes (S3 has them since 2024)."""

    def __init__(self, fs: Any, path: str) -> None:
        self._fs = fs
        self._bucket, self._key, _ = fs.split_path(path)

    def read(self) -> tuple[bytes, str] | None:
        """Return bytes and ETag."""
        from fsspec.asyn import sync

        async def fetch() -> tuple[bytes, str]:
            answer = await self._fs._call_s3("get_object", Bucket=self._bucket, Key=self._key)
            async with answer["Body"] as body:
                return await body.read(), answer["ETag"]

        try:
            found: tuple[bytes, str] = sync(self._fs.loop, fetch)
        except FileNotFoundError:
            return None
        return found

    def write(self, data: bytes, tag: str | None) -> bool:
        """Write under a condition."""
        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        try:
            self._fs.call_s3("put_object", Bucket=self._bucket, Key=self._key, Body=data, **condition)
        except OSError as error:
            if _is_refusal(error):
                return False
            raise
        finally:
            self._fs.invalidate_cache()
        return True


def _is_refusal(error: OSError) -> bool:
    """Return whether S3 refused a write for its condition: it did not hold (412, 404), or another was faster (409)."""
    answer = getattr(error.__cause__, "response", None) or {}
    return answer.get("ResponseMetadata", {}).get("HTTPStatusCode") in (404, 409, 412)


class MemoryObject:
    """A lock object in fsspec's `memory://`, which ends with its process: for tests."""

    _GUARD: Final = threading.Lock()

    def __init__(self, fs: Any, path: str) -> None:
        self._fs, self._path = fs, path

    def read(self) -> tuple[bytes, str] | None:
        """Return bytes and their hash."""
        try:
            data: bytes = self._fs.cat_file(self._path)
        except FileNotFoundError:
            return None
        return data, hashlib.sha256(data).hexdigest()

    def write(self, data: bytes, tag: str | None) -> bool:
        """Write under a condition."""
        with self._GUARD:
            found = self.read()
            if (found[1] if found else None) != tag:
                return False
            self._fs.pipe_file(self._path, data)
            return True
