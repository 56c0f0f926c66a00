"""`overplay dataset`: what the shards hold, and whether they are sound."""

import typer

from ops.storage import Store
from pipelines.commands.console import fail, say, show_table

app = typer.Typer(no_args_is_help=True, help="Look at the dataset of the store that OVERPLAY_HOME names.")


@app.command()
def verify() -> None:
    """Check every shard against its manifest: sizes, hashes, whole samples, no gaps, no doubles."""
    from ops.shards import list_shard_batches
    from ops.verify import verify_shards

    store = Store.from_environment()
    batches = list_shard_batches(store)
    if not batches:
        raise fail(f"no shards in {store.uri('dataset/shards')}; make some with `overplay demo` or materialize them")
    num_problems = 0
    for batch in batches:
        problems = verify_shards(store, batch)
        num_problems += len(problems)
        for problem in problems:
            say(f"{batch}: {problem}")
    if num_problems:
        raise fail(f"{num_problems} problems in {len(batches)} batches")
    say(f"{len(batches)} batches are sound")


@app.command()
def stats() -> None:
    """Print the funnel of hours by stage, what is kept by game, and how active the labels are."""
    from ops.card import describe
    from ops.catalog import batch_ids, read_catalog
    from ops.statistics import collect_statistics

    store = Store.from_environment()
    batches = batch_ids(read_catalog(store))
    if not batches:
        raise fail(f"no catalog in {store.uri('raw/catalog')}; crawl with `overplay crawl SOURCE`")
    facts = describe(collect_statistics(store, batches))
    show_table("Funnel", [{"stage": stage, **amount} for stage, amount in facts["funnel"].items()])
    show_table("Kept hours by game", [{"game": game, "hours": h} for game, h in facts["kept_hours"]["game"].items()])
    if facts["num_frames"]:
        say(f"{facts['num_frames']} labelled frames, {1 - facts['idle_share']:.1%} with an action")
