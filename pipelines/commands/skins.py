"""`overplay skins`: the pad drawings that the project knows."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.console import fail, say

app = typer.Typer(no_args_is_help=True, help="List and draw gamepad skins.")


@app.command("list")
def list_skins() -> None:
    """List the procedural skins of the template library."""
    from ops.skins.procedural import skin_ids

    for skin_id in skin_ids():
        say(skin_id)


@app.command()
def render(
    skin_id: Annotated[str, typer.Argument(help="Name of a skin, such as ps4-flat-01.")],
    out: Annotated[Path, typer.Option(help="PNG file to write.")] = Path("skin.png"),
    press: Annotated[list[str] | None, typer.Option(help="A button to show pressed; may be repeated.")] = None,
    left: Annotated[tuple[float, float], typer.Option(help="Left stick, x right and y down.")] = (0.0, 0.0),
    right: Annotated[tuple[float, float], typer.Option(help="Right stick, x right and y down.")] = (0.0, 0.0),
    width: Annotated[int, typer.Option(min=32, max=4096, help="Width in pixels.")] = 480,
) -> None:
    """Draw a skin in a given state over grey."""
    import numpy as np

    from ops.gamepad import DATASET
    from ops.pictures import encode
    from ops.skins.form import SkinRenderer
    from ops.skins.procedural import make_skin

    buttons = np.zeros(DATASET.num_buttons, dtype=np.float32)
    try:
        for button in press or []:
            buttons[DATASET.index(button)] = 1
        skin = make_skin(skin_id)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    frame = np.full((round(width * skin.height / skin.width), width, 3), 96, dtype=np.uint8)
    SkinRenderer(skin, float(width)).draw(frame, buttons, np.array([*left, *right], dtype=np.float32))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(encode(frame))
    except OSError as error:
        raise fail(f"could not write {out}: {error}") from error
    say(f"wrote {out}")
