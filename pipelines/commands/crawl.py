"""`overplay crawl`: look at sources for new videos, now and at every later tick."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from pipelines.commands.console import fail, say


def crawl(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            help="Pages, playlists, channels, searches (ytsearch20:WORDS), folders or files to add to the sources.",
            metavar="[SOURCE]...",
        ),
    ] = None,
    game: Annotated[str, typer.Option(help="Game of the sources' videos, where they do not say.")] = "",
    limit: Annotated[int, typer.Option(min=0, help="Look at no more than so many videos of a source; 0 is all.")] = 0,
    host: Annotated[list[str] | None, typer.Option(help="Host whose pages may be read as they are.")] = None,
) -> None:
    """Add sources to the plan in the store and look at all of them; new videos become batches of the lineage."""
    from dataclasses import replace

    from assets.support.partitions import VIDEO_BATCHES
    from assets.workers.sources import SOURCES_KEY, read_plan, write_plan
    from ops.crawl.catalog import batch_ids, read_catalog
    from ops.crawl.discovery import Source, crawl_tick
    from ops.store.storage import Store
    from pipelines.instance import dagster_home, open_instance

    store = Store.from_environment()
    try:
        plan = read_plan(store).with_sources(tuple(Source(url, game=game, limit=limit) for url in sources or ()))
    except ValueError as error:
        raise fail(str(error)) from error
    if not plan.sources:
        raise typer.BadParameter(f"no sources in {store.uri(SOURCES_KEY)} and none given; name one")
    hosts = tuple(dict.fromkeys((*plan.options.generic_hosts, *(host or ()))))
    plan = replace(plan, options=replace(plan.options, generic_hosts=hosts))
    write_plan(store, plan)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    report = crawl_tick(store, plan.sources, plan.options, now, plan.batch_size, limits=plan.limits)
    with open_instance(dagster_home(store)) as instance:
        instance.add_dynamic_partitions(VIDEO_BATCHES.name, list(batch_ids(read_catalog(store))))
    for url, error in report.errors:
        say(f"{url}: {error}")
    say(f"{report.num_found} found, {report.num_new} new; new batches: {', '.join(report.new_batches) or 'none'}")
    for reason, count in report.refused.items():
        say(f"{count} not taken: {reason}")
    if report.num_opted_out:
        say(f"{report.num_opted_out} left alone: opted out")
    if report.errors and not report.num_found:
        raise fail("no source could be read")
