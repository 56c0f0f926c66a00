"""Scripted players, one module per game: they may read the game's state, and play as a person would."""

from __future__ import annotations

from collections.abc import Callable

from simulator.env import GameEnv
from simulator.play.policies import Policy
from simulator.scripted.doom import DoomGunner
from simulator.scripted.doom_ports import DoomMarine
from simulator.scripted.doom_walk import DoomWalker
from simulator.scripted.kobo import KoboPilot
from simulator.scripted.neverball import BallRoller
from simulator.scripted.powermanga import StarPilot
from simulator.scripted.supertux import TuxRunner
from simulator.scripted.tux_racer import SlopeRacer


def _doom(env: GameEnv) -> Policy:
    return DoomGunner(env) if env.task.kind == "combat" else DoomWalker(env)


#: Game -> the player's class, made from the environment that it will play.
PLAYERS: dict[str, Callable[[GameEnv], Policy]] = {
    "Doom": _doom,
    "ChocolateDoom": DoomMarine,
    "CrispyDoom": DoomMarine,
    "KoboDeluxe": KoboPilot,
    "Powermanga": StarPilot,
    "SuperTux": TuxRunner,
    "Neverball": BallRoller,
    "ExtremeTuxRacer": SlopeRacer,
}


def make_scripted(env: GameEnv) -> Policy:
    """Return the scripted player of an environment's game.

    Raises:
        ValueError: nobody has written one.
    """
    name = env.game_spec.name
    if name not in PLAYERS:
        raise ValueError(f"no scripted player for {name}; there are players for {', '.join(PLAYERS)}")
    return PLAYERS[name](env)
