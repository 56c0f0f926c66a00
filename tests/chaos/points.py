"""Instrumented storage: every moment at which a write can be cut, counted, and a SIGKILL at the one that is asked for.

Moments of a write: before it; with half of its bytes in the temporary file; whole but not published; published. Of a
removal: before it; with half of the files gone; after it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ops.store.storage import Store


class Points:
    """Counts moments; kills this process at one of them.

    Attributes:
        kill_at: number of the moment, from 1; 0 only counts.
        names: of the moments so far.
    """

    def __init__(self, kill_at: int = 0) -> None:
        self.kill_at = kill_at
        self.names: list[str] = []

    def reach(self, name: str) -> bool:
        """Note a moment; return whether this is the one to die at."""
        self.names.append(name)
        return len(self.names) == self.kill_at

    def pass_or_die(self, name: str) -> None:
        """Note a moment, and end this process there if it is the one."""
        if self.reach(name):
            die()

    def install(self) -> None:
        """Put the moments into `ops.store.storage.Store`, for the rest of this process."""
        writing, remove = Store.writing, Store.remove

        @contextmanager
        def watched_writing(store: Store, key: str) -> Iterator[Path]:
            self.pass_or_die(f"before {key}")
            with writing(store, key) as path:
                yield path
                if self.reach(f"torn {key}"):
                    os.truncate(path, path.stat().st_size // 2)
                    die()
                self.pass_or_die(f"unpublished {key}")
            self.pass_or_die(f"published {key}")

        def watched_remove(store: Store, prefix: str) -> None:
            self.pass_or_die(f"before removing {prefix}")
            if self.reach(f"half of {prefix} removed"):
                keys = [key for key in store.list(prefix) if key != prefix]
                for key in keys[: len(keys) // 2]:
                    remove(store, key)
                die()
            remove(store, prefix)
            self.pass_or_die(f"removed {prefix}")

        Store.writing = watched_writing  # type: ignore[method-assign]
        Store.remove = watched_remove  # type: ignore[method-assign]


def die() -> None:
    """End this process as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)
