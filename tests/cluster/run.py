"""`make cluster-test`: a backfill through Dagster's API on a Ray cluster; the same bytes as on one machine."""

from __future__ import annotations

import argparse
import os
import time

from tests.chaos.killer import Tally
from tests.cluster.world import MADE, World, world

_WAIT_S = 3600.0


def backfill_and_compare(made: World) -> Tally:
    """Backfill all batches and compare what comes out with one machine's work."""
    started = time.monotonic()
    backfill = made.client.launch_backfill(MADE, made.batches, made.run_config)
    state = made.client.watch(backfill, _WAIT_S)
    runs = state["runs"]
    print(f"{len(made.batches)} batches in {len(runs)} runs: {state['status']}, {time.monotonic() - started:.0f} s")
    tally = Tally("cluster", faults=1)
    if state["status"] not in ("COMPLETED_SUCCESS", "COMPLETED"):
        tally.notes.append(f"the backfill ended as {state['status']}: {state.get('error')}")
        tally.notes.append(made.dagster.code.tail())
    found, expected = made.made(), made.made_on_one_machine()
    tally.compare("cluster and one machine", found, expected)
    shards = [key for key in expected if key.endswith(".tar")]
    same = sum(found.get(key) == expected[key] for key in shards)
    print(f"{same} of {len(shards)} shards and {sum(found.get(k) == expected[k] for k in expected)} of {len(expected)}")
    if not shards:
        tally.notes.append("no shard was made: there is nothing to compare")
    return tally


def main() -> None:
    """Run it; exit 1 where anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=12)
    parser.add_argument("--nodes", type=int, default=3, help="Ray workers beside the head")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with world(arguments.batches, arguments.nodes) as made:
        print(
            f"Ray at {made.ray.address}, workers at {', '.join(place.address for place in made.places[1:])}; "
            f"PostgreSQL, S3 and Dagster are up",
            flush=True,
        )
        tally = backfill_and_compare(made)
    for note in tally.notes:
        print(note)
    print(f"videos {tally.videos}, lost {tally.lost}, doubled {tally.doubled}, bytes that differ {tally.differing}")
    raise SystemExit(not tally.sound)


if __name__ == "__main__":
    main()
