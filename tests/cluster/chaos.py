"""Faults in a cluster while a backfill goes on: workers, nodes, run processes, the daemon and the database end."""

from __future__ import annotations

import contextlib
import random
import signal
from collections.abc import Callable
from typing import Any

import psutil

from tests.chaos.killer import Tally
from tests.cluster.services import Process
from tests.cluster.world import MADE, World, world

_WAIT_S = 1800.0
_MAX_BACKFILLS = 6
#: States of the backfill that pass between two faults.
_EVERY = 8


def cluster_faults(seed: int, num_batches: int = 6) -> Tally:
    """Backfill while things end at random; go on until all is made; compare with one machine's bytes."""
    tally, rng = Tally("cluster: workers, nodes, runs, daemon, database"), random.Random(seed)
    with world(num_batches) as made:
        faults = _faults(made)
        waiting = list(faults) * 2
        rng.shuffle(waiting)
        looks = [0]

        def look(state: dict[str, Any]) -> None:
            started = any(run["status"] == "STARTED" for run in state.get("runs", []))
            looks[0] += started
            if started and waiting and looks[0] % _EVERY == 0:
                name = waiting.pop()
                if faults[name]():
                    print(f"fault: {name}", flush=True)
                    tally.faults += 1

        for number in range(_MAX_BACKFILLS):
            backfill = made.client.launch_backfill(MADE, made.batches, made.run_config)
            state = made.client.watch(backfill, _WAIT_S, look)
            if state["status"] in ("COMPLETED_SUCCESS", "COMPLETED") and not _has_failures(made):
                break
            print(f"backfill {number + 1} ended as {state['status']}; once more", flush=True)
        else:
            tally.notes.append(f"not made after {_MAX_BACKFILLS} backfills")
        tally.compare("cluster with faults", made.made(), made.made_on_one_machine())
    return tally


def _has_failures(made: World) -> bool:
    """Return whether a video failed of a fault: one that is torn fails of itself, and early."""
    found = made.made()
    return any(
        b'"outcome": "failed"' in data for key, data in found.items() if key.endswith("unit.json") and _late(key)
    )


def _late(key: str) -> bool:
    return not key.startswith("raw/videos")


def _faults(made: World) -> dict[str, Callable[[], bool]]:
    """Return the faults by name; each says whether there was something to end."""
    return {
        "Ray worker killed": lambda: _kill_child(made.ray.workers, "ray::"),
        "Ray node killed": lambda: _replace_node(made),
        "run process killed": lambda: _kill_child([made.dagster.code], "multiprocessing"),
        "daemon killed": lambda: _restart(made.dagster.daemon),
        "UI killed": lambda: _restart(made.dagster.web),
        "database restarted": lambda: _restart_database(made),
    }


def _kill_child(parents: list[Process], word: str) -> bool:
    """SIGKILL a process below one of the parents whose command line holds a word."""
    for parent in parents:
        if parent.popen is None:
            continue
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(parent.popen.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    if word in " ".join(child.cmdline()) and "resource_tracker" not in " ".join(child.cmdline()):
                        child.send_signal(signal.SIGKILL)
                        return True
    return False


def _replace_node(made: World) -> bool:
    """End the last node with all its processes, as a machine that loses its power; start another in its place."""
    node = made.ray.workers[-1]
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
