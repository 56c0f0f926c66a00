"""What the benchmarks share: the demo's clips, costs of a call, tables."""

from __future__ import annotations

import json
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

REPOSITORY = Path(__file__).resolve().parents[1]
CLIPS = REPOSITORY / "demo" / "clips"
#: Trials of each work; their median counts.
_REPEATS = 3


def demo_clips(expected: str = "ok") -> list[dict[str, Any]]:
    """Return the demo's clips with an expected outcome."""
    return [clip for clip in json.loads((CLIPS / "clips.json").read_text()) if clip["expected"] == expected]


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of a call, child processes included."""
    before = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    work()
    after = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(b.ru_utime + b.ru_stime - a.ru_utime - a.ru_stime for a, b in zip(before, after, strict=True))


class Cost(NamedTuple):
    """What a run takes."""

    cpu_s: float
    wall_s: float


def medians(works: dict[str, Callable[[], object]]) -> dict[str, Cost]:
    """Return the median cost of each, run in turns."""
    costs: dict[str, list[Cost]] = {name: [] for name in works}
    for _ in range(_REPEATS):
        for name, work in works.items():
            started = time.monotonic()
            cpu_s = cpu_seconds(work)
            costs[name].append(Cost(cpu_s, time.monotonic() - started))
    return {name: Cost(*map(statistics.median, zip(*values, strict=True))) for name, values in costs.items()}


def show(title: str, rows: Sequence[dict[str, Any]]) -> None:
    """Print rows as a Markdown table."""
    print(f"\n### {title}\n")
    print("| " + " | ".join(rows[0]) + " |")
    print("|" + "---|" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(f"{v:.3g}" if isinstance(v, float) else str(v) for v in row.values()) + " |")
    print(flush=True)
