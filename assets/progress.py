"""Progress in one shape (R36): a line per 10 s with done/total, outcomes so far, rate and time left."""

import time
from collections import Counter
from collections.abc import Callable

from ops.batch import Unit

_EVERY_S = 10.0


class Progress:
    """Counts finished units and writes a throttled line; the reasons of failed units are written at once."""

    def __init__(self, write: Callable[[str], object], title: str) -> None:
        self._write = write
        self._title = title
        self._started = self._last = time.monotonic()
        self._outcomes: Counter[str] = Counter()
        self.done: list[Unit] = []

    def __call__(self, num_finished: int, num_total: int, unit: Unit) -> None:
        """Take note of a finished unit; fits `ops.batch.run_batch`."""
        self.done.append(unit)
        self._outcomes[unit.outcome.kind] += 1
        if unit.outcome.kind == "failed":
            self._write(f"{self._title}: {unit.video_id} failed: {unit.outcome.reason}")
        now = time.monotonic()
        if now - self._last < _EVERY_S and num_finished < num_total:
            return
        self._last = now
        rate = num_finished / max(now - self._started, 1e-6)
        outcomes = ", ".join(f"{self._outcomes[kind]} {kind}" for kind in ("ok", "rejected", "failed"))
        left_s = (num_total - num_finished) / rate
        self._write(f"{self._title}: {num_finished}/{num_total} done ({outcomes}), {rate:.2g}/s, {left_s:.0f} s left")
