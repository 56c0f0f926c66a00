"""raw/*: the ledger of every video ever seen, and the downloaded files."""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from assets.support.folders import input_content
from assets.support.metadata import md_table
from assets.support.naming import labelled, labelled_by_batch
from assets.support.partitions import VIDEO_BATCHES
from assets.support.stages import materialize_stage, stage_checks
from assets.workers.sources import SOURCES_KEY, read_plan
from models.matchers.sift import SiftMatcher
from ops.crawl.catalog import CATALOG_KEY, Video, batch_ids, batch_units, batch_urls, read_catalog
from ops.crawl.discovery import crawl_tick
from ops.crawl.liveness import dead_videos, note_downloads, probe_liveness
from ops.stages import videos as video_ops
from ops.stages.sources import note_downloaded, source_state
from ops.store.batch import Unit
from ops.store.layout import CATALOG, LIBRARY_KEY, TEMPLATES, VIDEOS
from ops.store.parallel import Mapper
from ops.store.storage import Store, fingerprint

_CATALOG_VERSION = "1"
_MAX_ROWS = 50


class CrawlConfig(dg.Config):
    """Which plan a run follows; another than the usual one for the demo and for trying a source out."""

    plan_key: str = Field(default=SOURCES_KEY, description="Key of the plan in the store: sources and options.")
    num_probed: int = Field(default=0, ge=0, description="Known videos to ask whether they can still be had.")


@dg.asset(**labelled(CATALOG, _CATALOG_VERSION, {"ytdlp", "pyarrow"}))
def catalog(
    context: dg.AssetExecutionContext, config: CrawlConfig, store: dg.ResourceParam[Store]
) -> dg.MaterializeResult:
    """The ledger of every video ever seen: source, title, channel, game, licence, first and last seen, batch.

    A run is one crawl tick over `raw/sources.json`. New videos fill new batches, which become partitions. A second tick
    finds nothing twice. A source that cannot be read is named and stops no other.
    """
    plan = read_plan(store, config.plan_key)
    if not plan.sources:
        context.log.warning(f"no sources in {store.uri(config.plan_key)}; add some with `overplay crawl URL`")
    now = _now()
    report = crawl_tick(store, plan.sources, plan.options, now, plan.batch_size, limits=plan.limits)
    liveness = probe_liveness(store, plan.options, now, config.num_probed)
    videos = read_catalog(store)
    # All batches, not the new ones: a run that died between ledger and partitions is made up for.
    context.instance.add_dynamic_partitions(VIDEO_BATCHES.name, list(batch_ids(videos)))
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(videos),
            "dagster/uri": store.uri(CATALOG_KEY),
            "num_found": report.num_found,
            "num_new": report.num_new,
            "num_done": report.num_new,
            "num_opted_out": report.num_opted_out,
            "num_refused": sum(report.refused.values()),
            "refused_by_reason": dg.MetadataValue.json(report.refused),
            "num_probed": liveness.num_asked,
            "gone": dg.MetadataValue.json(liveness.gone),
            "num_alive": sum(video.alive for video in videos),
            "num_errors": len(report.errors),
            "errors": dg.MetadataValue.json({url: str(error) for url, error in report.errors}),
            "new_batches": ", ".join(report.new_batches),
            "wall_s": round(report.wall_s, 3),
            "preview": dg.MetadataValue.md(_preview_catalog(videos)),
        },
        data_version=dg.DataVersion(fingerprint(sorted(video.video_id for video in videos))),
    )


@dg.asset(
    **labelled_by_batch(VIDEOS, video_ops.VERSION, {"ytdlp", "pyav"}, [CATALOG, TEMPLATES], pool="decode"),
    check_specs=stage_checks(VIDEOS),
)
def videos(
    context: dg.AssetExecutionContext,
    config: CrawlConfig,
    store: dg.ResourceParam[Store],
    mapper: dg.ResourceParam[Mapper],
) -> dg.MaterializeResult:
    """The downloaded files with what a probe found: streams, true frame times, size; nothing is decoded for pleasure.

    Where a site has a smaller picture too, a few keyframes of it decide whether there is an overlay to download for.
    A file that is torn, no video or without a picture fails here with its reason, and is tried again on a rerun. One
    that is gone is given up after two looks on different days.
    """
    options = read_plan(store, config.plan_key).options
    overlay = _overlay_probe(context, store, options.probe_height)
    ledger = read_catalog(store, context.partition_keys)
    urls = {video_id: url for batch in context.partition_keys for video_id, url in batch_urls(ledger, batch).items()}
    batches = {video.video_id: video.batch for video in ledger}

    def is_needed(unit: Unit) -> bool:
        return source_state(store, batches[unit.video_id], unit.video_id) == "needed"

    def note(units: Sequence[Unit]) -> None:
        note_downloads(store, {unit.video_id: unit.outcome.reason for unit in units}, _now())
        for unit in units:
            if unit.outcome.kind == "ok":
                note_downloaded(store, batches[unit.video_id], unit.video_id)

    return materialize_stage(
        context,
        store,
        mapper,
        video_ops.videos_stage(options),
        lambda _, batch: batch_units(ledger, batch),
        video_ops.DownloadVideo(options, urls, overlay=overlay, dead=frozenset(dead_videos(ledger))),
        _preview_videos,
        outdated=lambda unit: video_ops.turned_away_otherwise(unit, overlay) or is_needed(unit),
        note=note,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _overlay_probe(context: dg.AssetExecutionContext, store: Store, probe_height: int) -> video_ops.OverlayProbe | None:
    if not probe_height:
        return None
    try:
        return video_ops.OverlayProbe(SiftMatcher(), LIBRARY_KEY, input_content(store, TEMPLATES))
    except FileNotFoundError:
        context.log.warning(f"no {TEMPLATES} yet: everything is downloaded, with an overlay or without")
        return None


def _preview_catalog(videos: Sequence[Video]) -> str:
    newest = sorted(videos, key=lambda video: (video.first_seen, video.video_id), reverse=True)[:_MAX_ROWS]
    rows = [
        {
            "video": video.video_id,
            "title": video.title,
            "channel": video.channel,
            "game": video.game,
            "batch": video.batch,
            "same as": video.duplicate_of,
        }
        for video in newest
    ]
    return md_table(rows)


def _preview_videos(store: Store, batch: str, units: Sequence[Unit]) -> str:
    rows = []
    for unit in units[:_MAX_ROWS]:
        data, probe = unit.outcome.data, unit.outcome.data.get("probe", {})
        rows.append(
            {
                "video": unit.video_id,
                "outcome": unit.outcome.kind,
                "codec": probe.get("codec"),
                "size": f"{probe.get('width')} x {probe.get('height')}" if probe else None,
                "fps": probe.get("fps_mean"),
                "variable": probe.get("vfr"),
                "seconds": probe.get("duration_s"),
                "MB": round(data["size_bytes"] / 1e6, 2) if "size_bytes" in data else None,
                "reason": unit.outcome.reason,
            }
        )
    return md_table(rows)
