"""Work for the mapper tests, in a module that workers import quickly."""

import os
import signal
from pathlib import Path


def double(value: int) -> int:
    if value == 3:
        raise ValueError("three")
    return 2 * value


def die_at_two(value: int) -> str:
    if value == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return os.environ["OMP_NUM_THREADS"]


def die_once(folder: str) -> str:
    marker = Path(folder) / "tried"
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"
