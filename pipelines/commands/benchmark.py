"""`overplay benchmark`: how well the parser reads recordings whose truth is known."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.console import fail, progress, show_table

app = typer.Typer(no_args_is_help=True, help="Measure the parser on recordings with their truth.")


@app.callback()
def benchmark() -> None:
    """Measure the parser on recordings with their truth."""


@app.command()
def parser(
    folder: Annotated[Path, typer.Argument(help="Recordings: <name>.mp4 with its truth in <name>.parquet.")],
    checkpoint: Annotated[
        Path | None, typer.Option(help="Parser checkpoint folder; by default the one that comes with overplay.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the labels.")] = Path("artifacts/benchmark"),
) -> None:
    """Label recordings and print button accuracy, press F1 and stick R2 against their truth."""
    from assets.parser_scores import score_recordings
    from models.overlay_parser.checkpoint import SHIPPED
    from ops.outcomes import BadInputError

    with progress("benchmark") as advance:
        try:
            rows = score_recordings(folder, checkpoint or SHIPPED, out, lambda doing: advance(0, 1, doing))
        except (FileNotFoundError, BadInputError) as error:
            raise fail(str(error)) from error
    show_table(str(folder), rows)
