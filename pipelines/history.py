"""What the orchestrator itself remembers of batches: runs, with pictures of videos in their events."""

from collections.abc import Collection, Iterator

import dagster as dg

_PARTITION = "dagster/partition"
_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def forget_runs(instance: dg.DagsterInstance, batches: Collection[str]) -> tuple[int, tuple[str, ...]]:
    """Delete finished runs over batches with all their events; return how many, and the ids of those still going on."""
    num_deleted, active = 0, []
    for run in list(_runs_over(instance, batches)):
        if run.is_finished:
            instance.delete_run(run.run_id)
            num_deleted += 1
        else:
            active.append(run.run_id)
    return num_deleted, tuple(active)


def _runs_over(instance: dg.DagsterInstance, batches: Collection[str]) -> Iterator[dg.DagsterRun]:
    for run in instance.get_runs():
        start, end = (run.tags.get(tag, "") for tag in _RANGE)
        if run.tags.get(_PARTITION) in batches or (start and any(start <= batch <= end for batch in batches)):
            yield run
