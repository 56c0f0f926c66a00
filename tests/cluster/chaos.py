"""Faults in a cluster while a backfill goes on: workers, nodes, run processes, the daemon and the database end."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from typing import Any

from tests.chaos.killer import Tally
from tests.cluster import services
from tests.cluster.services import Process, command_of
from tests.cluster.world import MADE, World, world

_WAIT_S = 1800.0
_MAX_BACKFILLS = 6
#: States of the backfill that pass between two faults.
_EVERY = 5
#: A node that does not come up in this time is started again; `ray start` gives up after 30 s by itself.
_REVIVE_S = 60.0
#: How long a fault waits for something to end.
_PATIENCE_S = 5.0


def cluster_faults(seed: int, num_batches: int = 6) -> Tally:
    """Backfill while things end at random; go on until all is made; compare with one machine's bytes.

    Two backfills of all batches are started by hand at once, and runs of the job `batch` over two of them beside, as a
    schedule would.
    """
    tally = Tally("cluster: workers, nodes, runs, daemon, UI, database; two backfills and a schedule")
    rng = random.Random(seed)
    with world(num_batches) as made:
        look = _Killer(made, rng, tally)
        for number in range(_MAX_BACKFILLS):
            twins = [made.client.launch_backfill(MADE, made.batches, made.run_config) for _ in range(2 - bool(number))]
            scheduled = [] if number else _scheduled_runs(made)
            states = [made.client.watch(backfill, _WAIT_S, look) for backfill in twins]
            ended = [made.client.wait_for_run(run, _WAIT_S) for run in scheduled]
            print(f"backfills {[state['status'] for state in states]}, scheduled runs {ended}", flush=True)
            whole = all(state["status"] in ("COMPLETED_SUCCESS", "COMPLETED") for state in states)
            if whole and not _has_failures(made):
                break
        else:
            tally.notes.append(f"not made after {_MAX_BACKFILLS} backfills")
        tally.compare("cluster with faults", made.made(), made.made_on_one_machine())
        if look.waiting:
            print(f"ended before its turn came: {', '.join(look.waiting)}", flush=True)
    return tally


def _scheduled_runs(made: World) -> list[str]:
    tags = {"dagster/schedule_name": "nightly"}
    return [made.client.launch_job("batch", batch, made.run_config, tags) for batch in made.batches[:2]]


class _Killer:
    """Ends something every few looks at a backfill that goes on, and starts nodes that have gone anew.

    Attributes:
        waiting: faults still to come, the next one last; each kind once before any comes again.
    """

    def __init__(self, made: World, rng: random.Random, tally: Tally) -> None:
        self.made, self.tally, self._looks = made, tally, 0
        self._started: dict[str, float] = {}
        self.faults = _faults(made, rng)
        self.waiting = [name for _ in range(2) for name in rng.sample(list(self.faults), len(self.faults))]

    def __call__(self, state: dict[str, Any]) -> None:
        for node in self.made.ray.workers:  # as KubeRay does
            if not services.is_node(node) and time.monotonic() - self._started.get(node.name, 0.0) > _REVIVE_S:
                self._started[node.name] = time.monotonic()
                node.kill()
                node.start()
        started = any(run["status"] == "STARTED" for run in state.get("runs", []))
        self._looks += started
        if not (started and self.waiting and self._looks % _EVERY == 0):
            return
        name = self.waiting.pop()
        if self.faults[name]():
            print(f"fault: {name}", flush=True)
            self.tally.faults += 1
        else:
            self.waiting.insert(0, name)


def _has_failures(made: World) -> bool:
    """Return whether a video failed of a fault: one that is torn fails of itself, and early."""
    found = made.made()
    return any(
        b'"outcome": "failed"' in data for key, data in found.items() if key.endswith("unit.json") and _late(key)
    )


def _late(key: str) -> bool:
    return not key.startswith("raw/videos")


def _faults(made: World, rng: random.Random) -> dict[str, Callable[[], bool]]:
    """Return the faults by name; each says whether there was something to end."""
    return {
        "Ray worker killed while it does a video": lambda: _kill_child(made.ray.workers, "ray::apply", rng),
        "Ray node's agent killed": lambda: _kill_child(made.ray.workers, "ray::DashboardAgent", rng),
        "Ray node killed": lambda: _replace_node(made, rng),
        "run process killed": lambda: _kill_child([made.dagster.code], "multiprocessing.spawn", rng),
        "daemon killed": lambda: _restart(made.dagster.daemon),
        "UI killed": lambda: _restart(made.dagster.web),
        "database restarted": lambda: _restart_database(made),
    }


def _kill_child(parents: list[Process], word: str, rng: random.Random) -> bool:
    """SIGKILL a process below one of the parents whose command line holds a word; wait a little for one."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        found = [child for parent in parents for child in parent.family() if word in command_of(child)]
        if found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(rng.choice(found), signal.SIGKILL)
                return True
        time.sleep(0.05)
    return False


def _replace_node(made: World, rng: random.Random) -> bool:
    """End a node with all its processes, as a machine that loses its power; start another in its place."""
    node = rng.choice(made.ray.workers)
    node.kill()
    node.start()
    return True


def _restart(process: Process) -> bool:
    process.kill()
    process.start()
    return True


def _restart_database(made: World) -> bool:
    made.database.restart()
    return True
