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

SCHEDULES = [crawl_nightly]
