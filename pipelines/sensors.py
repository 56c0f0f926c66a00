"""What runs when something new is there; off until someone turns it on in the UI."""

import dagster as dg

from assets.support.partitions import VIDEO_BATCHES
from ops.crawl.catalog import read_catalog, urgent_batches
from ops.store.storage import Store
from pipelines.jobs import batch, relabel

#: Seconds between two evaluations, at least.
_EVERY_S = 300
#: Runs that one evaluation asks for; the rest follows with the next one.
_MAX_REQUESTS = 20
#: Runs over videos that their site will soon delete go first.
_URGENT = {"dagster/priority": "10"}
_CHECKPOINT = dg.AssetKey(["parser", "checkpoint"])
_CROPS = dg.AssetKey(["overlay", "crops"])


@dg.sensor(job=batch, minimum_interval_seconds=_EVERY_S, default_status=dg.DefaultSensorStatus.STOPPED)
def new_batches(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Run each new batch through the whole chain, from download to shards, once."""
    names = sorted(context.instance.get_dynamic_partitions(VIDEO_BATCHES.name))
    # Ids are sequential and never reused, so the last one requested says which are new.
    new = [name for name in names if name > (context.cursor or "")][:_MAX_REQUESTS]
    urgent = urgent_batches(read_catalog(Store.from_environment())) if new else set()
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(run_key=name, partition_key=name, tags=_URGENT if name in urgent else {}) for name in new
        ],
        cursor=new[-1] if new else context.cursor,
    )


@dg.asset_sensor(
    asset_key=_CHECKPOINT,
    job=relabel,
    minimum_interval_seconds=_EVERY_S,
    default_status=dg.DefaultSensorStatus.STOPPED,
)
def new_parser(context: dg.SensorEvaluationContext, event: dg.EventLogEntry) -> dg.SensorResult:
    """Label every cropped batch again when a parser with other weights has appeared; nothing is downloaded for it."""
    version = _data_version(event)
    batches = sorted(context.instance.get_materialized_partitions(_CROPS))
    return dg.SensorResult(
        # The same weights materialized again have the same version, so the same keys: nothing runs twice.
        run_requests=[dg.RunRequest(run_key=f"{version}/{name}", partition_key=name) for name in batches]
    )


def _data_version(event: dg.EventLogEntry) -> str:
    materialization = event.asset_materialization
    assert materialization is not None  # an asset sensor's event is one
    tags = materialization.tags or {}
    return tags.get("dagster/data_version", str(event.timestamp))


SENSORS = [new_batches, new_parser]
