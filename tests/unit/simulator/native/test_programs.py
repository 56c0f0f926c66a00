"""Whether the clock can own a program's time is told by its file."""

import os
import sys
from pathlib import Path

import pytest

from simulator.native.build import NativeError
from simulator.native.programs import check_program, find_program, is_static


def write(path: Path, data: bytes, mode: int = 0o755) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def test_programs_are_found_by_name_and_path(tmp_path):
    made = write(tmp_path / "game", b"#!/bin/sh\n")
    assert find_program("game", str(tmp_path)) == made
    with pytest.raises(NativeError, match="there is no program nothing"):
        find_program("nothing", str(tmp_path))


def test_programs_and_scripts_pass(tmp_path):
    check_program(Path(sys.executable).resolve())
    check_program(write(tmp_path / "script", f"#!{sys.executable} -I\n".encode()))
    assert not is_static(Path("/bin/sh"))


@pytest.mark.parametrize(
    ("data", "mode", "message"),
    [
        (b"#!/bin/sh\n", 0o4755, "is setuid"),
        (b"#!/bin/sh\n", 0o2755, "is setgid, so the loader preloads nothing into it; run a plain copy"),
        (b"MZ and more", 0o755, "neither an ELF program nor a script"),
        (b"\x7fELF\x01" + bytes(60), 0o755, f"not a 64-bit program for {os.uname().machine}"),
    ],
)
def test_others_are_told_in_one_line(tmp_path, data, mode, message):
    with pytest.raises(NativeError, match=message):
        check_program(write(tmp_path / "game", data, mode))
