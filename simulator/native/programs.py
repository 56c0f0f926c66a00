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

#: Where programs are looked for beside $PATH.
_GAME_FOLDERS: Final = "/usr/games:/usr/local/games"
#: ELF (elf.h): magic, class of 64-bit files, numbers of machines, and the kind of a header that names the loader.
_ELF: Final = b"\x7fELF"
_CLASS_64: Final = 2
_MACHINES: Final = {"x86_64": 62, "aarch64": 183}
_PT_INTERP: Final = 3
#: Bytes from the begin: class, machine, place of the program headers, their size and number.
_CLASS_AT: Final = 4
_MACHINE_AT: Final = 18
_HEADERS_AT: Final = 32
_HEADER_SIZE_AT: Final = 54
#: Bytes that are read; program headers follow the file's header.
_HEAD_BYTES: Final = 4096


def find_program(name: str, path: str | None = None) -> Path:
    """Return the file of a command.

    Args:
        name: a path, or a name that is looked for.
        path: folders to look in, separated by colons; $PATH and /usr/games by default.

    Raises:
        NativeError: there is none.
    """
    found = shutil.which(name, path=path or f"{os.environ.get('PATH', os.defpath)}:{_GAME_FOLDERS}")
    if found is None:
        raise NativeError(f"there is no program {name}")
    return Path(found)


def check_program(path: Path) -> None:
    """Raise NativeError, with one line, where the clock can neither be preloaded into a program nor trace it."""
    mode = path.stat().st_mode
    if mode & (stat.S_ISUID | stat.S_ISGID):
        kind = "setuid" if mode & stat.S_ISUID else "setgid"
        raise NativeError(f"{path} is {kind}, so the loader preloads nothing into it; run a plain copy of it")
    head = _head(path)
    if head[:2] == b"#!":
        check_program(find_program(head[2:].split(b"\n", 1)[0].split()[0].decode()))
        return
    if head[:4] != _ELF:
        raise NativeError(f"{path} is neither an ELF program nor a script")
    if head[_CLASS_AT] != _CLASS_64 or struct.unpack_from("<H", head, _MACHINE_AT)[0] != _MACHINES.get(
        platform.machine()
    ):
        raise NativeError(
            f"{path} is not a 64-bit program for {platform.machine()}, which the clock library is built for"
        )
    if is_static(path) and platform.machine() != "x86_64":
        raise NativeError(f"{path} is statically linked, which can be held on x86_64 only")


def is_static(path: Path) -> bool:
    """Return whether a program's file is statically linked, so that nothing can be preloaded into it."""
    head = _head(path)
    if head[:4] != _ELF or head[_CLASS_AT] != _CLASS_64:
        return False
    (offset,) = struct.unpack_from("<Q", head, _HEADERS_AT)
    size, count = struct.unpack_from("<HH", head, _HEADER_SIZE_AT)
    places = (offset + size * index for index in range(count))
    return _PT_INTERP not in [struct.unpack_from("<I", head, place)[0] for place in places if place < _HEAD_BYTES - 4]


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)
