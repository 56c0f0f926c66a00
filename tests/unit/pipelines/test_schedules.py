from datetime import UTC, datetime

import dagster as dg
import pytest

from pipelines.definitions import build_definitions
from pipelines.schedules import SCHEDULES, crawl_nightly, liveness_daily

_MORNING = datetime(2026, 1, 1, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("schedule, hour", [(crawl_nightly, 3), (liveness_daily, 14)])
def test_each_runs_once_a_day_at_its_hour(schedule: dg.ScheduleDefinition, hour: int) -> None:
    minute, at, *days = schedule.cron_schedule.split()
    assert (int(at), days, schedule.execution_timezone) == (hour, ["*", "*", "*"], "UTC")
    assert 0 < int(minute) < 60, "not at the full hour, when all others ask"


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.name)
def test_a_tick_asks_for_a_run_of_the_crawl_with_a_config_that_fits(schedule: dg.ScheduleDefinition) -> None:
    context = dg.build_schedule_context(scheduled_execution_time=_MORNING)
    (request,) = schedule.evaluate_tick(context).run_requests
    job = build_definitions("test").resolve_job_def(schedule.job_name)
    assert job.name == "crawl"
    assert dg.validate_run_config(job, request.run_config)


def test_only_the_liveness_run_probes_known_videos() -> None:
    context = dg.build_schedule_context(scheduled_execution_time=_MORNING)
    configs = [schedule.evaluate_tick(context).run_requests[0].run_config for schedule in SCHEDULES]
    assert configs == [{}, {"ops": {"raw__catalog": {"config": {"num_probed": 1000}}}}]
