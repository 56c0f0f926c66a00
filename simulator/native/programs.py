"""Whether the clock library can be preloaded into a program, read from its file."""

from __future__ import annotations

import os
import platform
import shutil
import stat
import struct
from pathlib import Path
from typing import Final

from simulator.native.build import NativeError

_MACHINES: Final = {"x86_64": 62, "aarch64": 183}
_PT_INTERP: Final = 3


def find_program(name: str, path: str | None = None) -> Path:
    """Return the file of a command.

    Args:
        name: a path, or a name that is looked for.
        path: folders to look in, separated by colons; $PATH and /usr/games by default.

    Raises:
        NativeError: there is none.
    """
    found = shutil.which(name, path=path or f"{os.environ.get('PATH', os.defpath)}:/usr/games:/usr/local/games")
    if found is None:
        raise NativeError(f"there is no program {name}")
    return Path(found)


def check_program(path: Path) -> None:
    """Raise NativeError, with one line, where the clock can neither be preloaded into a program nor trace it."""
    mode = path.stat().st_mode
    if mode & (stat.S_ISUID | stat.S_ISGID):
        kind = "setuid" if mode & stat.S_ISUID else "setgid"
        raise NativeError(f"{path} is {kind}, so the loader preloads nothing into it; run a plain copy of it")
    head = path.read_bytes()[:4096]
    if head[:2] == b"#!":
        check_program(find_program(head[2:].split(b"\n", 1)[0].split()[0].decode()))
        return
    if head[:4] != b"\x7fELF":
        raise NativeError(f"{path} is neither an ELF program nor a script")
    if head[4] != 2 or struct.unpack_from("<H", head, 18)[0] != _MACHINES.get(platform.machine()):
        raise NativeError(
            f"{path} is not a 64-bit program for {platform.machine()}, which the clock library is built for"
        )
    if is_static(path) and platform.machine() != "x86_64":
        raise NativeError(f"{path} is statically linked, which can be held on x86_64 only")


def is_static(path: Path) -> bool:
    """Return whether a program's file is statically linked, so that nothing can be preloaded into it."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head[:4] != b"\x7fELF" or head[4] != 2:
        return False
    offset, size, count = struct.unpack_from("<Q", head, 32)[0], *struct.unpack_from("<HH", head, 54)
    kinds = [struct.unpack_from("<I", head, offset + size * i)[0] for i in range(count) if offset + size * i < 4092]
    return _PT_INTERP not in kinds
