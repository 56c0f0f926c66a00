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

#: Rows of the ledger that one run probes: a ledger of 40,000 is gone through in six weeks.
_PROBED = 1000

#: By day, when nobody crawls. What is urgent goes first.
liveness_daily = dg.ScheduleDefinition(
    name="liveness_daily",
    job=crawl,
    cron_schedule="41 14 * * *",
    execution_timezone="UTC",
    run_config={"ops": {"raw__catalog": {"config": {"num_probed": _PROBED}}}},
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Ask whether a thousand known videos can still be had; what Twitch will delete soon first.",
)

SCHEDULES = [crawl_nightly, liveness_daily]
