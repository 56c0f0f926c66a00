"""Print what tens of thousands of videos cost in bookkeeping: `scripts/scale.py`, or `scripts/scale.py 100 1000`.

The media are fake (a stage that writes one small file), everything else is real: the ledger, the store, the stage
runner, the orchestrator with its SQLite instance. CPU time, since other work on the machine hardly changes it; the
store lies in memory where there is such a place, so that no disk is measured.
"""

import argparse
import gc
import os
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from assets.naming import labelled_by_batch
from assets.stages import materialize_stage
from ops.batch import Stage, Work
from ops.catalog import Discovered, batch_ids, batch_units, merge_discovered, read_catalog, write_catalog
from ops.outcomes import Outcome
from ops.parallel import Mapper, SerialMapper
from ops.selection import CrawlLimits, select
from ops.storage import Store

SIZES = (100, 1_000, 10_000, 40_000)
_BATCH_SIZE = 50
_KEY = "raw/fake"
_NOW = "2026-01-01T00:00:00Z"
_SHA256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def found_videos(count: int) -> list[Discovered]:
    """Return what a crawl of so many videos finds."""
    return [
        Discovered(
            f"youtube-{number:011d}", "ytsearch", f"https://www.youtube.com/watch?v={number:011d}",
            title=f"Playing it, part {number}", channel=f"channel {number % 900}", channel_id=f"UC{number % 900}",
            game=f"game {number % 300}", genre="platformer", duration_s=3600.0, licence="CC BY",
        )
        for number in range(count)
    ]  # fmt: skip


def fake_media(work: Work) -> tuple[Outcome, dict[str, str]]:
    """Stand for a download."""
    work.store.write_bytes(work.key("video.mp4"), b"x")
    return Outcome.ok(path="video.mp4"), {"video.mp4": _SHA256}


@dg.asset(**labelled_by_batch(_KEY, "1", {"python"}, []))
def fake(
    context: dg.AssetExecutionContext, store: dg.ResourceParam[Store], mapper: dg.ResourceParam[Mapper]
) -> dg.MaterializeResult:
    """A stage without media."""
    ledger = read_catalog(store, context.partition_keys)
    result = materialize_stage(
        context, store, mapper, Stage(_KEY, "1"), lambda _, batch: batch_units(ledger, batch), fake_media
    )
    return dg.MaterializeResult(metadata=result.metadata, data_version=result.data_version)


def measure(count: int) -> dict[str, Any]:
    """Return seconds of CPU for each kind of bookkeeping over so many videos."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="overplay-scale-", dir=memory) as name:
        store, found = Store(str(Path(name) / "data")), found_videos(count)
        row: dict[str, Any] = {"videos": count}
        row["first tick"] = _cpu_s(lambda: _tick(store, found))
        row["second tick"] = _cpu_s(lambda: _tick(store, found))
        batches = batch_ids(read_catalog(store))
        home = Path(name) / "dagster"
        home.mkdir()
        with dg.DagsterInstance.local_temp(str(home)) as instance:
            row["add partitions"] = _cpu_s(lambda: instance.add_dynamic_partitions("video_batch", list(batches)))
            row["backfill"] = _cpu_s(lambda: _backfill(store, instance, batches))
            row["backfill again"] = _cpu_s(lambda: _backfill(store, instance, batches))
            row["list partitions"] = _cpu_s(lambda: instance.get_materialized_partitions(dg.AssetKey(_KEY.split("/"))))
        row["list files"] = _cpu_s(lambda: store.list(_KEY))
        row["memory MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return row


def _tick(store: Store, found: Sequence[Discovered]) -> None:
    before = read_catalog(store)
    wanted, _ = select(before, found, CrawlLimits(hours_per_game=1e6, hours_per_creator=1e6))
    merged = merge_discovered(before, wanted, _NOW, _BATCH_SIZE)
    if merged.videos != before:
        write_catalog(store, merged.videos)


def _backfill(store: Store, instance: dg.DagsterInstance, batches: Sequence[str]) -> None:
    resources = {"store": store, "mapper": SerialMapper()}
    for batch in batches:
        dg.materialize([fake], instance=instance, resources=resources, partition_key=batch, run_config=_QUIET)


def _cpu_s(work: Callable[[], Any]) -> float:
    gc.collect()
    started = time.process_time()
    work()
    return time.process_time() - started


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return milliseconds per video as Markdown, and how the largest compares with the smallest of 1,000 or more."""
    names = [name for name in rows[0] if name not in ("videos", "memory MB")]
    lines = ["| ms of CPU per video | " + " | ".join(f"{row['videos']:,}" for row in rows) + " |"]
    lines.append("|---|" + "---|" * len(rows))
    lines += [
        f"| {name} | " + " | ".join(f"{1000 * row[name] / row['videos']:.3f}" for row in rows) + " |" for name in names
    ]
    totals = [1000 * sum(row[name] for name in names) / row["videos"] for row in rows]
    lines.append("| all | " + " | ".join(f"{total:.3f}" for total in totals) + " |")
    lines.append("| memory, MB | " + " | ".join(f"{row['memory MB']:.0f}" for row in rows) + " |")
    ratio = totals[-1] / totals[0]
    return (
        "\n".join(lines)
        + f"\n\n{rows[-1]['videos']:,} videos cost {ratio:.2f} times as much each as {rows[0]['videos']:,}"
    )


def main() -> None:
    """Measure the sizes that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=list(SIZES))
    sizes = parser.parse_args().sizes
    measure(50)  # imports and caches
    rows = []
    for size in sizes:
        rows.append(measure(size))
        print(f"{size}: done", flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
