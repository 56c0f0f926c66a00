"""The games that can be played, by name."""

from __future__ import annotations

from simulator.games.doom import GAME as DOOM
from simulator.games.spec import GameSpec, Task

GAMES: dict[str, GameSpec] = {game.name: game for game in (DOOM,)}


def find_game(name: str) -> GameSpec:
    """Return a game by name.

    Raises:
        ValueError: there is no such game.
    """
    if name not in GAMES:
        raise ValueError(f"there is no game {name!r}; there are {', '.join(GAMES)}")
    return GAMES[name]


def environment_id(game: GameSpec, task: Task) -> str:
    """Return the id that `gymnasium.make` knows a task by."""
    return f"overplay/{game.name}-{task.name}-v0"
