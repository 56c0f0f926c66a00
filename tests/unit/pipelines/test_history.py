"""Runs over batches that were removed are forgotten; all others stay."""

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from pipelines.history import forget_runs


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def _run(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, **tags: str) -> str:
    named = {f"dagster/{name}": value for name, value in tags.items()}
    return create_run_for_test(instance, status=status, tags=named).run_id


def test_finished_runs_over_a_batch_go_and_others_stay(instance: dg.DagsterInstance) -> None:
    done = dg.DagsterRunStatus.SUCCESS
    _run(instance, done, partition="batch-000001")
    within = {"asset_partition_range_start": "batch-000001", "asset_partition_range_end": "batch-000003"}
    _run(instance, done, **within)
    other = _run(instance, done, partition="batch-000002")
    plain = _run(instance, done)
    assert forget_runs(instance, ["batch-000001"]) == (2, ())
    assert {run.run_id for run in instance.get_runs()} == {other, plain}


def test_a_run_that_goes_on_is_named_and_stays(instance: dg.DagsterInstance) -> None:
    active = _run(instance, dg.DagsterRunStatus.STARTED, partition="batch-000001")
    assert forget_runs(instance, ["batch-000001"]) == (0, (active,))
    assert [run.run_id for run in instance.get_runs()] == [active]
