"""What runs at set times; off until someone turns it on in the UI."""

import dagster as dg

from pipelines.jobs import crawl

#: At an hour when few people watch: sites are asked politely, but asked.
crawl_nightly = dg.ScheduleDefinition(
    name="crawl_nightly",
    job=crawl,
    cron_schedule="17 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Look at all sources of raw/sources.json; new videos become new batches.",
)

#: By day, when nobody crawls; a thousand rows a day go round a ledger of 40,000 in six weeks, what is urgent first.
liveness_daily = dg.ScheduleDefinition(
    name="liveness_daily",
    job=crawl,
    cron_schedule="41 14 * * *",
    execution_timezone="UTC",
    run_config={"ops": {"raw__catalog": {"config": {"num_probed": 1000}}}},
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Ask whether a thousand known videos can still be had; what Twitch will delete soon first.",
)

SCHEDULES = [crawl_nightly, liveness_daily]
