"""`make chaos`: inject all faults, print the table, exit 1 unless nothing was lost, doubled or changed."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.chaos import parts, s3
from tests.chaos.killer import COUNTS, Tally


class Request(NamedTuple):
    """What is asked for.

    Attributes:
        states: of the lineage (`parts.make_states`).
        share: of the write points that are tried.
        seed: of what is drawn.
        seconds: of mutated media.
    """

    states: dict[str, Path]
    share: float
    seed: int
    seconds: float


def _kill_s3(folder: Path, asked: Request, half: int) -> Tally:
    with s3.s3_server() as bucket:
        return parts.kill_s3(bucket, asked.states, asked.share, asked.seed, half)


def _s3_faults(folder: Path, asked: Request) -> Tally:
    with s3.s3_server() as bucket:
        return parts.s3_faults(bucket, parts.dataset_states(asked.states), parts.DATASET, 4, 0.06, asked.seed)


def _kill_local(folder: Path, asked: Request, half: int) -> Tally:
    return parts.kill_local(folder, asked.states, asked.share, asked.seed, half)


def _disk_full(folder: Path, asked: Request) -> Tally:
    return parts.disk_full(folder, parts.dataset_states(asked.states), parts.DATASET, (0.3, 0.5, 0.7, 0.85, 0.95))


def _concurrency(folder: Path, asked: Request) -> Tally:
    return parts.concurrency(folder, parts.dataset_states(asked.states), parts.DATASET, 3)


def _hostile(folder: Path, asked: Request) -> Tally:
    return parts.hostile_media(folder)


def _mutated(folder: Path, asked: Request) -> Tally:
    return parts.mutated_media(asked.seconds, asked.seed)


#: The longest first.
PARTS: dict[str, list[Callable[[Path, Request], Tally]]] = {
    "s3": [partial(_kill_s3, half=0), partial(_kill_s3, half=1), _s3_faults],
    "local": [partial(_kill_local, half=0), partial(_kill_local, half=1), _disk_full, _concurrency, _mutated, _hostile],
}


def _run_part(part: Callable[[Path, Request], Tally], folder: Path, asked: Request) -> Tally:
    folder.mkdir()
    return _timed(lambda: part(folder, asked))


def on_this_machine(only: str | None, share: float, seed: int, seconds: float) -> list[Tally]:
    """Run what needs no cluster, three parts at a time, each in a fork of its own; halves of a part are one row."""
    chosen = [part for name, found in PARTS.items() if only in (None, name) for part in found]
    if not chosen:
        return []
    tallies: dict[str, Tally] = {}
    with (
        parts.prepared(list(parts.lineage.ASSETS)) as (folder, states),
        multiprocessing.get_context("fork").Pool(3, maxtasksperchild=1) as pool,
    ):
        asked = Request(states, share, seed, seconds)
        running = [
            pool.apply_async(_run_part, (part, folder / f"part-{number}", asked)) for number, part in enumerate(chosen)
        ]
        for result in running:
            tally = result.get()
            tallies[tally.name] = tallies[tally.name].plus(tally) if tally.name in tallies else tally
    return list(tallies.values())


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
    rows = [(tally.name, *(getattr(tally, column) for column in COUNTS)) for tally in tallies]
    rows.append(("all", *(sum(getattr(tally, column) for tally in tallies) for column in COUNTS)))
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
    tallies = on_this_machine(arguments.only, arguments.share, arguments.seed, arguments.seconds)
    if arguments.only in (None, "cluster"):
        tallies += cluster_parts(arguments.seed)
    text = f"{table(tallies)}\n\nseed {arguments.seed}, {time.monotonic() - started:.0f} s\n"
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text)
    print(text)
    raise SystemExit(not all(tally.sound or "skipped" in tally.name for tally in tallies))


if __name__ == "__main__":
    main()
