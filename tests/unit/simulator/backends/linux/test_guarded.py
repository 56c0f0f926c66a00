"""A program under the guard: its last words, its exit code, its end."""

import os
import time

from simulator.backends.linux.guarded import GuardedProcess
from simulator.native.build import build

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def start(folder, script, **options):
    return GuardedProcess(build().guard, ["sh", "-c", script], ENVIRONMENT, folder / "log", folder, **options)


def test_words_and_exit_code(tmp_path):
    process = start(tmp_path, "for i in $(seq 20); do echo line $i; done; exit 5")
    while process.exit_code() is None:
        time.sleep(0.01)
    assert process.exit_code() == 5
    assert process.last_words(2) == "line 19\nline 20"
    assert process.program_pid() == 0
    process.stop()


def test_stopping_ends_it_and_removes_its_folder(tmp_path):
    folder = tmp_path / "private"
    folder.mkdir()
    process = start(tmp_path, "sleep 60", remove=folder, grace_ms=100)
    deadline = time.monotonic() + 10
    while not process.program_pid() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert process.program_pid() > 0
    process.stop()
    process.stop()
    assert process.exit_code() is not None
    assert not folder.exists()
