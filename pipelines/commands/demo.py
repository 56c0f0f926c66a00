"""`overplay demo`: the whole lineage over the repository's clips, a table and a report."""

import time
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.console import console, fail, say, show_table

#: `pipelines.runs.DONE`, without the import of the orchestrator.
DONE = "done"


def demo(
    out: Annotated[Path, typer.Option(help="HTML report to write.")] = Path("artifacts/demo.html"),
    clip: Annotated[list[str] | None, typer.Option(help="Only this clip; may be repeated.")] = None,
    episodes: Annotated[int, typer.Option(min=2, help="Episodes that each player plays.")] = 24,
    serial: Annotated[bool, typer.Option("--serial", help="Fan nothing out: no Ray.")] = False,
) -> None:
    """Crawl the clips, read their overlays, train a policy on them and let it play; look at the UI with `make ui`."""
    from ops.store.storage import Store
    from pipelines.demo.report import summary_rows, write_report
    from pipelines.demo.results import collect
    from pipelines.demo.run import DemoConfig, run_demo

    store = Store.from_environment()
    names, environment = tuple(clip or ()), "test" if serial else "local"
    config = DemoConfig(names=names, environment=environment, num_episodes=episodes)
    try:
        run = run_demo(store, config, _Narrator())
    except (FileNotFoundError, ValueError) as error:
        raise fail(str(error)) from error
    if run.error:
        raise fail(f"{run.error}\nwhat is done is kept; run the demo again to go on from there")
    results = collect(store, run.clips, config.clips)
    write_report(out, store, run, results)
    show_table("Videos", results.stages)
    show_table("Clips", [result.row() for result in results.clips])
    show_table("Results", summary_rows(results))
    failed = [result.clip["name"] for result in results.clips if result.outcome.outcome.kind == "failed"]
    if run.num_done == 0:
        say("Nothing had to be done: all of it was there.")
    if failed:
        say(f"Failed videos are tried again on every run: {', '.join(failed)}.")
    say(f"{run.wall_s:.0f} s. Report: {out}. The lineage: make ui")


class _Narrator:
    """Says which asset is being made, what it logs, and how long it took."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def __call__(self, key: str, message: str) -> None:
        if not message:
            self._started = time.monotonic()
            say(f"{key} ...")
        elif message == DONE:
            say(f"{key}: {time.monotonic() - self._started:.1f} s")
        else:
            console.print(f"  {message}", style="dim", markup=False, soft_wrap=True)
