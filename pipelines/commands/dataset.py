"""`overplay dataset`: what the shards hold, and whether they are sound."""

import typer

from ops.storage import Store
from pipelines.commands.console import fail, say, show_table

app = typer.Typer(no_args_is_help=True, help="Look at the dataset of the store that OVERPLAY_HOME names.")


@app.command()
def verify() -> None:
    """Check every shard: sizes, hashes, whole samples, unique keys, no gaps, labels that fit their frames, masks."""
    from ops.verify import verify_dataset

    store = Store.from_environment()
    problems = verify_dataset(store, lambda batch: say(f"{batch} ..."))
    if not problems:
        raise fail(f"no shards in {store.uri('dataset/shards')}; make some with `overplay demo` or materialize them")
    for batch, lines in problems.items():
        for line in lines:
            say(f"{batch}: {line}")
    num_problems = sum(map(len, problems.values()))
    if num_problems:
        raise fail(f"{num_problems} problems in {len(problems)} batches")
    say(f"{len(problems)} batches are sound")


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
