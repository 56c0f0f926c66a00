"""How assets are partitioned: by batches of videos, never by video (R24)."""

import warnings

import dagster as dg

# Backfill policies are what keeps a backfill's crash small (R25); each asset that has one would warn again.
warnings.filterwarnings("ignore", message=".*backfill_policy.*", category=dg.BetaWarning)

#: 50-200 videos each; `overplay crawl` and the crawl schedule add them; ids are sequential and never reused.
VIDEO_BATCHES = dg.DynamicPartitionsDefinition(name="video_batch")

#: A crash costs at most this many batches. One for all assets: a job takes the smallest of its assets' anyway.
BY_BATCHES = dg.BackfillPolicy.multi_run(max_partitions_per_run=4)
