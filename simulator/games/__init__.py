"""The games that can be played, by name."""

from __future__ import annotations

from simulator.games.chocolate_doom import GAME as CHOCOLATE_DOOM
from simulator.games.chromium_bsu import GAME as CHROMIUM_BSU
from simulator.games.crispy_doom import GAME as CRISPY_DOOM
from simulator.games.doom import GAME as DOOM
from simulator.games.extreme_tux_racer import GAME as EXTREME_TUX_RACER
from simulator.games.gunroar import GAME as GUNROAR
from simulator.games.kobo import GAME as KOBO_DELUXE
from simulator.games.mrboom import GAME as MR_BOOM
from simulator.games.neverball import GAME as NEVERBALL
from simulator.games.openarena import GAME as OPEN_ARENA
from simulator.games.powermanga import GAME as POWERMANGA
from simulator.games.spec import GameSpec, Task
from simulator.games.supertux import GAME as SUPERTUX
from simulator.games.torus_trooper import GAME as TORUS_TROOPER

#: Doom comes with the project's packages; the others are Debian's, 2D ones first.
GAMES: dict[str, GameSpec] = {
    game.name: game
    for game in (
        DOOM,
        SUPERTUX,
        POWERMANGA,
        CHROMIUM_BSU,
        MR_BOOM,
        KOBO_DELUXE,
        GUNROAR,
        NEVERBALL,
        EXTREME_TUX_RACER,
        CHOCOLATE_DOOM,
        CRISPY_DOOM,
        TORUS_TROOPER,
        OPEN_ARENA,
    )
}


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
