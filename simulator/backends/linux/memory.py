"""Reading a running program's memory, for facts that it writes nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

from ops.store.storage import sha256_file


class ProcessMemory:
    """The memory of a process that we started; it is only read.

    Args:
        pid: of the process.

    Attributes:
        base: address at which the program is loaded.

    Raises:
        OSError: it has gone, or the kernel forbids looking (`kernel.yama.ptrace_scope` above 1).
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._program = Path(f"/proc/{pid}/exe").readlink()
        mapped = (line.split(maxsplit=5) for line in Path(f"/proc/{pid}/maps").read_text().splitlines())
        self.base = min(int(line[0].split("-")[0], 16) for line in mapped if line[5:] == [str(self._program)])
        self._file = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)

    def read(self, address: int, size: int) -> bytes:
        """Return so many bytes at an address.

        Raises:
            OSError: nothing is mapped there, or the process has gone.
        """
        data = os.pread(self._file, size, address)
        if len(data) < size:
            raise OSError(f"expected {size} bytes at {address:#x} of process {self._pid}, got {len(data)}")
        return data

    def find(self, pattern: bytes, align: int = 4) -> tuple[int, ...]:
        """Return the aligned addresses of a pattern in the program's own variables (.data and .bss), ascending."""
        found = []
        for start, stop in self._variables():
            data = self.read(start, stop - start)
            place = data.find(pattern)
            while place >= 0:
                if (start + place) % align == 0:
                    found.append(start + place)
                place = data.find(pattern, place + 1)
        return tuple(found)

    def program_sha256(self) -> str:
        """Return the SHA-256 of the program's file."""
        return sha256_file(self._program)

    def close(self) -> None:
        """Close it. May be called twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _variables(self) -> list[tuple[int, int]]:
        """Return [start, stop) of writable mappings: the program's file, and what follows it without a file."""
        found: list[tuple[int, int]] = []
        end = -1
        for line in Path(f"/proc/{self._pid}/maps").read_text().splitlines():
            span, rights, _, _, _, *name = line.split(maxsplit=5)
            start, stop = (int(word, 16) for word in span.split("-"))
            if (name == [str(self._program)]) or (not name and start == end):
                end = stop
                if rights.startswith("rw"):
                    found.append((start, stop))
        return found
