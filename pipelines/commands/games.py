"""`overplay games` and `overplay replay-check`: which games this machine can play, and whether they replay exactly."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.commands.console import fail, progress, say, show_table

#: Width of a game in the picture of all games, in pixels.
_WIDTH_PX = 320
#: Height of a game in it, in pixels.
_HEIGHT_PX = 240
#: JPEG quality of that picture, chosen by eye.
_JPEG_QUALITY = 85

app = typer.Typer(no_args_is_help=True, help="List, install and examine the simulator's games.")


@app.command("list")
def list_games() -> None:
    """List the games with their tasks, and whether they are installed."""
    from simulator.games import GAMES
    from simulator.install import game_status

    show_table(
        "Games",
        [
            {
                "game": game.name,
                "title": game.title,
                "tasks": ", ".join(task.name for task in game.tasks),
                "frame": f"{game.width}x{game.height}",
                "hz": game.control_hz,
                "installed": "yes" if game_status(game).installed else "no",
            }
            for game in GAMES.values()
        ],
    )


@app.command()
def install(
    names: Annotated[list[str] | None, typer.Argument(metavar="[GAME]...", help="Games; all by default.")] = None,
) -> None:
    """Install the Debian packages of games that are missing (needs root)."""
    from simulator import install as installing
    from simulator.games import GAMES, find_game
    from simulator.native.build import NativeError

    try:
        games = [find_game(name) for name in names or GAMES]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    packages = installing.missing_packages(games)
    if not packages:
        say("nothing is missing")
        return
    say(f"installing {', '.join(packages)}")
    try:
        installing.install(packages)
    except NativeError as error:
        raise fail(str(error)) from error


@app.command()
def doctor() -> None:
    """Say what this machine lacks and which games it can hold still; exit code 1 where something is in the way."""
    from simulator.games import GAMES
    from simulator.install import game_status, machine_notes

    machine = machine_notes()
    for part, note in machine.items():
        say(f"{part}: {note or 'ok'}")
    statuses = [game_status(game) for game in GAMES.values()]
    for status in statuses:
        say(f"{status.name}: {status.note or 'installed, time can be locked'}")
    if any(machine.values()) or any(status.lockable is False for status in statuses):
        raise typer.Exit(1)


def replay_check(
    game: Annotated[str, typer.Argument(help="Name of the game.")],
    seconds: Annotated[float, typer.Option(min=0.05, help="Game seconds to compare.")] = 60.0,
    task: Annotated[str, typer.Option(help="Task of the game; its first one by default.")] = "",
    pauses: Annotated[bool, typer.Option(help="Pause the second run at random.")] = True,
    seed: Annotated[int, typer.Option(min=0, help="Seed of game, inputs and pauses.")] = 0,
    mode: Annotated[str, typer.Option(help="Clock: locked, or clamped for real time that is held.")] = "locked",
    out: Annotated[Path, typer.Option(help="Folder for the picture and the report.")] = Path("artifacts/replays"),
) -> None:
    """Play the same inputs twice from the same start, with random pauses; exit code 1 where frames differ."""
    from ops.store.storage import to_json
    from simulator.backends import make_backend
    from simulator.checks.replay import replay_check as check
    from simulator.games import find_game
    from simulator.native.build import NativeError
    from simulator.protocol import Backend, GameEndedError

    try:
        spec = find_game(game)
        chosen = spec.task(task) if task else spec.tasks[0]
        if mode not in ("locked", "clamped") or (mode == "clamped" and spec.backend != "linux"):
            raise ValueError(f"the clock of {spec.name} is locked (or clamped, for Linux games), got {mode!r}")
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error

    def make() -> Backend:
        if spec.backend == "linux":
            from simulator.backends.linux import LinuxBackend

            return LinuxBackend(spec, chosen, spec.width, spec.height, mode=mode)
        return make_backend(spec, chosen, spec.width, spec.height)

    name, num_frames = f"{spec.name}-{chosen.name}-{mode}", max(round(seconds * spec.control_hz), 1)
    try:
        with progress(name) as advance:
            report = check(
                make,
                spec.name,
                chosen.name,
                num_frames,
                seed,
                pauses,
                out / f"{name}.png",
                lambda done, total: advance(done, total, "frames"),
            )
    except (GameEndedError, NativeError) as error:
        raise fail(str(error)) from error
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_bytes(to_json({**report.to_dict(), "mode": mode, "seed": seed}))
    ended = ", the game ended by itself" if report.ended else ""
    say(
        f"{name}: {report.num_identical} of {report.num_frames} frames identical, "
        f"{report.num_distinct} different pictures{ended}; "
        f"{report.steps_per_s:g} frames/s, started in {report.start_s:g} s, {report.stalls} stalls"
    )
    if report.first_divergence >= 0:
        raise fail(f"the runs part at frame {report.first_divergence}: {out / f'{name}.png'}")


@app.command()
def sheet(
    names: Annotated[list[str] | None, typer.Argument(metavar="[GAME]...", help="Games; all by default.")] = None,
    seconds: Annotated[float, typer.Option(min=0, help="Game seconds of random play before the picture.")] = 2.0,
    out: Annotated[Path, typer.Option(help="JPEG file to write.")] = Path("artifacts/games.jpg"),
) -> None:
    """Bring every installed game to play and write one picture of them all."""
    from ops.drawing.pictures import encode, film_strip, fit_width
    from simulator.checks.replay import random_inputs
    from simulator.env import GameEnv
    from simulator.games import GAMES, find_game
    from simulator.install import game_status
    from simulator.native.build import NativeError
    from simulator.protocol import GameEndedError

    try:
        games = [find_game(name) for name in names or GAMES]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    frames, labels = [], []
    for game in games:
        if not (status := game_status(game)).installed:
            say(f"{game.name} is left out: {status.note}")
            continue
        env = GameEnv(game.name)
        try:
            observation, _ = env.reset(seed=0)
            inputs = random_inputs(0)
            for _ in range(round(seconds * game.control_hz)):
                buttons, sticks = next(inputs)
                observation, _, terminated, truncated, _ = env.step({"buttons": buttons, "sticks": sticks})
                if terminated or truncated:
                    break
        except (GameEndedError, NativeError) as error:
            raise fail(str(error)) from error
        finally:
            env.close()
        canvas = fit_width(observation, _WIDTH_PX)[:_HEIGHT_PX]
        frames.append(_padded(canvas, _HEIGHT_PX))
        labels.append(game.title)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(encode(film_strip(frames, labels), quality=_JPEG_QUALITY))
    say(f"{len(frames)} games: {out}")


def _padded(picture: Any, height: int) -> Any:
    import numpy as np

    return np.pad(picture, ((0, height - picture.shape[0]), (0, 0), (0, 0)))
