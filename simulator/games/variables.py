"""Variables at fixed places of a program, for games that write their scores nowhere while they are played.

The places belong to one build of the program, Debian 12 on amd64; another build is an error, not a wrong fact.
They are found by playing: the variable starts at 0, only rises, and ends as the number in the file of high scores.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from simulator.games.linux import Memory, Reader

#: A variable: 32 bits, signed.
_INT: Final = struct.Struct("<i")


def check_build(memory: Memory, sha256: str) -> None:
    """Raise ValueError unless a program's file has this SHA-256."""
    if memory.program_sha256() != sha256:
        raise ValueError(
            f"expected the program with SHA-256 {sha256[:12]}, got {memory.program_sha256()[:12]}: "
            "its variables lie elsewhere in another build"
        )


def read_variables(sha256: str, offsets: Mapping[str, int]) -> Callable[[Memory], Reader]:
    """Return what makes a reader of 32-bit integers.

    Args:
        sha256: of the program's file.
        offsets: name of the fact -> bytes from where the program is loaded.

    The returned function raises ValueError for another program.
    """
    return partial(_attach, sha256, dict(offsets))


def _attach(sha256: str, offsets: Mapping[str, int], memory: Memory) -> Reader:
    check_build(memory, sha256)
    return partial(_read, offsets, memory)


def _read(offsets: Mapping[str, int], memory: Memory) -> Mapping[str, float]:
    return {name: float(_INT.unpack(memory.read(memory.base + at, _INT.size))[0]) for name, at in offsets.items()}
