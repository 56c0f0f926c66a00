"""`make chaos`: inject all faults, print the table, exit 1 unless nothing was lost, doubled or changed."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.chaos import parts, s3
from tests.chaos.killer import Tally

_COLUMNS = ("faults", "videos", "lost", "doubled", "differing")


def local_parts(share: float, seed: int, seconds: float) -> list[Tally]:
    """Run what needs no server."""
    with parts.prepared(list(parts.lineage.ASSETS)) as (folder, states):
        dataset = parts.dataset_states(states)
        return [
            _timed(lambda: parts.kill_local(folder, states, share, seed)),
            _timed(lambda: parts.disk_full(folder, dataset, parts.DATASET, (0.3, 0.5, 0.7, 0.85, 0.95))),
            _timed(lambda: parts.concurrency(folder, dataset, parts.DATASET, 3)),
            _timed(lambda: parts.hostile_media(folder)),
            _timed(lambda: parts.mutated_media(seconds, seed)),
        ]


def s3_parts(share: float, seed: int) -> list[Tally]:
    """Run what needs an S3 server."""
    with parts.prepared(list(parts.lineage.ASSETS)) as (_, states), s3.s3_server() as bucket:
        dataset = parts.dataset_states(states)
        return [
            _timed(lambda: parts.kill_s3(bucket, states, share, seed)),
            _timed(lambda: parts.s3_faults(bucket, dataset, parts.DATASET, 4, 0.06, seed)),
        ]


def cluster_parts(seed: int) -> list[Tally]:
    """Run what needs a cluster, its database, and the orchestrator's daemon."""
    from tests.cluster.chaos import cluster_faults

    return [_timed(lambda: cluster_faults(seed))]


def _timed(part: Callable[[], Tally]) -> Tally:
    started = time.monotonic()
    tally = part()
    print(f"{tally.name}: {tally.faults} faults in {time.monotonic() - started:.0f} s", flush=True)
    for note in tally.notes:
        print(f"  {note}", flush=True)
    return tally


def table(tallies: Sequence[Tally]) -> str:
    """Return the rows and their sum as Markdown."""
    rows = [(tally.name, *(getattr(tally, column) for column in _COLUMNS)) for tally in tallies]
    rows.append(("all", *(sum(getattr(tally, column) for tally in tallies) for column in _COLUMNS)))
    head = (
        "| part | faults injected | videos processed | lost | doubled | bytes that differ |\n|---|---|---|---|---|---|"
    )
    return "\n".join([head, *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows)])


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("--share", type=float, default=1.0, help="of the write points that are tried")
    parser.add_argument("--seconds", type=float, default=120.0, help="of mutated media")
    parser.add_argument("--only", choices=("local", "s3", "cluster"), help="this part alone")
    parser.add_argument("--out", type=Path, default=Path("artifacts/chaos.md"))
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    started = time.monotonic()
    print(f"seed {arguments.seed}", flush=True)
    tallies: list[Tally] = []
    with ProcessPoolExecutor(2) as pool:
        work = []
        if arguments.only in (None, "local"):
            work.append(pool.submit(local_parts, arguments.share, arguments.seed, arguments.seconds))
        if arguments.only in (None, "s3"):
            work.append(pool.submit(s3_parts, arguments.share, arguments.seed))
        for future in work:
            tallies += future.result()
    if arguments.only in (None, "cluster"):
        tallies += cluster_parts(arguments.seed)
    text = f"{table(tallies)}\n\nseed {arguments.seed}, {time.monotonic() - started:.0f} s\n"
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text)
    print(text)
    raise SystemExit(not all(tally.sound or "skipped" in tally.name for tally in tallies))


if __name__ == "__main__":
    main()
