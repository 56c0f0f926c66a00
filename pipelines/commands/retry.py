"""`overplay retry`: take single videos through the lineage again, and leave the others of their batches alone."""

from typing import TYPE_CHECKING, Annotated

import typer

from ops.store.layout import ACTIONS, CROPS, LOCATIONS, RAW_ACTIONS, VIDEOS
from pipelines.commands.console import fail, quiet_libraries, say

if TYPE_CHECKING:
    from ops.store.storage import Store


def retry(
    videos: Annotated[list[str], typer.Argument(help="Ids of videos in the catalog.")],
    serial: Annotated[bool, typer.Option("--serial", help="Fan nothing out: no Ray.")] = False,
) -> None:
    """Do again what failed or is stale of single videos, from download to shards; say how each stage ended for them.

    In the UI the same is a run of the job `batch` with the tag `overplay/only` set to the ids.
    """
    from assets.support.partitions import VIDEO_BATCHES
    from assets.support.stages import ONLY_TAG
    from ops.crawl.catalog import read_catalog
    from ops.store.storage import Store
    from pipelines.instance import dagster_home, open_instance
    from pipelines.runs import run_job

    store = Store.from_environment()
    rows = {video.video_id: video for video in read_catalog(store)}
    unknown = [name for name in videos if name not in rows or rows[name].opt_out]
    if unknown:
        raise fail(f"not in the catalog, or opted out: {', '.join(unknown)}")
    quiet_libraries()
    failed = False
    with open_instance(dagster_home(store)) as instance:
        for batch in sorted({rows[name].batch for name in videos}):
            mine = [name for name in videos if rows[name].batch == batch]
            instance.add_dynamic_partitions(VIDEO_BATCHES.name, [batch])
            tags = {ONLY_TAG: ",".join(mine)}
            engine = "test" if serial else "local"
            report = run_job(instance, "batch", engine, batch, tags=tags)
            if _lack_sources(store, batch, mine):  # which the next run downloads again
                report = run_job(instance, "batch", engine, batch, tags=tags)
            if not report.success:
                say(f"{batch}: {report.error}")
            failed |= _show(store, batch, mine) or not report.success
    if failed:
        raise typer.Exit(1)


def _lack_sources(store: "Store", batch: str, videos: list[str]) -> bool:
    """Return whether a video is stale whose source was removed."""
    from ops.stages.sources import source_state

    return any(source_state(store, batch, video) == "needed" for video in videos)


def _show(store: object, batch: str, videos: list[str]) -> bool:
    """Print what became of videos; return whether one failed."""
    from ops.store.batch import read_batch
    from ops.store.storage import Store

    assert isinstance(store, Store)
    failed = False
    for asset in (VIDEOS, LOCATIONS, CROPS, RAW_ACTIONS, ACTIONS):
        try:
            units = {unit.video_id: unit.outcome for unit in read_batch(store, asset, batch)}
        except FileNotFoundError:
            break
        for name in videos:
            if name in units:
                outcome = units[name]
                say(f"{name} {asset}: {outcome.kind} {outcome.reason}".rstrip())
                failed |= outcome.kind == "failed"
    return failed
