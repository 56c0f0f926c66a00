"""The guard: nothing of a game outlives whoever started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simulator.native.build import build

STARTER = """
import os, subprocess, sys, time
read, write = os.pipe()
process = subprocess.Popen([sys.argv[1], str(read), sys.argv[2], "100", "sh", "-c", sys.argv[3]], pass_fds=[read])
os.close(read)
print(process.pid, flush=True)
time.sleep(60)
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(holds, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()


@pytest.mark.parametrize("sanitize", ["", "undefined"])
def test_kill_9_of_the_starter_ends_orphans_and_removes_the_folder(tmp_path, sanitize):
    folder = tmp_path / "private"
    folder.mkdir()
    (folder / "file").write_text("x")
    pids = tmp_path / "pids"
    # A child that ignores TERM, and one that leaves session and parent behind.
    child = f"echo \\$\\$ >> {pids}; exec sleep 50"
    script = f"trap '' TERM; setsid -f sh -c \"{child}\"; echo $$ >> {pids}; sleep 51; sleep 52"
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, build(sanitize).guard, folder, script], stdout=subprocess.PIPE, text=True
    )
    guard = int(starter.stdout.readline())
    assert wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    below = [guard, *map(int, pids.read_text().split())]
    assert all(map(alive, below))
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    assert wait_until(lambda: not any(map(alive, below)))
    assert wait_until(lambda: not folder.exists())


@pytest.mark.parametrize("sanitize", ["", "undefined"])
def test_exit_codes_come_through(sanitize):
    for script, expected in (("exit 7", 7), ("kill -SEGV $$", 128 + signal.SIGSEGV), ("exit 0", 0)):
        read, write = os.pipe()
        command = [build(sanitize).guard, str(read), "-", "100", "sh", "-c", script]
        assert subprocess.run(command, pass_fds=[read], timeout=20, check=False).returncode == expected
        os.close(read)
        os.close(write)


def test_a_program_that_is_not_there_is_one_line(tmp_path):
    read, write = os.pipe()
    command = [build().guard, str(read), "-", "100", "/nowhere/game"]
    done = subprocess.run(command, pass_fds=[read], capture_output=True, text=True, timeout=20, check=False)
    os.close(read)
    os.close(write)
    assert done.returncode == 127
    assert done.stderr == "overplay: cannot start /nowhere/game: No such file or directory\n"
