"""The engine that fans out: serial for tests, Ray for runs. Nothing below `pipelines` says which (R6)."""

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import dagster as dg
from pydantic import Field

from ops.store import parallel
from pipelines.resources import worker

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Spinning threads on shared cores cost 2-20x, so each worker process computes with one.
WORKER_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}
_OBJECT_STORE_BYTES = 256 * 1024**2


class SerialMapper(dg.ConfigurableResource):
    """One item after the other in the run's own process."""

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[Item, Result | Exception]]:
        """Yield each item with its result, in order; see `ops.store.parallel.Mapper`."""
        return parallel.SerialMapper().map(function, items)


class RayMapper(dg.ConfigurableResource):
    """Fans items out as Ray tasks, on a session of this machine or on a cluster.

    A local session starts with the first map of two items or more (a rerun with nothing to do never pays for it),
    serves all steps of the process, and ends with the process.
    """

    address: str = Field(
        default="", description="Address of a Ray cluster (`ray://host:10001`, `auto`); empty for a local session."
    )
    num_cpus: int = Field(default=0, ge=0, description="CPUs of a local session; 0 for all of the machine.")
    max_in_flight: int = Field(default=0, ge=0, description="Items submitted at once; 0 for two per CPU.")
    max_retries: int = Field(
        default=1, ge=0, description="Times an item is tried again when its worker process dies (not on exceptions)."
    )

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[Item, Result | Exception]]:
        """Yield each item with its result as they finish; a dead worker is its item's exception."""
        if len(items) < 2:
            yield from parallel.SerialMapper().map(function, items)
            return
        self._ensure_session()
        import ray

        limit = self.max_in_flight or max(2, 2 * int(ray.cluster_resources().get("CPU", 1)))
        # A partial cannot be made remote, and the callable travels once (STYLE.md, traps).
        apply = ray.remote(max_retries=self.max_retries)(worker.apply)
        shared = ray.put(function)
        waiting = iter(items)
        running: dict[Any, Item] = {}
        while True:
            while len(running) < limit:
                try:
                    item = next(waiting)
                except StopIteration:
                    break
                running[apply.remote(shared, item)] = item
            if not running:
                return
            finished, _ = ray.wait(list(running), num_returns=1)
            item = running.pop(finished[0])
            yield item, _result_of(finished[0])

    def _ensure_session(self) -> None:
        """Start or join Ray unless this process already has."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
        # Ray's own 15 starves workers wherever anything else computes: their time limits then hit innocent videos.
        os.environ.setdefault("RAY_worker_niceness", "0")
        if not self.address:
            os.environ.update({name: os.environ.get(name, value) for name, value in WORKER_ENVIRONMENT.items()})
            # Ray listens on all interfaces; a token of this session keeps other people out, and off the disk.
            if "RAY_AUTH_MODE" not in os.environ:
                os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
        import ray

        if ray.is_initialized():
            return
        if self.address:
            ray.init(address=self.address, log_to_driver=False, runtime_env={"env_vars": WORKER_ENVIRONMENT})
            return
        ray.init(
            num_cpus=self.num_cpus or None,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            object_store_memory=_OBJECT_STORE_BYTES,
            _node_ip_address="127.0.0.1",
        )


def _result_of(reference: Any) -> Any:
    """Return what a task gave; its exception, or the death of its worker, as a value."""
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        return error.cause if isinstance(error.cause, Exception) else error
    except ray.exceptions.RayError as error:
        return error
