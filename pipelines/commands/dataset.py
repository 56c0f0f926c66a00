"""`overplay dataset`: what the shards hold, and whether they are sound."""

import typer

from ops.storage import Store
from pipelines.commands.console import fail, say

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
